// SPDX-License-Identifier: Apache-2.0

/** A value that can be watched: the contract of Svelte's stores, and what React's
 *  useSyncExternalStore needs (`get` gives the same object until it changes). */
export function store(value) {
  const watching = new Set();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const fn of [...watching]) fn(value);
    },
    subscribe(fn) {
      const own = (now) => fn(now); // the same function may watch twice
      watching.add(own);
      fn(value);
      return () => watching.delete(own);
    },
  };
}

/** Named events with any number of listeners; on() gives what ends it. */
export function emitter() {
  const all = new Map();
  return {
    on(name, fn) {
      const own = [fn];
      if (!all.has(name)) all.set(name, new Set());
      all.get(name).add(own);
      return () => all.get(name).delete(own);
    },
    emit(name, ...args) {
      for (const own of [...(all.get(name) ?? [])])
        try {
          own[0](...args);
        } catch (error) {
          setTimeout(() => { throw error; }); // one listener's trouble is nobody else's
        }
    },
  };
}
