// SPDX-License-Identifier: Apache-2.0
/* The service worker: the page opens without a network, and what was done offline is sent when there is
 * one again, also with no page open. Where Background Sync is missing the page's own occasions remain
 * (load, `online`, becoming visible): see offline.js. */
import { flush, SYNC_TAG } from './offline.js';

/**
 * version  another one is another cache
 * shell    paths to have at hand
 * page     path of a navigation -> the path in the shell that answers it
 * live     paths that are never answered from here
 */
export function belfryWorker({ version, shell, page = (path) => path, live = /^\/(api|socket|dev|metrics|healthz|readyz)(\/|$)/ }) {
  const name = `belfry ${version}`;

  self.addEventListener('install', (event) => {
    const fill = async () => (await caches.open(name)).addAll(shell.map((path) => new Request(path, { cache: 'reload' })));
    event.waitUntil(fill().then(() => self.skipWaiting()));
  });

  self.addEventListener('activate', (event) => {
    const tidy = async () => {
      for (const key of await caches.keys()) if (key.startsWith('belfry ') && key !== name) await caches.delete(key);
      await self.clients.claim();
      await flush().catch(() => {});
    };
    event.waitUntil(tidy());
  });

  self.addEventListener('fetch', (event) => {
    const url = new URL(event.request.url);
    if (event.request.method !== 'GET' || url.origin !== location.origin || live.test(url.pathname)) return;
    const cached = async (path) => (await caches.open(name)).match(path, { ignoreSearch: true });
    if (event.request.mode === 'navigate')
      event.respondWith(fetch(event.request).catch(async (error) => {
        const found = await cached(page(url.pathname));
        if (found) return found;
        throw error;
      }));
    else if (shell.includes(url.pathname)) event.respondWith(cached(url.pathname).then((found) => found ?? fetch(event.request)));
  });

  const send = (event) => {
    if (event.tag !== SYNC_TAG) return;
    event.waitUntil(flush().then((done) => {
      if (!done) throw new Error('something is left to send'); // the browser tries again
    }));
  };
  self.addEventListener('sync', send);
  self.addEventListener('periodicsync', send);
}
