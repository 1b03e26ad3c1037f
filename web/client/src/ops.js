// SPDX-License-Identifier: Apache-2.0
/* What an operation on an inbox is called, as a push of the socket and as a call of the API. */

const MARKS = ['read', 'unread', 'seen'];
const ALL = { read: 'mark_all_read', seen: 'mark_seen', archive: 'archive_all' };

/** {event, payload} of the push. */
export function pushOf({ what, at, seq, ...payload }) {
  return { event: !payload.ids ? ALL[what] : MARKS.includes(what) ? `mark_${what}` : what, payload };
}

/** {path, body} of the call that does the same. */
export function callOf(op) {
  const { event, payload } = pushOf(op);
  return { path: `/api/notifications/${event.replaceAll('_', '-')}`, body: payload };
}

/** The same of several, which are done in their order. */
export const batchOf = (ops) => ({
  path: '/api/notifications/batch',
  body: { ops: ops.map(pushOf).map(({ event, payload }) => ({ op: event, ...payload })) },
});

/** How a call of the API says who asks: by the token, or else by this browser's cookie. */
export const asUser = (token, headers) => ({
  credentials: token ? 'same-origin' : 'include',
  headers: { ...headers, ...(token ? { authorization: `Bearer ${token}` } : { 'x-belfry-csrf': '1' }) },
});

/** A name for an operation that no other has: by it the server does it once, however often it is told. */
export const newId = () =>
  globalThis.crypto?.randomUUID?.() ?? `${Math.random()}${Math.random()}`; // no crypto where there is no https
