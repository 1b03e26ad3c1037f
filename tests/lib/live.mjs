// SPDX-License-Identifier: Apache-2.0
/* @belfry/client in Chromium, without a page of ours: a bare document of the server's origin (/healthz, which
 * has no policy of its own) that loads /belfry.js. What the client shows is kept in `shown`, with the time of each change. */
import { PATIENT_MS, until } from './until.mjs';

/** A tab with window.live and window.inbox of this user; `options` are connect()'s. */
export async function openLive(context, belfry, user, options = {}, { base = belfry.base, ready = true } = {}) {
  const page = await context.newPage();
  page.troubles = [];
  page.on('pageerror', (error) => page.troubles.push(String(error)));
  await page.goto(`${base}/healthz`);
  await page.evaluate(async ([token, given]) => {
    document.body.innerHTML = '<p id="badge">0</p>';
    const { connect, createInbox } = await import('/belfry.js');
    window.live = connect({ token, ...given });
    window.inbox = createInbox(window.live);
    window.shown = [];
    window.news = [];
    window.failed = [];
    window.inbox.onNew((one) => window.news.push(one.id));
    window.inbox.onFailed(({ error, op }) => window.failed.push({ reason: error.reason, what: op.what }));
    window.statuses = [];
    window.live.connection.subscribe((now) => window.statuses.push(now));
    window.inbox.subscribe(({ unread, items, ready }) => {
      if (!ready) return;
      document.getElementById('badge').textContent = unread;
      window.shown.push({ unread, length: items.length, at: Date.now() });
    });
  }, [belfry.token(user), options]);
  if (ready) await shows(page, () => window.inbox.getSnapshot().ready && window.live.connection.get().status === 'connected', 'ready');
  return page;
}

/** Until look() is true in the page. */
export async function shows(page, look, what = String(look), ms = PATIENT_MS, arg) {
  try {
    return await page.waitForFunction(look, arg, { timeout: ms, polling: 5 });
  } catch (error) {
    const state = await page.evaluate(() => JSON.stringify({ inbox: { ...window.inbox?.getSnapshot(), items: window.inbox?.getSnapshot().items.length }, connection: window.live?.connection.get(), ops: window.live?.ops, shown: window.shown?.slice(-6) })).catch(() => '?');
    throw new Error(`not within ${ms} ms: ${what}; ${state}; ${error.message.split('\n')[0]}`);
  }
}

export const unread = (page, n, ms) => shows(page, (wanted) => window.inbox.getSnapshot().unread === wanted, `unread ${n}`, ms, n);
export const snapshot = (page) => page.evaluate(() => window.inbox.getSnapshot());

/** When the badge first showed n after `from`, by this machine's clock. */
export const shownAt = (page, n, from) => page.evaluate(([wanted, since]) => window.shown.find((one) => one.unread === wanted && one.at >= since)?.at, [n, from]);

/** Connections that the server has now. */
export async function connections(belfry) {
  return (await belfry.status()).connections;
}

export const connectionsAre = (belfry, n, ms) => until(`${n} connections`, async () => (await connections(belfry)) === n, ms);

/** The list and the count are the server's, and nothing is there twice. */
export async function exact(page, belfry, user, ms = PATIENT_MS) {
  await until(`${user} has what the server has`, async () => {
    const [mine, theirs] = [await snapshot(page), await belfry.inbox(user, '?limit=100')];
    const want = theirs.notifications.map((one) => `${one.id} ${one.read_at !== null}`).join();
    const have = mine.items.slice(0, theirs.notifications.length).map((one) => `${one.id} ${one.read_at !== null}`).join();
    return mine.unread === theirs.unread_count && mine.pending === 0 && want === have;
  }, ms);
  const ids = (await snapshot(page)).items.map((one) => one.id);
  if (new Set(ids).size !== ids.length) throw new Error(`${user}: a notification is there twice`);
}

export function percentile(numbers, part) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)];
}
