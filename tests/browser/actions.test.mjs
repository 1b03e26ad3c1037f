// SPDX-License-Identifier: Apache-2.0
/* What a person does to notifications, in Chromium over the real server: shown at once, done once, the same
 * on every device, also when it was done without a network. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { openBrowser } from '../lib/browser.mjs';
import { fixture, openFixture } from '../lib/fixture.mjs';
import { exact, openLive, shows, snapshot, unread } from '../lib/live.mjs';
import { tapProxy } from '../lib/proxy.mjs';
import { until, within } from '../lib/until.mjs';

let belfry;
let browser;
let kept;
const check = checked(() => belfry);
before(async () => {
  kept = await fixture('kept');
  belfry = await Belfry.start();
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await belfry?.stop();
});

let users = 0;

/** Somebody with n notifications, n0 the oldest, on two devices. */
async function scene(t, n, more = () => ({})) {
  const user = `a${++users}`;
  const ids = [];
  for (let i = 0; i < n; i++) ids.push((await belfry.create(user, `n${i}`, more(i))).id);
  const contexts = [await browser.newContext(), await browser.newContext()];
  t.after(() => Promise.all(contexts.map((one) => one.close())));
  const [here, there] = await Promise.all(contexts.map((one) => openLive(one, belfry, user)));
  /** What is shown in the same turn of the page, and everywhere in the end: [unread, titles, newest first]. */
  const act = async (what, args, want) => {
    const { at_once, reason } = await here.evaluate(async ([name, given]) => {
      const done = window.inbox[name](...given);
      await new Promise(requestAnimationFrame);
      const { unread: count, items } = window.inbox.getSnapshot();
      const found = await done.then(() => null, (error) => error.message);
      return { at_once: [count, items.map((one) => one.title).join()], reason: found };
    }, [what, args]);
    assert.equal(reason, null, what);
    assert.deepEqual(at_once, want, `${what}, at once`);
    for (const page of [here, there]) await exact(page, belfry, user);
    for (const page of [here, there]) assert.deepEqual(await shown(page), want, what);
  };
  return { user, ids, here, there, act, contexts };
}

const shown = async (page) => {
  const { unread: count, items } = await snapshot(page);
  return [count, items.map((one) => one.title).join()];
};

check('unread, archive and back, delete, seen: at once, and on the other device', async (t) => {
  const { user, ids, here, there, act, contexts } = await scene(t, 4);
  await act('markRead', [[ids[0], ids[1]]], [2, 'n3,n2,n1,n0']);
  await act('markUnread', [ids[1]], [3, 'n3,n2,n1,n0']);
  await act('archive', [[ids[3], ids[0]]], [2, 'n2,n1']);
  const late = await openLive(contexts[1], belfry, user, { tabs: false });
  assert.deepEqual(await shown(late), [2, 'n2,n1'], 'who comes now has not what is archived');
  await act('unarchive', [[ids[3], ids[0]]], [3, 'n3,n2,n1,n0']);
  await exact(late, belfry, user);
  assert.deepEqual(await shown(late), [3, 'n3,n2,n1,n0'], 'and gets it when it is brought back');
  await act('remove', [ids[2]], [2, 'n3,n1,n0']);
  assert.equal((await snapshot(here)).unseen, 1, 'what was read once is not news');
  await act('markSeen', [], [2, 'n3,n1,n0']);
  for (const page of [here, there]) assert.equal((await snapshot(page)).unseen, 0);
  await act('archiveAll', [{ only_read: true }], [2, 'n3,n1']);
  assert.equal((await here.evaluate(() => window.news.length)) + (await there.evaluate(() => window.news.length)), 0, 'nothing of it is news');
});

check('snoozed it leaves, and comes back as the newest, unread, on both', async (t) => {
  const { user, ids, here, there, act } = await scene(t, 3);
  await act('markRead', [ids[0]], [2, 'n2,n1,n0']);
  await act('snooze', [ids[0], new Date(Date.now() + 3600e3).toISOString()], [2, 'n2,n1']);
  await here.evaluate((id) => window.inbox.unsnooze(id), ids[0]);
  for (const page of [here, there]) await unread(page, 3);
  for (const page of [here, there]) await exact(page, belfry, user);
  assert.deepEqual(await shown(here), [3, 'n0,n2,n1']);
  await here.evaluate((id) => window.inbox.snooze(id, new Date(Date.now() + 400)), ids[1]);
  for (const page of [here, there]) await shows(page, () => window.inbox.getSnapshot().items[0]?.title === 'n1', 'it is back');
  for (const page of [here, there]) await exact(page, belfry, user);
});

check('all of a category: its own number goes at once, also of what is not held', async (t) => {
  const { here, there, user } = await scene(t, 56, (i) => (i % 2 ? { category: 'a' } : {}));
  assert.deepEqual((await snapshot(here)).categories.a, { unread: 28, unseen: 28 });
  const at_once = await here.evaluate(() => {
    window.inbox.markAllRead({ category: 'a' });
    return new Promise((done) => requestAnimationFrame(() => done(window.inbox.getSnapshot().unread)));
  });
  assert.equal(at_once, 28);
  for (const page of [here, there]) await unread(page, 28);
  assert.equal((await belfry.count(user)).unread_count, 28);
  assert.ok(await here.evaluate(() => window.shown.every((one) => [56, 28].includes(one.unread))));
});

check('R6: what is read without a network does not undo what another device marked as unread meanwhile', async (t) => {
  const { user, ids, here, there, contexts } = await scene(t, 2);
  await here.evaluate((id) => window.inbox.markRead(id), ids[0]);
  await exact(here, belfry, user);
  await exact(there, belfry, user);
  await contexts[0].setOffline(true);
  await shows(here, () => window.live.connection.get().status === 'offline', 'offline');
  await here.evaluate(() => { window.inbox.markAllRead(); });
  await unread(here, 0);
  await there.evaluate((id) => window.inbox.markUnread(id), ids[0]);
  await contexts[0].setOffline(false);
  for (const page of [here, there]) await unread(page, 1);
  for (const page of [here, there]) await exact(page, belfry, user);
  assert.deepEqual((await belfry.inbox(user)).notifications.map((one) => one.read_at === null), [false, true]);
});

check('done without a network, the page gone: sent by HTTP, in order, once; nothing is left on the disk', async (t) => {
  const user = `a${++users}`;
  const ids = [];
  for (let i = 0; i < 5; i++) ids.push((await belfry.create(user, `n${i}`)).id);
  const context = await browser.newContext();
  t.after(() => context.close());
  const open = () => openFixture(context, belfry.base, kept, { token: belfry.token(user) });
  const page = await open();
  await page.waitForFunction(() => window.inbox?.getSnapshot().ready && window.live.connection.get().status === 'connected');
  await page.evaluate(() => window.live.disconnect());
  await page.evaluate(([n0, n1, n2, n3]) => {
    window.inbox.markAllRead();
    window.inbox.markUnread(n1);
    window.inbox.archive(n2);
    window.inbox.remove(n3);
    window.inbox.snooze(n0, new Date(Date.now() + 3600e3));
    window.inbox.markSeen();
  }, ids);
  await unread(page, 1);
  await until('all wait on the disk', () => page.evaluate(async (who) => (await window.queue.load(who)).length === 6, user));
  await belfry.create(user, 'later');
  await page.evaluate(() => window.flush());
  const { notifications, unread_count } = await belfry.inbox(user);
  assert.deepEqual([unread_count, notifications.map((one) => [one.title, one.read_at === null])], [2, [['later', true], ['n4', false], ['n1', true]]]);
  assert.equal(await page.evaluate(async (who) => (await window.queue.load(who)).length, user), 0);
  await page.evaluate(() => window.live.connect());
  await unread(page, 2);
  await exact(page, belfry, user);
});

check('its answer lost with the connection: it is done once, its promise ends, and nothing is left on the disk', async (t) => {
  const user = `a${++users}`;
  for (let i = 0; i < 3; i++) await belfry.create(user, `n${i}`);
  let lost = 0;
  const proxy = await tapProxy(belfry.base, ([, , , event, payload], from) => !(from === 'server' && event === 'phx_reply' && payload.response.changed && ++lost));
  const context = await browser.newContext();
  t.after(async () => {
    await context.close();
    await proxy.close();
  });
  const page = await openFixture(context, proxy.base, kept, { token: belfry.token(user) });
  await page.waitForFunction(() => window.inbox?.getSnapshot().ready && window.live.connection.get().status === 'connected');
  const done = page.evaluate(() => window.inbox.markRead(window.inbox.getSnapshot().items[0].id));
  await until('the answer is lost', () => lost === 1);
  await until('its event came all the same', () => page.evaluate(() => window.inbox.getSnapshot().pending === 0));
  proxy.cut();
  assert.equal((await within('its promise ends', done)).unread_count, 2);
  await until('nothing is left on the disk', () => page.evaluate(async (who) => (await window.queue.load(who)).length === 0, user));
  await exact(page, belfry, user);
  assert.equal(lost, 1, 'it was not asked again');
});
