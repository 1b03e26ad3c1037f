// SPDX-License-Identifier: Apache-2.0
/* What the packages weigh is a promise. What the pages cost in time, bench/pages.mjs measures. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { sizes } from '../../web/sizes.mjs';

const CLIENT_BYTES = 8 * 1024;
const WHOLE_BYTES = 9 * 1024; // with topics and presence

test('the packages, minified and gzipped, without phoenix and framework', async (t) => {
  const found = await sizes();
  for (const [name, bytes] of Object.entries(found)) t.diagnostic(`${bytes} bytes: ${name}`);
  assert.ok(found['@belfry/client'] <= CLIENT_BYTES);
  assert.ok(found['@belfry/client, for all browsers that Vite builds for by itself'] <= CLIENT_BYTES);
  assert.ok(found['@belfry/client with @belfry/client/topics'] <= WHOLE_BYTES);
});
