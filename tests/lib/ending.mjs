// SPDX-License-Identifier: Apache-2.0
/* What a test opens ends with its file, whatever became of the test: a socket that a failed one left open would
 * keep the file running until it is given up. */
import { after } from 'node:test';

const open = new Set();
after(() => {
  for (const end of open) end();
});

/** `end` is called when all tests of the file are over, unless what is given back is called before. */
export function ending(end) {
  open.add(end);
  return () => open.delete(end);
}
