// SPDX-License-Identifier: Apache-2.0
/* The demo in Chromium: two tabs of one browser, and what a person does there. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { openBrowser, openPage, picture } from '../lib/browser.mjs';
import { until } from '../lib/until.mjs';

const RUNG_MS = 200;
const conf = fs.readFileSync(new URL('../../web/demo/belfry.conf', import.meta.url), 'utf8');

let belfry;
let browser;
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start({ conf });
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await belfry?.stop();
});

const part = (page, user, selector, options) => page.locator(`.person[data-user=${user}] ${selector}`, options);
const bell = (page, user) => part(page, user, '.belfry-bell > button');
const live = (page, user) => part(page, user, '.connection[data-state=live]').waitFor();

async function context(t, options = {}) {
  const one = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  t.after(() => one.close());
  return one;
}

async function openTab(in_, base = belfry.base) {
  const page = await openPage(in_, `${base}/`);
  await live(page, 'ann');
  await live(page, 'bob');
  return page;
}

/** When the bell of a user first shows `text` ('' for none), by the page's own clock. */
function badgeShows(page, user, text) {
  return page.evaluate(([who, wanted]) => new Promise((resolve, reject) => {
    const button = document.querySelector(`.person[data-user=${who}] .belfry-bell > button`);
    const shown = () => button.querySelector('.belfry-badge')?.textContent.trim() ?? '';
    const end = setTimeout(() => reject(new Error(`badge of ${who} is "${shown()}", not "${wanted}"`)), 8000);
    const look = () => {
      if (shown() !== wanted) return;
      observer.disconnect();
      clearTimeout(end);
      resolve(Date.now());
    };
    const observer = new MutationObserver(look);
    observer.observe(button, { attributes: true, childList: true, characterData: true, subtree: true });
    look();
  }), [user, text]);
}

async function readAll(page, user) {
  if ((await bell(page, user).getAttribute('aria-expanded')) === 'false') await bell(page, user).click();
  await part(page, user, '.belfry-list article, .belfry-empty').first().waitFor(); // it has the list
  const button = part(page, user, '.belfry-inbox header button');
  if ((await button.getAttribute('aria-disabled')) === 'false') await button.click();
  await badgeShows(page, user, '');
  await page.keyboard.press('Escape');
}

check('belfry notify makes both badges 1 within 200 ms; reading in one tab clears the other', async (t) => {
  const browserOne = await context(t);
  const tabs = [await openTab(browserOne), await openTab(browserOne), await openTab(await context(t))];
  const took = [];
  for (let ring = 0; ring < 5; ring++) {
    const shown = tabs.map((tab) => badgeShows(tab, 'ann', '1'));
    const from = Date.now();
    const { code, stdout, stderr } = await belfry.command('notify', 'ann', `New message ${ring}`, '--body', 'bob: shall we ring it?');
    assert.equal(code, 0, stderr);
    const { id } = JSON.parse(stdout).notifications[0];
    took.push(Math.max(...(await Promise.all(shown))) - from);
    assert.equal(await bell(tabs[0], 'ann').getAttribute('aria-label'), 'ann\'s notifications, 1 unread');
    assert.equal(await tabs[0].title(), '(1) Belfry');
    assert.match(await tabs[0].locator('link[rel=icon]').getAttribute('href'), /^data:image\/png/);
    const cleared = tabs.map((tab) => badgeShows(tab, 'ann', ''));
    await bell(tabs[0], 'ann').click();
    await part(tabs[0], 'ann', `article[data-id="${id}"]`).click();
    await Promise.all(cleared);
    await tabs[0].keyboard.press('Escape');
    assert.equal(await tabs[1].title(), 'Belfry');
  }
  t.diagnostic(`all badges ${took} ms after belfry notify was started`);
  assert.ok(took.sort((a, b) => a - b)[2] < RUNG_MS, `${took} ms`);
  for (const tab of tabs) assert.deepEqual(tab.troubles, []);
});

check('the five types, sent with the page\'s buttons', async (t) => {
  const tab = await openTab(await context(t));
  const send = (type) => part(tab, 'ann', `.types [data-type=${type}]`).click();
  await send('activity');
  await badgeShows(tab, 'bob', '1');
  await send('alert');
  await badgeShows(tab, 'bob', '2');
  await bell(tab, 'bob').click();
  await send('system');
  await bell(tab, 'bob').click(); // it was closed by the click beside it
  await part(tab, 'bob', 'article[data-type=system]').waitFor();
  await badgeShows(tab, 'bob', '2');
  await tab.keyboard.press('Escape');
  await send('toast');
  await part(tab, 'bob', '.belfry-toast[data-type=toast]').waitFor();
  await send('transient');
  await part(tab, 'bob', '.belfry-toast[data-type=transient]').waitFor();
  assert.equal((await belfry.inbox('bob')).notifications.length, 3);
  await readAll(tab, 'bob');
  await until('all are read', async () => (await belfry.count('bob')).unread_count === 0);
  assert.deepEqual(tab.troubles, []);
});

check('the team app: a message rings the other bell, a task is added and done, the lobby sees who types', async (t) => {
  const tab = await openTab(await context(t));
  await readAll(tab, 'bob');
  await part(tab, 'ann', '.channel input').fill('Shall we ring it at noon?');
  await tab.keyboard.press('Enter');
  await part(tab, 'bob', '.messages p', { hasText: 'at noon' }).waitFor();
  await tab.locator('.person[data-user=bob] .messages p', { hasText: 'at noon' }).waitFor();
  await badgeShows(tab, 'bob', '1');
  assert.equal((await belfry.inbox('bob')).notifications[0].title, 'ann wrote in #design');
  await part(tab, 'bob', '[aria-label="New task"]').fill('Oil the bell');
  await tab.keyboard.press('Enter');
  await part(tab, 'ann', '.tasks label').waitFor();
  await part(tab, 'ann', '.tasks input').check();
  await part(tab, 'bob', '.tasks label.done').waitFor();
  assert.deepEqual(await part(tab, 'ann', '.belfry-present li').evaluateAll((all) => all.map((one) => one.dataset.user).sort()), ['ann', 'bob']);
  await part(tab, 'bob', '[aria-label="bob types in the lobby"]').pressSequentially('hm');
  await part(tab, 'ann', '.belfry-present [data-user=bob] em').waitFor();
  await tab.reload();
  await part(tab, 'ann', '.messages p').waitFor();
  await part(tab, 'ann', '.tabs button', { hasText: 'general' }).click();
  await part(tab, 'ann', '.channel input').fill('Anybody there?');
  await tab.keyboard.press('Enter');
  await part(tab, 'ann', '.messages .mine', { hasText: 'Anybody' }).waitFor();
  await until('it rings from there', async () => (await belfry.inbox('bob')).notifications[0].title === 'ann wrote in #general');
  assert.equal(await part(tab, 'bob', '.messages p', { hasText: 'Anybody' }).count(), 0, 'bob looks at the other one');
  await part(tab, 'bob', '.tabs button', { hasText: 'general' }).click();
  await part(tab, 'bob', '.messages p', { hasText: 'Anybody' }).waitFor();
  assert.deepEqual(tab.troubles, []);
});

check('the curl line on the page rings ann', async (t) => {
  const tab = await openTab(await context(t));
  await readAll(tab, 'ann');
  const line = await tab.locator('#curl').textContent();
  const [, url, header, body] = /^curl (\S+) \\\n {2}-H '([^']+)' \\\n {2}-d '(.+)'$/.exec(line);
  const [name, value] = header.split(': ');
  const shown = badgeShows(tab, 'ann', '1');
  const answer = await belfry.request('POST', new URL(url).pathname, { headers: { [name]: value }, body });
  assert.equal(new URL(url).origin, belfry.base);
  assert.equal(answer.status, 201, answer.text);
  await shown;
  assert.match(await tab.locator('.dev').textContent(), /dev mode/);
  await tab.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await tab.locator('#copy').click();
  assert.equal(await tab.evaluate(() => navigator.clipboard.readText()), line);
});

check('offline by the switch, in all tabs: reads wait, arrivals come with the return', async (t) => {
  const both = await context(t);
  const tab = await openTab(both);
  const other = await openTab(both);
  await readAll(tab, 'ann');
  await belfry.create('ann', 'before');
  await badgeShows(tab, 'ann', '1');
  await part(tab, 'ann', '.switch').click();
  for (const each of [tab, other]) await part(each, 'ann', '.connection[data-state=off]').waitFor();
  await bell(tab, 'ann').click();
  await part(tab, 'ann', 'article:not(.read)').click();
  await badgeShows(tab, 'ann', '');
  await belfry.create('ann', 'meanwhile');
  await until('the read waits', async () => / 1 waiting$/.test(await part(tab, 'ann', '.connection').textContent()));
  assert.equal(await part(other, 'ann', '.switch').getAttribute('aria-checked'), 'true');
  await part(other, 'ann', '.switch').click();
  await live(tab, 'ann');
  await badgeShows(tab, 'ann', '1');
  await until('the read is done', async () => (await belfry.inbox('ann')).notifications[1].read_at !== null);
});

check('every process killed from the page: the bells go on, on WebSocket', async (t) => {
  const tab = await openTab(await context(t));
  await readAll(tab, 'ann');
  let count = 0;
  for (const role of ['store', 'broker', 'notifier', 'session.0', 'session.1']) {
    const pid = await belfry.pid(role);
    await tab.locator(`.machine [data-role="${role}"] button`).click();
    await belfry.back(role, pid);
    await belfry.create('ann', `after ${role}`);
    await badgeShows(tab, 'ann', String(++count));
    await tab.locator(`.machine [data-role="${role}"][data-alive=true]`).waitFor();
    await tab.locator('.machine .said', { hasText: `${role} was killed (-9), and is back after ` }).waitFor();
    await tab.locator('.mini[data-user=ann][data-live=true] b', { hasText: new RegExp(`^${count}$`) }).waitFor();
    const { processes } = await belfry.get('/api/node').then((answer) => answer.json);
    assert.equal(processes.find((one) => one.role === role).restarts, 1, `${role}: one click kills once`);
  }
  await live(tab, 'ann');
  await tab.locator('.machine .ring').click();
  await badgeShows(tab, 'ann', String(++count));
  await until('bob is rung, too', async () => (await belfry.inbox('bob')).notifications[0].title === 'Ring number 1');
  assert.match(await part(tab, 'ann', '.connection').textContent(), /WebSocket/);
});

check('the pages: hashed names kept for ever, compressed, typed, a strict policy, nothing from elsewhere', async (t) => {
  const urls = [];
  const one = await context(t);
  one.on('request', (request) => urls.push(request.url()));
  const page = await openTab(one);
  for (const url of urls) assert.ok(url.startsWith(belfry.base) || url.startsWith('data:'), url);
  const html = await belfry.get('/');
  assert.equal(/<style|style="|\son\w+="|<script(?![^>]*src=)/.test(html.text), false);
  assert.equal(html.headers['cache-control'], 'no-cache');
  const policy = html.headers['content-security-policy'];
  assert.match(policy, /default-src 'none'/);
  assert.equal(/unsafe|\*|https?:/.test(policy), false);
  assert.deepEqual((await belfry.get('/console')).status, 200);
  const script = /src="(\/assets\/[^"]+\.js)"/.exec(html.text)[1];
  const plain = await belfry.get(script);
  assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable');
  assert.equal(plain.headers['content-type'], 'text/javascript; charset=utf-8');
  assert.equal(plain.headers['content-encoding'], undefined);
  for (const [accept, coding] of [
    ['gzip', 'gzip'],
    ['gzip, deflate, br', 'br'],
    ['br;q=0, gzip;q=0.5', 'gzip'],
    ['gzip;q=0, br;q=0.0', undefined],
    ['bro, gzipped', undefined],
  ]) {
    const answer = await fetch(belfry.base + script, { headers: { 'accept-encoding': accept } });
    assert.equal(answer.headers.get('content-encoding') ?? undefined, coding, accept);
    assert.equal(await answer.text(), plain.text, accept);
  }
  assert.equal((await belfry.get(script, null, { headers: { 'if-none-match': plain.headers.etag } })).status, 304);
  assert.equal((await belfry.get(`${script}.gz`)).status, 404, 'what is compressed has no address of its own');
  assert.equal((await belfry.get('/belfry.webmanifest')).headers['content-type'], 'application/manifest+json');
  assert.deepEqual(page.troubles, []);
});

/** Placeholders that are cut off. */
const cut = (page) => page.locator('input[placeholder]').evaluateAll((all) => all.filter((one) => {
  one.value = one.placeholder;
  const wider = one.scrollWidth > one.clientWidth;
  one.value = '';
  return wider;
}).map((one) => one.placeholder));

check('pictures: light, dark, 320 px, right to left and forced colours', async (t) => {
  const fresh = await Belfry.start({ conf });
  t.after(() => fresh.stop());
  const open = async (name, options, act = async () => {}) => {
    const page = await openTab(await context(t, { deviceScaleFactor: 2, reducedMotion: 'reduce', ...options }), fresh.base);
    await act(page);
    await picture(page, `page-${name}`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, `${name} does not scroll sideways`);
    assert.deepEqual(await cut(page), [], `${name}: nothing is cut off`);
    return page;
  };
  const first = await openTab(await context(t), fresh.base);
  for (const [user, words] of [['ann', 'Shall we ring it at noon?'], ['bob', 'Yes. Everyone should hear it.']]) {
    await part(first, user, '.channel input').fill(words);
    await first.keyboard.press('Enter');
    await part(first, user, '.messages .mine').waitFor();
  }
  await part(first, 'bob', '[aria-label="New task"]').fill('Oil the bell');
  await first.keyboard.press('Enter');
  await badgeShows(first, 'ann', '2');
  await fresh.create('ann', 'Belfry was updated', { type: 'system' });
  await fresh.create('ann', 'Decision deadline tomorrow', { type: 'alert', body: 'The vote closes at noon.', expires_in: 86400 });
  const openBell = async (page) => {
    await bell(page, 'ann').click();
    await part(page, 'ann', 'article').first().waitFor();
  };
  await open('light', {}, openBell);
  await open('dark', { colorScheme: 'dark' }, openBell);
  await open('narrow', { viewport: { width: 320, height: 700 } }, openBell);
  const rtl = await open('rtl', {}, async (page) => {
    await page.evaluate(() => (document.documentElement.dir = 'rtl'));
    await openBell(page);
  });
  const right = (selector) => part(rtl, 'ann', `article ${selector}`).first().evaluate((one) => one.getBoundingClientRect().right);
  assert.equal(await right('h3'), await right('.belfry-when'), 'words of another direction stand on the same side');
  const lines = await part(rtl, 'ann', 'article h3').first().evaluate((one) => {
    const range = document.createRange();
    range.selectNodeContents(one.lastChild);
    return [...range.getClientRects()].map(({ right: edge }) => Math.round(edge));
  });
  assert.ok(lines.length > 1 && lines.every((edge) => Math.abs(edge - lines[0]) <= 1), `each line of them, too: ${lines}`);
  const forced = await open('forced', { forcedColors: 'active' });
  const looks = (selector) => part(forced, 'ann', selector).evaluate((one) => getComputedStyle(one, '::before').backgroundImage + getComputedStyle(one, '::before').backgroundColor);
  const before = [await looks('.switch'), await looks('.connection')];
  await part(forced, 'ann', '.switch').click();
  await part(forced, 'ann', '.connection[data-state=off]').waitFor();
  const after = [await looks('.switch'), await looks('.connection')];
  assert.ok(before.every((one, i) => one !== after[i]), `on and off look different without our colours: ${before} ${after}`);
});
