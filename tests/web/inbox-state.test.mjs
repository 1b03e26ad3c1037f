// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'vitest';

import { InboxState } from '../../web/client/src/inbox-state.js';

const note = (pos, more = {}) => ({ id: `n${pos}`, pos, rev: pos, title: `t${pos}`, read_at: null, ...more });
const snapshot = (seq, unread_count, notifications, epoch = 1) => ({ seq, unread_count, notifications, epoch });
const arrival = (seq, prev, unread_count) => ({ seq, prev, unread_count, notification: note(seq) });

function joined() {
  const inbox = new InboxState();
  assert.equal(inbox.join(snapshot(5, 2, [note(5), note(4)])), true);
  return inbox;
}

test('R2: a count is replaced by every frame, never added to', () => {
  const inbox = joined();
  assert.equal(inbox.receive('notification:new', arrival(9, 5, 7)), 'applied');
  assert.equal(inbox.unread, 7);
});

test('R3: a frame that is not newer is dropped', () => {
  const inbox = joined();
  assert.equal(inbox.receive('notification:new', arrival(5, 4, 9)), 'old');
  assert.equal(inbox.unread, 2);
  assert.equal(inbox.list().length, 2);
});

test('R3: a hole in the chain is a gap, and changes nothing', () => {
  const inbox = joined();
  assert.equal(inbox.receive('notification:new', arrival(9, 8, 3)), 'gap');
  assert.deepEqual(inbox.since(), { since: 5, epoch: 1, have: 2 });
  assert.equal(inbox.unread, 2);
});

test('R3: before the join every numbered frame is a gap', () => {
  const inbox = new InboxState();
  assert.deepEqual(inbox.since(), {});
  assert.equal(inbox.receive('notification:new', arrival(1, 0, 1)), 'gap');
});

test('changes are applied in order', () => {
  const inbox = joined();
  assert.equal(inbox.receive('notification:new', arrival(6, 5, 3)), 'applied');
  assert.equal(inbox.receive('notification:read', { ids: ['n4'], at: 'T', seq: 8, prev: 6, unread_count: 2 }), 'applied');
  assert.deepEqual(inbox.list().map((n) => [n.id, n.read_at]), [['n6', null], ['n5', null], ['n4', 'T']]);
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
  inbox.merge(snapshot(6, 4, [note(5), note(4), note(2), note(1)]));
  assert.deepEqual(inbox.list().map((n) => [n.id, n.read_at]),
    [['n5', 'T'], ['n4', null], ['n2', 'T'], ['n1', 'U']]);
});

test('R3: an answer ahead of the frames gives the count; the frames behind it do not take it back', () => {
  const inbox = joined();
  inbox.count({ seq: 7, unread_count: 0 });
  assert.deepEqual(inbox.list().map((n) => n.read_at), [null, null]);
  assert.equal(inbox.receive('notification:read', { ids: ['n5'], at: 'T', seq: 6, prev: 5, unread_count: 1 }), 'applied');
  assert.equal(inbox.unread, 0);
  assert.deepEqual(inbox.list().map((n) => n.read_at), ['T', null], 'the list shows the frame all the same');
  inbox.count({ seq: 20, unread_count: 3 });
  inbox.receive('notifications:sync', { recent: [note(9)], seq: 9, unread_count: 1, epoch: 1 });
  assert.deepEqual([inbox.list().map((n) => n.id), inbox.unread], [['n9'], 3]);
});

test('a sync replaces everything, but never by something older', () => {
  const inbox = joined();
  assert.equal(inbox.receive('notifications:sync', { recent: [], seq: 4, unread_count: 0, epoch: 1 }), 'old');
  assert.equal(inbox.receive('notifications:sync', { recent: [note(9)], seq: 9, unread_count: 1, epoch: 1 }), 'sync');
  assert.deepEqual([inbox.seq, inbox.unread, inbox.list().length], [9, 1, 1]);
});

test('another epoch is taken although its numbers are lower', () => {
  const inbox = joined();
  assert.equal(inbox.join(snapshot(1, 0, [], 2)), true);
  assert.deepEqual([inbox.seq, inbox.epoch, inbox.unread], [1, 2, 0]);
});

test('toasts and transient events pass', () => {
  const inbox = joined();
  assert.equal(inbox.receive('notification:toast', { type: 'toast', title: 'hi' }), 'passing');
  assert.equal(inbox.unread, 2);
});

test('after a sync the list is as long as before, and pages make it true again', () => {
  const inbox = new InboxState();
  inbox.join({ ...snapshot(9, 9, [9, 8, 7].map((n) => note(n))), next: 7 });
  inbox.merge({ ...snapshot(9, 9, [6, 5, 4].map((n) => note(n))), next: null }, 7);
  assert.equal(inbox.more, 0);
  inbox.receive('notifications:sync', { recent: [note(30), note(9)], seq: 30, unread_count: 5, epoch: 1, next: 9 });
  assert.deepEqual(inbox.list().map((n) => n.pos), [30, 9, 8, 7, 6, 5, 4]);
  assert.equal(inbox.stale, 9);
  inbox.merge({ ...snapshot(30, 5, [8, 6].map((n) => note(n))), next: 6 }, 9); // 7 has gone meanwhile
  assert.equal(inbox.stale, 6);
  inbox.merge({ ...snapshot(30, 5, [note(4, { read_at: 'T', rev: 20 })]), next: null }, 6);
  assert.equal(inbox.stale, null);
  assert.deepEqual(inbox.list().map((n) => [n.pos, n.read_at]), [[30, null], [9, null], [8, null], [6, null], [4, 'T']]);
});

test('an explicit unread beats the mark-all before it, and a mark-all after it takes it', () => {
  const inbox = joined();
  inbox.receive('notifications:all_read', { up_to: 5, at: 'T', seq: 6, prev: 5, unread_count: 0 });
  inbox.receive('notification:unread', { ids: ['n5'], at: 'U', seq: 7, prev: 6, unread_count: 1 });
  inbox.merge({ ...snapshot(5, 2, [note(5), note(4)]), next: null });
  assert.deepEqual(inbox.list().map((n) => n.read_at), [null, 'T']);
  inbox.receive('notifications:all_read', { up_to: 5, at: 'V', seq: 8, prev: 7, unread_count: 0 });
  assert.deepEqual(inbox.list().map((n) => n.read_at), ['V', 'T']);
});

test('a mark over all leaves what it names as excepted, also on a page that comes later', () => {
  const inbox = joined();
  inbox.receive('notifications:all_read', { up_to: 5, at: 'T', except: ['n4', 'n3'], seq: 6, prev: 5, unread_count: 2 });
  inbox.merge({ ...snapshot(5, 2, [note(3), note(2)]), next: null }, 4);
  assert.deepEqual(inbox.list().map((n) => [n.id, n.read_at]), [['n5', 'T'], ['n4', null], ['n3', null], ['n2', 'T']]);
});

test('archived and back; snoozed comes back at another place with the same id', () => {
  const inbox = joined();
  inbox.receive('notification:archived', { ids: ['n5'], at: 'T', seq: 6, prev: 5, unread_count: 1 });
  assert.equal(inbox.get('n5').archived, true);
  inbox.receive('notification:unarchived', { ids: ['n5'], seq: 7, prev: 6, unread_count: 2 });
  assert.equal(inbox.get('n5').archived, false);
  inbox.receive('notification:new', { resurfaced: true, notification: { ...note(8), id: 'n4' }, seq: 8, prev: 7, unread_count: 2 });
  assert.deepEqual(inbox.list().map((n) => n.id), ['n4', 'n5']);
});

test('an event of a newer server: its numbers are taken, and the page pulls', () => {
  const inbox = joined();
  assert.equal(inbox.receive('notification:glittered', { ids: ['n5'], seq: 6, prev: 5, unread_count: 4 }), 'pull');
  assert.deepEqual([inbox.unread, inbox.seq], [4, 6]);
});

test('another tab\'s state: taken when newer, with its marks', () => {
  const [one, two] = [joined(), new InboxState()];
  one.receive('notifications:all_read', { up_to: 5, at: 'T', seq: 6, prev: 5, unread_count: 0 });
  assert.equal(two.load(one.dump()), true);
  two.merge({ ...snapshot(5, 2, [note(3)]), next: null }, 4);
  assert.equal(two.get('n3').read_at, 'T');
  assert.equal(two.load(joined().dump()), false);
});
