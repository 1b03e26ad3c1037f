// SPDX-License-Identifier: Apache-2.0
/* A user is forgotten: what is connected is closed, and neither the API nor a copy of the tables has the
 * name any more. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';

import { Belfry, bearer, checked } from '../lib/belfry.mjs';
import { closing, openTab } from '../lib/phoenix.mjs';
import { classes } from '../lib/topics.mjs';
import { until } from '../lib/until.mjs';

let belfry;
const check = checked(() => belfry);
const conf = classes({ 'channel:{id}': { join: 'member', publish: 'member', history: 100 } });
before(async () => (belfry = await Belfry.start({ conf })));
after(() => belfry?.stop());

const key = () => ({ headers: bearer(belfry.apiKey) });

check('DELETE /api/users/{id}: closed, empty, unnamed', async (t) => {
  const user = 'marie-curie';
  await belfry.member('PUT', 'channel:1', user);
  const tab = await openTab(belfry, user);
  closing(t, tab);
  for (let i = 0; i < 20; i++) await belfry.create([user, 'bob'], `n${i}`);
  await tab.until('all', () => tab.badge === 20);
  await belfry.publish('channel:1', 'message.create', { text: 'hi' });
  const joined = tab.socket.channel('channel:1', {});
  await new Promise((resolve, reject) => joined.join().receive('ok', resolve).receive('error', reject));
  await new Promise((resolve, reject) => joined.push('message.create', { text: 'mine' }).receive('ok', resolve).receive('error', reject));
  assert.equal((await belfry.history('channel:1')).messages[0].payload.from, user);

  const closed = new Promise((resolve) => tab.socket.onClose(resolve));
  const { status, json } = await belfry.request('DELETE', `/api/users/${user}`, key());
  assert.equal(status, 202);
  await closed;
  tab.socket.disconnect();
  await until('it is done', async () => (await belfry.get(`/api/erasures/${json.erasure}`, belfry.apiKey)).json.done);
  const info = (await belfry.get(`/api/users/${user}`, belfry.apiKey)).json;
  assert.deepEqual([info.online, info.last_seen], [false, null]);
  assert.deepEqual((await belfry.history('channel:1')).messages.map((one) => one.payload.from), [null, null]);
  assert.equal((await belfry.get('/api/topics/channel%3A1/members', belfry.apiKey)).json.count, 0);
  assert.equal((await belfry.count('bob')).unread_count, 20);
  assert.equal((await belfry.count(user)).unread_count, 0);
  await belfry.check();
});

/** What of these texts stands in the bytes of a copy of the tables. */
async function copied(texts) {
  const to = fs.mkdtempSync('/tmp/b-erased-');
  try {
    const { code, stderr } = await belfry.command('backup', path.join(to, 'copy'));
    assert.equal(code, 0, stderr);
    const bytes = fs.readFileSync(path.join(to, 'copy/store/data.mdb'));
    return texts.filter((text) => bytes.includes(text));
  } finally {
    fs.rmSync(to, { recursive: true });
  }
}

check('the bytes of a copy have nothing of it any more: neither the name nor what only this user was told', async () => {
  const user = 'irene-joliot';
  const texts = [user, ...['title', 'body', 'data', 'patch', 'category', 'collapse', 'later', 'ended', 'old-row', 'muted', 'op'].map((what) => `irenes-${what}`)];
  const [, title, body, data, patch, category, collapse, later, ended, imported, muted, op] = texts;
  const post = async (at, sent, more) => {
    const { status, json } = await belfry.post(at, sent, belfry.apiKey, more);
    assert.ok(status < 300, JSON.stringify(json));
    return json;
  };
  const bobs = [user, 'bob'];
  const once = { headers: { 'idempotency-key': 'for-both' } };
  const for_both = await post('/api/notifications', { to: bobs, title: 'for both' }, once);
  await post('/api/notifications', { to: user, title, body, data: { data }, category, collapse_key: collapse, dedupe_key: collapse });
  const { id } = await belfry.create(user, 'to be changed');
  await belfry.request('PATCH', `/api/notifications/${id}`, { body: { user, title: patch }, headers: bearer(belfry.apiKey) });
  const deliver_at = new Date(Date.now() + 86400e3).toISOString();
  await post('/api/notifications', { to: user, title: later, deliver_at });
  await post('/api/notifications', { to: bobs, title: 'for both, later', deliver_at });
  await post('/api/notifications', { to: user, title: ended, expires_in: 1 });
  await post('/api/notifications/mark-all-read', { user, op_id: op });
  await post('/api/import', JSON.stringify({ user, id: imported, title: imported }), { headers: { 'content-type': 'application/x-ndjson' } });
  await belfry.request('PUT', '/api/preferences', { body: { user, mute: { categories: [muted] } }, headers: bearer(belfry.apiKey) });
  await belfry.member('PUT', 'channel:1', user);
  assert.deepEqual(await copied(texts), texts);

  const { json } = await belfry.request('DELETE', `/api/users/${user}`, key());
  await until('it is done', async () => (await belfry.get(`/api/erasures/${json.erasure}`, belfry.apiKey)).json.done);
  assert.deepEqual(await copied(texts), []);
  assert.deepEqual(await post('/api/notifications', { to: bobs, title: 'for both' }, once), for_both); // it is remembered all the same
  await belfry.check();
});

check('a kill of the store amid it: it goes on', async () => {
  const user = 'pierre-curie';
  for (let i = 0; i < 30; i++) await belfry.create(user);
  const { json } = await belfry.request('DELETE', `/api/users/${user}`, key());
  await belfry.kill('store');
  await belfry.ready(10000);
  await until('it is done', async () => (await belfry.get(`/api/erasures/${json.erasure}`, belfry.apiKey)).json?.done);
  await belfry.check();
});

check('who may not, and what is no user', async () => {
  const { status } = await belfry.request('DELETE', '/api/users/ann', { headers: bearer(belfry.token('ann')) });
  assert.equal(status, 403);
  assert.equal((await belfry.request('DELETE', '/api/users/a%20b', key())).status, 400);
  assert.equal((await belfry.get('/api/erasures/x', belfry.apiKey)).status, 400);
  const { json } = await belfry.request('DELETE', '/api/users/nobody', key());
  for (const never of [0, 1, json.erasure + 1]) assert.equal((await belfry.get(`/api/erasures/${never}`, belfry.apiKey)).status, 404);
  await until('it is done', async () => (await belfry.get(`/api/erasures/${json.erasure}`, belfry.apiKey)).json.done);
});
