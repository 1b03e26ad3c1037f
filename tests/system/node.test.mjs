// SPDX-License-Identifier: Apache-2.0
/* The node's processes over HTTP: what the console reads, and the demo kills. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { closing, openTab } from '../lib/phoenix.mjs';
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
    [{ role: 'store', pid: before }, 404, 'pid'],
    [{ role: 'store', pid: 0 }, 400, 'pid'],
    [{ role: 'store', pid: 'x' }, 400, 'pid'],
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
  for (const path of ['/api/node', '/api/node/log', '/api/node/topics']) {
    assert.equal((await strict.get(path)).status, 401, path);
    assert.equal((await strict.get(path, strict.token('ann'))).status, 403, path);
    assert.equal((await strict.get(path, strict.apiKey)).status, 200, path);
  }
});

check('the topics that somebody has joined, over all processes, by name and in pages', async (t) => {
  const users = ['ann', 'bob', 'bob', 'cleo', ...Array(12).fill('dora')]; // dora is on both processes
  const tabs = await Promise.all(users.map((user) => openTab(dev, user)));
  closing(t, ...tabs);
  const topic = (user, subscribers) => ({ topic: `user:${user}:notifications`, subscribers });
  const list = async (query = '') => {
    const { status, json, text } = await dev.get(`/api/node/topics${query}`);
    assert.equal(status, 200, text);
    return json;
  };
  assert.deepEqual(await list(), { topics: [topic('ann', 1), topic('bob', 2), topic('cleo', 1), topic('dora', 12)], next: null, complete: true });
  const first = await list('?limit=2');
  assert.deepEqual(first, { topics: [topic('ann', 1), topic('bob', 2)], next: 'user:bob:notifications', complete: true });
  assert.deepEqual(await list(`?limit=2&after=${encodeURIComponent(first.next)}`), { topics: [topic('cleo', 1), topic('dora', 12)], next: null, complete: true });
  assert.deepEqual((await list('?prefix=user%3Ad')).topics, [topic('dora', 12)]);
  assert.deepEqual((await list('?prefix=channel')).topics, []);
  for (const [query, field] of [['limit=0', 'limit'], ['limit=501', 'limit'], ['limit=x', 'limit'], [`prefix=${'p'.repeat(201)}`, 'prefix'], [`after=${'p'.repeat(201)}`, 'after']]) {
    const { status, json } = await dev.get(`/api/node/topics?${query}`);
    assert.deepEqual([status, json.field], [400, field], query);
  }
  tabs[0].close();
  await until('ann is on none', async () => (await list()).topics[0].topic !== 'user:ann:notifications');
});

check('a process that does not answer is left out of the topics, and it is said', async () => {
  const pid = await dev.signal('session.1', 'SIGSTOP');
  try {
    await until('one of the processes answers', async () => {
      const answer = await Promise.race([dev.get('/api/node/topics'), new Promise((done) => setTimeout(done, 3000))]);
      return answer?.json?.complete === false;
    }, 20000);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await until('all of them answer again', async () => (await dev.get('/api/node/topics')).json.complete === true);
});

check('a page of another site kills nothing', async () => {
  const { base } = dev;
  const answer = await fetch(`${base}/dev/kill`, { method: 'POST', headers: { 'content-type': 'application/json', origin: 'https://elsewhere.example' }, body: '{"role":"store"}' });
  assert.ok([401, 404].includes(answer.status), String(answer.status));
});
