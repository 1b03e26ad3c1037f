// SPDX-License-Identifier: Apache-2.0
/* What a client knows of one topic: its messages, where the class keeps a history, and who is there,
 * where it has presence. Pure; the rules of `seq` are the inbox's (inbox-state.js). */

import { ahead, misses } from './numbers.js';

/** So many messages are held; older ones are asked for again. */
const HELD = 1000;

const older = (messages, seq) => messages.filter((one) => one.payload.seq < seq);

export class TopicState {
  constructor() {
    this.epoch = null;
    this.seq = null; // null: never joined, or a topic without history
    this.joined = false;
    this.more = 0; // `before` of the page behind the oldest message; 0: there is none
    this.messages = []; // oldest first
    this.present = null; // user -> {metas}; null: no state yet. During a rejoin the last one stays
    this.count = 0;
    this.told = false; // the state of this join has come
    this.early = []; // diffs before it
  }

  since() {
    return this.seq === null ? {} : { since: this.seq, epoch: this.epoch };
  }

  /** False when the answer is older than what we have. */
  join(answer) {
    this.joined = true;
    this.early = [];
    this.told = false;
    return answer.seq === undefined || answer.recovered || this.replace(answer);
  }

  receive(event, payload) {
    if (/^presence_/.test(event)) return this.presence(event, payload);
    if (event === 'topic:sync') return this.replace(payload) ? 'sync' : 'old';
    if (payload?.seq === undefined || payload.prev === undefined) return 'passing';
    const missed = misses(this, payload);
    if (missed) return missed;
    this.seq = payload.seq;
    this.messages = [...this.messages, { event, payload }].slice(-HELD);
    return 'applied';
  }

  /** An older page, newest first. */
  merge({ messages, next }) {
    const page = older(messages, this.messages[0]?.payload.seq ?? Infinity).reverse();
    this.messages = [...page, ...this.messages].slice(0, HELD);
    this.more = next ?? 0;
  }

  dump() {
    return { ...this };
  }

  load(dump) {
    if (!dump.joined || ahead(this, dump)) return false;
    const kept = this.below(dump);
    Object.assign(this, dump, kept.length && { messages: [...kept, ...dump.messages], more: this.more }, { told: true });
    return true;
  }

  /* ---- its own ---- */

  /** What is held that is older than these messages, while the numbers are the same. */
  below({ epoch, messages }) {
    return epoch === this.epoch ? older(this.messages, messages[0]?.payload.seq) : [];
  }

  replace({ epoch, seq, next, ...answer }) {
    if (ahead(this, { epoch, seq })) return false;
    const messages = [...answer.messages].reverse();
    const kept = next ? this.below({ epoch, messages }) : [];
    // What lies between the two is not held: the older part is only kept when they touch.
    const touching = kept.length && kept.at(-1).payload.seq === messages[0]?.payload.prev;
    this.messages = touching ? [...kept, ...messages] : messages;
    if (!touching) this.more = next ?? 0;
    Object.assign(this, { epoch, seq });
    return true;
  }

  presence(event, payload) {
    if (event === 'presence_diff') {
      if (this.told) this.diff(payload);
      else this.early.push(payload);
    } else {
      this.told = true;
      this.present = event === 'presence_state' ? payload : {};
      for (const diff of this.early.splice(0)) this.diff(diff);
    }
    if (this.told) this.count = event === 'presence_count' ? payload.count : Object.keys(this.present).length;
    return 'applied';
  }

  diff({ joins, leaves }) {
    const present = { ...this.present };
    const change = (users, there) => {
      for (const user in users) {
        const { metas } = users[user];
        const others = (present[user]?.metas ?? []).filter((meta) => !metas.some((one) => one.phx_ref === meta.phx_ref));
        present[user] = { metas: [...others, ...(there ? metas : [])] };
        if (!present[user].metas.length) delete present[user];
      }
    };
    change(joins, true);
    change(leaves);
    this.present = present;
  }
}
