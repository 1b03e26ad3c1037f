// SPDX-License-Identifier: Apache-2.0
/* build.mjs FOLDER -- the pages that Belfry serves, from the packages beside this file:
 *   the demo (index.html) and the console (console.html), their parts with hashed names;
 *   belfry.js, the client with topics and presence in one file, for pages that have no build of their own;
 *   sw.js, the service worker, which knows the names of all of them;
 *   and beside each text a .gz and a .br of it. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { build } from 'vite';

const root = path.dirname(fileURLToPath(import.meta.url));
const out = path.resolve(process.argv[2] ?? 'dist');
const target = 'es2022';
const shared = { root, configFile: false, logLevel: 'warn', define: { 'process.env.NODE_ENV': '"production"' } };

await build({
  ...shared,
  plugins: [svelte({ configFile: false })],
  publicDir: 'public',
  build: {
    target,
    outDir: out,
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: { input: { index: path.join(root, 'index.html'), console: path.join(root, 'console.html') } },
  },
});

/** One file of its own, without a hash in its name. */
async function single(entry, name, format, define = {}) {
  const { output } = (await build({
    ...shared,
    define: { ...shared.define, ...define },
    publicDir: false,
    build: { write: false, target, minify: 'esbuild', lib: { entry: path.join(root, entry), formats: [format], name: 'belfry' } },
  }))[0];
  const { transform } = await import('esbuild'); // a library's white space vite keeps
  fs.writeFileSync(path.join(out, name), (await transform(output[0].code, { minify: true, target })).code);
}
await single('belfry.js', 'belfry.js', 'es');

function files(folder, below = '') {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((one) => {
    const at = `${below}/${one.name}`;
    return one.isDirectory() ? files(path.join(folder, one.name), at) : [at];
  });
}
const shell = files(out).filter((file) => !/console|belfry\.js$|openapi\.json$/.test(file)).sort();
const version = createHash('sha256').update(shell.map((file) => fs.readFileSync(path.join(out, file))).join()).digest('hex').slice(0, 16);
await single('demo/sw.js', 'sw.js', 'iife', { SHELL: JSON.stringify(shell), VERSION: JSON.stringify(version) });

for (const file of files(out).filter((one) => /\.(html|js|css|svg|json|webmanifest)$/.test(one))) {
  const bytes = fs.readFileSync(path.join(out, file));
  if (bytes.length < 512) continue;
  fs.writeFileSync(path.join(out, `${file}.gz`), zlib.gzipSync(bytes, { level: 9 }));
  fs.writeFileSync(path.join(out, `${file}.br`), zlib.brotliCompressSync(bytes));
}
