// SPDX-License-Identifier: Apache-2.0
/* All that is kept of a user, line by line: whole, or seen not to be; and a slow reader costs one part. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { after, before } from 'node:test';

import { Belfry, bearer, bin, checked } from '../lib/belfry.mjs';
import { classes } from '../lib/topics.mjs';
import { within } from '../lib/until.mjs';

let belfry;
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start({
    sessions: 1,
    conf: classes({ 'channel:{id}': { join: 'member', publish: 'member', history: 10 } }),
    env: { BELFRY_SESSION_REQUEST_MS: '3000' },
  });
});
after(() => belfry?.stop());

const at = (user) => `/api/users/${user}/export`;
const lines = (text) => text.split('\n').slice(0, -1).map((line) => JSON.parse(line));

/** An answer whose body is not read yet. */
const open = (user) =>
  within('an export begins', new Promise((resolve, reject) => {
    const options = { headers: bearer(belfry.apiKey), agent: false, highWaterMark: 1024 };
    http.get(new URL(at(user), belfry.base), options, resolve).on('error', reject);
  }), 8000);

/** The rest of it; an error when it breaks off. */
const rest = (res) =>
  within('the rest of an export', new Promise((resolve, reject) => {
    const parts = [];
    res.on('data', (part) => parts.push(part));
    res.on('end', () => (res.complete ? resolve(Buffer.concat(parts).toString()) : reject(new Error('broke off'))));
    res.on('error', reject);
  }), 20000);

check('GET /api/users/{id}/export: everything, once, and the end says how much', async () => {
  const made = [];
  for (let i = 0; i < 120; i++) made.push((await belfry.create('ann', `n${i}`)).id);
  await belfry.post('/api/notifications/mark-read', { ids: [made[5]] }, belfry.token('ann'));
  const act = (what, body) => belfry.post(`/api/notifications/${what}`, body, belfry.token('ann'));
  assert.equal((await act('archive', { ids: [made[7]] })).status, 200);
  assert.equal((await act('snooze', { ids: [made[9]], until: new Date(Date.now() + 3600e3).toISOString() })).status, 200);
  for (let i = 0; i < 600; i += 100)
    await Promise.all(Array.from({ length: 100 }, (_, n) => belfry.member('PUT', `channel:${i + n}`, 'ann')));
  await belfry.request('PUT', '/api/preferences', { body: { mute: { categories: ['promo'] } }, headers: bearer(belfry.token('ann')) });

  const { status, headers, text } = await belfry.get(at('ann'), belfry.apiKey);
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/x-ndjson');
  const all = lines(text);
  const of = (kind) => all.filter((line) => line.kind === kind);
  assert.equal(all[0].kind, 'user');
  assert.equal(all[0].user, 'ann');
  assert.equal(new Set(of('membership').map((line) => line.topic)).size, 600);
  assert.deepEqual(of('preferences')[0].preferences.mute.categories, ['promo']);
  const aside = [made[7], made[9]]; // archived, and snoozed: behind the others
  assert.deepEqual(of('notification').map((line) => line.notification.id),
    [...made.filter((id) => !aside.includes(id)), ...aside]); // oldest first, as they are imported
  assert.deepEqual(of('notification').filter((line) => line.notification.read_at).map((line) => line.notification.title), ['n5']);
  assert.deepEqual(all.at(-1), { kind: 'end', memberships: 600, notifications: 120 });
  assert.equal((await belfry.get(at('ann'), belfry.token('ann'))).text.split('\n').length, text.split('\n').length);
});

check('who may, and of whom nothing is kept', async () => {
  assert.equal((await belfry.get(at('ann'), belfry.token('bob'))).status, 403);
  assert.equal((await belfry.get(at('a%20b'), belfry.apiKey)).json.field, 'user');
  const kinds = async () => lines((await belfry.get(at('ghost'), belfry.apiKey)).text).map((line) => line.kind);
  assert.deepEqual(await kinds(), ['user', 'preferences', 'end']);
  await belfry.post('/api/notifications', { to: { all: true }, title: 'for who is known' }, belfry.apiKey);
  assert.equal((await belfry.count('ghost')).unread_count, 0); // an export did not make the user known
});

check('a slow reader costs one part; a killed store does not break it', async () => {
  const data = { text: 'x'.repeat(16000) };
  for (let i = 0; i < 600; i += 20)
    await Promise.all(Array.from({ length: 20 }, () => belfry.create('zoe', 'big', { data })));
  const memory = () => fs.readFileSync(`/proc/${session}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1] * 1024;
  const session = await belfry.pid('session.0');
  const before = memory();
  const res = await open('zoe');
  await belfry.count('zoe'); // others are served meanwhile
  const most = bin.includes('asan') ? Infinity : 6e6; // of 9.6 MB; the sanitizers keep what is freed
  assert.ok(memory() - before < most, `${memory() - before} bytes more`);
  await belfry.kill('store');
  const all = lines(await rest(res));
  assert.deepEqual(all.at(-1), { kind: 'end', memberships: 0, notifications: 600 });
  assert.equal(new Set(all.filter((line) => line.kind === 'notification').map((line) => line.notification.id)).size, 600);
  await belfry.ready();
});

check('a store that does not answer breaks it off, and it is seen', async () => {
  const res = await open('zoe');
  await belfry.signal('store', 'SIGSTOP');
  try {
    await assert.rejects(rest(res), /broke off|aborted|reset/);
  } finally {
    await belfry.signal('store', 'SIGCONT');
  }
  await belfry.ready();
});
