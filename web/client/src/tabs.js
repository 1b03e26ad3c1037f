// SPDX-License-Identifier: Apache-2.0
/* Which of a browser's tabs has the connection, and how the others talk to it.
 *
 * The holder of a Web Lock leads; the lock goes with the tab, however it ends, and the next one in line
 * gets it; a tab holds one of its own too, so that who leads sees it end. Messages go over a BroadcastChannel to all. Where either is missing a tab is alone. */
import { newId } from './ops.js';

/** lead() when this tab begins to lead; heard(m) for what another one posted. */
export function openTabs(name, shared, lead, heard) {
  const id = newId();
  const { locks } = globalThis.navigator ?? {};
  const held = []; // what releases our locks; that of who leads is the last
  const watched = new Set();
  const ending = new AbortController();
  let channel;

  const request = (what, got) => locks.request(`${name} ${what}`, { signal: ending.signal }, got).catch(() => {});

  /** A lock that is ours until close(). */
  const hold = (what, got) =>
    request(what, () => new Promise((release) => {
      held.push(release);
      got();
    }));

  const leading = () => {
    tabs.leads = true;
    lead();
  };
  const queue = () => hold('', leading);

  const tabs = {
    leads: false,

    /** Let the next one in line lead, and stand behind the last. */
    yield() {
      tabs.leads = false;
      held.pop()();
      queue();
    },

    /** Call `gone` when the other tab has ended, once. */
    watch(other, gone) {
      if (watched.has(other)) return;
      watched.add(other);
      request(other, () => {
        watched.delete(other);
        gone();
      });
    },

    post: (message) => channel?.postMessage({ ...message, from: id }),

    close() {
      tabs.leads = false;
      ending.abort();
      held.forEach((release) => release());
      channel?.close();
      channel = null; // nothing is posted any more
    },
  };

  if (shared && globalThis.BroadcastChannel && locks) {
    channel = new BroadcastChannel(name);
    channel.onmessage = ({ data }) => (data.to ?? id) === id && heard(data);
    hold(id, () => {});
    queue();
  } else {
    tabs.leads = true;
    queueMicrotask(() => tabs.leads && lead());
  }
  return tabs;
}
