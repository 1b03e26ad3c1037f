// SPDX-License-Identifier: Apache-2.0
/* What users want to be told: put, kept over a kill, heeded at once; and who would get it. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, bearer, checked } from '../lib/belfry.mjs';
import { closing, openTab } from '../lib/phoenix.mjs';

let belfry;
const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start()));
after(() => belfry?.stop());

const put = (user, body) =>
  belfry.request('PUT', '/api/preferences', { body, headers: bearer(belfry.token(user)) });
const post = (body, query = '') =>
  belfry.post(`/api/notifications${query}`, { title: 'hello', ...body }, belfry.apiKey);
/** Quiet all day but for one minute that is far away. */
function allDay() {
  const now = new Date(Date.now() + 12 * 3600e3);
  const text = (ms) => new Date(ms).toISOString().slice(11, 16);
  return { from: text(now.getTime() + 60e3), to: text(now.getTime()), time_zone: 'UTC' };
}

check('put, got, and refused by name', async () => {
  const empty = { mute: { types: [], categories: [], topics: [] }, quiet_hours: null };
  const get = (user) => belfry.get('/api/preferences', belfry.token(user));
  assert.deepEqual((await get('ann')).json, empty);
  const wanted = {
    mute: { types: ['system'], categories: ['promo'], topics: ['channel:7'] },
    quiet_hours: { from: '22:00', to: '07:00', time_zone: 'Europe/Berlin', allow: ['alert'] },
  };
  const { status, json } = await put('ann', wanted);
  assert.equal(status, 200);
  assert.deepEqual(json, wanted);
  const pid = await belfry.kill('store');
  await belfry.back('store', pid, 10000);
  assert.deepEqual((await get('ann')).json, wanted);
  assert.deepEqual((await get('bob')).json, empty);
  const wrong = await put('ann', { quiet_hours: { from: '22:00', to: '07:00', time_zone: 'Mars' } });
  assert.deepEqual([wrong.status, wrong.json.field], [400, 'quiet_hours.time_zone']);
  assert.equal((await belfry.request('PUT', '/api/preferences', { body: {}, headers: bearer('x') })).status, 401);
  assert.equal((await belfry.get('/api/preferences?user=ann', belfry.apiKey)).json.mute.types[0], 'system');
  await belfry.check();
});

check('what is muted is kept, counts nothing and does not pop up', async (t) => {
  await put('carl', { mute: { types: ['alert', 'toast'] } });
  const tab = await openTab(belfry, 'carl');
  closing(t, tab);
  const { json } = await post({ to: ['carl', 'dora'], type: 'alert' });
  assert.equal(json.notifications[0].muted, true);
  assert.equal(json.notifications[1].muted, undefined);
  assert.deepEqual((await post({ to: ['carl', 'dora'], type: 'toast' })).json, { sent: 1, muted: 1 });
  await post({ to: 'carl', title: 'this one' });
  await tab.until('the other', () => tab.badge === 1);
  assert.equal(tab.events('notification:new').length, 1);
  assert.equal(tab.events('notification:toast').length, 0);
  assert.equal(tab.events('notifications:changes').length, 1);
  const { notifications } = await belfry.inbox('carl');
  assert.deepEqual(notifications.map((one) => one.muted), [undefined, true]);
  assert.deepEqual(tab.broken(), []);
});

check('quiet hours mark, and keep toasts away; alerts pass', async (t) => {
  await put('emma', { quiet_hours: allDay() });
  const tab = await openTab(belfry, 'emma');
  closing(t, tab);
  assert.deepEqual((await post({ to: 'emma', type: 'toast' })).json, { sent: 0, muted: 1 });
  await post({ to: 'emma' });
  await post({ to: 'emma', type: 'alert' });
  await tab.until('both', () => tab.badge === 2);
  const quiet = tab.events('notification:new').map(({ payload }) => payload.notification.quiet);
  assert.deepEqual(quiet, [true, undefined]);
});

check('who would get it, and why not: nothing is stored', async () => {
  await put('fred', { mute: { types: ['activity'] } });
  await put('gina', { quiet_hours: allDay() });
  const { status, json } = await post({ to: ['fred', 'gina', 'hans'] }, '?dry_run=1');
  assert.equal(status, 200);
  assert.deepEqual(json, {
    dry_run: true,
    users: [
      { user: 'fred', would_be: 'muted', because: 'type' },
      { user: 'gina', would_be: 'quiet', because: 'quiet_hours' },
      { user: 'hans', would_be: 'shown' },
    ],
  });
  for (const user of ['fred', 'gina', 'hans']) assert.equal((await belfry.inbox(user)).notifications.length, 0);
  assert.equal((await post({ to: 'fred', title: '' }, '?dry_run=1')).json.field, 'title');
  assert.deepEqual((await post({ to: { all: true } }, '?dry_run=1')).json, { dry_run: true, all: true });
  const later = { to: 'hans', deliver_at: new Date(Date.now() + 1e6).toISOString() };
  assert.equal((await post(later, '?dry_run=1')).status, 200);
});

/** What the dry run says of each, and then what the create itself did. */
const would = async (body, key = {}) => {
  const { status, json } = await belfry.request('POST', '/api/notifications?dry_run=true', {
    body: { title: 'hello', ...body },
    headers: { ...bearer(belfry.apiKey), ...key },
  });
  assert.equal(status, 200);
  return json.users ?? json;
};

check('a dry run says what the create would do: dedupe, collapse, categories, keys', async () => {
  const body = { to: ['ivan', 'june'], dedupe_key: 'd', collapse_key: 'c' };
  assert.deepEqual(await would(body), [{ user: 'ivan', would_be: 'shown' }, { user: 'june', would_be: 'shown' }]);
  assert.equal((await post({ ...body, to: 'ivan' })).status, 201);
  assert.deepEqual(await would(body), [{ user: 'ivan', would_be: 'deduped' }, { user: 'june', would_be: 'shown' }]);
  assert.deepEqual(await would({ to: ['ivan', 'june'], collapse_key: 'c' }), [
    { user: 'ivan', would_be: 'shown', collapsed: true },
    { user: 'june', would_be: 'shown' },
  ]);
  for (let i = 0; i < 32; i++) await post({ to: 'kim', category: `c${i}` });
  const full = [{ to: ['ivan', 'kim'], category: 'one more' }, '?dry_run=1'];
  assert.deepEqual((await post(...full)).json, (await post(full[0])).json);
  assert.equal((await post(...full)).json.field, 'category');
  const key = { 'Idempotency-Key': 'dry' };
  assert.equal((await would({ to: 'june' }, key)).length, 1);
  const make = () => belfry.request('POST', '/api/notifications', { body: { title: 'hello', to: 'june' }, headers: { ...bearer(belfry.apiKey), ...key } });
  assert.equal((await make()).status, 201);
  assert.deepEqual(await would({ to: 'june' }, key), { dry_run: true, repeated: true });
  assert.equal((await belfry.inbox('june')).notifications.length, 1);
});
