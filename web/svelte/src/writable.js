// SPDX-License-Identifier: Apache-2.0
/** Svelte's writable, with a get(): so that nothing of this package needs Svelte but its components. */
export function writable(value) {
  const watching = new Set();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const fn of [...watching]) fn(value);
    },
    subscribe(fn) {
      const own = (now) => fn(now);
      watching.add(own);
      fn(value);
      return () => watching.delete(own);
    },
  };
}
