// SPDX-License-Identifier: Apache-2.0
/* What a client knows of one inbox. Pure: no network, no clock, no page.
 *
 * seq      how far the chain of frames has been applied. A frame is applied when its `prev` is our
 *          seq, dropped when its own seq is not newer, and anything else is a gap: ask the server
 *          with `reconnect`, giving since().
 * unread   is replaced by what a frame or an answer says, never added to. An answer may be ahead of
 *          the frames that are still on their way, so `unreadAt` says which seq the count was true
 *          at, and nothing older replaces it.
 */

/** The events whose payload belongs to the inbox; the other two pass and leave nothing. */
export const EVENTS = [
  'notification:new',
  'notification:read',
  'notifications:all_read',
  'notification:expired',
  'notifications:changes',
  'notifications:sync',
];
export const PASSING = ['notification:toast', 'notification:transient'];

/** Changes that an older page of the list could undo: remembered for so many notifications. */
const REMEMBERED = 1000;

export class Inbox {
  epoch = null;
  seq = null; // null: never joined
  unread = 0;
  unreadAt = -1;
  #items = new Map(); // id -> notification
  #changed = new Map(); // id -> {rev, read_at} | {gone}, newest last
  #readUpTo = { pos: 0, at: null };

  /** What to tell the server when joining or asking what was missed. */
  since() {
    return this.seq === null ? {} : { since: this.seq, epoch: this.epoch };
  }

  /** Newest first. */
  list() {
    return [...this.#items.values()].sort((a, b) => b.pos - a.pos);
  }

  get(id) {
    return this.#items.get(id);
  }

  /** The answer to a join: a snapshot, or the changes after since(). 'joined', 'old' or 'gap'. */
  join(answer) {
    if (!answer.resumed) return this.#replace(answer.notifications, answer) ? 'joined' : 'old';
    for (const { event, payload } of answer.changes)
      if (this.receive(event, payload) === 'gap') return 'gap';
    this.count(answer);
    return this.seq === answer.seq ? 'joined' : 'gap';
  }

  /** A frame: 'applied', 'sync', 'old' (dropped), 'gap' (ask the server) or 'passing'. */
  receive(event, payload) {
    if (event === 'notifications:sync') return this.#replace(payload.recent, payload) ? 'sync' : 'old';
    if (payload.seq === undefined) return 'passing';
    if (this.seq === null) return 'gap';
    if (payload.seq <= this.seq) return 'old';
    if (payload.prev !== this.seq) return 'gap';
    this.#apply(event, payload);
    this.seq = payload.seq;
    this.count(payload);
    return 'applied';
  }

  /** An answer with the count at its seq: taken if it is not older than the one we show. */
  count(answer) {
    if (answer.seq < this.unreadAt) return;
    this.unread = answer.unread_count;
    this.unreadAt = answer.seq;
  }

  /** A page of the list: merged one by one, so that a page older than our frames undoes nothing. */
  merge(answer) {
    for (const one of answer.notifications) {
      const changed = this.#changed.get(one.id);
      const own = this.#items.get(one.id);
      if (changed?.gone || (own && own.rev > one.rev)) continue;
      this.#put(changed && changed.rev > one.rev ? { ...one, ...changed } : { ...one });
    }
    this.count(answer);
  }

  #apply(event, payload) {
    switch (event) {
      case 'notification:new':
        this.#put({ ...payload.notification });
        break;
      case 'notification:read':
        for (const id of payload.ids) this.#change(id, { rev: payload.seq, read_at: payload.at });
        break;
      case 'notification:expired':
        for (const id of payload.ids) this.#change(id, { gone: true });
        break;
      case 'notifications:all_read':
        if (payload.up_to > this.#readUpTo.pos) this.#readUpTo = { pos: payload.up_to, at: payload.at };
        for (const one of this.#items.values()) this.#put(one);
        break;
      default: // notifications:changes, or newer than we are: the page pulls the list
    }
  }

  #put(one) {
    if (!one.read_at && one.pos <= this.#readUpTo.pos) one = { ...one, read_at: this.#readUpTo.at };
    this.#items.set(one.id, one);
  }

  #change(id, change) {
    this.#changed.delete(id);
    this.#changed.set(id, change);
    if (this.#changed.size > REMEMBERED) this.#changed.delete(this.#changed.keys().next().value);
    const own = this.#items.get(id);
    if (change.gone) this.#items.delete(id);
    else if (own) this.#items.set(id, { ...own, rev: change.rev, read_at: own.read_at ?? change.read_at });
  }

  /** Everything anew; false when it is older than what we have. */
  #replace(items, answer) {
    if (answer.epoch === this.epoch && answer.seq < this.seq) return false;
    if (answer.epoch !== this.epoch) this.unreadAt = -1;
    this.epoch = answer.epoch;
    this.seq = answer.seq;
    this.#items.clear();
    this.#changed.clear();
    this.#readUpTo = { pos: 0, at: null };
    for (const one of items) this.#put({ ...one });
    this.count(answer);
    return true;
  }
}
