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

/** The events that pass and leave nothing. */
export const PASSING = ['notification:toast', 'notification:transient'];

/** What each event does to the notifications that it names, beside their rev. */
const CHANGES = {
  'notification:read': ({ at }, own) => ({ read_at: own?.read_at ?? at }),
  'notification:unread': () => ({ read_at: null, seen: true }),
  'notification:seen': () => ({ seen: true }),
  'notification:archived': () => ({ archived: true }),
  'notification:unarchived': () => ({ archived: false }),
  'notification:snoozed': ({ until }) => ({ snoozed_until: until }),
  'notification:unsnoozed': () => ({ snoozed_until: null }),
  'notification:expired': () => ({ gone: true }),
  'notification:removed': () => ({ gone: true }),
};

/** What each event does to all notifications up to a pos. */
const MARKS = {
  'notifications:all_read': 'read_at',
  'notifications:all_seen': 'seen',
  'notifications:all_archived': 'archived',
};

/** The events whose payload belongs to the inbox. */
export const EVENTS = [
  'notification:new',
  'notification:updated',
  ...Object.keys(CHANGES),
  ...Object.keys(MARKS),
  'notifications:changes',
  'notifications:sync',
];

/** An event that says that something changed, but not what, or brings back what may not be held: the list must be
 *  pulled. */
export const needsPull = (event) => ['notifications:changes', 'notification:unarchived'].includes(event) || !EVENTS.includes(event);

/** The most notifications of one answer. */
export const PAGE_MOST = 100;

/** Changes that an older page of the list could undo: remembered for so many notifications. */
const REMEMBERED = 1000;

/** Whether a mark over everything up to its pos is meant for this notification. */
export const within = (mark, one) =>
  one.pos <= mark.up_to && (mark.category ?? one.category) === one.category && !(mark.only_read && !one.read_at);

/** Whether it changes it. */
const covers = (mark, one) => within(mark, one) && one.rev < mark.rev && !one[mark.field] && !mark.except?.includes(one.id);

export class InboxState {
  epoch = null;
  seq = null; // null: never joined
  unread = 0;
  unseen = 0;
  categories = {}; // name -> {unread, unseen}; those that the server has told of
  unreadAt = -1;
  stale = null;
  more = null; // null: not known whether there are older ones; 0: there are none
  serverTime = null;
  #items = new Map(); // id -> notification
  #changed = new Map(); // id -> {rev, ...} | {gone}, newest last
  #marks = []; // of the last mark-alls
  #sorted = null;

  /** What to tell the server when joining or asking what was missed. */
  since() {
    return this.seq === null ? {} : { since: this.seq, epoch: this.epoch, have: Math.min(this.list().length, PAGE_MOST) };
  }

  /** Newest first; the same array until something changes. */
  list() {
    this.#sorted ??= [...this.#items.values()].sort((a, b) => b.pos - a.pos);
    return this.#sorted;
  }

  get(id) {
    return this.#items.get(id);
  }

  /** The snapshot that answers a join: 'joined' or 'old'. */
  join(answer) {
    return this.#replace(answer.notifications, answer) ? 'joined' : 'old';
  }

  /** A frame: 'applied', 'sync', 'old' (dropped), 'gap' (ask the server) or 'passing'. */
  receive(event, payload) {
    if (event === 'notifications:sync') return this.#replace(payload.recent, payload) ? 'sync' : 'old';
    if (payload.seq === undefined) return 'passing';
    if (this.seq === null) return 'gap';
    if (payload.seq <= this.seq) return 'old';
    if (payload.prev !== this.seq) return 'gap';
    this.#apply(event, payload);
    this.#sorted = null;
    this.seq = payload.seq;
    this.count(payload);
    return 'applied';
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
      if (one.pos < before && one.pos >= bottom && one.rev <= answer.seq && !there.has(one.id)) this.#items.delete(one.id);
    for (const one of page) {
      const changed = this.#changed.get(one.id);
      const own = this.#items.get(one.id);
      if (changed?.gone || (own && own.rev > one.rev)) continue;
      this.#put(changed && changed.rev > one.rev ? { ...one, ...changed } : { ...one });
    }
    if (this.stale !== null && before >= this.stale) this.stale = bottom > (this.list().at(-1)?.pos ?? 0) ? bottom : null;
    if (answer.next !== undefined && bottom <= (this.list().at(-1)?.pos ?? Infinity)) this.more = answer.next ?? 0;
    this.count(answer);
    this.#sorted = null;
  }

  /** Whether everything up to this pos was marked already. */
  marked(field, upTo, category) {
    return this.#marks.some((mark) => mark.field === field && mark.up_to >= upTo && (mark.category ?? null) === (category ?? null));
  }

  /** For another tab: everything, as data. */
  dump() {
    return { ...this, items: this.list(), marks: this.#marks, changed: [...this.#changed] };
  }

  /** What another tab's dump() gave; false when it is older than what we have. */
  load(dump) {
    if (dump.seq === null || (dump.epoch === this.epoch && dump.seq < this.seq)) return false;
    const { items, marks, changed, ...rest } = dump;
    const last = items.at(-1)?.pos ?? 0;
    const older = dump.epoch === this.epoch ? this.list().filter((one) => one.pos < last) : [];
    if (older.length) Object.assign(rest, { more: this.more, stale: last });
    Object.assign(this, rest);
    this.#marks = [...marks];
    this.#changed = new Map(changed);
    this.#items = new Map([...items, ...older].map((one) => [one.id, one]));
    this.#sorted = null;
    return true;
  }

  #apply(event, payload) {
    if (CHANGES[event])
      for (const id of payload.ids) this.#change(id, { rev: payload.seq, ...CHANGES[event](payload, this.#items.get(id)) });
    else if (MARKS[event]) this.#markAll({ ...payload, field: MARKS[event], rev: payload.seq });
    else if (payload.notification) {
      this.#changed.delete(payload.notification.id);
      this.#put({ ...payload.notification });
    }
  }

  #markAll(mark) {
    const same = (old) => old.field === mark.field && old.category === mark.category && old.up_to <= mark.up_to && !mark.except;
    this.#marks = [...this.#marks.filter((old) => !same(old)), mark].slice(-32);
    for (const one of this.#items.values()) this.#put(one);
  }

  #put(one) {
    for (const mark of this.#marks) if (covers(mark, one)) one = { ...one, [mark.field]: mark.field === 'read_at' ? mark.at : true };
    this.#items.set(one.id, one);
  }

  #change(id, change) {
    this.#changed.delete(id);
    this.#changed.set(id, change);
    if (this.#changed.size > REMEMBERED) this.#changed.delete(this.#changed.keys().next().value);
    const own = this.#items.get(id);
    if (change.gone) this.#items.delete(id);
    else if (own) this.#items.set(id, { ...own, ...change });
  }

  /** Everything anew; false when it is older than what we have. */
  #replace(items, answer) {
    const same = answer.epoch === this.epoch;
    if (same && answer.seq < this.seq) return false;
    if (!same) this.unreadAt = -1;
    const last = answer.next ? items.at(-1)?.pos ?? 0 : 0;
    const older = same ? this.list().filter((one) => one.pos < last) : [];
    this.stale = older.length ? last : null;
    if (!older.length) this.more = answer.next ?? 0;
    this.epoch = answer.epoch;
    this.seq = answer.seq;
    this.categories = {};
    this.#items.clear();
    this.#changed.clear();
    this.#marks = [];
    this.#sorted = null;
    for (const one of [...items, ...older]) this.#items.set(one.id, { ...one });
    this.count(answer);
    return true;
  }
}
