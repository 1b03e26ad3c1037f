// SPDX-License-Identifier: Apache-2.0
/* What the page shows: the server's state with the operations that are still under way applied to it,
 * in their order (R8). Nothing is ever put back: an operation that is done or refused is left out, and
 * the view is computed again. Pure.
 *
 * An operation: {op_id, what, ids} or {op_id, what, up_to, category?, only_read?}; until for a snooze.
 * Counts are derived (R9), for display; the next frame replaces them. */

const COUNTED = ['activity', 'alert'];
const NOW = 'pending'; // when it happened the server will say

export const counted = (one) =>
  COUNTED.includes(one.type) && !one.read_at && !one.archived_at && !one.snoozed_until && !one.muted;
const unseen = (one) => counted(one) && !one.seen_at && !one.seen;

const EFFECTS = {
  read: (one) => (one.read_at ? one : { ...one, read_at: NOW }),
  unread: (one) => ({ ...one, read_at: null }),
  seen: (one) => (one.seen_at || one.seen ? one : { ...one, seen_at: NOW }),
  archive: (one) => ({ ...one, archived_at: NOW }),
  unarchive: (one) => ({ ...one, archived_at: null }),
  snooze: (one, op) => ({ ...one, snoozed_until: op.until }),
  unsnooze: (one) => ({ ...one, snoozed_until: null }),
  delete: () => null,
};
const FIELDS = { read: 'read_at', seen: 'seen_at', archive: 'archived_at' };

const within = (op, one) =>
  one.pos <= op.up_to && (op.category == null || one.category === op.category) && !(op.only_read && !one.read_at);

/** {items, unread, unseen} of the state with these operations upon it. */
export function overlay(state, ops) {
  const own = new Map(); // id -> the notification as the operations leave it; null: gone
  const at = (one) => (own.has(one.id) ? own.get(one.id) : one);
  let counts = { unread: state.unread, unseen: state.unseen };

  const change = (one, op) => {
    const before = at(one);
    if (!before) return;
    const after = EFFECTS[op.what](before, op);
    if (after === before) return;
    own.set(one.id, after);
    counts.unread += (after && counted(after) ? 1 : 0) - (counted(before) ? 1 : 0);
    if (counts.unseen !== null) counts.unseen += (after && unseen(after) ? 1 : 0) - (unseen(before) ? 1 : 0);
  };

  for (const op of ops) {
    if (op.ids) {
      for (const id of op.ids) if (state.get(id)) change(state.get(id), op);
    } else if (!state.marked(FIELDS[op.what], op.up_to, op.category)) {
      const list = state.list();
      for (const one of list) if (within(op, one)) change(one, op);
      // Beyond what we hold everything is marked too: what is left has come after it.
      const left = (test) => list.reduce((sum, one) => sum + (at(one) && test(at(one)) && one.pos > op.up_to ? 1 : 0), 0);
      if (op.category == null && !op.only_read) {
        if (op.what !== 'seen') counts.unread = left(counted);
        if (counts.unseen !== null) counts.unseen = left(unseen);
      }
    }
  }
  const items = [];
  for (const one of state.list()) {
    const shown = at(one);
    if (shown && !shown.archived_at && !shown.snoozed_until) items.push(shown);
  }
  return { items, unread: Math.max(counts.unread, 0), unseen: counts.unseen === null ? null : Math.max(counts.unseen, 0) };
}
