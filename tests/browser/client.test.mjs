// SPDX-License-Identifier: Apache-2.0
/* @belfry/client in Chromium: optimism, many tabs, coming back. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { openBrowser } from '../lib/browser.mjs';
import { fixture, openFixture } from '../lib/fixture.mjs';
import { connectionsAre, exact, openLive, percentile, shownAt, shows, snapshot, unread } from '../lib/live.mjs';
import { tapProxy } from '../lib/proxy.mjs';
import { until } from '../lib/until.mjs';

const TABS_MS = 100;
const OFFLINE_MS = 10000;

let belfry;
let browser;
let away; // a page that is offline while the other tests run
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start();
  browser = await openBrowser();
  away = await goesOffline();
});
after(async () => {
  await browser?.close();
  await belfry?.stop();
  await away?.there.stop();
});

async function fresh(t, options) {
  const context = await browser.newContext(options);
  t.after(() => context.close());
  return context;
}

let users = 0;
const somebody = () => `u${++users}`;
const many = async (user, n, title = 'n', there = belfry) => {
  for (let i = 0; i < n; i++) await there.create(user, `${title}${i}`);
};

/** An empty context behind a proxy whose frames `look` sees; tab(user) opens one there. */
async function tapped(t, look) {
  const proxy = await tapProxy(belfry.base, look);
  const context = await browser.newContext();
  t.after(async () => {
    await context.close();
    await proxy.close();
  });
  return { proxy, context, tab: (user, options) => openLive(context, belfry, user, options, { base: proxy.base }) };
}

check('a read shows within one animation frame, before the server has it', async (t) => {
  const user = somebody();
  await many(user, 3);
  const page = await openLive(await fresh(t), belfry, user);
  const frames = await page.evaluate(async () => {
    const id = window.inbox.getSnapshot().items[0].id;
    const done = window.inbox.markRead(id);
    await new Promise(requestAnimationFrame);
    const badge = document.getElementById('badge').textContent;
    return { badge, answer: await done };
  });
  assert.equal(frames.badge, '2');
  assert.equal(frames.answer.unread_count, 2);
  await exact(page, belfry, user);
  assert.deepEqual(await page.evaluate(() => window.shown.map((one) => one.unread)).then((all) => [...new Set(all)]), [3, 2]);
});

/** What a page's promise comes to, as long as a page may wait for it. */
const within = (promise, ms = 15000) => {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(reject, ms, new Error(`no answer within ${ms} ms`))));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

/** Pushes of this event are answered with an error, while refuses() is true. */
const refusing = (name, refuses) => ([joinRef, ref, topic, event], from, send) => {
  if (from !== 'page' || event !== name || !refuses()) return true;
  send.page([joinRef, ref, topic, 'phx_reply', { status: 'error', response: { reason: 'the store is away' } }]);
  return false;
};

check('refused five times: the badge goes back to the server\'s number, and what arrived meanwhile stays', async (t) => {
  const user = somebody();
  await many(user, 3);
  const { tab } = await tapped(t, refusing('mark_read', () => true));
  const page = await tab(user);
  await page.evaluate(() => {
    window.done = window.inbox.markRead(window.inbox.getSnapshot().items[0].id).then(() => 'ok', (error) => error.reason);
  });
  await unread(page, 2);
  await belfry.create(user, 'arrives while it fails');
  await unread(page, 3);
  assert.equal(await page.evaluate(() => window.done), 'the store is away');
  await unread(page, 4);
  await exact(page, belfry, user);
  assert.deepEqual(await page.evaluate(() => window.failed), [{ reason: 'the store is away', what: 'read' }]);
  assert.deepEqual(await page.evaluate(() => window.shown.map((one) => one.unread).filter((n, i, all) => n !== all[i - 1])), [3, 2, 3, 4]);
});

check('what is kept on the disk is tried on and on, is done, and leaves the disk', async (t) => {
  const user = somebody();
  await many(user, 3);
  let pushes = 0;
  const { proxy, context } = await tapped(t, refusing('mark_read', () => ++pushes <= 5));
  const page = await openFixture(context, proxy.base, await fixture('kept'), { token: belfry.token(user) });
  await page.waitForFunction(() => window.inbox?.getSnapshot().ready);
  const done = page.evaluate(() => window.inbox.markRead(window.inbox.getSnapshot().items[0].id));
  await until('five were refused', () => pushes === 5, 15000);
  assert.deepEqual(await page.evaluate(async (who) => [window.inbox.getSnapshot().unread, (await window.queue.load(who)).length], user), [2, 1]);
  assert.equal((await done).unread_count, 2);
  await page.evaluate(() => Promise.all(window.inbox.getSnapshot().items.map((one) => window.inbox.markRead(one.id)))); // as fast as it goes
  await until('nothing is left on the disk', () => page.evaluate(async (who) => (await window.queue.load(who)).length === 0, user));
  await exact(page, belfry, user);
});

check('a refusal that is for good ends it at once', async (t) => {
  const user = somebody();
  await many(user, 1);
  const page = await openLive(await fresh(t), belfry, user);
  const reason = await page.evaluate(() => window.inbox.markRead('not an id').then(() => 'ok', (error) => error.field));
  assert.equal(reason, 'ids[0]');
  assert.deepEqual(await page.evaluate(() => window.failed.map((one) => one.reason.length > 0)), [true], 'and it is told once');
  await exact(page, belfry, user);
});

check('the connection dropped under a read, and a slow answer: done once, no wrong number between', async (t) => {
  const user = somebody();
  await many(user, 5);
  let pushes = 0;
  let held = null;
  const { proxy, tab } = await tapped(t, (frame, from, send) => {
    const [, , , event, payload] = frame;
    if (from === 'page' && event === 'mark_read') return ++pushes !== 1; // the first is lost
    if (from !== 'server' || event !== 'phx_reply' || !payload.response.changed) return true;
    held = () => send.page(frame);
    return false;
  });
  const page = await tab(user);
  const done = page.evaluate(() => window.inbox.markRead(window.inbox.getSnapshot().items.slice(0, 2).map((one) => one.id)));
  await unread(page, 3);
  await until('the first push is lost', () => pushes === 1);
  proxy.cut();
  await until('the answer is held back', () => held);
  assert.equal((await belfry.count(user)).unread_count, 3);
  await belfry.create(user, 'before the answer');
  await unread(page, 4);
  held();
  assert.equal((await done).unread_count, 3);
  await exact(page, belfry, user);
  assert.equal(pushes, 2);
  assert.deepEqual(await page.evaluate(() => window.shown.map((one) => one.unread).filter((n, i, all) => n !== all[i - 1])), [5, 3, 4]);
});

check('double clicks, and reading in two tabs at once, subtract once', async (t) => {
  const user = somebody();
  await many(user, 4);
  const context = await fresh(t);
  const tabs = [await openLive(context, belfry, user), await openLive(context, belfry, user)];
  await Promise.all(tabs.map((tab) => tab.evaluate(() => {
    const { id } = window.inbox.getSnapshot().items[0];
    return Promise.all([window.inbox.markRead(id), window.inbox.markRead(id)]);
  })));
  for (const tab of tabs) {
    await exact(tab, belfry, user);
    assert.equal((await snapshot(tab)).unread, 3);
    assert.equal(await tab.evaluate(() => Math.min(...window.shown.map((one) => one.unread))), 3);
  }
});

check('two tabs, two windows, two users: each change everywhere, one socket a browser', async (t) => {
  const user = somebody();
  const other = somebody();
  await connectionsAre(belfry, 0);
  const [one, two] = [await fresh(t), await fresh(t)];
  const tabs = [await openLive(one, belfry, user), await openLive(one, belfry, user), await openLive(two, belfry, user), await openLive(two, belfry, user)];
  const others = [await openLive(two, belfry, other), await openLive(two, belfry, other)];
  await connectionsAre(belfry, 3); // two browsers of user, one of other
  const series = async () => {
    const took = [];
    for (let i = 1; i <= 30; i++) {
      const from = Date.now();
      await belfry.create([user, other], `n${i}`);
      for (const tab of [...tabs, ...others]) await unread(tab, i);
      for (const tab of [...tabs, ...others]) took.push((await shownAt(tab, i, from)) - from);
    }
    for (let i = 29; i >= 0; i--) {
      const tab = tabs[i % 4];
      const from = await tab.evaluate(() => {
        const now = Date.now();
        window.inbox.markRead(window.inbox.getSnapshot().items.find((one) => !one.read_at).id);
        return now;
      });
      for (const each of tabs) await unread(each, i);
      for (const each of tabs) took.push((await shownAt(each, i, from)) - from);
    }
    await others[0].evaluate(() => window.inbox.markAllRead());
    await unread(others[1], 0);
    return took;
  };
  let p95;
  for (let tries = 0; tries < 3 && !(p95 <= TABS_MS); tries++) { // a machine that is busy otherwise is not what is measured
    const took = await series();
    p95 = percentile(took, 0.95);
    t.diagnostic(`${took.length} changes: p50 ${percentile(took, 0.5)} ms, p95 ${p95} ms, most ${Math.max(...took)} ms`);
  }
  assert.ok(p95 <= TABS_MS, `p95 ${p95} ms`);
  for (const tab of tabs) await exact(tab, belfry, user);
  for (const tab of others) await exact(tab, belfry, other);
});

check('the leading tab killed: another one leads, no gap, nothing twice', async (t) => {
  const user = somebody();
  const context = await fresh(t);
  const tabs = [];
  for (let i = 0; i < 3; i++) tabs.push(await openLive(context, belfry, user));
  let n = 0;
  while (tabs.length > 1) {
    const leads = await Promise.all(tabs.map((tab) => tab.evaluate(() => window.live.connection.get().leader)));
    assert.equal(leads.filter(Boolean).length, 1);
    const [leader] = tabs.splice(leads.indexOf(true), 1);
    const creating = (async () => {
      for (let i = 0; i < 10; i++) await belfry.create(user, `k${n + i}`);
    })();
    const crash = await context.newCDPSession(leader);
    crash.send('Page.crash').catch(() => {});
    await creating;
    n += 10;
    for (const tab of tabs) await unread(tab, n);
    for (const tab of tabs) {
      await exact(tab, belfry, user);
      const news = await tab.evaluate(() => window.news);
      assert.equal(news.length, new Set(news).size, 'told once of each');
      assert.equal(news.length, n, 'told of each');
      assert.ok(await tab.evaluate(() => window.shown.every((one, i, all) => i === 0 || one.length >= all[i - 1].length)), 'the list never shrinks');
    }
  }
});

check('a read whose leader dies before it is answered is done by the next one', async (t) => {
  const user = somebody();
  await many(user, 2);
  let lose = true;
  const one = await tapped(t, ([, , , event], from) => !(from === 'page' && event === 'mark_read' && lose));
  const { context } = one;
  const leader = await one.tab(user);
  const tab = await one.tab(user);
  const done = tab.evaluate(() => window.inbox.markRead(window.inbox.getSnapshot().items[0].id));
  await unread(leader, 1);
  await unread(tab, 1);
  await unread(await one.tab(user), 1); // a tab that opens meanwhile shows it, too
  lose = false;
  const crash = await context.newCDPSession(leader);
  crash.send('Page.crash').catch(() => {});
  assert.equal((await done).unread_count, 1);
  await exact(tab, belfry, user);
  assert.equal((await belfry.count(user)).unread_count, 1);
});

check('an answer lost with the connection: the read is done once, in every tab, and its promise resolves', async (t) => {
  const user = somebody();
  await many(user, 4);
  let lose = false;
  const { proxy, tab: open } = await tapped(t, ([, , , event, payload], from) => {
    if (!lose || from !== 'server' || event !== 'phx_reply' || !payload.response.changed) return true;
    lose = false;
    proxy.cut(); // it is done, and nobody hears of it
    return false;
  });
  const tabs = [await open(user), await open(user)]; // the first one leads
  for (const [i, asks] of tabs.entries()) {
    lose = true;
    const read = asks.evaluate((n) => window.inbox.markRead(window.inbox.getSnapshot().items[n].id), i);
    assert.equal((await within(read)).unread_count, 3 - i);
    for (const page of tabs) await exact(page, belfry, user);
    assert.equal((await belfry.count(user)).unread_count, 3 - i);
  }
  for (const page of tabs)
    assert.deepEqual(await page.evaluate(() => window.shown.map((one) => one.unread).filter((n, i, all) => n !== all[i - 1])), [4, 3, 2]);
});

check('a leader that dies while another tab waits for the answer of a push: that tab is told, and leads on', async (t) => {
  const user = somebody();
  await many(user, 2);
  let lost = false;
  const { context, tab: open } = await tapped(t, ([, , , event], from) => lost || !(lost = from === 'page' && event === 'mark_all_read'));
  const leader = await open(user);
  const tab = await open(user);
  const asked = tab.evaluate(() => window.live.pushEvent('mark_all_read', {}).then(() => 'done', (error) => [error.reason, error.retry]));
  await until('the push has got lost', () => lost);
  const crash = await context.newCDPSession(leader);
  crash.send('Page.crash').catch(() => {});
  assert.deepEqual(await within(asked), ['interrupted', true]);
  await shows(tab, () => window.live.connection.get().leader && window.live.connection.get().status === 'connected', 'it leads');
  await many(user, 1);
  await unread(tab, 3);
});

check('switched off in one tab is off in all, also when the one that leads goes, until one of them switches on', async (t) => {
  const user = somebody();
  await many(user, 1);
  await connectionsAre(belfry, 0);
  const context = await fresh(t);
  const leader = await openLive(context, belfry, user);
  const last = await openLive(context, belfry, user);
  await last.evaluate(() => window.live.disconnect());
  const off = (page) => shows(page, () => window.live.connection.get().status === 'disconnected', 'off');
  const next = await openLive(context, belfry, user, {}, { ready: false }); // it comes later, and has been told
  for (const page of [leader, next, last]) await off(page);
  await last.close();
  await leader.close();
  await shows(next, () => window.live.connection.get().leader, 'another one leads');
  await connectionsAre(belfry, 0);
  await off(next);
  await next.evaluate(() => window.live.connect());
  await many(user, 1);
  await unread(next, 2);
});

check('a tab that closed its connection: what followed it is closed after it, what it asks is refused, the others go on', async (t) => {
  const user = somebody();
  await many(user, 2);
  let answers = true;
  const { tab: open } = await tapped(t, ([, , , event], from) => answers || !(from === 'page' && event === 'mark_read'));
  const leader = await open(user);
  const tab = await open(user);
  answers = false;
  const reasons = await tab.evaluate(async () => {
    const { createTopic } = await import('/belfry.js');
    const late = new Promise((done) => setTimeout(done, 5000, 'no answer'));
    const reason = (promise) => Promise.race([promise.then(() => 'done', (error) => error.reason), late]);
    const topic = createTopic(window.live, 'any:topic');
    await topic.joined;
    const id = window.inbox.getSnapshot().items[0].id;
    const asked = [window.inbox.markRead(id), window.live.pushEvent('mark_read', { ids: [id] })].map(reason);
    await new Promise((done) => setTimeout(done));
    window.live.close();
    topic.close();
    asked.push(reason(window.live.pushEvent('mark_all_read', {})), reason(window.inbox.markRead(id)));
    window.inbox.close();
    return Promise.all(asked);
  });
  assert.deepEqual(reasons, ['interrupted', 'interrupted', 'not connected', 'closed']);
  await unread(leader, 1);
  await many(user, 1);
  await unread(leader, 2);
  assert.deepEqual(tab.troubles, []);
});

check('the guide: mark_all_read pushed as LiveView does, sync on mount, reconnect', async (t) => {
  const user = somebody();
  await many(user, 3);
  const page = await openLive(await fresh(t), belfry, user);
  const synced = await page.evaluate(() => new Promise((resolve) => window.live.handleEvent('notifications:sync', resolve)));
  assert.deepEqual([synced.count, synced.recent.length], [3, 3]);
  const again = await page.evaluate(() => new Promise((resolve) => {
    let calls = 0;
    window.live.handleEvent('notifications:sync', (payload) => ++calls === 2 && resolve(payload));
    queueMicrotask(() => window.live.pushEvent('reconnect', {}));
  }));
  assert.equal(again.count, 3);
  assert.equal(await page.evaluate(() => new Promise((resolve) => window.live.pushEvent('mark_all_read', {}, (answer) => resolve(answer.unread_count)))), 0);
  await unread(page, 0);
});

check('mark-all-read racing with arrivals, 200 times: never what the user had not been sent', async (t) => {
  const user = somebody();
  const page = await openLive(await fresh(t), belfry, user);
  let wrong = 0;
  for (let i = 0; i < 200; i++) {
    const arriving = Promise.all([belfry.create(user, `a${i}`), belfry.create(user, `b${i}`)]);
    const known = await page.evaluate(async (delay) => {
      await new Promise((done) => setTimeout(done, delay));
      const before = window.inbox.getSnapshot().items.map((one) => one.id);
      await window.inbox.markAllRead();
      return before;
    }, i % 5);
    await arriving;
    const { notifications } = await belfry.inbox(user, '?limit=20');
    wrong += notifications.filter((one) => one.read_at !== null && !known.includes(one.id)).length;
  }
  assert.equal(wrong, 0);
  await exact(page, belfry, user);
});

async function goesOffline() {
  const there = await Belfry.start();
  await many('ann', 8, 'n', there);
  const context = await browser.newContext();
  const page = await openLive(context, there, 'ann');
  await context.setOffline(true);
  await shows(page, () => window.live.connection.get().status === 'offline', 'offline');
  const from = Date.now();
  await page.evaluate(() => {
    for (const one of window.inbox.getSnapshot().items.slice(0, 5)) window.inbox.markRead(one.id);
  });
  await unread(page, 3);
  await many('ann', 30, 'later', there);
  return { there, context, page, from };
}

check('offline for 10 s, with 30 arrivals and 5 reads, the server restarted meanwhile: exact, and the list never shrinks', async (t) => {
  const { there, context, page, from } = away;
  t.after(() => context.close());
  for (const role of ['session.0', 'session.1', 'store', 'notifier', 'broker']) {
    const pid = await there.kill(role);
    await there.back(role, pid);
  }
  await new Promise((done) => setTimeout(done, from + OFFLINE_MS - Date.now()));
  assert.deepEqual(await page.evaluate(() => [window.live.connection.get().status, window.inbox.getSnapshot().unread]), ['offline', 3]);
  t.diagnostic(`offline for ${Date.now() - from} ms`);
  await context.setOffline(false);
  await unread(page, 33);
  await exact(page, there, 'ann');
  assert.ok(await page.evaluate(() => window.shown.every((one, i, all) => i === 0 || one.length >= all[i - 1].length)));
  assert.ok(await page.evaluate(() => window.live.connection.get().wasDisconnected));
  assert.deepEqual(await page.evaluate(() => window.live.connection.get().transport), 'websocket');
});

check('a list longer than a snapshot is kept over a full sync', async (t) => {
  const user = somebody();
  for (let i = 0; i < 130; i++) await belfry.create(user, `n${i}`);
  const page = await openLive(await fresh(t), belfry, user);
  await page.evaluate(async () => {
    while (window.inbox.getSnapshot().hasMore) await window.inbox.loadMore();
  });
  assert.equal((await snapshot(page)).items.length, 130);
  const old = (await belfry.inbox(user, '?limit=100')).notifications.at(-1);
  await page.evaluate(() => { window.shown.length = 0; });
  await page.evaluate(() => window.live.pushEvent('reconnect', {}, () => {}));
  await belfry.post('/api/notifications/mark-read', { ids: [old.id] }, belfry.token(user));
  await unread(page, 129);
  await page.waitForFunction(() => window.inbox.getSnapshot().items.length === 130);
  assert.equal(await page.evaluate(() => Math.min(...window.shown.map((one) => one.length))), 130);
  await exact(page, belfry, user);
});

check('pages that are refused are asked for again: below a full sync, and where a frame says that something is to be pulled', async (t) => {
  const user = somebody();
  for (let i = 0; i < 120; i++) await belfry.create(user, `n${i}`);
  let refused = 0;
  let refuses = false;
  const { tab } = await tapped(t, refusing('list', () => refuses && ++refused));
  const page = await tab(user);
  await page.evaluate(async () => {
    while (window.inbox.getSnapshot().hasMore) await window.inbox.loadMore();
  });
  const old = (await belfry.inbox(user, '?limit=100')).notifications.at(-1);
  refuses = true;
  await page.evaluate(() => window.live.pushEvent('reconnect', {}, () => {}));
  await belfry.post('/api/notifications/mark-read', { ids: [old.id] }, belfry.token(user));
  await until('two pages were refused', () => refused >= 2);
  await belfry.create(user, 'the newest', { type: 'system' });
  await until('and another one', () => refused >= 3);
  refuses = false;
  await shows(page, () => window.inbox.getSnapshot().items[0].title === 'the newest', 'what was to be pulled is there');
  await exact(page, belfry, user);
});
