// SPDX-License-Identifier: Apache-2.0
/* What the pages cost: bytes over the wire, and the time until the bell is live on a slow network and a slow
 * processor. The figures are said; the limits are promises. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';

import { sizes } from '../../web/sizes.mjs';
import { bin, Belfry, checked } from '../lib/belfry.mjs';
import { openBrowser } from '../lib/browser.mjs';

const CLIENT_BYTES = 8 * 1024; // an inbox: connect and createInbox
const WHOLE_BYTES = 9 * 1024; // with topics and presence
const LIVE_MS = 4000;
const SLOW = { latency: 150, downloadThroughput: (1.6e6 / 8) * 0.9, uploadThroughput: (750e3 / 8) * 0.9, offline: false };
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

check('the packages, minified and gzipped, without phoenix and framework', async (t) => {
  const found = await sizes();
  for (const [name, bytes] of Object.entries(found)) t.diagnostic(`${bytes} bytes: ${name}`);
  assert.ok(found['@belfry/client, connect and createInbox alone'] <= CLIENT_BYTES);
  assert.ok(found['@belfry/client'] <= WHOLE_BYTES);
});

check('the pages as they are served', async (t) => {
  const web = path.join(bin, '../web');
  const size = (file) => fs.statSync(path.join(web, fs.existsSync(path.join(web, `${file}.gz`)) ? `${file}.gz` : file)).size;
  for (const page of ['index.html', 'console.html']) {
    const html = fs.readFileSync(path.join(web, page), 'utf8');
    const parts = [page, ...[...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((one) => one[1])];
    t.diagnostic(`${parts.reduce((sum, one) => sum + size(one), 0)} bytes gzipped: ${parts.join(', ')}`);
  }
});

check('the time to a live badge: 1.6 Mbit/s, 150 ms, a processor four times slower', async (t) => {
  await belfry.create('ann', 'there');
  const live = async (context) => {
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    await session.send('Network.emulateNetworkConditions', SLOW);
    await session.send('Emulation.setCPUThrottlingRate', { rate: 4 });
    const from = Date.now();
    await page.goto(`${belfry.base}/?user=ann`, { waitUntil: 'commit' });
    await page.locator('.belfry-bell .belfry-badge').waitFor();
    const took = Date.now() - from;
    const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
    await page.close();
    return { took, paint: Math.round(paint) };
  };
  const context = await browser.newContext();
  t.after(() => context.close());
  const first = await live(context);
  const again = await live(context);
  t.diagnostic(`first visit: live after ${first.took} ms, painted after ${first.paint} ms; second: ${again.took} ms, ${again.paint} ms`);
  assert.ok(first.took <= LIVE_MS, `${first.took} ms`);
});
