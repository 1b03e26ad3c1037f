// SPDX-License-Identifier: Apache-2.0
/* Everything at once, by the dice: processes are killed and stand still, the clock steps, the disk is
 * full and fails, under a stream with 50 connected clients. Every few seconds the faults end, and two
 * seconds later all must be exact. SECONDS=n is how long, SEED=n plays the same faults again. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Belfry, checked, preloaded } from '../lib/belfry.mjs';
import { Clock } from '../lib/clock.mjs';
import { smallDisk } from '../lib/disk.mjs';
import { seedOf, Stream } from '../lib/stream.mjs';
import { randomOf, until } from '../lib/until.mjs';

const SECONDS = Number(process.env.SECONDS ?? 15);
const ROUND_S = 5;
const ROLES = ['broker', 'store', 'notifier', 'session.0', 'session.1'];
const MB = 1 << 20;
const HOUR = 3600000;
const RESERVE_MB = 8;
const STEADY_MS = 1500; // who dies sooner again is kept waiting by the supervisor

let disk, clock, belfry, stream, random, fault;
const done = {};
const died = new Map(); // role -> when
const check = checked(() => belfry);

before(async () => {
  const seed = seedOf();
  random = randomOf(seed + 1); // its own: the faults are the same, whatever the stream asks
  disk = await smallDisk(96);
  clock = new Clock(path.join(disk.root, 'offset'));
  fault = path.join(disk.root, 'fault');
  fs.writeFileSync(fault, 'nothing so far'); // so that it has its block
  const env = preloaded(['clock.so', 'disk.so'],
    { ...clock.env, DISK_TRACE: '/dev/null', DISK_FAULT: fault, BELFRY_STORE_RESERVE_MB: `${RESERVE_MB}` });
  belfry = await Belfry.start({ data: disk.data, env });
  stream = new Stream(belfry, { seed, clock });
  await stream.open();
});

after(async () => {
  await stream?.close();
  console.log(`# faults: ${JSON.stringify(done)}`);
  await belfry?.stop();
  await disk?.gone();
});

const between = (low, high) => low + random() * (high - low);
const rested = (role) => Date.now() - (died.get(role) ?? 0) > STEADY_MS;
const signal = (pid, name) => {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // it has died meanwhile
  }
};

const faults = {
  async kill(role) {
    if (!rested(role)) return;
    const pid = await belfry.pid(role);
    died.set(role, Date.now());
    if (pid) signal(pid, 'SIGKILL');
  },
  async stop(role, x) {
    const pid = await belfry.pid(role);
    if (!pid) return;
    signal(pid, 'SIGSTOP');
    await pause(100 + 2400 * x);
    signal(pid, 'SIGCONT');
  },
  async step(_, x) {
    clock.step((2 * x - 1) * HOUR - clock.ahead); // to somewhere between an hour back and an hour on
  },
  async fill(_, x) {
    disk.fill(x < 0.3 ? 0 : (RESERVE_MB - 2) * MB);
    await pause(300 + 1200 * x);
    disk.room();
  },
  async fail(_, x) {
    if (!rested('store') || disk.free() < RESERVE_MB * MB) return;
    died.set('store', Date.now());
    fs.writeFileSync(fault, ['sync_eio', 'meta_eio', 'meta_die', 'meta_die'][Math.floor(4 * x)]);
  },
};

/** Faults for so long; then all of them are over. */
async function trouble(ms) {
  const end = Date.now() + ms;
  const under_way = [];
  while (Date.now() < end) {
    const name = Object.keys(faults)[Math.floor(between(0, 5))], role = ROLES[Math.floor(between(0, ROLES.length))];
    done[name] = (done[name] ?? 0) + 1;
    under_way.push(faults[name](role, random()));
    await pause(between(100, 500));
  }
  await Promise.all(under_way);
  fs.rmSync(fault, { force: true });
}

for (let round = 1; round <= Math.max(1, SECONDS / ROUND_S); round++)
  check(`round ${round}: ${ROUND_S} s of trouble`, async (t) => {
    stream.go();
    await trouble(ROUND_S * 1000);
    await until('every process is there', async () => {
      const pids = await Promise.all(ROLES.map((role) => belfry.pid(role)));
      return pids.every(Boolean) && (await belfry.get('/readyz').catch(() => ({}))).status === 200;
    }, 10000);
    await stream.settle();
    await stream.converged(t);
  });

check('there was trouble, and work', () => {
  assert.deepEqual(Object.keys(faults).filter((name) => !done[name]), []);
  assert.ok(stream.created > 50 * SECONDS, `${stream.created} creates`);
});
