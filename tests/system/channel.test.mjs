// SPDX-License-Identifier: Apache-2.0
/* Rows 15-31, 36 and 38 of the compatibility checklist: what happens on a joined channel. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { answered, both, closing, openSocket, openTab, transports } from '../lib/phoenix.mjs';
import { RawPoll, RawSocket } from '../lib/raw.mjs';
import { until } from '../lib/until.mjs';

let belfry;
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start({ env: { BELFRY_SESSION_REQUEST_MS: '700' } });
});
after(() => belfry?.stop());

const topicOf = (user) => `user:${user}:notifications`;
let users = 0;
const someone = () => `u${++users}`;
/** Frames of a topic that are not replies. */
const events = (frames, topic) => frames.filter((frame) => frame[2] === topic && frame[3] !== 'phx_reply');

async function joinedRaw(user, ref = '1') {
  const raw = await RawSocket.open(belfry.base, belfry.token(user));
  await raw.join(topicOf(user), ref);
  return raw;
}

for (const version of both)
  for (const transport of transports) {
    const options = { version, transport };
    const how = `${version}, ${transport}`;

    check(`row 15: pushes are answered ok and error, ${how}`, async (t) => {
      const user = someone();
      const { id } = await belfry.create(user, 'one');
      const foreign = await belfry.create(someone(), 'not ours');
      const tab = await openTab(belfry, user, options);
      closing(t, tab);
      const marked = await tab.push('mark_read', { ids: [id, foreign.id] });
      assert.equal(marked.status, 'ok');
      assert.deepEqual(marked.response.changed, [id]);
      assert.deepEqual(marked.response.unknown, [foreign.id]);
      assert.equal(marked.response.unread_count, 0);
      await tab.until('read', () => tab.badge === 0);
      await belfry.create(user, 'two');
      await tab.until('told', () => tab.inbox.list().length === 2); // what it was not told of stays unread
      const all = await tab.push('mark_all_read', {});
      assert.equal(all.status, 'ok');
      assert.equal(all.response.unread_count, 0);
      assert.ok(all.response.up_to > 0);
      const listed = await tab.push('list', { limit: 1 });
      assert.equal(listed.response.notifications.length, 1);
      assert.ok(listed.response.next > 0);
      const older = await tab.push('list', { limit: 5, before: listed.response.next });
      assert.deepEqual(older.response.notifications.map((one) => one.id), [id]);
      assert.equal(older.response.next, null);
      const wrong = await tab.push('mark_read', { ids: 'x' });
      assert.equal(wrong.status, 'error');
      assert.equal(wrong.response.field, 'ids');
    });

    check(`row 16: a push without a reply, ${how}`, async (t) => {
      const tab = await openTab(belfry, someone(), options);
      closing(t, tab);
      const seen = tab.seen.length;
      const ack = tab.push('ack', { seq: 0 }, 300);
      await tab.flush();
      assert.equal((await ack).status, 'timeout');
      assert.equal(tab.seen.length, seen);
      assert.equal(tab.channel.state, 'joined');
    });

    check(`row 17: a change reaches every tab once, ${how}`, async (t) => {
      const user = someone();
      const tabs = await Promise.all([openTab(belfry, user, options), openTab(belfry, user), openTab(belfry, user, options)]);
      closing(t, ...tabs);
      const { id } = await belfry.create(user, 'to all');
      for (const tab of tabs) await tab.until('the badge', () => tab.badge === 1);
      await tabs[0].push('mark_read', { ids: [id] });
      for (const tab of tabs) {
        await tab.until('the badge gone', () => tab.inbox.get(id)?.read_at);
        assert.equal(tab.badge, 0);
        assert.equal(tab.events('notification:new').length, 1);
        assert.deepEqual(tab.broken(), []);
      }
    });

    check(`row 19: what is committed during a join comes after its reply, ${how}`, async (t) => {
      const user = someone();
      let created = 0;
      let more = true;
      const writer = (async () => {
        while (more) {
          await belfry.create(user, `n${created}`);
          created++;
        }
      })();
      const tabs = [];
      for (let i = 0; i < 8; i++) tabs.push(await openTab(belfry, user, options));
      closing(t, ...tabs);
      more = false;
      await writer;
      for (const tab of tabs) {
        await tab.until('all', () => tab.badge === created);
        assert.equal(tab.seen[0].event, 'phx_join');
        assert.deepEqual(tab.broken(), []);
        assert.ok(tab.inbox.list().length >= Math.min(created, 50), 'the newest page, and what followed');
        assert.equal(new Set(tab.inbox.list().map((one) => one.id)).size, tab.inbox.list().length);
      }
    });

    check(`row 24: leave, ${how}`, async (t) => {
      const user = someone();
      const tab = await openTab(belfry, user, options);
      closing(t, tab);
      const messages = [];
      tab.socket.onMessage((message) => messages.push(message));
      tab.channel.leave();
      const topic = topicOf(user);
      await until('phx_close', () => messages.some((one) => one.event === 'phx_close'));
      const own = messages.filter((one) => one.topic === topic);
      assert.deepEqual(own.map((one) => one.event), ['phx_reply', 'phx_close']);
      assert.equal(own[0].payload.status, 'ok');
      assert.equal(own[1].join_ref, own[1].ref);
      const witness = await openTab(belfry, user);
      closing(t, witness);
      await belfry.create(user, 'not for the one who left');
      await witness.until('told', () => witness.badge === 1);
      const again = tab.socket.channel('nope:1', {}); // a round trip on the same connection
      await new Promise((resolve) => again.join().receive('error', resolve));
      again.leave();
      assert.equal(messages.filter((one) => one.topic === topic).length, 2);
    });

    check(`row 27: two channel objects of one topic, ${how}`, async (t) => {
      const user = someone();
      const one = openSocket(belfry.base, { ...options, token: belfry.token(user) });
      closing(t, one);
      const order = [];
      const join = (name) => {
        const channel = one.socket.channel(topicOf(user), {});
        channel.onClose(() => order.push(`${name} closed`));
        channel.on('notification:new', () => order.push(`${name} new`));
        return new Promise((resolve) => channel.join().receive('ok', () => resolve(channel)));
      };
      const first = await join('first');
      const second = await join('second');
      assert.equal(first.state, 'closed');
      assert.equal(second.state, 'joined');
      if (transport === 'websocket') {
        const sent = one.wire.sent.map((text) => JSON.parse(text)).filter((frame) => frame[2] === topicOf(user));
        assert.deepEqual(sent.map((frame) => frame[3]), ['phx_join', 'phx_leave', 'phx_join']);
      }
      await belfry.create(user, 'once');
      await until('the second hears it', () => order.includes('second new'));
      assert.equal((await answered(second.push('list', {}))).status, 'ok');
      assert.deepEqual(order, ['first closed', 'second new']);
      assert.equal(second.state, 'joined');
    });

    check(`row 29: the server closes a channel, ${how}`, async (t) => {
      const user = someone();
      const tab = await openTab(belfry, user, { ...options, rejoinAfterMs: () => 20 });
      closing(t, tab);
      let closed = 0;
      tab.channel.onClose(() => closed++);
      const { length } = tab.socket.channels;
      tab.socket.conn.send(JSON.stringify([null, 'x9', topicOf(user), 'phx_leave', {}]));
      await until('onClose', () => closed === 1);
      assert.equal(tab.channel.state, 'closed');
      assert.equal(tab.socket.channels.length, length - 1);
      const again = tab.socket.channel('nope:1', {});
      await new Promise((resolve) => again.join().receive('error', resolve));
      again.leave();
      assert.equal(tab.joins, 1, 'it does not join again');
    });

    check(`row 38: what is pushed while the connection is down arrives once, ${how}`, async (t) => {
      const user = someone();
      const { id } = await belfry.create(user, 'to read');
      const tab = await openTab(belfry, user, { ...options, rejoinAfterMs: () => 50 });
      closing(t, tab);
      tab.channel.onMessage = (event, payload) => payload;
      // Cut: the WebSocket at its TCP connection, the long-poll by losing its session.
      if (transport === 'websocket') tab.socket.conn._socket.destroy();
      else tab.socket.conn.closeAndRetry?.(500, 1011, 'cut', false) ?? tab.socket.conn.close(1011, 'cut', false);
      await until('seen as down', () => !tab.socket.isConnected());
      const pushed = tab.push('mark_read', { ids: [id], op_id: `op-${user}` });
      const { status, response } = await pushed;
      assert.equal(status, 'ok');
      assert.deepEqual(response.changed, [id]);
      await tab.until('read', () => tab.inbox.get(id)?.read_at);
      assert.ok(tab.joins > 1, 'it came back');
      assert.equal(tab.events('notification:read').length, 1);
      assert.deepEqual(tab.broken(), []);
      assert.equal((await belfry.count(user)).unread_count, 0);
    });
  }

check('row 17: a broadcast is the same bytes for all, without refs', async () => {
  const user = someone();
  const raws = [];
  for (let i = 0; i < 6; i++) raws.push(await joinedRaw(user, String(i + 1)));
  await belfry.create(user, 'same', { data: { a: [1, 2, { b: 'ü' }] } });
  const texts = [];
  for (const raw of raws) {
    await raw.next();
    texts.push(raw.frames[raw.at - 1]);
  }
  assert.equal(new Set(texts).size, 1);
  const [joinRef, ref, topic, event, payload] = JSON.parse(texts[0]);
  assert.deepEqual([joinRef, ref, topic, event], [null, null, topicOf(user), 'notification:new']);
  assert.deepEqual([payload.unread_count, payload.prev, payload.notification.title], [1, 0, 'same']);
  assert.equal(payload.seq, payload.notification.rev);
  for (const raw of raws) await raw.close();
});

check('row 31: a heartbeat is of no join, whatever it says', async () => {
  const raw = await RawSocket.open(belfry.base, belfry.token('ann'));
  for (const joinRef of [null, '5']) {
    raw.send([joinRef, '9', 'phoenix', 'heartbeat', {}]);
    assert.deepEqual(await raw.next(), [null, '9', 'phoenix', 'phx_reply', { status: 'ok', response: {} }]);
  }
  await raw.close();
});

check('row 20: a push to a topic that was not joined', async () => {
  const raw = await RawSocket.open(belfry.base, belfry.token('ann'));
  raw.send(['7', '9', topicOf('ann'), 'mark_all_read', {}]);
  assert.deepEqual(await raw.next(),
    [null, '9', topicOf('ann'), 'phx_reply', { status: 'error', response: { reason: 'unmatched topic' } }]);
  await raw.close();
});

check('row 21: a push of an earlier join is not answered', async () => {
  const user = someone();
  const { id } = await belfry.create(user);
  const raw = await joinedRaw(user, '5');
  raw.send(['4', '9', topicOf(user), 'mark_read', { ids: [id] }]);
  raw.send(['4', '10', topicOf(user), 'phx_leave', {}]);
  assert.deepEqual(await raw.rest(), []);
  assert.equal((await belfry.count(user)).unread_count, 1);
  raw.send(['5', '11', topicOf(user), 'mark_read', { ids: [id] }]);
  assert.equal((await raw.reply('11'))[4].status, 'ok');
  await raw.close();
});

check('row 22: a push without join_ref is taken', async () => {
  const user = someone();
  const { id } = await belfry.create(user);
  const raw = await joinedRaw(user);
  raw.send([null, '9', topicOf(user), 'mark_read', { ids: [id] }]);
  const reply = await raw.reply('9');
  assert.deepEqual(reply[4].response.changed, [id]);
  await raw.close();
});

check('row 23: a leave without join_ref: ok, then phx_close', async () => {
  const user = someone();
  const raw = await joinedRaw(user, '5');
  raw.send([null, '9', topicOf(user), 'phx_leave', {}]);
  const [, ref, , event, payload] = await raw.next();
  assert.deepEqual([ref, event, payload], ['9', 'phx_reply', { status: 'ok', response: {} }]);
  assert.deepEqual(await raw.next(), ['5', '5', topicOf(user), 'phx_close', {}]);
  await raw.close();
});

check('row 25: a leave of a topic that was not joined', async () => {
  const raw = await RawSocket.open(belfry.base, belfry.token('ann'));
  raw.send(['4', '9', topicOf('ann'), 'phx_leave', {}]);
  const [joinRef, ref, , event, payload] = await raw.next();
  assert.deepEqual([joinRef, ref, event, payload], ['4', '9', 'phx_reply', { status: 'ok', response: {} }]);
  await raw.close();
});

check('row 26: a second join on the same connection replaces the first', async () => {
  const user = someone();
  const topic = topicOf(user);
  const raw = await joinedRaw(user, '5');
  raw.send(['6', '6', topic, 'phx_join', {}]);
  const reply = await raw.next();
  assert.deepEqual([reply[0], reply[1], reply[3], reply[4].status], ['6', '6', 'phx_reply', 'ok']);
  assert.deepEqual(await raw.next(), ['5', '5', topic, 'phx_close', {}]);
  await belfry.create(user, 'once');
  assert.equal((await raw.next())[3], 'notification:new');
  assert.deepEqual(events(await raw.rest(), topic), [], 'one subscription');
  await raw.close();
});

check('row 26: a second join that is refused has replaced the first all the same', async () => {
  const user = someone();
  const topic = topicOf(user);
  const raw = await joinedRaw(user, '5');
  const pid = await belfry.signal('store', 'SIGSTOP');
  try {
    raw.send(['6', '6', topic, 'phx_join', {}]);
    assert.deepEqual((await raw.next()), ['6', '6', topic, 'phx_reply', { status: 'error', response: { reason: 'unavailable' } }]);
    assert.deepEqual(await raw.next(), ['5', '5', topic, 'phx_close', {}]);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  raw.send(['5', '7', topic, 'list', {}]);
  assert.deepEqual((await raw.reply('7'))[4].response, { reason: 'unmatched topic' });
  await raw.close();
});

for (const version of both)
  check(`row 28: a channel whose inbox cannot be read fails, and joins again, ${version}`, async (t) => {
    const user = someone();
    await belfry.create(user, 'before');
    const tab = await openTab(belfry, user, { version, rejoinAfterMs: () => 100 });
    closing(t, tab);
    const pid = await belfry.signal('store', 'SIGSTOP');
    try {
      tab.channel.push('reconnect', tab.inbox.since());
      await tab.until('phx_error', () => tab.seen.some((one) => one.what === 'errored'));
      const { payload } = tab.seen.find((one) => one.what === 'errored');
      assert.equal(typeof payload, 'object');
      assert.equal(tab.channel.state === 'joined', false);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await tab.until('joined again', () => tab.channel.state === 'joined' && tab.joins >= 2);
    assert.deepEqual(tab.wire.closes, [], 'on the same connection');
    await belfry.create(user, 'after');
    await tab.until('told', () => tab.badge === 2);
    assert.deepEqual(tab.broken(), []);
  });

for (const version of both)
  check(`row 31: heartbeats are answered at once, also under load, ${version}`, async (t) => {
    const user = someone();
    const tab = await openTab(belfry, user, { version, heartbeatIntervalMs: 100 });
    closing(t, tab);
    const sentAt = new Map();
    const took = [];
    tab.socket.onMessage(({ topic, ref }) => {
      if (topic === 'phoenix') took.push(Date.now() - sentAt.get(ref));
    });
    const { conn } = tab.socket;
    const send = conn.send.bind(conn);
    conn.send = (text) => {
      const [, ref, topic] = JSON.parse(text);
      if (topic === 'phoenix') sentAt.set(ref, Date.now());
      send(text);
    };
    let created = 0;
    await until('ten heartbeats', async () => {
      await Promise.all([belfry.create(user), belfry.create(user), belfry.create(user), belfry.create(user)]);
      created += 4;
      return took.length >= 10;
    }, 20000);
    took.sort((a, b) => a - b);
    assert.ok(took[Math.floor(took.length / 2)] < 200, `median of ${took}`);
    assert.deepEqual(tab.wire.closes, []);
    assert.equal(tab.wire.opened, 1);
    await tab.until('all', () => tab.badge === created);
    assert.deepEqual(tab.broken(), []);
  });

for (const version of both) {
  check(`row 36: 1012, of a process that drains: back and joined, ${version}`, async (t) => {
    const user = someone();
    const tabs = [];
    for (let i = 0; i < 6; i++) tabs.push(await openTab(belfry, user, { version, rejoinAfterMs: () => 50 }));
    closing(t, ...tabs);
    const pids = [await belfry.signal('session.0', 'SIGTERM'), await belfry.signal('session.1', 'SIGTERM')];
    for (const tab of tabs) {
      await tab.until('closed', () => tab.wire.closes.length > 0, 4000);
      await tab.until('joined again', () => tab.joins >= 2 && tab.channel.state === 'joined', 4000);
      assert.deepEqual([...new Set(tab.wire.closes)], [1012]); // one may meet both
    }
    await belfry.back('session.0', pids[0]);
    await belfry.back('session.1', pids[1]);
    await belfry.create(user, 'after');
    for (const tab of tabs) {
      await tab.until('told', () => tab.badge === 1);
      assert.deepEqual(tab.broken(), []);
    }
  });

  check(`row 36: closed for a bad frame: back and joined, ${version}`, async (t) => {
    const user = someone();
    const tab = await openTab(belfry, user, { version, rejoinAfterMs: () => 50 });
    closing(t, tab);
    const from = Date.now();
    tab.socket.conn.send('not json');
    await tab.until('joined again', () => tab.joins >= 2 && tab.channel.state === 'joined');
    assert.ok(Date.now() - from < 1000, `${Date.now() - from} ms`);
    assert.ok([1008, 1011].includes(tab.wire.closes[0]), String(tab.wire.closes));
  });
}

check('reconnect: what was missed, in order, then ok', async () => {
  const user = someone();
  const topic = topicOf(user);
  const raw = await RawSocket.open(belfry.base, belfry.token(user));
  const { seq, epoch } = await raw.join(topic);
  const made = [];
  for (let i = 0; i < 5; i++) made.push((await belfry.create(user, `n${i}`)).seq);
  for (let i = 0; i < 5; i++) await raw.next();
  raw.send(['1', '9', topic, 'reconnect', { since: made[1], epoch }]);
  const frames = [await raw.next(), await raw.next(), await raw.next()];
  assert.deepEqual(frames.map((frame) => [frame[3], frame[4].seq, frame[4].prev]),
    [2, 3, 4].map((i) => ['notification:new', made[i], made[i - 1]]));
  const [, ref, , , { status, response }] = await raw.next();
  assert.deepEqual([ref, status, response.resumed, response.seq, response.unread_count], ['9', 'ok', true, made[4], 5]);

  for (const payload of [{}, { since: seq, epoch: epoch + 1 }, { since: made[4] + 1000000, epoch }]) {
    raw.send(['1', '10', topic, 'reconnect', payload]);
    const sync = await raw.next();
    assert.equal(sync[3], 'notifications:sync', JSON.stringify(payload));
    assert.deepEqual([sync[4].count, sync[4].unread_count, sync[4].recent.length, sync[4].seq], [5, 5, 5, made[4]]);
    assert.equal(sync[4].epoch, epoch);
    assert.equal((await raw.next())[4].response.resumed, false);
  }
  await raw.close();
});

check('a rejoin with since and epoch brings the changes; with another epoch the whole inbox', async () => {
  const user = someone();
  const topic = topicOf(user);
  const raw = await joinedRaw(user);
  const first = await belfry.create(user, 'first');
  const second = await belfry.create(user, 'second');
  await raw.close();
  const again = await RawSocket.open(belfry.base, belfry.token(user));
  const { epoch } = await again.join(topic, '1');
  const resumed = await again.join(topic, '2', { since: first.seq, epoch });
  assert.equal(resumed.resumed, true);
  assert.deepEqual(resumed.changes.map((one) => [one.event, one.payload.seq]), [['notification:new', second.seq]]);
  assert.deepEqual([resumed.unread_count, resumed.seq, resumed.epoch], [2, second.seq, epoch]);
  const whole = await again.join(topic, '3', { since: first.seq, epoch: epoch + 1 });
  assert.equal(whole.resumed, undefined);
  assert.equal(whole.notifications.length, 2);
  await again.close();
});

check('mark_all_read without up_to means what this connection was told of', async () => {
  const user = someone();
  const topic = topicOf(user);
  const first = await belfry.create(user, 'seen');
  const raw = await joinedRaw(user);
  raw.send(['1', '9', topic, 'mark_all_read', { up_to: first.seq }]);
  await raw.reply('9');
  const second = await belfry.create(user, 'arrives later');
  const answer = await belfry.post('/api/notifications/mark-all-read', { up_to: first.seq }, belfry.token(user));
  assert.deepEqual([answer.status, answer.json.unread_count, answer.json.up_to], [200, 1, first.seq]);
  await raw.frame('the second', (frame) => frame[4].notification?.id === second.id);
  raw.send(['1', '10', topic, 'mark_all_read', {}]);
  const { response } = (await raw.reply('10'))[4];
  assert.deepEqual([response.up_to, response.unread_count], [second.seq, 0]);
  await raw.close();
});

check('a join is not answered before the broker has confirmed the subscription', async () => {
  const user = someone();
  const raw = await RawSocket.open(belfry.base, belfry.token(user));
  const pid = await belfry.signal('broker', 'SIGSTOP');
  try {
    raw.send(['1', '1', topicOf(user), 'phx_join', {}]);
    for (let beat = 0; beat < 20; beat++) assert.deepEqual(await raw.rest(), []); // the session answers others
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  assert.equal((await raw.reply('1'))[4].status, 'ok');
  await raw.close();
});

check('a connection that resumed with nothing new can still mark all that it has', async () => {
  const user = someone();
  const topic = topicOf(user);
  const { seq } = await belfry.create(user, 'known from before');
  const { epoch } = await belfry.inbox(user);
  const raw = await RawSocket.open(belfry.base, belfry.token(user));
  assert.deepEqual((await raw.join(topic, '1', { since: seq, epoch })).changes, []);
  raw.send(['1', '9', topic, 'mark_all_read', {}]);
  const { response } = (await raw.reply('9'))[4];
  assert.deepEqual([response.up_to, response.unread_count], [seq, 0]);
  await raw.close();
});

check('mark_all_read without up_to leaves what a long-poll was not handed', async () => {
  const user = someone();
  const topic = topicOf(user);
  const first = await belfry.create(user, 'seen');
  const poll = new RawPoll(belfry.base, belfry.token(user));
  await poll.start();
  await poll.post([['1', '1', topic, 'phx_join', {}]]);
  await poll.frames((frame) => frame[1] === '1');
  const other = await joinedRaw(user);
  const second = await belfry.create(user, 'waits for a poll');
  await other.frame('the second', (frame) => frame[4].notification?.id === second.id);
  await poll.post([['1', '9', topic, 'mark_all_read', {}]]);
  const frames = await poll.frames((frame) => frame[1] === '9');
  const { response } = frames.find((frame) => frame[1] === '9')[4];
  assert.deepEqual([response.up_to, response.unread_count], [first.seq, 1]);
  await poll.post([['1', '10', topic, 'mark_all_read', {}]]);
  const all = await poll.frames((frame) => frame[1] === '10');
  assert.equal(all.find((frame) => frame[1] === '10')[4].response.unread_count, 0);
  await other.close();
});

check('an op_id is seen by the other tabs, and a repeat changes nothing', async () => {
  const user = someone();
  const topic = topicOf(user);
  const { id } = await belfry.create(user);
  const raw = await joinedRaw(user);
  const other = await joinedRaw(user);
  raw.send(['1', '9', topic, 'mark_read', { ids: [id], op_id: 'op-1' }]);
  const first = (await raw.reply('9'))[4];
  const told = await other.next();
  assert.deepEqual([told[3], told[4].by, told[4].ids], ['notification:read', { op_id: 'op-1' }, [id]]);
  raw.send(['1', '10', topic, 'mark_read', { ids: [id], op_id: 'op-1' }]);
  assert.deepEqual((await raw.reply('10'))[4], first);
  assert.deepEqual(await other.rest(), []);
  await raw.close();
  await other.close();
});
