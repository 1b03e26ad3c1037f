// SPDX-License-Identifier: Apache-2.0
/* A page of tests/browser/fixtures, built as a reader of ours would build it, in a bare document of the server. */
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = fileURLToPath(new URL('../browser/fixtures/', import.meta.url));
const web = fileURLToPath(new URL('../../web/', import.meta.url));
const from = { react: fileURLToPath(new URL('../package.json', import.meta.url)) };

/** What a fixture imports by name is what web/ has installed; React is the tests' own. */
const installed = {
  name: 'installed',
  enforce: 'pre',
  resolveId(name, importer) {
    const [, package_] = /^(svelte|phoenix|@belfry|react(?:-dom)?)(?:\/|$)/.exec(name) ?? [];
    if (!package_ || importer?.includes('node_modules')) return null;
    return this.resolve(name, package_.startsWith('react') ? from.react : path.join(web, 'package.json'), { skipSelf: true });
  },
};

/** {script, style} of the fixture's main.js; `alias`: a name it imports -> a file of its own. */
export async function fixture(name, alias = {}) {
  const { build } = await import(pathToFileURL(path.join(web, 'node_modules/vite/dist/node/index.js')).href);
  const { svelte } = await import(pathToFileURL(path.join(web, 'node_modules/@sveltejs/vite-plugin-svelte/src/index.js')).href);
  const folder = path.join(here, name);
  const resolved = Object.fromEntries(Object.entries(alias).map(([key, file]) => [key, path.join(folder, file)]));
  const result = await build({
    root: web, // svelte is looked for there, whoever imports it
    configFile: false,
    logLevel: 'error',
    plugins: [installed, svelte({ configFile: false })],
    resolve: {
      alias: [
        ...Object.entries(resolved).map(([find, replacement]) => ({ find, replacement })),
      ],
      conditions: ['svelte', 'browser', 'import', 'module', 'default'],
    },
    define: { 'process.env.NODE_ENV': '"production"' },
    build: { write: false, target: 'es2022', minify: false, cssCodeSplit: false, lib: { entry: path.join(folder, 'main.js'), formats: ['es'], fileName: 'main', cssFileName: 'main' } },
  });
  const { output } = result[0];
  return {
    script: output.find((one) => one.type === 'chunk').code,
    style: String(output.find((one) => one.fileName.endsWith('.css'))?.source ?? ''),
  };
}

/** The fixture in a page; `given` is there for its main.js. */
export async function openFixture(context, base, built, given) {
  const page = await context.newPage();
  page.troubles = [];
  page.on('pageerror', (error) => page.troubles.push(String(error)));
  await page.goto(`${base}/healthz`);
  await page.evaluate(([now, style]) => {
    document.documentElement.lang = 'en';
    document.body.replaceChildren();
    document.title = 'Fixture';
    window.given = now;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`:root { color-scheme: light dark; font-family: system-ui; background: Canvas; color: CanvasText } ${style}`);
    document.adoptedStyleSheets = [sheet];
  }, [given, built.style]);
  await page.addScriptTag({ type: 'module', content: built.script });
  return page;
}
