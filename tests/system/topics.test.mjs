// SPDX-License-Identifier: Apache-2.0
/* Topics of the configuration: who may join, publish and read, members, disconnects. Row 40 of the
 * compatibility checklist. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { bearer, bin, topicPath } from '../lib/belfry.mjs';
import { both, closing, openTab, transports } from '../lib/phoenix.mjs';
import { RawPoll, RawSocket } from '../lib/raw.mjs';
import { classes } from '../lib/topics.mjs';
import { until } from '../lib/until.mjs';
import { belfry, check, fresh, joinAs, joinedFeed, joinedListener, onBoth, rawOn, refs, tokenOf } from '../lib/with_topics.mjs';

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
    ['', undefined], // it would have to say how many members there are
    ['\n \n', undefined],
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
  for (const [body, detail] of [
    ['x', 'line 1: must be a JSON object'],
    ['{"user":"good"}\n\r\n{"user":"a b"}\n{"user":5}', 'line 3: must be a user id: 1 to 128 bytes'],
    [`${'{"user":"good"}\n'.repeat(1234)}{"user":"good","other":1}`, 'line 1235: is not known; allowed: '],
    ['\n\n', 'must have at least one line'],
  ]) {
    const answer = await bulk(body);
    assert.equal(answer.json?.detail.slice(0, detail.length), detail, answer.text);
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
