// SPDX-License-Identifier: Apache-2.0
/* Topics when parts do not hear each other: users are taken off while the broker is away, an answer is
 * overtaken by what came after it, and hours pass over a history. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { bin, checkedAlone, topicPath } from '../lib/belfry.mjs';
import { both, closing, transports } from '../lib/phoenix.mjs';
import { RawSocket } from '../lib/raw.mjs';
import { classes, Feed, Listener } from '../lib/topics.mjs';
import { until } from '../lib/until.mjs';

const CONF = classes({
  'club:{id}': { join: 'member', publish: 'member' },
  'member:{id}': { join: 'member', publish: 'member', history: 100 },
  'channel:{id}': { publish: 'authenticated', history: 100 },
  'hour:{id}': { publish: 'authenticated', history: 100, history_h: 1 },
});

const check = (name, body, env = {}) => checkedAlone(name, { conf: CONF, env }, body);

/** Joined clients of both versions and transports, some in each process. */
async function everywhere(t, at, topic, user) {
  const all = [];
  const from = await Promise.all(['session.0', 'session.1'].map((role) => at.counter('connections', role)));
  await until('some in both processes', async () => {
    for (let i = 0; i < 4; i++) {
      const one = new Listener(at.base, topic, { version: both[i % 2], transport: transports[i >> 1], token: () => at.token(user), rejoinAfterMs: () => 50 });
      closing(t, one);
      assert.equal((await one.join()).status, 'ok');
      all.push(one);
    }
    const now = await Promise.all(['session.0', 'session.1'].map((role) => at.counter('connections', role)));
    return now.every((n, i) => n > from[i]);
  });
  return all;
}

const bulk = (at, topic, lines) => at.post(topicPath(topic, 'members'), lines.map((line) => JSON.stringify(line)).join('\n'), at.apiKey,
  { headers: { 'content-type': 'application/x-ndjson' } });

for (const kind of ['club', 'member'])
  check(`whoever is taken off while the broker is away is off at once, in every process, ${kind}`, async (t, own) => {
    const topic = `${kind}:a`;
    for (const user of ['ann', 'bob', 'eve']) await own.member('PUT', topic, user);
    const [anns, bobs] = [await everywhere(t, own, topic, 'ann'), await everywhere(t, own, topic, 'bob')];
    const [eve] = await everywhere(t, own, topic, 'eve');
    await own.signal('broker', 'SIGSTOP');
    await own.member('DELETE', topic, 'ann');
    for (const one of anns) await one.until('closed', () => one.closed === 1);
    const answer = await bulk(own, topic, [{ user: 'bob', remove: true }, { user: 'new' }]);
    assert.equal(answer.status, 200, answer.text);
    for (const one of bobs) await one.until('closed', () => one.closed === 1);
    await own.signal('broker', 'SIGCONT');
    await own.publish(topic, 'said', { n: 1 });
    await eve.told(1);
    assert.equal(eve.closed, 0);
    for (const one of [...anns, ...bobs]) assert.deepEqual([one.wire.closes, one.seen], [[], []], 'its connection stays, and it hears nothing');
  });

check('a user is disconnected everywhere while the broker is away', async (t, own) => {
  await own.member('PUT', 'club:a', 'ann');
  const all = await everywhere(t, own, 'club:a', 'ann');
  await own.signal('broker', 'SIGSTOP');
  assert.equal((await own.post('/api/users/ann/disconnect', '', own.apiKey)).status, 202);
  for (const one of all) await one.until('closed', () => one.wire.closes.length > 0);
  await own.signal('broker', 'SIGCONT');
  for (const one of all) await one.until('back', () => one.channel.state === 'joined', 8000);
});

check('nobody is taken off before it is committed', async (t, own) => {
  const topic = 'club:a';
  await own.member('PUT', topic, 'ann');
  const all = await everywhere(t, own, topic, 'ann');
  const asked = () => own.counter('asks');
  await own.signal('store', 'SIGSTOP');
  const from = await asked();
  const answer = bulk(own, topic, [{ user: 'ann', remove: true }]);
  await until('asked', async () => (await asked()) > from);
  await own.publish(topic, 'said', { n: 1 });
  for (const one of all) await one.told(1);
  for (const one of all) assert.equal(one.closed, 0);
  await own.signal('store', 'SIGCONT');
  assert.equal((await answer).status, 200);
  for (const one of all) await one.until('closed', () => one.closed === 1);
});

/** A socket in that process. */
async function socketIn(t, at, role) {
  for (;;) {
    const from = await at.counter('connections', role);
    const raw = await RawSocket.open(at.base, at.token('ann'));
    t.after(() => raw.ws.terminate());
    if ((await at.counter('connections', role)) > from) return raw;
  }
}

check('a message that overtakes the answer of a join follows it at once', async (t, own) => {
  const topic = 'channel:a';
  const HEADS_MS = 700; // the heads that tell of it have gone by, too: nothing will tell of it again
  const [one, stays] = [await socketIn(t, own, 'session.0'), await socketIn(t, own, 'session.0')];
  const publisher = await socketIn(t, own, 'session.1');
  await stays.join(topic); // so that the process stays on the topic
  const { epoch, seq } = await publisher.join(topic);
  const { seq: known } = await own.publish(topic, 'said', { n: 1 });
  const { seq: missed } = await own.publish(topic, 'said', { n: 2 });
  assert.equal(seq, 0);
  await own.signal('store', 'SIGSTOP');
  one.send(['1', '1', topic, 'phx_join', { since: known, epoch }]);
  for (const ref of ['h1', 'h2']) { // a turn, and another: the store has been asked
    one.send([null, ref, 'phoenix', 'heartbeat', {}]);
    await one.reply(ref);
  }
  await own.signal('session.0', 'SIGSTOP');
  await own.signal('store', 'SIGCONT');
  publisher.send(['1', 'p', topic, 'said', { n: 3 }]);
  const { seq: last } = (await publisher.reply('p'))[4].response;
  await publisher.frame('its own', (frame) => frame[4].seq === last);
  await pause(HEADS_MS);
  await own.signal('session.0', 'SIGCONT');
  const answer = await one.reply('1');
  assert.deepEqual([answer[4].response.recovered, answer[4].response.seq], [true, known]);
  for (const [n, want] of [[2, missed], [3, last]]) {
    const frame = await one.next(1000);
    assert.deepEqual([frame[3], frame[4].n, frame[4].seq], ['said', n, want]);
  }
  assert.deepEqual(await one.rest(), []);
});

const dir = fs.mkdtempSync('/tmp/b-clock-');
const clock = path.join(dir, 'off');
fs.writeFileSync(clock, Buffer.alloc(8));
const later = (ms) => { // in place: the processes have it mapped
  const number = Buffer.alloc(8);
  number.writeBigInt64LE(BigInt(ms));
  const fd = fs.openSync(clock, 'r+');
  fs.writeSync(fd, number, 0, 8, 0);
  fs.closeSync(fd);
};
process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
later(0);

check('history_h: what is older is in no page and in no recovery, whether or not anything was published since', async (t, own) => {
  const topic = 'hour:a';
  const HOUR_MS = 3600 * 1000;
  const token = () => own.token('ann', { ttl: 100000 });
  const feed = new Feed(own.base, topic, { token });
  closing(t, feed);
  await feed.join();
  const kept = async () => (await own.history(topic)).messages.map((one) => one.payload.n).reverse();
  for (const n of [1, 2]) await own.publish(topic, 'said', { n });
  await feed.told(2);
  later(HOUR_MS / 2);
  const half = await own.publish(topic, 'said', { n: 3 });
  assert.deepEqual(await kept(), [1, 2, 3]);
  later(HOUR_MS - 60000);
  assert.deepEqual(await kept(), [1, 2, 3]);
  later(HOUR_MS + 60000);
  assert.deepEqual(await kept(), [3], 'nothing was published, and an hour is over');
  const joinedSince = async (since) => {
    const raw = await RawSocket.open(own.base, token());
    const { recovered } = await raw.join(topic, '1', { since, epoch: feed.epoch });
    await raw.close();
    return recovered;
  };
  assert.equal(await joinedSince(feed.messages[0].payload.seq), false, 'message 2 is over');
  assert.equal(await joinedSince(feed.messages[1].payload.seq), true);
  assert.equal(await joinedSince(half.seq), true);
  await own.publish(topic, 'said', { n: 4 });
  assert.deepEqual(await kept(), [3, 4]);
  later(2 * HOUR_MS);
  assert.deepEqual(await kept(), [4]);
  later(3 * HOUR_MS);
  assert.deepEqual(await kept(), []);
  const { seq } = await own.publish(topic, 'said', { n: 5 });
  await feed.reached(seq);
  assert.deepEqual([feed.broken, feed.messages.map((one) => one.payload.n)], [[], [1, 2, 3, 4, 5]], 'who is there is told of all');
  await own.check();
}, {
  CLOCK_OFFSET: clock,
  BELFRY_SANDBOX: '0',
  LD_PRELOAD: path.join(bin, '../tests/preload/clock.so'),
  ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0`, // the sanitizers want to be the first
});
