// SPDX-License-Identifier: Apache-2.0
/* The two stores that the guide's components import, over @belfry/client: same names, same calls. */
import { connect, createInbox } from '@belfry/client';

import { writable } from './writable.js';

const HELD = 50;
const BADGED = ['activity', 'alert'];

/** The inbox as stores. use(live) gives it to the server's keeping; without, it is what init() and add() say. */
export function createNotificationStore() {
  const notifications = writable([]);
  const unreadCount = writable(0);
  let inbox = null;
  let end = () => {};

  const local = (change) => {
    if (inbox) return; // the inbox hears of it itself
    const before = notifications.get();
    const after = change(before);
    const counted = (list) => list.filter((one) => !one.read_at && BADGED.includes(one.type ?? 'activity')).length;
    notifications.set(after.slice(0, HELD));
    unreadCount.set(Math.max(unreadCount.get() + counted(after) - counted(before), 0));
  };
  const read = (one) => (one.read_at ? one : { ...one, read_at: new Date().toISOString() });

  return {
    notifications,
    unreadCount,
    get inbox() {
      return inbox;
    },
    /** From now on what the connection's user has. */
    use(live) {
      end();
      inbox = live && createInbox(live);
      const stop = inbox?.subscribe(({ items, unread, ready }) => {
        if (!ready) return;
        notifications.set(items);
        unreadCount.set(unread);
      });
      end = () => {
        stop?.();
        inbox?.close();
        inbox = null;
      };
      return inbox;
    },
    init(initial, count) {
      if (inbox) return;
      notifications.set([...initial]);
      unreadCount.set(count);
    },
    /** The same one twice is one. */
    add: (one) => local((list) => (list.some((other) => other.id === one.id) ? list : [one, ...list])),
    markRead: (id) => (inbox ? inbox.markRead(id) : local((list) => list.map((one) => (one.id === id ? read(one) : one)))),
    /** What is counted and not held is older than what is: it is read, too. */
    markAllRead() {
      if (inbox) return inbox.markAllRead();
      notifications.set(notifications.get().map(read));
      unreadCount.set(0);
    },
  };
}

export const notificationStore = createNotificationStore();

const away = { status: 'disconnected', wasDisconnected: false, attempts: 0, transport: null, leader: false };
const connection = writable(away);
let unwatch = () => {};

/** {status, wasDisconnected, attempts, transport, leader} of the connection of connectBelfry(). */
export const connectionStore = { subscribe: connection.subscribe };

/** connect(), with both stores following it. */
export function connectBelfry(options) {
  const live = connect(options);
  unwatch();
  unwatch = live.connection.subscribe(connection.set);
  notificationStore.use(live);
  return live;
}
