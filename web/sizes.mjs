// SPDX-License-Identifier: Apache-2.0
/* sizes.mjs -- what each part costs a page: minified, gzipped, without phoenix and without the framework. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { build } from 'vite';

const root = path.dirname(fileURLToPath(import.meta.url));
const TODAY = 'es2022';
const parts = [
  ['@belfry/client', 'client/src/index.js'],
  ['@belfry/client, for all browsers that Vite builds for by itself', 'client/src/index.js', 'modules'],
  ['@belfry/client with @belfry/client/topics', 'belfry.js'],
  ['@belfry/client/offline', 'client/src/offline.js'],
  ['@belfry/client/worker', 'client/src/worker.js'],
  ['@belfry/svelte', 'svelte/src/index.js'],
  ['@belfry/react', 'react/src/index.js'],
];

async function gzipped(entry, target) {
  const { transform } = await import('esbuild'); // a library's white space vite keeps
  const external = [/^phoenix/, /^svelte/, /^react/, ...(/svelte|react/.test(entry) ? [/^@belfry/] : [])];
  const { output } = (await build({
    root, configFile: false, logLevel: 'error', publicDir: false, plugins: [svelte({ configFile: false })],
    build: { write: false, target, lib: { entry: path.join(root, entry), formats: ['es'], fileName: 'x', cssFileName: 'x' }, rollupOptions: { external } },
  }))[0];
  let bytes = 0;
  for (const one of output) {
    const loader = one.fileName.endsWith('.css') ? 'css' : 'js';
    const { code } = await transform(one.code ?? one.source, { minify: true, target: TODAY, loader });
    bytes += zlib.gzipSync(code, { level: 9 }).length;
  }
  return bytes;
}

/** {name: bytes}; of svelte and react without the client that they stand on. */
export async function sizes() {
  const found = {};
  for (const [name, entry, target = TODAY] of parts) found[name] = await gzipped(entry, target);
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [name, bytes] of Object.entries(await sizes())) console.log(`${String(bytes).padStart(6)}  ${name}`);
