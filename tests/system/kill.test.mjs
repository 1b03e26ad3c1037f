// SPDX-License-Identifier: Apache-2.0
/* Every process killed in turn, at random moments, under a stream of creates and reads, with 50
 * connected clients. SEED=n plays a run again; ROUNDS=n makes it shorter or longer. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Belfry, checked } from '../lib/belfry.mjs';
import { both, Tab } from '../lib/phoenix.mjs';
import { randomOf, until } from '../lib/until.mjs';

const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
const ROUNDS = Number(process.env.ROUNDS ?? 20);
const USERS = Array.from({ length: 10 }, (_, i) => `k${i}`);
const TABS = 50;
const WRITERS = 4;
const READERS = 2;
const CONVERGED_MS = 2000;
const ROLES = ['broker', 'store', 'notifier', 'session.0', 'session.1'];
const SEVERAL = 4; // rounds behind those, which kill about half of them at once

const random = randomOf(SEED);
const any = (list) => list[Math.floor(random() * list.length)];
console.log(`# SEED=${SEED}`);

let belfry;
const check = checked(() => belfry);
const tabs = [];
const acknowledged = new Map(USERS.map((user) => [user, new Map()])); // user -> id -> seq
const marked = new Set(); // ids whose reading was acknowledged
let writing = true; // whether the stream runs
let ended = false;
const busy = new Set(); // of the stream: who is in the middle of something
const retries = { creates: 0, reads: 0 };

/** Again until it is acknowledged, whatever dies in between: the key makes that safe. */
async function acknowledge(what, send) {
  for (;;) {
    const answer = await send().catch(() => null);
    if (answer && answer.status < 300) return answer.json;
    assert.ok(!answer || answer.status === 503 || answer.status === 507, `${what}: ${answer?.status} ${answer?.text}`);
    retries[what]++;
    if (ended) return null;
    await pause(20);
  }
}

async function stream(name, step) {
  while (!ended) {
    if (!writing) {
      await pause(5);
      continue;
    }
    busy.add(name);
    await step();
    busy.delete(name);
    await pause(random() * 20);
  }
}

let keys = 0;
async function writeOne() {
  const user = any(USERS);
  const body = { to: user, title: `n${++keys}`, type: any(['activity', 'alert', 'activity', 'system']) };
  const headers = { 'idempotency-key': `${SEED}-${keys}` };
  const made = await acknowledge('creates', () => belfry.post('/api/notifications', body, belfry.apiKey, { headers, ms: 3000 }));
  if (made) acknowledged.get(user).set(made.notifications[0].id, made.notifications[0].seq);
}

async function readOne() {
  const user = any(USERS);
  const all = [...acknowledged.get(user)];
  if (!all.length) return;
  const [id, seq] = any(all);
  const op_id = `${SEED}-read-${++keys}`;
  const everything = random() < 0.1;
  const path = everything ? '/api/notifications/mark-all-read' : '/api/notifications/mark-read';
  const body = everything ? { up_to: seq, op_id } : { ids: [id], op_id };
  const done = await acknowledge('reads', () => belfry.post(path, body, belfry.token(user), { ms: 3000 }));
  if (done) for (const [one, at] of all) if (one === id || (everything && at <= seq)) marked.add(one);
}

/** What a tab was told of each notification, from all the ways it can be told. */
function watch(tab) {
  tab.told = new Map(); // id -> times it came as an event
  tab.whole = 0; // snapshots and syncs behind the first
  tab.known = new Set();
  const event = (name, payload) => {
    if (name === 'notification:new') {
      tab.told.set(payload.notification.id, (tab.told.get(payload.notification.id) ?? 0) + 1);
      tab.known.add(payload.notification.id);
    }
    for (const change of payload.changes ?? []) if (change.op === 'created') tab.known.add(change.id);
  };
  tab.onSeen = (what, name, payload) => {
    if (what === 'applied') event(name, payload);
    if (what === 'joined' && payload.resumed) for (const one of payload.changes) event(one.event, one.payload);
    if (what === 'sync' || (what === 'joined' && !payload.resumed)) {
      tab.whole++;
      for (const one of payload.recent ?? payload.notifications) tab.known.add(one.id);
    }
  };
}

async function wholeInbox(user) {
  const all = [];
  let page = await belfry.inbox(user, '?limit=100');
  const { unread_count, seq } = page;
  all.push(...page.notifications);
  while (page.next !== null) {
    page = await belfry.inbox(user, `?limit=100&before=${page.next}`);
    all.push(...page.notifications);
  }
  return { unread_count, seq, notifications: all };
}

before(async () => {
  belfry = await Belfry.start();
  for (let i = 0; i < TABS; i++) {
    const user = USERS[Math.floor((i * USERS.length) / TABS)];
    const tab = new Tab(belfry.base, user, {
      version: both[Math.floor(i / 2) % 2],
      transport: i % 2 ? 'longpoll' : 'websocket',
      token: () => belfry.token(user),
      longPollFallbackMs: i % 2 ? undefined : 2500,
    });
    watch(tab);
    tabs.push(tab);
  }
  await Promise.all(tabs.map((tab) => tab.joined(10000)));
  for (let i = 0; i < WRITERS; i++) stream(`writer ${i}`, writeOne).catch(fail);
  for (let i = 0; i < READERS; i++) stream(`reader ${i}`, readOne).catch(fail);
});

let failure = null;
function fail(error) {
  failure ??= error;
}

after(async () => {
  ended = true;
  await Promise.all(tabs.map((tab) => tab.close()));
  const sums = [...acknowledged.values()].reduce((sum, ids) => sum + ids.size, 0);
  console.log(`# ${sums} creates acknowledged, repeated: ${JSON.stringify(retries)}`);
  await belfry?.stop();
});

for (let round = 1; round <= ROUNDS + SEVERAL; round++) {
  const first = ROLES[(round - 1) % ROLES.length];
  const roles = ROLES.filter((role) => role === first || (round > ROUNDS && random() < 0.5));
  check(`round ${round}: ${roles.join(', ')} killed`, async (t) => {
    writing = true;
    const pids = await Promise.all(roles.map((role) => belfry.pid(role)));
    await pause(100 + random() * 500);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await pause(random() * 300);
    writing = false;
    await until('the stream is acknowledged', () => failure || busy.size === 0, 10000);
    if (failure) throw failure;
    const from = Date.now();
    const left = () => Math.max(1, from + CONVERGED_MS - Date.now());

    // every badge equals the store's count
    for (const user of USERS) {
      const count = await belfry.count(user);
      for (const tab of tabs.filter((one) => one.user === user))
        await tab.until(`as the store: ${JSON.stringify(count)}`, () => tab.inbox.seq === count.seq && tab.badge === count.unread_count, left());
    }
    t.diagnostic(`converged in ${Date.now() - from} ms`);

    // every acknowledged create is in the inbox once, and each tab was told of it once
    for (const user of USERS) {
      const { notifications, unread_count } = await wholeInbox(user);
      const ids = new Set(notifications.map((one) => one.id));
      assert.equal(ids.size, notifications.length, 'each once');
      assert.deepEqual([...ids].sort(), [...acknowledged.get(user).keys()].sort(), `${user}: what was acknowledged, and no more`);
      assert.deepEqual(notifications.filter((one) => !one.read_at && marked.has(one.id)), [], `${user}: what was acknowledged as read is`);
      assert.equal(unread_count, notifications.filter((one) => !one.read_at && one.type !== 'system').length);
      for (const tab of tabs.filter((one) => one.user === user)) {
        assert.deepEqual(tab.broken().slice(0, 3), [], `${user}: each change once, in order`);
        assert.ok([...tab.told.values()].every((times) => times === 1), `${user}: told once`);
        if (tab.whole === 1) assert.deepEqual([...ids].filter((id) => !tab.known.has(id)), [], `${user}: told of all`);
        for (const one of notifications) {
          const own = tab.inbox.get(one.id);
          if (own) assert.equal(own.read_at !== null, one.read_at !== null, `${user}: ${one.id} read or not`);
        }
      }
    }
    await belfry.check();
    for (const [i, tab] of tabs.entries())
      if (i % 2 === 0) assert.equal(tab.onLongPoll, false, `tab ${i} is still on WebSocket`);
  });
}

check('rejoins were resumed, not answered with the whole inbox', () => {
  assert.ok(tabs.every((tab) => tab.joins >= 2), 'each client lost its connection');
  assert.equal(tabs.reduce((sum, tab) => sum + tab.whole - 1, 0), 0);
});
