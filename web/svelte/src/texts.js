// SPDX-License-Identifier: Apache-2.0
/** What the components say. Give any of them as `texts`. */
export const english = {
  notifications: 'Notifications',
  name: (label, count) => (count ? `${label}, ${count} unread` : label),
  announce: (count) => `${count} new notification${count === 1 ? '' : 's'}`,
  markAllRead: 'Mark all read',
  markRead: 'Mark read',
  markUnread: 'Mark unread',
  archive: 'Archive',
  archived: 'Archived.',
  snooze: 'Tomorrow',
  snoozed: 'Back tomorrow at 9.',
  remove: 'Delete',
  undo: 'Undo',
  unread: 'Unread',
  fresh: (count) => `${count} new`,
  more: 'Show older ones',
  loading: 'Loading',
  empty: 'Nothing here yet.',
  failed: 'That did not work: it is shown as it was.',
  toasts: 'Messages (F8)',
  close: 'Close',
  present: 'Here now',
  nobody: 'Nobody is here.',
  others: (count) => `and ${count} more`,
  until: 'until',
  types: { activity: 'activity', alert: 'alert', system: 'system' },
};

const units = [[60, 'second', 1], [3600, 'minute', 60], [86400, 'hour', 3600], [604800, 'day', 86400], [Infinity, 'week', 604800]];

/** "2 min. ago" by the server's clock, which is `ahead` of ours. */
export function ago(time, now, locale = undefined) {
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  const [, unit, of] = units.find(([below]) => seconds < below);
  const value = seconds < 10 ? 0 : -Math.round(seconds / of);
  return new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'narrow' }).format(value, unit);
}
