// SPDX-License-Identifier: Apache-2.0
/* Who may do what: tokens, the API key, and what dev mode opens. */
import assert from 'node:assert/strict';
import http from 'node:http';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';

import { bearer, Belfry, checked, signed } from '../lib/belfry.mjs';
import { handshake, rawBytes } from '../lib/http.mjs';
import { both, closing, openTab, transports } from '../lib/phoenix.mjs';
import { RawPoll, RawSocket } from '../lib/raw.mjs';
import { within } from '../lib/until.mjs';

let belfry; // without --dev
let open; // with it
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start({ dev: false });
  open = await Belfry.start({ dev: true });
});
after(async () => {
  await belfry?.stop();
  await open?.stop();
});

const soon = () => Math.floor(Date.now() / 1000) + 600;
const calls = (one, headers) => [
  ['create', one.request('POST', '/api/notifications', { headers, body: { to: 'ann', title: 't' } })],
  ['list', one.request('GET', '/api/notifications', { headers })],
  ['count', one.request('GET', '/api/notifications/count', { headers })],
  ['mark-read', one.request('POST', '/api/notifications/mark-read', { headers, body: { ids: ['01ARZ3NDEKTSV4RRFFQ69G5FAV'] } })],
  ['mark-all-read', one.request('POST', '/api/notifications/mark-all-read', { headers, body: {} })],
];

check('without a token, or with a wrong one, every call is 401 and opens no socket', async () => {
  const other = await Belfry.start({ dev: false });
  const foreign = other.token('ann');
  const foreignKey = other.apiKey;
  await other.stop();
  const [head, body, mac] = belfry.token('ann').split('.');
  const tokens = {
    none: undefined,
    empty: '',
    nonsense: 'nonsense',
    expired: belfry.token('ann', { ttl: -1 }),
    'no exp': signed(belfry.secret(), { sub: 'ann' }),
    'alg none': signed('', { sub: 'ann', exp: soon() }, 'none'),
    'alg none, signed': signed(belfry.secret(), { sub: 'ann', exp: soon() }, 'None'),
    'another alg': signed(belfry.secret(), { sub: 'ann', exp: soon() }, 'HS512'),
    'another installation': foreign,
    'another API key': foreignKey,
    'key with a letter more': `${belfry.apiKey}x`,
    'cut signature': `${head}.${body}.${mac.slice(0, -1)}`,
    'no signature': `${head}.${body}.`,
    'changed claims': `${head}.${Buffer.from(JSON.stringify({ sub: 'bob', exp: soon() })).toString('base64url')}.${mac}`,
    'a bad user': signed(belfry.secret(), { sub: 'a:b', exp: soon() }),
    'an unknown role': signed(belfry.secret(), { sub: 'ann', role: 'root', exp: soon() }),
  };
  for (const [name, token] of Object.entries(tokens)) {
    for (const [call, answer] of calls(belfry, token === undefined ? {} : { authorization: `Bearer ${token}` }))
      assert.equal((await answer).status, 401, `${name}: ${call}`);
    const socket = await handshake(belfry.base, `/socket/websocket?token=${token ?? ''}&vsn=2.0.0`);
    assert.equal(socket.status, 403, `${name}: WebSocket`);
    const poll = await belfry.get(`/socket/longpoll?token=${encodeURIComponent(token ?? '')}&vsn=2.0.0&`);
    // What does not look like a user's token may be a session's: 500, and the client begins anew.
    assert.ok([403, 500].includes(poll.json.status) && poll.json.token === undefined, `${name}: long-poll ${poll.text}`);
  }
  const answer = await belfry.request('GET', '/api/notifications/count');
  assert.match(answer.headers['www-authenticate'] ?? '', /Bearer/);
  assert.match(answer.headers['content-type'], /^application\/problem\+json/);
});

check('of somebody unknown no body is read: the answer comes before it', async () => {
  const head = (path_, ...more) => rawBytes(belfry.base, [`POST ${path_} HTTP/1.1`, 'Host: localhost', 'Content-Type: application/json',
    'Content-Length: 200000', ...more, '', ''].join('\r\n'));
  for (const path_ of ['/api/notifications', '/api/notifications/mark-read', '/api/notifications/mark-all-read'])
    for (const more of [[], ['Authorization: Bearer nonsense']]) assert.match(await head(path_, ...more), /^HTTP\/1.1 401 /, path_);
  assert.match(await head('/socket/longpoll?token=nonsense'), /^HTTP\/1.1 200 [^]*{"status":410}$/);
  assert.match(await head('/nowhere'), /^HTTP\/1.1 404 /);
  assert.match(await head('/healthz'), /^HTTP\/1.1 405 /);
});

check('a user reaches that user\'s inbox only', async () => {
  await belfry.create('ann', 'for ann');
  const bob = belfry.token('bob');
  const count = await belfry.get('/api/notifications/count?user=ann', bob);
  assert.ok(count.status === 403 || count.json.unread_count === 0, count.text);
  const list = await belfry.get('/api/notifications?user=ann', bob);
  assert.ok(list.status === 403 || list.json.notifications.length === 0, list.text);
  const ann = await belfry.inbox('ann');
  const read = await belfry.post('/api/notifications/mark-read', { ids: [ann.notifications[0].id], user: 'ann' }, bob);
  assert.ok(read.status === 403 || read.json.unknown?.length === 1, read.text);
  const all = await belfry.post('/api/notifications/mark-all-read', { user: 'ann' }, bob);
  assert.ok(all.status === 403 || all.json.unread_count === 0, all.text);
  assert.equal((await belfry.count('ann')).unread_count, 1);
});

check('a user may not create; a service token and the API key may', async () => {
  const body = { to: 'carl', title: 't' };
  assert.equal((await belfry.post('/api/notifications', body, belfry.token('carl'))).status, 403);
  assert.equal((await belfry.count('carl')).unread_count, 0);
  const service = signed(belfry.secret(), { role: 'service', sub: 'billing', exp: soon() });
  assert.equal((await belfry.post('/api/notifications', body, service)).status, 201);
  assert.equal((await belfry.post('/api/notifications', body, belfry.apiKey)).status, 201);
  assert.equal((await belfry.get('/api/notifications/count?user=carl', service)).json.unread_count, 2);
});

check('belfry token prints a token and nothing else', async () => {
  const { code, stdout } = await belfry.command('token', '--user', 'dora', '--ttl', '60');
  assert.equal(code, 0);
  assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  assert.equal((await belfry.get('/api/notifications/count', stdout.trim())).status, 200);
  const service = await belfry.command('token', '--service');
  const made = await belfry.post('/api/notifications', { to: 'dora', title: 't' }, service.stdout.trim());
  assert.equal(made.status, 201, made.text);
  const raw = JSON.parse(Buffer.from(stdout.split('.')[1], 'base64url'));
  assert.ok(raw.exp - Date.now() / 1000 <= 60);
});

check('belfry notify prints the answer', async () => {
  const { code, stdout, stderr } = await belfry.command('notify', 'emil', 'From the shell', '--type', 'alert', '--data', '{"n":1}');
  assert.equal(code, 0, stderr);
  const [made] = JSON.parse(stdout).notifications;
  const { notifications } = await belfry.inbox('emil');
  assert.deepEqual([notifications[0].id, notifications[0].type, notifications[0].data], [made.id, 'alert', { n: 1 }]);
  const wrong = await belfry.command('notify', 'emil', 'x', '--type', 'nonsense');
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.stderr + wrong.stdout, /type/);
});

const SHORT_S = 2; // of a token; sockets are looked over once a second
const ENDED_MS = (SHORT_S + 2) * 1000;

check('a WebSocket ends with its token, with 1008, and a fresh one resumes', async () => {
  const topic = 'user:eve:notifications';
  await belfry.create('eve', 'before');
  const raw = await RawSocket.open(belfry.base, belfry.token('eve', { ttl: SHORT_S }));
  const { seq, epoch } = await raw.join(topic);
  const { code } = await within('closed', raw.closed, ENDED_MS);
  assert.equal(code, 1008);
  const missed = await belfry.create('eve', 'missed');
  const again = await RawSocket.open(belfry.base, belfry.token('eve'));
  const { resumed, changes } = await again.join(topic, '1', { since: seq, epoch });
  assert.equal(resumed, true);
  assert.deepEqual(changes.map((one) => one.payload.seq), [missed.seq]);
  await again.close();
});

check('a long-poll ends with its token: 500 at once, and for every poll behind it', async () => {
  const poll = new RawPoll(belfry.base, belfry.token('fay', { ttl: SHORT_S }));
  await poll.start();
  await poll.post([['1', '1', 'user:fay:notifications', 'phx_join', {}]]);
  const from = Date.now();
  const said = await poll.frames((frame) => frame[1] === '1');
  const told = (frame) => frame[3] === 'token_expiring';
  if (!said.some(told)) await poll.frames(told); // it may have come with the join's answer
  assert.equal((await poll.get()).json.status, 500);
  assert.ok(Date.now() - from < ENDED_MS);
  await belfry.create('fay', 'not for this session');
  assert.equal((await poll.get()).json.status, 500);
  assert.equal((await poll.post([['1', '2', 'user:fay:notifications', 'list', {}]])).json.status, 410);
});

for (const version of both)
  for (const transport of transports)
    check(`phoenix.js comes back with a fresh token and resumes, ${version}, ${transport}`, async (t) => {
      const user = `gus-${version}-${transport}`;
      const first = await belfry.create(user, 'before');
      let tokens = 0;
      const token = () => belfry.token(user, { ttl: tokens++ ? 3600 : SHORT_S });
      const tab = await openTab(belfry, user, { version, transport, token });
      closing(t, tab);
      assert.equal(tab.inbox.seq, first.seq);
      await tab.until('its end', () => tab.wire.closes.length > 0, ENDED_MS);
      const missed = await belfry.create(user, 'meanwhile');
      await tab.until('back', () => tab.joins === 2 && tab.badge === 2);
      const [, back] = tab.seen.filter((one) => one.what === 'joined').map((one) => one.payload);
      assert.equal(back.resumed, true);
      const told = [...back.changes.map((one) => one.payload.seq), ...tab.events('notification:new').map((one) => one.payload.seq)];
      assert.deepEqual(told, [missed.seq]);
      assert.deepEqual(tab.broken(), []);
    });

check('the secrets are readable by their owner only', () => {
  for (const name of ['token.key', 'api.key'])
    assert.equal(fs.statSync(path.join(belfry.data, 'secrets', name)).mode & 0o777, 0o600, name);
  assert.equal(fs.statSync(path.join(belfry.data, 'run')).mode & 0o777, 0o700);
});

check('what the processes make is theirs alone; sockets, counters, logs, tables', () => {
  const roles = fs.readdirSync(path.join(belfry.data, 'run'), { withFileTypes: true }).filter((one) => one.isDirectory());
  for (const folder of ['run', 'store', ...roles.map((one) => `run/${one.name}`)])
    for (const name of fs.readdirSync(path.join(belfry.data, folder)))
      assert.equal(fs.statSync(path.join(belfry.data, folder, name)).mode & 0o077, 0, name);
  assert.ok(fs.statSync(path.join(belfry.data, 'run/store/socket')).isSocket());
});

check('each process has given up what it has no use for', async (t) => {
  for (const role of ['store', 'broker', 'notifier', 'session.0', 'session.1']) {
    const status = fs.readFileSync(`/proc/${await belfry.pid(role)}/status`, 'utf8');
    assert.match(status, /^NoNewPrivs:\s+1$/m, role);
    for (const set of ['CapPrm', 'CapEff']) // of root's powers: DAC_READ_SEARCH
      assert.equal(BigInt(`0x${new RegExp(`^${set}:\\s+(\\w+)$`, 'm').exec(status)[1]}`) & ~0x4n, 0n, `${role} ${set}`);
    if (/asan/.test(process.env.BELFRY_BIN ?? '')) t.diagnostic('the sanitizers need more system calls');
    else assert.match(status, /^Seccomp:\s+2$/m, role);
  }
});

check('without --dev nothing is open', async () => {
  assert.ok([403, 404].includes((await belfry.get('/dev/token?user=ann')).status));
  for (const [call, answer] of calls(belfry, {})) assert.equal((await answer).status, 401, call);
});

check('dev mode: loopback needs no key, but JSON and no foreign origin', async () => {
  const token = (await open.get('/dev/token?user=ann')).json.token;
  assert.equal((await open.get('/api/notifications/count', token)).status, 200);
  const body = '{"to":"ann","title":"t"}';
  const send = (headers) => open.request('POST', '/api/notifications', { headers, body });
  assert.equal((await send({ 'content-type': 'application/json' })).status, 201);
  assert.equal((await send({ 'content-type': 'application/json', origin: open.base })).status, 201);
  assert.equal((await send({ 'content-type': 'text/plain' })).status, 415);
  assert.equal((await send({})).status, 415);
  for (const origin of ['http://elsewhere.example', 'null', open.base.replace('127.0.0.1', '127.0.0.2')])
    assert.ok([401, 403].includes((await send({ 'content-type': 'application/json', origin })).status), origin);
  const count = await open.get('/api/notifications/count', token);
  assert.equal(count.json.unread_count, 2);
});

check('dev mode: a page of another name for this machine gets no token and no inbox', async () => {
  const { port } = new URL(open.base);
  const headers = { host: `rebound.example:${port}`, origin: `http://rebound.example:${port}`, 'content-type': 'application/json' };
  const get = await ask(open.base, 'GET', '/dev/token?user=ann', headers);
  assert.ok([400, 403, 404, 421].includes(get), `GET /dev/token through a foreign name: ${get}`);
  const post = await ask(open.base, 'POST', '/api/notifications', headers, '{"to":"ann","title":"t"}');
  assert.ok([400, 401, 403, 421].includes(post), `POST through a foreign name: ${post}`);
});

function ask(base, method, path_, headers, body) {
  return new Promise((resolve, reject) => {
    const req = http.request(new URL(path_, base), { method, headers, agent: false }, (res) => {
      res.resume();
      resolve(res.statusCode);
    });
    req.on('error', reject);
    req.end(body);
  });
}

check('dev mode: a wrong token is still wrong', async () => {
  const answer = await open.get('/api/notifications/count', 'nonsense');
  assert.equal(answer.status, 401);
  assert.equal((await open.get('/dev/token?user=a:b')).status, 400);
  assert.equal((await open.get('/dev/token')).status, 400);
  assert.deepEqual(bearer(''), {});
});
