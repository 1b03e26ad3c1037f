// SPDX-License-Identifier: Apache-2.0
/* An installation on two machines, as far as its processes can tell: the store, the broker and the notifier with
 * one data folder at 127.0.0.2, two session processes with another at 127.0.0.3, and between them tcp:// with
 * CURVE. Strangers get nothing and harm nobody; whoever is killed comes back. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before } from 'node:test';

import { Belfry, bin, checked } from '../lib/belfry.mjs';
import { RawPoll, RawSocket } from '../lib/raw.mjs';
import { until, within } from '../lib/until.mjs';

const CORE = '127.0.0.2', FRONT = '127.0.0.3';
const STRANGERS = 100;

let dir, core, front, env, ports;
const check = checked(() => (core?.print(), front));

const run = (program, args, more = {}) =>
  new Promise((resolve) =>
    execFile(path.join(bin, program), args, { env: { ...process.env, ...env, ...more }, timeout: 20000 }, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, out: stdout, err: stderr })));

/** Ports that are free at that address, until we let them go. */
async function freePorts(host, n) {
  const servers = Array.from({ length: n }, () => net.createServer().listen(0, host));
  await Promise.all(servers.map((one) => new Promise((resolve) => one.once('listening', resolve))));
  const found = servers.map((one) => one.address().port);
  await Promise.all(servers.map((one) => new Promise((resolve) => one.close(resolve))));
  return found;
}

const machine = (name) => path.join(dir, name);
const secret = (name, file) => path.join(machine(name), 'secrets', file);

before(async () => {
  dir = fs.mkdtempSync('/tmp/b-');
  ports = [...(await freePorts(CORE, 3)), ...(await freePorts(FRONT, 2))];
  env = {
    BELFRY_STORE_ENDPOINT: `tcp://${CORE}:${ports[0]}`,
    BELFRY_BROKER_IN: `tcp://${CORE}:${ports[1]}`,
    BELFRY_BROKER_OUT: `tcp://${CORE}:${ports[2]}`,
    BELFRY_SESSION_ENDPOINTS: `tcp://${FRONT}:${ports[3]}, tcp://${FRONT}:${ports[4]}`,
  };
  for (const name of ['core', 'front', 'strange', 'keyless'])
    assert.equal((await run('belfry', ['init', '--data', machine(name), '--config', path.join(dir, `${name}.conf`)])).code, 0);
  fs.copyFileSync(secret('core', 'bus.key'), secret('front', 'bus.key'));
  fs.rmSync(secret('keyless', 'bus.key'));
  core = await Belfry.start({ data: machine('core'), env, only: 'store,broker,notifier', dev: false });
  front = await Belfry.start({ data: machine('front'), env, only: 'sessions' });
  await front.ready();
});

after(async () => {
  await front?.stop();
  await core?.stop();
  fs.rmSync(dir, { recursive: true });
});

/** By the command line, which needs the key as well. */
async function recount() {
  const { code, out, err } = await run('belfry', ['check', '--data', machine('core')]);
  assert.equal(code, 0, `${out}${err}`);
}

let made = 0;
/** From a back end to a page and back, over both of them. */
async function works() {
  const user = `u${++made}`;
  const socket = await RawSocket.open(front.base, front.token(user));
  const topic = `user:${user}:notifications`;
  assert.equal((await socket.join(topic)).unread_count, 0);
  const title = `n${made}`;
  assert.equal((await front.post('/api/notifications', { to: user, title }, front.apiKey)).status, 201);
  const event = await socket.frame('the notification', (frame) => frame[3] === 'notification:new', 10000);
  assert.deepEqual([event[4].notification.title, event[4].unread_count], [title, 1]);
  socket.send(['1', 'm', topic, 'mark_all_read', {}]);
  assert.equal((await socket.reply('m'))[4].response.unread_count, 0);
  await socket.close();
}

check('what a back end says reaches the page of another machine; polls that land on the other process do, too', async () => {
  for (const role of ['store', 'broker', 'notifier']) assert.ok(await core.pid(role), role);
  assert.equal(await front.pid('store'), undefined);
  await works();
  const poll = new RawPoll(front.base, front.token('polls'));
  await poll.start();
  await until('a poll lands on the other process', async () => {
    const answer = await poll.post([[null, 'h', 'phoenix', 'heartbeat', {}]]);
    assert.equal(answer.json.status, 200, answer.text);
    return (await front.counter('polls_forwarded')) > 0; // over tcp:// among the session processes
  });
  await recount();
});

/** ZMTP 3.1: signature, version, mechanism. */
function greeting(mechanism) {
  const text = Buffer.alloc(64);
  text[0] = 0xff;
  text[9] = 0x7f;
  text[10] = 3;
  text[11] = 1;
  text.write(mechanism, 12, 'latin1');
  return text;
}

check('strangers: no key, another key, none of our protocol; they get nothing, and the others notice nothing', async () => {
  const strange = ['check', '--data', machine('strange')];
  const asked = Array.from({ length: 4 }, () => run('belfry', strange));
  const ended = [];
  for (let i = 0; i < STRANGERS; i++) {
    const port = ports[i % ports.length], host = i % ports.length < 3 ? CORE : FRONT;
    const socket = net.connect(port, host);
    socket.on('error', () => {});
    const first = [
      greeting('NULL'), crypto.randomBytes(200), Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.concat([greeting('CURVE'), Buffer.from([0x04, 200]), Buffer.from('\x05HELLO'), crypto.randomBytes(194)]),
      Buffer.concat([greeting('CURVE'), Buffer.from([0x06, 0x7f, 255, 255, 255, 255, 255, 255, 255])]), // a command of 2^63 bytes
    ][i % 5];
    socket.resume();
    ended.push(new Promise((resolve) => socket.on('close', resolve)));
    socket.on('connect', () => socket.write(first));
  }
  await works();
  for (const { code, out, err } of await Promise.all(asked)) {
    assert.equal(code, 2, `${out}${err}`);
    assert.match(err, /does not answer/);
  }
  await within('each of them is shown out', Promise.all(ended), 20000);
  await works();
  await recount();
});

check('whoever has another key, or none, does not start: it says what is missing', async () => {
  for (const program of ['belfry-store', 'belfry-broker', 'belfry-notifier', 'belfry-session']) {
    const { code, err } = await run(program, ['--data', machine('keyless')]);
    assert.equal(code, 100, `${program}: ${err}`);
    assert.match(err, /secrets\/bus\.key: No such file.*tcp:\/\/.*belfry init/);
  }
  assert.match((await run('belfry', ['serve', '--data', machine('keyless')])).err, /secrets\/bus\.key: No such file/);
  fs.writeFileSync(secret('keyless', 'bus.key'), 'nonsense\n');
  assert.match((await run('belfry-store', ['--data', machine('keyless')])).err, /bus\.key: it is no key/);
  for (const [name, value, says] of [
    ['BELFRY_STORE_ENDPOINT', 'tcp://127.0.0.1', /store\/endpoint = .* is not allowed: tcp:\/\/ADDRESS:PORT/],
    ['BELFRY_BROKER_IN', 'udp://127.0.0.1:1', /broker\/in = /],
    ['BELFRY_BROKER_OUT', 'tcp://*:7000', /broker\/out = /],
    ['BELFRY_SESSION_ENDPOINTS', 'tcp://127.0.0.1:7000', /one for each of 2 session processes/],
  ]) {
    const { code, err } = await run('belfry-store', ['--data', machine('strange')], { [name]: value });
    assert.equal(code, 100);
    assert.match(err, says);
  }
  assert.match((await run('belfry', ['serve', '--only', 'store,sesions', '--data', machine('strange')])).err, /--only: "sesions" is not allowed/);
});

check('a second store of the same folder does not start, nor one where another listens', async () => {
  const { code, err } = await run('belfry-store', ['--data', machine('core')], { BELFRY_STORE_ENDPOINT: `tcp://${CORE}:1` });
  assert.equal(code, 111);
  assert.match(err, /store\/socket\.lock error="another process holds it"/);
  assert.equal((await run('belfry-store', ['--data', machine('core')], { BELFRY_STORE_ENDPOINT: '' })).code, 111, 'by its path either');
  fs.copyFileSync(secret('core', 'bus.key'), secret('keyless', 'bus.key'));
  const other = await run('belfry-store', ['--data', machine('keyless')]);
  assert.equal(other.code, 111);
  assert.match(other.err, /tcp:\/\/127\.0\.0\.2:\d+ error="another process holds it"/);
});

check('each is killed, and comes back', async () => {
  for (const [on, role] of [[core, 'store'], [core, 'broker'], [core, 'notifier'], [front, 'session.0'], [front, 'session.1']]) {
    const pid = await on.kill(role);
    await until(`${role} is back`, async () => {
      const now = await on.pid(role);
      return now && now !== pid;
    }, 10000);
    await front.ready(10000);
    await works();
  }
  await recount();
});
