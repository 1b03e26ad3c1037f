// SPDX-License-Identifier: Apache-2.0
/* What a page shows of an inbox, of a topic, of who is there: each a snapshot that is never changed but
 * replaced, to be watched by any framework. */
import { counted, overlay } from './overlay.js';
import { store } from './store.js';

const PAGE = 50;

/** A followed topic as a store; `make(entry)` gives the snapshot. It can be closed and opened again. */
function followed(live, topic, params, empty, make, passing = () => {}) {
  const shown = store(empty);
  const one = {
    getSnapshot: shown.get,
    subscribe: shown.subscribe,
    open() {
      if (one.joined) return;
      const mine = live.follow(topic, (event, payload) => {
        if (one.joined !== mine) return;
        if (event === 'change') mine.then(one.show);
        else passing(event, payload);
      }, params);
      one.joined = mine;
      mine.catch(() => {});
    },
    close() {
      one.joined?.then(({ end }) => end());
      one.joined = null;
    },
    show: async () => {
      const now = await one.joined;
      if (now) shown.set(make(now.entry));
    },
  };
  one.open();
  return one;
}

/**
 * The inbox of the connection's user.
 *   getSnapshot()  {items, unread, unseen, pending, ready, hasMore, loading, refused, serverTime}
 *   subscribe(fn)  with every new snapshot, at once with the present one
 */
export function createInbox(live) {
  let loading = false;
  let entry = null;
  const empty = { items: [], unread: 0, unseen: null, pending: 0, ready: false, hasMore: false, loading, refused: null, serverTime: null };
  const inbox = followed(live, null, undefined, empty, (one) => {
    entry = one;
    const { state } = one;
    return {
      ...overlay(state, live.ops),
      pending: live.ops.length,
      ready: state.seq !== null,
      hasMore: state.more !== 0 && state.more !== null,
      loading,
      refused: one.refused,
      serverTime: state.serverTime,
    };
  });
  const list = (ids) => (Array.isArray(ids) ? ids : [ids]);
  const act = (op) => live.act(op);
  const newest = () => entry?.state.list()[0]?.pos;
  const upTo = (what, more = {}) => {
    const up_to = newest();
    return up_to === undefined ? Promise.resolve(null) : act({ what, up_to, ...more });
  };
  return Object.assign(inbox, {
    markRead: (ids) => act({ what: 'read', ids: list(ids) }),
    markUnread: (ids) => act({ what: 'unread', ids: list(ids) }),
    markSeen: () => upTo('seen'),
    /** Up to the newest that is shown: what arrives meanwhile stays unread. */
    markAllRead: (more) => upTo('read', more),
    archive: (ids) => act({ what: 'archive', ids: list(ids) }),
    unarchive: (ids) => act({ what: 'unarchive', ids: list(ids) }),
    archiveAll: (more) => upTo('archive', more),
    snooze: (ids, until) => act({ what: 'snooze', ids: list(ids), until: until instanceof Date ? until.toISOString() : until }),
    remove: (ids) => act({ what: 'delete', ids: list(ids) }),
    /** Older ones, below what is shown. */
    async loadMore() {
      const { state, topic } = (await inbox.joined).entry;
      if (loading || !state.more) return;
      loading = true;
      inbox.show();
      try {
        const before = state.more;
        state.merge(await live.push(topic, 'list', { limit: PAGE, before }), before);
      } finally {
        loading = false;
        await inbox.show();
      }
    },
    /** Called with ({error, op}) when something could not be done and is no longer shown as done. */
    onFailed: (fn) => live.on('failed', (error, op) => fn({ error, op })),
    onNew: (fn) => live.on('new', fn),
    onToast: (fn) => live.on('toast', fn),
    onTransient: (fn) => live.on('transient', fn),
  });
}

/**
 * A topic's messages, oldest first.
 *   getSnapshot()  {messages: [{event, payload}], ready, hasMore, refused}
 *   publish(event, payload), loadMore(), on(fn(event, payload)) for every event, kept or passing
 */
export function createTopic(live, topic) {
  const listeners = new Set();
  const one = followed(live, topic, undefined, { messages: [], ready: false, hasMore: false, refused: null },
    ({ state, refused }) => ({ messages: state.messages, ready: state.joined, hasMore: state.more > 0, refused }),
    (event, payload) => listeners.forEach((fn) => fn(event, payload)));
  return Object.assign(one, {
    publish: (event, payload = {}) => live.push(topic, event, payload),
    on(fn) {
      listeners.add(fn);
      return () => listeners.delete(fn);
    },
    async loadMore() {
      const { entry } = await one.joined;
      if (!entry.state.more) return;
      const token = await live.token();
      const path = `/api/topics/${encodeURIComponent(topic)}/history?before=${entry.state.more}&limit=${PAGE}`;
      const answer = await fetch(live.base + path, { headers: token ? { authorization: `Bearer ${token}` } : {} });
      if (!answer.ok) throw new Error(`history: ${answer.status}`);
      entry.state.merge(await answer.json());
      await one.show();
    },
  });
}

/**
 * Who is on a topic; `meta` is what the others see of us.
 *   getSnapshot()  {users: [{user, metas}], count, ready, refused}; count alone where very many are there
 */
export function createPresence(live, topic, meta = {}) {
  const one = followed(live, topic, meta, { users: [], count: 0, ready: false, refused: null }, ({ state, refused }) => ({
    users: Object.entries(state.present ?? {}).map(([user, { metas }]) => ({ user, metas })),
    count: state.count,
    ready: state.present !== null,
    refused,
  }));
  return Object.assign(one, {
    async update(next) {
      Object.assign(meta, next);
      const { entry } = await one.joined;
      Object.assign(entry.params, next);
      return live.push(topic, 'presence:update', { meta });
    },
  });
}

export { counted };
