// SPDX-License-Identifier: Apache-2.0
/* An older copy of the store takes the place of the newer one: seqs that clients know come to mean
 * something else. Nobody may go on from one of them. And how such a copy is made: belfry backup. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';

import { Belfry } from '../lib/belfry.mjs';
import { smallDisk } from '../lib/disk.mjs';
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

async function backup(belfry, to) {
  const { code, stdout, stderr } = await belfry.command('backup', to);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^copied the store, \d+ bytes, and the secrets/);
}

test('a backup is one moment of a running installation, and serves as it is', async () => {
  const data = path.join(dir, 'live'), copy = path.join(dir, 'copy');
  const belfry = await Belfry.start({ data });
  let known, made = 0, least, most;
  try {
    for (; made < 20; made++) await belfry.create('ann', `n${made}`);
    least = made;
    let stop = false;
    const producer = (async () => {
      while (!stop) await belfry.create('ann', `n${made++}`);
    })();
    await backup(belfry, `${copy}/`);
    most = made;
    stop = true;
    await producer;
    known = await belfry.count('ann');
    await belfry.check();
  } finally {
    await belfry.stop();
  }
  assert.deepEqual(fs.readdirSync(dir).filter((name) => name.endsWith('.part')), []);
  for (const name of ['', 'store', 'secrets']) assert.equal(fs.statSync(path.join(copy, name)).mode & 0o777, 0o700, name);
  for (const name of ['store/data.mdb', ...fs.readdirSync(path.join(copy, 'secrets')).map((one) => `secrets/${one}`)])
    assert.equal(fs.statSync(path.join(copy, name)).mode & 0o777, 0o600, name);

  const twin = await Belfry.start({ data: copy });
  try {
    const now = await twin.count('ann'), has = now.unread_count;
    assert.ok(has >= least && has <= most, `${least} <= ${has} <= ${most}`);
    const { notifications } = await twin.inbox('ann', '?limit=100');
    assert.deepEqual(notifications.map((one) => one.title), Array.from({ length: Math.min(has, 100) }, (_, i) => `n${has - 1 - i}`),
      'all up to a moment, and nothing else');
    assert.notEqual(now.epoch, known.epoch, 'it has a history of its own from there');
    assert.equal(twin.apiKey, fs.readFileSync(path.join(data, 'secrets/api.key'), 'utf8').trim());
    await twin.check();
  } finally {
    await twin.stop();
  }
});

test('a backup of what does not run; over nothing that is there; of nothing that is not', async () => {
  const data = path.join(dir, 'down'), copy = path.join(dir, 'down.copy');
  await run(data, ['one']);
  const belfry = Object.assign(new Belfry(), { data });
  await backup(belfry, copy);
  const held = fs.readFileSync(path.join(copy, 'store/data.mdb'));

  const again = await belfry.command('backup', copy);
  assert.equal(again.code, 100);
  assert.match(again.stderr, /is there already/);
  assert.ok(fs.readFileSync(path.join(copy, 'store/data.mdb')).equals(held));

  fs.mkdirSync(path.join(dir, 'cut.part'));
  const cut = await belfry.command('backup', path.join(dir, 'cut'));
  assert.equal(cut.code, 100);
  assert.match(cut.stderr, /cut short/);
  assert.ok(!fs.existsSync(path.join(dir, 'cut')));

  const none = await Object.assign(new Belfry(), { data: path.join(dir, 'none') }).command('backup', path.join(dir, 'x'));
  assert.equal(none.code, 100);
  assert.match(none.stderr, /there is no store/);
  assert.deepEqual(await comeBack(copy, { seq: 1, epoch: 1 }).then((one) => one.notifications.map((n) => n.title)), ['one']);
});

test('a backup for which there is no room leaves nothing, and takes nothing from the store', async (t) => {
  const disk = await smallDisk(4);
  t.after(() => disk.gone());
  const data = path.join(dir, 'full');
  const belfry = await Belfry.start({ data });
  try {
    for (let i = 0; i < 30; i++) await belfry.create('ann', `n${i}`, { body: 'b'.repeat(1500) });
    disk.fill(40 << 10);
    const { code, stderr } = await belfry.command('backup', path.join(disk.root, 'copy'));
    assert.equal(code, 111);
    assert.match(stderr, /No space left[^]*could not copy it/);
    assert.deepEqual(fs.readdirSync(disk.root), ['ballast']);
    await belfry.create('ann', 'and on');
    await belfry.check();
  } finally {
    await belfry.stop();
  }
});
