// SPDX-License-Identifier: Apache-2.0
/* The five types: each cell of the table in docs/tour.md, so that a wrong one fails here. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { closing, openTab, transports } from '../lib/phoenix.mjs';

let belfry;
const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start()));
after(() => belfry?.stop());

const table = [
  // type, event of its arrival, pushed as itself, stored, counted
  ['transient', 'notification:transient', true, false, false],
  ['toast', 'notification:toast', true, false, false],
  ['activity', 'notification:new', true, true, true],
  ['alert', 'notification:new', true, true, true],
  ['system', 'notifications:changes', false, true, false],
];
const content = { title: 'a title', body: 'a body', data: { key: [1, 'two', null] } };

for (const [type, event, pushed, stored, counted] of table)
  for (const transport of transports)
    check(`${type}, ${transport}: push ${pushed}, stored ${stored}, badge ${counted}`, async (t) => {
      const user = `${type}-${transport}`;
      const tab = await openTab(belfry, user, { transport });
      closing(t, tab);
      const answer = await belfry.post('/api/notifications', { to: user, type, ...content }, belfry.apiKey);
      if (stored) {
        assert.equal(answer.status, 201, answer.text);
        assert.equal(answer.json.notifications.length, 1);
      } else {
        assert.equal(answer.status, 202, answer.text);
        assert.deepEqual(answer.json, { sent: 1 });
      }
      await tab.until(`the event ${event}`, () => tab.events(event).length === 1);
      const [{ payload }] = tab.events(event);

      const names = new Set(tab.seen.map((one) => one.event));
      assert.equal(names.has('notification:new'), pushed && stored);
      if (stored) assert.deepEqual([payload.prev, payload.seq, payload.unread_count], [0, answer.json.notifications[0].seq, counted ? 1 : 0]);
      else assert.deepEqual([payload.seq, payload.prev, payload.unread_count], [undefined, undefined, undefined]);
      const shown = pushed ? (stored ? payload.notification : payload) : null;
      if (shown)
        assert.deepEqual([shown.type, shown.title, shown.body, shown.data], [type, content.title, content.body, content.data]);
      else {
        assert.equal(JSON.stringify(payload).includes(content.title), false, 'not pushed as itself');
        await tab.until('pulled', () => tab.inbox.list().length === 1);
        assert.equal(tab.inbox.list()[0].title, content.title);
      }

      assert.equal(tab.badge, counted ? 1 : 0);
      const inbox = await belfry.inbox(user);
      assert.equal(inbox.unread_count, counted ? 1 : 0);
      assert.equal(inbox.notifications.length, stored ? 1 : 0);
      const later = await openTab(belfry, user, { transport });
      closing(t, later);
      assert.equal(later.badge, counted ? 1 : 0);
      assert.equal(later.inbox.list().length, stored ? 1 : 0);

      if (stored) {
        const { id } = inbox.notifications[0];
        const { status, response } = await tab.push('mark_read', { ids: [id] });
        assert.equal(status, 'ok');
        assert.deepEqual(response.changed, [id], 'whatever is stored can be read');
        assert.equal(response.unread_count, 0);
        await later.until('read', () => later.inbox.get(id).read_at);
        assert.equal(later.badge, 0);
      } else {
        assert.equal((await belfry.count(user)).seq, 0, 'nothing was committed');
      }
      assert.deepEqual(tab.broken(), []);
    });

check('the type is activity when none is said', async () => {
  await belfry.create('untyped', 'x');
  assert.equal((await belfry.inbox('untyped')).notifications[0].type, 'activity');
});

check('a toast to several goes to those who are connected, and to nobody later', async (t) => {
  const tab = await openTab(belfry, 'here');
  closing(t, tab);
  const answer = await belfry.post('/api/notifications', { to: ['here', 'absent'], type: 'toast', title: 'now' }, belfry.apiKey);
  assert.deepEqual([answer.status, answer.json.sent], [202, 2]);
  await tab.until('toast', () => tab.events('notification:toast').length === 1);
  const late = await openTab(belfry, 'absent');
  closing(t, late);
  await late.flush();
  assert.equal(late.events('notification:toast').length, 0);
});

check('mixed: only counted types are in the count, at every seq', async (t) => {
  const user = 'mixed';
  const tab = await openTab(belfry, user);
  closing(t, tab);
  let count = 0;
  for (const type of ['system', 'activity', 'system', 'alert', 'toast', 'activity', 'transient', 'system']) {
    await belfry.post('/api/notifications', { to: user, type, title: type }, belfry.apiKey);
    if (type === 'activity' || type === 'alert') count++;
    await tab.until(`${count} after ${type}`, () => tab.badge === count);
  }
  await tab.until('all', () => tab.inbox.list().length === 6);
  await tab.push('mark_all_read', {});
  await tab.until('all read', () => tab.inbox.list().every((one) => one.read_at));
  assert.equal(tab.badge, 0);
  await belfry.check();
});
