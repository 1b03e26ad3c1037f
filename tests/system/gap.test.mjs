// SPDX-License-Identifier: Apache-2.0
/* A message lost between notifier and broker: clients get it all the same, in order, also when it
 * was the last one. drop_proxy loses it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';

import { Belfry, bin, checked } from '../lib/belfry.mjs';
import { both, closing, openTab, transports } from '../lib/phoenix.mjs';
import { RawSocket } from '../lib/raw.mjs';
import { until } from '../lib/until.mjs';

const HEALED_MS = 1500;

let belfry;
let proxy;
let dir;
let said = '';
const check = checked(() => belfry);

before(async () => {
  dir = fs.mkdtempSync('/tmp/b-');
  const data = path.join(dir, 'd');
  const own = `ipc://${dir}/drop`;
  proxy = spawn(path.join(bin, '../tests/system/drop_proxy'), [own, `ipc://${data}/run/broker.in`], { stdio: ['ignore', 'pipe', 'inherit'] });
  proxy.stdout.on('data', (part) => (said += part));
  await until('the proxy is ready', () => said.includes('ready'));
  belfry = await Belfry.start({ data, env: { BELFRY_NOTIFIER_PUBLISH_TO: own } });
});
after(async () => {
  await belfry?.stop();
  proxy?.kill('SIGTERM');
  fs.rmSync(dir, { recursive: true, force: true });
});

const dropped = (what) => said.split('\n').filter((line) => line === what).length;

/** The next broadcast that act() causes is lost; with `headsToo` the heads that would tell of it as well. */
async function losing(act, headsToo = false) {
  const what = headsToo ? 'dropped heads' : 'dropped';
  const before = dropped(what);
  proxy.kill(headsToo ? 'SIGUSR2' : 'SIGUSR1');
  const result = await act();
  await until('the proxy has lost it', () => dropped(what) === before + 1);
  return result;
}

for (const version of both)
  for (const transport of transports) {
    const options = { version, transport };
    const how = `${version}, ${transport}`;

    check(`one lost in the middle is filled in, in order, ${how}`, async (t) => {
      const user = `mid-${version}-${transport}`;
      const tab = await openTab(belfry, user, options);
      closing(t, tab);
      const first = await belfry.create(user, 'first');
      await tab.until('the first', () => tab.badge === 1);
      const lost = await losing(() => belfry.create(user, 'lost'));
      const next = await belfry.create(user, 'next');
      await tab.until('all three', () => tab.badge === 3, HEALED_MS);
      assert.deepEqual(tab.events('notification:new').map((one) => one.payload.seq), [first.seq, lost.seq, next.seq]);
      assert.deepEqual(tab.broken(), []);
    });

    check(`the last one lost comes within ${HEALED_MS} ms, ${how}`, async (t) => {
      const user = `last-${version}-${transport}`;
      const tab = await openTab(belfry, user, options);
      closing(t, tab);
      const { id, seq } = await losing(() => belfry.create(user, 'lost'));
      await tab.until('told', () => tab.badge === 1, HEALED_MS);
      assert.deepEqual(tab.events('notification:new').map((one) => one.payload.seq), [seq]);
      await losing(() => belfry.post('/api/notifications/mark-read', { ids: [id] }, belfry.token(user)));
      await tab.until('read', () => tab.badge === 0 && tab.inbox.get(id).read_at, HEALED_MS);
      assert.deepEqual(tab.broken(), []);
    });
  }

for (const transport of transports)
  check(`the last one comes although its heads were lost, too, ${transport}`, async (t) => {
    const user = `heads-${transport}`;
    const tab = await openTab(belfry, user, { transport });
    closing(t, tab);
    const { seq } = await losing(() => belfry.create(user, 'lost'), true);
    await tab.until('told', () => tab.badge === 1, HEALED_MS);
    assert.deepEqual(tab.events('notification:new').map((one) => one.payload.seq), [seq]);
    assert.deepEqual(tab.broken(), []);
  });

check('a connection sees an unbroken chain although every third message is lost', async () => {
  const user = 'chain';
  const raw = await RawSocket.open(belfry.base, belfry.token(user));
  await raw.join(`user:${user}:notifications`);
  const made = [];
  for (let i = 0; i < 30; i++) {
    const create = () => belfry.create(user, `n${i}`);
    made.push((await (i % 3 === 0 ? losing(create) : create())).seq);
  }
  const got = [];
  while (got.length < made.length) got.push((await raw.next(HEALED_MS))[4]);
  assert.deepEqual(got.map((one) => one.seq), made);
  assert.deepEqual(got.map((one) => one.prev), [0, ...made.slice(0, -1)]);
  assert.deepEqual(got.map((one) => one.unread_count), made.map((_, i) => i + 1));
  assert.deepEqual(await raw.rest(), []);
  await raw.close();
});
