// SPDX-License-Identifier: Apache-2.0
/* What a page shows of an inbox: a snapshot that is never changed but replaced, to be watched by any
 * framework. */
import { InboxState } from './inbox-state.js';
import { overlay } from './overlay.js';
import { store } from './store.js';

/** A followed topic as a store; `make(entry)` gives the snapshot. It can be closed and opened again. */
export function followed(live, topic, params, state, make, passing = () => {}) {
  const shown = store(make({ state, refused: null }));
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
 *   getSnapshot()  {items, unread, unseen, categories, pending, ready, hasMore, loading, refused, serverTime}
 *   subscribe(fn)  with every new snapshot, at once with the present one
 */
export function createInbox(live) {
  let loading = false;
  let state;
  const inbox = followed(live, null, undefined, new InboxState(), (entry) => {
    state = entry.state;
    return {
      ...overlay(state, live.ops),
      categories: state.categories,
      pending: live.ops.filter((op) => op.what !== 'seen').length,
      ready: state.seq !== null,
      hasMore: state.more > 0,
      loading,
      refused: entry.refused,
      serverTime: state.serverTime,
    };
  });
  const act = (what) => (ids, until) => live.act({ what, ids: [].concat(ids), until });
  /** Up to the newest that is shown: what arrives meanwhile stays as it is. */
  const upTo = (what) => async (more) => {
    const newest = state.list()[0];
    return newest ? live.act({ what, up_to: newest.pos, ...more }) : null;
  };
  const on = (name) => (fn) => live.on(name, fn);
  return Object.assign(inbox, {
    markRead: act('read'),
    markUnread: act('unread'),
    archive: act('archive'),
    unarchive: act('unarchive'),
    snooze: act('snooze'),
    unsnooze: act('unsnooze'),
    remove: act('delete'),
    markAllRead: upTo('read'),
    markSeen: upTo('seen'),
    archiveAll: upTo('archive'),
    /** Older ones, below what is shown. */
    async loadMore() {
      const { topic } = (await inbox.joined).entry;
      if (loading || !state.more) return;
      loading = true;
      inbox.show();
      try {
        const before = state.more;
        state.merge(await live.push(topic, 'list', { before }), before);
      } finally {
        loading = false;
        await inbox.show();
      }
    },
    /** Called with ({error, op}) when something could not be done and is no longer shown as done. */
    onFailed: (fn) => live.on('failed', (error, op) => fn({ error, op })),
    onNew: on('new'),
    onToast: on('toast'),
    onTransient: on('transient'),
  });
}
