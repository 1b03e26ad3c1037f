// SPDX-License-Identifier: Apache-2.0
/* The wall clock steps by an hour, ahead and back, while notifications expire and are delivered later,
 * under a stream with 50 connected clients: what is due happens once, within a second of being due by
 * the clock as it is; what has happened stays; the badges are exact. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Belfry, checked } from '../lib/belfry.mjs';
import { Clock } from '../lib/clock.mjs';
import { closing, Tab } from '../lib/phoenix.mjs';
import { seedOf, Stream } from '../lib/stream.mjs';

const HOUR = 3600000;
const DUE_MS = 1500; // a second, and what the machine takes

let dir, clock, belfry, stream;
const check = checked(() => belfry);

before(async () => {
  dir = fs.mkdtempSync('/tmp/b-');
  clock = new Clock(path.join(dir, 'offset'));
  belfry = await Belfry.start({ env: clock.env });
  stream = new Stream(belfry, { seed: seedOf(), clock });
  await stream.open();
});

after(async () => {
  await stream?.close();
  await belfry?.stop();
  fs.rmSync(dir, { recursive: true, force: true });
});

async function opened(t, user) {
  const tab = new Tab(belfry.base, user, { token: () => stream.token(user) });
  closing(t, tab);
  await tab.joined();
  return tab;
}

const at = (ms) => new Date(clock.now + ms).toISOString();
const counted = (tab, n) => tab.until(`a badge of ${n}`, () => tab.badge === n, DUE_MS);

check('R13: an hour ahead: what ends within it has ended, once; an hour back: nothing comes back', async (t) => {
  const tab = await opened(t, 'ann');
  await belfry.create('ann', 'stays');
  await belfry.create('ann', 'half an hour', { expires_at: at(HOUR / 2) });
  await belfry.create('ann', 'two hours', { expires_at: at(2 * HOUR) });
  await counted(tab, 3);
  clock.step(HOUR);
  await counted(tab, 2);
  await belfry.create('ann', 'ahead');
  clock.step(-HOUR);
  await belfry.create('ann', 'behind the step');
  await counted(tab, 4);
  const [newest] = tab.inbox.list();
  assert.equal(newest.title, 'behind the step', 'the order is the log\'s, not the clock\'s');
  const { notifications } = (await belfry.get('/api/notifications?limit=10', stream.token('ann'))).json;
  const times = notifications.map((one) => Date.parse(one.inserted_at));
  assert.deepEqual(times, [...times].sort((a, b) => b - a), 'no later one says an earlier time');
  assert.equal(tab.events('notification:expired').length, 1);
  assert.deepEqual(tab.broken(), []);
});

check('R13: an hour back: what was to end in a second ends an hour and a second later, once', async (t) => {
  const tab = await opened(t, 'bob');
  await belfry.create('bob', 'short', { expires_at: at(1000) });
  await counted(tab, 1);
  clock.step(-HOUR);
  await pause(DUE_MS); // nothing may happen
  assert.equal(tab.badge, 1);
  clock.step(HOUR);
  await counted(tab, 0);
  assert.equal(tab.events('notification:expired').length, 1);
  clock.step(HOUR);
  clock.step(-HOUR);
  await pause(DUE_MS);
  assert.equal(tab.events('notification:expired').length, 1, 'and never again');
});

check('R13: deliver_at: an hour ahead delivers it, once, and an hour back takes nothing away', async (t) => {
  const tab = await opened(t, 'eve');
  const made = await belfry.post('/api/notifications', { to: 'eve', title: 'later', deliver_at: at(HOUR / 2) }, belfry.apiKey);
  assert.ok(made.status < 300, made.text);
  await pause(300);
  assert.equal(tab.badge, 0);
  clock.step(HOUR);
  await counted(tab, 1);
  clock.step(-HOUR);
  await pause(DUE_MS);
  clock.step(HOUR);
  await pause(DUE_MS);
  clock.step(-HOUR);
  assert.equal(tab.badge, 1);
  assert.equal(tab.events('notification:new').length, 1);
  assert.deepEqual(tab.broken(), []);
});

check('R13: a client stays connected through the steps, by WebSocket and by long-poll', () => {
  assert.ok(stream.tabs.every((tab) => tab.joins === 1), `${stream.tabs.map((tab) => tab.joins)}`);
});

for (const [i, hours] of [1, -1, -1, 1, 0.5, -0.5].entries())
  check(`R13: step ${i + 1}, under the stream: ${hours} h`, async (t) => {
    stream.go();
    await pause(500 + stream.random() * 1000);
    clock.step(hours * HOUR);
    await pause(500 + stream.random() * 1000);
    if (i >= 3) await belfry.kill(stream.any(['store', 'notifier']));
    await stream.settle();
    await stream.converged(t);
  });

check('R13: things ended, and each was told once', (t) => {
  const ended = stream.tabs.reduce((sum, tab) => sum + tab.expired.size, 0);
  t.diagnostic(`${ended} ends told`);
  assert.ok(ended > 100);
  assert.equal(stream.tabs.reduce((sum, tab) => sum + tab.whole - 1, 0), 0);
});
