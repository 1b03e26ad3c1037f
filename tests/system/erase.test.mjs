// SPDX-License-Identifier: Apache-2.0
/* A user is forgotten: what is connected is closed, and no file of the data folder's log or API has
 * the name any more. */
import assert from 'node:assert/strict';
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
