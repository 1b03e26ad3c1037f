// SPDX-License-Identifier: Apache-2.0
/* Presence as the official Presence class sees it: rows 69 to 76 of the compatibility checklist, by
 * both versions of the client and both transports, over session processes that are killed, stopped
 * and drained, and a broker and a store that go and come back. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Belfry, checked, topicPath } from '../lib/belfry.mjs';
import { answered, both, closing, openSocket, parted, transports, versions } from '../lib/phoenix.mjs';
import { RawPoll, RawSocket } from '../lib/raw.mjs';
import { classes } from '../lib/topics.mjs';
import { randomOf, until } from '../lib/until.mjs';

const GONE_MS = 5000; // a killed process's users are gone everywhere
const REAP_MS = 1500; // a long-poll client that does not come any more
const SOON_MS = 2000;
const CONF = classes({
  'room:{id}': { join: 'anyone', presence: 1 },
  'few:{id}': { presence: 1, presence_max: 5 },
  'some:{id}': { presence: 1, presence_max: 16 },
  'kept:{id}': { presence: 1, history: 10 },
  'dark:{id}': {},
  'club:{id}': { join: 'member', presence: 1 },
});

let belfry;
const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start({ sessions: 3, conf: CONF, env: { BELFRY_SESSION_POLL_REAP_MS: `${REAP_MS}` } })));
after(() => belfry?.stop());

let ids = 0;
const fresh = (kind = 'room') => `${kind}:t${++ids}`;

/** A page in a room: the official class, and everything that it told. */
class Visitor {
  told = []; // {what: join, leave, sync, user, metas, left: how many metas are left of the user, at: of a leave}

  constructor(user, topic, { meta, version = both[0], ...options } = {}) {
    const token = user === null ? '' : () => belfry.token(user);
    Object.assign(this, { user, topic, ...openSocket(belfry.base, { version, token, rejoinAfterMs: () => 50, reconnectAfterMs: () => 20, ...options }) });
    this.channel = this.socket.channel(topic, meta ? { meta } : {});
    this.counts = [];
    this.channel.on('presence_count', ({ count }) => this.counts.push(count));
    this.presence = new versions[version].Presence(this.channel);
    this.presence.onJoin((key, before_, now) => this.told.push({ what: 'join', key, metas: now.metas, left: before_?.metas.length ?? 0 }));
    this.presence.onLeave((key, now, gone) => this.told.push({ what: 'leave', key, metas: gone.metas, left: now.metas.length, at: Date.now() }));
    this.presence.onSync(() => this.told.push({ what: 'sync' }));
  }

  static async join(user, topic, options) {
    const one = new Visitor(user, topic, options);
    const { status, response } = await answered(one.channel.join());
    assert.equal(status, 'ok', JSON.stringify(response));
    one.answer = response;
    return one;
  }

  get metas() {
    return Object.fromEntries(this.presence.list((key, { metas }) => [key, metas]));
  }
  /** Who is there, with how many metas: "ann bob*2". */
  get list() {
    return Object.entries(this.metas).map(([key, metas]) => (metas.length > 1 ? `${key}*${metas.length}` : key)).sort().join(' ');
  }
  sees(list, ms = SOON_MS) {
    return until(() => `${this.user} sees "${list}", not "${this.list}"`, () => this.list === list, ms);
  }
  /** Frames with that event, read: payloads. */
  frames(event) {
    const all = this.wire.got.map((text) => JSON.parse(text));
    for (const { answer } of this.wire.requests)
      for (const message of (answer && JSON.parse(answer).messages) ?? []) all.push(JSON.parse(message));
    return all.filter((frame) => frame[2] === this.topic && frame[3] === event).map((frame) => frame[4]);
  }
  get gone() {
    return this.told.filter(({ what, left }) => what === 'leave' && left === 0).map(({ key }) => key);
  }
}

async function visitors(t, topic, users, options = {}) {
  const all = await Promise.all(users.map((user) => Visitor.join(user, topic, options)));
  closing(t, ...all);
  return all;
}

/** Sockets without a client behind them, which do not come back: one for each user. */
async function mutes(t, topic, users, payload = {}) {
  const all = await Promise.all(users.map(async (user) => {
    const raw = await RawSocket.open(belfry.base, belfry.token(user));
    raw.user = user;
    await raw.join(topic, '1', payload);
    return raw;
  }));
  t.after(() => all.forEach((raw) => raw.ws.terminate()));
  return all;
}

const names = (prefix, n) => Array.from({ length: n }, (_, i) => `${prefix}${String(i).padStart(4, '0')}`);
const sorted = (list) => [...list].sort().join(' ');

for (const version of both)
  for (const transport of transports) {
    const how = { version, transport };
    const named = `${version} ${transport}`;

    check(`row 69: one presence_state for each join (${named})`, async (t) => {
      const topic = fresh();
      const [ann] = await visitors(t, topic, ['ann'], how);
      await ann.sees('ann');
      const [meta] = ann.metas.ann;
      assert.match(meta.phx_ref, /^[A-Za-z0-9_-]{16,}$/);
      assert.ok(Math.abs(Date.parse(meta.online_at) - Date.now()) < 10000, meta.online_at);
      assert.equal(ann.frames('presence_state').length, 1);
      ann.socket.transport === ann.LongPoll ? ann.socket.conn.closeAndRetry(1006, 'cut', false) : ann.wire.sockets.at(-1).terminate();
      await until('joined again', () => ann.frames('presence_state').length === 2, 8000);
      await ann.sees('ann', 8000);
      await ann.channel.leave();
      await until('left', () => ann.channel.state === 'closed');
      const again = ann.socket.channel(topic, {});
      const presence = new versions[version].Presence(again);
      let syncs = 0;
      presence.onSync(() => syncs++);
      assert.equal((await answered(again.join())).status, 'ok');
      await until('the list', () => presence.list((key) => key).join() === 'ann');
      assert.equal(ann.frames('presence_state').length, 3);
      assert.ok(syncs >= 1);
    });

    check(`row 70: who joins amid others loses nobody (${named})`, async (t) => {
      const topic = fresh();
      const users = names('u', 25);
      const all = await visitors(t, topic, users, how);
      const truth = sorted(users);
      await Promise.all(all.map((one) => one.sees(truth, 5000)));
      for (const one of all) assert.equal(one.frames('presence_state').length, 1, one.user);
    });

    check(`row 71: joins and leaves are always there (${named})`, async (t) => {
      const topic = fresh();
      const [ann] = await visitors(t, topic, ['ann'], how);
      await ann.sees('ann');
      const [bob] = await mutes(t, topic, ['bob']);
      await ann.sees('ann bob');
      await bob.close();
      await ann.sees('ann');
      const diffs = ann.frames('presence_diff');
      assert.ok(diffs.length >= 2);
      for (const diff of diffs) assert.deepEqual(Object.keys(diff), ['joins', 'leaves']);
    });

    check(`row 72: an update is one diff, and one entry (${named})`, async (t) => {
      const topic = fresh();
      const [ann] = await visitors(t, topic, ['ann'], { ...how, meta: { mood: 'new' } });
      const [bob] = await visitors(t, topic, ['bob'], how);
      await bob.sees('ann bob');
      await ann.sees('ann bob');
      const [old] = bob.metas.ann;
      assert.equal(old.mood, 'new');
      const seen = bob.frames('presence_diff').length;
      assert.deepEqual(await answered(ann.channel.push('presence:update', { meta: { mood: 'away', phx_ref: 'mine', online_at: 'never' } })),
        { status: 'ok', response: {} });
      await until('bob hears of it', () => bob.metas.ann?.[0].mood === 'away');
      assert.equal(bob.metas.ann.length, 1);
      const [now] = bob.metas.ann;
      assert.equal(now.phx_ref_prev, old.phx_ref);
      assert.notEqual(now.phx_ref, old.phx_ref);
      assert.equal(now.online_at, old.online_at);
      const [diff, ...more] = bob.frames('presence_diff').slice(seen);
      assert.deepEqual(more, []);
      assert.deepEqual(diff.joins, { ann: { metas: [now] } });
      assert.deepEqual(diff.leaves.ann.metas.map(({ phx_ref }) => phx_ref), [old.phx_ref]);
      assert.deepEqual(bob.gone, []);
    });

    check(`row 73: two tabs of one user (${named})`, async (t) => {
      const topic = fresh();
      const [eve] = await visitors(t, topic, ['eve'], how);
      const tabs = await visitors(t, topic, ['ann', 'ann'], how);
      await eve.sees('ann*2 eve');
      await parted(tabs[0].socket);
      await eve.sees('ann eve', REAP_MS + 3000);
      await parted(tabs[1].socket);
      await eve.sees('eve', REAP_MS + 3000);
      assert.deepEqual(eve.gone, ['ann']);
    });
  }

check('row 74: a connection that dies, and a poller that does not come any more', async (t) => {
  const topic = fresh();
  const [eve] = await visitors(t, topic, ['eve']);
  const [ann] = await mutes(t, topic, ['ann']);
  const bob = new RawPoll(belfry.base, belfry.token('bob'));
  await bob.start();
  await bob.post([['1', '1', topic, 'phx_join', {}]]);
  await bob.frames((frame) => frame[3] === 'presence_state');
  await eve.sees('ann bob eve');
  ann.ws.terminate();
  await eve.sees('bob eve');
  await eve.sees('eve', REAP_MS + 3000); // bob does not poll any more
});

check('row 75: a session process killed: its users are gone everywhere, once', async (t) => {
  const topic = fresh();
  const crowd = await mutes(t, topic, names('m', 30));
  const lookers = await visitors(t, topic, ['eve', 'fay', 'gil']);
  const there = () => sorted([...crowd.filter((one) => one.code === null).map(({ user }) => user), 'eve', 'fay', 'gil']);
  await Promise.all(lookers.map((one) => one.sees(there(), 5000)));
  for (const role of ['session.0', 'session.1']) {
    for (const one of lookers) one.told.length = 0;
    const before_ = there();
    const at = Date.now();
    const pid = await belfry.kill(role);
    await until('their sockets are closed', () => there() !== before_ || Date.now() - at > 500);
    await pause(100);
    const lost = crowd.filter(({ user }) => before_.includes(user) && !there().includes(user)).map(({ user }) => user);
    t.diagnostic(`${role}: ${lost.length} users were on it`);
    await Promise.all(lookers.map((one) => one.sees(there(), GONE_MS - (Date.now() - at))));
    t.diagnostic(`gone after ${Date.now() - at} ms`);
    for (const one of lookers) {
      const untouched = one.gone.filter((user) => !lost.includes(user) && user.startsWith('m'));
      assert.deepEqual(untouched, [], 'nobody else flickers');
      for (const user of lost) assert.ok(one.gone.filter((name) => name === user).length <= 1, `${user} left once`);
    }
    await belfry.back(role, pid);
  }
});

check('row 75: a process that sleeps loses its users, and they return with it', async (t) => {
  const topic = fresh();
  const crowd = await mutes(t, topic, names('m', 12));
  const eve = (await visitors(t, topic, ['eve', 'fay', 'gil', 'hal', 'ivy', 'joe']));
  const everyone = sorted([...crowd.map(({ user }) => user), 'eve', 'fay', 'gil', 'hal', 'ivy', 'joe']);
  await Promise.all(eve.map((one) => one.sees(everyone, 5000)));
  await belfry.signal('session.2', 'SIGSTOP');
  t.after(() => belfry.signal('session.2', 'SIGCONT'));
  await until('somebody misses somebody', () => eve.some((one) => one.list !== everyone), GONE_MS);
  await belfry.signal('session.2', 'SIGCONT');
  await Promise.all(eve.map((one) => one.sees(everyone, GONE_MS)));
});

check('row 76: everyone agrees after a thousand joins and leaves', async (t) => {
  const topic = fresh();
  const stay = new Map();
  const lookers = [];
  let joins = 0;
  const one = async (k) => {
    for (let n = 0; n < 25; n++) {
      const raw = await RawSocket.open(belfry.base, belfry.token(`c${k}-${n % 5}`));
      const id = `${k}-${n}`;
      await raw.join(topic, '1', { meta: { id } });
      joins++;
      if (n % 10 === 9) {
        raw.send(['1', 'u', topic, 'presence:update', { meta: { id, moved: 1 } }]);
        await raw.reply('u');
      }
      if (n % 5 === 4) stay.set(id, raw);
      else raw.ws.terminate();
    }
  };
  const looking = (async () => {
    for (let n = 0; n < 10; n++) {
      lookers.push(...(await visitors(t, topic, [`z${n}`], { version: both[n % 2], transport: transports[n % 2], meta: { id: `z${n}` } })));
      await pause(100);
    }
  })();
  await Promise.all([looking, ...Array.from({ length: 40 }, (_, k) => one(k))]);
  t.after(() => stay.forEach((raw) => raw.ws.terminate()));
  assert.equal(joins, 1000);
  const truth = [...stay.keys(), ...lookers.map(({ user }) => user)].sort().join(' ');
  const seen = (looker) => Object.values(looker.metas).flat().map(({ id }) => id).sort().join(' ');
  await Promise.all(lookers.map((looker) => until(() => `${looker.user} sees ${Object.values(looker.metas).flat().length}, not ${stay.size + lookers.length}`,
    () => seen(looker) === truth, 5000)));
  const frames = lookers[0].frames('presence_diff').length;
  t.diagnostic(`${joins} joins and ${joins - stay.size} leaves were told in ${frames} diffs`);
  assert.ok(frames < 400, `${frames} diffs: they are gathered`);
});

const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

check(`churn with processes killed at random: all views are equal within ${GONE_MS} ms, without ghosts`, async (t) => {
  const topic = fresh();
  const random = randomOf(SEED);
  const dice = (n) => Math.floor(random() * n);
  const there = new Map(); // the oracle: who is in the room, by the id in its meta
  const lookers = [];
  for (let i = 0; i < 8; i++)
    lookers.push(...(await visitors(t, topic, [`z${i}`], { version: both[i % 2], transport: transports[(i >> 1) % 2], meta: { id: `z${i}` } })));
  let [more, joins, rejoins, kills] = [true, 0, 0, 0];
  for (const one of lookers) one.channel.joinPush.receive('ok', () => rejoins++);
  t.after(() => there.forEach((raw) => raw.ws.terminate()));
  const come = async (k) => {
    for (let n = 0; more; n++) {
      const id = `${k}-${n}`;
      const raw = await RawSocket.open(belfry.base, belfry.token(`c${k}`)).catch(() => null);
      if (!raw) continue; // a process that was killed
      raw.closed.then(() => there.delete(id));
      const joined = await raw.join(topic, '1', { meta: { id } }).then(() => true, () => false);
      if (!joined) raw.ws.terminate(); // or it might be listed yet
      else if (raw.code === null) there.set(id, raw);
      joins += joined;
      const what = dice(4);
      await pause(10 + dice(150));
      if (what === 0) raw.ws.terminate();
      else if (what === 1) raw.ws.close();
      else if (what === 2) raw.send(['1', 'u', topic, 'presence:update', { meta: { id, moved: n } }]);
      if (what > 1 && there.size > 150) raw.ws.terminate();
    }
  };
  const coming = Array.from({ length: 20 }, (_, k) => come(k));
  for (; kills < 8; kills++) {
    const role = ['session.0', 'session.1', 'session.2', 'broker'][dice(4)];
    const pid = await belfry.kill(role);
    await belfry.back(role, pid);
    await pause(dice(600));
  }
  more = false;
  await Promise.all(coming);
  const end = Date.now();
  const seen = (metas) => Object.values(metas).flat().map(({ id }) => id).sort().join(' ');
  const truth = () => [...there.keys(), ...lookers.map(({ user }) => user)].sort().join(' ');
  const left = () => GONE_MS - (Date.now() - end);
  for (const looker of lookers)
    await until(() => `seed ${SEED}: ${looker.user} sees ${seen(looker.metas)}, not ${truth()}`, () => seen(looker.metas) === truth(), left());
  t.diagnostic(`seed ${SEED}: ${kills} kills, ${joins} joins, ${rejoins} of those who look on; all equal after ${Date.now() - end} ms, ${there.size} there`);
  for (let i = 0; i < 6; i++) {
    const { json } = await belfry.get(topicPath(topic, 'presence'), belfry.apiKey);
    assert.deepEqual([json.count, seen(Object.fromEntries(Object.entries(json.presences).map(([key, { metas }]) => [key, metas])))], [there.size + lookers.length, truth()]);
  }
  assert.ok(joins > 100 && there.size > 10);
});

check('the broker and the store go and come back: nobody leaves, nobody joins', async (t) => {
  const topic = fresh();
  const crowd = await mutes(t, topic, names('m', 30));
  const lookers = await visitors(t, topic, ['eve', 'fay', 'gil', 'hal']);
  const everyone = sorted([...crowd.map(({ user }) => user), 'eve', 'fay', 'gil', 'hal']);
  await Promise.all(lookers.map((one) => one.sees(everyone, 5000)));
  for (const one of lookers) one.told.length = 0;
  for (const role of ['broker', 'store', 'notifier', 'broker']) {
    const pid = await belfry.kill(role);
    await belfry.back(role, pid);
  }
  const [late] = await visitors(t, topic, ['zoe']); // and it works: this one is told, and told nothing else
  await late.sees(`${everyone} zoe`, 5000);
  await Promise.all(lookers.map((one) => one.sees(`${everyone} zoe`, 5000)));
  await pause(3500); // whoever would be judged silent would be by now
  for (const one of lookers) assert.deepEqual(one.told.filter(({ what, key }) => what !== 'sync' && key !== 'zoe'), []);
});

check('the broker is stopped for long: nobody is judged', async (t) => {
  const topic = fresh();
  const [eve, fay] = await visitors(t, topic, ['eve', 'fay']);
  const crowd = await mutes(t, topic, names('m', 10));
  const everyone = sorted([...crowd.map(({ user }) => user), 'eve', 'fay']);
  await Promise.all([eve, fay].map((one) => one.sees(everyone)));
  for (const one of [eve, fay]) one.told.length = 0;
  await belfry.signal('broker', 'SIGSTOP');
  await pause(4500);
  await crowd[0].close(); // this one does leave
  await belfry.signal('broker', 'SIGCONT');
  const rest = everyone.replace('m0000 ', '').split(' ').sort().join(' ');
  await Promise.all([eve, fay].map((one) => one.sees(rest, 3000)));
  await pause(3500);
  for (const one of [eve, fay]) assert.deepEqual(one.told.filter(({ what, key }) => what !== 'sync' && key !== 'm0000'), []);
});

check('a process that drains: who comes back elsewhere never was away, who does not has a while to', async (t) => {
  const topic = fresh();
  const users = names('d', 20);
  const all = await visitors(t, topic, users);
  const crowd = await mutes(t, topic, names('m', 12)); // they do not come back
  await Promise.all(all.map((one) => one.sees(sorted([...users, ...names('m', 12)]), 5000)));
  for (const one of all) one.told.length = 0;
  const pid = await belfry.signal('session.1', 'SIGTERM');
  await belfry.back('session.1', pid, 10000);
  const back = Date.now();
  const lost = crowd.filter((one) => one.code !== null).map(({ user }) => user);
  const there = sorted([...users, ...names('m', 12).filter((user) => !lost.includes(user))]);
  await Promise.all(all.map((one) => one.sees(there, GONE_MS)));
  for (const one of all) assert.deepEqual(one.gone.filter((user) => !lost.includes(user)), []);
  for (const one of all.filter(({ wire }) => wire.closes.length === 0)) // and who looked on all the time
    for (const { key, at } of one.told.filter(({ what }) => what === 'leave'))
      assert.ok(at - back > 200, `${key} left ${at - back} ms after another process was there`);
});

check('a room over its size is told in counts, and says so', async (t) => {
  const topic = fresh('few');
  const [eve] = await visitors(t, topic, ['eve']);
  const few = await mutes(t, topic, names('m', 4));
  await eve.sees('eve m0000 m0001 m0002 m0003');
  const more = await mutes(t, topic, names('n', 6));
  await until('told of 11', () => eve.counts.at(-1) === 11, 3000);
  assert.ok(eve.counts.length <= 4, `${eve.counts}`);
  const [late] = await visitors(t, topic, ['zoe']);
  await until('the late one is told', () => late.counts.at(-1) === 12);
  const joins = await Promise.all(Array.from({ length: 6 }, () => Visitor.join('yan', topic)));
  closing(t, ...joins);
  assert.ok(joins.every(({ answer }) => answer.presence === 'count'), JSON.stringify(joins.map(({ answer }) => answer)));
  await Promise.all([...joins, late].map((one) => parted(one.socket)));
  for (const one of [...more, ...few.slice(1)]) one.ws.terminate();
  await eve.sees('eve m0000', 4000);
});

check('a room just below its size is told in counts still, until it has fallen by an eighth', async (t) => {
  const topic = fresh('some');
  const [eve] = await visitors(t, topic, ['eve']);
  const crowd = await mutes(t, topic, names('m', 16));
  await until('told of 17', () => eve.counts.at(-1) === 17, 3000);
  const states = eve.frames('presence_state').length;
  for (const raw of crowd.slice(0, 2)) await raw.close();
  await until('told of 15', () => eve.counts.at(-1) === 15, 3000);
  assert.equal(eve.frames('presence_state').length, states);
  await crowd[2].close();
  await eve.sees(sorted(['eve', ...names('m', 16).slice(3)]), 3000);
  assert.equal(eve.frames('presence_state').length, states + 1);
});

check('over HTTP: who is there, asked of any process', async (t) => {
  const topic = fresh();
  const crowd = await mutes(t, topic, [...names('m', 12), 'm0000']);
  const ask = (query = '', token = belfry.apiKey, of = topic) => belfry.get(topicPath(of, `presence${query}`), token);
  for (let n = 0; n < 12; n++) // each process is told of the others' within the time that changes are gathered
    await until('all are there', async () => (await ask('?count=1')).json.count === 13, SOON_MS);
  await pause(100);
  for (let n = 0; n < 12; n++) { // each on a connection of its own, so on any of the processes
    const { status, json, text } = await ask();
    assert.equal(status, 200, text);
    assert.deepEqual([json.topic, json.count, Object.keys(json.presences).sort().join(' ')], [topic, 13, sorted(names('m', 12))]);
    assert.equal(json.presences.m0000.metas.length, 2);
    assert.match(json.presences.m0000.metas[0].phx_ref, /^[A-Za-z0-9_-]{16,}$/);
    assert.deepEqual((await ask('?count=1')).json, { topic, count: 13 });
  }
  assert.deepEqual((await ask('', belfry.apiKey, fresh())).json.presences, {}); // nobody ever was there
  const said = await belfry.command('who', topic);
  assert.deepEqual([said.code, said.stdout], [0, names('m', 12).map((user, i) => `${user} ${i ? 1 : 2}\n`).join('')]);
  assert.equal((await belfry.command('who', topic, '--count')).stdout, '13\n');
  for (const raw of crowd.slice(0, 6)) await raw.close();
  await until('six less', async () => (await ask('?count=1')).json.count === 7, SOON_MS);
  assert.equal((await ask('', belfry.token('ann'))).status, 200);
  assert.equal((await ask('', 'nonsense')).status, 401);
  assert.equal((await ask('', belfry.apiKey, 'dark:x')).status, 404);
  assert.equal((await ask('', belfry.apiKey, 'no:x')).status, 404);
  assert.equal((await ask('', belfry.token('ann'), 'club:x')).status, 403);
  await belfry.member('PUT', 'club:x', 'ann');
  assert.equal((await ask('', belfry.token('ann'), 'club:x')).json.count, 0);
});

check('over HTTP: is this user connected, how often, since when, and when last', async (t) => {
  const ask = async (user) => {
    const { status, json, text } = await belfry.get(`/api/users/${user}`, belfry.apiKey);
    assert.equal(status, 200, text);
    return json;
  };
  assert.deepEqual(await ask('noone'), { user: 'noone', online: false, since: null, connections: 0, last_seen: null });
  const at = Date.now();
  const all = [await RawSocket.open(belfry.base, belfry.token('uma'))];
  t.after(() => all.forEach((raw) => raw.ws.terminate()));
  const { since: first } = await ask('uma');
  assert.ok(Math.abs(Date.parse(first) - at) < 5000, first);
  for (let n = 1; n < 9; n++) all.push(await RawSocket.open(belfry.base, belfry.token('uma')));
  for (let n = 0; n < 6; n++) {
    const { online, since: oldest, connections } = await ask('uma');
    assert.deepEqual({ online, oldest, connections }, { online: true, oldest: first, connections: 9 });
  }
  await Promise.all(all.map((raw) => raw.close()));
  await until('gone', async () => !(await ask('uma')).online, SOON_MS);
  const { connections, since } = await ask('uma');
  assert.deepEqual({ connections, since }, { connections: 0, since: null });
  await until('last seen', async () => Math.abs(Date.parse((await ask('uma')).last_seen) - Date.now()) < 5000, SOON_MS);
  assert.equal((await belfry.get('/api/users/uma', belfry.token('uma'))).status, 403);
});

check('over HTTP: while a process does not answer, who is connected to it is not guessed', async (t) => {
  const topic = fresh();
  const crowd = await mutes(t, topic, Array(12).fill('ida')); // on all three, as the kernel puts them
  const all = async () => (await belfry.get('/api/users/ida', belfry.apiKey)).json.connections;
  assert.equal(await all(), crowd.length);
  const from = Date.now();
  await belfry.signal('session.2', 'SIGSTOP');
  t.after(() => belfry.signal('session.2', 'SIGCONT'));
  const asked = await Promise.all(Array.from({ length: 12 }, async () => {
    const answer = await belfry.get('/api/users/ida', belfry.apiKey, { ms: 2500 }).catch(() => null); // of the one that sleeps
    return answer && Date.now() - from < 2500 ? answer : null; // later it may be judged
  }));
  await belfry.signal('session.2', 'SIGCONT');
  const answers = asked.filter(Boolean);
  assert.ok(answers.length > 0);
  for (const { status, json } of answers) assert.deepEqual([status, json.detail], [503, 'a session process did not answer in time']);
  await until('all of them again', async () => (await all()) === crowd.length);
});

check('what a meta may be', async (t) => {
  const topic = fresh();
  const [eve] = await visitors(t, topic, ['eve']);
  const raw = await RawSocket.open(belfry.base, belfry.token('ann'));
  t.after(() => raw.ws.terminate());
  const join = async (payload) => {
    const ref = `j${++ids}`;
    raw.send([ref, ref, topic, 'phx_join', payload]);
    return (await raw.reply(ref))[4];
  };
  for (const meta of ['text', 7, [], null, { big: 'x'.repeat(1100) }]) {
    const { status, response } = await join({ meta });
    assert.equal(status, 'error', JSON.stringify(meta));
    assert.equal(response.field, 'meta');
  }
  const meta = { phx_ref: 'x', phx_ref_prev: 'y', online_at: 'z', deep: { a: [1, { 'é"': '\u0000' }] }, 'q"uote': 1 };
  assert.equal((await join({ meta })).status, 'ok');
  await eve.sees('ann eve');
  const { phx_ref, online_at, ...rest } = eve.metas.ann[0];
  assert.deepEqual(rest, { deep: meta.deep, 'q"uote': 1 });
  assert.notEqual(phx_ref, 'x');
  assert.ok(Date.parse(online_at));
  const [proto] = await mutes(t, topic, ['__proto__']); // would break the lists of older clients: looks on
  assert.ok(!(await proto.frame('its state', (frame) => frame[3] === 'presence_state'))[4].hasOwnProperty('__proto__'));
  const nobody = await RawSocket.open(belfry.base, ''); // looks on, is not listed
  t.after(() => nobody.ws.terminate());
  await nobody.join(topic);
  const state = await nobody.frame('its state', (frame) => frame[3] === 'presence_state');
  assert.deepEqual(Object.keys(state[4]).sort(), ['ann', 'eve']);
  nobody.send(['1', 'u', topic, 'presence:update', { meta: {} }]);
  assert.equal((await nobody.reply('u'))[4].status, 'error');
  assert.equal(eve.list, 'ann eve');
  const [dark] = await mutes(t, fresh('dark'), ['ann']); // a class without presence tells none
  dark.send(['1', 'u', `dark:t${ids}`, 'presence:update', { meta: {} }]);
  assert.equal((await dark.reply('u'))[4].status, 'error');
  assert.ok(!dark.frames.some((text) => text.includes('presence_state')));
});

check('a topic with history has presence too, behind the join\'s answer', async (t) => {
  const topic = fresh('kept');
  const raw = await RawSocket.open(belfry.base, belfry.token('ann'));
  t.after(() => raw.ws.terminate());
  await raw.join(topic);
  const frame = await raw.next();
  assert.deepEqual([frame[0], frame[2], frame[3]], ['1', topic, 'presence_state']);
  assert.deepEqual(Object.keys(frame[4]), ['ann']);
});
