// SPDX-License-Identifier: Apache-2.0
/* The node's processes over HTTP: what the console reads, and the demo kills. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { until } from '../lib/until.mjs';

let dev;
let strict;
const check = checked(() => dev);
before(async () => {
  dev = await Belfry.start();
  strict = await Belfry.start({ dev: false });
});
after(async () => {
  await dev?.stop();
  await strict?.stop();
});

const roles = ['broker', 'notifier', 'serve', 'session.0', 'session.1', 'store'];

check('the processes, as belfry status has them', async () => {
  const { json } = await dev.get('/api/node');
  const status = await dev.status();
  assert.deepEqual(json.processes.map((one) => one.role).sort(), roles);
  for (const one of json.processes) {
    const same = status.processes.find((other) => other.role === one.role);
    assert.deepEqual([one.alive, one.pid, one.restarts, one.refused], [true, same.pid, same.restarts, same.refused], one.role);
    assert.ok(one.uptime_ms > 0);
  }
  assert.equal(json.lag, json.log_head - json.notifier_position);
});

check('the log of all of them, newest first, a process\'s own through a kill', async () => {
  const { json } = await dev.get('/api/node/log');
  const lines = json.lines.map(({ role, line }) => `${role} ${line}`);
  for (const role of ['broker broker.ready', 'store store.ready', 'notifier notifier.following', 'session.0 session.start', 'serve serve.ready'])
    assert.ok(lines.some((line) => line.startsWith(role)), role);
  const times = json.lines.map((one) => one.at);
  assert.deepEqual(times, [...times].sort().reverse());
  const pid = await dev.kill('broker');
  await dev.back('broker', pid);
  const ready = () => dev.get('/api/node/log').then((answer) => answer.json.lines.filter((one) => one.line.startsWith('broker.ready')).length);
  await until('two brokers have been ready', async () => (await ready()) === 2);
});

check('a process is killed, counted and back; what is no process is refused', async () => {
  const before = await dev.pid('store');
  assert.equal((await dev.post('/dev/kill', { role: 'store' })).status, 202);
  await dev.back('store', before);
  const { json } = await dev.get('/api/node');
  assert.equal(json.processes.find((one) => one.role === 'store').restarts, 1);
  for (const [body, status, field] of [
    [{ role: 'serve' }, 404, 'role'],
    [{ role: 'init' }, 404, 'role'],
    [{ role: 7 }, 400, 'role'],
    [{}, 400, 'role'],
    [{ role: 'store', signal: 9 }, 400, 'signal'],
    [[], 400, undefined],
  ]) {
    const answer = await dev.post('/dev/kill', body);
    assert.deepEqual([answer.status, answer.json.field], [status, field], JSON.stringify(body));
  }
});

check('without dev mode: nothing is killed, reading needs the key', async () => {
  assert.equal((await strict.post('/dev/kill', { role: 'store' }, strict.apiKey)).status, 404);
  for (const path of ['/api/node', '/api/node/log']) {
    assert.equal((await strict.get(path)).status, 401, path);
    assert.equal((await strict.get(path, strict.token('ann'))).status, 403, path);
    assert.equal((await strict.get(path, strict.apiKey)).status, 200, path);
  }
});

check('a page of another site kills nothing', async () => {
  const { base } = dev;
  const answer = await fetch(`${base}/dev/kill`, { method: 'POST', headers: { 'content-type': 'application/json', origin: 'https://elsewhere.example' }, body: '{"role":"store"}' });
  assert.ok([401, 404].includes(answer.status), String(answer.status));
});
