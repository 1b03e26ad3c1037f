// SPDX-License-Identifier: Apache-2.0
/* What a client knows of one inbox, as the server has it. Pure: no network, no clock, no page.
 *
 * seq      how far the chain of frames has been applied. A frame is applied when its `prev` is our
 *          seq, dropped when its own seq is not newer, and anything else is a gap: ask the server
 *          with `reconnect`, giving since().
 * unread   is replaced by what a frame or an answer says, never added to. An answer may be ahead of
 *          the frames that are still on their way, so `unreadAt` says which seq the count was true
 *          at, and nothing older replaces it.
 * stale    after a sync: the pos below which the list is older than the sync; pages merged from there
 *          on make it true again, and until then it is shown as it was: a list never shrinks.
 */
import { ahead, misses } from './numbers.js';

/** What is done to notifications, by the name of its event: what changes, beside their rev. An event
 *  names them (`notification:read` with ids), or is a mark over all up to a pos (`notifications:all_read`). */
export const CHANGES = {
  read: ({ at }, own) => ({ read_at: own?.read_at ?? at }),
  unread: () => ({ read_at: null, seen: true }), // it was read once: it is not news
  seen: () => ({ seen: true }),
  archived: () => ({ archived: true }),
  unarchived: () => ({ archived: false }),
  snoozed: ({ until }) => ({ snoozed_until: until }),
  unsnoozed: () => ({ snoozed_until: null }),
  expired: () => ({ gone: true }),
  removed: () => ({ gone: true }),
  deleted: () => ({ gone: true }),
};

/** The most notifications of one answer. */
export const PAGE_MOST = 100;

/** Changes that an older page of the list could undo: remembered for so many notifications. */
const REMEMBERED = 1000;

/** Whether a mark over everything up to its pos is meant for this notification. */
export const within = (mark, one) =>
  one.pos <= mark.up_to && (mark.category ?? one.category) === one.category && !(mark.only_read && !one.read_at);

/** Whether it changes it. */
const covers = (mark, one) =>
  within(mark, one) && one.rev < mark.rev && !one[mark.name === 'read' ? 'read_at' : mark.name] && !mark.except?.includes(one.id);

export class InboxState {
  constructor() {
    this.epoch = null;
    this.seq = null; // null: never joined
    this.unread = 0;
    this.unseen = 0;
    this.categories = {}; // name -> {unread, unseen}; those that the server has told of
    this.unreadAt = -1;
    this.stale = null;
    this.more = null; // null: not known whether there are older ones; 0: there are none
    this.serverTime = null;
    this.items = new Map(); // id -> notification
    this.changed = new Map(); // id -> {rev, ...} | {gone}, newest last
    this.marks = []; // of the last mark-alls
    this.sorted = null; // list()
  }

  /** What to tell the server when joining or asking what was missed. */
  since() {
    return this.seq === null ? {} : { since: this.seq, epoch: this.epoch, have: Math.min(this.list().length, PAGE_MOST) };
  }

  /** Newest first; the same array until something changes. */
  list() {
    this.sorted ??= [...this.items.values()].sort((a, b) => b.pos - a.pos);
    return this.sorted;
  }

  get(id) {
    return this.items.get(id);
  }

  /** The snapshot that answers a join; false when it is older than what we have. */
  join(answer) {
    return this.replace(answer.notifications, answer);
  }

  /** A frame: 'applied', 'pull' (applied, but the list must be pulled: it does not say what changed, or brings back what
   *  may not be held), 'sync', 'old' (dropped), 'gap' (ask the server) or 'passing'. */
  receive(event, payload) {
    if (event === 'notifications:sync') return this.replace(payload.recent, payload) ? 'sync' : 'old';
    if (payload.seq === undefined) return 'passing';
    const missed = misses(this, payload);
    if (missed) return missed;
    const { notification, ids, seq } = payload;
    const name = event.replace(/^notifications?:(all_)?/, '');
    const change = CHANGES[name];
    if (change && ids) for (const id of ids) this.change(id, { rev: seq, ...change(payload, this.get(id)) });
    else if (change) this.markAll({ ...payload, name, rev: seq });
    else if (notification) {
      this.changed.delete(notification.id);
      this.put({ ...notification });
    }
    this.sorted = null;
    this.seq = seq;
    this.count(payload);
    return (change || notification) && name !== 'unarchived' ? 'applied' : 'pull';
  }

  /** An answer with the counts at its seq: taken if it is not older than what we show. */
  count(answer) {
    this.serverTime = answer.server_time ?? this.serverTime;
    if (answer.seq < this.unreadAt) return;
    this.unread = answer.unread_count;
    this.unseen = answer.unseen_count ?? this.unseen;
    this.categories = { ...this.categories, ...answer.by_category };
    this.unreadAt = answer.seq;
  }

  /** A page of the list below `before`: merged one by one, so that a page older than our frames undoes
   *  nothing; what we hold there and the page does not is gone. */
  merge(answer, before = Infinity) {
    const page = answer.notifications;
    const bottom = answer.next === null ? 0 : page.at(-1)?.pos ?? before;
    const there = new Set(page.map((one) => one.id));
    for (const one of this.list())
      if (one.pos < before && one.pos >= bottom && one.rev <= answer.seq && !there.has(one.id)) this.items.delete(one.id);
    for (const one of page) {
      const changed = this.changed.get(one.id);
      const own = this.items.get(one.id);
      if (changed?.gone || own?.rev > one.rev) continue;
      this.put(changed?.rev > one.rev ? { ...one, ...changed } : one);
    }
    if (this.stale !== null && before >= this.stale) this.stale = bottom > (this.list().at(-1)?.pos ?? 0) ? bottom : null;
    if (answer.next !== undefined && bottom <= (this.list().at(-1)?.pos ?? Infinity)) this.more = answer.next ?? 0;
    this.count(answer);
    this.sorted = null;
  }

  /** Whether everything up to this pos was marked already. */
  marked(name, { up_to, category = null }) {
    return this.marks.some((mark) => mark.name === name && mark.up_to >= up_to && (mark.category ?? null) === category);
  }

  /** For another tab: everything, as data. */
  dump() {
    return { ...this, items: this.list(), changed: [...this.changed], sorted: null };
  }

  /** What another tab's dump() gave; false when it is older than what we have. */
  load(dump) {
    if (dump.seq === null || ahead(this, dump)) return false;
    const last = dump.items.at(-1)?.pos;
    const older = this.below(last, dump);
    Object.assign(this, dump, older.length && { more: this.more, stale: last });
    this.changed = new Map(dump.changed);
    this.hold([...dump.items, ...older]);
    return true;
  }

  /* ---- its own ---- */

  /** What is held below a pos, while the numbers are the same. */
  below(pos = 0, { epoch }) {
    return epoch === this.epoch ? this.list().filter((one) => one.pos < pos) : [];
  }

  hold(list) {
    this.items = new Map(list.map((one) => [one.id, one]));
    this.sorted = null;
  }

  markAll(mark) {
    const same = (old) => old.name === mark.name && old.category === mark.category && old.up_to <= mark.up_to && !mark.except;
    this.marks = [...this.marks.filter((old) => !same(old)), mark].slice(-32);
    for (const one of this.items.values()) this.put(one);
  }

  put(one) {
    for (const mark of this.marks) if (covers(mark, one)) one = { ...one, ...CHANGES[mark.name](mark) };
    this.items.set(one.id, one);
  }

  change(id, change) {
    this.changed.delete(id);
    this.changed.set(id, change);
    if (this.changed.size > REMEMBERED) this.changed.delete(this.changed.keys().next().value);
    const own = this.items.get(id);
    if (change.gone) this.items.delete(id);
    else if (own) this.items.set(id, { ...own, ...change });
  }

  /** Everything anew; false when it is older than what we have. */
  replace(items, answer) {
    if (ahead(this, answer)) return false;
    const { epoch, seq, next } = answer;
    const last = next ? items.at(-1)?.pos : 0;
    const older = this.below(last, answer);
    if (epoch !== this.epoch) this.unreadAt = -1;
    this.stale = older.length ? last : null;
    if (!older.length) this.more = next ?? 0;
    this.epoch = epoch;
    this.seq = seq;
    this.categories = {};
    this.changed.clear();
    this.marks = [];
    this.hold([...items, ...older]);
    this.count(answer);
    return true;
  }
}
