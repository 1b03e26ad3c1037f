// SPDX-License-Identifier: Apache-2.0
/* The console in Chromium. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { openBrowser, openPage, picture } from '../lib/browser.mjs';
import { until } from '../lib/until.mjs';

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

async function open(t, base = belfry.base, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  t.after(() => context.close());
  return openPage(context, `${base}/console`);
}

const output = (page, title) => page.locator('figure', { hasText: title }).locator('output').first();

check('processes, plots and log live, nothing from elsewhere; a killed process is seen', async (t) => {
  const urls = [];
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  t.after(() => context.close());
  context.on('request', (request) => urls.push(request.url()));
  const page = await openPage(context, `${belfry.base}/console`);
  await page.locator('[data-role="session.1"][data-alive=true]').waitFor();
  await until('four plots', async () => (await page.locator('figure canvas').count()) === 4);
  await page.evaluate(() => (window.first = document.querySelector('figure canvas')));
  const people = await openPage(page.context(), `${belfry.base}/`);
  await people.locator('.connection[data-state=live]').nth(1).waitFor();
  await until('two connections are counted', async () => (await output(page, 'Connections').textContent()) === '2');
  await page.bringToFront();
  const pid = await belfry.kill('notifier');
  await belfry.back('notifier', pid);
  await until('its restart is shown', async () => (await page.locator('[data-role=notifier] td').last().textContent()) === '1');
  await page.getByLabel('Only lines with').fill('notifier notifier.following');
  await until('the log has both of its lives', async () => (await page.locator('.lines p').count()) === 2);
  assert.match(await page.locator('.dev').textContent(), /2 connections/);
  assert.equal(await page.evaluate(() => window.first.isConnected), true, 'a plot is drawn on, and not made anew');
  await picture(page, 'console');
  assert.deepEqual(urls.filter((url) => !url.startsWith(belfry.base) && !url.startsWith('data:')), []);
  assert.deepEqual(page.troubles, []);
});

check('a notification and an event are sent, a user and a topic looked at, a user disconnected', async (t) => {
  const page = await open(t);
  const people = await openPage(page.context(), `${belfry.base}/?user=ann`);
  await people.locator('.connection[data-state=live]').waitFor();
  await page.bringToFront();
  const form = page.getByRole('form', { name: 'A notification' });
  await form.getByLabel('To', { exact: true }).fill('ann');
  await form.getByLabel('Title').fill('From the console');
  await form.getByRole('button').click();
  await until('it is committed', async () => (await belfry.inbox('ann')).notifications[0]?.title === 'From the console');
  const event = page.getByRole('form', { name: 'An event of a topic' });
  await event.getByLabel('Topic').fill('channel:design');
  await event.getByLabel('Event').fill('message.create');
  await event.getByLabel('Payload').fill('{"text":"hello"}');
  await event.getByRole('button').click();
  await until('it is published', async () => (await belfry.history('channel:design')).messages.length === 1);
  await form.getByLabel('To', { exact: true }).fill('a b:c');
  await form.getByRole('button').click();
  await until('the field at fault is named', async () => /^to\[1\]/.test(await page.locator('.card[aria-labelledby=send] .problem').textContent()));

  await page.getByRole('textbox', { name: 'User' }).fill('ann');
  await page.keyboard.press('Enter');
  await page.locator('.rows li', { hasText: 'From the console' }).waitFor();
  const from = (await belfry.get('/api/users/ann')).json.since;
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await until('ann came back', async () => {
    const { online, since } = (await belfry.get('/api/users/ann')).json;
    return online && since !== from;
  });
  await page.getByRole('textbox', { name: 'Topic', exact: true }).last().fill('presence:lobby');
  await page.keyboard.press('Enter');
  await page.locator('p', { hasText: /There now: 1 \(ann\)/ }).waitFor();

  const row = (name) => page.getByRole('region', { name: 'Topics with subscribers' }).getByRole('row', { name });
  await row('channel:design 1').waitFor();
  await row('user:ann:notifications 1').waitFor();
  await people.context().newPage().then((other) => other.goto(`${belfry.base}/?user=bob`));
  await row('channel:design 2').waitFor();
  await page.bringToFront();
  await page.getByLabel('Only topics that begin with').fill('channel:');
  await row('user:ann:notifications 1').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'channel:design' }).click();
  await page.locator('.topics .rows li', { hasText: 'hello' }).waitFor();
});

check('topics: an answer for what was typed before is not shown', async (t) => {
  const page = await open(t);
  await page.locator('[data-role=store]').waitFor();
  let late;
  await page.route('**/api/node/topics*prefix=c', (route) => (late = route));
  const typed = page.getByLabel('Only topics that begin with');
  await typed.fill('c');
  await until('it is asked', () => late);
  await typed.fill('channel:none');
  await page.getByText('Nobody has joined a topic that begins so.').waitFor();
  const answered = page.waitForResponse(/prefix=c$/);
  await late.fulfill({ json: { topics: [{ topic: 'late', subscribers: 1 }], next: null, complete: true } });
  await (await answered).finished();
  await page.evaluate(() => new Promise((done) => setTimeout(() => requestAnimationFrame(done))));
  assert.equal(await page.getByRole('button', { name: 'late' }).count(), 0);
});

check('without dev mode it asks for the key, and keeps it for the tab', async (t) => {
  const strict = await Belfry.start({ dev: false });
  t.after(() => strict.stop());
  const page = await open(t, strict.base);
  await page.getByLabel(/^API key/).fill('wrong');
  await page.keyboard.press('Enter');
  await page.locator('.trouble', { hasText: 'not accepted' }).waitFor();
  await page.getByLabel(/^API key/).fill(strict.apiKey);
  await page.keyboard.press('Enter');
  await page.locator('[data-role=store][data-alive=true]').waitFor();
  await page.reload();
  await page.locator('[data-role=store][data-alive=true]').waitFor();
  assert.equal(await page.getByLabel(/^API key/).count(), 0);
});
