// SPDX-License-Identifier: Apache-2.0
/* Publishing to topics, by socket and by HTTP, text and bytes. Rows 18 and 42-44 of the compatibility
 * checklist. */
import assert from 'node:assert/strict';

import { bearer, topicPath } from '../lib/belfry.mjs';
import { both, closing, transports } from '../lib/phoenix.mjs';
import { RawSocket } from '../lib/raw.mjs';
import { Listener } from '../lib/topics.mjs';
import { until } from '../lib/until.mjs';
import { belfry, check, fresh, joinedFeed, joinedListener, rawOn, refs, tokenOf } from '../lib/with_topics.mjs';

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
        assert.deepEqual([...one.seen].sort((a, b) => a.payload.n - b.payload.n), [1, 2].map((n) => ({ event: 'moved', payload: { n } })));
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

let ids = 0;

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
  assert.deepEqual((await belfry.history(topic)).messages.map((one) => one.payload.seq), [...made].reverse());
  await belfry.check();
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
