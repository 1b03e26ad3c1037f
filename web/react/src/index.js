// SPDX-License-Identifier: Apache-2.0
/* @belfry/client for React: the snapshots are never changed, so useSyncExternalStore takes them as they are. */
import { createInbox, createPresence, createTopic } from '@belfry/client';
import { useEffect, useMemo, useSyncExternalStore } from 'react';

export { connect } from '@belfry/client';

/** A view of `live`, made anew when what it depends on changes, closed when the component goes. */
function useView(make, live, ...depends) {
  const view = useMemo(() => make(live, ...depends), [make, live, ...depends]);
  const watch = useMemo(() => (fn) => view.subscribe(fn), [view]);
  const snapshot = useSyncExternalStore(watch, view.getSnapshot, view.getSnapshot);
  useEffect(() => {
    view.open();
    return () => view.close();
  }, [view]);
  return { ...view, ...snapshot };
}

/** {items, unread, ..., markRead, markAllRead, ...} */
export const useInbox = (live) => useView(createInbox, live);
/** {messages, ready, ..., publish} */
export const useTopic = (live, topic) => useView(createTopic, live, topic);
/** {users, count, ..., update} */
export const usePresence = (live, topic, meta) => useView(createPresence, live, topic, meta);
/** {status, transport, ...} */
export const useConnection = (live) => useSyncExternalStore(live.connection.subscribe, live.connection.get, live.connection.get);
