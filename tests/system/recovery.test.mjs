// SPDX-License-Identifier: Apache-2.0
/* 200 clients on both transports and in both versions drop and return at random, while four back ends
 * publish and every process is killed in turn; each client ends with exactly what was published.
 * SEED=n plays a run's choices again; RECOVERY_S=60 makes it longer. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Belfry, checked, topicPath } from '../lib/belfry.mjs';
import { both, cut } from '../lib/phoenix.mjs';
import { classes, Feed } from '../lib/topics.mjs';
import { randomOf, until } from '../lib/until.mjs';

const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
const SECONDS = Number(process.env.RECOVERY_S ?? 15);
const CLIENTS = 200;
const PUBLISHERS = 4;
const TOPICS = Array.from({ length: 4 }, (_, i) => `channel:${i}`);
const ROLES = ['store', 'broker', 'notifier', 'session.0', 'session.1'];
const CONVERGED_MS = 15000;

console.log(`# SEED=${SEED} RECOVERY_S=${SECONDS}`);
const random = randomOf(SEED);
const any = (list) => list[Math.floor(random() * list.length)];
const between = (from, to) => from + random() * (to - from);

let belfry;
const check = checked(() => belfry);
const feeds = [];
const published = new Map(TOPICS.map((topic) => [topic, []])); // {seq, n}, acknowledged
const tally = { drops: 0, away: 0, kills: 0, repeats: 0 };

before(async () => {
  belfry = await Belfry.start({ conf: classes({ 'channel:{id}': { history: 100000 } }) });
  for (let i = 0; i < CLIENTS; i++) {
    const feed = new Feed(belfry.base, TOPICS[i % TOPICS.length], {
      version: both[(i >> 2) % 2],
      transport: (i >> 3) % 2 ? 'longpoll' : 'websocket',
      token: () => belfry.token(`u${i}`),
      rejoinAfterMs: () => 200,
    });
    feeds.push(feed);
  }
  const answers = await Promise.all(feeds.map((feed) => feed.join()));
  assert.ok(answers.every((one) => one.status === 'ok'));
});
after(async () => {
  await Promise.all(feeds.map((feed) => feed.close()));
  await belfry?.stop();
});

/** The connection dies under the client, which comes back by itself; or its page goes for a while. */
async function drop(feed) {
  const { socket } = feed;
  if (random() < 0.3) {
    tally.away++;
    await feed.close();
    await pause(between(0, 1500));
    socket.connect();
    return;
  }
  if (!socket.isConnected()) return;
  tally.drops++;
  cut(feed);
}

async function restless(feed, running) {
  await pause(between(0, 4000));
  while (running()) {
    await drop(feed);
    await pause(between(500, 6000));
  }
}

/** Again until it is acknowledged: the key makes that safe. */
async function publisher(name, running) {
  for (let n = 0; running(); n++) {
    const topic = any(TOPICS);
    const body = { event: 'said', payload: { from_publisher: name, n, text: 'x'.repeat(Math.floor(between(0, 300))) } };
    const headers = { 'idempotency-key': `${SEED}-${name}-${n}` };
    for (;;) {
      const answer = await belfry.post(topicPath(topic, 'publish'), body, belfry.apiKey, { headers, ms: 3000 }).catch(() => null);
      if (answer?.status === 201) {
        published.get(topic).push({ seq: answer.json.seq, who: name, n });
        break;
      }
      assert.ok(!answer || answer.status === 503, `${answer?.status} ${answer?.text}`);
      tally.repeats++;
      await pause(20);
    }
    await pause(between(0, 40));
  }
}

async function killer(running) {
  for (let i = 0; running(); i++) {
    const role = ROLES[i % ROLES.length];
    const pid = await belfry.pid(role);
    await pause(between(300, 1500));
    if (pid) process.kill(pid, 'SIGKILL');
    tally.kills++;
    await until(`another ${role}`, async () => {
      const now = await belfry.pid(role);
      return now && now !== pid;
    });
  }
}

async function wholeHistory(topic) {
  const all = [];
  let page = await belfry.history(topic, '?limit=100');
  for (;;) {
    all.push(...page.messages);
    if (page.next === null) return all.reverse();
    page = await belfry.history(topic, `?limit=100&before=${page.next}`);
  }
}

check(`${CLIENTS} clients drop and return for ${SECONDS} s, and have each message once, in order`, async (t) => {
  const end = Date.now() + SECONDS * 1000;
  const running = () => Date.now() < end;
  await Promise.all([
    ...feeds.map((feed) => restless(feed, running)),
    ...Array.from({ length: PUBLISHERS }, (_, i) => publisher(`p${i}`, running)),
    killer(running),
  ]);
  await belfry.ready();
  const from = Date.now();
  const expected = new Map();
  for (const [topic, all] of published) {
    all.sort((a, b) => a.seq - b.seq);
    expected.set(topic, all.map((one) => one.seq));
    assert.deepEqual((await wholeHistory(topic)).map(({ payload }) => ({ seq: payload.seq, who: payload.from_publisher, n: payload.n })), all,
      `${topic}: what was acknowledged is what is kept`);
  }
  for (const feed of feeds) await feed.reached(expected.get(feed.topic).at(-1), Math.max(1, CONVERGED_MS - (Date.now() - from)));
  t.diagnostic(`converged in ${Date.now() - from} ms; ${JSON.stringify(tally)}, ${[...published.values()].map((all) => all.length)} messages`);
  for (const [i, feed] of feeds.entries()) {
    assert.deepEqual(feed.broken.slice(0, 3), [], `client ${i}, ${feed.topic}`);
    assert.deepEqual(feed.seqs, expected.get(feed.topic), `client ${i}, ${feed.topic}`);
    assert.equal(feed.closed, 0);
  }
  await belfry.check();

  // It was a storm, and it was weathered by recovery.
  const rejoins = feeds.flatMap((feed) => feed.joins.slice(1));
  t.diagnostic(`${rejoins.length} rejoins, ${rejoins.filter((one) => !one.recovered).length} of them with a page, ${feeds.reduce((sum, feed) => sum + feed.syncs, 0)} syncs`);
  assert.ok(feeds.every((feed) => feed.joins.length >= 2), 'each client came back');
  assert.ok(tally.kills >= ROLES.length && tally.drops > CLIENTS / 2 && tally.away > 10);
  assert.deepEqual(rejoins.filter((one) => !one.recovered), [], 'each rejoin recovered');
});
