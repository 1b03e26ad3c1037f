// SPDX-License-Identifier: Apache-2.0
/* A client that takes nothing for a while: it suffers alone, and is told everything or one sync. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { closing, openTab, transports } from '../lib/phoenix.mjs';
import { RawPoll } from '../lib/raw.mjs';

let belfry;
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start({ sessions: 1, env: { BELFRY_SESSION_OUTPUT_BYTES: '20000' } });
});
after(() => belfry?.stop());

const BIG = { text: 'x'.repeat(15000) };

check('R18: a WebSocket that does not read gets a sync when it does; others are not kept waiting', async (t) => {
  const user = 'slow';
  const tabs = await Promise.all([openTab(belfry, user), ...transports.map((transport) => openTab(belfry, user, { transport }))]);
  closing(t, ...tabs);
  const [slow, ...others] = tabs;
  slow.socket.conn._socket.pause();
  const count = 500; // more than the kernel keeps for a socket
  for (let i = 0; i < count; i += 10)
    await Promise.all(Array.from({ length: 10 }, (_, k) => belfry.create(user, `n${i + k}`, { data: BIG })));
  for (const tab of others) {
    await tab.until('all', () => tab.badge === count);
    assert.deepEqual(tab.broken(), []);
  }
  slow.socket.conn._socket.resume();
  await slow.until('all', () => slow.badge === count && slow.inbox.seq === others[0].inbox.seq);
  assert.deepEqual(slow.broken(), []);
  const syncs = slow.events('notifications:sync').length; // one of this size may have to wait itself
  assert.ok(syncs >= 1 && syncs <= 3, `${syncs} syncs`);
  assert.equal(slow.wire.closes.length, 0);
  await belfry.create(user, 'and on it goes');
  await slow.until('one more', () => slow.badge === count + 1);
  assert.deepEqual(slow.broken(), []);
});

check('R18: a long-poll that does not poll: bounded, then one sync', async () => {
  const user = 'absent';
  const topic = `user:${user}:notifications`;
  const poll = new RawPoll(belfry.base, belfry.token(user));
  await poll.start();
  await poll.post([['1', '1', topic, 'phx_join', {}]]);
  await poll.frames((frame) => frame[1] === '1');
  const count = 60;
  let last;
  for (let i = 0; i < count; i++) last = await belfry.create(user, `n${i}`, { data: BIG });
  const frames = await poll.frames((frame) => frame[4].seq === last.seq);
  const events = frames.filter((frame) => frame[3] !== 'phx_reply');
  assert.equal(events.at(-1)[3], 'notifications:sync');
  assert.equal(events.filter((frame) => frame[3] === 'notifications:sync').length, 1);
  assert.equal(events.at(-1)[4].count, count);
  for (let i = 1; i < events.length - 1; i++) assert.equal(events[i][4].prev, events[i - 1][4].seq);
  assert.ok(events.length < 5, `${events.length} frames were kept`);
});

check('R18: a slow client loses what is transient, then toasts, and nothing that is numbered', async (t) => {
  const user = 'shedding';
  const slow = await openTab(belfry, user);
  const witness = await openTab(belfry, user); // in the same process: what it has been shown, slow's turn came, too
  closing(t, slow, witness);
  const send = async (type) => {
    const { status } = await belfry.post('/api/notifications', { to: user, type, title: type, data: { text: 'x'.repeat(2000) } }, belfry.apiKey);
    assert.equal(status, 202);
  };
  const shown = (type, n) => witness.until(`${n} ${type}`, () => witness.events(`notification:${type}`).length === n);
  const shed = async () => {
    const { text } = await belfry.get('/metrics', belfry.apiKey);
    return [...text.matchAll(/^belfry_shed_total\S* (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
  };
  slow.socket.conn._socket.pause();
  let sent = 0;
  for (; (await shed()) === 0 && sent < 5000; sent++) await send('transient'); // the kernel takes megabytes
  await shown('transient', sent);
  const first = await shed();
  assert.ok(first > 0, 'transient frames are shed first');
  await send('toast');
  await shown('toast', 1);
  assert.equal(await shed(), first, 'a toast is still taken');
  let toasts = 1;
  for (; (await shed()) === first && toasts < 100; toasts++) await send('toast');
  assert.ok((await shed()) > first, 'then toasts are shed too');
  await belfry.create(user, 'this one is kept');
  slow.socket.conn._socket.resume();
  await slow.until('it is there', () => slow.badge === 1);
  assert.equal(slow.wire.closes.length, 0);
  assert.deepEqual(slow.broken(), []);
  assert.equal(slow.inbox.list()[0].title, 'this one is kept');
  const got = (event) => slow.events(event).length;
  assert.ok(got('notification:transient') < sent, 'some are lost');
  assert.equal(got('notifications:sync'), 0, 'it never was over its limit');
});
