// SPDX-License-Identifier: Apache-2.0
/* Tokens that are revoked: refused by every process and closed where they are connected; whatever process
 * is killed meanwhile. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, bearer, checked } from '../lib/belfry.mjs';
import { handshake } from '../lib/http.mjs';
import { both, closing, openTab, transports } from '../lib/phoenix.mjs';
import { RawPoll, RawSocket } from '../lib/raw.mjs';
import { until, within } from '../lib/until.mjs';

const SESSIONS = 3;
let belfry;
const check = checked(() => belfry);
/* Of an issuer's clock that is ahead, as far as that is allowed. */
before(async () => (belfry = await Belfry.start({ dev: false, sessions: SESSIONS, env: { BELFRY_AUTH_LEEWAY_S: '5' } })));
after(() => belfry?.stop());

const now = () => Math.floor(Date.now() / 1000);
const token = (user, jti, iat = now() - 10) => belfry.token(user, { jti, iat });
const revoke = async (body) => {
  const answer = await belfry.post('/api/tokens/revoke', body, belfry.apiKey);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
};
const count = async (text) => (await belfry.get('/api/notifications/count', text)).status;
/** Every process says so: many connections in a row, which land on any. */
const always = async (status, text) => {
  for (let i = 0; i < 8 * SESSIONS; i++) if ((await count(text)) !== status) return false;
  return true;
};
const upgrade = async (text) => {
  const { status, socket } = await handshake(belfry.base, `/socket/websocket?vsn=2.0.0&token=${text}`);
  socket?.destroy();
  return status;
};
const metric = async (name) => {
  const { text } = await belfry.get('/metrics', belfry.apiKey);
  return [...text.matchAll(new RegExp(`^belfry_${name}\\{[^}]*\\} (\\d+)$`, 'gm'))].map((found) => Number(found[1]));
};

check('by jti: closed with 1008 wherever it is connected, and refused from then on; the user is not', async () => {
  const bad = token('ann', 'jti-1');
  const good = token('ann', 'jti-2');
  const sockets = [];
  for (let i = 0; i < 12; i++) sockets.push(await RawSocket.open(belfry.base, bad));
  const other = await RawSocket.open(belfry.base, good);
  const { until: ends } = await revoke({ jti: 'jti-1' });
  assert.ok(Date.parse(ends) > Date.now() + 399 * 86400e3);
  for (const one of sockets) assert.equal((await within('closed', one.closed)).code, 1008);
  assert.ok(await always(401, bad), 'who has closed its sockets lets it in no more');
  assert.equal(await upgrade(bad), 403);
  assert.equal((await new RawPoll(belfry.base, bad).start()).json.status, 403);
  assert.ok(await always(200, good));
  await other.join('user:ann:notifications');
  other.send([null, '9', 'phoenix', 'access_token', { token: bad }]);
  assert.deepEqual((await other.reply('9'))[4], { status: 'error', response: { reason: 'revoked' } });
  await other.close();
  assert.ok((await metric('refused_revoked_total')).reduce((a, b) => a + b) >= 24);
  assert.equal((await metric('close_revoked_total')).reduce((a, b) => a + b), 12);
  await until('each process knows of it', async () => (await metric('revocations')).join() === '1,1,1');
});

check('by user: all that were made before; a new one is let in', async () => {
  const old = token('bob');
  const future = token('bob', undefined, now() + 3); // of a clock that is ahead
  const nameless = belfry.token('bob'); // does not say when it was made
  const poll = new RawPoll(belfry.base, old);
  await poll.start();
  const socket = await RawSocket.open(belfry.base, nameless);
  await revoke({ user: 'bob' });
  assert.equal((await within('closed', socket.closed)).code, 1008);
  await until('the long-poll is over', async () => [410, 500].includes((await poll.get()).json.status));
  await until('refused by all', () => always(401, old));
  assert.ok(await always(401, nameless));
  assert.ok(await always(200, future));
  assert.ok(await always(200, token('eve')));
});

check('by user and a time: later ones go on', async () => {
  const at = now() - 60;
  const time = (s) => new Date(s * 1000).toISOString();
  await revoke({ user: 'cid', before: time(at) });
  await until('refused by all', () => always(401, token('cid', undefined, at - 1)));
  assert.ok(await always(200, token('cid', undefined, at)));
  await revoke({ user: 'cid', before: time(at - 30) }); // less: nothing
  assert.ok(await always(401, token('cid', undefined, at - 1)));
});

check('belfry revoke: by the token itself, which belfry token has named', async () => {
  const { stdout } = await belfry.command('token', '--user', 'dora');
  assert.equal(await count(stdout.trim()), 200);
  const done = await belfry.command('revoke', '--token', stdout.trim());
  assert.equal(done.code, 0, done.stderr);
  const ends = Date.parse(JSON.parse(done.stdout).until) - Date.now();
  assert.ok(ends > 86000e3 && ends < 87000e3, 'known for as long as it would have been good');
  await until('refused by all', () => always(401, stdout.trim()));
  const service = (await belfry.command('token', '--service')).stdout.trim();
  assert.equal((await belfry.get('/api/users/dora', service)).status, 200);
  assert.equal((await belfry.command('revoke', '--token', service)).code, 0);
  await until('and a service', async () => (await belfry.get('/api/users/dora', service)).status === 401);
  assert.equal((await belfry.command('revoke')).code, 100);
});

check('what is wrong with a revocation is said', async () => {
  const bad = [
    [{}, ''], [{ jti: 'a', user: 'b' }, ''], [{ jti: '' }, 'jti'], [{ jti: 'x'.repeat(65) }, 'jti'], [{ user: 'a b' }, 'user'],
    [{ user: 'ann', before: new Date(Date.now() + 60e3).toISOString() }, 'before'], [{ user: 'ann', before: 'now' }, 'before'],
    [{ jti: 'a', before: new Date().toISOString() }, 'before'], [{ user: 'a', expires_at: new Date().toISOString() }, 'expires_at'],
    [{ token: 'nonsense' }, 'token'], [{ token: belfry.token('ann') }, 'token'], [{ who: 'ann' }, 'who'],
  ];
  for (const [body, field] of bad) {
    const { status, json } = await belfry.post('/api/tokens/revoke', body, belfry.apiKey);
    assert.deepEqual([status, json.field ?? ''], [400, field], JSON.stringify(body));
  }
});

check('tokens that would be good for longer than revocations are known are refused', async () => {
  assert.equal(await count(belfry.token('ann', { ttl: 399 * 86400 })), 200);
  assert.equal(await count(belfry.token('ann', { ttl: 401 * 86400 })), 401);
  const { code, stderr } = await belfry.command('token', '--user', 'ann', '--ttl', String(401 * 86400));
  assert.equal(code, 100);
  assert.match(stderr, /auth\/lifetime_days/);
});

check('a kill of any process changes nothing; broker and notifier are not needed for it', async () => {
  const bad = token('fay', 'jti-3');
  await until('fay is let in', () => always(200, bad));
  const sockets = [];
  for (let i = 0; i < 6; i++) sockets.push(await RawSocket.open(belfry.base, bad));
  await belfry.signal('broker', 'SIGSTOP');
  await belfry.signal('notifier', 'SIGSTOP');
  try {
    await revoke({ jti: 'jti-3' });
    for (const one of sockets) assert.equal((await within('closed', one.closed)).code, 1008);
  } finally {
    await belfry.signal('broker', 'SIGCONT');
    await belfry.signal('notifier', 'SIGCONT');
  }
  await belfry.ready();
  for (const role of ['session.0', 'session.1', 'session.2', 'store']) {
    const pid = await belfry.kill(role);
    await belfry.back(role, pid, 15000);
    assert.ok(await always(401, bad), `after ${role} was killed`);
  }
});

check('it outlives the erasure of its user: whoever has an old token of theirs does not come back by it', async () => {
  const old = token('hal');
  const named = token('hal', 'jti-hal');
  await belfry.create('hal', 'a text of theirs');
  await revoke({ user: 'hal' });
  await revoke({ jti: 'jti-hal' });
  await until('refused by all', () => always(401, old));
  const { status, json } = await belfry.request('DELETE', '/api/users/hal', { headers: bearer(belfry.apiKey) });
  assert.equal(status, 202);
  await until('it is done', async () => (await belfry.get(`/api/erasures/${json.erasure}`, belfry.apiKey)).json.done);
  for (const role of ['none', 'store', 'session.0', 'session.1', 'session.2']) {
    if (role !== 'none') await belfry.back(role, await belfry.kill(role), 15000); // from what is on disk
    assert.ok(await always(401, old), `${role} killed`);
    assert.ok(await always(401, named), `${role} killed`);
  }
  assert.equal(await upgrade(old), 403);
  const anew = token('hal', undefined, now() + 2); // who comes again under that name is let in, and finds nothing
  assert.ok(await always(200, anew));
  assert.deepEqual((await belfry.get('/api/notifications', anew)).json.notifications, []);
});

/* The bound is one of time, and a machine may stand still for longer: so the middle one of several counts, and each has the
 * broker killed as it begins, as revocations do not go by it. */
check('within a second everywhere, on both transports, with the broker killed amid it', async (t) => {
  const took = [];
  for (let round = 0; round < 5; round++) {
    const bad = token(`ivy${round}`, `jti-ivy-${round}`);
    const ends = [];
    const there = async (what) => (await Promise.all([0, 1, 2].map((i) => belfry.counter(what, `session\\.${i}`)))).every((n) => n > 0);
    await until('sockets in every process', async () => {
      const socket = await RawSocket.open(belfry.base, bad);
      ends.push(socket.closed.then(({ code }) => code === 1008));
      return there('websockets');
    }, 20000);
    await until('and long-polls', async () => {
      const poll = new RawPoll(belfry.base, bad);
      await poll.start();
      await poll.post([['1', '1', `user:ivy${round}:notifications`, 'phx_join', {}]]);
      await poll.frames((frame) => frame[1] === '1');
      ends.push(poll.get({ ms: 30000 }).then(({ json }) => json.status === 500)); // it waits, until there is no such session
      return there('longpolls');
    }, 20000);
    const broker = await belfry.kill('broker');
    const from = performance.now();
    await revoke({ jti: `jti-ivy-${round}` });
    assert.ok((await within('all are closed', Promise.all(ends), 20000)).every(Boolean));
    took.push(Math.round(performance.now() - from));
    assert.ok(await always(401, bad), 'who has closed them lets nobody in by it');
    await belfry.back('broker', broker, 15000);
  }
  t.diagnostic(`closed everywhere after ${took.join(', ')} ms`);
  assert.ok(took.sort((a, b) => a - b)[2] <= 1000, `${took} ms`);
});

check('a session process that starts while the store is away lets no token in', async () => {
  const good = token('gus', 'jti-4');
  assert.equal(await count(good), 200);
  const store = await belfry.signal('store', 'SIGSTOP');
  try {
    const roles = Array.from({ length: SESSIONS }, (_, i) => `session.${i}`);
    const pids = [];
    for (const role of roles) pids.push(await belfry.kill(role));
    await until('they are back', async () => {
      for (const [i, role] of roles.entries()) if ([undefined, 0, pids[i]].includes(await belfry.pid(role))) return false;
      return true;
    }, 15000);
    const refused = await belfry.get('/api/notifications/count', good);
    assert.equal(refused.status, 503);
    assert.equal(refused.headers['retry-after'], '1');
    assert.equal(await upgrade(good), 503);
    assert.equal((await new RawPoll(belfry.base, good).start()).json.status, 500);
    assert.equal((await belfry.get('/healthz')).status, 200);
    assert.equal((await belfry.get('/readyz')).json.store, false);
    assert.equal(await count('nonsense'), 401);
  } finally {
    process.kill(store, 'SIGCONT');
  }
  await belfry.ready(15000);
  await until('and then it does', () => always(200, good), 15000);
});

for (const version of both)
  for (const transport of transports)
    check(`phoenix.js comes back with another token and resumes, ${version}, ${transport}`, async (t) => {
      const user = `hal-${version}-${transport}`;
      const first = await belfry.create(user, 'before');
      let tokens = 0;
      const tab = await openTab(belfry, user, { version, transport, token: () => token(user, `${user}-${tokens++}`) });
      closing(t, tab);
      assert.equal(tab.inbox.seq, first.seq);
      await revoke({ jti: `${user}-0` });
      await tab.until('its end', () => tab.wire.closes.length > 0);
      await belfry.create(user, 'meanwhile');
      await tab.until('back', () => tab.joins === 2 && tab.badge === 2);
      assert.deepEqual(tab.broken(), []);
    });
