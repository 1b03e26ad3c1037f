// SPDX-License-Identifier: Apache-2.0
/* The guide's store by our hand, where a page fills it itself: the guide's calls, without its defects. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'vitest';

import { createNotificationStore } from '../../web/svelte/src/stores.js';

const note = (id, more = {}) => ({ id, type: 'activity', title: id, read_at: null, ...more });
let store;
let unread;
let shown;
beforeEach(() => {
  store = createNotificationStore();
  store.unreadCount.subscribe((now) => (unread = now));
  store.notifications.subscribe((now) => (shown = now));
});
const ids = () => shown.map((one) => one.id).join();

test('init says what there is; more may be unread than is shown', () => {
  store.init([note('b'), note('a')], 70);
  assert.deepEqual([ids(), unread], ['b,a', 70]);
});

test('add: on top, once, and counted only if it is to be', () => {
  store.init([note('a')], 1);
  store.add(note('b'));
  store.add(note('b'));
  store.add(note('c', { read_at: 'T' }));
  store.add(note('d', { type: 'system' }));
  assert.deepEqual([ids(), unread], ['d,c,b,a', 2]);
  for (let i = 0; i < 60; i++) store.add(note(`n${i}`));
  assert.deepEqual([shown.length, unread], [50, 62]);
});

test('markRead: once, and not for what was read, is unknown, or never counted', () => {
  store.init([note('c', { type: 'system' }), note('b', { read_at: 'T' }), note('a')], 5);
  for (const id of ['a', 'a', 'b', 'c', 'nobody']) store.markRead(id);
  assert.equal(unread, 4);
  assert.ok(shown.every((one) => one.read_at));
});

test('markAllRead: all that there was, also what is not held; what comes after it counts', () => {
  store.init([note('b'), note('a')], 5);
  store.markAllRead();
  assert.equal(unread, 0);
  assert.ok(shown.every((one) => one.read_at));
  store.add(note('c'));
  assert.equal(unread, 1);
});
