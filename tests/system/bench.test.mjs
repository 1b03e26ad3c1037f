// SPDX-License-Identifier: Apache-2.0
/* `belfry bench`: each mode runs against an installation, sees what it asked for, and checks it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Belfry, bin } from '../lib/belfry.mjs';

const conf = fs.readFileSync(fileURLToPath(new URL('../../bench/belfry.conf', import.meta.url)), 'utf8');
let belfry;
before(async () => {
  belfry = await Belfry.start({ conf });
});
after(() => belfry?.stop());

async function bench(...words) {
  const args = ['bench', ...words, 'json=1', '--data', belfry.data];
  const { stdout } = await promisify(execFile)(path.join(bin, 'belfry'), args, { timeout: 60000 });
  const lines = stdout.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return lines.length > 1 ? lines : lines[0];
}

const short = ['users=40', 'opening=20', 'seconds=1', 'warm=0'];
for (const [words, figure, least] of [
  [['notify', ...short, 'rate=50'], 'badges', 10],
  [['create', ...short, 'writers=8'], 'acknowledged', 8],
  [['idle', ...short, 'beat=1', 'inbox=1'], 'heartbeats_answered', 40],
  [['idle', ...short, 'beat=1', 'longpoll=1'], 'heartbeats_answered', 40],
  [['fanout', ...short, 'rate=20'], 'deliveries', 40],
  [['fanout', ...short, 'rate=0', 'longpoll=1', 'window=2'], 'deliveries', 40],
  [['fanout', ...short, 'rate=0', 'slow=1'], 'deliveries', 40],
  [['pairs', ...short, 'writers=4', 'rate=200'], 'deliveries', 4],
  [['topics', ...short, 'topics=1000'], 'joins', 1000],
  [['churn', ...short], 'joins', 40],
  [['churn', ...short, 'inbox=1'], 'joins', 40],
  [['presence', ...short], 'joined', 40],
  [['members', ...short, 'members=500', 'rate=50'], 'joined', 40],
  [['storm', ...short, 'rate=50', 'kill=1'], 'joined', 40],
])
  test(`belfry bench ${words.join(' ')}`, async () => {
    const figures = await bench(...words);
    assert.equal(figures.failures, 0);
    assert.ok(figures[figure] >= least, `${figure}: ${figures[figure]}`);
  });

test('belfry bench hold', async () => {
  const figures = await bench('hold', 'users=40', 'processes=3', 'step=20', 'beat=1', 'spare_mb=1');
  assert.equal(figures.length, 3, 'two stops and the end');
  for (const [i, all] of [20, 40].entries()) {
    assert.equal(figures[i].joined, all);
    assert.equal(figures[i].heard_it, all);
  }
  assert.equal(figures[2].heartbeats_answered, 40);
  assert.equal(figures[2].failures, 0);
});

test('what is not allowed is named', async () => {
  await assert.rejects(bench('fanout', 'usrs=3'), /--usrs: there is no such option/);
  await assert.rejects(bench('fanout', '3'), /options are NAME=NUMBER/);
});
