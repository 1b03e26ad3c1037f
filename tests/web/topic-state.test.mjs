// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'vitest';

import { TopicState } from '../../web/client/src/topic-state.js';

const message = (seq, prev) => ({ seq, prev, text: `m${seq}` });
const snapshot = (seqs, next = null, epoch = 1) => ({
  recovered: false, epoch, seq: seqs.at(-1) ?? 0, next,
  messages: [...seqs].reverse().map((seq, i, all) => ({ event: 'm', payload: message(seq, all[i + 1] ?? 0) })),
});
const texts = (topic) => topic.messages.map((one) => one.payload.seq);
const metas = (...refs) => ({ metas: refs.map((phx_ref) => ({ phx_ref })) });

test('messages in order, once; a hole is a gap', () => {
  const topic = new TopicState();
  assert.equal(topic.receive('m', message(4, 3)), 'gap');
  topic.join(snapshot([2, 3]));
  assert.equal(topic.receive('m', message(4, 3)), 'applied');
  assert.equal(topic.receive('m', message(4, 3)), 'old');
  assert.equal(topic.receive('m', message(9, 7)), 'gap');
  assert.deepEqual(texts(topic), [2, 3, 4]);
  assert.deepEqual(topic.since(), { since: 4, epoch: 1 });
});

test('an event without numbers passes', () => {
  const topic = new TopicState();
  topic.join({});
  assert.equal(topic.receive('typing', { from: 'ann' }), 'passing');
});

test('a recovered rejoin keeps what there is', () => {
  const topic = new TopicState();
  topic.join(snapshot([1, 2]));
  topic.join({ recovered: true, messages: [], seq: 2, epoch: 1 });
  topic.receive('m', message(5, 2));
  assert.deepEqual(texts(topic), [1, 2, 5]);
});

test('a sync replaces, keeps what is older where it touches, and never goes back', () => {
  const topic = new TopicState();
  topic.join(snapshot([1, 2, 3]));
  const sync = snapshot([4, 5], 4);
  sync.messages.at(-1).payload.prev = 3;
  assert.equal(topic.receive('topic:sync', sync), 'sync');
  assert.deepEqual(texts(topic), [1, 2, 3, 4, 5]);
  assert.equal(topic.receive('topic:sync', snapshot([3])), 'old');
  topic.receive('topic:sync', snapshot([90, 91], 90));
  assert.deepEqual(texts(topic), [90, 91]);
  assert.equal(topic.more, 90);
});

test('an older page goes in front', () => {
  const topic = new TopicState();
  topic.join(snapshot([5, 6], 5));
  topic.merge(snapshot([3, 4, 5], null), 5);
  assert.deepEqual(texts(topic), [3, 4, 5, 6]);
  assert.equal(topic.more, 0);
});

test('the list is bounded and has no hole: what fell off is asked for again, what was asked for stays', () => {
  const topic = new TopicState();
  const many = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  topic.join(snapshot(many(101, 1100), 101));
  topic.receive('m', message(1101, 1100));
  assert.deepEqual(texts(topic), many(102, 1101));
  assert.equal(topic.more, 102);
  topic.merge(snapshot(many(51, 100), 51), 101); // on its way when the list was cut
  assert.deepEqual(texts(topic), many(102, 1101));
  topic.merge(snapshot(many(52, 101), 52), 102);
  topic.receive('m', message(1102, 1101));
  assert.deepEqual(texts(topic), many(53, 1102));
  assert.equal(topic.more, 53);
  const full = snapshot(many(1100, 1110), 1100);
  full.messages.at(-1).payload.prev = 1099;
  topic.join(full);
  assert.deepEqual([texts(topic), topic.more], [many(61, 1110), 61], 'a full answer that touches what is held');
});

test('presence: diffs before the state wait for it; the last list stays during a rejoin', () => {
  const topic = new TopicState();
  topic.join({});
  topic.receive('presence_diff', { joins: { bob: metas('b') }, leaves: {} });
  assert.equal(topic.present, null);
  topic.receive('presence_state', { ann: metas('a') });
  assert.deepEqual(Object.keys(topic.present).sort(), ['ann', 'bob']);
  topic.join({});
  topic.receive('presence_diff', { joins: {}, leaves: { ann: metas('a') } });
  assert.equal(topic.count, 2);
  topic.receive('presence_state', { ann: metas('a'), eve: metas('e') });
  assert.deepEqual(Object.keys(topic.present), ['eve']);
});

test('presence: an update is a leave and a join of one user, who stays', () => {
  const topic = new TopicState();
  topic.join({});
  topic.receive('presence_state', { ann: metas('1', '2') });
  topic.receive('presence_diff', { joins: { ann: metas('3') }, leaves: { ann: metas('1') } });
  assert.deepEqual(topic.present.ann, metas('2', '3'));
  topic.receive('presence_diff', { joins: {}, leaves: { ann: metas('2', '3') } });
  assert.equal(topic.count, 0);
});

test('another tab\'s state: taken when newer', () => {
  const [one, two] = [new TopicState(), new TopicState()];
  one.join(snapshot([1, 2]));
  assert.equal(two.load(one.dump()), true);
  one.receive('m', message(3, 2));
  two.receive('m', message(3, 2));
  two.receive('m', message(4, 3));
  assert.equal(two.load(one.dump()), false);
  assert.deepEqual(texts(two), [1, 2, 3, 4]);
  one.receive('topic:sync', snapshot([90, 91], 90));
  assert.equal(two.load(one.dump()), true);
  assert.deepEqual([texts(two), two.more], [[90, 91], 90], 'what lies between is not held');
});
