// SPDX-License-Identifier: Apache-2.0
/* Row 41 of the compatibility checklist: TERM to a session process under a running stream. Its clients
 * are told 1012 one after the other, come back, recover, and stay on their transport, although their
 * patience with a WebSocket is shorter than the drain is long. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Belfry, checked, checkedAlone } from '../lib/belfry.mjs';
import { both, closing, memory, Tab } from '../lib/phoenix.mjs';
import { RawSocket } from '../lib/raw.mjs';
import { classes, Feed, Listener } from '../lib/topics.mjs';
import { until, within } from '../lib/until.mjs';

const SPREAD_MS = 1500;
const LATE_MS = 500; // a turn of the server, of this process, and what else the machine does
const FALLBACK_MS = 1000; // shorter than the spread: nobody may be left waiting for its end
const BACK_MS = 4000;

const START = {
  conf: classes({ 'channel:{id}': { publish: 'authenticated', history: 10000 }, 'room:{id}': { publish: 'authenticated' } }),
  env: { BELFRY_SESSION_DRAIN_MS: `${SPREAD_MS}` },
};

let belfry;
const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start(START)));
after(() => belfry?.stop());

const checkAlone = (name, start, body) => checkedAlone(name, { ...START, ...start }, body);

/** So many pages that would fall back to long-poll, joined. */
async function pages(t, at, topic, n, version) {
  const all = [];
  for (let i = 0; i < n; i++)
    all.push(watch(new Feed(at.base, topic, { version, token: () => at.token('ann'), longPollFallbackMs: FALLBACK_MS, rejoinAfterMs: () => 100 })));
  closing(t, ...all);
  await Promise.all(all.map((one) => one.join()));
  return all;
}

/** Everyone is joined again, recovered, told of what is published now, and was only ever told 1012. */
async function unharmed(all, at, topic) {
  const { seq } = await at.publish(topic, 'said', { n: 'last' });
  for (const one of all) {
    await one.reached(seq, BACK_MS);
    assert.deepEqual(one.broken, []);
    assert.ok(one.joins.slice(1).every((join) => join.recovered));
    assert.ok(one.wire.closes.every((code) => code === 1012), one.wire.closes.join());
    assert.notEqual(one.socket.transport, one.LongPoll, 'still on WebSocket');
  }
}

const drains = (at, n) => until(`${n} drain`, () => at.log.filter((line) => /session\.drain/.test(line)).length >= n);

/** When its connection was closed. */
function watch(feed) {
  feed.closedAt = [];
  feed.socket.onClose(() => feed.closedAt.push(Date.now()));
  return feed;
}

for (const version of both)
  for (const role of ['session.0', 'session.1'])
    check(`row 41: ${role} drains: 1012, spread, all joined again with recovery, ${version}`, async (t) => {
      const topic = `channel:${version}-${role}`;
      const sessionStorage = memory();
      const options = { version, token: () => belfry.token('ann'), rejoinAfterMs: () => 100 };
      const sockets = [];
      const pollers = [];
      for (let i = 0; i < 60; i++) sockets.push(watch(new Feed(belfry.base, topic, { ...options, longPollFallbackMs: FALLBACK_MS, sessionStorage })));
      for (let i = 0; i < 10; i++) pollers.push(watch(new Feed(belfry.base, topic, { ...options, transport: 'longpoll' })));
      const all = [...sockets, ...pollers];
      closing(t, ...all);
      await Promise.all(all.map((feed) => feed.join()));

      let more = true;
      const made = [];
      const stream = (async () => {
        for (let n = 0; more; n++) {
          const answer = await belfry.post(`/api/topics/${encodeURIComponent(topic)}/publish`, { event: 'said', payload: { n } }, belfry.apiKey,
            { headers: { 'idempotency-key': `${topic}-${n}` } }).catch(() => null);
          if (answer?.status === 201) made.push(answer.json.seq);
          else n--;
          await pause(5);
        }
      })();
      await until('the stream runs', () => made.length > 20);
      const pid = await belfry.pid(role);
      const from = Date.now();
      process.kill(pid, 'SIGTERM');
      await belfry.back(role, pid, SPREAD_MS + BACK_MS);
      const moved = all.filter((feed) => feed.closedAt.length > 0);
      for (const feed of moved) await feed.until('joined again', () => feed.joins.length >= 2 && feed.channel.state === 'joined', BACK_MS);
      t.diagnostic(`${moved.length} of ${all.length} moved, the process was back in ${Date.now() - from} ms`);
      more = false;
      await stream;

      for (const feed of all) {
        await feed.reached(made.at(-1));
        assert.deepEqual(feed.seqs, made);
        assert.deepEqual(feed.broken, []);
        assert.equal(feed.syncs, 0);
        assert.ok(feed.joins.slice(1).every((join) => join.recovered));
      }
      const drained = moved.filter((feed) => sockets.includes(feed));
      assert.ok(drained.length >= 10 && moved.length < all.length, 'some were on it, some were not');
      for (const feed of drained) {
        assert.deepEqual(feed.wire.closes, [1012], 'closed once, and never again');
        assert.equal(feed.joins.length, 2);
      }
      for (const feed of sockets) assert.notEqual(feed.socket.transport, feed.LongPoll, 'still on WebSocket');
      assert.equal(sessionStorage.kept.size, 0);

      // The goodbyes are spread: nobody late, and never much more at a time than an even share.
      const at = drained.map((feed) => feed.closedAt[0] - from).sort((a, b) => a - b);
      assert.ok(at.at(-1) <= SPREAD_MS + LATE_MS, `the last after ${at.at(-1)} ms`);
      assert.ok(at.at(-1) - at[0] >= SPREAD_MS / 3, `from ${at[0]} to ${at.at(-1)} ms`);
      at.forEach((first) => { // who had no turn for a while catches up, with several at one moment
        const window = SPREAD_MS / 5 + first - (at.findLast((ms) => ms < first) ?? 0);
        const share = Math.ceil((moved.length * window) / SPREAD_MS);
        const together = at.filter((ms) => ms >= first && ms < first + SPREAD_MS / 5).length;
        assert.ok(together <= 2 * share + 2, `${together} of ${moved.length} within ${SPREAD_MS / 5} ms: ${at}`);
      });
    });

check('what is asked of a process while it drains is answered, by it or by the others', async (t) => {
  const one = new Listener(belfry.base, 'room:a', { token: belfry.token('ann'), rejoinAfterMs: () => 50 });
  closing(t, one);
  await one.join();
  const pid = await belfry.pid('session.0');
  process.kill(pid, 'SIGTERM');
  const end = Date.now() + SPREAD_MS;
  let asked = 0;
  while (Date.now() < end) {
    const answers = await Promise.all([belfry.create('ann', 'still'), belfry.publish('room:a', 'said', { n: asked }), belfry.history('channel:x')]);
    assert.equal(answers.length, 3);
    asked++;
  }
  assert.ok(asked > 10, String(asked));
  await belfry.back('session.0', pid);
});

check('every process drains in turn, under an inbox: told of all, once', async (t) => {
  const user = 'inbox';
  const tabs = [];
  for (let i = 0; i < 12; i++) {
    const tab = new Tab(belfry.base, user, { version: both[i % 2], transport: i % 3 ? 'websocket' : 'longpoll', token: () => belfry.token(user), rejoinAfterMs: () => 100 });
    tabs.push(tab);
  }
  closing(t, ...tabs);
  await Promise.all(tabs.map((tab) => tab.joined()));
  let count = 0;
  for (const role of ['session.0', 'session.1']) {
    const pid = await belfry.signal(role, 'SIGTERM');
    for (let i = 0; i < 20; i++) {
      await belfry.create(user, `n${count++}`);
      await pause(SPREAD_MS / 20);
    }
    await belfry.back(role, pid, SPREAD_MS + BACK_MS);
  }
  for (const tab of tabs) {
    await tab.until('all', () => tab.badge === count);
    assert.deepEqual(tab.broken(), []);
    assert.equal(tab.inbox.list().length, count);
  }
});

check('after a drain the process has its share of new connections again', async (t) => {
  const pid = await belfry.signal('session.1', 'SIGTERM');
  await belfry.back('session.1', pid, SPREAD_MS + BACK_MS);
  const raws = await Promise.all(Array.from({ length: 40 }, () => RawSocket.open(belfry.base, belfry.token('ann'))));
  t.after(() => raws.forEach((raw) => raw.ws.terminate()));
  for (const role of ['session.0', 'session.1'])
    await until(`${role} has some`, async () => (await belfry.counter('connections', role)) >= 5);
});

for (const version of both) {
  checkAlone(`row 41: a process that is alone drains: each is closed once, and back, ${version}`, { sessions: 1 }, async (t, own) => {
    const all = await pages(t, own, 'channel:one', 40, version);
    const pid = await own.signal('session.0', 'SIGTERM');
    const from = Date.now();
    await own.back('session.0', pid, SPREAD_MS + BACK_MS);
    const took = Date.now() - from;
    assert.ok(took < SPREAD_MS, `nobody to go to, so there is no spread: ${took} ms`);
    await unharmed(all, own, 'channel:one');
    for (const one of all) assert.equal(one.wire.closes.length, 1);
  });

  checkAlone(`row 41: both processes drain at once, so that there is nobody to steer to, ${version}`, {}, async (t, own) => {
    const all = await pages(t, own, 'channel:two', 40, version);
    const pids = [await own.signal('session.0', 'SIGTERM'), await own.signal('session.1', 'SIGTERM')];
    for (const i of [0, 1]) await own.back(`session.${i}`, pids[i], SPREAD_MS + BACK_MS);
    await unharmed(all, own, 'channel:two');
  });
}

checkAlone('the whole installation drains: a newcomer is served, and told like the others', {}, async (t, own) => {
  const open = () => RawSocket.open(own.base, own.token('ann'));
  const all = await Promise.all(Array.from({ length: 20 }, open)); // in both processes
  const left = own.stop(); // asserts exit code 0
  await drains(own, 2);
  all.push(await open());
  all.at(-1).send([null, '1', 'phoenix', 'heartbeat', {}]);
  assert.equal((await all.at(-1).reply('1'))[4].status, 'ok');
  for (const raw of all) assert.equal((await raw.closed).code, 1012);
  await left;
});

checkAlone('who was accepted before the drain, and upgrades only then, is not refused', { sessions: 1 }, async (t, own) => {
  const { hostname, port } = new URL(own.base);
  const silent = net.connect(Number(port), hostname);
  t.after(() => silent.destroy());
  await until('accepted', async () => (await own.counter('http_open', 'session.0')) === 2); // it, and who asks
  await own.signal('session.0', 'SIGTERM');
  await drains(own, 1);
  let text = '';
  const ended = new Promise((resolve) => silent.on('close', resolve));
  silent.on('data', (part) => (text += part.toString('latin1')));
  silent.write(`GET /socket/websocket?token=${own.token('ann')}&vsn=2.0.0 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n` +
    'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n');
  await within('closed', ended);
  assert.match(text, /^HTTP\/1\.1 101 /);
  assert.ok(text.endsWith('\x88\x07\x03\xf4drain'), 'and then 1012');
});
