// SPDX-License-Identifier: Apache-2.0
/* What became of a push: {answer}, or {error: {reason, field, retry}}, as one tab can tell it to another. */

/** Refusals that the same request would meet again. */
const FINAL = ['unauthorized', 'unknown event', 'this event may not be published here', 'not listed here'];

/** An Error of what an answer says. */
export const failure = ({ reason = 'refused', field, retry = !(field || FINAL.includes(reason)) }) =>
  Object.assign(new Error(field ? `${field} ${reason}` : reason), { reason, field, retry });

export const outcomeOf = (promise) =>
  promise.then((answer) => ({ answer }), ({ reason, field, retry }) => ({ error: { reason, field, retry } }));

/** Promises by an id, until somebody tells what became of them. */
export function promises() {
  const all = new Map();
  return {
    ids: () => [...all.keys()],
    add: (id) => new Promise((resolve, reject) => all.set(id, { resolve, reject })),
    /** Gives the Error, if it is one. */
    settle(id, { answer, error }) {
      const { resolve, reject } = all.get(id) ?? {};
      all.delete(id);
      if (!error) return resolve?.(answer);
      const failed = failure(error);
      reject?.(failed);
      return failed;
    },
  };
}
