// SPDX-License-Identifier: Apache-2.0
/* The guide's own component and store, as its reader has them, against our `live`. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { openBrowser } from '../lib/browser.mjs';
import { fixture, openFixture } from '../lib/fixture.mjs';

let belfry;
let browser;
let built;
let ours;
const check = checked(() => belfry);
before(async () => {
  built = await fixture('guide', {
    '$lib/stores/notificationStore': 'notificationStore.ts',
    '$lib/stores/connection': 'connection.js',
  });
  ours = await fixture('guide', { '$lib/stores/notificationStore': 'ours.js', '$lib/stores/connection': 'connection.js' });
  belfry = await Belfry.start();
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await belfry?.stop();
});

const badge = (page, text) => page.waitForFunction((wanted) => (document.querySelector('.badge')?.textContent ?? '') === wanted, text);

check('pulled on mount, pushed live, reconciled after a drop; reads elsewhere come with the sync', async (t) => {
  const context = await browser.newContext();
  t.after(() => context.close());
  for (let i = 0; i < 3; i++) await belfry.create('ann', `n${i}`);
  const page = await openFixture(context, belfry.base, built, { token: belfry.token('ann') });
  await badge(page, '3');
  await belfry.create('ann', 'live');
  await badge(page, '4');
  assert.deepEqual(await page.evaluate(() => window.toasts), ['live']);
  await context.setOffline(true);
  await page.waitForFunction(() => window.live.connection.get().status !== 'connected');
  await belfry.post('/api/notifications/mark-all-read', {}, belfry.token('ann'));
  await belfry.create('ann', 'after');
  await context.setOffline(false);
  await badge(page, '1');
  for (let i = 0; i < 99; i++) await belfry.create('ann', `m${i}`);
  await badge(page, '99+');
  await page.evaluate(() => window.live.pushEvent('mark_all_read', {}));
  assert.deepEqual(page.troubles, []);
  assert.equal((await belfry.count('ann')).unread_count, 0);
});

check('its component over our store: the same, and what is read on another device is heard of at once', async (t) => {
  const context = await browser.newContext();
  t.after(() => context.close());
  const all = [];
  for (let i = 0; i < 3; i++) all.push(await belfry.create('bob', `n${i}`));
  const page = await openFixture(context, belfry.base, ours, { token: belfry.token('bob') });
  await badge(page, '3');
  await belfry.create('bob', 'live');
  await badge(page, '4');
  await belfry.create('bob', 'of no count', { type: 'system' });
  await belfry.post('/api/notifications/mark-read', { ids: [all[0].id] }, belfry.token('bob'));
  await badge(page, '3');
  await page.evaluate(async (id) => {
    const { notificationStore } = window;
    await Promise.all([notificationStore.markRead(id), notificationStore.markRead(id)]);
  }, all[1].id);
  await badge(page, '2');
  await context.setOffline(true);
  await page.waitForFunction(() => window.live.connection.get().status !== 'connected');
  await belfry.post('/api/notifications/mark-all-read', {}, belfry.token('bob'));
  await belfry.create('bob', 'after');
  await context.setOffline(false);
  await badge(page, '1');
  await page.evaluate(() => window.notificationStore.markAllRead());
  await badge(page, '');
  assert.deepEqual([(await belfry.count('bob')).unread_count, await page.evaluate(() => window.toasts), page.troubles], [0, ['live', 'after'], []]);
});
