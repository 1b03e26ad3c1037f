// SPDX-License-Identifier: Apache-2.0
/* sizes.mjs -- what each part costs a page: minified, gzipped, without phoenix and without the framework. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { build } from 'vite';

const root = path.dirname(fileURLToPath(import.meta.url));
const target = 'es2022';
const INBOX = 'inbox-only.js';

/** A page that imports the two and no more. */
const some = {
  name: 'some',
  resolveId: (name) => (name.endsWith(INBOX) ? INBOX : null),
  load: (name) => (name === INBOX ? `export { connect, createInbox } from ${JSON.stringify(path.join(root, 'client/src/index.js'))}` : null),
};
const parts = {
  '@belfry/client': 'client/src/index.js',
  '@belfry/client, connect and createInbox alone': INBOX,
  '@belfry/client/offline': 'client/src/offline.js',
  '@belfry/client/worker': 'client/src/worker.js',
  '@belfry/svelte': 'svelte/src/index.js',
  '@belfry/react': 'react/src/index.js',
};

/** {name: bytes}; of svelte and react without the client that they stand on. */
export async function sizes() {
  const { transform } = await import('esbuild');
  const found = {};
  for (const [name, entry] of Object.entries(parts)) {
    const external = [/^phoenix/, /^svelte/, /^react/, ...(entry.startsWith('client') || entry === INBOX ? [] : [/^@belfry/])];
    const { output } = (await build({
      root, configFile: false, logLevel: 'error', publicDir: false, plugins: [some, svelte({ configFile: false })],
      build: { write: false, target, lib: { entry: entry === INBOX ? INBOX : path.join(root, entry), formats: ['es'], fileName: 'x', cssFileName: 'x' }, rollupOptions: { external } },
    }))[0];
    found[name] = 0;
    for (const one of output) {
      const text = one.code ?? one.source;
      const { code } = await transform(text, { minify: true, target, loader: one.fileName.endsWith('.css') ? 'css' : 'js' });
      found[name] += zlib.gzipSync(code, { level: 9 }).length;
    }
  }
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [name, bytes] of Object.entries(await sizes())) console.log(`${String(bytes).padStart(6)}  ${name}`);
