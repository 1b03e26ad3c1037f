// SPDX-License-Identifier: Apache-2.0
/* Rows 65, 66 and 68 of the compatibility checklist: phoenix.js's fallback to long-poll. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { both, closing, memory, openTab, Tab } from '../lib/phoenix.mjs';
import { blockingProxy } from '../lib/proxy.mjs';
import { RawSocket } from '../lib/raw.mjs';
import { until } from '../lib/until.mjs';

const KEY = 'phx:fallback:LongPoll';

let belfry;
const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start()));
after(() => belfry?.stop());

for (const version of both) {
  check(`row 65: a healthy WebSocket stays, ${version}`, async (t) => {
    const sessionStorage = memory();
    const tab = await openTab(belfry, 'row65', { version, longPollFallbackMs: 1000, sessionStorage });
    closing(t, tab);
    await until('the first heartbeat is answered', () => tab.wire.got.some((text) => JSON.parse(text)[2] === 'phoenix'), 1000);
    assert.equal(JSON.parse(tab.wire.sent[0])[3] === 'heartbeat' || JSON.parse(tab.wire.sent[1])[3] === 'heartbeat', true);
    assert.equal(tab.socket.primaryPassedHealthCheck, true);
    assert.equal(tab.onLongPoll, false);
    assert.equal(sessionStorage.kept.size, 0);
  });

  for (const way of ['refuse', 'hang'])
    check(`row 66: WebSocket blocked (${way}): long-poll within the fallback time, ${version}`, async (t) => {
      const proxy = await blockingProxy(belfry.base, way);
      t.after(() => proxy.close());
      const sessionStorage = memory();
      const user = `row66-${way}-${version}`;
      const options = { version, longPollFallbackMs: 500, sessionStorage, token: belfry.token(user) };
      const from = Date.now();
      const tab = new Tab(proxy.base, user, options);
      closing(t, tab);
      await tab.joined();
      assert.ok(Date.now() - from < 1500, `${Date.now() - from} ms`);
      assert.equal(tab.onLongPoll, true);
      assert.equal(sessionStorage.kept.get(KEY), 'true');
      await belfry.create(user, 'still told');
      await tab.until('told', () => tab.badge === 1);

      const { upgrades } = proxy;
      const next = new Tab(proxy.base, user, options);
      closing(t, next);
      await next.joined();
      assert.equal(next.badge, 1);
      assert.equal(proxy.upgrades, upgrades, 'the next load does not try a WebSocket');
      assert.deepEqual(tab.broken(), []);
    });

  check(`row 68: each process restarted: clients stay on WebSocket, ${version}`, async (t) => {
    const user = `row68-${version}`;
    const sessionStorage = memory();
    const tabs = [];
    for (let i = 0; i < 8; i++)
      tabs.push(await openTab(belfry, user, { version, longPollFallbackMs: 2500, sessionStorage, rejoinAfterMs: () => 50 }));
    closing(t, ...tabs);
    let count = 0;
    for (const role of ['session.0', 'session.1', 'broker', 'notifier', 'store']) {
      const pid = await belfry.kill(role);
      await belfry.back(role, pid);
      await belfry.create(user, `after ${role}`);
      count++;
      for (const tab of tabs) await tab.until(`told after ${role}`, () => tab.badge === count);
    }
    for (const tab of tabs) {
      assert.equal(tab.onLongPoll, false);
      assert.deepEqual(tab.broken(), []);
    }
    assert.ok(tabs.every((tab) => tab.wire.opened >= 2), 'each lost its own process');
    assert.equal(sessionStorage.kept.size, 0);
  });
}

/* With one process there is nobody else to take the connect: it waits in the socket that serve holds. */
check('while a session process is away nobody is refused', async () => {
  const one = await Belfry.start({ sessions: 1 });
  try {
    for (let round = 0; round < 5; round++) {
      const pid = await one.kill('session.0');
      const raw = await RawSocket.open(one.base, one.token('ann'));
      await raw.join('user:ann:notifications');
      await raw.close();
      await one.back('session.0', pid);
    }
  } finally {
    await one.stop();
  }
});
