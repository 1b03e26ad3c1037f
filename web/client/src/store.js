// SPDX-License-Identifier: Apache-2.0

/** Named events with any number of listeners; on() gives what ends it. */
export function emitter() {
  const all = new Set(); // [name, fn]
  return {
    on(name, fn) {
      const own = [name, fn];
      all.add(own);
      return () => all.delete(own);
    },
    emit(name, ...args) {
      for (const [wanted, fn] of [...all])
        if (wanted === name)
          try {
            fn(...args);
          } catch (error) {
            setTimeout(() => { throw error; }); // one listener's trouble is nobody else's
          }
    },
  };
}

/** A value that can be watched: the contract of Svelte's stores, and what React's
 *  useSyncExternalStore needs (`get` gives the same object until it changes). */
export function store(value) {
  const { on, emit } = emitter();
  return {
    get: () => value,
    set(next) {
      value = next;
      emit('', value);
    },
    subscribe(fn) {
      fn(value);
      return on('', fn);
    },
  };
}
