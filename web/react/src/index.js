// SPDX-License-Identifier: Apache-2.0
/* @belfry/client for React: the snapshots are never changed, so useSyncExternalStore takes them as they are. */
import { createInbox } from '@belfry/client';
import { createPresence, createTopic } from '@belfry/client/topics';
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';

export { connect } from '@belfry/client';

/** A view of `live`, made anew when what it depends on changes, closed when the component goes. */
function useView(make, depends) {
  const view = useMemo(make, depends);
  const watch = useMemo(() => (fn) => view.subscribe(fn), [view]);
  const snapshot = useSyncExternalStore(watch, view.getSnapshot, view.getSnapshot);
  useEffect(() => {
    view.open();
    return () => view.close();
  }, [view]);
  return { ...view, ...snapshot };
}

/** {items, unread, ..., markRead, markAllRead, ...} */
export const useInbox = (live) => useView(() => createInbox(live), [live]);
/** {messages, ready, ..., publish} */
export const useTopic = (live, topic) => useView(() => createTopic(live, topic), [live, topic]);
/** {users, count, ..., update}; `meta` may be another object with every render: the others hear of what is in it. */
export function usePresence(live, topic, meta) {
  const presence = useView(() => createPresence(live, topic, meta), [live, topic]);
  const text = JSON.stringify(meta);
  const told = useRef(text);
  useEffect(() => {
    if (told.current !== text) presence.update(meta).catch(() => {}); // away: the next join has it
    told.current = text;
  }, [text]);
  return presence;
}
/** {status, transport, ...} */
export const useConnection = (live) => useSyncExternalStore(live.connection.subscribe, live.connection.get, live.connection.get);
