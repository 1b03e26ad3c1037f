// SPDX-License-Identifier: Apache-2.0
/* Who may do what by a socket, in one table: connecting, joining, publishing, every push, and another token for the
 * one that it came with; by either transport, of everyone who may come. A push that the code knows and the table
 * does not fails the test. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';

import { Belfry, checked, root } from '../lib/belfry.mjs';
import { transports } from '../lib/phoenix.mjs';
import { RawPoll, RawSocket } from '../lib/raw.mjs';
import { classes } from '../lib/topics.mjs';
import { everyone, visitorsOf } from '../lib/visitors.mjs';

const rooms = {
  'channel:{id}': { join: 'member', publish: 'member', history: 10, presence: 1 },
  'user-room:{user}': { join: 'owner', publish: 'owner' },
  'token-room:{id}': { join: 'token', publish: 'token' },
  'closed:{id}': { join: 'authenticated', publish: 'nobody' },
};
let closed, open; // two installations: in the second one class is anyone's
let who; // name -> what it brings to the first
const check = checked(() => closed);
before(async () => {
  closed = await Belfry.start({ dev: false, conf: classes(rooms) });
  who = await visitorsOf(closed);
  open = await Belfry.start({ dev: false, conf: classes({ ...rooms, 'lobby:{id}': { join: 'anyone', publish: 'anyone' } }) });
});
after(() => Promise.all([closed?.stop(), open?.stop()]));

/** A connection by either transport that asks and hears what was answered. */
class Peer {
  refs = 0;

  /** null: refused. */
  static async open(belfry, transport, token) {
    const one = new Peer();
    if (transport === 'websocket') one.socket = await RawSocket.open(belfry.base, token ?? '').catch(() => null);
    else {
      one.poll = new RawPoll(belfry.base, token ?? '');
      const { json } = await one.poll.start();
      assert.ok([410, 403, 500].includes(json.status), JSON.stringify(json)); // 500: a key looks like a session's token
      if (json.status !== 410) one.poll = null;
    }
    return one.socket || one.poll ? one : null;
  }

  /** {status, response} */
  async ask(topic, event, payload = {}) {
    const ref = `r${++this.refs}`;
    const join = event === 'phx_join' ? ref : null;
    return (await this.#reply(ref, [[join, ref, topic, event, payload]]))[4];
  }
  /** Whether it is not answered at all: what comes behind it is. */
  async unanswered(topic, event) {
    const ref = `r${++this.refs}`, behind = `r${++this.refs}`;
    this.heard = [];
    await this.#reply(behind, [[null, ref, topic, event, {}], [null, behind, 'phoenix', 'heartbeat', {}]]);
    return !this.heard.some((frame) => frame[1] === ref);
  }
  heard = [];

  async #reply(ref, frames) {
    const ours = (frame) => this.heard.push(frame) && frame[1] === ref && frame[3] === 'phx_reply';
    if (this.socket) {
      for (const frame of frames) this.socket.send(frame);
      return this.socket.frame(`a reply to ${ref}`, ours);
    }
    assert.equal((await this.poll.post(frames)).json.status, 200);
    return (await this.poll.frames(ours)).find((frame) => frame[1] === ref && frame[3] === 'phx_reply');
  }

  close() {
    return this.socket?.close();
  }
}

/** body(transport, t), once by each; open(belfry, token) is closed behind it. */
function by(name, body) {
  for (const transport of transports)
    check(`${name}, ${transport}`, async (t) => {
      const peer = async (belfry, token) => {
        const one = await Peer.open(belfry, transport, token);
        t.after(() => one?.socket?.ws.terminate());
        return one;
      };
      await body(peer, t);
    });
}
const inbox = 'user:ann:notifications';
const word = (may) => (may ? 'ok' : 'error');

by('connecting: users only', async (peer) => {
  for (const name of everyone) assert.equal(Boolean(await peer(closed, who[name])), ['ann', 'bob'].includes(name), name);
});

/** [topic, who may join, event, who may publish it once joined]. */
const topics = [
  [inbox, ['ann'], null, []],
  ['user:bob:notifications', ['bob'], null, []],
  ['channel:7', ['ann'], 'said', ['ann']],
  ['user-room:ann', ['ann'], 'said', ['ann']],
  ['token-room:a', ['ann'], 'said', ['ann']],
  ['token-room:b', ['ann'], 'said', []],
  ['closed:a', ['ann', 'bob'], 'said', []],
  ['undeclared:a', [], null, []],
  ['lobby:1', [], null, []],
];
by('topics: who may join and who may publish', async (peer) => {
  for (const name of ['ann', 'bob']) {
    const one = await peer(closed, who[name]);
    for (const [topic, join, event, publishers] of topics) {
      assert.equal((await one.ask(topic, 'phx_join')).status, word(join.includes(name)), `${name} joins ${topic}`);
      if (event) assert.equal((await one.ask(topic, event)).status, word(publishers.includes(name)), `${name} publishes on ${topic}`);
    }
  }
});

/** What may be pushed to mark items, from the list in proto/items.h. */
const list = fs.readFileSync(path.join(root, 'proto/items.h'), 'utf8').match(/define MARKS\(X\)[^]*?\n\n/)[0];
const rows = [...list.matchAll(/X\(\w+, "([^"]*)", "[^"]*", "([^"]*)", "[^"]*"\)/g)];
const marks = [...new Set(rows.flatMap(([, one, all]) => [one, all]))].filter(Boolean);
const until = new Date(Date.now() + 600e3).toISOString();

/** [topic, event, its payload when the item is `id` and the join said `seq` and `epoch`]. Only ann may, who joined;
 *  without a payload it has no answer. */
const pushes = [
  ...marks.map((name) => [inbox, name, ({ id }) => (/all/.test(name) ? {} : { ids: [id], ...(name === 'snooze' ? { until } : {}) })]),
  [inbox, 'list', () => ({ limit: 1 })],
  [inbox, 'reconnect', ({ seq, epoch }) => ({ since: seq, epoch })],
  [inbox, 'ack', null],
  ['channel:7', 'reconnect', ({ seq, epoch }) => ({ since: seq, epoch })],
  ['channel:7', 'presence:update', () => ({ meta: { mood: 'well' } })],
];
/** Others than pushes to a topic that was joined; each has a check of its own here. */
const others = ['phx_join', 'phx_leave', 'heartbeat', 'access_token'];

check('every push is in the table', () => {
  const source = ['channel.c', 'pushes.c'].map((file) => fs.readFileSync(path.join(root, 'session/live', file), 'utf8')).join('');
  const known = [...source.matchAll(/bytes_is\(in->event, "([^"]+)"\)/g)].map(([, event]) => event);
  assert.ok(known.length >= 8);
  assert.equal(marks.length, 10);
  assert.deepEqual([...new Set([...known, ...marks])].sort(), [...new Set([...pushes.map(([, event]) => event), ...others])].sort());
});

/** Nobody but ann has moved anything of hers. */
const untouched = async (belfry, id, token) => {
  const { notifications, unread_count } = (await belfry.get('/api/notifications', token)).json;
  assert.equal(unread_count, 1);
  const [item] = notifications;
  assert.deepEqual([item.id, item.read_at ?? null, item.seen_at ?? null], [id, null, null]);
};

by('pushes: on what somebody may not join, each is refused; on what she did, ann may', async (peer) => {
  await closed.post('/api/notifications/archive-all', { user: 'ann' }, who.ann);
  const { id } = await closed.create('ann', 'hers');
  const [ann, bob] = [await peer(closed, who.ann), await peer(closed, who.bob)];
  const said = {};
  for (const topic of [inbox, 'channel:7']) {
    assert.equal((await bob.ask(topic, 'phx_join')).status, 'error');
    for (const [at, event, payload] of pushes) {
      if (at !== topic) continue;
      for (const one of [bob, ann]) { // ann has not joined yet
        const { status, response } = await one.ask(topic, event, payload?.({ id, seq: 0, epoch: 0 }));
        assert.deepEqual([status, response.reason], ['error', 'unmatched topic'], `${event} on ${topic}`);
      }
    }
  }
  await untouched(closed, id, who.ann);
  for (const topic of [inbox, 'channel:7']) {
    const { status, response } = await ann.ask(topic, 'phx_join');
    assert.equal(status, 'ok', topic);
    said[topic] = response;
  }
  for (const [topic, event, payload] of pushes)
    if (payload) assert.equal((await ann.ask(topic, event, payload({ id, ...said[topic] }))).status, 'ok', `${event} on ${topic}`);
    else assert.ok(await ann.unanswered(topic, event), event);
  for (const one of [ann, bob]) {
    assert.equal((await one.ask('phoenix', 'heartbeat')).status, 'ok');
    assert.equal((await one.ask(inbox, 'phx_leave')).status, 'ok');
  }
});

by('another token in place: only one of the same user that is good', async (peer) => {
  for (const name of ['ann', 'bob']) {
    const one = await peer(closed, who[name]);
    for (const other of everyone)
      assert.equal((await one.ask('phoenix', 'access_token', { token: who[other] ?? '' })).status, word(other === name), `${name} with ${other}'s`);
    assert.equal((await one.ask(inbox, 'phx_join')).status, word(name === 'ann'), 'it is who it was');
  }
});

by('where one class is anyone\'s: nobody may connect, join that, and nothing else', async (peer) => {
  const { id } = await open.create('ann', 'hers');
  for (const name of everyone.filter((one) => !['nobody', 'ann', 'bob'].includes(one)))
    assert.equal(await peer(open, who[name]), null, `${name}: a token that is no good is not none`);
  const nobody = await peer(open, undefined);
  assert.equal((await nobody.ask('lobby:1', 'phx_join')).status, 'ok');
  assert.equal((await nobody.ask('lobby:1', 'said')).status, 'ok');
  for (const topic of [...topics.map(([name]) => name), 'user::notifications', 'user:{user}:notifications'].filter((name) => name !== 'lobby:1'))
    assert.equal((await nobody.ask(topic, 'phx_join')).status, 'error', topic);
  for (const [topic, event, payload] of pushes)
    assert.equal((await nobody.ask(topic, event, payload?.({ id, seq: 0, epoch: 0 }))).status, 'error', `${event} on ${topic}`);
  for (const [name, token] of Object.entries({ nobody: '', ann: open.token('ann'), service: who.service }))
    assert.equal((await nobody.ask('phoenix', 'access_token', { token })).status, 'error', `with ${name}'s`);
  await untouched(open, id, open.token('ann'));
  await open.post('/api/notifications/archive-all', { user: 'ann' }, open.token('ann'));
});
