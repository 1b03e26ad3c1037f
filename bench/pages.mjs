#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// bench/pages.mjs [RUNS]: what the pages cost who opens them. Bytes, minified and gzipped; and in Chromium, on a
// network of 1.6 Mbit/s and 150 ms and a processor four times slower, the time until the bell shows the number
// of its server, what the browser calls first and largest contentful paint, how far things moved, and for how
// long a task kept the page from answering. Each visit is a browser context of its own; medians.
import fs from 'node:fs';
import path from 'node:path';

import { Belfry, bin } from '../tests/lib/belfry.mjs';
import { openBrowser } from '../tests/lib/browser.mjs';
import { sizes } from '../web/sizes.mjs';

const runs = Number(process.argv[2] ?? 5);
const SLOW = { latency: 150, downloadThroughput: (1.6e6 / 8) * 0.9, uploadThroughput: (750e3 / 8) * 0.9, offline: false };
const SLOWER = 4;
const LONG_TASK_MS = 50;
const pages = [
  { name: '/', file: 'index.html', path: '/?user=ann', live: '.belfry-bell .belfry-badge' },
  { name: '/console', file: 'console.html', path: '/console', live: 'svg, canvas' },
];

const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/** The page and all that it names, as they are sent. */
function weight(file) {
  const web = path.join(bin, '../web');
  const size = (name) => fs.statSync(path.join(web, fs.existsSync(path.join(web, `${name}.gz`)) ? `${name}.gz` : name)).size;
  const html = fs.readFileSync(path.join(web, file), 'utf8');
  return [file, ...[...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((one) => one[1])].reduce((sum, one) => sum + size(one), 0);
}

/** In the page, before anything of it runs. */
function watch() {
  window.seen = { paint: 0, largest: 0, moved: 0, blocked: [] };
  const on = (type, take) => new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
  on('paint', (entry) => entry.name === 'first-contentful-paint' && (window.seen.paint = entry.startTime));
  on('largest-contentful-paint', (entry) => (window.seen.largest = entry.startTime));
  on('layout-shift', (entry) => entry.hadRecentInput || (window.seen.moved += entry.value));
  on('longtask', (entry) => window.seen.blocked.push(entry.duration));
}

async function visit(context, url, live) {
  const page = await context.newPage();
  const browser = await context.newCDPSession(page);
  await browser.send('Network.enable');
  await browser.send('Network.emulateNetworkConditions', SLOW);
  await browser.send('Emulation.setCPUThrottlingRate', { rate: SLOWER });
  await page.addInitScript(watch);
  const from = performance.now();
  await page.goto(url, { waitUntil: 'commit' });
  await page.locator(live).first().waitFor();
  const took = performance.now() - from;
  await page.waitForLoadState('load');
  const seen = await page.evaluate(() => window.seen);
  await page.close();
  return { took, ...seen, blocked: seen.blocked.reduce((sum, ms) => sum + Math.max(0, ms - LONG_TASK_MS), 0) };
}

async function measure(browser, base, { name, path: where, live }) {
  const visits = { first: [], second: [] };
  for (let i = 0; i < runs; i++) {
    const context = await browser.newContext();
    visits.first.push(await visit(context, base + where, live));
    visits.second.push(await visit(context, base + where, live));
    await context.close();
  }
  for (const [which, list] of Object.entries(visits)) {
    const of = (key) => median(list.map((one) => one[key]));
    row(`${name}, ${which} visit`, Math.round(of('took')), Math.round(of('paint')), Math.round(of('largest')), of('moved').toFixed(3), Math.round(of('blocked')));
  }
}

row('minified and gzipped, without phoenix and the framework', 'bytes');
row('---', '---:');
for (const [name, bytes] of Object.entries(await sizes())) row(`\`${name}\``, bytes);
for (const one of pages) row(`the page ${one.name}, all of it`, weight(one.file));
console.log();
row(`median of ${runs}`, 'live, ms', 'first paint, ms', 'largest paint, ms', 'layout shift', 'blocked, ms');
row('---', '---:', '---:', '---:', '---:', '---:');
const conf = fs.readFileSync(new URL('../web/demo/belfry.conf', import.meta.url), 'utf8');
const belfry = await Belfry.start({ conf });
const browser = await openBrowser();
try {
  await belfry.create('ann', 'there');
  for (const one of pages) await measure(browser, belfry.base, one);
} finally {
  await browser.close();
  await belfry.stop();
}
