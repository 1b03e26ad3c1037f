// SPDX-License-Identifier: Apache-2.0
/* A stream of creates and reads with many connected clients, and what must be true whenever it has
 * been still for a moment, whatever happened to the processes meanwhile. By a seed, so that a run can
 * be had again, as far as the machine does. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

import { both, Tab } from './phoenix.mjs';
import { randomOf, until } from './until.mjs';

const CONVERGED_MS = 2000;
const ASK_MS = 3000;
const SETTLE_MS = 10000;
const TOKEN_S = 8 * 3600; // longer than any clock is moved

export const seedOf = () => Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));

export class Stream {
  acknowledged = new Map(); // user -> id -> seq
  ends = new Map(); // id -> expires_at, in ms
  marked = new Set(); // ids whose reading was acknowledged
  retries = { creates: 0, reads: 0 };
  tabs = [];
  #writing = true; // whether it runs
  #ended = false;
  #busy = new Set(); // who is in the middle of something
  #failure = null;
  #keys = 0;

  /** clock: {now, latest}, the server's wall clock and how far it ever was, where some notifications expire;
   *  name: what its users' names begin with. */
  constructor(belfry, { seed, users = 10, tabs = 50, clock = null, name = 'k' }) {
    Object.assign(this, { belfry, seed, clock, count: tabs });
    this.random = randomOf(seed);
    this.users = Array.from({ length: users }, (_, i) => `${name}${i}`);
    for (const user of this.users) this.acknowledged.set(user, new Map());
    console.log(`# SEED=${seed}`);
  }

  any(list) {
    return list[Math.floor(this.random() * list.length)];
  }
  token(user) {
    return this.belfry.token(user, { ttl: TOKEN_S });
  }

  async open({ writers = 4, readers = 2 } = {}) {
    for (let i = 0; i < this.count; i++) {
      const user = this.users[Math.floor((i * this.users.length) / this.count)];
      const tab = new Tab(this.belfry.base, user, {
        version: both[Math.floor(i / 2) % 2],
        transport: i % 2 ? 'longpoll' : 'websocket',
        token: () => this.token(user),
        longPollFallbackMs: i % 2 ? undefined : 2500,
      });
      watch(tab);
      this.tabs.push(tab);
    }
    await Promise.all(this.tabs.map((tab) => tab.joined(10000)));
    const fail = (error) => (this.#failure ??= error);
    for (let i = 0; i < writers; i++) this.#run(`writer ${i}`, () => this.#writeOne()).catch(fail);
    for (let i = 0; i < readers; i++) this.#run(`reader ${i}`, () => this.#readOne()).catch(fail);
  }

  async close() {
    this.#ended = true;
    await Promise.all(this.tabs.map((tab) => tab.close()));
    console.log(`# ${this.created} creates acknowledged, repeated: ${JSON.stringify(this.retries)}`);
  }

  get created() {
    return [...this.acknowledged.values()].reduce((sum, ids) => sum + ids.size, 0);
  }
  go() {
    this.#writing = true;
  }
  /** Nothing new, and all that was begun is acknowledged. */
  async settle() {
    this.#writing = false;
    await until(() => `the stream is acknowledged: ${[...this.#busy]}`, () => this.#failure || this.#busy.size === 0, SETTLE_MS);
    if (this.#failure) throw this.#failure;
  }

  async #run(name, step) {
    while (!this.#ended) {
      if (!this.#writing) {
        await pause(5);
        continue;
      }
      this.#busy.add(name);
      await step();
      this.#busy.delete(name);
      await pause(this.random() * 20);
    }
  }

  /** Again until it is acknowledged, whatever dies in between: the key makes that safe. */
  async #acknowledge(what, send) {
    for (;;) {
      const answer = await send().catch(() => null);
      if (answer && answer.status < 300) return answer.json;
      assert.ok(!answer || answer.status === 503 || answer.status === 507, `${what}: ${answer?.status} ${answer?.text}`);
      this.retries[what]++;
      if (this.#ended) return null;
      await pause(20);
    }
  }

  async #writeOne() {
    const user = this.any(this.users);
    const body = { to: user, title: `n${++this.#keys}`, type: this.any(['activity', 'alert', 'activity', 'system']) };
    let ends = null;
    if (this.clock && this.random() < 0.4) {
      ends = Math.floor(this.clock.latest + (this.random() < 0.5 ? 1500 + this.random() * 3000 : this.random() * 5400000 + 1500));
      body.expires_at = new Date(ends).toISOString();
    }
    const headers = { 'idempotency-key': `${this.seed}-${this.#keys}` };
    const send = () => this.belfry.post('/api/notifications', body, this.belfry.apiKey, { headers, ms: ASK_MS });
    const made = await this.#acknowledge('creates', async () => {
      const answer = await send();
      return ends && answer.status === 400 && answer.json.field === 'expires_at' ? { status: 200, json: null } : answer; // it took too long
    });
    if (!made) return;
    const [{ id, seq }] = made.notifications;
    if (ends) this.ends.set(id, ends);
    this.acknowledged.get(user).set(id, seq);
  }

  async #readOne() {
    const user = this.any(this.users);
    const all = [...this.acknowledged.get(user)];
    if (!all.length) return;
    const [id, seq] = this.any(all);
    const op_id = `${this.seed}-read-${++this.#keys}`;
    const everything = this.random() < 0.1;
    const path = everything ? '/api/notifications/mark-all-read' : '/api/notifications/mark-read';
    const body = everything ? { up_to: seq, op_id } : { ids: [id], op_id };
    const done = await this.#acknowledge('reads', () => this.belfry.post(path, body, this.token(user), { ms: ASK_MS }));
    if (done) for (const [one, at] of all) if (one === id || (everything && at <= seq)) this.marked.add(one);
  }

  async #get(path, user) {
    const answer = await this.belfry.get(path, this.token(user));
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  async #wholeInbox(user) {
    const all = [];
    let page = await this.#get('/api/notifications?limit=100', user);
    const { unread_count } = page;
    all.push(...page.notifications);
    while (page.next !== null) {
      page = await this.#get(`/api/notifications?limit=100&before=${page.next}`, user);
      all.push(...page.notifications);
    }
    return { unread_count, notifications: all };
  }

  /** Two seconds from now every badge is the store's count, each tab was told of each change once and in
   *  order, everything acknowledged is there once and nothing else is, and the recount agrees. */
  async converged(t, ms = CONVERGED_MS) {
    const from = Date.now();
    for (const user of this.users) await this.#badges(user, from + ms);
    t.diagnostic(`converged in ${Date.now() - from} ms`);
    for (const user of this.users) await this.#inbox(user);
    await this.belfry.check();
  }

  async #badges(user, end) {
    for (const tab of this.tabs.filter((one) => one.user === user)) {
      let count;
      const same = async () => {
        count = await this.#get('/api/notifications/count', user); // again each time: things expire
        return tab.inbox.seq === count.seq && tab.badge === count.unread_count && tab.inbox.stale === null;
      };
      await tab.until(() => `as the store: ${JSON.stringify(count)}`, same, Math.max(1, end - Date.now()));
    }
  }

  async #inbox(user) {
    const asked = this.clock?.now;
    const { notifications, unread_count } = await this.#wholeInbox(user);
    const ids = new Set(notifications.map((one) => one.id));
    const own = this.acknowledged.get(user);
    assert.equal(ids.size, notifications.length, 'each once');
    assert.deepEqual([...ids].filter((id) => !own.has(id)), [], `${user}: nothing but what was acknowledged`);
    for (const id of own.keys()) {
      const ends = this.ends.get(id) ?? Infinity;
      if (!ids.has(id)) assert.ok(ends <= this.clock?.latest, `${user}: ${id} was acknowledged, and is not there`);
      else assert.ok(!(ends <= asked), `${user}: ${id} has ended at ${ends}, it is ${asked}`);
    }
    assert.deepEqual(notifications.filter((one) => !one.read_at && this.marked.has(one.id)), [], `${user}: what was acknowledged as read is`);
    assert.equal(unread_count, notifications.filter((one) => !one.read_at && one.type !== 'system').length);
    for (const tab of this.tabs.filter((one) => one.user === user)) this.#tab(tab, ids, notifications);
  }

  #tab(tab, ids, notifications) {
    assert.deepEqual(tab.broken().slice(0, 3), [], `${tab.user}: each change once, in order`);
    assert.ok([...tab.told.values()].every((times) => times === 1), `${tab.user}: told once`);
    assert.ok([...tab.expired.values()].every((times) => times === 1), `${tab.user}: told once that it ended`);
    if (tab.whole === 1) assert.deepEqual([...ids].filter((id) => !tab.known.has(id)), [], `${tab.user}: told of all`);
    for (const one of notifications) {
      const own = tab.inbox.get(one.id);
      if (own) assert.equal(own.read_at !== null, one.read_at !== null, `${tab.user}: ${one.id} read or not`);
    }
    // what a page still shows is there, or ended between our questions
    for (const one of tab.inbox.list())
      if (!ids.has(one.id)) assert.ok(this.ends.get(one.id) > this.clock.latest - CONVERGED_MS, `${tab.user}: ${one.id} is shown, and is no more`);
  }
}

/** What a tab was told of each notification, from all the ways it can be told. */
function watch(tab) {
  tab.told = new Map(); // id -> times it came as an event
  tab.expired = new Map(); // id -> times its end came as an event
  tab.whole = 0; // snapshots and syncs
  tab.known = new Set();
  const once_more = (map, id) => map.set(id, (map.get(id) ?? 0) + 1);
  const event = (name, payload) => {
    if (name === 'notification:new') {
      once_more(tab.told, payload.notification.id);
      tab.known.add(payload.notification.id);
    }
    if (name === 'notification:expired') for (const id of payload.ids) once_more(tab.expired, id);
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
