// SPDX-License-Identifier: Apache-2.0
/* The HTTP API: each call, each bad input (naming its field, nothing half done), repeats by key. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { bearer, Belfry, checked } from '../lib/belfry.mjs';
import { rawBytes } from '../lib/http.mjs';
import { until } from '../lib/until.mjs';

let belfry;
let key;
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start({ dev: false });
  key = belfry.apiKey;
});
after(() => belfry?.stop());

const create = (body, headers) => belfry.post('/api/notifications', body, key, { headers });
let users = 0;
const someone = () => `a${++users}`;

function problem(answer, status, field) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/problem\+json/);
  assert.equal(answer.json.type, 'about:blank');
  assert.equal(answer.json.status, status);
  assert.ok(answer.json.title, answer.text);
  if (field !== undefined) assert.equal(answer.json.field, field, answer.text);
}

check('create for one user', async () => {
  const user = someone();
  const answer = await create({ to: user, title: 'Hello', body: 'there', data: { n: 1 }, type: 'alert' });
  assert.equal(answer.status, 201, answer.text);
  const [made] = answer.json.notifications;
  assert.deepEqual([answer.json.notifications.length, made.user], [1, user]);
  assert.match(made.id, /^[0-9A-HJKMNP-TV-Z]{26}$/);
  const inbox = await belfry.inbox(user);
  assert.deepEqual([inbox.unread_count, inbox.seq, inbox.notifications.length], [1, made.seq, 1]);
  const [one] = inbox.notifications;
  assert.deepEqual([one.id, one.type, one.title, one.body, one.data, one.read_at, one.expires_at],
    [made.id, 'alert', 'Hello', 'there', { n: 1 }, null, null]);
  assert.ok(inbox.epoch > 0);
  assert.ok(Math.abs(new Date(inbox.server_time) - Date.now()) < 60000);
  assert.deepEqual(await belfry.count(user), { unread_count: 1, unseen_count: 1, by_type: { activity: 0, alert: 1, system: 0 }, by_category: {}, seq: made.seq, epoch: inbox.epoch });
});

check('create for a list: each once, in order', async () => {
  const list = [someone(), someone(), someone()];
  const answer = await create({ to: list, title: 'all' });
  assert.equal(answer.status, 201);
  assert.deepEqual(answer.json.notifications.map((one) => one.user), list);
  const seqs = answer.json.notifications.map((one) => one.seq);
  assert.deepEqual([seqs[1] - seqs[0], seqs[2] - seqs[1]], [1, 1]);
  for (const user of list) assert.equal((await belfry.count(user)).unread_count, 1);
});

check('text comes back as it went in', async () => {
  const user = someone();
  const texts = ['ünï', '日本語', '🔔', 'a "quoted" \\ back', '</script>', 'tab\tline\nend', '\u2028', '\u0001', 'ü'.repeat(127)];
  for (const title of texts) await belfry.create(user, title, { data: { [title]: title } });
  const { notifications } = await belfry.inbox(user);
  assert.deepEqual(notifications.map((one) => one.title).reverse(), texts);
  assert.deepEqual(notifications.map((one) => one.data).reverse(), texts.map((text) => ({ [text]: text })));
});

check('bad input is a problem that names its field, and stores nothing', async () => {
  const user = someone();
  const before = (await create({ to: 'marker', title: 'm' })).json.notifications[0].seq;
  const good = { to: user, title: 't' };
  const wrong = [
    ['to', { title: 't' }],
    ['to', { ...good, to: '' }],
    ['to', { ...good, to: [] }],
    ['to', { ...good, to: 7 }],
    ['to', { ...good, to: null }],
    ['to[1]', { ...good, to: [user, 7] }],
    ['to[1]', { ...good, to: [user, ''] }],
    ['to[1]', { ...good, to: [user, user] }],
    ['to', { ...good, to: 'a:b' }],
    ['to', { ...good, to: 'a b' }],
    ['to', { ...good, to: 'a,b' }],
    ['to', { ...good, to: 'x'.repeat(129) }],
    ['to', { ...good, to: Array.from({ length: 1001 }, (_, i) => `many${i}`) }],
    ['title', { to: user }],
    ['title', { ...good, title: '' }],
    ['title', { ...good, title: 5 }],
    ['title', { ...good, title: 'x'.repeat(256) }],
    ['title', { ...good, title: null }],
    ['type', { ...good, type: 'nonsense' }],
    ['type', { ...good, type: 3 }],
    ['body', { ...good, body: 5 }],
    ['body', { ...good, body: 'x'.repeat(4097) }],
    ['data', { ...good, data: 'text' }],
    ['data', { ...good, data: [1] }],
    ['expires_in', { ...good, expires_in: 'soon' }],
    ['expires_in', { ...good, expires_in: -1 }],
    ['expires_in', { ...good, expires_in: 0 }],
    ['expires_at', { ...good, expires_at: 'tomorrow' }],
    ['expires_at', { ...good, expires_at: 12 }],
    ['expires_at', { ...good, expires_at: '2001-01-01T00:00:00Z' }],
    ['expires_at', { ...good, expires_at: '2030-02-30T00:00:00Z' }],
    ['expires_in', { ...good, expires_in: 5, expires_at: '2030-01-01T00:00:00Z' }],
    ['colour', { ...good, colour: 'red' }],
  ];
  for (const [field, body] of wrong) problem(await create(body), 400, field);
  for (const body of ['', 'x', '[]', '"x"', '{"to":"a"', '{"to":"a","title":"t"} x', '{"to":"a","title":"\ud800"}'.replace('\ud800', '\\ud800'), Buffer.from([0x7b, 0xff, 0x7d])]) {
    const answer = await create(body, { 'content-type': 'application/json' });
    problem(answer, 400);
  }
  const { unread_count, seq } = await belfry.count(user);
  assert.deepEqual([unread_count, seq], [0, 0]);
  const next = (await create({ to: 'marker', title: 'm' })).json.notifications[0].seq;
  assert.equal(next, before + 1, 'nothing was committed');
});

check('content that is too large is refused', async () => {
  const user = someone();
  const content = await create({ to: user, title: 't', body: 'x'.repeat(40000) });
  problem(content, 400, 'body');
  problem(await create({ to: user, title: 't', body: 'x'.repeat(300000) }), 413);
  assert.equal((await belfry.count(user)).unread_count, 0);
});

check('another content type is 415, another method 405, another path 404', async () => {
  problem(await create('{"to":"a","title":"t"}', { 'content-type': 'text/plain' }), 415);
  problem(await create('{"to":"a","title":"t"}', { 'content-type': 'application/x-www-form-urlencoded' }), 415);
  const put = await belfry.request('PUT', '/api/notifications', { headers: bearer(key), body: {} });
  problem(put, 405);
  assert.match(put.headers.allow, /GET/);
  assert.match(put.headers.allow, /POST/);
  problem(await belfry.request('DELETE', '/api/notifications/count', { headers: bearer(key) }), 405);
  problem(await belfry.get('/api/nonsense', key), 404);
  assert.equal((await belfry.get('/nonsense.html')).status, 404);
});

check('a query that is wrong names its field', async () => {
  const token = belfry.token(someone());
  for (const query of ['limit=x', 'limit=-1', 'limit=0', 'limit=101', 'before=x', 'before=-3', 'limit=1.5'])
    problem(await belfry.get(`/api/notifications?${query}`, token), 400, query.split('=')[0]);
  const limit = await belfry.get('/api/notifications?limit=101', token);
  assert.equal(limit.json.detail, 'must be a whole number from 1 to 100');
  problem(await belfry.get('/api/notifications', key), 400, 'user');
  problem(await belfry.get('/api/notifications?user=a:b', key), 400, 'user');
});

check('a broadcast to a topic of no class is refused, as every other call about it', async () => {
  for (const query of ['', '?dry_run=1'])
    problem(await belfry.post(`/api/notifications${query}`, { to: { topic: 'undeclared:7' }, title: 't' }, key), 400, 'to.topic');
});

check('pages: newest first, each once, to the end', async () => {
  const user = someone();
  const made = [];
  for (let i = 0; i < 25; i++) made.push((await belfry.create(user, `n${i}`)).id);
  const seen = [];
  let query = '?limit=10';
  let pages = 0;
  for (;;) {
    const page = await belfry.inbox(user, query);
    seen.push(...page.notifications.map((one) => one.id));
    pages++;
    if (page.next === null) break;
    query = `?limit=10&before=${page.next}`;
  }
  assert.equal(pages, 3);
  assert.deepEqual(seen, [...made].reverse());
  const whole = await belfry.inbox(user);
  assert.equal(whole.notifications.length, 25);
  const asService = await belfry.get(`/api/notifications?user=${user}&limit=1`, key);
  assert.equal(asService.json.notifications[0].id, made[24]);
});

check('mark-read: changed, unknown, count; a repeat is harmless', async () => {
  const user = someone();
  const other = someone();
  const a = await belfry.create(user, 'a');
  const b = await belfry.create(user, 'b');
  const foreign = await belfry.create(other, 'not ours');
  const token = belfry.token(user);
  const first = await belfry.post('/api/notifications/mark-read', { ids: [a.id, a.id, foreign.id] }, token);
  assert.equal(first.status, 200, first.text);
  assert.deepEqual([first.json.changed, first.json.unknown, first.json.unread_count], [[a.id], [foreign.id], 1]);
  assert.ok(first.json.seq > b.seq);
  const again = await belfry.post('/api/notifications/mark-read', { ids: [a.id] }, token);
  assert.deepEqual([again.status, again.json.changed, again.json.unread_count, again.json.seq], [200, [], 1, first.json.seq]);
  assert.equal((await belfry.count(other)).unread_count, 1);
  const { notifications } = await belfry.inbox(user);
  assert.deepEqual(notifications.map((one) => one.read_at !== null), [false, true]);
  const asService = await belfry.post('/api/notifications/mark-read', { ids: [b.id], user }, key);
  assert.deepEqual([asService.status, asService.json.unread_count], [200, 0]);
});

check('R4: mark-all-read: up_to, and what arrives later stays unread', async () => {
  const user = someone();
  const token = belfry.token(user);
  const a = await belfry.create(user, 'a');
  const b = await belfry.create(user, 'b');
  const c = await belfry.create(user, 'c');
  const part = await belfry.post('/api/notifications/mark-all-read', { up_to: b.seq }, token);
  assert.deepEqual([part.status, part.json.up_to, part.json.unread_count], [200, b.seq, 1]);
  assert.deepEqual((await belfry.inbox(user)).notifications.map((one) => [one.id, one.read_at !== null]),
    [[c.id, false], [b.id, true], [a.id, true]]);
  const repeat = await belfry.post('/api/notifications/mark-all-read', { up_to: b.seq }, token);
  assert.deepEqual([repeat.json.unread_count, repeat.json.seq], [1, part.json.seq]);
  const all = await belfry.post('/api/notifications/mark-all-read', {}, token);
  assert.deepEqual([all.json.up_to, all.json.unread_count], [c.seq, 0]);
  const nothing = await belfry.post('/api/notifications/mark-all-read', undefined, token, { headers: { 'content-type': 'application/json' } });
  assert.ok([200, 400, 422].includes(nothing.status));
  await belfry.check();
});

check('marking: bad input names its field', async () => {
  const token = belfry.token(someone());
  const read = (body) => belfry.post('/api/notifications/mark-read', body, token);
  const { id } = await belfry.create(someone());
  for (const ids of [undefined, 'x', 7, {}, [], Array.from({ length: 1001 }, () => id)])
    problem(await read({ ids }), 400, 'ids');
  for (const bad of [7, '', 'nonsense', `${id}0`, null]) problem(await read({ ids: [id, bad] }), 400, 'ids[1]');
  problem(await read({ ids: [id], op_id: 7 }), 400, 'op_id');
  problem(await read({ ids: [id], op_id: 'x'.repeat(256) }), 400, 'op_id');
  for (const up_to of ['x', -1, 1.5, {}])
    problem(await belfry.post('/api/notifications/mark-all-read', { up_to }, token), 400, 'up_to');
  problem(await belfry.post('/api/notifications/mark-read', { ids: [id] }, key), 400, 'user');
});

check('R11: a repeat with the same key answers the same and does nothing again', async () => {
  const user = someone();
  const body = { to: [user, someone()], title: 'once' };
  const headers = { 'idempotency-key': `key-${user}` };
  const first = await create(body, headers);
  assert.equal(first.status, 201);
  for (let i = 0; i < 3; i++) {
    const again = await create(body, headers);
    assert.deepEqual([again.status, again.text], [201, first.text]);
  }
  assert.equal((await belfry.count(user)).unread_count, 1);
  problem(await create({ ...body, title: 'other' }, headers), 422);
  problem(await create({ ...body, to: user }, headers), 422);
  assert.equal((await belfry.count(user)).unread_count, 1);
  const other = await create({ ...body, title: 'other' }, { 'idempotency-key': `key2-${user}` });
  assert.equal(other.status, 201);
  assert.equal((await belfry.count(user)).unread_count, 2);
  problem(await create(body, { 'idempotency-key': 'x'.repeat(256) }), 400, 'Idempotency-Key');
});

check('many at once with one key: one notification, the same answer for all', async () => {
  const user = someone();
  const headers = { 'idempotency-key': `race-${user}` };
  const answers = await Promise.all(Array.from({ length: 20 }, () => create({ to: user, title: 'race' }, headers)));
  const texts = new Set(answers.map((one) => one.text));
  assert.deepEqual(answers.map((one) => one.status), Array(20).fill(201), [...texts].join(' '));
  assert.equal(texts.size, 1);
  assert.equal((await belfry.count(user)).unread_count, 1);
});

check('R7: an op_id makes marking repeatable too; another body with it is refused', async () => {
  const user = someone();
  const token = belfry.token(user);
  const { id } = await belfry.create(user);
  const body = { ids: [id], op_id: `op-${user}` };
  const first = await belfry.post('/api/notifications/mark-read', body, token);
  assert.deepEqual(first.json.changed, [id]);
  const again = await belfry.post('/api/notifications/mark-read', body, token);
  assert.deepEqual(again.json, first.json);
  const more = await belfry.create(user);
  problem(await belfry.post('/api/notifications/mark-read', { ...body, ids: [id, more.id] }, token), 422);
  const other = someone();
  const elsewhere = await belfry.create(other);
  const same = await belfry.post('/api/notifications/mark-read', { ids: [elsewhere.id], op_id: `op-${user}` }, belfry.token(other));
  assert.deepEqual([same.status, same.json.changed], [200, [elsewhere.id]], 'an op_id belongs to its user');
});

check('R22: what is acknowledged is there after a kill of the store', async () => {
  const user = someone();
  const headers = { 'idempotency-key': `kill-${user}` };
  const first = await create({ to: user, title: 'kept' }, headers);
  const pid = await belfry.kill('store');
  await belfry.back('store', pid);
  const again = await create({ to: user, title: 'kept' }, headers);
  assert.deepEqual([again.status, again.text], [201, first.text]);
  assert.equal((await belfry.count(user)).unread_count, 1);
});

check('marking all, without saying up to where, is not repeated by us: another all would be marked', async () => {
  const user = someone();
  const { seq } = await belfry.create(user);
  const mark = (body) => belfry.post('/api/notifications/mark-all-read', body, belfry.token(user));
  const pid = await belfry.signal('store', 'SIGSTOP');
  const answers = [mark({}), mark({ up_to: seq }), mark({ op_id: 'all-1' })];
  await pause(300); // they wait for the store
  process.kill(pid, 'SIGKILL');
  const [all, upTo, named] = await Promise.all(answers);
  problem(all, 503);
  assert.deepEqual([upTo.status, named.status], [200, 200]);
  await belfry.back('store', pid);
});

check('without the store: 503 in time, and nothing done; then all is well', async () => {
  const slow = await Belfry.start({ env: { BELFRY_SESSION_REQUEST_MS: '600' } });
  try {
    const pid = await slow.signal('store', 'SIGSTOP');
    let answers;
    try {
      answers = await Promise.all([
        slow.post('/api/notifications', { to: 'x', title: 't' }, slow.apiKey, { headers: { 'idempotency-key': 'k' } }),
        slow.get('/api/notifications/count', slow.token('x')),
        slow.get('/api/notifications', slow.token('x')),
      ]);
      await until('readyz says so', async () => (await slow.get('/readyz')).status === 503);
      assert.equal((await slow.get('/healthz')).status, 200);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    for (const answer of answers) problem(answer, 503);
    await slow.ready();
    const again = await slow.post('/api/notifications', { to: 'x', title: 't' }, slow.apiKey, { headers: { 'idempotency-key': 'k' } });
    assert.equal(again.status, 201);
    assert.equal((await slow.count('x')).unread_count, 1, 'once, whether or not the first was done');
  } finally {
    await slow.stop();
  }
});

check('healthz, readyz and metrics', async () => {
  const health = await belfry.get('/healthz');
  assert.equal(health.status, 200);
  const ready = await belfry.get('/readyz');
  assert.equal(ready.status, 200);
  assert.equal(typeof ready.json, 'object');
  const metrics = await belfry.get('/metrics', key);
  assert.equal(metrics.status, 200);
  assert.match(metrics.headers['content-type'], /^text\/plain/);
  assert.match(metrics.text, /^# HELP belfry_/m);
  assert.match(metrics.text, /^# TYPE belfry_\w+ (counter|gauge)$/m);
});

check('requests that could be read in two ways are refused', async () => {
  const body = '{"to":"smuggled","title":"t"}';
  const head = `POST /api/notifications HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n`;
  const length = `Content-Length: ${body.length}\r\n`;
  const cases = [
    `${head}${length}Content-Length: 5\r\n\r\n${body}`,
    `${head}${length}Transfer-Encoding: chunked\r\n\r\n${body}`,
    `${head}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    `${head}Transfer-Encoding: gzip, chunked\r\n\r\n`,
    `${head}Host: y\r\n${length}\r\n${body}`,
    `${head}X-Foo : y\r\n${length}\r\n${body}`,
    `${head}Content-Length: +${body.length}\r\n\r\n${body}`,
    `POST /api/notifications HTTP/1.1\r\nAuthorization: Bearer ${key}\r\n${length}\r\n${body}`,
  ];
  for (const bytes of cases) {
    const text = await rawBytes(belfry.base, bytes);
    assert.match(text, /^HTTP\/1\.1 4\d\d /, bytes.slice(head.length, head.length + 60));
    // (libmicrohttpd sends the head of its own error pages twice.)
    assert.ok(text.match(/HTTP\/1\.1 \d+/g).every((line) => / 4/.test(line)), text);
  }
  assert.equal((await belfry.count('smuggled')).unread_count, 0);
});
