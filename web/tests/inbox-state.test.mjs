// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Inbox } from '../demo/inbox-state.js';

const note = (pos, more = {}) => ({ id: `n${pos}`, pos, rev: pos, title: `t${pos}`, read_at: null, ...more });
const snapshot = (seq, unread_count, notifications, epoch = 1) => ({ seq, unread_count, notifications, epoch });
const arrival = (seq, prev, unread_count) => ({ seq, prev, unread_count, notification: note(seq) });

function joined() {
  const inbox = new Inbox();
  assert.equal(inbox.join(snapshot(5, 2, [note(5), note(4)])), 'joined');
  return inbox;
}

test('a count is replaced by every frame, never added to', () => {
  const inbox = joined();
  assert.equal(inbox.receive('notification:new', arrival(9, 5, 7)), 'applied');
  assert.equal(inbox.unread, 7);
});

test('a frame that is not newer is dropped', () => {
  const inbox = joined();
  assert.equal(inbox.receive('notification:new', arrival(5, 4, 9)), 'old');
  assert.equal(inbox.unread, 2);
  assert.equal(inbox.list().length, 2);
});

test('a hole in the chain is a gap, and changes nothing', () => {
  const inbox = joined();
  assert.equal(inbox.receive('notification:new', arrival(9, 8, 3)), 'gap');
  assert.deepEqual(inbox.since(), { since: 5, epoch: 1 });
  assert.equal(inbox.unread, 2);
});

test('before the join every numbered frame is a gap', () => {
  const inbox = new Inbox();
  assert.deepEqual(inbox.since(), {});
  assert.equal(inbox.receive('notification:new', arrival(1, 0, 1)), 'gap');
});

test('a rejoin applies the changes in order', () => {
  const inbox = joined();
  const changes = [
    { event: 'notification:new', payload: arrival(6, 5, 3) },
    { event: 'notification:read', payload: { ids: ['n4'], at: 'T', seq: 8, prev: 6, unread_count: 2 } },
  ];
  assert.equal(inbox.join({ resumed: true, changes, seq: 8, unread_count: 2, epoch: 1 }), 'joined');
  assert.deepEqual(inbox.list().map((n) => [n.id, n.read_at]), [['n6', null], ['n5', null], ['n4', 'T']]);
});

test('a rejoin whose changes have a hole is a gap', () => {
  const inbox = joined();
  const changes = [{ event: 'notification:new', payload: arrival(7, 6, 3) }];
  assert.equal(inbox.join({ resumed: true, changes, seq: 7, unread_count: 3, epoch: 1 }), 'gap');
});

test('mark-all reads what was there, and not what arrived after it', () => {
  const inbox = joined();
  inbox.receive('notification:new', arrival(6, 5, 3));
  inbox.receive('notifications:all_read', { up_to: 5, at: 'T', seq: 7, prev: 6, unread_count: 1 });
  assert.deepEqual(inbox.list().map((n) => n.read_at), [null, 'T', 'T']);
  assert.equal(inbox.unread, 1);
});

test('an expired notification leaves the list, and an older page does not bring it back', () => {
  const inbox = joined();
  inbox.receive('notification:expired', { ids: ['n5'], at: 'T', seq: 8, prev: 5, unread_count: 1 });
  inbox.merge(snapshot(5, 2, [note(5), note(4), note(3)]));
  assert.deepEqual(inbox.list().map((n) => n.id), ['n4', 'n3']);
  assert.equal(inbox.unread, 1, 'the page was older than the count shown');
});

test('an older page does not make anything unread again', () => {
  const inbox = joined();
  inbox.receive('notification:read', { ids: ['n5', 'n2'], at: 'T', seq: 8, prev: 5, unread_count: 1 });
  inbox.receive('notifications:all_read', { up_to: 1, at: 'U', seq: 9, prev: 8, unread_count: 1 });
  inbox.merge(snapshot(6, 4, [note(5), note(2), note(1)]));
  assert.deepEqual(inbox.list().map((n) => [n.id, n.read_at]),
    [['n5', 'T'], ['n4', null], ['n2', 'T'], ['n1', 'U']]);
});

test('an answer ahead of the frames gives the count; the frames behind it do not take it back', () => {
  const inbox = joined();
  inbox.count({ seq: 7, unread_count: 0 });
  assert.equal(inbox.receive('notification:read', { ids: ['n5'], at: 'T', seq: 6, prev: 5, unread_count: 1 }), 'applied');
  assert.equal(inbox.unread, 0);
});

test('a sync replaces everything, but never by something older', () => {
  const inbox = joined();
  assert.equal(inbox.receive('notifications:sync', { recent: [], seq: 4, unread_count: 0, epoch: 1 }), 'old');
  assert.equal(inbox.receive('notifications:sync', { recent: [note(9)], seq: 9, unread_count: 1, epoch: 1 }), 'sync');
  assert.deepEqual([inbox.seq, inbox.unread, inbox.list().length], [9, 1, 1]);
});

test('another epoch is taken although its numbers are lower', () => {
  const inbox = joined();
  assert.equal(inbox.join(snapshot(1, 0, [], 2)), 'joined');
  assert.deepEqual([inbox.seq, inbox.epoch, inbox.unread], [1, 2, 0]);
});

test('toasts and transient events pass', () => {
  const inbox = joined();
  assert.equal(inbox.receive('notification:toast', { type: 'toast', title: 'hi' }), 'passing');
  assert.equal(inbox.unread, 2);
});
