// SPDX-License-Identifier: Apache-2.0
/* Topics of the configuration: who may, publishing, history and recovery, members, bytes,
 * disconnects. Rows 18, 40 and 42-44 of the compatibility checklist. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';

import { bearer, Belfry, bin, checked, topicPath } from '../lib/belfry.mjs';
import { both, closing, openTab, transports } from '../lib/phoenix.mjs';
import { RawPoll, RawSocket } from '../lib/raw.mjs';
import { classes, Feed, Listener } from '../lib/topics.mjs';
import { until } from '../lib/until.mjs';

const KEPT = 1000;
const CONF = classes({
  'first:special': { join: 'nobody' },
  'first:{id}': { publish: 'authenticated' },
  'open:{id}': { join: 'anyone', publish: 'anyone' },
  'auth:{id}': { publish: 'authenticated' },
  'mine:{user}': { join: 'owner', publish: 'owner' },
  'mine:{user}:{part}': { join: 'authenticated', publish: 'owner', history: 10 },
  'member:{id}': { join: 'member', publish: 'member', history: 100 },
  'club:{id}': { join: 'member', publish: 'member' },
  'inner:{id}': { join: 'member', publish: 'authenticated' },
  'board:{id}': { join: 'authenticated', publish: 'member', history: 100 },
  'tok:{id}': { join: 'token', publish: 'token' },
  'news:{id}': { join: 'authenticated', publish: 'nobody', history: 100 },
  'none:{id}': { join: 'nobody', publish: 'nobody', history: 5 },
  'some:{id}': { publish: 'authenticated', events: 'a.one, a.two' },
  'channel:{id}': { publish: 'authenticated', history: KEPT },
  'short:{id}': { publish: 'authenticated', history: 5 },
  'typing:{id}': { publish: 'authenticated', echo: 0 },
  'room:{id}': { publish: 'authenticated' },
  'talk:{id}': { join: 'member', publish: 'member', history: 100 },
}) + `rule
    event = "message.create"
    topic = "talk:{id}"
    title = "New message in #{id}"
    body = "by {from}"
`;

let belfry;
const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start({ conf: CONF })));
after(() => belfry?.stop());

let ids = 0;
const fresh = (kind) => `${kind}:t${++ids}`;
const TOPICS_OF_ANN = { topics: ['auth:x', 'tok:{any}'] };
const tokenOf = (user) => (user ? belfry.token(user, user === 'ann' ? TOPICS_OF_ANN : {}) : '');

/** One joined raw WebSocket; `user` null: without a token. */
async function rawOn(topic, user = 'ann', payload = {}) {
  const raw = await RawSocket.open(belfry.base, tokenOf(user));
  raw.answer = await raw.join(topic, '1', payload);
  return raw;
}

async function refs(raw, topic, event, payload, ref = `p${++ids}`) {
  raw.send(['1', ref, topic, event, payload]);
  return (await raw.reply(ref))[4];
}

/** What a join is answered, by either transport. */
async function joinAs(user, topic, transport, payload = {}) {
  if (transport === 'websocket') {
    const raw = await RawSocket.open(belfry.base, tokenOf(user));
    raw.send(['1', '1', topic, 'phx_join', payload]);
    const frame = await raw.reply('1');
    await raw.close();
    return frame;
  }
  const poll = new RawPoll(belfry.base, tokenOf(user));
  assert.equal((await poll.start()).json.status, 410);
  await poll.post([['1', '1', topic, 'phx_join', payload]]);
  const frames = await poll.frames((frame) => frame[1] === '1');
  return frames.find((frame) => frame[1] === '1');
}

async function joinedFeed(t, topic, options = {}) {
  const feed = new Feed(belfry.base, topic, { token: () => belfry.token(options.user ?? 'ann'), rejoinAfterMs: () => 50, ...options });
  closing(t, feed);
  const { status, response } = await feed.join();
  assert.equal(status, 'ok', JSON.stringify(response));
  return feed;
}

async function joinedListener(t, topic, options = {}) {
  const one = new Listener(belfry.base, topic, { token: () => belfry.token(options.user ?? 'ann'), rejoinAfterMs: () => 50, ...options });
  closing(t, one);
  const { status, response } = await one.join();
  assert.equal(status, 'ok', JSON.stringify(response));
  return one;
}

/** Clients until both processes have some: connections land where the kernel puts them. */
async function onBoth(join, least) {
  const of = async () => {
    const { text } = await belfry.get('/metrics', belfry.apiKey);
    return [...text.matchAll(/^belfry_connections\{[^}]*role="session\.\d+"[^}]*\} (\d+)$/gm)].map((row) => Number(row[1]));
  };
  const from = await of();
  assert.equal(from.length, 2);
  const all = [];
  await until('clients on both processes', async () => {
    for (let i = 0; i < least; i++) all.push(await join(all.length));
    const now = await of();
    return now.every((n, i) => n > from[i]);
  });
  return all;
}

/* ---- who may ---- */

// Who is let in, by the access word of the class: '-' is a socket without a token.
const MAY = [
  ['open:1', ['-', 'ann', 'bob', 'mem']],
  ['auth:1', ['ann', 'bob', 'mem']],
  ['mine:ann', ['ann']],
  ['mine:ann:x', ['ann', 'bob', 'mem']],
  ['member:1', ['mem']],
  ['club:1', ['mem']],
  ['board:1', ['ann', 'bob', 'mem']],
  ['tok:1', ['ann']],
  ['none:1', []],
];
const PUBLISH = [
  ['open:1', ['-', 'ann', 'bob', 'mem']],
  ['auth:1', ['ann', 'bob', 'mem']],
  ['mine:ann', ['ann']],
  ['mine:ann:x', ['ann']],
  ['member:1', ['mem']],
  ['club:1', ['mem']],
  ['board:1', ['mem']],
  ['tok:1', ['ann']],
  ['news:1', []],
];
const WHO = ['-', 'ann', 'bob', 'mem'];
const named = (who) => (who === '-' ? null : who);

for (const transport of transports)
  check(`who may join, by the class's word, ${transport}`, async () => {
    for (const topic of ['member:1', 'club:1', 'board:1']) await belfry.member('PUT', topic, 'mem');
    const { epoch } = await belfry.history('member:1');
    for (const [topic, may] of MAY)
      for (const who of WHO)
        for (const payload of [{}, { since: 0, epoch }, { since: 0, epoch: epoch + 1 }]) { // also who says to come back
          const [joinRef, ref, , , { status, response }] = await joinAs(named(who), topic, transport, payload);
          const let_in = may.includes(who);
          assert.equal(status, let_in ? 'ok' : 'error', `${who} on ${topic}`);
          assert.deepEqual([joinRef, ref], ['1', '1']);
          if (!let_in) assert.deepEqual(response, { reason: 'unauthorized' }, `${who} on ${topic}`);
        }
  });

/* A client that talks acknowledges what it got with what it says next, or 40 ms later: what comes meanwhile must
 * not wait for that. The fastest counts, as a busy machine makes any of them slow. */
check('an event does not wait until what was sent before it is acknowledged', async (t) => {
  const topic = fresh('room'), times = [];
  const raw = await rawOn(topic);
  closing(t, raw);
  const next = () => new Promise((resolve) => raw.ws.once('message', resolve));
  for (let n = 0; n < 40; n++) {
    const answered = next();
    raw.send([null, `${n}`, 'phoenix', 'heartbeat', {}]);
    await answered;
    const came = next(), from = performance.now();
    await belfry.publish(topic, 'some.event', { n });
    await came;
    times.push(performance.now() - from);
  }
  const fastest = Math.min(...times.slice(20)); // at first everything is acknowledged at once
  assert.ok(fastest < 20, `the fastest took ${fastest} ms`);
});

check('who may publish, by the class\'s word', async () => {
  for (const topic of ['member:1', 'club:1', 'board:1']) await belfry.member('PUT', topic, 'mem');
  for (const [topic, may] of PUBLISH) {
    const join = MAY.find(([name]) => name === topic)?.[1] ?? ['ann', 'bob', 'mem'];
    for (const who of join) {
      const raw = await rawOn(topic, named(who));
      const { status, response } = await refs(raw, topic, 'said', { n: 1 });
      assert.equal(status, may.includes(who) ? 'ok' : 'error', `${who} on ${topic}: ${JSON.stringify(response)}`);
      if (!may.includes(who)) assert.deepEqual(response, { reason: 'unauthorized' });
      await raw.close();
    }
    assert.ok(await belfry.publish(topic, 'said', {}), 'a back end always may');
  }
});

check('a push right behind a join: where only members may join it is not taken before the store has said so', async () => {
  await belfry.member('PUT', 'inner:1', 'mem');
  const behind = async (user, topic) => {
    const raw = await RawSocket.open(belfry.base, tokenOf(user));
    raw.ws._socket.cork(); // both are read before anybody else is asked
    raw.send(['1', '1', topic, 'phx_join', {}]);
    raw.send(['1', '2', topic, 'said', { n: user }]);
    raw.ws._socket.uncork();
    const push = (await raw.reply('2'))[4]; // the first to be answered
    const join = (await raw.reply('1'))[4].status;
    await raw.close();
    return [join, push];
  };
  const unmatched = { status: 'error', response: { reason: 'unmatched topic' } };
  const witness = await rawOn('inner:1', 'mem');
  assert.deepEqual(await behind('ann', 'inner:1'), ['error', unmatched]);
  assert.deepEqual(await behind('mem', 'inner:1'), ['ok', unmatched]);
  assert.deepEqual((await refs(witness, 'inner:1', 'said', { n: 'witness' })).status, 'ok');
  const said = () => witness.frames.map((text) => JSON.parse(text)).filter((frame) => frame[3] === 'said').map((frame) => frame[4].n);
  await until('it hears itself', () => said().length > 0);
  assert.deepEqual(said(), ['witness']);
  await witness.close();
  assert.deepEqual(await behind('ann', 'room:behind'), ['ok', { status: 'ok', response: {} }]);
});

check('who may read the history by HTTP, and nothing else of a topic', async () => {
  for (const topic of ['member:1', 'board:1']) await belfry.member('PUT', topic, 'mem');
  const status = async (topic, user) => (await belfry.get(topicPath(topic, 'history'), tokenOf(user))).status;
  for (const [topic, may] of MAY)
    for (const who of WHO.filter((one) => one !== '-'))
      assert.equal(await status(topic, who), may.includes(who) ? 200 : 403, `${who} on ${topic}`);
  assert.equal((await belfry.get(topicPath('channel:1', 'history'), 'nonsense')).status, 401);
  for (const [method, rest, body] of [
    ['POST', 'publish', { event: 'x', payload: {} }],
    ['GET', 'members'],
    ['POST', 'members', '{"user":"ann"}'],
    ['PUT', 'members/ann'],
    ['DELETE', 'members/ann'],
  ]) {
    const answer = await belfry.request(method, topicPath('channel:1', rest), { body, headers: bearer(tokenOf('ann')) });
    assert.equal(answer.status, 403, `${method} ${rest}: ${answer.text}`);
  }
  assert.equal((await belfry.post('/api/users/ann/disconnect', '', tokenOf('ann'))).status, 403);
});

check('a topic of no class: unmatched on the socket, 404 by HTTP', async () => {
  for (const topic of ['nope:1', 'channel:', 'channel:a:b', 'CHANNEL:a', 'channel', 'user:ann', 'phoenix:1', 'first:']) {
    for (const transport of transports) {
      const [joinRef, , , , { status, response }] = await joinAs('ann', topic, transport);
      assert.deepEqual([joinRef, status, response], [null, 'error', { reason: 'unmatched topic' }], topic);
    }
    for (const [method, rest, body] of [
      ['POST', 'publish', { event: 'x', payload: {} }],
      ['GET', 'history'],
      ['GET', 'members'],
      ['PUT', 'members/ann'],
      ['DELETE', 'members/ann'],
    ]) {
      const answer = await belfry.request(method, topicPath(topic, rest), { body, headers: bearer(belfry.apiKey) });
      assert.deepEqual([answer.status, answer.json?.field], [404, 'topic'], `${method} ${topic} ${rest}: ${answer.text}`);
    }
  }
});

check('joins that are refused are counted, each', async () => {
  const before_ = await belfry.counter('joins_refused');
  for (const [topic, payload] of [['nope:1', {}], ['none:1', {}], ['member:nobody', {}], ['channel:1', { since: 'x' }]])
    for (const transport of transports)
      assert.equal((await joinAs('ann', topic, transport, payload))[4].status, 'error', topic);
  assert.equal((await belfry.counter('joins_refused')) - before_, 8);
});

check('the first class that matches is the topic\'s, also where a later one would let in', async () => {
  assert.deepEqual((await joinAs('ann', 'first:special', 'websocket'))[4].response, { reason: 'unauthorized' });
  assert.equal((await joinAs('ann', 'first:other', 'websocket'))[4].status, 'ok');
  assert.deepEqual((await joinAs('bob', 'mine:ann', 'websocket'))[4].response, { reason: 'unauthorized' });
});

check('a configuration that is wrong stops the start, with file and line', () => {
  const dir = fs.mkdtempSync('/tmp/b-');
  try {
    for (const [text, line, word] of [
      [classes({ 'a:{id}': { join: 'everyone' } }), 1, /join/],
      [classes({ 'a:{id}': {}, 'b:{': {} }), 3, /pattern/],
      [classes({ 'user:{id}': {} }), 1, /pattern/],
      [classes({ 'a:{id}': { join: 'owner' } }), 1, /owner/],
      [classes({ 'a:{id}': { history: 5, echo: 0 } }), 1, /echo/],
      [classes({ 'a:{id}': { events: 'phx_join' } }), 1, /events/],
    ]) {
      const file = path.join(dir, 'wrong.conf');
      fs.writeFileSync(file, text);
      const { status, stderr } = spawnSync(path.join(bin, 'belfry'), ['serve', '--config', file, '--data', path.join(dir, 'd'), '--listen', '127.0.0.1:0'],
        { encoding: 'utf8', timeout: 10000 });
      assert.equal(status, 100, stderr);
      assert.match(stderr, new RegExp(`wrong\\.conf:(${line}|${line + 1}|${line + 2})\\b`), stderr);
      assert.match(stderr, word);
    }
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
});

/* ---- publishing ---- */

for (const version of both)
  for (const transport of transports) {
    const options = { version, transport };
    const how = `${version}, ${transport}`;

    check(`a push is answered with its seq, and everybody gets it with seq, prev, at and from, ${how}`, async (t) => {
      const topic = fresh('channel');
      const [ann, bob] = await Promise.all([joinedFeed(t, topic, options), joinedFeed(t, topic, { user: 'bob' })]);
      const made = [];
      for (let n = 0; n < 3; n++) {
        const { status, response } = await ann.push('message.create', { n, text: `ü"\\ ${n}` });
        assert.equal(status, 'ok', JSON.stringify(response));
        assert.match(response.at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
        made.push(response);
      }
      for (const feed of [ann, bob]) {
        await feed.reached(made[2].seq);
        assert.deepEqual(feed.seen, made.map(({ seq, at }, n) => ({
          event: 'message.create',
          payload: { n, text: `ü"\\ ${n}`, seq, prev: n ? made[n - 1].seq : 0, at, from: 'ann' },
        })));
        assert.deepEqual(feed.broken, []);
      }
      assert.equal((await belfry.history(topic)).messages[0].payload.seq, made[2].seq, 'it is in the store when it is answered');
      const { seq } = await belfry.publish(topic, 'message.create', { n: 3 });
      await bob.reached(seq);
      assert.equal(bob.seen[3].payload.from, null, 'a back end is nobody');
    });

    check(`without history: to everybody on it, at once and without numbers, ${how}`, async (t) => {
      const topic = fresh('room');
      const [ann, bob] = await Promise.all([joinedListener(t, topic, options), joinedListener(t, topic, { user: 'bob' })]);
      assert.deepEqual(await ann.push('moved', { n: 1 }), { status: 'ok', response: {} });
      assert.deepEqual(await belfry.publish(topic, 'moved', { n: 2 }), { sent: 1 });
      for (const one of [ann, bob]) {
        await one.told(1);
        await one.told(2);
        assert.deepEqual(one.seen.toSorted((a, b) => a.payload.n - b.payload.n), [1, 2].map((n) => ({ event: 'moved', payload: { n } })));
      }
      assert.deepEqual((await belfry.history(topic)).messages, []);
    });

    check(`row 18: echo 0: the publisher alone does not get it, ${how}`, async (t) => {
      const topic = fresh('typing');
      const [ann, bob, twin] = await Promise.all([joinedListener(t, topic, options), joinedListener(t, topic, { user: 'bob' }),
        joinedListener(t, topic, options)]);
      assert.equal((await ann.push('typing', { n: 1 })).status, 'ok');
      await bob.told(1);
      await twin.told(1); // the same user's other tab is somebody else
      await bob.push('typing', { n: 2 });
      await ann.told(2);
      await belfry.publish(topic, 'typing', { n: 3 });
      for (const one of [ann, bob]) await one.told(3);
      assert.deepEqual(ann.seen.map((one) => one.payload.n), [2, 3]);
      assert.deepEqual(bob.seen.map((one) => one.payload.n), [1, 3]);
    });
  }

check('a push that is refused says why, and is told to nobody', async () => {
  const topic = fresh('channel');
  const some = fresh('some');
  const room = fresh('room');
  const raw = await rawOn(topic);
  await raw.join(some, '1');
  await raw.join(room, '1');
  const witness = await rawOn(topic, 'bob');
  await witness.join(some, '1');
  await witness.join(room, '1');
  const before_ = await belfry.counter('publishes_refused');
  let pushes = 0;
  const refused = async (at, event, payload, field, reason = /./) => {
    pushes++;
    const { status, response } = await refs(raw, at, event, payload);
    const what = `${at} ${event} ${JSON.stringify(payload).slice(0, 50)}: ${JSON.stringify(response)}`;
    assert.equal(status, 'error', what);
    assert.equal(response.field, field, what);
    assert.match(response.reason, reason, what);
  };
  for (const event of ['a.three', 'a', 'a.one ', 'A.ONE']) await refused(some, event, {}, undefined, /may not be published/);
  assert.equal((await refs(raw, some, 'a.two', {})).status, 'ok');
  await witness.frame('a.two', (frame) => frame[3] === 'a.two');
  for (const event of ['phx_error', 'phx_anything', 'presence_diff', 'presence:x', '', 'x'.repeat(65), 'a b', 'a,b', 'a"b', 'a\\b', 'a\nb', 'a\u0000b', 'a\u007fb'])
    await refused(topic, event, {}, undefined, /may not be published/);
  for (const payload of [null, 5, 'text', [], [{}], true]) {
    await refused(topic, 'said', payload, 'payload', /object/);
    await refused(room, 'said', payload, 'payload', /object/);
  }
  for (const name of ['seq', 'prev', 'at', 'from', 's\\u0065q']) {
    raw.send(`["1","res","${topic}","said",{"ok":1,"${name}":1}]`);
    const { status, response } = (await raw.reply('res'))[4];
    assert.deepEqual([status, response.field], ['error', 'payload'], name);
    assert.match(response.reason, /names/);
    pushes++;
  }
  assert.equal((await refs(raw, room, 'said', { seq: 1, from: 'me' })).status, 'ok', 'free where nothing is numbered');
  await witness.frame('it', (frame) => frame[3] === 'said' && frame[4].seq === 1);
  assert.equal((await refs(raw, topic, 'said', { deep: { seq: 1 } })).status, 'ok', 'and below the top');
  await witness.frame('it', (frame) => frame[3] === 'said' && frame[4].deep);
  await refused(topic, 'said', { text: 'x'.repeat(32768) }, 'payload', /32768/);
  await refused(room, 'said', { text: 'x'.repeat(32768) }, 'payload', /32768/);
  assert.equal((await refs(raw, topic, 'said', { text: 'x'.repeat(32768 - 11) })).status, 'ok', 'and one that just fits');
  await witness.frame('it', (frame) => frame[3] === 'said' && frame[4].text);
  assert.deepEqual(await witness.rest(), []);
  assert.equal((await belfry.counter('publishes_refused')) - before_, pushes, 'each is counted');
  await raw.close();
  await witness.close();
});

const NO_NAMES = [`channel:${'x'.repeat(193)}`, `channel:${'x'.repeat(250)}`, `channel:${'é'.repeat(3000)}`, 'channel:a\nb', 'channel:\u0000', 'channel:a\u007fb',
  'channel:a b', 'channel:a"b', 'channel:a\\b', ''];

for (const transport of transports)
  check(`a topic whose name is too long or has characters that no name has: refused with the reason, and counted, ${transport}`, async (t) => {
    const witness = await rawOn(fresh('channel'), 'bob');
    const joins = await belfry.counter('joins_refused');
    for (const topic of NO_NAMES) {
      const one = new Listener(belfry.base, topic, { transport, token: () => belfry.token('ann') });
      closing(t, one);
      assert.deepEqual(await one.join(), { status: 'error', response: { reason: 'unmatched topic' } }, topic.slice(0, 20));
      await one.close(); // so that it does not ask again
    }
    assert.equal((await belfry.counter('joins_refused')) - joins, NO_NAMES.length);
    const pushes = await belfry.counter('pushes_refused');
    const raw = await RawSocket.open(belfry.base, belfry.token('ann'));
    for (const topic of NO_NAMES) {
      raw.send(['1', '2', topic, 'said', {}]);
      assert.deepEqual(await raw.next(), [null, '2', topic, 'phx_reply', { status: 'error', response: { reason: 'unmatched topic' } }]);
    }
    assert.equal((await belfry.counter('pushes_refused')) - pushes, NO_NAMES.length);
    assert.deepEqual(await witness.rest(), []);
    await Promise.all([raw.close(), witness.close()]);
  });

check('a client that escapes its letters has the same topics, however long that makes them', async () => {
  const topic = `channel:${'日'.repeat(60)}`;
  const raw = await RawSocket.open(belfry.base, belfry.token('ann'));
  const escaped = (frame) => JSON.stringify(frame).replace(/[^\x00-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`);
  assert.ok(escaped(topic).length > 255);
  raw.send(escaped(['1', '1', topic, 'phx_join', {}]));
  assert.deepEqual((await raw.next()).slice(0, 4), ['1', '1', topic, 'phx_reply']);
  raw.send(escaped(['1', '2', topic, 'said', { n: 1 }]));
  const [, , told, , { status }] = await raw.reply('2');
  assert.deepEqual([told, status], [topic, 'ok']);
  raw.send(escaped(['1', '3', topic, 'phx_leave', {}]));
  assert.equal((await raw.reply('3'))[2], topic);
  assert.deepEqual((await raw.next()).slice(0, 4), ['1', '1', topic, 'phx_close']);
  await raw.close();
});

check('JSON that is nested too deep ends that connection only', async () => {
  const topic = fresh('room');
  const [raw, witness] = [await rawOn(topic), await rawOn(topic, 'bob')];
  const deep = (n) => `["1","d","${topic}","said",{"a":${'['.repeat(n)}${']'.repeat(n)}}]`;
  raw.send(deep(50));
  assert.equal((await raw.reply('d'))[4].status, 'ok');
  await witness.frame('it', (frame) => frame[3] === 'said');
  const closed = await belfry.counter('close_protocol');
  raw.send(deep(5000));
  const { code } = await raw.closed;
  assert.ok([1008, 1011].includes(code), String(code));
  assert.equal((await belfry.counter('close_protocol')) - closed, 1);
  assert.deepEqual(await witness.rest(), []);
  await witness.close();
});

check('publishing by HTTP: each bad input names its field, and is told to nobody', async () => {
  const topic = fresh('channel');
  const room = fresh('room');
  const witness = await rawOn(topic);
  await witness.join(room, '1');
  const publish = (at, body, headers) => belfry.post(topicPath(at, 'publish'), body, belfry.apiKey, { headers });
  const refused = async (status, field, body, headers, at = topic) => {
    const answer = await publish(at, body, headers);
    const what = `${JSON.stringify(body).slice(0, 60)}: ${answer.status} ${answer.text}`;
    assert.equal(answer.status, status, what);
    assert.match(answer.headers['content-type'], /^application\/problem\+json/);
    assert.equal(answer.json.field, field, what);
    assert.ok(answer.json.detail.length > 3, what);
  };
  const json = { 'content-type': 'application/json' };
  for (const body of ['', 'x', '{', '{"event":"a","payload":{}}x', '{"event":"a","payload":{},}']) await refused(400, undefined, body, json);
  for (const body of ['[]', '5', 'null', '"text"']) await refused(400, undefined, body, json);
  await refused(400, 'event', { payload: {} });
  for (const event of ['', 5, null, ['a'], 'x'.repeat(65), 'phx_reply', 'presence_state', 'a b', 'a,b', 'a\nb', 'a\u0000b', '\u007f', 'a"b', 'ü'.repeat(33)])
    for (const at of [topic, room]) await refused(400, 'event', { event, payload: {} }, {}, at);
  for (const payload of [null, 5, 'text', [], true]) for (const at of [topic, room]) await refused(400, 'payload', { event: 'a', payload }, {}, at);
  for (const name of ['seq', 'prev', 'at', 'from']) await refused(400, 'payload', { event: 'a', payload: { [name]: 1 } });
  for (const at of [topic, room]) await refused(400, 'payload', { event: 'a', payload: { text: 'x'.repeat(32768) } }, {}, at);
  await refused(400, 'other', { event: 'a', payload: {}, other: 1 });
  await refused(400, undefined, `{"event":"a","payload":{"a":${'['.repeat(200)}${']'.repeat(200)}}}`, json);
  await refused(413, undefined, { event: 'a', payload: { text: 'x'.repeat(300000) } });
  await refused(415, undefined, 'event=a', { 'content-type': 'application/x-www-form-urlencoded' });
  await refused(415, undefined, '{"event":"a","payload":{}}', { 'content-type': 'text/plain' });
  for (const key of ['', 'x'.repeat(300)]) {
    const answer = await publish(topic, { event: 'a', payload: {} }, { 'idempotency-key': key });
    assert.equal(answer.status, 400, answer.text);
  }
  const long = await publish(`channel:${'x'.repeat(193)}`, { event: 'a', payload: {} });
  assert.deepEqual([long.status, long.json.field], [404, 'topic']);
  for (const bad of ['channel:%0a', 'channel:a%22', 'channel:%7f', 'channel:%ff']) {
    const answer = await belfry.post(`/api/topics/${bad}/publish`, { event: 'a', payload: {} }, belfry.apiKey);
    assert.ok([400, 404].includes(answer.status), `${bad}: ${answer.status} ${answer.text}`);
  }
  assert.equal((await belfry.get(topicPath(topic, 'publish'), belfry.apiKey)).status, 405);
  for (const [query, field] of [['?limit=0', 'limit'], ['?limit=x', 'limit'], ['?limit=101', 'limit'], ['?before=0', 'before'], ['?before=-1', 'before']]) {
    const answer = await belfry.get(topicPath(topic, `history${query}`), belfry.apiKey);
    assert.deepEqual([answer.status, answer.json.field], [400, field], query);
  }
  assert.deepEqual(await witness.rest(), []);
  assert.equal((await belfry.history(topic)).seq, 0, 'nothing was stored');
  const ok = await publish(topic, { event: 'a.b:c/d', payload: { 'schlüssel': 'ü' } });
  assert.equal(ok.status, 201, ok.text);
  assert.equal((await witness.next())[3], 'a.b:c/d');
  const without = await publish(topic, { event: 'bare' });
  assert.equal(without.status, 201, without.text);
  await witness.close();
});

check('topics with any characters that a name may have, percent-encoded in the path', async (t) => {
  for (const id of ['é', 'a/b', 'a%2Fb', 'a?b', 'a#b', 'a+b', '日本', 'members', 'publish', 'a/publish', 'a/members/b', '..']) {
    const topic = `channel:${id}-${++ids}`;
    const feed = await joinedFeed(t, topic);
    const { seq } = await belfry.publish(topic, 'said', { id });
    await feed.reached(seq);
    assert.equal(feed.seen[0].payload.id, id);
    assert.equal((await belfry.history(topic)).messages.length, 1);
    assert.deepEqual(await belfry.member('PUT', topic, 'b/c'), { changed: 1, members: 1 });
    assert.deepEqual((await belfry.get(topicPath(topic, 'members'), belfry.apiKey)).json, { members: ['b/c'], next: null, count: 1 });
    await feed.close();
  }
});

check('a path that is not percent-encoded, or has a NUL, names no topic and no member', async () => {
  const plain = `channel:%00-${++ids}`;
  const { seq } = await belfry.publish(plain, 'said', {});
  const post = (path) => belfry.post(`/api/topics/${path}/publish`, { event: 'said', payload: {} }, belfry.apiKey);
  for (const bad of ['channel:%00', 'channel:%', 'channel:%4', 'channel:%zz', `channel:%00-${ids}`, 'channel:a%00', '%00']) {
    assert.equal((await post(bad)).status, 404, bad);
    assert.equal((await belfry.get(`/api/topics/${bad}/history`, belfry.apiKey)).status, 404, bad);
  }
  for (const bad of ['%00', 'a%', 'a%zz'])
    assert.equal((await belfry.request('PUT', `/api/topics/${encodeURIComponent(plain)}/members/${bad}`, { headers: bearer(belfry.apiKey) })).status, 400, bad);
  const history = await belfry.history(plain);
  assert.deepEqual([history.seq, history.messages.length], [seq, 1]);
});

check('Idempotency-Key: a repeat is answered the same and published once; another request with it is 422', async (t) => {
  const topic = fresh('channel');
  const feed = await joinedFeed(t, topic);
  const headers = { 'idempotency-key': `key-${topic}` };
  const publish = (at, event, payload) => belfry.post(topicPath(at, 'publish'), { event, payload }, belfry.apiKey, { headers });
  const [first, ...rest] = await Promise.all(Array.from({ length: 8 }, () => publish(topic, 'said', { n: 1 })));
  assert.equal(first.status, 201);
  for (const one of rest) assert.deepEqual([one.status, one.text], [201, first.text]);
  assert.deepEqual([422, 422, 422], [
    (await publish(topic, 'said', { n: 2 })).status,
    (await publish(topic, 'told', { n: 1 })).status,
    (await publish(fresh('channel'), 'said', { n: 1 })).status,
  ]);
  const pid = await belfry.kill('store');
  await belfry.back('store', pid);
  assert.equal((await publish(topic, 'said', { n: 1 })).text, first.text, 'also by a new store');
  const { seq } = await belfry.publish(topic, 'said', { n: 3 });
  await feed.reached(seq);
  assert.deepEqual(feed.seen.map((one) => one.payload.n), [1, 3]);
  assert.deepEqual((await belfry.history(topic)).messages.map((one) => one.payload.n), [3, 1]);
});

check('what is acknowledged is there after a kill of the store, and what is not can be asked again', async () => {
  const topic = fresh('channel');
  const made = [];
  for (let i = 0; i < 20; i++) made.push((await belfry.publish(topic, 'said', { n: i })).seq);
  const pid = await belfry.kill('store');
  await belfry.back('store', pid);
  assert.deepEqual((await belfry.history(topic)).messages.map((one) => one.payload.seq), made.toReversed());
  await belfry.check();
});

/* ---- history and recovery ---- */

check('each subscriber on both processes, both transports, both versions: each message once, in order', async (t) => {
  const topic = fresh('channel');
  const feeds = await onBoth((i) =>
    joinedFeed(t, topic, { user: `u${i}`, version: both[i % 2], transport: transports[(i >> 1) % 2] }), 8);
  const made = [];
  const writers = Array.from({ length: 4 }, async (_, w) => {
    for (let n = 0; n < 40; n++) {
      const { seq } = w % 2
        ? await belfry.publish(topic, 'said', { w, n })
        : (await feeds[w].push('said', { w, n })).response;
      made.push(seq);
    }
  });
  await Promise.all(writers);
  made.sort((a, b) => a - b);
  for (const feed of feeds) {
    await feed.reached(made.at(-1));
    assert.deepEqual(feed.seqs, made);
    assert.deepEqual(feed.broken, []);
    assert.equal(feed.joins.length, 1);
    for (let w = 0; w < 4; w++)
      assert.deepEqual(feed.messages.filter((one) => one.payload.w === w).map((one) => one.payload.n), Array.from({ length: 40 }, (_, n) => n));
  }
});

check('joining while messages are published: the page of the join and what follows have no hole', async (t) => {
  const topic = fresh('channel');
  let more = true;
  const made = [];
  const writer = (async () => {
    while (more) made.push((await belfry.publish(topic, 'said', { n: made.length })).seq);
  })();
  const feeds = [];
  for (let i = 0; i < 16; i++) feeds.push(await joinedFeed(t, topic, { version: both[i % 2], transport: transports[(i >> 1) % 2] }));
  more = false;
  await writer;
  for (const feed of feeds) {
    await feed.reached(made.at(-1));
    assert.deepEqual(feed.broken, []);
    assert.deepEqual(feed.seqs, made.slice(made.length - feed.seqs.length));
    assert.ok(feed.seqs.length >= Math.min(50, made.length) || feed.joins[0].next === null);
  }
});

check('the answers of a join: newest page; recovered with what was missed; page again when it cannot be', async () => {
  const topic = fresh('channel');
  const made = [];
  for (let n = 0; n < 60; n++) made.push((await belfry.publish(topic, 'said', { n })).seq);
  const raw = await rawOn(topic);
  const page = raw.answer;
  assert.deepEqual(Object.keys(page).sort(), ['epoch', 'messages', 'next', 'recovered', 'seq', 'server_time']);
  assert.deepEqual([page.recovered, page.seq, page.messages.length], [false, made[59], 50]);
  assert.deepEqual(page.messages.map((one) => one.payload.n), Array.from({ length: 50 }, (_, i) => 59 - i));
  assert.deepEqual(page.messages[0], { event: 'said', payload: { n: 59, seq: made[59], prev: made[58], at: page.messages[0].payload.at, from: null } });

  const recovered = await raw.join(topic, '1', { since: made[56], epoch: page.epoch });
  assert.deepEqual(Object.keys(recovered).sort(), ['epoch', 'recovered', 'seq', 'server_time']);
  assert.deepEqual([recovered.recovered, recovered.seq, recovered.epoch], [true, made[56], page.epoch]);
  const frames = (await raw.rest()).filter((frame) => frame[3] !== 'phx_close');
  assert.deepEqual(frames.map((frame) => [frame[3], frame[4].n, frame[4].seq, frame[4].prev]),
    [57, 58, 59].map((n) => ['said', n, made[n], made[n - 1]]));

  const nothing = await raw.join(topic, '1', { since: made[59], epoch: page.epoch });
  assert.deepEqual([nothing.recovered, nothing.seq], [true, made[59]]);
  for (const [what, payload] of [
    ['another epoch', { since: made[56], epoch: page.epoch + 1 }],
    ['a seq of another topic', { since: made[56] + 1000000, epoch: page.epoch }],
    ['nothing', {}],
    ['null', { since: null, epoch: null }],
  ]) {
    const again = await raw.join(topic, '1', payload);
    assert.deepEqual([again.recovered, again.messages.length, again.seq, again.epoch], [false, 50, made[59], page.epoch], what);
  }
  for (const [payload, field] of [[{ since: 'x' }, 'since'], [{ since: -1 }, 'since'], [{ since: 1, epoch: {} }, 'epoch']]) {
    raw.send(['9', '9', topic, 'phx_join', payload]);
    const reply = await raw.reply('9');
    assert.deepEqual([reply[4].status, reply[4].response.field], ['error', field]);
  }
  await raw.close();
});

check('since 0, of a client that joined when there was nothing: everything is recovered', async () => {
  const topic = fresh('channel');
  const raw = await rawOn(topic);
  const { seq, epoch, messages, recovered } = raw.answer;
  assert.deepEqual([seq, messages, recovered], [0, [], false]);
  await raw.close();
  const made = [];
  for (let n = 0; n < 70; n++) made.push((await belfry.publish(topic, 'said', { n })).seq); // more than a page
  const again = await rawOn(topic, 'ann', { since: 0, epoch });
  assert.deepEqual([again.answer.recovered, again.answer.seq], [true, 0]);
  assert.deepEqual((await again.rest()).map((frame) => frame[4].seq), made);
  again.send(['1', '9', topic, 'reconnect', { since: 0, epoch }]);
  const frames = [];
  await again.frame('the answer to reconnect', (frame) => frames.push(frame) && frame[1] === '9');
  assert.deepEqual(frames.slice(0, -1).map((frame) => frame[4].seq), made);
  assert.deepEqual(frames.at(-1)[4], { status: 'ok', response: { resumed: true, seq: made.at(-1), epoch } });
  await again.close();
});

check('recovery of as many messages as the history keeps, large ones too', async (t) => {
  const topic = fresh('channel');
  const feeds = [];
  for (let i = 0; i < 4; i++) feeds.push(await joinedFeed(t, topic, { version: both[i % 2], transport: transports[i >> 1] }));
  const { seq } = await belfry.publish(topic, 'said', { n: -1 });
  for (const feed of feeds) await feed.reached(seq);
  for (const feed of feeds) await feed.close();
  const text = 'x'.repeat(1000);
  const made = [seq];
  for (let from = 0; from < 900; from += 30)
    made.push(...(await Promise.all(Array.from({ length: 30 }, (_, i) => belfry.publish(topic, 'said', { n: from + i, text })))).map((one) => one.seq));
  made.sort((a, b) => a - b);
  for (const feed of feeds) {
    feed.socket.connect();
    await feed.reached(made.at(-1), 15000);
    assert.deepEqual(feed.broken, []);
    assert.deepEqual(feed.seqs, made);
    assert.equal(feed.joins.length, 2, 'one join recovers it');
    assert.deepEqual([feed.joins[1].recovered, feed.syncs], [true, 0]);
  }
});

check('the reconnect push: what was missed, then ok; one topic:sync when it cannot be', async () => {
  const topic = fresh('channel');
  const made = [];
  for (let n = 0; n < 60; n++) made.push((await belfry.publish(topic, 'said', { n })).seq);
  const raw = await rawOn(topic);
  const { epoch } = raw.answer;
  raw.send(['1', '9', topic, 'reconnect', { since: made[57], epoch }]);
  assert.deepEqual([(await raw.next())[4].seq, (await raw.next())[4].seq], made.slice(58));
  const [, ref, , , { status, response }] = await raw.next();
  assert.deepEqual([ref, status, response], ['9', 'ok', { resumed: true, seq: made[59], epoch }]);
  for (const payload of [{}, { since: made[57], epoch: epoch + 1 }, { since: made[59] + 1000000, epoch }]) {
    raw.send(['1', '10', topic, 'reconnect', payload]);
    const sync = await raw.next();
    assert.deepEqual([sync[3], sync[4].recovered, sync[4].messages.length, sync[4].seq, sync[4].epoch],
      ['topic:sync', false, 50, made[59], epoch], JSON.stringify(payload));
    assert.equal((await raw.next())[4].response.resumed, false);
  }
  const { seq } = await belfry.publish(topic, 'said', { n: 60 });
  const live = await raw.next();
  assert.deepEqual([live[4].seq, live[4].prev], [seq, made[59]], 'and on it goes');
  const wrong = await refs(raw, topic, 'reconnect', { since: 'x' });
  assert.deepEqual([wrong.status, wrong.response.field], ['error', 'since']);
  await raw.close();
});

check('a history cut by its count: older is not recovered, but the newest page is', async () => {
  const topic = fresh('short');
  const made = [];
  for (let n = 0; n < 12; n++) made.push((await belfry.publish(topic, 'said', { n })).seq);
  const raw = await rawOn(topic);
  const { epoch } = raw.answer;
  assert.deepEqual(raw.answer.messages.map((one) => one.payload.n), [11, 10, 9, 8, 7]);
  assert.equal(raw.answer.next, null);
  const recovered = await raw.join(topic, '1', { since: made[9], epoch });
  assert.equal(recovered.recovered, true);
  assert.deepEqual((await raw.rest()).filter((frame) => frame[3] === 'said').map((frame) => frame[4].n), [10, 11]);
  // What is cut goes from the log a little later, when the notifier has it: until then it is recovered.
  const old = await until('the log cut', async () => {
    made.push((await belfry.publish(topic, 'said', { n: made.length })).seq);
    const answer = await raw.join(topic, '1', { since: made[2], epoch });
    const frames = (await raw.rest()).filter((frame) => frame[3] === 'said');
    if (answer.recovered) assert.deepEqual(frames.map((frame) => frame[4].seq), made.slice(3));
    return !answer.recovered && answer;
  });
  const newest = made.toReversed().slice(0, 5);
  assert.deepEqual(old.messages.map((one) => one.payload.seq), newest);
  const page = await belfry.history(topic, '?limit=100');
  assert.deepEqual([page.messages.map((one) => one.payload.seq), page.next], [newest, null]);
  await raw.close();
  await belfry.check();
});

check('paging backwards through the history while messages arrive: each once, in order', async () => {
  const topic = fresh('channel');
  const made = [];
  for (let n = 0; n < 120; n++) made.push((await belfry.publish(topic, 'said', { n })).seq);
  let more = true;
  let written = 0;
  const writer = (async () => {
    for (; more; written++) await belfry.publish(topic, 'said', { n: 120 + written });
  })();
  for (const limit of [1, 7, 50, 100]) {
    const got = [];
    let page = await belfry.history(topic, `?limit=${limit}`);
    const from = page.seq;
    for (let pages = 0; pages < 2000; pages++) {
      got.push(...page.messages.map((one) => one.payload));
      if (page.next === null) break;
      assert.equal(page.messages.length, limit);
      page = await belfry.history(topic, `?limit=${limit}&before=${page.next}`, tokenOf('ann'));
    }
    assert.equal(got[0].seq, from);
    assert.deepEqual(got.slice(-120).map((one) => one.seq), made.toReversed());
    for (let i = 1; i < got.length; i++) assert.equal(got[i - 1].prev, got[i].seq);
  }
  more = false;
  await writer;
  assert.ok(written > 0);
});

check('a topic without anything: an empty page', async () => {
  const { epoch, server_time, ...page } = await belfry.history(fresh('channel'));
  assert.deepEqual(page, { messages: [], next: null, seq: 0 });
  assert.ok(epoch > 0);
  assert.match(server_time, /Z$/);
});

/* ---- members ---- */

check('members: put, delete, listed in pages, many at once', async () => {
  const topic = fresh('member');
  assert.deepEqual(await belfry.member('PUT', topic, 'ann'), { changed: 1, members: 1 });
  assert.deepEqual(await belfry.member('PUT', topic, 'ann'), { changed: 0, members: 1 });
  assert.deepEqual(await belfry.member('DELETE', topic, 'bob'), { changed: 0, members: 1 });
  assert.deepEqual(await belfry.member('DELETE', topic, 'ann'), { changed: 1, members: 0 });
  const bulk = (body, headers = {}) => belfry.post(topicPath(topic, 'members'), body, belfry.apiKey, { headers: { 'content-type': 'application/x-ndjson', ...headers } });
  const names = Array.from({ length: 2500 }, (_, i) => `m${String(i).padStart(4, '0')}`);
  const all = await bulk(names.map((user) => JSON.stringify({ user })).join('\n'));
  assert.deepEqual([all.status, all.json], [200, { changed: 2500, members: 2500 }]);
  const mixed = await bulk('{"user":"m0000","remove":true}\r\n\n{"user":"zoe"}\n{"user":"m0001","remove":false}\n{"user":"zoe","remove":true}\n');
  assert.deepEqual(mixed.json, { changed: 3, members: 2499 });
  const listed = [];
  let after = '';
  for (let pages = 0; pages < 20; pages++) {
    const { json } = await belfry.get(topicPath(topic, `members?limit=999${after}`), belfry.apiKey);
    assert.equal(json.count, 2499);
    listed.push(...json.members);
    if (json.next === null) break;
    after = `&after=${json.next}`;
  }
  assert.deepEqual(listed, names.slice(1));
  for (const [body, field, status = 400] of [
    ['{"user":"good"}\n{"user":"a b"}', 'user'],
    ['{"user":"good"}\nx', undefined],
    ['{"user":"good"}\n[]', undefined],
    ['{"user":"good"}\n{"remove":true}', 'user'],
    ['{"user":"good"}\n{"user":"x","other":1}', 'other'],
    ['{"user":"good","remove":1}', 'remove'],
    ['{"user":5}', 'user'],
    [`{"user":"${'x'.repeat(129)}"}`, 'user'],
  ]) {
    const answer = await bulk(body);
    assert.deepEqual([answer.status, answer.json?.field], [status, field], `${body}: ${answer.text}`);
  }
  assert.equal((await bulk('{"user":"good"}', { 'content-type': 'application/json' })).status, 415);
  const { json } = await belfry.get(topicPath(topic, 'members?limit=1&after=f'), belfry.apiKey);
  assert.deepEqual([json.members, json.count], [['m0001'], 2499], 'a line that is wrong: none is done');
  for (const [query, field] of [['?limit=0', 'limit'], ['?limit=1001', 'limit'], ['?after=a%20b', 'after']]) {
    const answer = await belfry.get(topicPath(topic, `members${query}`), belfry.apiKey);
    assert.deepEqual([answer.status, answer.json.field], [400, field]);
  }
  const wrong = await belfry.request('PUT', topicPath(topic, 'members/a%20b'), { headers: bearer(belfry.apiKey) });
  assert.deepEqual([wrong.status, wrong.json.field], [400, 'user']);
  await belfry.check();
});

for (const version of both)
  check(`a rule: an event is told to who is there, and is a notification for each member but its author, ${version}`, async (t) => {
    const topic = fresh('talk');
    const [author, reader, away] = ['author', 'reader', 'away'].map((name) => `${name}-${version}`);
    for (const user of [author, reader, away]) await belfry.member('PUT', topic, user);
    const feed = await joinedFeed(t, topic, { user: author, version });
    const tabs = [await openTab(belfry, author, { version }), await openTab(belfry, reader, { version, transport: 'longpoll' })];
    closing(t, ...tabs);
    const { response } = await feed.push('message.create', { text: 'hi' });
    await feed.push('message.edit', { text: 'ho' }); // of which no rule speaks
    await tabs[1].until('told', () => tabs[1].badge === 1);
    await feed.until('both', () => feed.messages.length === 2);
    const [{ payload: { notification } }] = tabs[1].events('notification:new');
    assert.deepEqual([notification.type, notification.title, notification.body, notification.data],
      ['activity', `New message in #${topic.slice(5)}`, `by ${author}`, { topic, seq: response.seq }]);
    await until('the one who is away has it', async () => (await belfry.count(away)).unread_count === 1);
    await belfry.publish(topic, 'message.create', { text: 'by a back end, so for all' });
    for (const [i, tab] of tabs.entries()) await tab.until('told', () => tab.badge === i + 1);
    assert.equal(tabs[0].events('notification:new')[0].payload.notification.body, 'by someone');
    assert.deepEqual(tabs.flatMap((tab) => tab.broken()), []);
  });

for (const kind of ['member', 'club'])
  check(`whoever is taken off is closed on both processes and both transports, and refused from then on, ${kind}`, async (t) => {
    const topic = fresh(kind);
    for (const user of ['ann', 'bob']) await belfry.member('PUT', topic, user);
    const listeners = await onBoth((i) => joinedListener(t, topic, { version: both[i % 2], transport: transports[(i >> 1) % 2] }), 8);
    const bob = await joinedListener(t, topic, { user: 'bob' });
    await belfry.publish(topic, 'said', { n: 1 });
    for (const one of [...listeners, bob]) await one.told(1);
    await belfry.member('DELETE', topic, 'ann');
    for (const one of listeners) await one.until('closed', () => one.closed === 1 && one.channel.state === 'closed');
    await belfry.publish(topic, 'said', { n: 2 });
    await bob.told(2);
    assert.equal(bob.closed, 0);
    for (const one of listeners) {
      assert.deepEqual([one.errors, one.wire.closes], [[], []], 'its connection stays');
      assert.ok(!one.seen.some((seen) => seen.payload.n === 2));
    }
    for (const transport of transports)
      assert.deepEqual((await joinAs('ann', topic, transport))[4], { status: 'error', response: { reason: 'unauthorized' } });
    assert.equal((await belfry.get(topicPath(topic, 'history'), tokenOf('ann'))).status, 403);
    await belfry.member('PUT', topic, 'ann');
    assert.equal((await joinAs('ann', topic, 'websocket'))[4].status, 'ok');
    const bulk = await belfry.post(topicPath(topic, 'members'), '{"user":"bob","remove":true}', belfry.apiKey, { headers: { 'content-type': 'application/x-ndjson' } });
    assert.equal(bulk.status, 200);
    await bob.until('closed by the bulk call too', () => bob.closed === 1);
  });

/* ---- disconnects ---- */

check('row 40: a user with connections on both processes, long-poll too, is disconnected from all', async (t) => {
  const topic = fresh('channel');
  const listeners = await onBoth((i) => joinedListener(t, topic, { user: 'kicked', version: both[i % 2], transport: transports[(i >> 1) % 2] }), 8);
  const bob = await joinedListener(t, topic, { user: 'bob' });
  const raw = await RawSocket.open(belfry.base, belfry.token('kicked'));
  const poll = new RawPoll(belfry.base, belfry.token('kicked'));
  await poll.start();
  const parked = poll.get();
  const answer = await belfry.post('/api/users/kicked/disconnect', '', belfry.apiKey);
  assert.equal(answer.status, 202, answer.text);
  assert.equal((await raw.closed).code, 1001);
  assert.ok([500, 204].includes((await parked).json.status));
  assert.equal((await poll.get()).json.status, 500, 'the session is gone');
  for (const one of listeners) {
    await one.until('closed', () => one.wire.closes.length > 0);
    assert.equal(one.wire.closes[0], one.socket.transport === one.LongPoll ? 1011 : 1001); // 1011: phoenix.js's own for a 500
    await one.until('back, as its token still is good', () => one.wire.opened === 2 && one.channel.state === 'joined');
  }
  assert.deepEqual(bob.wire.closes, []);
  for (const user of ['a%20b', 'a%3Ab', 'x'.repeat(129)]) {
    const wrong = await belfry.post(`/api/users/${user}/disconnect`, '', belfry.apiKey);
    assert.deepEqual([wrong.status, wrong.json.field], [400, 'user'], user);
  }
});

/* ---- bytes ---- */

const bytes = (...all) => new Uint8Array(all).buffer;
const hex = (buffer) => Buffer.from(buffer).toString('hex');

for (const version of both)
  check(`rows 42, 43: bytes up, a reply of bytes, and bytes down to sockets only, ${version}`, async (t) => {
    const topic = fresh('room');
    const ann = await joinedListener(t, topic, { version });
    const other = await joinedListener(t, topic, { version, user: 'bob' });
    const poller = await joinedListener(t, topic, { version, user: 'bob', transport: 'longpoll' });
    const { status, response } = await ann.push('up', bytes(0xde, 0xad, 0xbe, 0xef));
    assert.equal(status, 'ok');
    assert.ok(response instanceof ArrayBuffer, 'a binary reply');
    assert.equal(response.byteLength, 0);
    for (const one of [ann, other]) {
      await one.until('bytes', () => one.seen.length === 1);
      assert.equal(one.seen[0].event, 'up');
      assert.ok(one.seen[0].payload instanceof ArrayBuffer);
      assert.equal(hex(one.seen[0].payload), 'deadbeef');
    }
    // Up from a long-poll too, as a base64 line; and behind it JSON, which shows that nothing else came.
    assert.equal((await poller.push('up', bytes(1, 2, 0xff, 0))).status, 'ok');
    await ann.until('bytes', () => ann.seen.length === 2);
    assert.equal(hex(ann.seen[1].payload), '0102ff00');
    await belfry.publish(topic, 'said', { n: 1 });
    await poller.told(1);
    assert.deepEqual(poller.seen.map((one) => one.event), ['said']);
    assert.deepEqual([ann.errors, ann.wire.closes, poller.wire.closes], [[], [], []]);
    assert.equal((await ann.push('big', new ArrayBuffer(40000))).status, 'error', 'over the limit');
  });

check('row 18: echo 0, of bytes too', async (t) => {
  const topic = fresh('typing');
  const [ann, bob] = await Promise.all([joinedListener(t, topic), joinedListener(t, topic, { user: 'bob' })]);
  assert.equal((await ann.push('up', bytes(1))).status, 'ok');
  await bob.until('bytes', () => bob.seen.length === 1);
  await bob.push('typing', { n: 1 });
  await ann.told(1);
  assert.deepEqual(ann.seen.map((one) => one.event), ['typing']);
});

check('rows 42-44: the bytes on the wire; a topic beyond ASCII has its size in bytes', async (t) => {
  const topic = `room:é`;
  const raw = await rawOn(topic);
  raw.send(Buffer.from('00010107023334726f6f6d3ac3a97570deadbeef'.replace('3334', '3134'), 'hex')); // join_ref "1", ref "4"
  await until('two binary frames', () => raw.frames.filter((frame) => Buffer.isBuffer(frame)).length === 2);
  const frames = raw.frames.filter((frame) => Buffer.isBuffer(frame)).map(hex).sort();
  assert.deepEqual(frames, ['01010107023134726f6f6d3ac3a96f6b', '020702726f6f6d3ac3a97570deadbeef']);
  await raw.close();
  const ann = await joinedListener(t, topic);
  const { status, response } = await ann.push('up', bytes(9, 8, 7));
  assert.equal(status, 'ok');
  assert.ok(response instanceof ArrayBuffer);
  await ann.until('bytes', () => ann.seen.length === 1);
  assert.equal(hex(ann.seen[0].payload), '090807');
});

for (const transport of transports)
  check(`bytes to a topic with history are refused, and to an inbox, ${transport}`, async (t) => {
    const topic = fresh('channel');
    const ann = await joinedListener(t, topic, { transport });
    const { status, response } = await ann.push('up', bytes(1, 2, 3));
    assert.deepEqual([status, response.field], ['error', 'payload'], JSON.stringify(response));
    assert.match(response.reason, /history/);
    assert.equal((await ann.push('said', { n: 1 })).status, 'ok');
    await ann.told(1);
    assert.equal(ann.seen.length, 1);
  });

check('bytes and a client that speaks vsn 1: it gets none of them', async () => {
  const topic = fresh('room');
  const old = await RawSocket.open(belfry.base, tokenOf('bob'), { vsn: '1.0.0' });
  old.send({ topic, event: 'phx_join', payload: {}, ref: '1', join_ref: '1' });
  assert.equal((await old.next()).payload.status, 'ok');
  const raw = await rawOn(topic);
  raw.send(Buffer.concat([Buffer.from([0, 1, 1, topic.length, 2]), Buffer.from(`14${topic}up`), Buffer.from([1, 2])]));
  await until('its own', () => raw.frames.filter((frame) => Buffer.isBuffer(frame)).length === 2);
  await belfry.publish(topic, 'said', { n: 1 });
  const frame = await old.next();
  assert.deepEqual(frame, { topic, event: 'said', ref: null, payload: { n: 1 } });
  await old.close();
  await raw.close();
});
