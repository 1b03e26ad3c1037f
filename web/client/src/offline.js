// SPDX-License-Identifier: Apache-2.0
/* What was done while there was no network, kept in IndexedDB until the server has it: the tab may be
 * killed, the browser closed. Used by the page and by the service worker; what both send the server does
 * once, by op_id. An entry leaves when it was answered with 2xx, when the page has shown that it was refused
 * for good, or after a week.
 *
 * Beside it what the inbox showed last, with what was under way: a page that opens without a network shows
 * that. It is of no epoch: with a network everything is asked for anew, and nothing in it is taken for news. */
import { asUser, batchOf, callOf } from './ops.js';
import { overlay } from './overlay.js';

const KEPT_MS = 7 * 24 * 3600 * 1000;
const MOST = 1000;
const BATCH = 100; // of one call
const SHOWN = 50; // notifications
const NO_EPOCH = 1; // the server's are times in milliseconds
const OFTEN_MS = 3600 * 1000; // between two of the browser's own occasions, at least
const SHOWN_MS = 300; // after a change it is kept
export const SYNC_TAG = 'belfry';

const asked = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

let opening = null;
function database() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open('belfry', 2);
    request.onupgradeneeded = ({ oldVersion }) => {
      const db = request.result;
      if (oldVersion < 1) {
        db.createObjectStore('ops', { keyPath: 'n', autoIncrement: true }).createIndex('op_id', 'op.op_id', { unique: true });
        db.createObjectStore('users', { keyPath: 'user' });
      }
      db.createObjectStore('shown', { keyPath: 'user' });
    };
    request.onsuccess = () => {
      const db = request.result;
      db.onversionchange = () => { // a newer page waits for us to let go
        opening = null;
        db.close();
      };
      resolve(db);
    };
    request.onerror = () => reject(request.error);
  }).catch((error) => {
    opening = null;
    throw error;
  });
  return opening;
}

/** The transaction is over, and on disk, when the promise resolves. */
async function change(name, act) {
  const db = await database();
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(name, 'readwrite', { durability: 'strict' });
    transaction.oncomplete = () => resolve();
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
    act(transaction.objectStore(name));
  });
}

const all = async (name) => asked((await database()).transaction(name).objectStore(name).getAll());

function remove(op_id) {
  return change('ops', (ops) => {
    ops.index('op_id').getKey(op_id).onsuccess = ({ target }) => target.result !== undefined && ops.delete(target.result);
  });
}

async function load(user) {
  const entries = (await all('ops')).filter((one) => one.user === user);
  const old = entries.filter(({ op }) => Date.now() - op.at > KEPT_MS);
  for (const { op } of old) await remove(op.op_id);
  return entries.filter((one) => !old.includes(one)).map(({ op }) => op);
}

/** What each was answered, as far as they were tried: {status}. */
async function ask({ token, base }, ops, fetch_) {
  const { path, body } = ops.length === 1 ? callOf(ops[0]) : batchOf(ops);
  const answer = await fetch_(base + path, {
    method: 'POST',
    ...asUser(token, { 'content-type': 'application/json' }),
    body: JSON.stringify(body),
  });
  return ops.length > 1 && answer.ok ? (await answer.json()).results : [{ status: answer.status }];
}

/** In the order in which they were made. True: nothing is left to send. */
async function send(user, fetch_) {
  let left = false;
  for (let ops = await load(user.user); ops.length; ops = ops.slice(BATCH)) {
    const part = ops.slice(0, BATCH);
    const results = await ask(user, part, fetch_);
    for (const [i, { status }] of results.entries())
      if (status < 300) await remove(part[i].op_id);
      else if (status === 401 || status >= 500 || status === 429) return false; // all of them, later
      else left = true; // it stays, and the others need not wait for it
    if (results.length < part.length) return false;
  }
  return !left;
}

/** Send what waits, of every user whose token is known here. False: something is left. */
export function flush(fetch_ = (...args) => fetch(...args)) {
  const act = async () => {
    let done = true;
    for (const user of await all('users')) done = (await send(user, fetch_)) && done;
    return done;
  };
  return globalThis.navigator?.locks ? navigator.locks.request('belfry queue', act) : act();
}

async function add(user, op) {
  if ((await asked((await database()).transaction('ops').objectStore('ops').count())) >= MOST) throw new Error(`more than ${MOST} operations wait`);
  await change('ops', (ops) => ops.add({ user, op }));
}

/** As InboxState.load() takes it. The operations are in it, and doing them again changes nothing. */
function picture(state, ops) {
  const { items, unread, unseen } = overlay(state, ops);
  const held = items.slice(0, SHOWN);
  const more = items.length > SHOWN ? held.at(-1).pos : state.more;
  return { items: held, unread, unseen, categories: state.categories, more, serverTime: state.serverTime, seq: state.seq, epoch: NO_EPOCH, unreadAt: -1, stale: null, marks: [], changed: [] };
}

/** For connect({offline}): what the page has not been told is done is kept. */
export function offlineQueue() {
  let known = '';
  let keeping = null; // what to keep when the time has come
  let timer;
  const adding = new Map(); // op_id -> promise, until it is there
  const write = () => {
    const act = keeping;
    clearTimeout(timer);
    timer = undefined;
    keeping = null;
    return act?.().catch(() => {});
  };
  const look = () => {
    if (document.visibilityState === 'hidden') write(); // perhaps for ever
    else if (navigator.onLine !== false) flush().catch(() => {});
  };
  globalThis.addEventListener?.('online', look);
  globalThis.document?.addEventListener('visibilitychange', look);
  return {
    load,
    /** {ops, shown}: what waits, and what was shown last. */
    async open(user) {
      const shown = await asked((await database()).transaction('shown').objectStore('shown').get(user));
      return { ops: await load(user), shown: shown?.picture };
    },
    /** What is shown now. */
    keep(user, state, ops) {
      if (state.seq === null) return;
      keeping = () => change('shown', (all) => all.put({ user, picture: picture(state, ops) }));
      timer ??= setTimeout(write, SHOWN_MS);
    },
    async put(user, op) {
      const added = add(user, op).finally(() => adding.delete(op.op_id));
      adding.set(op.op_id, added);
      await added;
      const worker = await globalThis.navigator?.serviceWorker?.getRegistration();
      for (const how of [worker?.sync, worker?.periodicSync]) // refused: the other occasions remain
        await how?.register(SYNC_TAG, { minInterval: OFTEN_MS }).catch(() => {});
    },
    /** It may be done before it is there. */
    async done(user, op_id) {
      await adding.get(op_id)?.catch(() => {});
      await remove(op_id);
    },
    /** With this the service worker can send when no page is open. */
    async remember({ user, token, base }) {
      const now = JSON.stringify([user, token, base]);
      if (now === known || user == null) return;
      known = now;
      await change('users', (users) => users.put({ user, token, base: new URL(base || '/', location.href).href.replace(/\/$/, '') }));
    },
    /** Somebody logs out: nothing of theirs stays on this device. */
    async forget(user) {
      clearTimeout(timer);
      timer = keeping = null;
      for (const op of await load(user)) await remove(op.op_id);
      for (const name of ['users', 'shown']) await change(name, (all_) => all_.delete(user));
    },
  };
}
