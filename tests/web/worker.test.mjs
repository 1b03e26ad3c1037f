// SPDX-License-Identifier: Apache-2.0
/* The service worker's decisions, in a world of its own: what is kept, what is answered from there, and when it
 * tells the browser to try again. */
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { beforeEach, test, vi } from 'vitest';

import { offlineQueue } from '../../web/client/src/offline.js';
import { belfryWorker } from '../../web/client/src/worker.js';

const BASE = 'http://belfry.test';
let heard; // name -> listener
let kept; // cache -> path -> what was fetched for it
let network; // (path) -> an answer, or it throws

beforeEach(() => {
  heard = {};
  kept = new Map([['belfry old', new Map()], ['of the page', new Map()]]);
  network = (path) => `network ${path}`;
  const cache = (name) => {
    if (!kept.has(name)) kept.set(name, new Map());
    const all = kept.get(name);
    return {
      addAll: async (requests) => { for (const { url } of requests) all.set(new URL(url).pathname, `kept ${new URL(url).pathname}`); },
      match: async (path) => all.get(path),
    };
  };
  vi.stubGlobal('self', { addEventListener: (name, fn) => (heard[name] = fn), skipWaiting: async () => {}, clients: { claim: async () => {} } });
  vi.stubGlobal('location', { origin: BASE, href: `${BASE}/` });
  vi.stubGlobal('caches', { open: async (name) => cache(name), keys: async () => [...kept.keys()], delete: async (name) => kept.delete(name) });
  vi.stubGlobal('Request', class {
    constructor(path) {
      this.url = BASE + path;
    }
  });
  vi.stubGlobal('fetch', async (request) => network(request.url ? new URL(request.url).pathname : String(request)));
  belfryWorker({ version: '2', shell: ['/index.html', '/assets/a.js'], page: () => '/index.html' });
});

/** What the listener answers, or waits for; undefined: it left the event alone. */
async function told(name, event = {}) {
  let found;
  heard[name]({ ...event, waitUntil: (promise) => (found = promise), respondWith: (promise) => (found = promise) });
  return found;
}
const asked = (path, mode = 'cors', method = 'GET', base = BASE) => told('fetch', { request: { url: base + path, mode, method } });
const offline = () => {
  throw new TypeError('Failed to fetch');
};

test('the shell is fetched anew, older ones of ours go, what is the page\'s own stays', async () => {
  await told('install');
  await told('activate');
  assert.deepEqual([...kept.keys()], ['of the page', 'belfry 2']);
  assert.deepEqual([...kept.get('belfry 2').keys()], ['/index.html', '/assets/a.js']);
});

test('a page comes from the network, and from the shell where there is none', async () => {
  await told('install');
  assert.equal(await asked('/', 'navigate'), 'network /');
  network = offline;
  assert.equal(await asked('/any', 'navigate'), 'kept /index.html');
  assert.equal(await asked('/assets/a.js'), 'kept /assets/a.js');
});

test('nothing else is answered from here: the API, the socket, what is not of the shell, other hosts, what writes', async () => {
  await told('install');
  network = offline;
  for (const path of ['/api/notifications', '/socket/longpoll', '/metrics', '/healthz', '/readyz', '/dev/token'])
    for (const mode of ['cors', 'navigate']) assert.equal(await asked(path, mode), undefined, `${path} ${mode}`);
  assert.equal(await asked('/other.js'), undefined);
  assert.equal(await asked('/assets/a.js', 'cors', 'POST'), undefined);
  assert.equal(await asked('/assets/a.js', 'cors', 'GET', 'http://other.test'), undefined);
});

for (const name of ['sync', 'periodicsync'])
  test(`${name}: what is left is told to the browser, which tries again; other tags are not ours`, async () => {
    const queue = offlineQueue();
    await queue.remember({ user: name, token: 'T', base: BASE });
    await queue.put(name, { op_id: name, what: 'read', ids: ['n1'], at: Date.now() });
    network = () => ({ ok: false, status: 503 });
    assert.equal(await told(name, { tag: 'of another' }), undefined);
    await assert.rejects(told(name, { tag: 'belfry' }), /left/);
    network = () => ({ ok: true, status: 200 });
    await told(name, { tag: 'belfry' });
    assert.deepEqual(await queue.load(name), []);
    await queue.forget(name);
  });
