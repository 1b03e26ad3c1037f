// SPDX-License-Identifier: Apache-2.0
/* Every process in turn stands still for five seconds (SIGSTOP) under a stream of creates and reads,
 * with 50 connected clients. It is not dead: its sockets are open and nobody is told. What does not
 * need it goes on; what does is answered within its deadline; then it goes on where it was. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Belfry, checked } from '../lib/belfry.mjs';
import { seedOf, Stream } from '../lib/stream.mjs';
import { until } from '../lib/until.mjs';

const FROZEN_MS = 5000;
const ASK_MS = 8000;

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

const create = () => belfry.post('/api/notifications', { to: 'other', title: 'now' }, belfry.apiKey, { ms: ASK_MS });

/** What holds while it stands still. */
const meanwhile = {
  async store() {
    const refused = await create();
    assert.equal(refused.status, 503, 'a create is refused, and says that it may have been done');
    assert.match(refused.json.title + refused.json.detail, /may|unknown|not now/i, refused.text);
    await until('readyz says so', async () => (await belfry.get('/readyz', null, { ms: ASK_MS })).status === 503);
    assert.equal((await belfry.get('/healthz')).status, 200);
  },
  async broker() {
    assert.equal((await create()).status, 201, 'what is committed needs no broker');
  },
  async notifier() {
    assert.equal((await create()).status, 201, 'what is committed needs no notifier');
  },
  async 'session.0'() {
    const { length } = (await Promise.all(Array.from({ length: 20 }, () => create().catch(() => null)))).filter((one) => one?.status === 201);
    assert.ok(length > 0, 'the other session process serves');
  },
  async 'session.1'() {},
  async serve() {
    assert.equal((await create()).status, 201, 'nothing needs the supervisor');
  },
};

for (const role of Object.keys(meanwhile))
  check(`${role} stands still for 5 s`, async (t) => {
    stream.go();
    const pid = role === 'serve' ? belfry.process.pid : await belfry.pid(role);
    await pause(100 + stream.random() * 300);
    process.kill(pid, 'SIGSTOP');
    const until_ = Date.now() + FROZEN_MS;
    try {
      await meanwhile[role]();
      await pause(Math.max(0, until_ - Date.now()));
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await stream.settle();
    await stream.converged(t);
    assert.equal(role === 'serve' ? belfry.process.pid : await belfry.pid(role), pid, 'it is the same process');
  });

check('only who took too little at once was answered with the whole inbox', async () => {
  const behind = await belfry.counter('behind');
  const whole = stream.tabs.reduce((sum, tab) => sum + tab.whole - 1, 0);
  assert.ok(whole <= behind, `${whole} times, and ${behind} times behind`);
});
