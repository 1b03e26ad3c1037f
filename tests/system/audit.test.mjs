// SPDX-License-Identifier: Apache-2.0
/* R2: a count that is wrong in the store's file is found by the store, and put right for who is connected. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';

import { Belfry, bin, checked } from '../lib/belfry.mjs';
import { closing, openTab } from '../lib/phoenix.mjs';
import { until } from '../lib/until.mjs';

const WRONG = path.join(bin, '../tests/system/wrong_count');
const conf = (auditMs) => `store\n    audit_ms = "${auditMs}"\n`;

let belfry;
const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start({ sessions: 1, conf: conf(0) })));
after(() => belfry?.stop());

check('a wrong badge is put right by itself', async (t) => {
  const tabs = [await openTab(belfry, 'ann'), await openTab(belfry, 'ann', { transport: 'longpoll' })];
  for (const tab of tabs) closing(t, tab);
  await belfry.create('ann', 'one');
  await belfry.create('bob', 'one');
  execFileSync(WRONG, [path.join(belfry.data, 'store'), 'ann', '4']);
  await belfry.create('ann', 'two');
  for (const tab of tabs) await tab.until('the badge is wrong, as the store is', () => tab.badge === 6);
  assert.equal(await belfry.counter('count_mismatch', 'store'), 0, 'nobody looks yet');

  fs.writeFileSync(path.join(belfry.dir, 'belfry.conf'), conf(20));
  await belfry.back('store', await belfry.kill('store'));
  for (const tab of tabs) await tab.until('the badge is right', () => tab.badge === 2, 15000);
  assert.ok((await belfry.counter('count_mismatch', 'store')) > 0);
  assert.equal(await belfry.counter('repaired', 'store'), 1);
  assert.equal((await belfry.count('ann')).unread_count, 2);
  await belfry.check();
  assert.match((await belfry.command('doctor', '--config', path.join(belfry.dir, 'belfry.conf'))).stdout, /^warn +counts +\d+ were wrong/m);

  const found = await belfry.counter('count_mismatch', 'store');
  const audited = await belfry.counter('audited', 'store');
  await until('it has been looked at twice more', async () => (await belfry.counter('audited', 'store')) > audited + 6, 15000);
  assert.equal(await belfry.counter('count_mismatch', 'store'), found, 'and all is well');
  await belfry.create('ann', 'three');
  for (const tab of tabs) {
    await tab.until('three', () => tab.badge === 3);
    assert.deepEqual(tab.broken(), []);
  }
});
