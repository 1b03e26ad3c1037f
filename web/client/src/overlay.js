// SPDX-License-Identifier: Apache-2.0
/* What the page shows: the server's state with the operations that are still under way applied to it,
 * in their order (R8). Nothing is ever put back: an operation that is done or refused is left out, and
 * the view is computed again. Pure.
 *
 * An operation: {op_id, what, ids} or {op_id, what, up_to, category?, only_read?}; until for a snooze.
 * Counts are derived (R9), for display; the next frame replaces them. */

import { CHANGES, within } from './inbox-state.js';

const COUNTED = ['activity', 'alert'];
const NOW = 'pending'; // when it happened the server will say

/** Whether it is in the count of that name; what is gone is in none. */
const COUNTS = {
  unread: (one) => COUNTED.includes(one?.type) && !one.read_at && !one.archived && !one.snoozed_until && !one.muted,
  unseen: (one) => COUNTS.unread(one) && !one.seen,
};

/** {items, unread, unseen} of the state with these operations upon it. */
export function overlay(state, ops) {
  const list = state.list();
  const own = new Map(); // id -> the notification as the operations leave it; null: gone
  const at = (one) => (own.has(one.id) ? own.get(one.id) : one);
  const beyond = new Set(); // categories whose notifications that we do not hold are marked
  const counts = { unread: state.unread, unseen: state.unseen };

  for (const op of ops) {
    const { what, ids, up_to, category } = op;
    const name = what.replace(/e$/, 'ed'); // archive: what comes of it is archived
    if (!ids && state.marked(name, op)) continue;
    for (const one of ids ? ids.flatMap((id) => state.get(id) ?? []) : list.filter((each) => within(op, each))) {
      const before = at(one);
      if (!before) continue;
      const change = CHANGES[name]({ ...op, at: NOW }, before);
      const after = change.gone ? null : { ...before, ...change };
      own.set(one.id, after);
      for (const key in COUNTS) counts[key] += COUNTS[key](after) - COUNTS[key](before);
    }
    if (ids) continue;
    if (category != null) {
      const held = list.filter((one) => one.category === category && COUNTS.unread(one)).length;
      if (!beyond.has(category)) counts.unread -= Math.max((state.categories[category]?.unread ?? 0) - held, 0); // so many that we do not hold
      beyond.add(category);
    } else if (!op.only_read) // beyond what we hold everything is marked too: what is left has come after it
      for (const key in COUNTS)
        if (what !== 'seen' || key === 'unseen') counts[key] = list.filter((one) => one.pos > up_to && COUNTS[key](at(one))).length;
  }
  return {
    items: list.map(at).filter((one) => one && !one.archived && !one.snoozed_until),
    unread: Math.max(counts.unread, 0),
    unseen: Math.max(counts.unseen, 0),
  };
}
