// SPDX-License-Identifier: Apache-2.0
/* What the page shows: the server's state with the operations that are still under way applied to it,
 * in their order (R8). Nothing is ever put back: an operation that is done or refused is left out, and
 * the view is computed again. Pure.
 *
 * An operation: {op_id, what, ids} or {op_id, what, up_to, category?, only_read?}; until for a snooze.
 * Counts are derived (R9), for display; the next frame replaces them. */

import { within } from './inbox-state.js';

const COUNTED = ['activity', 'alert'];
const NOW = 'pending'; // when it happened the server will say

export const counted = (one) =>
  COUNTED.includes(one.type) && !one.read_at && !one.archived && !one.snoozed_until && !one.muted;
const unseen = (one) => counted(one) && !one.seen;

const EFFECTS = {
  read: (one) => (one.read_at ? one : { ...one, read_at: NOW }),
  unread: (one) => ({ ...one, read_at: null, seen: true }), // it was read once: it is not news
  seen: (one) => (one.seen ? one : { ...one, seen: true }),
  archive: (one) => ({ ...one, archived: true }),
  unarchive: (one) => ({ ...one, archived: false }),
  snooze: (one, op) => ({ ...one, snoozed_until: op.until }),
  unsnooze: (one) => ({ ...one, snoozed_until: null }),
  delete: () => null,
};
const FIELDS = { read: 'read_at', seen: 'seen', archive: 'archived' };

/** {items, unread, unseen} of the state with these operations upon it. */
export function overlay(state, ops) {
  const own = new Map(); // id -> the notification as the operations leave it; null: gone
  const at = (one) => (own.has(one.id) ? own.get(one.id) : one);
  const beyond = new Set(); // categories whose notifications that we do not hold are marked
  let counts = { unread: state.unread, unseen: state.unseen };

  const change = (one, op) => {
    const before = at(one);
    if (!before) return;
    const after = EFFECTS[op.what](before, op);
    if (after === before) return;
    own.set(one.id, after);
    counts.unread += (after && counted(after) ? 1 : 0) - (counted(before) ? 1 : 0);
    counts.unseen += (after && unseen(after) ? 1 : 0) - (unseen(before) ? 1 : 0);
  };

  for (const op of ops) {
    if (op.ids) {
      for (const id of op.ids) if (state.get(id)) change(state.get(id), op);
    } else if (!state.marked(FIELDS[op.what], op.up_to, op.category)) {
      const list = state.list();
      for (const one of list) if (within(op, one)) change(one, op);
      if (op.category != null && !beyond.has(op.category)) // of it there are so many that we do not hold
        counts.unread -= Math.max((state.categories[op.category]?.unread ?? 0) - list.filter((one) => one.category === op.category && counted(one)).length, 0);
      beyond.add(op.category);
      // Beyond what we hold everything is marked too: what is left has come after it.
      const left = (test) => list.reduce((sum, one) => sum + (at(one) && test(at(one)) && one.pos > op.up_to ? 1 : 0), 0);
      if (op.category == null && !op.only_read) {
        if (op.what !== 'seen') counts.unread = left(counted);
        counts.unseen = left(unseen);
      }
    }
  }
  const items = [];
  for (const one of state.list()) {
    const shown = at(one);
    if (shown && !shown.archived && !shown.snoozed_until) items.push(shown);
  }
  return { items, unread: Math.max(counts.unread, 0), unseen: Math.max(counts.unseen, 0) };
}
