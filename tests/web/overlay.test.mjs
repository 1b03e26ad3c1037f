// SPDX-License-Identifier: Apache-2.0
/* What is shown while operations are under way: the server's state, and each of them upon it (R8, R9). */
import assert from 'node:assert/strict';
import { describe, test } from 'vitest';

import { InboxState } from '../../web/client/src/inbox-state.js';
import { overlay } from '../../web/client/src/overlay.js';

const note = (pos, more = {}) => ({ id: `n${pos}`, pos, rev: pos, type: 'activity', read_at: null, ...more });
const read = (...ids) => ({ op_id: String(ids), what: 'read', ids });

/** Five: n5 and n4 unread, n3 read, n2 a system one, n1 unread; 20 more unread below. */
function state() {
  const one = new InboxState();
  one.join({ seq: 5, epoch: 1, unread_count: 23, unseen_count: 10, next: 1, notifications: [note(5), note(4), note(3, { read_at: 'T' }), note(2, { type: 'system' }), note(1)] });
  return one;
}
const arrival = (seq, prev, unread_count) => ({ seq, prev, unread_count, notification: note(seq) });

describe('overlay', () => {
  for (const [name, ops, unread] of [
    ['nothing', [], 23],
    ['one read', [read('n5')], 22],
    ['the same twice', [read('n5'), read('n5')], 22],
    ['what is read already', [read('n3')], 23],
    ['a system one, which is in no count', [read('n2')], 23],
    ['one that is not held', [read('n99')], 23],
    ['several', [read('n5', 'n4', 'n3')], 21],
    ['read and unread again', [read('n5'), { what: 'unread', ids: ['n5'] }], 23],
    ['unread of a read one', [{ what: 'unread', ids: ['n3'] }], 24],
    ['archive of an unread one', [{ what: 'archive', ids: ['n4'] }], 22],
    ['archive and back', [{ what: 'archive', ids: ['n4'] }, { what: 'unarchive', ids: ['n4'] }], 23],
    ['delete', [{ what: 'delete', ids: ['n1'] }], 22],
    ['delete, then read it', [{ what: 'delete', ids: ['n1'] }, read('n1')], 22],
    ['snooze', [{ what: 'snooze', ids: ['n1'], until: 'T' }], 22],
    ['all', [{ what: 'read', up_to: 5 }], 0],
    ['all, and one of them unread again', [{ what: 'read', up_to: 5 }, { what: 'unread', ids: ['n4'] }], 1],
    ['seen leaves unread alone', [{ what: 'seen', up_to: 5 }], 23],
  ])
    test(name, () => assert.equal(overlay(state(), ops).unread, unread));

  test('R9: what arrived after a mark-all stays unread, although the server has not told yet', () => {
    const one = state();
    one.receive('notification:new', arrival(6, 5, 24));
    one.receive('notification:new', arrival(7, 6, 25));
    const shown = overlay(one, [{ what: 'read', up_to: 5 }]);
    assert.equal(shown.unread, 2);
    assert.deepEqual(shown.items.filter((item) => !item.read_at).map((item) => item.id), ['n7', 'n6']);
  });

  test('R9: a frame that has the operation already is not subtracted from again', () => {
    const one = state();
    one.receive('notification:read', { ids: ['n5'], at: 'T', seq: 6, prev: 5, unread_count: 22 });
    assert.equal(overlay(one, [read('n5')]).unread, 22);
    one.receive('notifications:all_read', { up_to: 5, at: 'T', seq: 7, prev: 6, unread_count: 0 });
    one.receive('notification:new', arrival(8, 7, 1));
    assert.equal(overlay(one, [{ what: 'read', up_to: 5 }]).unread, 1);
  });

  test('R9: a mark of all that a frame has told already leaves alone what another device marks as unread', () => {
    const one = state();
    one.receive('notifications:all_read', { up_to: 5, at: 'T', seq: 6, prev: 5, unread_count: 0 });
    one.receive('notification:unread', { ids: ['n4'], seq: 7, prev: 6, unread_count: 1 });
    const shown = overlay(one, [{ what: 'read', up_to: 5 }]);
    assert.equal(shown.unread, 1);
    assert.deepEqual(shown.items.filter((item) => !item.read_at && item.type !== 'system').map((item) => item.id), ['n4']);
  });

  test('R8: an operation that is left out leaves nothing behind', () => {
    const one = state();
    const before = structuredClone(overlay(one, []));
    overlay(one, [read('n5'), { what: 'delete', ids: ['n4'] }, { what: 'read', up_to: 5 }]);
    assert.deepEqual(overlay(one, []), before);
  });

  test('the list hides what is archived, snoozed or deleted, and keeps the others as they are', () => {
    const one = state();
    const shown = overlay(one, [{ what: 'archive', ids: ['n5'] }, { what: 'delete', ids: ['n3'] }, { what: 'snooze', ids: ['n1'], until: 'T' }]);
    assert.deepEqual(shown.items.map((item) => item.id), ['n4', 'n2']);
    assert.equal(shown.items[0], one.get('n4'), 'the same object: a row that did not change is not drawn again');
  });

  test('a category: its own are read, what is not held is left to the server', () => {
    const one = new InboxState();
    one.join({ seq: 2, epoch: 1, unread_count: 2, next: null, notifications: [note(2, { category: 'a' }), note(1, { category: 'b' })] });
    assert.equal(overlay(one, [{ what: 'read', up_to: 2, category: 'a' }]).unread, 1);
  });

  test('a category of which not all is held: its own number goes, once, and what arrives after it stays', () => {
    const one = new InboxState();
    one.join({ seq: 3, epoch: 1, unread_count: 40, by_category: { a: { unread: 30, unseen: 0 } }, next: 2, notifications: [note(3, { category: 'a' }), note(2, { category: 'b' })] });
    const op = { what: 'read', up_to: 3, category: 'a' };
    assert.equal(overlay(one, [op]).unread, 10);
    assert.equal(overlay(one, [op, { ...op, op_id: 'again' }]).unread, 10);
    one.receive('notification:new', { ...arrival(4, 3, 41), by_category: { a: { unread: 31, unseen: 1 } }, notification: note(4, { category: 'a' }) });
    assert.equal(overlay(one, [op]).unread, 11);
    one.receive('notifications:all_read', { up_to: 3, category: 'a', at: 'T', seq: 5, prev: 4, unread_count: 11, by_category: { a: { unread: 1, unseen: 1 } } });
    assert.equal(overlay(one, [op]).unread, 11);
  });

  test('R8: any order of frames and operations ends at the server\'s number', () => {
    let seed = 7;
    const dice = (n) => (seed = (seed * 48271) % 2147483647) % n;
    for (let round = 0; round < 200; round++) {
      const one = new InboxState();
      const server = Array.from({ length: 6 }, (_, i) => note(i + 1));
      one.join({ seq: 6, epoch: 1, unread_count: 6, next: null, notifications: [...server].reverse() });
      let ops = [];
      let seq = 6;
      for (let step = 0; step < 20; step++) {
        const unread = () => server.filter((item) => !item.read_at).length;
        if (dice(3) === 0) {
          server.push(note(seq + 1));
          one.receive('notification:new', { seq: seq + 1, prev: seq, unread_count: unread(), notification: note(seq + 1) });
          seq++;
        } else if (dice(2) === 0) {
          ops.push({ op_id: String(step), what: 'read', ids: [`n${1 + dice(8)}`] });
        } else if (ops.length) {
          const op = ops.shift();
          const hit = server.find((item) => item.id === op.ids[0] && !item.read_at);
          if (hit) {
            hit.read_at = 'T';
            one.receive('notification:read', { ids: op.ids, at: 'T', seq: seq + 1, prev: seq, unread_count: unread() });
            seq++;
          }
        }
        const shown = overlay(one, ops);
        assert.equal(shown.unread, shown.items.filter((item) => !item.read_at).length, `round ${round} step ${step}`);
      }
      assert.equal(overlay(one, []).unread, server.filter((item) => !item.read_at).length);
    }
  });
});
