// SPDX-License-Identifier: Apache-2.0
/* Expiry: a connected badge drops within a second of it, and no later answer counts it. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { both, closing, openTab, transports } from '../lib/phoenix.mjs';

let belfry;
const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start()));
after(() => belfry?.stop());

for (const version of both)
  for (const transport of transports)
    check(`R12: the badge drops within 1 s of expires_at, ${version}, ${transport}`, async (t) => {
      const user = `e-${version}-${transport}`;
      const tab = await openTab(belfry, user, { version, transport });
      closing(t, tab);
      const kept = await belfry.create(user, 'kept');
      const { id } = await belfry.create(user, 'short', { expires_in: 1 });
      await tab.until('both', () => tab.badge === 2);
      const expires = Date.parse(tab.inbox.get(id).expires_at);
      await tab.until('gone', () => tab.badge === 1);
      const late = Date.now() - expires;
      assert.ok(late >= 0 && late < 1000, `${late} ms after expires_at`);
      assert.deepEqual(tab.inbox.list().map((one) => one.id), [kept.id]);
      const [{ payload }] = tab.events('notification:expired');
      assert.deepEqual([payload.ids, payload.unread_count], [[id], 1]);
      assert.deepEqual(tab.broken(), []);
      const marked = await tab.push('mark_read', { ids: [id] });
      assert.deepEqual([marked.response.changed, marked.response.unknown], [[], [id]], 'what is gone cannot be read');
    });

check('R12: an answer after expires_at never counts it, with nobody connected', async () => {
  const user = 'nobody';
  await belfry.create(user, 'kept');
  const at = new Date(Date.now() + 700);
  const { id } = await belfry.create(user, 'short', { expires_at: at.toISOString() });
  let before = 0;
  for (;;) {
    const asked = Date.now();
    const { unread_count } = await belfry.count(user);
    if (Date.now() < at.getTime()) {
      assert.equal(unread_count, 2);
      before++;
    }
    if (asked < at.getTime()) continue;
    assert.equal(unread_count, 1, `${asked - at.getTime()} ms after expires_at`);
    break;
  }
  assert.ok(before > 0);
  const { notifications } = await belfry.inbox(user);
  assert.equal(notifications.some((one) => one.id === id), false);
  await belfry.check();
});

check('one that was read expires without changing the count', async (t) => {
  const user = 'read-then-gone';
  const tab = await openTab(belfry, user);
  closing(t, tab);
  const { id } = await belfry.create(user, 'short', { expires_in: 1 });
  await tab.until('there', () => tab.badge === 1);
  await tab.push('mark_read', { ids: [id] });
  await tab.until('gone', () => tab.inbox.list().length === 0);
  assert.equal(tab.badge, 0);
  assert.deepEqual(tab.broken(), []);
});

check('expires_at in the past is refused, naming it', async () => {
  const answer = await belfry.post('/api/notifications', { to: 'past', title: 't', expires_at: '2001-01-01T00:00:00Z' }, belfry.apiKey);
  assert.equal(answer.status, 400, answer.text);
  assert.equal(answer.json.field, 'expires_at');
});

check('expiry while the notifier is dead is told when it is back', async (t) => {
  const user = 'late-notifier';
  const tab = await openTab(belfry, user);
  closing(t, tab);
  await belfry.create(user, 'short', { expires_in: 1 });
  await tab.until('there', () => tab.badge === 1);
  await belfry.kill('notifier');
  await tab.until('gone', () => tab.badge === 0, 4000);
  assert.deepEqual(tab.broken(), []);
});

check('R13: the client\'s clock plays no part', async (t) => {
  const user = 'wrong-clock';
  const tab = await openTab(belfry, user);
  closing(t, tab);
  const real = Date.now;
  const { id } = await belfry.create(user, 'an hour', { expires_in: 3600 });
  await tab.until('there', () => tab.badge === 1);
  Date.now = () => real() + 7200000;
  try {
    await tab.flush();
    assert.equal(tab.badge, 1);
    assert.ok(tab.inbox.get(id));
  } finally {
    Date.now = real;
  }
  const { stdout, code } = await belfry.command('notify', user, 'short', '--expires-in', '1');
  assert.equal(code, 0, stdout);
  await tab.until('two', () => tab.badge === 2);
  await tab.until('one', () => tab.badge === 1);
});
