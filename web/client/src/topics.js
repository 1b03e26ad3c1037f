// SPDX-License-Identifier: Apache-2.0
/* What a page shows of a topic, and of who is there. A page that does not use it does not load it: then its
 * tab cannot lead one that does (live.js). */
import { followed } from './inbox.js';
import { other } from './live.js';
import { asUser } from './ops.js';
import { emitter } from './store.js';
import { TopicState } from './topic-state.js';

other.State = TopicState;

/**
 * A topic's messages, oldest first.
 *   getSnapshot()  {messages: [{event, payload}], ready, hasMore, refused}
 *   publish(event, payload), loadMore(), on(fn(event, payload)) for every event, kept or passing
 */
export function createTopic(live, topic) {
  const { on, emit } = emitter();
  const one = followed(live, topic, undefined, new TopicState(),
    ({ state, refused }) => ({ messages: state.messages, ready: state.joined, hasMore: state.more > 0, refused }),
    (event, payload) => emit('', event, payload));
  return Object.assign(one, {
    publish: (event, payload = {}) => live.push(topic, event, payload),
    on: (fn) => on('', fn),
    async loadMore() {
      const { entry } = await one.joined;
      const { more } = entry.state;
      if (!more) return;
      const token = await live.token();
      const path = `/api/topics/${encodeURIComponent(topic)}/history?before=${more}`;
      const answer = await fetch(live.base + path, asUser(token));
      if (!answer.ok) throw new Error(`history: ${answer.status}`);
      entry.state.merge(await answer.json(), more);
      await one.show();
    },
  });
}

/**
 * Who is on a topic; `meta` is what the others see of us.
 *   getSnapshot()  {users: [{user, metas}], count, ready, refused}; count alone where very many are there
 */
export function createPresence(live, topic, given) {
  const meta = { ...given };
  const one = followed(live, topic, { meta }, new TopicState(), ({ state, refused }) => ({
    users: Object.entries(state.present ?? {}).map(([user, { metas }]) => ({ user, metas })),
    count: state.count,
    ready: state.present !== null,
    refused,
  }));
  return Object.assign(one, {
    async update(next) {
      await one.joined;
      return live.push(topic, 'presence:update', { meta: Object.assign(meta, next) }); // the next join has it, too
    },
  });
}
