// SPDX-License-Identifier: Apache-2.0
/* A message lost between notifier and broker: clients get it all the same, in order, also when it
 * was the last one. drop_proxy loses it. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { checked } from '../lib/belfry.mjs';
import { startLossy } from '../lib/drop.mjs';
import { both, closing, openTab, transports } from '../lib/phoenix.mjs';
import { RawSocket } from '../lib/raw.mjs';
import { classes, Feed } from '../lib/topics.mjs';

const HEALED_MS = 1500;
const CONF = classes({ 'channel:{id}': { publish: 'authenticated', history: 100 } });

let lossy;
let belfry;
const check = checked(() => belfry);
const losing = (act, headsToo) => lossy.losing(act, headsToo);

before(async () => {
  lossy = await startLossy({ conf: CONF });
  belfry = lossy.belfry;
});
after(() => lossy?.stop());

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

for (const version of both)
  for (const transport of transports)
    check(`a topic with history: lost in the middle, and the last one, with its heads and without, ${version}, ${transport}`, async (t) => {
      const topic = `channel:${version}-${transport}`;
      const feeds = [];
      for (const user of ['ann', 'bob']) {
        const feed = new Feed(belfry.base, topic, { version, transport, token: belfry.token(user) });
        closing(t, feed);
        await feed.join();
        feeds.push(feed);
      }
      const made = [];
      const publish = async () => made.push((await belfry.publish(topic, 'said', {})).seq);
      const push = async () => made.push((await feeds[0].push('said', {})).response.seq);
      await publish();
      await losing(push);
      await publish();
      for (const feed of feeds) await feed.reached(made.at(-1), HEALED_MS);
      await losing(publish);
      for (const feed of feeds) await feed.reached(made.at(-1), HEALED_MS);
      await losing(push, true);
      for (const feed of feeds) {
        await feed.reached(made.at(-1), HEALED_MS);
        assert.deepEqual(feed.seqs, made);
        assert.deepEqual([feed.broken, feed.syncs, feed.joins.length], [[], 0, 1]);
      }
    });
