// SPDX-License-Identifier: Apache-2.0
/* Every process killed in turn, at random moments, under a stream of creates and reads, with 50
 * connected clients. SEED=n plays a run again; ROUNDS=n makes it shorter or longer. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Belfry, checked } from '../lib/belfry.mjs';
import { seedOf, Stream } from '../lib/stream.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 20);
const ROLES = ['broker', 'store', 'notifier', 'session.0', 'session.1'];
const SEVERAL = 4; // rounds behind those, which kill about half of them at once

let belfry, stream;
const check = checked(() => belfry);

before(async () => {
  belfry = await Belfry.start();
  stream = new Stream(belfry, { seed: seedOf() });
  await stream.open();
});

after(async () => {
  await stream?.close();
  await belfry?.stop();
});

for (let round = 1; round <= ROUNDS + SEVERAL; round++) {
  const first = ROLES[(round - 1) % ROLES.length];
  check(`round ${round}: ${first}${round > ROUNDS ? ' and others' : ''} killed`, async (t) => {
    const roles = ROLES.filter((role) => role === first || (round > ROUNDS && stream.random() < 0.5));
    stream.go();
    const pids = await Promise.all(roles.map((role) => belfry.pid(role)));
    await pause(100 + stream.random() * 500);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await pause(stream.random() * 300);
    await stream.settle();
    await stream.converged(t);
    for (const [i, tab] of stream.tabs.entries())
      if (i % 2 === 0) assert.equal(tab.onLongPoll, false, `tab ${i} is still on WebSocket`);
  });
}

check('rejoins were resumed, not answered with the whole inbox', () => {
  assert.ok(stream.tabs.every((tab) => tab.joins >= 2), 'each client lost its connection');
  assert.equal(stream.tabs.reduce((sum, tab) => sum + tab.whole - 1, 0), 0);
});
