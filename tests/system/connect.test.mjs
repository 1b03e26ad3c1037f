// SPDX-License-Identifier: Apache-2.0
/* Rows 1-13, 34-35 and 45 of the compatibility checklist: connecting, joining, frames. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { handshake } from '../lib/http.mjs';
import { both, closing, openSocket, openTab, transports } from '../lib/phoenix.mjs';
import { RawPoll, RawSocket } from '../lib/raw.mjs';
import { until, within } from '../lib/until.mjs';

let belfry;
const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start()));
after(() => belfry?.stop());

const topicOf = (user) => `user:${user}:notifications`;

for (const version of both)
  check(`row 1: plain connect, ${version}`, async (t) => {
    const one = openSocket(belfry.base, { version, token: belfry.token('ann') });
    closing(t, one);
    await until('opened', () => one.wire.opened);
    const { pathname, search } = new URL(one.wire.sockets[0].url);
    assert.equal(pathname, '/socket/websocket');
    assert.match(search, /^\?token=[\w.-]+&vsn=2\.0\.0$/);
    await new Promise((resolve) => one.socket.ping(resolve));
    assert.equal(one.wire.opened, 1);
    assert.equal(one.wire.sockets.length, 1);
  });

check('row 2: nested parameters and empty segments', async (t) => {
  const params = { user: 'a b', nest: { x: 1, y: [1, 2] }, none: null, empty: {} };
  const one = openSocket(belfry.base, { token: belfry.token('ann'), params });
  closing(t, one);
  await until('opened', () => one.wire.opened);
  assert.match(one.wire.sockets[0].url, /nest%5By%5D%5B0%5D=1.*&&/);
});

check('row 3: another vsn is refused', async () => {
  for (const vsn of ['3.0.0', 'abc', '']) {
    const { status } = await handshake(belfry.base, `/socket/websocket?token=${belfry.token('ann')}&vsn=${vsn}`);
    assert.equal(status, 403, `vsn=${vsn}`);
  }
});

check('row 4: without vsn the frames are objects, and a reply has no join_ref', async () => {
  const raw = await RawSocket.open(belfry.base, belfry.token('ann'), { vsn: null });
  raw.send({ topic: topicOf('ann'), event: 'phx_join', payload: {}, ref: '1', join_ref: '1' });
  const frame = await raw.next();
  assert.deepEqual(Object.keys(frame).sort(), ['event', 'payload', 'ref', 'topic']);
  assert.equal(frame.event, 'phx_reply');
  assert.equal(frame.payload.status, 'ok');
  raw.send({ topic: 'phoenix', event: 'heartbeat', payload: {}, ref: null });
  assert.equal((await raw.next()).ref, null);
  await raw.close();
});

check('row 5: authToken on WebSocket', async (t) => {
  const one = openSocket(belfry.base, { authToken: belfry.token('ann') });
  closing(t, one);
  await until('opened', () => one.wire.opened);
  assert.equal(new URL(one.wire.sockets[0].url).search, '?vsn=2.0.0');
  assert.equal(one.wire.sockets[0].protocol, 'phoenix');
  const reply = await new Promise((resolve) =>
    one.socket.channel(topicOf('ann'), {}).join().receive('ok', resolve));
  assert.equal(reply.unread_count, 0);
});

check('row 6: authToken with either separator', async () => {
  const offered = `base64url.bearer.phx.${Buffer.from(belfry.token('ann')).toString('base64').replace(/=/g, '')}`;
  for (const header of [`phoenix, ${offered}`, `phoenix,${offered}`, `${offered}, phoenix`]) {
    const answer = await handshake(belfry.base, '/socket/websocket?vsn=2.0.0', { 'sec-websocket-protocol': header });
    assert.equal(answer.status, 101, header.slice(0, 12));
    assert.equal(answer.headers['sec-websocket-protocol'], 'phoenix');
    answer.socket.destroy();
  }
});

check('row 7: an authToken that cannot be decoded, or is wrong, is refused', async () => {
  for (const token of ['%%', 'A', '', Buffer.from('nonsense').toString('base64url')]) {
    const header = `phoenix, base64url.bearer.phx.${token}`;
    const answer = await handshake(belfry.base, '/socket/websocket?vsn=2.0.0', { 'sec-websocket-protocol': header });
    assert.equal(answer.status, 403, token);
  }
  assert.equal((await belfry.get('/healthz')).status, 200);
});

check('row 8: no subprotocol offered, none answered', async () => {
  const answer = await handshake(belfry.base, `/socket/websocket?token=${belfry.token('ann')}&vsn=2.0.0`);
  assert.equal(answer.status, 101);
  assert.equal(answer.headers['sec-websocket-protocol'], undefined);
  answer.socket.destroy();
});

check('row 9: another origin is refused, on both transports', async () => {
  const origin = 'http://elsewhere.example';
  const token = belfry.token('ann');
  const socket = await handshake(belfry.base, `/socket/websocket?token=${token}&vsn=2.0.0`, { origin });
  assert.equal(socket.status, 403);
  const poll = await belfry.get(`/socket/longpoll?token=${token}&vsn=2.0.0&`, null, { headers: { origin } });
  assert.equal(poll.status, 200);
  assert.deepEqual(poll.json, { status: 403 });
});

for (const version of both)
  for (const transport of transports) {
    check(`row 11: a join answers with the inbox, ${version}, ${transport}`, async (t) => {
      const user = `row11-${version}-${transport}`;
      const { id, seq } = await belfry.create(user, 'first', { body: 'of all', data: { n: 1 } });
      const tab = await openTab(belfry, user, { version, transport });
      closing(t, tab);
      const { payload } = tab.seen[0];
      assert.equal(payload.unread_count, 1);
      assert.equal(payload.seq, seq);
      assert.ok(payload.epoch > 0 && payload.server_time);
      assert.equal(payload.notifications.length, 1);
      const [one] = payload.notifications;
      assert.deepEqual([one.id, one.type, one.title, one.body, one.data, one.read_at],
        [id, 'activity', 'first', 'of all', { n: 1 }, null]);
      assert.ok(Math.abs(Date.parse(one.inserted_at) - Date.now()) < 60000);
    });

    check(`row 12: a join that is refused is tried again, until leave(), ${version}, ${transport}`, async (t) => {
      const one = openSocket(belfry.base, { version, transport, token: belfry.token('ann'), rejoinAfterMs: () => 20 });
      closing(t, one);
      const errors = [];
      const channel = one.socket.channel(topicOf('bob'), {});
      channel.join().receive('error', (response) => errors.push(response));
      await until('three refusals', () => errors.length >= 3);
      assert.deepEqual(errors[0], { reason: 'unauthorized' });
      channel.leave();
      const own = one.socket.channel(topicOf('ann'), {});
      const joined = await new Promise((resolve) => own.join().receive('ok', resolve));
      assert.equal(joined.unread_count, 0);
      const before = errors.length;
      for (let i = 0; i < 5; i++)
        await new Promise((resolve) => own.push('list', { limit: 1 }).receive('ok', resolve));
      assert.equal(errors.length, before);
    });

    check(`row 13: any other topic is unmatched, ${version}, ${transport}`, async (t) => {
      const one = openSocket(belfry.base, { version, transport, token: belfry.token('ann') });
      closing(t, one);
      for (const topic of ['nope:1', 'channel:xyz789', 'user:ann', 'user:ann:notifications:more']) {
        const channel = one.socket.channel(topic, {});
        const response = await new Promise((resolve) => channel.join().receive('error', resolve));
        assert.deepEqual(response, { reason: 'unmatched topic' }, topic);
        channel.leave();
      }
    });
  }

check('row 34: a bad frame closes that connection, and no other', async (t) => {
  const tab = await openTab(belfry, 'row34');
  closing(t, tab);
  for (const bad of ['not json', '{}', '[1]', '[]', '["1","1","user:ann:notifications","phx_join"]', '', '[1,2,3,4,5', '"x"',
    Buffer.from([0, 200, 1, 1])]) {
    const raw = await RawSocket.open(belfry.base, belfry.token('ann'));
    raw.send(bad);
    const { code } = await raw.closed;
    assert.ok([1008, 1011, 1002].includes(code), `${bad} closed with ${code}`);
  }
  await tab.flush();
  assert.deepEqual(tab.wire.closes, []);
});

check('row 35: a message that is too large closes with 1009', async () => {
  const counted = await belfry.counter('close_too_large');
  const raw = await RawSocket.open(belfry.base, belfry.token('ann'));
  raw.send(['1', '1', topicOf('ann'), 'phx_join', { x: 'x'.repeat(80000) }]);
  assert.equal((await raw.closed).code, 1009);
  const split = await RawSocket.open(belfry.base, belfry.token('ann'));
  split.ws.send(`["1","1","${topicOf('ann')}","phx_join",{"x":"`, { fin: false });
  for (let i = 0; i < 8; i++) split.ws.send('x'.repeat(10000), { fin: false });
  assert.equal((await split.closed).code, 1009, 'in fragments');
  assert.equal((await belfry.counter('close_too_large')) - counted, 2);
});

check('a message in more than a thousand fragments closes the connection, one of a thousand does not', async () => {
  const raw = await RawSocket.open(belfry.base, belfry.token('ann'));
  const frame = JSON.stringify([null, '7', 'phoenix', 'heartbeat', { x: 'x'.repeat(900) }]);
  for (const [i, letter] of [...frame].entries()) raw.ws.send(letter, { fin: i + 1 === frame.length });
  assert.equal((await raw.reply('7'))[4].status, 'ok');
  const before_ = await belfry.counter('close_fragments');
  for (let i = 0; i < 1100; i++) raw.ws.send('[', { fin: false });
  assert.deepEqual(await within('closed', raw.closed), { code: 1008, reason: 'fragments' });
  assert.equal((await belfry.counter('close_fragments')) - before_, 1);
});

check('row 45: frames are compact JSON, the refs strings', async () => {
  const raw = await RawSocket.open(belfry.base, belfry.token('row45'));
  const topic = topicOf('row45');
  await raw.join(topic, '3');
  await belfry.create('row45', 'Grüße / "quoted"', { data: { deep: [1, { a: null }] } });
  await belfry.post('/api/notifications', { to: 'row45', type: 'toast', title: 'passing' }, belfry.apiKey);
  raw.send(['3', '4', topic, 'list', {}]);
  raw.send(['3', '5', topic, 'mark_all_read', {}]);
  raw.send(['3', '6', topic, 'nonsense', {}]);
  await raw.reply('6');
  await raw.rest();
  assert.ok(raw.frames.length >= 6);
  for (const text of raw.frames) {
    assert.equal(JSON.stringify(JSON.parse(text)), text);
    const [joinRef, ref] = JSON.parse(text);
    for (const one of [joinRef, ref]) assert.ok(one === null || typeof one === 'string', text);
  }
  await raw.close();

  const poll = new RawPoll(belfry.base, belfry.token('row45'));
  const start = await poll.start();
  assert.equal(JSON.stringify(start.json), start.text);
});

check('a token for one user opens no other user\'s inbox, and no token opens none', async () => {
  const raw = await RawSocket.open(belfry.base, belfry.token('ann'));
  raw.send(['1', '1', topicOf('bob'), 'phx_join', {}]);
  assert.deepEqual((await raw.reply('1'))[4], { status: 'error', response: { reason: 'unauthorized' } });
  await raw.close();
  for (const token of ['', 'nonsense', belfry.token('ann', { ttl: -10 })])
    assert.equal((await handshake(belfry.base, `/socket/websocket?token=${token}&vsn=2.0.0`)).status, 403);
  assert.equal((await handshake(belfry.base, '/socket/websocket?vsn=2.0.0')).status, 403);
});

check('a wrong payload is answered with the field at fault', async () => {
  const raw = await RawSocket.open(belfry.base, belfry.token('fields'));
  const topic = topicOf('fields');
  await raw.join(topic);
  const wrong = [
    ['mark_read', {}, 'ids'],
    ['mark_read', { ids: 'x' }, 'ids'],
    ['mark_read', { ids: [] }, 'ids'],
    ['mark_read', { ids: [1] }, 'ids[0]'],
    ['mark_all_read', { up_to: 'x' }, 'up_to'],
    ['mark_all_read', { up_to: -1 }, 'up_to'],
    ['mark_all_read', { op_id: 7 }, 'op_id'],
    ['mark_all_read', { colour: 7 }, 'colour'],
    ['list', { limit: 'x' }, 'limit'],
    ['list', { before: {} }, 'before'],
    ['reconnect', { since: 'x' }, 'since'],
  ];
  let ref = 10;
  for (const [event, payload, field] of wrong) {
    raw.send(['1', String(++ref), topic, event, payload]);
    const [, , , , { status, response }] = await raw.reply(String(ref));
    assert.equal(status, 'error', `${event} ${JSON.stringify(payload)}`);
    assert.equal(response.field, field, `${event} ${JSON.stringify(payload)}`);
    assert.ok(response.reason);
  }
  raw.send(['1', '99', topic, 'nonsense', {}]);
  assert.deepEqual((await raw.reply('99'))[4], { status: 'error', response: { reason: 'unknown event' } });
  await raw.close();
});

check('a wrong since in a join is refused, naming it', async () => {
  const raw = await RawSocket.open(belfry.base, belfry.token('fields'));
  raw.send(['1', '1', topicOf('fields'), 'phx_join', { since: 'x', epoch: 1 }]);
  const [, , , , { status, response }] = await raw.reply('1');
  assert.equal(status, 'error');
  assert.equal(response.field, 'since');
  await raw.close();
});


check('refs are given back as they came', async () => {
  const raw = await RawSocket.open(belfry.base, belfry.token('refs'));
  for (const ref of ['7', 'a"\\ü', null]) {
    raw.send([ref, ref, topicOf('refs'), 'phx_join', {}]);
    const reply = await raw.frame('the reply', (frame) => frame[3] === 'phx_reply');
    assert.deepEqual([reply[0], reply[1]], [ref, ref]);
    raw.send([ref, ref, topicOf('refs'), 'phx_leave', {}]);
    await raw.frame('the close', (frame) => frame[3] === 'phx_close');
  }
  raw.send(['1', '1', 'x'.repeat(5000), 'phx_join', {}]);
  assert.equal((await raw.reply('1'))[4].response.reason, 'unmatched topic');
  await raw.close();
});

check('WebSocket itself: ping is answered, pieces are put together, what is not UTF-8 closes with 1007', async () => {
  const raw = await RawSocket.open(belfry.base, belfry.token('ann'));
  const pong = new Promise((resolve) => raw.ws.once('pong', (data) => resolve(data.toString())));
  raw.ws.send('[null,"9","phoenix",', { fin: false });
  raw.ws.ping('are you there'); // between the pieces, as RFC 6455 allows
  raw.ws.send('"heartbeat",{}]', { fin: true });
  assert.equal(await pong, 'are you there');
  assert.equal((await raw.reply('9'))[4].status, 'ok');
  raw.ws.send(Buffer.from([0x5b, 0xff, 0xfe, 0x5d]), { binary: false });
  assert.equal((await raw.closed).code, 1007);
});

check('a close by the client is answered with the same code', async () => {
  const raw = await RawSocket.open(belfry.base, belfry.token('ann'));
  raw.ws.close(4321, 'bye');
  assert.equal((await raw.closed).code, 4321);
});
