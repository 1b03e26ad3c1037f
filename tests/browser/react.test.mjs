// SPDX-License-Identifier: Apache-2.0
/* The hooks in React, under StrictMode, which mounts everything twice. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { openBrowser } from '../lib/browser.mjs';
import { fixture, openFixture } from '../lib/fixture.mjs';
import { until } from '../lib/until.mjs';

const conf = `topic
    pattern = "channel:{id}"
    join = "authenticated"
    publish = "authenticated"
    history = 100
topic
    pattern = "presence:{room}"
    join = "authenticated"
    presence = 1
`;
let belfry;
let browser;
let built;
const check = checked(() => belfry);
before(async () => {
  built = await fixture('react');
  belfry = await Belfry.start({ conf });
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await belfry?.stop();
});

check('inbox, topic and presence follow; a component that goes leaves its topics', async (t) => {
  const context = await browser.newContext();
  t.after(() => context.close());
  for (let i = 0; i < 3; i++) await belfry.create('ann', `n${i}`);
  const page = await openFixture(context, belfry.base, built, { token: belfry.token('ann') });
  const shows = (id, text) => until(`#${id} is "${text}"`, async () => (await page.locator(`#${id}`).textContent()) === text);
  await shows('unread', '3');
  await belfry.create('ann', 'live');
  await shows('unread', '4');
  await page.locator('#one').click();
  await shows('unread', '3');
  await page.locator('#all').click();
  await shows('unread', '0');
  await until('all are read', async () => (await belfry.count('ann')).unread_count === 0);
  assert.deepEqual(await page.locator('li').allTextContents(), ['live', 'n2', 'n1', 'n0']);
  await shows('users', 'ann');
  const renders = () => page.evaluate(() => window.renders);
  const still = () => until('it does not render for nothing', async () => {
    const before = await renders();
    await page.waitForTimeout(300);
    return (await renders()) === before;
  }, 6000);
  await still();
  await page.locator('#type').click();
  await shows('users', 'ann types');
  await page.locator('#say').click();
  await shows('texts', 'channel:a');
  await page.locator('#next').click();
  await shows('texts', '');
  await page.locator('#say').click();
  await shows('texts', 'channel:b');
  const there = async () => Object.keys((await belfry.get('/api/topics/presence%3Ax/presence', belfry.apiKey)).json.presences);
  assert.deepEqual(await there(), ['ann']);
  await page.locator('#leave').click();
  await until('nobody is there', async () => (await there()).length === 0);
  await still();
  assert.deepEqual(page.troubles, []);
});
