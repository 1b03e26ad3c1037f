// SPDX-License-Identifier: Apache-2.0
/* What a client knows of one topic: its messages, where the class keeps a history, and who is there,
 * where it has presence. Pure; the rules of `seq` are the inbox's (inbox-state.js). */

/** So many messages are held; older ones are asked for again. */
const HELD = 1000;

export class TopicState {
  epoch = null;
  seq = null; // null: never joined, or a topic without history
  joined = false;
  more = 0; // `before` of the page behind the oldest message; 0: there is none
  messages = []; // oldest first
  present = null; // user -> {metas}; null: no state yet. During a rejoin the last one stays
  count = 0;
  #told = false; // the state of this join has come
  #early = []; // diffs before it

  since() {
    return this.seq === null ? {} : { since: this.seq, epoch: this.epoch };
  }

  join(answer) {
    this.joined = true;
    this.#early = [];
    this.#told = false;
    if (answer.seq === undefined || answer.recovered) return 'joined';
    return this.#replace(answer) ? 'joined' : 'old';
  }

  receive(event, payload) {
    if (event === 'presence_state' || event === 'presence_diff') return this.#presence(event, payload);
    if (event === 'presence_count') {
      this.#told = true;
      this.present = {};
      this.count = payload.count;
      return 'applied';
    }
    if (event === 'topic:sync') return this.#replace(payload) ? 'sync' : 'old';
    if (payload?.seq === undefined || payload?.prev === undefined) return 'passing';
    if (this.seq === null) return 'gap';
    if (payload.seq <= this.seq) return 'old';
    if (payload.prev !== this.seq) return 'gap';
    this.seq = payload.seq;
    this.messages = [...this.messages, { event, payload }].slice(-HELD);
    return 'applied';
  }

  /** An older page, newest first. */
  merge(answer) {
    const first = this.messages[0]?.payload.seq ?? Infinity;
    const older = answer.messages.filter((one) => one.payload.seq < first).reverse();
    this.messages = [...older, ...this.messages].slice(0, HELD);
    this.more = answer.next ?? 0;
  }

  dump() {
    return { ...this };
  }

  load(dump) {
    if (!dump.joined || (this.seq !== null && dump.epoch === this.epoch && dump.seq < this.seq)) return false;
    const first = dump.messages[0]?.payload.seq ?? 0;
    const older = dump.epoch === this.epoch ? this.messages.filter((one) => one.payload.seq < first) : [];
    this.#told = true;
    Object.assign(this, dump, older.length ? { messages: [...older, ...dump.messages], more: this.more } : {});
    return true;
  }

  #replace(answer) {
    if (answer.epoch === this.epoch && answer.seq < this.seq) return false;
    const messages = [...answer.messages].reverse();
    const first = messages[0]?.payload.seq ?? 0;
    const older = answer.epoch === this.epoch && answer.next ? this.messages.filter((one) => one.payload.seq < first) : [];
    // What lies between the two is not held: the older part is only kept when they touch.
    const touching = older.length > 0 && older.at(-1).payload.seq === messages[0]?.payload.prev;
    this.messages = touching ? [...older, ...messages] : messages;
    if (!touching) this.more = answer.next ?? 0;
    this.epoch = answer.epoch;
    this.seq = answer.seq;
    return true;
  }

  #presence(event, payload) {
    if (event === 'presence_state') {
      this.present = { ...payload };
      this.#told = true;
      for (const diff of this.#early.splice(0)) this.#diff(diff);
    } else if (!this.#told) {
      this.#early.push(payload);
      return 'applied';
    } else this.#diff(payload);
    this.count = Object.keys(this.present).length;
    return 'applied';
  }

  #diff({ joins = {}, leaves = {} }) {
    const present = { ...this.present };
    const without = (metas, gone) => metas.filter((meta) => !gone.some((other) => other.phx_ref === meta.phx_ref));
    for (const [user, { metas }] of Object.entries(joins))
      present[user] = { metas: [...without(present[user]?.metas ?? [], metas), ...metas] };
    for (const [user, { metas }] of Object.entries(leaves)) {
      const left = without(present[user]?.metas ?? [], metas);
      if (left.length) present[user] = { metas: left };
      else delete present[user];
    }
    this.present = present;
  }
}
