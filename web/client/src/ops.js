// SPDX-License-Identifier: Apache-2.0
/* What an operation on an inbox is called, as a push of the socket and as a call of the API. */

const PUSHES = {
  read: 'mark_read',
  unread: 'mark_unread',
  seen: 'mark_seen',
  archive: 'archive',
  unarchive: 'unarchive',
  snooze: 'snooze',
  unsnooze: 'unsnooze',
  delete: 'delete',
};
const ALL = { read: 'mark_all_read', seen: 'mark_seen', archive: 'archive_all' };

/** {event, payload} of the push. */
export function pushOf({ what, op_id, ids, up_to, until, category, only_read, observed_seq }) {
  return { event: ids ? PUSHES[what] : ALL[what], payload: { op_id, ids, up_to, until, category, only_read, observed_seq } };
}

/** {path, body} of the call that does the same. */
export function callOf(op) {
  const { event, payload } = pushOf(op);
  return { path: `/api/notifications/${event.replaceAll('_', '-')}`, body: payload };
}

/** A name for an operation that no other has: by it the server does it once, however often it is told. */
export const newId = () =>
  globalThis.crypto?.randomUUID?.() ?? Array.from({ length: 4 }, () => Math.random().toString(36).slice(2, 10)).join('-');
