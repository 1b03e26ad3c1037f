// SPDX-License-Identifier: Apache-2.0
/* What a client knows of one topic: its messages, where the class keeps a history, and who is there,
 * where it has presence. Pure; the rules of `seq` are the inbox's (inbox-state.js). */

import { ahead, misses } from './numbers.js';

/** So many messages are held, and what was asked for beyond them; older ones are asked for again. */
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
    this.hold([...this.messages, { event, payload }]);
    return 'applied';
  }

  /** The page before `before`, newest first; dropped when the list begins elsewhere by now. */
  merge({ messages, next }, before) {
    if (before !== this.more) return;
    const page = older(messages, this.messages[0]?.payload.seq ?? Infinity).reverse();
    this.messages = [...page, ...this.messages];
    this.more = next ?? 0;
  }

  dump() {
    return { ...this };
  }

  load(dump) {
    if (!dump.joined || ahead(this, dump)) return false;
    const { messages, more, ...rest } = dump;
    this.show(messages, more, this.below(dump));
    Object.assign(this, rest, { told: true });
    return true;
  }

  /* ---- its own ---- */

  /** What is held before these messages, while the numbers are the same and nothing lies between the two. */
  below({ epoch, messages: [first] }) {
    const kept = epoch === this.epoch && first ? older(this.messages, first.payload.seq) : [];
    return kept.at(-1)?.payload.seq === first?.payload.prev ? kept : [];
  }

  /** These, behind what is kept of before; `more` is where they begin. */
  show(messages, more, kept) {
    if (!kept.length) this.more = more;
    this.hold([...kept, ...messages]);
  }

  /** At most HELD, or as many as were asked for: what falls off is behind the list again. */
  hold(messages) {
    this.messages = messages.slice(-Math.max(HELD, this.messages.length));
    if (this.messages.length < messages.length) this.more = this.messages[0].payload.seq;
  }

  replace({ epoch, seq, next, ...answer }) {
    if (ahead(this, { epoch, seq })) return false;
    const messages = [...answer.messages].reverse();
    this.show(messages, next ?? 0, next ? this.below({ epoch, messages }) : []);
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
