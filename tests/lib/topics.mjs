// SPDX-License-Identifier: Apache-2.0
/* Topics of a configuration: classes to test with, and a page's side of a topic with history. */
import { answered, openSocket, parted } from './phoenix.mjs';
import { until } from './until.mjs';

/** The text of a configuration with these classes: {pattern: {join, publish, history, ...}}. */
export function classes(all) {
  const lines = [];
  for (const [pattern, settings] of Object.entries(all)) {
    lines.push('topic', `    pattern = "${pattern}"`);
    for (const [name, value] of Object.entries(settings)) lines.push(`    ${name} = "${value}"`);
  }
  return `${lines.join('\n')}\n`;
}

/** A channel with everything but its replies kept in `seen`: {event, payload}. */
export class Listener {
  seen = [];
  errors = [];
  closed = 0;

  constructor(base, topic, { params, ...options } = {}) {
    Object.assign(this, { topic, ...openSocket(base, options) });
    this.channel = this.socket.channel(topic, params ?? {});
    this.channel.onMessage = (event, payload) => {
      if (!/^(phx_|chan_reply_)/.test(event)) this.heard(event, payload);
      return payload;
    };
    this.channel.onError((reason) => this.errors.push(reason));
    this.channel.onClose(() => this.closed++);
  }

  heard(event, payload) {
    this.seen.push({ event, payload });
  }

  /** The first answer: {status, response}. */
  join() {
    return answered(this.channel.join());
  }
  push(event, payload = {}, timeout) {
    return answered(this.channel.push(event, payload, timeout));
  }
  until(what, look, ms) {
    const now = () => `${this.topic}: ${what}; ${this.channel.state}, ${this.seen.length} seen, ` +
      `last ${JSON.stringify(this.seen.slice(-2)).slice(0, 300)}`;
    return until(now, () => look(this), ms);
  }
  /** Waits for this very payload's key: {n: 3}. */
  told(n, ms) {
    return this.until(`told of ${n}`, () => this.seen.some((one) => one.payload?.n === n), ms);
  }
  close() {
    return parted(this.socket);
  }
}

/**
 * A page's copy of a topic with history, by the rules of docs/api.md: a message is applied when its
 * `prev` is our seq. `broken` has what no page should ever see while it is joined: a hole, or a message twice.
 */
export class Feed extends Listener {
  seq = null;
  epoch = null;
  messages = []; // {event, payload}, oldest first
  broken = [];
  joins = []; // what each was answered
  syncs = 0;

  constructor(base, topic, options) {
    super(base, topic, { ...options, params: () => this.since() });
  }

  since() {
    return this.seq === null ? {} : { since: this.seq, epoch: this.epoch };
  }

  join() {
    const push = this.channel.join().receive('ok', (answer) => this.#joined(answer));
    return answered(push);
  }

  #joined(answer) {
    this.joins.push(answer);
    if (answer.recovered) {
      if (answer.seq !== this.seq) this.broken.push(`recovered from ${answer.seq}, not from ${this.seq}`);
    } else {
      this.#page(answer);
    }
  }

  /** The newest page in place of everything; what of it we had stays as it was. */
  #page({ messages, seq, epoch }) {
    for (const one of [...messages].reverse())
      if (this.seq === null || one.payload.seq > this.seq) this.messages.push(one);
    this.seq = seq;
    this.epoch = epoch;
  }

  /* Not joined, what comes is none of this join's: a join that was given up is still answered, and 1.7.23 hands on
   * what a long-poll had when it ended, without what was for the join that ended with it. */
  heard(event, payload) {
    if (this.seq !== null && this.channel.state !== 'joined') return;
    super.heard(event, payload);
    if (event === 'topic:sync') {
      this.syncs++;
      this.#page(payload);
    } else if (this.seq === null) {
      this.broken.push(`${event} ${payload.seq} before the join was answered`);
    } else if (payload.prev !== this.seq) {
      this.broken.push(`${event} ${payload.seq} behind ${payload.prev}, we are at ${this.seq}`);
    } else {
      this.seq = payload.seq;
      this.messages.push({ event, payload });
    }
  }

  get seqs() {
    return this.messages.map((one) => one.payload.seq);
  }
  reached(seq, ms) {
    return this.until(`at ${seq}, is at ${this.seq}`, () => this.seq === seq, ms);
  }
}
