// SPDX-License-Identifier: Apache-2.0
/* An older copy of the store takes the place of the newer one: seqs that clients know come to mean
 * something else. Nobody may go on from one of them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';

import { Belfry } from '../lib/belfry.mjs';
import { RawSocket } from '../lib/raw.mjs';

let dir;
before(() => (dir = fs.mkdtempSync('/tmp/b-')));
after(() => fs.rmSync(dir, { recursive: true, force: true }));

const topic = 'user:ann:notifications';

/** ann's {seq, epoch} after `titles` more. */
async function run(data, titles) {
  const belfry = await Belfry.start({ data });
  try {
    for (const title of titles) await belfry.create('ann', title);
    const { seq, epoch } = await belfry.count('ann');
    return { seq, epoch };
  } finally {
    await belfry.stop();
  }
}

async function comeBack(data, { seq, epoch }) {
  const belfry = await Belfry.start({ data });
  try {
    const socket = await RawSocket.open(belfry.base, belfry.token('ann'));
    const answer = await socket.join(topic, '1', { since: seq, epoch });
    await socket.close();
    await belfry.check();
    return answer;
  } finally {
    await belfry.stop();
  }
}

for (const [how, forget] of [
  ['found by the last run\'s counters', () => {}],
  ['said by a file, in a fresh data folder', (data) => {
    fs.rmSync(path.join(data, 'run'), { recursive: true });
    fs.writeFileSync(path.join(data, 'store/restored'), '');
  }],
]) {
  test(`a restored store has another epoch: ${how}`, async () => {
    const data = path.join(dir, `d${how.length}`), copy = `${data}.copy`;
    const first = await run(data, ['one']);
    fs.cpSync(path.join(data, 'store'), copy, { recursive: true });
    const known = await run(data, ['two', 'three']);
    assert.equal(known.epoch, first.epoch, 'a restart is no restore');

    fs.rmSync(path.join(data, 'store'), { recursive: true });
    fs.cpSync(copy, path.join(data, 'store'), { recursive: true });
    forget(data);
    const other = await run(data, ['another two', 'another three', 'another four']);
    assert.notEqual(other.epoch, first.epoch);
    assert.ok(other.seq > known.seq, 'the new history has passed what the client knows');

    const answer = await comeBack(data, known);
    assert.equal(answer.resumed, undefined);
    assert.deepEqual(answer.notifications.map((one) => one.title),
      ['another four', 'another three', 'another two', 'one']);
    assert.equal(answer.epoch, other.epoch, 'and it stays');
  });
}
