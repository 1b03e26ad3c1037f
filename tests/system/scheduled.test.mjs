// SPDX-License-Identifier: Apache-2.0
/* deliver_at: made when its time has come, live, once, whoever is killed meanwhile. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, bearer, checked } from '../lib/belfry.mjs';
import { closing, openTab } from '../lib/phoenix.mjs';
import { until } from '../lib/until.mjs';

let belfry;
const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start()));
after(() => belfry?.stop());

const at = (ms) => new Date(Date.now() + ms).toISOString();
const post = (body, headers) =>
  belfry.post('/api/notifications', { title: 'later', ...body }, belfry.apiKey, { headers });
const remove = (id) => belfry.request('DELETE', `/api/publishes/${id}`, { headers: bearer(belfry.apiKey) });

check('a notification arrives at its time, within a second', async (t) => {
  const tab = await openTab(belfry, 'ann');
  closing(t, tab);
  const deliver_at = at(1500);
  const { status, json } = await post({ to: ['ann', 'bob'], deliver_at });
  assert.equal(status, 202);
  assert.match(json.publish, /^[0-9A-Z]{26}$/);
  assert.equal(json.deliver_at, deliver_at);
  assert.equal((await belfry.count('bob')).unread_count, 0);
  await tab.until('it is there', () => tab.badge === 1);
  const late = Date.now() - Date.parse(deliver_at);
  assert.ok(late >= 0 && late < 1000, `${late} ms after deliver_at`);
  assert.equal((await belfry.count('bob')).unread_count, 1);
  await belfry.check();
});

check('what is cancelled does not arrive', async () => {
  const first = await post({ to: 'carl', deliver_at: at(700) });
  const second = await post({ to: 'carl', title: 'this one', deliver_at: at(800) });
  assert.equal((await remove(first.json.publish)).status, 200);
  assert.equal((await remove(first.json.publish)).status, 404);
  assert.equal((await remove('nonsense')).status, 400);
  await until('the other one is there', async () => (await belfry.count('carl')).unread_count === 1);
  const { notifications } = await belfry.inbox('carl');
  assert.deepEqual(notifications.map((one) => one.title), ['this one']);
  assert.equal((await remove(second.json.publish)).json.retracted, 1); // it was made: now it is taken back
  assert.equal((await belfry.count('carl')).unread_count, 0);
  assert.equal((await remove(second.json.publish)).status, 404);
});

check('a key asks for it once, and kills of store and notifier double nothing', async () => {
  const headers = { 'Idempotency-Key': 'later-1' };
  const body = { to: 'dora', deliver_at: at(1500) };
  const first = await post(body, headers);
  assert.deepEqual((await post(body, headers)).json, first.json);
  await belfry.signal('store', 'SIGKILL');
  await belfry.signal('notifier', 'SIGKILL');
  await until('it is there', async () => (await belfry.count('dora')).unread_count === 1);
  assert.deepEqual((await post(body, headers)).json, first.json, 'after its time too');
  assert.equal((await belfry.count('dora')).unread_count, 1);
  await belfry.check();
});

check('times that make no sense are refused by name', async () => {
  for (const [field, body] of [
    ['deliver_at', { deliver_at: 'tomorrow' }],
    ['deliver_at', { deliver_at: at(400 * 86400e3) }],
    ['deliver_at', { deliver_at: at(-2 * 86400e3) }],
    ['deliver_at', { deliver_at: at(1000), type: 'toast' }],
    ['expires_at', { deliver_at: at(9000), expires_at: at(8000) }],
  ]) {
    const { status, json } = await post({ to: 'ann', ...body });
    assert.deepEqual([status, json.field], [400, field], JSON.stringify(body));
  }
});
