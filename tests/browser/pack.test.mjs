// SPDX-License-Identifier: Apache-2.0
/* The packages as npm would publish them, in a fresh Vite + Svelte project: the README's example works there,
 * and its types hold. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Belfry, checked } from '../lib/belfry.mjs';
import { openBrowser, openPage } from '../lib/browser.mjs';
import { until } from '../lib/until.mjs';

const run = promisify(execFile);
const web = fileURLToPath(new URL('../../web/', import.meta.url));
/** What a package gives to who imports it, by name. */
const names = (name, file = 'index') => [...fs.readFileSync(path.join(web, name, 'src', `${file}.js`), 'utf8').matchAll(/^export (?:(?:async )?(?:const|function|class) (\w+)|\{([^}]+)\})/gm)]
  .flatMap(([, one, list]) => (one ? [one] : list.split(',').map((each) => each.trim().split(' ').at(-1))));
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
const packages = ['client', 'svelte', 'react'];

let belfry;
let folder;
const check = checked(() => belfry);

/** The indented blocks of a README. */
function examples(name) {
  const blocks = [[]];
  for (const line of fs.readFileSync(path.join(web, name, 'README.md'), 'utf8').split('\n')) {
    if (line.startsWith('    ') || line === '') blocks.at(-1).push(line.slice(4));
    else blocks.push([]);
  }
  return blocks.map((lines) => lines.join('\n').trim()).filter((text) => text !== '');
}
const example = (name) => examples(name)[0];

before(async () => {
  folder = fs.mkdtempSync('/tmp/b-pack-');
  const versions = JSON.parse(fs.readFileSync(path.join(web, 'package.json'))).devDependencies;
  const tarballs = {};
  for (const name of packages) {
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: path.join(web, name) });
    tarballs[`@belfry/${name}`] = `file:${path.join(folder, JSON.parse(stdout)[0].filename)}`;
  }
  const files = {
    'package.json': JSON.stringify({
      name: 'fresh', private: true, type: 'module',
      dependencies: { ...tarballs, react: '19.2.9', 'react-dom': '19.2.9' },
      devDependencies: { vite: versions.vite, svelte: versions.svelte, '@sveltejs/vite-plugin-svelte': versions['@sveltejs/vite-plugin-svelte'] },
    }),
    'vite.config.js': "import { svelte } from '@sveltejs/vite-plugin-svelte';\nexport default { plugins: [svelte()] };\n",
    'svelte.config.js': 'export default {};\n',
    'index.html': '<!doctype html><html lang="en"><head><title>fresh</title><link rel="icon" href="data:,"></head><body><div id="app"></div><script type="module" src="/main.js"></script></body></html>',
    'main.js': "import { mount } from 'svelte';\nimport App from './App.svelte';\nmount(App, { target: document.getElementById('app') });\n",
    'App.svelte': example('svelte'),
    'plain.html': '<!doctype html><html lang="en"><head><title>plain</title><link rel="icon" href="data:,"></head><body><b id="badge"></b><button id="all">all</button><script type="module" src="/plain.js"></script></body></html>',
    'plain.js': `const render = (items) => { document.body.dataset.items = items.length; };\n${example('client')}\n`,
    'react.html': '<!doctype html><html lang="en"><head><title>react</title><link rel="icon" href="data:,"></head><body><div id="app"></div><script type="module" src="/react.js"></script></body></html>',
    'react.js': 'import { createElement } from "react";\nimport { createRoot } from "react-dom/client";\nimport { Bell } from "./Bell.jsx";\ncreateRoot(document.getElementById("app")).render(createElement(Bell));\n',
    'Bell.jsx': `import React from 'react';\n${example('react')}`,
    'exports.ts': packages.map((name) => `import * as ${name} from '@belfry/${name}';\nexport const of_${name}: (keyof typeof ${name})[] = ${JSON.stringify(names(name))};\n`).join('')
      + `import * as offline from '@belfry/client/offline';\nexport const of_offline: (keyof typeof offline)[] = ${JSON.stringify(names('client', 'offline'))};\n`
      + `import * as topics from '@belfry/client/topics';\nexport const of_topics: (keyof typeof topics)[] = ${JSON.stringify(names('client', 'topics'))};\n`
      + `import * as worker from '@belfry/client/worker';\nexport const of_worker: (keyof typeof worker)[] = ${JSON.stringify(names('client', 'worker'))};\n`,
    'types.ts': `import { connect, createInbox, type InboxSnapshot } from '@belfry/client';
import { createPresence, createTopic } from '@belfry/client/topics';
import { offlineQueue } from '@belfry/client/offline';
import { belfryWorker } from '@belfry/client/worker';
import { useInbox } from '@belfry/react';
import { followBadge, notificationStore, NotificationBell } from '@belfry/svelte';
const live = connect({ token: async () => 'x', offline: offlineQueue() });
const inbox = createInbox(live);
const n: number = inbox.getSnapshot().unread;
const end: () => void = inbox.subscribe((now: InboxSnapshot) => now.items[0]?.title.length);
inbox.markRead('a').then((answer) => answer.unread_count + n);
createTopic(live, 'channel:x').publish('e', {}).then(({ seq }) => seq);
createPresence(live, 'presence:x', { typing: true }).update({ typing: false });
live.connection.subscribe(({ transport }) => transport === 'websocket');
notificationStore.unreadCount.subscribe((count) => count.toFixed());
followBadge(inbox, { title: 't' });
belfryWorker({ version: '1', shell: ['/'] });
export { end, NotificationBell, useInbox };
// @ts-expect-error: ids are text
inbox.markRead(7);
// @ts-expect-error: there is no such option
connect({ tokn: 'x' });
`,
    'tsconfig.json': JSON.stringify({ compilerOptions: { strict: true, noEmit: true, skipLibCheck: false, types: [], target: 'es2022', module: 'esnext', moduleResolution: 'bundler', lib: ['es2022', 'dom'] }, files: ['types.ts', 'exports.ts'] }),
  };
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
  await run(path.join(folder, 'node_modules/.bin/vite'), ['build', '--logLevel', 'error'], { cwd: folder });
  fs.writeFileSync(path.join(folder, 'plain.config.js'), "export default { build: { outDir: 'dist', emptyOutDir: false, rollupOptions: { input: ['plain.html', 'react.html'] } } };\n");
  await run(path.join(folder, 'node_modules/.bin/vite'), ['build', '--config', 'plain.config.js', '--logLevel', 'error'], { cwd: folder });
  belfry = await Belfry.start({ env: { BELFRY_WEB: path.join(folder, 'dist') } });
});
after(async () => {
  await belfry?.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

check('the packages have what they should, and no more', async () => {
  for (const name of packages) {
    const own = path.join(folder, 'node_modules/@belfry', name);
    const { exports: all, types } = JSON.parse(fs.readFileSync(path.join(own, 'package.json')));
    for (const file of [types, ...Object.values(all).flatMap((one) => Object.values(one))]) assert.ok(fs.existsSync(path.join(own, file)), `${name}: ${file}`);
    assert.deepEqual(fs.readdirSync(own).sort(), ['README.md', 'package.json', 'src', 'types']);
  }
});

check('the types hold', async () => {
  const { stdout } = await run(process.execPath, [tsc, '-p', folder]).catch((error) => error);
  assert.equal(stdout, '');
});

check('the READMEs\' examples work: Svelte, React, and without a framework', async (t) => {
  assert.deepEqual(examples('.').slice(0, 2), [example('svelte'), example('client')], 'the README of all has the same');
  const browser = await openBrowser();
  t.after(() => browser.close());
  const context = await browser.newContext();
  await context.route('**/my-token', (route) => route.fulfill({ body: belfry.token('ann') }));
  await belfry.create('ann', 'one');
  const page = await openPage(context, `${belfry.base}/`);
  const name = () => page.locator('.belfry-bell > button').getAttribute('aria-label');
  await until('the bell counts', async () => (await name()) === 'Notifications, 1 unread');
  await belfry.create('ann', 'two');
  await until('the bell counts on', async () => (await name()) === 'Notifications, 2 unread');
  await page.locator('.belfry-toast', { hasText: 'two' }).waitFor();
  await until('the title follows', async () => (await page.title()) === '(2) My app');
  const react = await openPage(context, `${belfry.base}/react`);
  await until('React counts', async () => (await react.locator('button').textContent()) === '2');
  const plain = await openPage(context, `${belfry.base}/plain`);
  await until('the badge is there', async () => (await plain.locator('#badge').textContent()) === '2');
  await plain.locator('#all').click();
  await until('all are read, in both', async () => (await plain.locator('#badge').textContent()) === '0' && (await name()) === 'Notifications' && (await react.locator('button').textContent()) === '0');
  assert.deepEqual([...page.troubles, ...react.troubles, ...plain.troubles], []);
});
