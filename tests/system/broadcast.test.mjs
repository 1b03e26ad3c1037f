// SPDX-License-Identifier: Apache-2.0
/* R20 through the whole of it: one request reaches all who are connected, live, and the others when
 * they come. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, bearer, checked, checkedAlone } from '../lib/belfry.mjs';
import { both, closing, openTab, transports } from '../lib/phoenix.mjs';
import { classes } from '../lib/topics.mjs';

let belfry;
const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start({ sessions: 3, conf: classes({ 'channel:{id}': { join: 'member', history: 10 } }) })));
after(() => belfry?.stop());

async function broadcast(to, more = {}, at = belfry) {
  const answer = await at.post('/api/notifications', { to, title: 'to many', ...more }, at.apiKey);
  assert.equal(answer.status, 202, answer.text);
  return answer.json;
}

for (const version of both)
  for (const transport of transports)
    check(`R20: who is connected gets it live, ${version}, ${transport}`, async (t) => {
      const tabs = await Promise.all(
        [...Array(12).keys()].map((i) => openTab(belfry, `live-${version}-${transport}-${i}`, { version, transport })));
      closing(t, ...tabs);
      const { publish, seq } = await broadcast({ all: true });
      assert.match(publish, /^[0-9A-Z]{26}$/);
      assert.ok(seq > 0);
      for (const tab of tabs) await tab.until('it is there', () => tab.badge === 1);
      for (const tab of tabs) {
        assert.equal(tab.events('notification:new').length, 1);
        assert.deepEqual(tab.broken(), []);
      }
      const removed = await belfry.request('DELETE', `/api/publishes/${publish}`, { headers: bearer(belfry.apiKey) });
      assert.equal(removed.status, 200, removed.text);
      for (const tab of tabs) await tab.until('it is gone', () => tab.badge === 0);
      assert.equal(tabs[0].events('notification:removed')[0].payload.reason, 'retracted');
      await belfry.check();
    });

check('R20: who is away gets it later, who comes later does not', async () => {
  assert.equal((await belfry.count('away')).unread_count, 0);
  await broadcast({ all: true });
  assert.equal((await belfry.count('away')).unread_count, 1);
  assert.equal((await belfry.count('later')).unread_count, 0);
  const { notifications } = await belfry.inbox('away');
  assert.equal(notifications[0].title, 'to many');
  await broadcast({ all: true, include_new: true });
  assert.equal((await belfry.count('later-still')).unread_count, 1);
});

check('R20: a topic is its members of that moment', async (t) => {
  await belfry.member('PUT', 'channel:7', 'mary');
  const tab = await openTab(belfry, 'mary');
  const other = await openTab(belfry, 'nora');
  closing(t, tab, other);
  const [before, had] = [tab.badge, other.badge]; /* she has what was for the new ones, too */
  await broadcast({ topic: 'channel:7' });
  await belfry.member('PUT', 'channel:7', 'nora');
  await belfry.create('nora', 'another');
  assert.equal((await belfry.count('nora')).unread_count, had + 1);
  await tab.until('it is there', () => tab.badge === before + 1);
  await other.until('the other is there', () => other.badge === had + 1);
  await belfry.check();
});

check('R20: kills of store, notifier and sessions lose none and double none', async (t) => {
  const users = [...Array(10).keys()].map((i) => `k${i}`);
  const tabs = await Promise.all(users.map((user) => openTab(belfry, user)));
  closing(t, ...tabs);
  const from = tabs.map((tab) => tab.badge); /* the one that asked for the new ones, too */
  await broadcast({ all: true });
  await belfry.kill('notifier');
  await broadcast({ all: true }, { type: 'alert' });
  await belfry.kill('store');
  await belfry.ready(10000);
  await belfry.kill('session.1');
  await broadcast({ all: true });
  for (const [i, tab] of tabs.entries()) await tab.until('all three', () => tab.badge === from[i] + 3, 15000);
  for (const [i, user] of users.entries()) assert.equal((await belfry.count(user)).unread_count, from[i] + 3);
  await belfry.check();
});

checkedAlone('R20: of more than are kept the oldest gives way: who was there has it, who was away has not, and it is counted', { env: { BELFRY_STORE_BROADCASTS: '3' } }, async (t, own) => {
  await own.count('away');
  const [here] = [await openTab(own, 'here', {})];
  closing(t, here);
  for (const title of ['1', '2', '3', '4']) await broadcast({ all: true }, { title }, own);
  await here.until('all four', () => here.badge === 4);
  assert.equal(await own.counter('forgotten', 'store'), 1);
  assert.deepEqual((await own.inbox('away')).notifications.map((one) => one.title), ['4', '3', '2']);
  assert.equal((await own.count('away')).unread_count, 3);
  await own.check();
});
