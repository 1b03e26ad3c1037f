// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { expect, test, vi } from 'vitest';

import { emitter, store } from '../../web/client/src/store.js';

test('one listener\'s trouble is nobody else\'s, and is not swallowed', () => {
  vi.useFakeTimers();
  const { on, emit } = emitter();
  const heard = [];
  on('a', () => { throw new Error('mine'); });
  const end = on('a', (...args) => heard.push(args));
  on('b', () => heard.push('b'));
  emit('a', 1, 2);
  end();
  emit('a', 3, 4);
  assert.deepEqual(heard, [[1, 2]]);
  expect(() => vi.runAllTimers()).toThrow('mine');
  vi.useRealTimers();
});

test('a store tells what it has, and then each change, until that is ended; one function may watch twice', () => {
  const one = store(1);
  const seen = [];
  const watch = (now) => seen.push(now);
  const ends = [one.subscribe(watch), one.subscribe(watch)];
  one.set(2);
  ends[0]();
  one.set(3);
  assert.deepEqual([seen, one.get()], [[1, 1, 2, 2, 3], 3]);
});
