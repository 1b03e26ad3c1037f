// SPDX-License-Identifier: Apache-2.0
/* An inbox that keeps so many: who is connected sees the oldest give way, with counts that are right. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { closing, openTab } from '../lib/phoenix.mjs';

let belfry;
const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start({ sessions: 1, env: { BELFRY_STORE_MAX_ITEMS: '3' } })));
after(() => belfry?.stop());

check('R17: notification:removed, reason evicted', async (t) => {
  const tab = await openTab(belfry, 'ann');
  closing(t, tab);
  const gone = [];
  tab.channel.on('notification:removed', (payload) => gone.push(payload));
  const made = [];
  for (let i = 0; i < 3; i++) made.push((await belfry.create('ann', `n${i}`)).id);
  await belfry.post('/api/notifications/mark-read', { ids: [made[1]] }, belfry.token('ann'));
  const dry = await belfry.post('/api/notifications?dry_run=1', { to: ['ann', 'bob'], title: 't' }, belfry.apiKey);
  assert.deepEqual(dry.json.users, [{ user: 'ann', would_be: 'shown', evicts: 1 }, { user: 'bob', would_be: 'shown' }]);
  await belfry.create('ann', 'n3');
  await belfry.create('ann', 'n4');
  await tab.until('two are gone', () => gone.length === 2);
  assert.deepEqual(gone.map((one) => [one.ids, one.reason, one.unread_count]), [
    [[made[1]], 'evicted', 3], // the one that was read
    [[made[0]], 'evicted', 3], // then the oldest
  ]);
  const { notifications, unread_count } = await belfry.inbox('ann');
  assert.deepEqual(notifications.map((one) => one.title), ['n4', 'n3', 'n2']);
  assert.equal(unread_count, 3);
  await belfry.check();
});
