// SPDX-License-Identifier: Apache-2.0
/* Row 41 of the compatibility checklist: TERM to one session process under a running stream. Its
 * clients are told 1012 one after the other, come back, recover, and stay on their transport. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Belfry, checked } from '../lib/belfry.mjs';
import { both, closing, memory, Tab } from '../lib/phoenix.mjs';
import { classes, Feed, Listener } from '../lib/topics.mjs';
import { until } from '../lib/until.mjs';

const SPREAD_MS = 1500;
const LATE_MS = 500; // a turn of the server, of this process, and what else the machine does
const FALLBACK_MS = 2500; // as a new Phoenix project has it; longer than the spread, as some wait for the new process
const BACK_MS = 4000;

let belfry;
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start({
    conf: classes({ 'channel:{id}': { publish: 'authenticated', history: 10000 }, 'room:{id}': { publish: 'authenticated' } }),
    env: { BELFRY_SESSION_DRAIN_MS: `${SPREAD_MS}` },
  });
});
after(() => belfry?.stop());

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
      const share = Math.ceil(moved.length / 5);
      for (const first of at) {
        const together = at.filter((ms) => ms >= first && ms < first + SPREAD_MS / 5).length;
        assert.ok(together <= 2 * share + 2, `${together} of ${moved.length} within ${SPREAD_MS / 5} ms: ${at}`);
      }
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
