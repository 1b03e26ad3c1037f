// SPDX-License-Identifier: Apache-2.0
/* The limits of session/limits.h: here those of who may come and how fast; the others have been reached
 * elsewhere, and the table below says where. A limit without a test fails this one. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { Belfry, root } from '../lib/belfry.mjs';
import { handshake } from '../lib/http.mjs';
import { RawPoll, RawSocket } from '../lib/raw.mjs';
import { until, within } from '../lib/until.mjs';

/** name -> [file, a part of the title of the test that reaches it, and by what that sees the counter where it is not
 *  by name]. */
const reached = {
  connections: ['bounds', 'connections: one too many is refused'],
  user_connections: ['limits', 'connections of a user'],
  address_connections: ['limits', 'connections of an address'], // and addresses.test.mjs
  memory: ['limits', 'memory: nobody new'],
  sockets: ['limits', 'sockets of a process'],
  accepts: ['limits', 'accepts in a second'],
  joins: ['limits', 'joins in a second'],
  messages: ['limits', 'messages of a connection'],
  bytes: ['limits', 'bytes of a connection'],
  user_messages: ['limits', 'messages of a user'],
  user_bytes: ['limits', 'messages of a user'],
  hook_queue: ['hooks', 'no more wait than hook/queue says'],
  hook_time: ['hooks', 'an application that ${name}'],
  scheduled: ['limits', 'publishes that wait for their time'],
  revocations: ['limits', 'revocations: one more'],
  presence: ['../unit/session/test_presence_find.c', 'void too_many_for_one_answer'],
  params: ['hooks', 'what it allowed to publish'],
  topics: ['rows', 'row 14: one topic too many'],
  pushes: ['limits', 'pushes of a connection'],
  message: ['bounds', 'sizes: a message'],
  fragments: ['connect', 'more than a thousand fragments'],
  headers: ['bounds', 'sizes: a message, a body, the headers'],
  body: ['bounds', 'sizes: a message, a body'],
  import: ['import', 'POST /api/import: who may'],
  slow: ['limits', 'a request that does not arrive'],
  idle: ['bounds', 'idle_ms: who says nothing'],
  polls: ['longpoll', 'row 58'],
  reap: ['bounds', 'poll_reap_ms: a long-poll'],
  output: ['bounds', 'a WebSocket that stops reading'],
  output_hard: ['bounds', 'reads no reply is closed at the hard limit'],
  stall: ['bounds', 'never reads is closed after stall_ms'],
  asks: ['../unit/session/test_asks.c', 'void more_than_the_most_is_told_at_once', 'w.failed'],
  key_requests: ['limits', 'requests of a key'],
};

test('every limit has a test that reaches it, and looks at its counter', () => {
  const table = fs.readFileSync(path.join(root, 'session/limits.h'), 'utf8');
  const rows = [...table.matchAll(/^ {4}X\((\w+),[^]*?(\w+)\)[ \\]*$/gm)];
  assert.ok(rows.length > 20);
  assert.deepEqual(Object.keys(reached).sort(), rows.map(([, name]) => name).sort());
  for (const [, name, counter] of rows) {
    const [file, title, looks = counter] = reached[name];
    const at = file.endsWith('.c') ? file : `${file}.test.mjs`;
    const text = fs.readFileSync(path.join(root, 'tests/system', at), 'utf8');
    const from = text.lastIndexOf(title);
    assert.ok(from > 0, `${name}: ${at} has no "${title}"`);
    const [body] = text.slice(from).split(/^(?:bound|limit|check|test|static|for)\b/m, 1);
    assert.ok(counter === 'none' || body.includes(looks), `${name}: "${title}" of ${at} does not look at ${looks}`);
  }
});

test('a limit has a counter of its own, or shares it with those that say the same', () => {
  const table = fs.readFileSync(path.join(root, 'docs/limits.md'), 'utf8');
  const rows = [...table.matchAll(/^\|[^|]*\|[^|]*\|[^|]*\| ([^|]*) \|[^|]*\| `belfry_(\w+)` \|$/gm)];
  assert.ok(rows.length > 20);
  const texts = new Map(rows.map(([, text, counter]) => [counter, text]));
  for (const [, text, counter] of rows) assert.equal(texts.get(counter), text, counter);
});

/** A test with an installation of one session process; settings are those of session/, where they say no other part. */
function limit(name, settings, body) {
  test(name, async () => {
    const env = Object.fromEntries(Object.entries(settings).map(([key, value]) => [`BELFRY_${(key.includes('/') ? key : `session/${key}`).replace('/', '_').toUpperCase()}`, `${value}`]));
    const belfry = await Belfry.start({ env, sessions: 1 });
    try {
      await body(belfry);
      await belfry.stop();
    } catch (error) {
      belfry.print();
      throw error;
    } finally {
      belfry.abandon();
    }
  });
}
const counted = async (belfry, name) =>
  Number(new RegExp(`^belfry_${name}_total\\{role="session.0"\\} (\\d+)$`, 'm').exec((await belfry.get('/metrics')).text)[1]);
const upgrade = async (belfry, token, headers = {}) => {
  const answer = await handshake(belfry.base, `/socket/websocket?vsn=2.0.0&token=${token}`, headers);
  return answer;
};

limit('connections of a user: one too many is refused before the upgrade; others are let in; a free place is used again', { user_connections: 3 }, async (b) => {
  const token = b.token('ann');
  const open = [];
  for (let i = 0; i < 3; i++) open.push(await RawSocket.open(b.base, token));
  const over = await upgrade(b, token);
  assert.equal(over.status, 429);
  assert.equal(over.headers['retry-after'], '1');
  assert.equal((await new RawPoll(b.base, token).start()).json.status, 500);
  assert.equal(await counted(b, 'refused_user'), 2);
  await (await RawSocket.open(b.base, b.token('bob'))).close();
  await open[0].close();
  const again = await until('a place', async () => (await upgrade(b, token)).socket);
  again.destroy();
  for (const one of open.slice(1)) await one.close();
});

limit('connections of an address: counted as the trusted proxy says; of IPv6 by /64', { address_connections: 2, proxies: '127.0.0.1' }, async (b) => {
  const sockets = [];
  let users = 0;
  const from = async (forwarded) => {
    const { status, socket } = await upgrade(b, b.token(`u${users++}`), { 'x-forwarded-for': forwarded });
    if (socket) sockets.push(socket);
    return status;
  };
  for (const [forwarded, want] of [
    ['203.0.113.7', 101], ['203.0.113.7', 101], ['203.0.113.7', 429], ['::ffff:203.0.113.7', 429], ['203.0.113.8', 101],
    ['198.51.100.1, 203.0.113.7', 429], // what a client writes itself stands before it, and is not believed
    ['203.0.113.7, 127.0.0.1', 429], // two proxies
    ['2001:db8:0:1::1', 101], ['2001:db8:0:1:ffff::2', 101], ['2001:db8:0:1::3', 429], ['2001:db8:0:2::1', 101],
    ['nonsense', 101], ['nonsense', 101], ['nonsense', 101], // nobody's
  ]) assert.equal(await from(forwarded), want, forwarded);
  assert.equal(await counted(b, 'refused_address'), 5);
  for (const socket of sockets) socket.destroy();
  await until('the places are free', async () => (await from('203.0.113.7')) === 101);
  sockets.at(-1).destroy();
});

limit('memory: nobody new above it, 503 before the upgrade; who is in stays', { memory_mb: 1 }, async (b) => {
  await until('refused', async () => (await upgrade(b, b.token('ann'))).status === 503);
  const { headers } = await upgrade(b, b.token('ann'));
  assert.equal(headers['retry-after'], '1');
  assert.equal((await new RawPoll(b.base, b.token('ann')).start()).json.status, 500);
  assert.ok((await counted(b, 'refused_memory')) >= 3);
  await until('requests go on', async () => (await b.get('/readyz')).status === 200); // also: the others are up
});

test('sockets of a process: who has no place waits in the backlog, and is served when there is one', async () => {
  const net = await import('node:net');
  const belfry = await Belfry.start({ sessions: 1, files: 640 }); // less 300: 340 sockets
  try {
    const { hostname, port } = new URL(belfry.base);
    const open = Array.from({ length: 400 }, () => net.connect(Number(port), hostname));
    for (const one of open) one.on('error', () => {});
    await Promise.all(open.map((one) => within('connected: by us or the kernel', new Promise((resolve) => one.on('connect', resolve)))));
    const pid = await belfry.pid('session.0');
    const waits = belfry.get('/healthz', undefined, { ms: 30000 });
    await until('340 are in', () => fs.readdirSync(`/proc/${pid}/fd`).length >= 340);
    for (const one of open) one.destroy();
    assert.equal((await waits).status, 200);
    assert.ok((await counted(belfry, 'accept_waits')) > 0);
    await belfry.stop();
  } finally {
    belfry.abandon();
  }
});

limit('accepts in a second: the rest waits in the backlog, and is served', { accepts_per_s: 10 }, async (b) => {
  const from = Date.now();
  const all = await Promise.all(Array.from({ length: 40 }, () => b.get('/healthz')));
  assert.ok(all.every((one) => one.status === 200));
  assert.ok(Date.now() - from > 1000, 'twenty at once, the others at ten a second');
  assert.ok((await counted(b, 'accept_waits')) > 0);
});

limit('joins in a second: the rest is told to try again', { joins_per_s: 5 }, async (b) => {
  const socket = await RawSocket.open(b.base, b.token('ann'));
  let refused = 0;
  for (let i = 1; i <= 400 && refused < 3; i++) {
    socket.send([`${i}`, `${i}`, 'user:ann:notifications', 'phx_join', {}]);
    const [, , , , { status, response }] = await socket.frame('a reply', (frame) => frame[1] === `${i}` && frame[3] === 'phx_reply');
    if (status === 'error') refused++, assert.deepEqual([response.limit, response.reason], ['joins', 'too many joins now: try again']);
  }
  assert.equal(refused, 3);
  assert.equal(await counted(b, 'refused_joins'), refused);
  await until('and then it may', async () => {
    socket.send(['999', '999', 'user:ann:notifications', 'phx_join', {}]);
    return (await socket.reply('999'))[4].status === 'ok';
  });
  await socket.close();
});

const heartbeats = (socket, n, more = '') => {
  for (let i = 0; i < n; i++) socket.send([null, 'h', 'phoenix', 'heartbeat', more ? { more } : {}]);
};

limit('messages of a connection: more than it may closes it, with 1008; others go on', { messages_per_s: 20 }, async (b) => {
  const honest = await RawSocket.open(b.base, b.token('bob'));
  const flood = await RawSocket.open(b.base, b.token('ann'));
  heartbeats(flood, 40);
  await flood.frame('an answer', (frame) => frame[3] === 'phx_reply');
  heartbeats(flood, 4000);
  assert.deepEqual(await within('closed', flood.closed), { code: 1008, reason: 'flood' });
  assert.equal(await counted(b, 'close_flood'), 1);
  heartbeats(honest, 20);
  await honest.rest();
  await honest.close();
});

limit('bytes of a connection: likewise', { bytes_per_s: 10000 }, async (b) => {
  const flood = await RawSocket.open(b.base, b.token('ann'));
  heartbeats(flood, 40, 'x'.repeat(20000));
  assert.equal((await within('closed', flood.closed)).code, 1008);
  assert.equal(await counted(b, 'close_flood'), 1);
});

for (const settings of [{ user_messages_per_s: 20 }, { user_bytes_per_s: 2000 }])
  limit(`messages of a user over many connections: ${Object.keys(settings)}`, settings, async (b) => {
    const sockets = [];
    for (let i = 0; i < 8; i++) sockets.push(await RawSocket.open(b.base, b.token('ann')));
    for (const one of sockets) heartbeats(one, 400);
    for (const one of sockets) assert.equal((await within('closed', one.closed)).code, 1008);
    assert.equal(await counted(b, 'close_flood'), 8);
    const other = await RawSocket.open(b.base, b.token('bob'));
    heartbeats(other, 10);
    await other.rest();
    await other.close();
  });

limit('pushes of a connection that wait for the store: one too many is told so; those before it are answered',
  { pushes: 100, messages_per_s: 0, user_messages_per_s: 0, request_ms: 60000 }, async (b) => {
    const MOST = 100, MORE = 5;
    const socket = await RawSocket.open(b.base, b.token('ann'));
    await socket.join('user:ann:notifications');
    const store = await b.signal('store', 'SIGSTOP');
    const answers = { ok: 0, error: 0 };
    try {
      for (let i = 0; i < MOST + MORE; i++) socket.send(['1', `p${i}`, 'user:ann:notifications', 'mark_all_read', {}]);
      for (; answers.error < MORE; answers.error++) {
        const [, ref, , , { status, response }] = await socket.frame('a refusal', (frame) => frame[3] === 'phx_reply');
        assert.deepEqual([ref, status], [`p${MOST + answers.error}`, 'error']);
        assert.match(response.reason, /too many pushes wait/);
        assert.equal(response.limit, 'pushes');
      }
      assert.equal(await counted(b, 'refused_pushes'), MORE);
    } finally {
      process.kill(store, 'SIGCONT');
    }
    for (; answers.ok < MOST; answers.ok++)
      assert.equal((await socket.frame('an answer', (frame) => frame[3] === 'phx_reply', 20000))[4].status, 'ok');
    await socket.close();
  });

limit('a request that does not arrive in header_ms is cut, and counted', { header_ms: 500 }, async (b) => {
  const { hostname, port } = new URL(b.base);
  const net = await import('node:net');
  const socket = net.connect(Number(port), hostname);
  const gone = new Promise((resolve) => socket.on('close', resolve));
  socket.on('error', () => {});
  socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n');
  await within('cut', gone, 10000);
  assert.equal(await counted(b, 'close_slow'), 1);
});

limit('requests of a key: too many that wait are refused with 429; another key is not', { key_requests: 4, request_ms: 60000 }, async (b) => {
  const other = (await b.command('key', 'add', 'other', '--scopes', 'create,read')).stdout.trim();
  await until('the key is known', async () => (await b.get('/api/users/ann', other)).status === 200);
  const store = await b.signal('store', 'SIGSTOP');
  let answers;
  try {
    answers = Array.from({ length: 10 }, () => b.get('/api/users/ann', b.apiKey, { ms: 60000 }));
    await until('six are refused', async () => (await counted(b, 'refused_key')) === 6);
    answers.push(b.get('/api/users/ann', other, { ms: 60000 }));
  } finally {
    process.kill(store, 'SIGCONT');
  }
  const all = await Promise.all(answers);
  assert.deepEqual(all.map((one) => one.status).sort(), [200, 200, 200, 200, 200, 429, 429, 429, 429, 429, 429]);
  const refused = all.find((one) => one.status === 429);
  assert.deepEqual([refused.headers['retry-after'], refused.json.limit], ['1', 'key_requests']);
});

limit('publishes that wait for their time: one more is refused, also by a dry run, until one is taken back; what is for now is created', { 'store/scheduled': 2 }, async (b) => {
  const later = (query = '') => b.post(`/api/notifications${query}`, { to: 'ann', title: 'later', category: 'c', deliver_at: new Date(Date.now() + 3600e3).toISOString() }, b.apiKey);
  const made = [await later(), await later()];
  assert.deepEqual(made.map((one) => one.status), [202, 202]);
  for (const over of [await later(), await later('?dry_run=1')])
    assert.deepEqual([over.status, over.json.limit, over.headers['retry-after']], [503, 'scheduled', '1']);
  assert.equal(await counted(b, 'refused_scheduled'), 2);
  await b.create('ann');
  assert.equal((await b.request('DELETE', `/api/publishes/${made[0].json.publish}`, { headers: { authorization: `Bearer ${b.apiKey}` } })).status, 200);
  assert.equal((await later()).status, 202);
});

limit('revocations: one more than are kept is refused, and those hold', { 'store/revocations': 100 }, async (b) => {
  const revoke = (jti) => b.post('/api/tokens/revoke', { jti, expires_at: new Date(Date.now() + 3600e3).toISOString() }, b.apiKey);
  const made = await Promise.all(Array.from({ length: 100 }, (_, i) => revoke(`jti-${i}`)));
  assert.deepEqual([...new Set(made.map((one) => one.status))], [200]);
  const over = await revoke('one-more');
  assert.deepEqual([over.status, over.json.limit], [503, 'revocations']);
  assert.equal(await counted(b, 'refused_revocations'), 1);
  assert.equal((await revoke('jti-0')).status, 200, 'what is revoked already takes no place');
});
