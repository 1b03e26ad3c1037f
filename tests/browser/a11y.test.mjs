// SPDX-License-Identifier: Apache-2.0
/* The eight rules of accessibility, by keyboard only, and axe-core on every screen. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { openBrowser, openPage } from '../lib/browser.mjs';
import { fixture, openFixture } from '../lib/fixture.mjs';
import { until } from '../lib/until.mjs';

const axe = fs.readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const conf = fs.readFileSync(new URL('../../web/demo/belfry.conf', import.meta.url), 'utf8');

let belfry;
let browser;
let built;
const check = checked(() => belfry);
before(async () => {
  built = await fixture('parts');
  belfry = await Belfry.start({ conf });
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await belfry?.stop();
});

let users = 0;

/** A page of all parts for somebody new with n unread. */
async function parts(t, n = 0, { props = {}, ahead = 0, ...options } = {}) {
  const user = `a${++users}`;
  for (let i = 0; i < n; i++) await belfry.create(user, `n${i}`);
  const context = await browser.newContext(options);
  t.after(() => context.close());
  await context.addInitScript((ms) => {
    const now = Date.now;
    Date.now = () => now() + ms;
  }, ahead);
  const page = await openFixture(context, belfry.base, built, { token: belfry.token(user), props });
  page.user = user;
  await page.waitForFunction(() => window.inbox?.getSnapshot().ready);
  page.bell = page.locator('.belfry-bell > button');
  page.said = page.locator('.belfry-said');
  return page;
}

async function clean(page, what) {
  await page.evaluate(`${axe}; window.axe = axe`);
  const { violations } = await page.evaluate(() => window.axe.run(document, { rules: { 'page-has-heading-one': { enabled: true } } }));
  assert.deepEqual(violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(' ')}: ${one.help}`), [], what);
}

const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.dataset.id || document.activeElement.className || document.activeElement.tagName);

check('rule 1: the bell is a button whose name has the exact count; the badge is not read', async (t) => {
  const page = await parts(t, 120);
  assert.equal(await page.bell.getAttribute('aria-haspopup'), 'dialog');
  assert.equal(await page.bell.getAttribute('aria-expanded'), 'false');
  assert.equal(await page.locator(`[id="${await page.bell.getAttribute('aria-controls')}"]`).getAttribute('role'), 'dialog');
  assert.equal(await page.getByRole('button', { name: 'Notifications, 120 unread', exact: true }).count(), 1);
  assert.equal(await page.bell.locator('.belfry-badge').getAttribute('aria-hidden'), 'true');
  assert.equal((await page.bell.locator('.belfry-badge').textContent()).trim(), '99+');
  assert.equal(await page.getByRole('img', { name: '120 unread', exact: true }).count(), 1);
});

check('rule 2: only what arrives is announced, together, and at most every 5 s', async (t) => {
  const page = await parts(t, 2);
  assert.equal(await page.bell.locator('[role=status]').count(), 0, 'outside of the button');
  assert.equal(await page.said.getAttribute('role'), 'status');
  assert.equal(await page.said.textContent(), '');
  await page.evaluate(() => {
    window.said = [];
    new MutationObserver(() => {
      const text = document.querySelector('.belfry-said').textContent;
      if (text) window.said.push([text, Date.now()]);
    }).observe(document.querySelector('.belfry-said'), { childList: true, characterData: true, subtree: true });
  });
  await belfry.post('/api/notifications', { to: page.user, title: 'first' }, belfry.apiKey);
  await page.waitForFunction(() => window.said.length === 1);
  for (let i = 0; i < 4; i++) await belfry.create(page.user, `more${i}`);
  await page.waitForFunction(() => window.said.length === 2);
  const said = await page.evaluate(() => window.said);
  assert.deepEqual(said.map(([text]) => text), ['1 new notification', '4 new notifications']);
  assert.ok(said[1][1] - said[0][1] >= 4900, `${said[1][1] - said[0][1]} ms`);
  await page.evaluate(() => window.inbox.markAllRead());
  await page.waitForFunction(() => window.inbox.getSnapshot().unread === 0);
  assert.equal(await page.evaluate(() => window.said.length), 2, 'nothing is said of what goes');
});

check('rule 3: toasts are polite but for critical alerts, wait for who looks, take no focus, and stay in the list', async (t) => {
  const page = await parts(t);
  await page.locator('#before').focus();
  await belfry.create(page.user, 'polite');
  await page.locator('.belfry-toasts [role=status] .belfry-toast', { hasText: 'polite' }).waitFor();
  assert.equal(await focused(page), 'before');
  await belfry.create(page.user, 'urgent', { type: 'alert', data: { priority: 'critical' } });
  await page.locator('.belfry-toasts [role=alert] .belfry-toast', { hasText: 'urgent' }).waitFor();
  await page.keyboard.press('F8');
  assert.match(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), /^Close: polite$/);
  await page.waitForTimeout(2200); // longer than a toast stays: with the focus on it, it does
  assert.equal(await page.locator('.belfry-toast').count(), 2);
  await page.keyboard.press('Escape');
  await page.locator('.belfry-toast', { hasText: 'polite' }).waitFor({ state: 'detached' });
  assert.equal(await focused(page), 'before');
  await page.locator('.belfry-toast', { hasText: 'urgent' }).waitFor({ state: 'detached' });
  assert.equal(await page.locator('.list article').count(), 2);
  for (let i = 0; i < 5; i++) await belfry.create(page.user, `one of many ${i}`);
  const toasts = page.locator('.belfry-toast');
  await toasts.filter({ hasText: 'many 4' }).hover();
  await page.waitForTimeout(2200); // the pointer holds them, too
  assert.deepEqual(await toasts.locator('strong').allTextContents(), ['one of many 2', 'one of many 3', 'one of many 4'], 'the newest three');
  await page.mouse.move(0, 0);
  await until('they go when it does', async () => (await toasts.count()) === 0);
});

check('R13: how long ago is said by the server\'s clock', async (t) => {
  for (const ahead of [0, 3 * 3600e3, -3 * 3600e3]) {
    const page = await parts(t, 1, { ahead });
    assert.match(await page.locator('.list article time').textContent(), /^(now|\d+s(ec\.)? ago)$/, `${ahead} ms`);
  }
});

check('rule 4: the panel: Escape closes it and gives the focus back, Tab goes through and out', async (t) => {
  const page = await parts(t, 1);
  await page.locator('#before').focus();
  await page.keyboard.press('Tab');
  assert.equal(await page.bell.evaluate((one) => one === document.activeElement), true);
  await page.keyboard.press('Enter');
  assert.equal(await page.bell.getAttribute('aria-expanded'), 'true');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.closest('[role=dialog]') !== null), true);
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('.belfry-panel').isVisible(), false);
  assert.equal(await page.bell.evaluate((one) => one === document.activeElement), true);
  await page.keyboard.press('Space');
  let inside = 0;
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => document.activeElement.closest('[role=dialog]') === null)) break;
    inside++;
  }
  assert.ok(inside > 1 && inside < 10, `no trap: ${inside}`);
});

check('rule 5: a feed: Page Up and Down go through, Ctrl+Home and Ctrl+End leave, positions are said', async (t) => {
  const page = await parts(t, 60);
  const feed = page.locator('.list [role=feed]');
  assert.equal(await feed.getAttribute('aria-busy'), 'false');
  const articles = feed.locator('article');
  assert.equal(await articles.count(), 50);
  assert.deepEqual([await articles.nth(6).getAttribute('aria-posinset'), await articles.nth(6).getAttribute('aria-setsize')], ['7', '-1']);
  const named = await articles.nth(0).evaluate((one) => [one.getAttribute('aria-labelledby'), one.getAttribute('aria-describedby')].map((id) => document.getElementById(id)?.textContent.trim()));
  assert.match(named[0], /Unread: n59/);
  assert.match(named[1], /activity\s+now/);
  await articles.nth(0).focus();
  await page.keyboard.press('PageDown');
  await page.keyboard.press('PageDown');
  await page.keyboard.press('PageUp');
  assert.equal(await articles.nth(1).evaluate((one) => one === document.activeElement), true);
  await page.keyboard.press('Control+End');
  assert.equal(await focused(page), 'after');
  await articles.nth(1).focus();
  await page.keyboard.press('Control+Home');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Mark all read');
  await page.locator('.list .belfry-more').focus();
  await page.keyboard.press('Enter');
  await until('older ones are there', async () => (await articles.count()) === 60);
  assert.equal(await articles.nth(0).getAttribute('aria-setsize'), '60');
});

check('rule 6: nothing moves under who reads: what arrives waits behind a button', async (t) => {
  const page = await parts(t, 5);
  const articles = page.locator('.list article');
  await articles.nth(2).focus();
  const before = await articles.nth(2).evaluate((one) => [one.dataset.id, one.getBoundingClientRect().top]);
  for (let i = 0; i < 3; i++) await belfry.create(page.user, `new${i}`);
  const fresh = page.locator('.list .belfry-fresh');
  await until('3 wait', async () => (await fresh.textContent().catch(() => '')) === '3 new');
  assert.equal(await articles.count(), 5);
  assert.equal(await articles.nth(2).evaluate((one) => one.getBoundingClientRect().top), before[1]);
  assert.equal(await articles.nth(2).evaluate((one) => one.dataset.id), before[0]);
  assert.equal(await page.evaluate(() => document.activeElement.dataset.id), before[0]);
  await fresh.focus();
  await page.keyboard.press('Enter');
  await until('all are there', async () => (await articles.count()) === 8);
  await until('the newest has the focus', () => articles.nth(0).evaluate((one) => one === document.activeElement));
});

check('rule 7: unread is not colour only, times are times, 200 % and right to left fit, forced colours show the mark', async (t) => {
  const page = await parts(t, 2);
  const first = page.locator('.list article').first();
  assert.match(await first.locator('h3').textContent(), /^Unread: /);
  assert.equal(new Date(await first.locator('time').getAttribute('datetime')).getFullYear() > 2020, true);
  const weight = (n) => page.locator('.list article h3').nth(n).evaluate((one) => getComputedStyle(one).fontWeight);
  await first.locator('button').click();
  await until('it is read', async () => (await first.getAttribute('class')).includes('read'));
  assert.notEqual(await weight(0), await weight(1));
  assert.equal((await first.locator('h3').textContent()).includes('Unread'), false);
  await page.setViewportSize({ width: 640, height: 480 }); // 1280 at 200 %
  await page.evaluate(() => (document.documentElement.dir = 'rtl'));
  await page.bell.click();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  const panel = await page.locator('.belfry-panel').boundingBox();
  assert.ok(panel.x >= 0 && panel.x + panel.width <= 640, JSON.stringify(panel));
  await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' });
  assert.equal(await page.locator('.list article:not(.read) .belfry-dot').first().evaluate((one) => getComputedStyle(one).forcedColorAdjust), 'none');
  await belfry.create(page.user, 'still');
  await page.locator('.belfry-toast').waitFor();
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0, 'nothing moves');
});

check('rule 8: title, favicon and app badge follow the same number', async (t) => {
  const page = await parts(t, 3);
  const icon = () => page.locator('link[rel=icon]').getAttribute('href');
  await until('3 everywhere', async () => (await page.title()) === '(3) Parts' && (await icon()).startsWith('data:image/png') && (await page.evaluate(() => window.appBadge)) === 3);
  await page.evaluate(() => window.inbox.markAllRead());
  await until('none', async () => (await page.title()) === 'Parts' && (await icon()).endsWith('/bell.svg') && (await page.evaluate(() => window.appBadge)) === 0);
  for (let i = 0; i < 100; i++) await belfry.create(page.user, `m${i}`);
  await until('99+', async () => (await page.title()) === '(99+) Parts' && (await page.evaluate(() => window.appBadge)) === 100);
});

check('the buttons of a notification: by keyboard, what leaves can be brought back, the focus goes on', async (t) => {
  const page = await parts(t, 3, { props: { actions: ['read', 'unread', 'archive', 'snooze', 'delete'] } });
  const titles = () => page.locator('.list article h3').allTextContents().then((all) => all.map((one) => one.slice(-2)).join());
  const press = async (name, n = 0) => {
    await page.locator('.list article').nth(n).getByRole('button', { name, exact: true }).focus();
    await page.keyboard.press('Enter');
  };
  const focusedTitle = () => page.evaluate(() => document.activeElement.closest('article')?.querySelector('h3').textContent.slice(-2));
  for (const [name, said] of [['Archive', 'Archived.'], ['Tomorrow', 'Back tomorrow at 9.']]) {
    const before = await titles();
    await press(name, 1);
    await until(`${name}: it has left`, async () => (await titles()) === [...before.split(',')].filter((_, i) => i !== 1).join());
    assert.equal(await focusedTitle(), before.split(',')[2], 'the focus is on the next one');
    const there = async () => (await belfry.inbox(page.user)).notifications.map((one) => one.title.slice(-2)).join();
    await until(`${name}: the server has done it`, async () => !(await there()).includes(before.split(',')[1]));
    const undo = page.locator('.list [role=status]', { hasText: said });
    await undo.getByRole('button', { name: 'Undo' }).focus();
    await page.keyboard.press('Enter');
    await until(`${name}: it is back`, async () => (await titles()).includes(before.split(',')[1]));
    assert.equal(await undo.count(), 0);
    // what was put aside comes back on top: shown at once where it was, and moved when the server has done it
    await until(`${name}: in the server's order`, async () => (await titles()) === (await there()));
  }
  await press('Mark read');
  await until('it is read', async () => (await page.locator('.list article.read').count()) === 1);
  await press('Mark unread');
  await until('it is unread', async () => (await page.locator('.list article.read').count()) === 0);
  await press('Delete');
  await until('one is gone', async () => (await belfry.inbox(page.user)).notifications.length === 2 && (await page.locator('.list article').count()) === 2);
  await clean(page, 'with all buttons');
});

check('what an open bell shows has been seen, on all devices', async (t) => {
  const page = await parts(t, 2);
  const unseen = async () => (await belfry.count(page.user)).unseen_count;
  assert.equal(await unseen(), 2);
  await page.bell.click();
  await until('both are seen', async () => (await unseen()) === 0);
  await belfry.create(page.user, 'while it is open');
  await until('that one, too', async () => (await page.locator('.belfry-panel article').count()) === 3 && (await unseen()) === 0);
  await page.keyboard.press('Escape');
  await belfry.create(page.user, 'while it is closed');
  await until('it has come', () => page.evaluate(() => window.inbox.getSnapshot().items.length === 4));
  assert.deepEqual([await unseen(), (await belfry.count(page.user)).unread_count], [1, 4]);
});

check('every part can be replaced', async (t) => {
  const page = await parts(t, 2, { props: { replaced: true } });
  assert.equal((await page.bell.textContent()).replace(/\s/g, ''), 'icon(2)');
  assert.equal(await page.locator('main > .belfry-inbox h2').textContent(), 'mine');
  assert.deepEqual(await page.locator('main > .belfry-inbox article b').allTextContents(), ['n1', 'n0']);
  await page.bell.click();
  assert.equal(await page.locator('.belfry-panel').textContent(), 'panel');
  assert.equal(await page.locator('main > .belfry-inbox > i').textContent(), 'footer');
  assert.equal(await page.locator('main > .belfry-badge').textContent(), '2 of mine');
  await until('who is there', async () => (await page.locator('.belfry-present').textContent()).trim() === `${page.user} there`);
  await belfry.create(page.user, 'passes');
  await page.locator('.belfry-toast i', { hasText: 'passes of mine' }).waitFor();
  await page.evaluate(() => window.inbox.archiveAll());
  await page.locator('main > .belfry-inbox i', { hasText: 'nothing of mine' }).waitFor();
});

check('axe-core: the parts, in every state', async (t) => {
  for (const colorScheme of ['light', 'dark']) {
    const empty = await parts(t, 0, { colorScheme });
    await clean(empty, `empty, ${colorScheme}`);
    const page = await parts(t, 3, { colorScheme });
    await clean(page, `closed, ${colorScheme}`);
    await page.bell.click();
    await belfry.create(page.user, 'a toast', { type: 'alert' });
    await page.locator('.belfry-toast').waitFor();
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await clean(page, `open, ${colorScheme}`);
    assert.deepEqual(page.troubles, []);
  }
});

check('axe-core: the console that asks for its key', async (t) => {
  const strict = await Belfry.start({ dev: false });
  t.after(() => strict.stop());
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ colorScheme, viewport: { width: 320, height: 700 }, bypassCSP: true });
    t.after(() => context.close());
    const page = await openPage(context, `${strict.base}/console`);
    await page.locator('#key').waitFor();
    await clean(page, colorScheme);
  }
});

check('axe-core: the demo and the console, light and dark, wide and narrow', async (t) => {
  for (const colorScheme of ['light', 'dark'])
    for (const width of [1280, 320])
      for (const path of ['/', '/?user=ann', '/console']) {
        const context = await browser.newContext({ colorScheme, reducedMotion: 'reduce', viewport: { width, height: 900 }, bypassCSP: true });
        const page = await openPage(context, belfry.base + path);
        await page.locator('h1').waitFor();
        if (path !== '/console') {
          await page.locator('.connection[data-state=live]').first().waitFor();
          await page.locator('.belfry-bell > button').first().click();
        } else await page.locator('[data-role=store]').waitFor();
        await clean(page, `${path} ${colorScheme} ${width}`);
        await context.close();
      }
});
