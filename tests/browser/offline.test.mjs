// SPDX-License-Identifier: Apache-2.0
/* The demo as an installed app: what is done without a network is done once, also when the tab or the
 * whole browser ended meanwhile. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before } from 'node:test';

import { chromium } from 'playwright-core';

import { Belfry, checked } from '../lib/belfry.mjs';
import { launch, openPage } from '../lib/browser.mjs';
import { until } from '../lib/until.mjs';

let belfry;
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start({ listen: '127.0.0.1:0' });
});
after(() => belfry?.stop());

let users = 0;

/** A browser with a folder of its own, to be closed and opened again; and somebody with five notifications. */
async function device(t, options = {}) {
  const user = `p${++users}`;
  const folder = fs.mkdtempSync('/tmp/b-chromium-');
  const own = { user };
  own.open = async () => {
    own.context = await chromium.launchPersistentContext(folder, { ...launch, ...options });
    return own.context;
  };
  own.page = async (wait = true) => {
    const page = await openPage(own.context, `${belfry.base}/?user=${user}`);
    if (wait) await page.locator('.connection[data-state=live]').waitFor();
    return page;
  };
  t.after(async () => {
    await own.context?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  for (let i = 0; i < 5; i++) await belfry.create(user, `n${i}`);
  await own.open();
  return own;
}

const worker = (page) => page.evaluate(() => navigator.serviceWorker.ready.then((one) => one.active.state));
const badge = (page) => page.locator('.belfry-bell > button').getAttribute('aria-label');
const badgeIs = (page, n) => until(async () => `${n} unread`, async () => ((await badge(page)).match(/(\d+) unread/)?.[1] ?? '0') === String(n), 8000);

async function readTwo(page) {
  await page.locator('.belfry-bell > button').click();
  for (let i = 0; i < 2; i++) await page.locator('article:not(.read) .belfry-actions button').first().click();
  await badgeIs(page, 3);
}

const waiting = (page, n) => until(`${n} operations wait on the disk`, () => page.evaluate((wanted) => new Promise((done) => {
  indexedDB.open('belfry').onsuccess = ({ target }) => {
    target.result.transaction('ops').objectStore('ops').count().onsuccess = (event) => {
      target.result.close();
      done(event.target.result === wanted);
    };
  };
}), n));

/** What a page that opens next without a network would show. */
const kept = (page, user, unread) => until('what is shown is kept', () => page.evaluate(([who, wanted]) => new Promise((done) => {
  indexedDB.open('belfry').onsuccess = ({ target }) => {
    target.result.transaction('shown').objectStore('shown').get(who).onsuccess = (event) => {
      target.result.close();
      done(event.target.result?.picture.unread === wanted);
    };
  };
}), [user, unread]));

const unreadIs = (user, n) => until(`${user} has ${n} unread`, async () => (await belfry.count(user)).unread_count === n, 10000);

check('reads made offline, the browser closed, the server restarted: done at the next load, without a service worker', async (t) => {
  const one = await device(t, { serviceWorkers: 'block' });
  const page = await one.page();
  await badgeIs(page, 5);
  await one.context.setOffline(true);
  await page.locator('.connection[data-state=connecting]').waitFor();
  await readTwo(page);
  await waiting(page, 3); // that they were seen, and two reads
  await one.context.close();
  for (const role of ['store', 'session.0', 'session.1']) await belfry.back(role, await belfry.kill(role));
  for (let i = 0; i < 3; i++) await belfry.create(one.user, `later${i}`);
  assert.equal((await belfry.count(one.user)).unread_count, 8);
  await one.open();
  const again = await one.page();
  await unreadIs(one.user, 6);
  await badgeIs(again, 6);
  await until('nothing waits', async () => !/waiting/.test(await again.locator('.connection').textContent()));
  const { notifications } = await belfry.inbox(one.user);
  assert.deepEqual(notifications.map((n) => n.read_at !== null), [false, false, false, true, true, false, false, false]);
});

for (const [what, command, more] of [
  ['a sync', 'dispatchSyncEvent', { lastChance: false }],
  ['the browser\'s own time, where there is no Background Sync', 'dispatchPeriodicSyncEvent', {}],
])
  check(`the service worker sends what waits with no page of ours open: at ${what}`, async (t) => {
    const one = await device(t);
    if (/Periodic/.test(command))
      await one.context.addInitScript(() => Object.defineProperty(ServiceWorkerRegistration.prototype, 'sync', { value: undefined }));
    const page = await one.page();
    assert.match(await worker(page), /activat/);
    await page.reload(); // controlled from its first byte on
    await page.locator('.connection[data-state=live]').waitFor();
    await badgeIs(page, 5);
    await page.locator('.switch').click(); // our connection is down; the network is there
    await readTwo(page);
    const session = await one.context.newCDPSession(page);
    const registered = new Promise((resolve) => session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      if (registrations.length) resolve(registrations[0].registrationId);
    }));
    await session.send('ServiceWorker.enable');
    const registrationId = await registered;
    const elsewhere = await one.context.newPage();
    const control = await one.context.newCDPSession(elsewhere);
    await control.send('ServiceWorker.enable');
    await page.close();
    await control.send(`ServiceWorker.${command}`, { origin: belfry.base, registrationId, tag: 'belfry', ...more });
    await unreadIs(one.user, 3);
  });

check('opened again without a network: what was there is shown, with what was done; and nothing of it is taken for news', async (t) => {
  const one = await device(t);
  const page = await one.page();
  await worker(page);
  await until('the shell is kept', () => page.evaluate(async () => {
    const names = await caches.keys();
    return names.length === 1 && (await (await caches.open(names[0])).keys()).length >= 4;
  }));
  await badgeIs(page, 5);
  await one.context.setOffline(true);
  await readTwo(page);
  await waiting(page, 3);
  await kept(page, one.user, 3);
  await one.context.close();
  for (let i = 0; i < 2; i++) await belfry.create(one.user, `later${i}`);
  await one.open(); // with a network for a moment: what waits may be sent in the background, or not
  await one.context.setOffline(true);
  const offline = await one.page(false);
  await badgeIs(offline, 3);
  await offline.locator('.belfry-bell > button').click();
  assert.deepEqual(await offline.locator('article').evaluateAll((all) => all.map((each) => each.classList.contains('read'))), [true, true, false, false, false]);
  await offline.locator('article:not(.read) .belfry-actions button').first().click();
  await badgeIs(offline, 2);
  await one.context.setOffline(false);
  await unreadIs(one.user, 4);
  await badgeIs(offline, 4);
  await until('the list is the server\'s', async () => (await offline.locator('article').count()) === 7);
  assert.equal(await offline.locator('.belfry-said').textContent(), '');
  assert.equal(await offline.locator('.belfry-toast').count(), 0);
});

check('it can be installed: the manifest has what it takes', async (t) => {
  const one = await device(t);
  const page = await one.page();
  await worker(page);
  const session = await one.context.newCDPSession(page);
  const { errors } = await session.send('Page.getAppManifest');
  assert.deepEqual(errors, []);
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  assert.deepEqual(installabilityErrors.filter((error) => error.errorId !== 'in-incognito'), []);
});
