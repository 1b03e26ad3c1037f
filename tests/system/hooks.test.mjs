// SPDX-License-Identifier: Apache-2.0
/* The application decides who connects and who joins: asked by HTTP, by a process of its own, with everything that
 * an application may do to whoever asks it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';

import { Application } from '../lib/application.mjs';
import { Belfry, checked, topicPath } from '../lib/belfry.mjs';
import { handshake } from '../lib/http.mjs';
import { both, closing, openSocket, answered, transports } from '../lib/phoenix.mjs';
import { RawPoll, RawSocket } from '../lib/raw.mjs';
import { classes } from '../lib/topics.mjs';
import { until } from '../lib/until.mjs';

const TIMEOUT_MS = 2500;
const QUEUE = 3;
const conf = classes({
  'room:{id}': { join: 'hook', publish: 'hook' },
  'kept:{id}': { join: 'hook', publish: 'hook', history: 10 },
  'tok:{id}': { join: 'token', publish: 'token' },
  'open:{id}': { join: 'authenticated', publish: 'authenticated' },
});
const env = (app) => ({
  BELFRY_HOOK_CONNECT: `${app.base}/connect`,
  BELFRY_HOOK_JOIN: `${app.base}/join`,
  BELFRY_HOOK_TIMEOUT_MS: `${TIMEOUT_MS}`,
});

let app;
let belfry;
const check = checked(() => belfry);
before(async () => {
  app = await Application.start();
  belfry = await Belfry.start({ dev: false, conf, env: { ...env(app), BELFRY_SESSION_HEADER_BYTES: '32768', BELFRY_AUTH_ISSUER: 'https://id.example', BELFRY_SESSION_PROXIES: '127.0.0.1' } });
});
after(async () => {
  await belfry?.stop();
  await app?.stop();
});

const token = (user, more = {}) => belfry.token(user, { iss: 'https://id.example', ...more });
const allow = (more = {}) => (app.answer = { allow: true, ...more });
const upgrade = async (query, headers) => {
  const { status, socket } = await handshake(belfry.base, `/socket/websocket?vsn=2.0.0&${query}`, headers);
  socket?.destroy();
  return status;
};
const poll = async (user) => (await new RawPoll(belfry.base, user).start()).json.status;
/** A join as written: {status, response}. */
const joins = async (socket, topic, ref, payload = {}) => {
  socket.send([ref, ref, topic, 'phx_join', payload]);
  return (await socket.reply(ref, 10000))[4];
};

check('a connect whose parameters are more than it may be asked about: refused, and nobody is asked', async () => {
  allow();
  const asked = app.asked.length;
  assert.equal(await upgrade(`token=${token('ann')}&k=${'x'.repeat(16384)}`), 403);
  assert.equal(app.asked.length, asked);
});

check('a connect: what the application is told, by either transport', async () => {
  allow({ cache_s: 0 });
  const text = token('ann', { tenant: 'blue', topics: ['a:*'] });
  const from = { 'x-forwarded-for': '203.0.113.9' };
  assert.equal(await upgrade(`token=${text}&room=7&room=8&q=%C3%A9%22`, from), 101);
  const [first] = app.about('ann');
  assert.equal(first.path, '/connect');
  assert.equal(first.method, 'POST');
  assert.equal(first.headers['content-type'], 'application/json');
  assert.equal(first.headers.authorization, `Bearer ${fs.readFileSync(path.join(belfry.data, 'secrets/hook.key'), 'utf8').trim()}`);
  const { claims, ...rest } = first.question;
  assert.deepEqual(rest, { hook: 'connect', user: 'ann', address: '203.0.113.9', transport: 'websocket', params: { room: '7', q: 'é"' } });
  assert.equal(claims.tenant, 'blue');
  assert.deepEqual(claims.topics, ['a:*']);
  assert.equal(await poll(text), 410);
  assert.equal(app.about('ann').length, 2);
  assert.equal(app.about('ann')[1].question.transport, 'longpoll');
  assert.equal(app.about('ann')[1].question.address, '127.0.0.1');
  assert.equal(await upgrade(`token=${text}&a=%FF`), 403, 'what is no text is not asked about');
  assert.equal(await upgrade('token=a.b.c'), 403);
  assert.equal(await poll('a.b.c'), 403);
  assert.equal(app.about('ann').length, 2, 'nor a token that is no good');
});

check('the process that asks has given up what it has no use for; its secret is its owner\'s', async (t) => {
  const status = fs.readFileSync(`/proc/${await belfry.pid('hook')}/status`, 'utf8');
  assert.match(status, /^NoNewPrivs:\s+1$/m);
  assert.equal(BigInt(`0x${/^CapEff:\s+(\w+)$/m.exec(status)[1]}`) & ~0x4n, 0n);
  if (/asan/.test(process.env.BELFRY_BIN ?? '')) t.diagnostic('the sanitizers need more system calls');
  else assert.match(status, /^Seccomp:\s+2$/m);
  assert.equal(fs.statSync(path.join(belfry.data, 'secrets/hook.key')).mode & 0o777, 0o600);
});

check('a connect that it refuses: 403 with its words; the next question may be answered otherwise', async () => {
  app.answer = { allow: false, reason: 'not on a "Sunday"', cache_s: 0 };
  const refused = await belfry.get(`/socket/websocket?vsn=2.0.0&token=${token('bob')}`, null, {
    headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' },
  });
  assert.equal(refused.status, 403);
  assert.equal(refused.json.detail, 'not on a "Sunday"');
  assert.equal(await poll(token('bob')), 403);
  assert.ok((await belfry.counter('hook_denied')) >= 2);
  allow();
  assert.equal(await upgrade(`token=${token('bob')}`), 101);
});

for (const version of both)
  for (const transport of transports)
    check(`who connects without a token is whoever the application says, ${version}, ${transport}`, async (t) => {
      app.answer = (q) => (q.hook === 'connect' ? { allow: true, user: `u-${q.params.who}`, topics: ['x:*'], expires_in: 3600 } : { allow: true });
      const page = openSocket(belfry.base, { version, transport, token: undefined, params: { who: `cid-${version}` } });
      closing(t, page);
      const inbox = page.socket.channel(`user:u-cid-${version}:notifications`, {});
      assert.equal((await answered(inbox.join())).status, 'ok');
      const other = page.socket.channel('user:ann:notifications', {});
      assert.equal((await answered(other.join())).status, 'error');
      other.leave();
      const room = page.socket.channel(`room:${version}-${transport}`, { k: 1 });
      assert.equal((await answered(room.join())).status, 'ok');
      const { question } = app.about(`room:${version}-${transport}`)[0];
      assert.deepEqual(question, {
        hook: 'join', user: `u-cid-${version}`, claims: { topics: ['x:*'], publish: ['x:*'] }, address: '127.0.0.1',
        topic: `room:${version}-${transport}`, params: { k: 1 },
      });
    });

check('without a token, and the application does not say who it is: refused', async () => {
  allow();
  assert.equal(await upgrade('who=nobody'), 403);
  assert.equal((await new RawPoll(belfry.base, '').start()).json.status, 403);
});

check('what it says of a token\'s user counts: another name, its claims, an end', async () => {
  app.answer = (q) => (q.hook === 'connect' ? { allow: true, user: 'zed', expires_in: 1 } : { allow: true });
  const socket = await RawSocket.open(belfry.base, token('ann'));
  await socket.join('user:zed:notifications');
  assert.equal((await socket.closed).code, 1008, 'it ends when the application said');
  allow();
});

for (const transport of transports)
  check(`another token in place: the application is asked again, and its word counts, ${transport}`, async (t) => {
    const user = `re-${transport}`;
    const about = () => app.about(user).filter(({ question }) => question.refresh);
    app.answer = (q) => (q.hook === 'connect' && q.user === user ? { allow: true, topics: ['tok:a', 'tok:b'], cache_s: 0 } : { allow: true });
    const page = openSocket(belfry.base, { transport, token: token(user) });
    closing(t, page);
    const heard = [];
    page.socket.onMessage((message) => heard.push(message));
    const rooms = ['tok:a', 'tok:b'].map((topic) => page.socket.channel(topic, {}));
    for (const room of rooms) assert.equal((await answered(room.join())).status, 'ok');
    const fresh = async (text) => {
      const ref = page.socket.makeRef();
      page.socket.push({ topic: 'phoenix', event: 'access_token', payload: { token: text }, ref });
      return (await until('its answer', () => heard.find((one) => one.ref === ref), 10000)).payload;
    };
    assert.equal((await fresh(token('bob'))).response.reason, "the token is another user's");
    assert.deepEqual(await fresh('nonsense'), { status: 'error', response: { reason: 'malformed' } });
    assert.equal(about().length, 0);
    app.answer = () => ({ allow: false, reason: 'not any more', cache_s: 0 });
    assert.deepEqual(await fresh(token(user, { tenant: 'x' })), { status: 'error', response: { reason: 'not any more' } });
    const [{ question }] = about();
    assert.deepEqual({ ...question, claims: question.claims.tenant },
      { hook: 'connect', user, claims: 'x', address: '127.0.0.1', transport, refresh: true, params: {} });
    app.answer = (q, res) => void res.writeHead(500).end();
    assert.deepEqual(await fresh(token(user)), { status: 'error', response: { reason: 'unavailable' } });
    app.answer = () => ({ allow: true, user: 'zed', cache_s: 0 });
    assert.equal((await fresh(token(user))).response.reason, "the token is another user's");
    assert.deepEqual(rooms.map((room) => room.state), ['joined', 'joined'], 'all is as it was');
    app.answer = () => ({ allow: true, topics: ['tok:b'], cache_s: 0, expires_in: 30 });
    const from = Date.now();
    assert.equal((await fresh(token(user))).status, 'ok');
    await until('what it names no longer is closed', () => rooms[0].state === 'closed');
    const { payload } = await until('the warning', () => heard.find((one) => one.event === 'token_expiring'));
    const lasts = Date.parse(payload.expires_at) - from;
    assert.ok(lasts > 28000 && lasts < 45000, `${lasts} ms: until when the application said, not the token`);
  });

check('another token in place: a later one takes its place; it is revoked meanwhile; who goes is nobody', async () => {
  const asked = () => app.about('re').filter(({ question }) => question.refresh);
  app.answer = (q) => (q.refresh ? 'wait' : { allow: true, cache_s: 0 });
  const socket = await RawSocket.open(belfry.base, token('re'));
  socket.send([null, '1', 'phoenix', 'access_token', { token: token('re', { n: 1 }) }]);
  await until('it is asked', () => asked().length === 1);
  const second = token('re', { jti: 're-2', iat: Math.floor(Date.now() / 1000) - 5 });
  socket.send([null, '2', 'phoenix', 'access_token', { token: second }]);
  assert.deepEqual((await socket.reply('1'))[4], { status: 'error', response: { reason: 'another one came' } });
  await until('it is asked', () => asked().length === 2);
  const known = await belfry.counter('revocations');
  assert.equal((await belfry.post('/api/tokens/revoke', { jti: 're-2' }, belfry.apiKey)).status, 200);
  await until('both processes know', async () => (await belfry.counter('revocations')) === known + 2);
  for (const one of asked()) one.reply({ allow: true, cache_s: 0 });
  assert.deepEqual((await socket.reply('2'))[4], { status: 'error', response: { reason: 'revoked' } });
  socket.send([null, '3', 'phoenix', 'access_token', { token: token('re', { n: 3 }) }]);
  await until('it is asked', () => asked().length === 3);
  await socket.close();
  asked()[2].reply({ allow: true, cache_s: 0 });
  allow();
  await belfry.ready();
});

check('joins: allowed, refused with its words, and what it allowed to publish', async () => {
  app.answer = (q) => q.hook === 'connect' ? { allow: true } :
    q.topic === 'room:no' ? { allow: false, reason: 'a "reason"' } : q.topic === 'room:mute' ? { allow: false } : { allow: true, publish: q.topic === 'room:yes' };
  const socket = await RawSocket.open(belfry.base, token('ann'));
  assert.deepEqual(await joins(socket, 'room:no', '1'), { status: 'error', response: { reason: 'a "reason"' } });
  assert.deepEqual(await joins(socket, 'room:mute', '2'), { status: 'error', response: { reason: 'unauthorized' } });
  assert.equal((await joins(socket, 'room:yes', '3')).status, 'ok');
  assert.equal((await joins(socket, 'room:read', '4')).status, 'ok');
  socket.send(['3', '5', 'room:yes', 'say', {}]);
  assert.equal((await socket.reply('5'))[4].status, 'ok');
  socket.send(['4', '6', 'room:read', 'say', {}]);
  assert.deepEqual((await socket.reply('6'))[4], { status: 'error', response: { reason: 'unauthorized' } });
  assert.equal((await joins(socket, 'open:1', '7')).status, 'ok');
  assert.equal(app.about('open:1').length, 0, 'other classes are not asked about');
  const refused = await belfry.counter('refused_params');
  const big = await joins(socket, 'room:yes', '8', { k: 'x'.repeat(16384) });
  assert.deepEqual(big, { status: 'error', response: { reason: 'the payload is too large', limit: 'params' } });
  assert.equal(await belfry.counter('refused_params'), refused + 1);
  for (const rest of ['history', 'presence']) assert.equal((await belfry.get(topicPath('kept:1', rest), token('ann'))).status, rest === 'history' ? 403 : 404);
  assert.equal((await belfry.get(topicPath('kept:1', 'history'), belfry.apiKey)).status, 200);
  await socket.close();
});

check('a join while one waits takes its place; a leave takes it back; who goes meanwhile is nobody', async () => {
  app.answer = (q) => (q.hook === 'connect' ? { allow: true } : 'wait');
  const socket = await RawSocket.open(belfry.base, token('ann'));
  socket.send(['1', '1', 'room:w', 'phx_join', { n: 1 }]);
  await until('it is asked', () => app.about('room:w').length === 1);
  socket.send(['2', '2', 'room:w', 'phx_join', { n: 2 }]);
  await until('and again', () => app.about('room:w').length === 2);
  app.about('room:w')[0].reply({ allow: true, cache_s: 0 });
  socket.send(['9', '9', 'room:v', 'phx_join', {}]);
  await until('another topic', () => app.about('room:v').length === 1);
  socket.send(['9', '10', 'room:v', 'phx_leave', {}]);
  assert.equal((await socket.reply('10'))[4].status, 'ok');
  app.about('room:v')[0].reply({ allow: true, cache_s: 0 });
  app.about('room:w')[1].reply({ allow: true, cache_s: 0 });
  assert.equal((await socket.reply('2'))[4].status, 'ok');
  assert.ok(!socket.frames.some((text) => ['1', '9'].includes(JSON.parse(text)[1])), 'neither of the others is answered');
  await belfry.publish('room:w', 'e', { n: 1 });
  await socket.frame('live', (frame) => frame[3] === 'e');

  socket.send(['3', '3', 'room:w', 'phx_join', { n: 3 }]); // joined, it asks anew, and is refused
  await until('it is asked', () => app.about('room:w').length === 3);
  app.about('room:w')[2].reply({ allow: false, cache_s: 0 });
  assert.equal((await socket.reply('3'))[4].status, 'error');
  await socket.frame('the old join is over', (frame) => frame[2] === 'room:w' && frame[3] === 'phx_close');

  socket.send(['4', '4', 'room:u', 'phx_join', {}]);
  await until('it is asked', () => app.about('room:u').length === 1);
  await socket.close();
  const gone = handshake(belfry.base, `/socket/websocket?vsn=2.0.0&token=${token('gone')}`).catch(() => {});
  const left = new AbortController();
  app.answer = 'wait';
  const user = encodeURIComponent(token('left'));
  const aborted = belfry.get(`/socket/longpoll?vsn=2.0.0&token=${user}`, null, { signal: left.signal }).catch(() => {});
  await until('it is asked', () => app.about('left').length === 1);
  left.abort();
  await aborted;
  for (const one of [...app.about('room:u'), ...app.about('left')]) one.reply({ allow: true, cache_s: 0 });
  for (const one of app.about('gone')) one.reply({ allow: true, cache_s: 0 });
  (await gone)?.socket?.destroy();
  allow();
  await belfry.ready();
});

/** name -> [what it does, the counter that says so]. */
const wrongs = {
  hangs: [() => 'wait', 'hook_late'],
  'answers 500': [(q, res) => void res.writeHead(500).end('{"allow":true}'), 'hook_bad'],
  'answers 202': [(q, res) => void res.writeHead(202).end('{"allow":true}'), 'hook_bad'],
  'answers 403': [(q, res) => void res.writeHead(403).end('{"allow":true}'), 'hook_bad'],
  'answers 204': [(q, res) => void res.writeHead(204).end(), 'hook_bad'],
  'answers rubbish': [(q, res) => void res.end('allow'), 'hook_bad'],
  'answers with another type': [() => ({ allow: 'true' }), 'hook_bad'],
  'answers without allow': [() => ({ user: 'ann' }), 'hook_bad'],
  'answers with a user that is none': [(q) => (q.hook === 'connect' ? { allow: true, user: 'a b' } : { allow: true, publish: 1 }), 'hook_bad'],
  'answers a huge body': [(q, res) => void res.end(`{"allow":true,"x":"${'x'.repeat(1 << 20)}"}`), 'hook_unreached'],
  redirects: [(q, res) => void res.writeHead(307, { location: `${app.base}/elsewhere` }).end(), 'hook_bad'],
  'ends the connection': [(q, res) => void res.destroy(), 'hook_unreached'],
  'ends amid its answer': [(q, res) => { res.writeHead(200, { 'content-length': 100 }); res.write('{"allow":true}'); setImmediate(() => res.destroy()); }, 'hook_unreached'],
};
for (const [name, [answer, counter]] of Object.entries(wrongs))
  check(`an application that ${name}: nobody gets in by it, in bounded time, and nobody else waits`, async () => {
    allow();
    const socket = await RawSocket.open(belfry.base, token('ann'));
    const was = await belfry.counter(counter, 'hook');
    const failed = await belfry.counter('hook_failed');
    const late = await belfry.counter('refused_hook_time');
    app.answer = (q, res) => (q.user === 'ann' && q.hook === 'connect' ? { allow: true } : answer(q, res));
    const from = Date.now();
    const refused = [upgrade(`token=${token('bad')}`), poll(token('bad', { n: 1 }))];
    socket.send(['1', '1', `room:${name.length}`, 'phx_join', {}]);
    socket.send(['2', '2', 'open:1', 'phx_join', {}]);
    assert.equal((await socket.reply('2'))[4].status, 'ok');
    if (name === 'hangs') assert.ok(!socket.frames.some((text) => JSON.parse(text)[1] === '1'), 'it waits still');
    socket.at = 0;
    assert.deepEqual((await socket.reply('1'))[4], { status: 'error', response: { reason: 'unavailable' } });
    assert.deepEqual(await Promise.all(refused), [503, 500]);
    assert.ok(Date.now() - from < TIMEOUT_MS + 5000);
    assert.ok((await belfry.counter(counter, 'hook')) >= was + 3);
    assert.equal(await belfry.counter('hook_failed'), failed + 3);
    assert.equal(await belfry.counter('refused_hook_time'), late + (name === 'hangs' ? 3 : 0));
    assert.equal(app.asked.filter((one) => one.path === '/elsewhere').length, 0);
    await socket.close();
    allow();
  });

check('an application that is down: refused; and in again when it is back', async () => {
  const { port } = app;
  allow();
  const socket = await RawSocket.open(belfry.base, token('ann'));
  await app.stop();
  assert.equal(await upgrade(`token=${token('down')}`), 503);
  assert.equal((await joins(socket, 'room:down', '1')).status, 'error');
  const answer = await belfry.get('/readyz');
  assert.equal(answer.json.hook, true, 'the process that asks is there');
  app = await Application.start({ port });
  assert.equal(await upgrade(`token=${token('down')}`), 101);
  assert.equal((await joins(socket, 'room:down', '2')).status, 'ok');
  await socket.close();
});

check('the process that asks is killed amid a question: it is asked again, and who waited gets in', async () => {
  app.answer = (q) => (q.user === 'kim' && app.about('kim').length === 1 ? 'wait' : { allow: true });
  const opened = upgrade(`token=${token('kim')}`);
  await until('it is asked', () => app.about('kim').length === 1);
  const pid = await belfry.kill('hook');
  assert.equal(await opened, 101);
  assert.equal(app.about('kim').length, 2);
  await belfry.back('hook', pid);
});

check('the process that asks stands still: refused in bounded time, and others go on', async () => {
  allow();
  const socket = await RawSocket.open(belfry.base, token('ann'));
  const pid = await belfry.signal('hook', 'SIGSTOP');
  try {
    const opened = upgrade(`token=${token('still')}`);
    await socket.join('open:2', '1');
    assert.equal(await opened, 503);
    assert.equal((await joins(socket, 'room:still', '2')).response.reason, 'unavailable');
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await socket.close();
});

check('a token that is revoked while the application is asked does not get in', async () => {
  app.answer = 'wait';
  const opened = upgrade(`token=${token('rev', { jti: 'rev-1', iat: Math.floor(Date.now() / 1000) - 5 })}`);
  await until('it is asked', () => app.about('rev').length === 1);
  const known = await belfry.counter('revocations');
  assert.equal((await belfry.post('/api/tokens/revoke', { jti: 'rev-1' }, belfry.apiKey)).status, 200);
  await until('both processes know', async () => (await belfry.counter('revocations')) === known + 2);
  app.about('rev')[0].reply({ allow: true, cache_s: 0 });
  assert.equal(await opened, 403);
  allow();
});

check('answers are remembered for as long as said; the same question is asked once', async () => {
  const socket = await RawSocket.open(belfry.base, token('ann'));
  app.answer = { allow: true, publish: true };
  for (let i = 0; i < 3; i++) {
    assert.equal((await joins(socket, 'room:cached', `c${i}`)).status, 'ok');
    socket.send([`c${i}`, `l${i}`, 'room:cached', 'phx_leave', {}]);
    await socket.reply(`l${i}`);
  }
  assert.equal(app.about('room:cached').length, 1);
  app.answer = { allow: true, cache_s: 0 };
  for (let i = 0; i < 3; i++) await joins(socket, 'room:asked', `a${i}`);
  assert.equal(app.about('room:asked').length, 3);
  app.answer = 'wait';
  const others = await Promise.all([1, 2, 3].map(async () => {
    app.answer = (q) => (q.hook === 'connect' ? { allow: true } : 'wait');
    return RawSocket.open(belfry.base, token('ann'));
  }));
  const all = others.map((one) => joins(one, 'room:once', '1'));
  await until('all three are counted', async () => (await belfry.counter('hook_waiting', 'hook')) === 3);
  assert.equal(app.about('room:once').length, 1);
  app.about('room:once')[0].reply({ allow: true, cache_s: 0 });
  for (const { status } of await Promise.all(all)) assert.equal(status, 'ok');
  for (const one of [socket, ...others]) await one.close();
  allow();
});

check('many of one user whose answers come at once: no more are let in than session/user_connections says, nor more than there are places', async () => {
  for (const [setting, refused, status] of [['USER_CONNECTIONS', 'refused_user', 429], ['CONNECTIONS', 'refused_full', 503]]) {
    app.answer = 'wait';
    app.asked.length = 0;
    const other = await Belfry.start({ dev: false, conf, sessions: 1, env: { ...env(app), [`BELFRY_SESSION_${setting}`]: '3' } });
    try {
      const text = other.token('ann');
      const all = Array.from({ length: 8 }, () => handshake(other.base, `/socket/websocket?vsn=2.0.0&token=${text}`));
      await until('all are asked about', async () => (await other.counter('hook_asks')) === 8);
      const [{ reply }] = await until('it is asked', () => app.about('ann').length > 0 && app.about('ann')); // once: it is the same question
      reply({ allow: true });
      const answers = await Promise.all(all);
      const statuses = answers.map((one) => one.status).sort();
      assert.deepEqual(statuses, [...Array(3).fill(101), ...Array(5).fill(status)], setting);
      assert.equal(await other.counter(refused), 5);
      for (const { socket } of answers) socket?.destroy();
      await until('they have left', async () => (await other.counter('connections')) === 0);
      app.answer = { allow: true };
      const again = await handshake(other.base, `/socket/websocket?vsn=2.0.0&token=${text}`);
      assert.equal(again.status, 101);
      again.socket.destroy();
    } finally {
      await other.stop();
    }
  }
});

check('by TLS, by name, to certificates that lead to hook/ca; and no more wait than hook/queue says', async () => {
  const dir = fs.mkdtempSync('/tmp/b-');
  const file = (name) => path.join(dir, name);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost', '-keyout', file('key.pem'), '-out', file('ca.pem')], { stdio: 'ignore' });
  const tls = { key: fs.readFileSync(file('key.pem')), cert: fs.readFileSync(file('ca.pem')) };
  const secure = await Application.start({ tls });
  const by = (host) => ({ BELFRY_HOOK_JOIN: `https://${host}:${secure.port}/join`, BELFRY_HOOK_CA: file('ca.pem') });
  const more = { BELFRY_HOOK_PARALLEL: '1', BELFRY_HOOK_QUEUE: `${QUEUE}`, BELFRY_HOOK_TIMEOUT_MS: '5000', BELFRY_HOOK_CACHE_S: '0' };
  const other = await Belfry.start({ dev: false, conf, env: { ...by('localhost'), ...more } });
  try {
    const socket = await RawSocket.open(other.base, other.token('ann'));
    assert.equal((await joins(socket, 'room:tls', '1')).status, 'ok');
    secure.answer = 'wait';
    for (let i = 0; i < QUEUE; i++) socket.send([`w${i}`, `w${i}`, `room:w${i}`, 'phx_join', {}]);
    await until('they wait', async () => (await other.counter('hook_waiting', 'hook')) === QUEUE);
    assert.deepEqual(await joins(socket, 'room:over', '2'), { status: 'error', response: { reason: 'unavailable' } });
    assert.equal(await other.counter('hook_full', 'hook'), 1);
    assert.equal(await other.counter('hook_failed'), 1);
    assert.equal(await other.counter('refused_hook_queue'), 1);
    for (let i = 0; i < QUEUE; i++) {
      await until('one is asked at a time', () => secure.about(`room:w${i}`).length === 1);
      assert.equal(secure.asked.length, i + 2);
      secure.about(`room:w${i}`)[0].reply({ allow: true });
      assert.equal((await socket.reply(`w${i}`))[4].status, 'ok');
    }
    secure.answer = { allow: true };
    assert.equal((await joins(socket, 'room:over', '3')).status, 'ok');
    await socket.close();
  } finally {
    await other.stop();
  }
  const wrong = await Belfry.start({ dev: false, conf, sessions: 1, env: by('127.0.0.1') }); // a name that the certificate has not
  try {
    const asked = secure.asked.length;
    const socket = await RawSocket.open(wrong.base, wrong.token('ann'));
    assert.equal((await joins(socket, 'room:tls', '1')).status, 'error');
    assert.equal(await wrong.counter('hook_unreached', 'hook'), 1);
    assert.equal(secure.asked.length, asked);
    await socket.close();
  } finally {
    await wrong.stop();
    await secure.stop();
    fs.rmSync(dir, { recursive: true });
  }
});
