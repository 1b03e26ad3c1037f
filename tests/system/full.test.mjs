// SPDX-License-Identifier: Apache-2.0
/* The disk is full, or fails, under a stream of creates and reads with 50 connected clients: writes are
 * refused and say why, reads go on, whoever is killed comes back, and with room again all goes on. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Belfry, checked, preloaded } from '../lib/belfry.mjs';
import { smallDisk } from '../lib/disk.mjs';
import { seedOf, Stream } from '../lib/stream.mjs';
import { until } from '../lib/until.mjs';

const MB = 1 << 20;
const DISK_MB = 64, RESERVE_MB = 8;

let disk, belfry, stream, fault;
const check = checked(() => belfry);

before(async () => {
  disk = await smallDisk(DISK_MB);
  fault = path.join(disk.root, 'fault');
  const env = preloaded(['disk.so'], { DISK_TRACE: '/dev/null', DISK_FAULT: fault, BELFRY_STORE_RESERVE_MB: `${RESERVE_MB}` });
  belfry = await Belfry.start({ data: disk.data, env });
  stream = new Stream(belfry, { seed: seedOf() });
  await stream.open();
});

after(async () => {
  await stream?.close();
  await belfry?.stop();
  await disk?.gone();
});

const create = (user) => belfry.post('/api/notifications', { to: user, title: 'now' }, belfry.apiKey);

async function refused() {
  const answer = await until('a create is refused', async () => {
    const one = await create('other');
    return one.status !== 201 && one;
  });
  assert.equal(answer.status, 507, answer.text);
  assert.match(answer.text, /disk is full/);
}

/** Everything is as it was, and can be read. */
async function readable() {
  for (const user of stream.users) {
    const { unread_count } = await belfry.inbox(user, '?limit=1');
    assert.equal(typeof unread_count, 'number');
    for (const tab of stream.tabs.filter((one) => one.user === user)) await tab.until('as the store', () => tab.badge === unread_count, 2000);
  }
}

async function roomAgain(t) {
  disk.room();
  await until('readyz says that it can be written', async () => (await belfry.get('/readyz')).status === 200);
  await stream.settle();
  await stream.converged(t);
}

check('below the reserve: writes are refused, reads go on, then all goes on', async (t) => {
  stream.go();
  await pause(300);
  disk.fill((RESERVE_MB - 2) * MB);
  await refused();
  await readable();
  const ready = await until('readyz says so', async () => {
    const one = await belfry.get('/readyz');
    return one.status === 503 && one;
  });
  assert.match(ready.text, /writable/);
  await roomAgain(t);
});

for (const role of ['store', 'notifier', 'broker', 'session.0', 'session.1'])
  check(`full to the last byte: ${role} killed there comes back, and reads go on`, async (t) => {
    stream.go();
    await pause(100);
    disk.fill(0);
    assert.ok(disk.free() < 4096, `${disk.free()} bytes are free`);
    await refused();
    const pid = await belfry.kill(role);
    await until(`${role} is another one`, async () => {
      const now = await belfry.pid(role);
      return now && now !== pid;
    });
    await until('reads are answered', async () => (await belfry.get('/api/notifications/count', stream.token('k0')).catch(() => ({}))).status === 200);
    await readable();
    await refused();
    await roomAgain(t);
  });

/** The disk fails at the next commit; until another store is there. */
async function failing(word) {
  const pid = await belfry.pid('store');
  fs.writeFileSync(fault, word);
  const left = () => belfry.log.find((line) => line.includes(`serve.exited role=store pid=${pid}`));
  const line = await until('the store has left', left);
  assert.match(line, word === 'meta_die' ? /signal=9/ : /code=111/);
  await belfry.back('store', pid);
}

for (const word of ['sync_eio', 'meta_eio', 'meta_die'])
  check(`a disk that fails (${word}) ends the store, and what was acknowledged is there`, async (t) => {
    stream.go();
    for (let times = 0; times < 5; times++) {
      await pause(200);
      await failing(word);
    }
    await pause(200);
    await stream.settle();
    await stream.converged(t);
  });

check('nobody was answered with the whole inbox', () => {
  assert.equal(stream.tabs.reduce((sum, tab) => sum + tab.whole - 1, 0), 0);
});
