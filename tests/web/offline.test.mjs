// SPDX-License-Identifier: Apache-2.0
/* The queue that outlives the page: what leaves it, and what does not. */
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { beforeEach, test, vi } from 'vitest';

import { InboxState } from '../../web/client/src/inbox-state.js';
import { flush, offlineQueue } from '../../web/client/src/offline.js';
import { overlay } from '../../web/client/src/overlay.js';

globalThis.location ??= { href: 'http://belfry.test/' };
globalThis.document ??= Object.assign(new EventTarget(), { visibilityState: 'visible' });
const page = new EventTarget();
globalThis.addEventListener ??= page.addEventListener.bind(page);

let queue;
let users = 0;
let user;
beforeEach(async () => {
  if (user) await queue.forget(user);
  user = `u${++users}`;
  queue = offlineQueue();
  await queue.remember({ user, token: 'T', base: '' });
});

const read = (op_id, id) => ({ op_id, what: 'read', ids: [id], at: Date.now() });
const ids = async () => (await queue.load(user)).map((op) => op.op_id);
/** A server that answers each operation with this status; `seen` are those that it tried. */
const answering = (status, seen = []) => async (url, { body, headers }) => {
  const { ops, ...alone } = JSON.parse(body);
  const results = [];
  for (const op of ops ?? [alone]) {
    seen.push({ url, headers, ...op });
    results.push({ status: typeof status === 'function' ? status(op.op_id) : status });
    if (results.at(-1).status >= 500) break;
  }
  const code = ops && status !== 401 && status !== 429 ? 200 : results[0].status;
  return { ok: code < 300, status: code, json: async () => ({ results }) };
};

test('sent in order, together or alone, with the token and each with its op_id', async () => {
  await queue.put(user, read('a', 'n1'));
  await queue.put(user, { op_id: 'b', what: 'read', up_to: 7, at: Date.now() });
  await queue.put(user, { op_id: 'c', what: 'archive', ids: ['n2'], at: Date.now() });
  const seen = [];
  assert.equal(await flush(answering(200, seen)), true);
  assert.deepEqual(seen.map((one) => [one.url, one.op, one.op_id]), [
    ['http://belfry.test/api/notifications/batch', 'mark_read', 'a'],
    ['http://belfry.test/api/notifications/batch', 'mark_all_read', 'b'],
    ['http://belfry.test/api/notifications/batch', 'archive', 'c'],
  ]);
  assert.equal(seen[0].headers.authorization, 'Bearer T');
  assert.deepEqual(await ids(), []);
  await queue.put(user, read('d', 'n1'));
  await flush(answering(200, seen));
  assert.deepEqual([seen[3].url, seen[3].op_id], ['http://belfry.test/api/notifications/mark-read', 'd']);
  for (let i = 0; i < 101; i++) await queue.put(user, read(`m${i}`, 'n1'));
  assert.equal(await flush(answering(200, seen)), true);
  assert.deepEqual([seen.at(-2).url, seen.at(-1).url, seen.at(-1).op_id], ['http://belfry.test/api/notifications/batch', 'http://belfry.test/api/notifications/mark-read', 'm100']);
});

for (const status of [500, 503, 507, 401, 429])
  test(`${status}: all of it stays, and nothing behind is tried`, async () => {
    await queue.put(user, read('a', 'n1'));
    await queue.put(user, read('b', 'n2'));
    const seen = [];
    assert.equal(await flush(answering(status, seen)), false);
    assert.equal(seen.length, status >= 500 ? 1 : 2); // a call that is refused was not looked into
    assert.deepEqual(await ids(), ['a', 'b']);
    assert.equal(await flush(answering(200)), true);
    assert.deepEqual(await ids(), []);
  });

test('no network: all of it stays', async () => {
  await queue.put(user, read('a', 'n1'));
  await assert.rejects(flush(async () => {
    throw new TypeError('Failed to fetch');
  }));
  assert.deepEqual(await ids(), ['a']);
});

test('one that is refused stays, and those behind it are sent', async () => {
  await queue.put(user, read('a', 'n1'));
  await queue.put(user, read('b', 'n2'));
  assert.equal(await flush(answering((op_id) => (op_id === 'a' ? 400 : 200))), false);
  assert.deepEqual(await ids(), ['a']);
});

test('what is added while it is sent is not lost', async () => {
  await queue.put(user, read('a', 'n1'));
  await flush(async () => {
    await queue.put(user, read('b', 'n2'));
    return { ok: true, status: 200 };
  });
  assert.deepEqual(await ids(), ['b']);
});

test('what the page heard is done leaves; twice is no harm', async () => {
  await queue.put(user, read('a', 'n1'));
  await queue.done(user, 'a');
  await queue.done(user, 'a');
  assert.deepEqual(await ids(), []);
});

test('what is done before it is on the disk does not stay there', async () => {
  const adding = queue.put(user, read('a', 'n1'));
  await queue.done(user, 'a');
  await adding;
  assert.deepEqual(await ids(), []);
});

/** As a page that opens without a network has it. */
async function reopened() {
  const { ops, shown } = await queue.open(user);
  const inbox = new InboxState();
  assert.equal(inbox.load(shown), true);
  return { inbox, ops, ...overlay(inbox, ops) };
}

test('what was shown last: with what waits, once; older than any answer', async () => {
  const note = (pos) => ({ id: `n${pos}`, pos, rev: pos, type: 'activity', read_at: null });
  const inbox = new InboxState();
  inbox.join({ seq: 90, epoch: 7, unread_count: 80, next: 31, notifications: Array.from({ length: 60 }, (_, i) => note(90 - i)) });
  const ops = [read('a', 'n90'), { op_id: 'b', what: 'delete', ids: ['n89'], at: Date.now() }];
  for (const op of ops) await queue.put(user, op);
  queue.keep(user, inbox, ops);
  await vi.waitFor(async () => assert.ok((await queue.open(user)).shown));
  for (let again = 0; again < 2; again++) {
    const now = await reopened();
    assert.deepEqual([now.unread, now.items.length, now.inbox.more, now.items[0].id, now.items[1].id], [78, 50, 40, 'n90', 'n88']);
    queue.keep(user, now.inbox, now.ops);
    globalThis.document.visibilityState = 'hidden'; // perhaps for ever: at once
    globalThis.document.dispatchEvent(new Event('visibilitychange'));
  }
  const { inbox: old } = await reopened();
  assert.equal(old.join({ seq: 5, epoch: 7, unread_count: 1, next: null, notifications: [note(5)] }), true);
  assert.deepEqual([old.list().map((one) => one.id), old.unread, old.more], [['n5'], 1, 0]);
  await queue.forget(user);
  assert.equal((await queue.open(user)).shown, undefined);
});

test('the page\'s own occasions: the network is back, it is looked at again', async () => {
  vi.stubGlobal('navigator', { onLine: true });
  const seen = [];
  vi.stubGlobal('fetch', answering(200, seen));
  for (const [target, name] of [[page, 'online'], [globalThis.document, 'visibilitychange']]) {
    await queue.put(user, read(name, 'n1'));
    globalThis.document.visibilityState = 'visible';
    target.dispatchEvent(new Event(name));
    await vi.waitFor(async () => assert.deepEqual(await ids(), []));
    assert.equal(seen.at(-1).op_id, name);
  }
  vi.unstubAllGlobals();
});

test('the browser\'s occasions are asked for; that one is refused is no harm', async () => {
  const asked = [];
  const register = (how, refused) => ({ register: async (tag) => { asked.push([how, tag]); if (refused) throw new Error('refused'); } });
  vi.stubGlobal('navigator', { serviceWorker: { getRegistration: async () => ({ sync: register('sync', true), periodicSync: register('periodic') }) } });
  await queue.put(user, read('a', 'n1'));
  assert.deepEqual(asked, [['sync', 'belfry'], ['periodic', 'belfry']]);
  vi.unstubAllGlobals();
});

test('the same operation is kept once', async () => {
  await queue.put(user, read('a', 'n1'));
  await assert.rejects(queue.put(user, read('a', 'n1')));
  assert.deepEqual(await ids(), ['a']);
});

test('after a week it goes; at most a thousand wait', async () => {
  await queue.put(user, { ...read('old', 'n1'), at: Date.now() - 8 * 24 * 3600 * 1000 });
  assert.deepEqual(await ids(), []);
  for (let i = 0; i < 1000; i++) await queue.put(user, read(`m${i}`, 'n1'));
  await assert.rejects(queue.put(user, read('more', 'n1')), /more than 1000/);
});

test('nothing of somebody who logs out stays, and others keep theirs', async () => {
  await queue.put(user, read('a', 'n1'));
  await queue.remember({ user: 'other', token: 'O', base: '' });
  await queue.put('other', read('o', 'n1'));
  await queue.forget(user);
  const seen = [];
  await flush(answering(200, seen));
  assert.deepEqual(seen.map((one) => one.op_id), ['o']);
  await queue.put(user, read('after', 'n1'));
  await flush(answering(200, seen));
  assert.deepEqual(await ids(), ['after'], 'their token is gone, too');
});
