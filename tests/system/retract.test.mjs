// SPDX-License-Identifier: Apache-2.0
/* What was published is taken back: when DELETE is answered, whoever is connected has been told, on every
 * process; or the answer says that somebody may not have been. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, bearer, checked } from '../lib/belfry.mjs';
import { closing, openTab } from '../lib/phoenix.mjs';
import { until } from '../lib/until.mjs';

let belfry;
const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start({ sessions: 2 })));
after(() => belfry?.stop());

const users = Array.from({ length: 12 }, (_, i) => `u${i}`);
const publish = async (body) => {
  const { json, status } = await belfry.post('/api/notifications', body, belfry.apiKey);
  assert.ok([201, 202].includes(status));
  assert.match(json.publish, /^[0-9A-Z]{26}$/);
  return json.publish;
};
const retract = (id) => belfry.request('DELETE', `/api/publishes/${id}`, { headers: bearer(belfry.apiKey) });
const revise = (id, body, headers = {}) =>
  belfry.request('PATCH', `/api/publishes/${id}`, { headers: { ...bearer(belfry.apiKey), 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
const removed = (tab) => tab.events('notification:removed').filter((one) => one.payload.reason === 'retracted').length;
/** Answered by the session process itself: whatever it sent before has arrived. */
const pinged = (tab) => new Promise((resolve) => tab.socket.ping(resolve));

async function tabsOf(t, names) {
  const tabs = await Promise.all(names.map((user) => openTab(belfry, user)));
  for (const tab of tabs) closing(t, tab);
  return tabs;
}

check('R19: when DELETE has answered, every holder has been told', async (t) => {
  const tabs = await tabsOf(t, [...users, ...users]);
  for (const body of [{ to: users }, { to: { all: true } }, { to: users, deliver_at: new Date(Date.now() + 300).toISOString() }]) {
    const before = tabs.map((tab) => [removed(tab), tab.badge]);
    const id = await publish({ title: 'oops', ...body });
    await Promise.all(tabs.map((tab, i) => tab.until('it is there', () => tab.badge === before[i][1] + 1)));
    const { status, json } = await retract(id);
    assert.equal(status, 200);
    assert.equal(json.everywhere, true);
    await Promise.all(tabs.map(pinged));
    assert.deepEqual(tabs.map((tab) => [removed(tab), tab.badge]), before.map(([n, badge]) => [n + 1, badge]));
    assert.equal((await retract(id)).status, 404);
  }
  const [late] = await tabsOf(t, ['u0']);
  assert.equal(late.badge, 0);
  for (const tab of tabs) assert.deepEqual(tab.broken(), []);
  await belfry.check();
});

check('R15, R19: by its publish, though its first took the place of another', async (t) => {
  const create = (to, title, more) => belfry.post('/api/notifications', { to, title, collapse_key: 'k', ...more }, belfry.apiKey);
  const older = (await create('c1', 'older')).json;
  const { json } = await create(['c1', 'c2'], 'newer');
  assert.equal(json.notifications[0].collapsed, true);
  assert.equal(json.notifications[0].id, older.notifications[0].id);
  const [tab] = await tabsOf(t, ['c2']);
  assert.equal((await retract(older.publish)).status, 404); // the newer one stands there
  assert.equal((await retract(json.publish)).json.retracted, 2);
  await Promise.all([pinged(tab)]);
  assert.deepEqual([removed(tab), tab.badge, (await belfry.count('c1')).unread_count], [1, 0, 0]);
  await create('c1', 'first', { dedupe_key: 'd' });
  const again = (await create('c1', 'again', { dedupe_key: 'd' })).json;
  assert.deepEqual([again.notifications[0].deduped, again.publish], [true, null]);
});

check('R19: when PATCH has answered, every holder has been told, and nobody gets it as it was', async (t) => {
  const tabs = await tabsOf(t, ['p1', 'p2', 'p3']);
  const titles = () => tabs.map((tab) => tab.events('notification:updated').map((one) => [one.payload.notification.title, ...one.payload.fields].join()));
  for (const body of [{ to: ['p1', 'p2', 'p3'] }, { to: { all: true } }]) {
    const id = await publish({ title: 'frist', category: 'c', ...body });
    const before = titles();
    await Promise.all(tabs.map((tab) => tab.until('it is there', () => tab.badge > 0)));
    await belfry.post('/api/notifications/mark-all-read', { user: 'p1' }, belfry.apiKey);
    const key = { 'idempotency-key': `patch-${id}` };
    const { status, json } = await revise(id, { title: 'first', category: null }, key);
    assert.deepEqual([status, json.everywhere, json.updated], [200, true, body.to.all ? 0 : 3]);
    await Promise.all(tabs.map(pinged));
    assert.deepEqual(titles(), before.map((had) => [...had, 'first,title,category']));
    assert.equal((await revise(id, { title: 'first', category: null }, key)).json.seq, json.seq);
    assert.equal((await revise(id, { title: 'other' }, key)).status, 422);
    assert.deepEqual([(await belfry.count('p1')).unread_count, (await belfry.count('p2')).unread_count], [0, 1]);
    assert.equal((await retract(id)).status, 200);
    assert.equal((await revise(id, { title: 'late' })).status, 404);
  }
  const id = await publish({ to: { all: true }, title: 'an end' });
  const { status, json } = await revise(id, { expires_in: 60 });
  assert.deepEqual([status, json.field], [409, 'expires_at']);
  assert.equal((await revise(id, { user: 'p1', title: 'x' })).json.field, 'user');
  assert.equal((await revise(id, {})).status, 400);
  assert.equal((await revise('nonsense', { title: 'x' })).json.field, 'id');
  assert.equal((await retract(id)).status, 200);
  await belfry.check();
});

check('R19: it says when not everybody may have been told', async (t) => {
  const [tab] = await tabsOf(t, ['ann']);
  const id = await publish({ title: 'oops', to: 'ann' });
  await tab.until('it is there', () => tab.badge === 1);
  await belfry.signal('notifier', 'SIGSTOP');
  try {
    const { status, json } = await retract(id);
    assert.deepEqual([status, json.done, json.everywhere], [200, true, false]);
    assert.equal((await belfry.count('ann')).unread_count, 0);
  } finally {
    await belfry.signal('notifier', 'SIGCONT');
  }
  await until('it is told', () => removed(tab) === 1);
});

check('what is not there, and who may not', async () => {
  assert.equal((await retract('01M84HBW0X0000000000000001')).status, 404);
  assert.equal((await retract('nonsense')).json.field, 'id');
  const { status } = await belfry.request('DELETE', '/api/publishes/01M84HBW0X0000000000000001', { headers: bearer(belfry.token('ann')) });
  assert.equal(status, 403);
});
