// SPDX-License-Identifier: Apache-2.0
/* Waiting for conditions, each with a deadline; nothing here sleeps for its own sake. */
import { setTimeout as pause } from 'node:timers/promises';

const LOOK_MS = 4;
/* For what must come, on a machine that may be several times slower than the one on which a test was written.
 * Where the time is what is promised, the test says it. */
export const PATIENT_MS = 20000;

/** The first truthy value of look(); an Error that says what was awaited when `ms` have passed. */
export async function until(what, look, ms = PATIENT_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await look();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${typeof what === 'function' ? what() : what}`);
    await pause(LOOK_MS);
  }
}

/** What the promise gives, or an Error when it takes longer than `ms`. */
export async function within(what, promise, ms = PATIENT_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Numbers that follow from a seed (mulberry32), so that a run can be had again. */
export function randomOf(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
