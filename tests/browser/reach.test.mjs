// SPDX-License-Identifier: Apache-2.0
/* @belfry/client where the network is not kind: no WebSocket, tokens that end, connections that are silent. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { openBrowser } from '../lib/browser.mjs';
import { fixture, openFixture } from '../lib/fixture.mjs';
import { exact, openLive, shows, unread } from '../lib/live.mjs';
import { openSocket, versions } from '../lib/phoenix.mjs';
import { tapProxy } from '../lib/proxy.mjs';
import { until } from '../lib/until.mjs';

let belfry;
let browser;
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start();
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await belfry?.stop();
});

async function behind(t, setUp = () => {}) {
  const proxy = await tapProxy(belfry.base);
  setUp(proxy);
  const context = await browser.newContext();
  t.after(async () => {
    await context.close();
    await proxy.close();
  });
  return { proxy, open: (user, options, how) => openLive(context, belfry, user, options, { base: proxy.base, ...how }) };
}

const transport = (page) => page.evaluate(() => window.live.connection.get().transport);

check('WebSocket blocked: long-poll works; unblocked: back on WebSocket within a minute, no reload, nothing lost or twice', async (t) => {
  const { proxy, open } = await behind(t, (one) => (one.blocked = true));
  const page = await open('blocked');
  assert.equal(await transport(page), 'longpoll');
  for (let i = 0; i < 3; i++) await belfry.create('blocked', `n${i}`);
  await unread(page, 3);
  await page.evaluate(() => window.inbox.markRead(window.inbox.getSnapshot().items[0].id));
  await unread(page, 2);
  proxy.blocked = false;
  const from = Date.now();
  const creating = (async () => {
    for (let i = 0; (await transport(page)) === 'longpoll'; i++) {
      await belfry.create('blocked', `m${i}`);
      await page.waitForTimeout(250);
    }
  })();
  await shows(page, () => window.live.connection.get().transport === 'websocket', 'back on WebSocket', 60000);
  const took = Date.now() - from;
  await creating;
  t.diagnostic(`back on WebSocket after ${took} ms`);
  await exact(page, belfry, 'blocked');
  const news = await page.evaluate(() => window.news);
  assert.equal(new Set(news).size, news.length);
  assert.equal(news.length, (await belfry.inbox('blocked', '?limit=100')).notifications.length);
  const statuses = await page.evaluate(() => window.statuses.map((one) => one.status));
  assert.equal(statuses.slice(statuses.indexOf('connected')).every((one) => one === 'connected'), true, 'it never was away');
  await until('the long-poll is given up', async () => (await belfry.status()).connections === 1, 30000);
});

check('back on WebSocket: the old channels are left when the new ones have joined: nobody is seen to leave, what passes is heard', async (t) => {
  const other = await Belfry.start({ conf: 'topic\n    pattern = "presence:{room}"\n    join = "authenticated"\n    presence = 1\n' });
  const held = []; // joins that are on their way to the server
  const proxy = await tapProxy(other.base, (frame, from, send) => {
    if (from !== 'page' || frame[3] !== 'phx_join' || held.open) return true;
    held.push(() => send.server(frame));
    return false;
  });
  const { socket } = openSocket(other.base, { token: other.token('bob') });
  const context = await browser.newContext();
  t.after(async () => {
    socket.disconnect();
    await context.close();
    await proxy.close();
    await other.stop();
  });
  const channel = socket.channel('presence:x');
  const presence = new versions['1.8.16'].Presence(channel);
  const seen = { joins: 0, left: 0, gone: 0 }; // connections of ann
  presence.onJoin((user) => user === 'ann' && seen.joins++);
  presence.onLeave((user, { metas }) => user === 'ann' && (seen.left++, metas.length || seen.gone++));
  channel.join();
  proxy.blocked = true;
  const page = await openLive(context, other, 'ann', {}, { base: proxy.base });
  await page.evaluate(async () => {
    const { createPresence } = await import('/belfry.js');
    window.presence = createPresence(window.live, 'presence:x');
    window.toasts = [];
    window.inbox.onToast(({ title }) => window.toasts.push(title));
  });
  await until('ann is there', () => seen.joins === 1);
  assert.equal(await transport(page), 'longpoll');
  proxy.blocked = false;
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange'))); // sooner than by itself
  await until('it joins over WebSocket', () => held.length === 2);
  const toast = (title) => other.post('/api/notifications', { to: 'ann', type: 'toast', title }, other.apiKey);
  await new Promise((done) => setTimeout(done, 300)); // what was left at once would be gone by now
  assert.deepEqual(seen, { joins: 1, left: 0, gone: 0 });
  await toast('passes');
  await shows(page, () => window.toasts.length === 1, 'heard over the old one');
  held.open = true;
  for (const go of held) go();
  await until('the old one is left', () => seen.left === 1);
  assert.deepEqual(seen, { joins: 2, left: 1, gone: 0 });
  await toast('passes, too');
  await shows(page, () => window.toasts.length === 2, 'heard once');
  assert.equal(await transport(page), 'websocket');
});

check('a connection that went silent while the page slept is noticed when it wakes, and not later', async (t) => {
  let silent = false;
  const proxy = await tapProxy(belfry.base, () => !silent);
  const context = await browser.newContext();
  t.after(async () => {
    await context.close();
    await proxy.close();
  });
  const page = await openLive(context, belfry, 'sleeper', {}, { base: proxy.base });
  silent = true;
  await belfry.create('sleeper', 'not heard');
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await shows(page, () => window.live.connection.get().status !== 'connected', 'noticed', 8000); // a heartbeat: 15 s, and as long for its answer
  silent = false;
  await unread(page, 1);
  await exact(page, belfry, 'sleeper');
});

check('a token is renewed before its end, by the server\'s clock: the connection is not seen to break', async (t) => {
  const { open } = await behind(t);
  const page = await open('short', {}, { ready: false });
  await page.evaluate(() => window.live.close());
  await page.exposeFunction('freshToken', () => belfry.token('short', { ttl: 20, iat: Math.floor(Date.now() / 1000) }));
  await page.evaluate(async () => {
    const { connect, createInbox } = await import('/belfry.js');
    const now = Date.now;
    Date.now = () => now() + 3 * 3600e3;
    window.asked = 0;
    window.live = connect({ user: 'short', token: () => (window.asked++, window.freshToken()), tabs: false });
    window.inbox = createInbox(window.live);
    window.statuses = [];
    window.live.connection.subscribe(({ status }) => window.statuses.push(status));
  });
  await shows(page, () => window.live.connection.get().status === 'connected');
  await page.evaluate(() => (window.statuses.length = 0));
  await shows(page, () => window.asked >= 3, 'asked three times', 25000);
  await belfry.create('short', 'still here');
  await unread(page, 1);
  assert.deepEqual(await page.evaluate(() => [window.asked <= 4, window.statuses.filter((one) => one !== 'connected')]), [true, []]);
});

check('a token that is refused is asked for again; each attempt is counted until one succeeds', async (t) => {
  const { open } = await behind(t);
  const page = await open('refused', {}, { ready: false });
  await page.exposeFunction('goodToken', () => belfry.token('refused'));
  await page.evaluate(async () => {
    const { connect, createInbox } = await import('/belfry.js');
    window.live.close();
    let asked = 0;
    window.live = connect({ user: 'refused', token: () => (asked++ < 2 ? 'not.a.token' : window.goodToken()), tabs: false });
    window.inbox = createInbox(window.live);
    window.attempts = [];
    window.live.connection.subscribe(({ attempts }) => attempts !== window.attempts.at(-1) && window.attempts.push(attempts));
  });
  await shows(page, () => window.live.connection.get().status === 'connected', 'connected', 20000);
  const attempts = await page.evaluate(() => window.attempts);
  assert.ok(attempts.length > 3, String(attempts));
  assert.deepEqual(attempts, [...attempts.slice(0, -1).keys(), 0]);
});

check('a page that cannot get a token when it opens gets one later', async (t) => {
  const { open } = await behind(t);
  const page = await open('later', {}, { ready: false });
  await page.exposeFunction('goodToken', () => belfry.token('later'));
  await belfry.create('later', 'there');
  await page.evaluate(async () => {
    const { connect, createInbox } = await import('/belfry.js');
    window.live.close();
    let asked = 0;
    window.troubles = [];
    window.live = connect({ token: async () => { if (asked++ < 2) throw new Error('no network'); return window.goodToken(); }, tabs: false });
    window.live.on('trouble', (error) => window.troubles.push(error.message));
    window.inbox = createInbox(window.live);
  });
  await unread(page, 1);
  assert.deepEqual(await page.evaluate(() => window.troubles), ['no network', 'no network']);
});

check('a follower\'s presence ends with its tab, and not with the leader\'s', async (t) => {
  const conf = 'topic\n    pattern = "presence:{room}"\n    join = "authenticated"\n    presence = 1\n';
  const other = await Belfry.start({ conf });
  t.after(() => other.stop());
  const context = await browser.newContext();
  t.after(() => context.close());
  const leader = await openLive(context, other, 'ann');
  const tab = await openLive(context, other, 'ann');
  const users = () => other.get('/api/topics/presence%3Ax/presence', other.apiKey).then((answer) => Object.keys(answer.json.presences));
  await tab.evaluate(async () => {
    const { createPresence } = await import('/belfry.js');
    window.presence = createPresence(window.live, 'presence:x', { typing: false });
  });
  await shows(tab, () => window.presence.getSnapshot().users.length === 1);
  await tab.evaluate(() => window.presence.update({ typing: true }));
  await shows(tab, () => window.presence.getSnapshot().users[0].metas[0].typing === true);
  assert.deepEqual(await users(), ['ann']);
  const before_ = await tab.evaluate(() => window.presence.getSnapshot().users[0].metas[0].phx_ref);
  await leader.evaluate(() => {
    window.live.disconnect();
    window.live.connect();
  });
  await shows(tab, (ref) => window.presence.getSnapshot().users[0]?.metas.every((one) => one.phx_ref !== ref), 'joined again', 8000, before_);
  assert.equal(await tab.evaluate(() => window.presence.getSnapshot().users[0].metas[0].typing), true);
  const crash = await context.newCDPSession(tab);
  crash.send('Page.crash').catch(() => {});
  await until('ann is not there any more', async () => (await users()).length === 0);
  assert.equal(await leader.evaluate(() => window.live.connection.get().status), 'connected');
});

check('topics: published, kept, in order, in every tab', async (t) => {
  const conf = 'topic\n    pattern = "channel:{id}"\n    join = "authenticated"\n    publish = "authenticated"\n    history = 100\n';
  const other = await Belfry.start({ conf });
  t.after(() => other.stop());
  const context = await browser.newContext();
  t.after(() => context.close());
  const tabs = [await openLive(context, other, 'ann'), await openLive(context, other, 'ann'), await openLive(await browser.newContext(), other, 'bob')];
  for (let i = 0; i < 60; i++) await other.publish('channel:x', 'message.create', { text: `old${i}` });
  for (const tab of tabs)
    await tab.evaluate(async () => {
      const { createTopic } = await import('/belfry.js');
      window.topic = createTopic(window.live, 'channel:x');
      window.texts = () => window.topic.getSnapshot().messages.map((one) => one.payload.text).join();
    });
  for (const tab of tabs) await shows(tab, () => window.topic.getSnapshot().messages.length === 50);
  for (let i = 0; i < 10; i++) await tabs[i % 3].evaluate((n) => window.topic.publish('message.create', { text: `new${n}` }), i);
  const all = Array.from({ length: 60 }, (_, i) => `old${i}`).concat(Array.from({ length: 10 }, (_, i) => `new${i}`)).join();
  for (const tab of tabs) {
    await shows(tab, () => window.topic.getSnapshot().messages.at(-1).payload.text === 'new9');
    await tab.evaluate(() => window.topic.loadMore());
    assert.equal(await tab.evaluate(() => window.texts()), all);
  }
  const refused = await tabs[1].evaluate(async () => {
    const { createTopic } = await import('/belfry.js');
    const topic = createTopic(window.live, 'nothing:here');
    await new Promise((done) => topic.subscribe(({ refused }) => refused && done()));
    return topic.getSnapshot().refused;
  });
  assert.equal(refused, 'unmatched topic');
});

check('a page that knows inboxes only leads until a tab wants a topic; both go on', async (t) => {
  const conf = 'topic\n    pattern = "channel:{id}"\n    join = "authenticated"\n    publish = "authenticated"\n    history = 100\n';
  const other = await Belfry.start({ conf });
  t.after(() => other.stop());
  const context = await browser.newContext();
  t.after(() => context.close());
  const lean = await openFixture(context, other.base, await fixture('lean'), { token: other.token('ann') });
  await shows(lean, () => window.live?.connection.get().status === 'connected' && window.live.connection.get().leader);
  const tab = await openLive(context, other, 'ann');
  await other.publish('channel:x', 'message.create', { text: 'there' });
  await tab.evaluate(async () => {
    const { createTopic } = await import('/belfry.js');
    window.topic = createTopic(window.live, 'channel:x');
  });
  await shows(tab, () => window.topic.getSnapshot().messages[0]?.payload.text === 'there');
  assert.deepEqual([await lean.evaluate(() => window.live.connection.get().leader), await tab.evaluate(() => window.live.connection.get().leader)], [false, true]);
  await other.create('ann', 'for both');
  for (const page of [lean, tab]) await unread(page, 1);
  await lean.evaluate(() => window.inbox.markAllRead());
  for (const page of [lean, tab]) await unread(page, 0);
  await tab.close();
  await other.create('ann', 'led again');
  await unread(lean, 1);
});
