// SPDX-License-Identifier: Apache-2.0
/* Everything at once, by the dice: processes are killed and stand still, the clock steps, the disk is
 * full and fails, under a stream with 50 connected clients. Every few seconds the faults end, and two
 * seconds later all must be exact. SECONDS=n is how long, SEED=n plays the same faults again. Each minute has
 * users of its own. SPARE=store,session.0 are not killed: what they hold is measured after each round, and must
 * not grow. */
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
const SPARE = (process.env.SPARE ?? '').split(',').filter(Boolean);
const ROUNDS_OF_A_STREAM = 12;
const STEADY_MS = 1500; // who dies sooner again is kept waiting by the supervisor

let disk, clock, belfry, stream, random, fault, seed;
let created = 0;
const done = {};
const died = new Map(); // role -> when
const check = checked(() => belfry);

before(async () => {
  seed = seedOf();
  random = randomOf(seed + 1); // its own: the faults are the same, whatever the stream asks
  disk = await smallDisk(96);
  clock = new Clock(path.join(disk.root, 'offset'));
  fault = path.join(disk.root, 'fault');
  fs.writeFileSync(fault, 'nothing so far'); // so that it has its block
  const env = preloaded(['clock.so', 'disk.so'],
    { ...clock.env, DISK_TRACE: '/dev/null', DISK_FAULT: fault, BELFRY_STORE_RESERVE_MB: `${RESERVE_MB}` });
  belfry = await Belfry.start({ data: disk.data, env });
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
    if (!rested(role) || SPARE.includes(role)) return;
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
    if (!rested('store') || SPARE.includes('store') || disk.free() < RESERVE_MB * MB) return;
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

/** Other users: the inboxes of a soak must not become longer than any page shows. */
async function renew(round) {
  await stream?.close();
  created += stream?.created ?? 0;
  stream = new Stream(belfry, { seed: seed + round, clock, name: `u${round}-` });
  await stream.open();
}

const samples = new Map(); // role -> [{kB, fds}], of those that are spared
/** What each of them holds now: private memory, and open files without its clients' connections. */
async function measure() {
  for (const role of SPARE) {
    const pid = await belfry.pid(role);
    const kB = Number(/^RssAnon:\s*(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
    samples.set(role, [...(samples.get(role) ?? []), { kB, fds: fs.readdirSync(`/proc/${pid}/fd`).length - (await clients(role)) }]);
  }
}

async function clients(role) {
  if (!role.startsWith('session')) return 0;
  return (await belfry.counter('websockets', role)) + (await belfry.counter('http_open', role));
}

/** By least squares, of the second half: per sample. */
function slope(values) {
  const half = values.slice(Math.floor(values.length / 2));
  const mean = (list) => list.reduce((sum, one) => sum + one, 0) / list.length;
  const middle = (half.length - 1) / 2, average = mean(half);
  return half.reduce((sum, one, i) => sum + (i - middle) * (one - average), 0) / half.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
}

const ROUNDS = Math.max(1, Math.floor(SECONDS / ROUND_S));
for (let round = 0; round < ROUNDS; round++)
  check(`round ${round + 1}: ${ROUND_S} s of trouble`, async (t) => {
    if (round % ROUNDS_OF_A_STREAM === 0) await renew(round);
    stream.go();
    await trouble(ROUND_S * 1000);
    await until('every process is there', async () => {
      const pids = await Promise.all(ROLES.map((role) => belfry.pid(role)));
      return pids.every(Boolean) && (await belfry.get('/readyz').catch(() => ({}))).status === 200;
    }, 10000);
    await stream.settle();
    await stream.converged(t);
    await measure();
  });

check('there was trouble, and work', () => {
  assert.deepEqual(Object.keys(faults).filter((name) => !done[name]), []);
  created += stream.created;
  assert.ok(created > 10 * SECONDS, `${created} creates`); // on any machine: they waited for each other's answers, amid all that
});

for (const role of SPARE)
  check(`${role} holds no more than before`, (t) => {
    const all = samples.get(role);
    const kB = slope(all.map((one) => one.kB)) * (60 / ROUND_S);
    t.diagnostic(`${all.length} rounds: ${all[0].kB} to ${all.at(-1).kB} kB, ${kB.toFixed(1)} kB a minute; ${all[0].fds} to ${all.at(-1).fds} files`);
    assert.ok(all.at(-1).fds <= all[0].fds + 4);
  });
