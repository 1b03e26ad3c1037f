// SPDX-License-Identifier: Apache-2.0
/* Which of a browser's tabs has the connection, and how the others talk to it.
 *
 * The holder of a Web Lock leads; the lock goes with the tab, however it ends, and the next one in line
 * gets it; a tab holds one of its own too, so that who leads sees it end. Messages go over a BroadcastChannel to all. Where either is missing a tab is alone. */
import { newId } from './ops.js';

export class Tabs {
  id = newId();
  leads = false;
  #channel = null;
  #asked = null;
  #name = '';
  #lead;
  #held = []; // the lock of who leads is the last
  #watched = new Set();

  /** on.lead() when this tab begins to lead; on.message(m) for what another one posted */
  constructor(name, shared, on) {
    const can = shared && globalThis.BroadcastChannel && globalThis.navigator?.locks;
    if (!can) {
      this.leads = true;
      queueMicrotask(() => this.leads && on.lead());
      return;
    }
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => (data.to ?? this.id) === this.id && on.message(data);
    this.#asked = new AbortController();
    this.#name = name;
    this.#lead = on.lead;
    this.#hold(this.id, () => {});
    this.#queue();
  }

  #queue() {
    this.#hold('', () => {
      this.leads = true;
      this.#lead();
    });
  }

  /** Let the next one in line lead, and stand behind the last. */
  yield() {
    this.leads = false;
    this.#held.pop()();
    this.#queue();
  }

  /** A lock that is ours until close(). */
  #hold(what, got) {
    const held = () =>
      new Promise((release) => {
        this.#held.push(release);
        got();
      });
    navigator.locks.request(`${this.#name} ${what}`, { signal: this.#asked.signal }, held).catch(() => {});
  }

  /** Call `gone` when the other tab has ended, once. */
  watch(id, gone) {
    if (this.#watched.has(id)) return;
    this.#watched.add(id);
    navigator.locks
      .request(`${this.#name} ${id}`, { signal: this.#asked.signal }, () => {
        this.#watched.delete(id);
        gone();
      })
      .catch(() => {});
  }

  post(message) {
    this.#channel?.postMessage({ ...message, from: this.id });
  }

  close() {
    this.leads = false;
    this.#asked?.abort();
    for (const release of this.#held) release();
    this.#channel?.close();
  }
}
