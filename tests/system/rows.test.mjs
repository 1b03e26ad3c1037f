// SPDX-License-Identifier: Apache-2.0
/* Rows 10, 14, 30, 32, 33, 37, 39, 52, 53, 63, 64 and 67 of the compatibility checklist: limits,
 * delays and losses. Row 37 cannot be provoked, as the server has nothing that closes with 1000: what
 * is looked at is every way in which it closes. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { handshake, request } from '../lib/http.mjs';
import { both, closing, cut, memory, openSocket, transports } from '../lib/phoenix.mjs';
import { mutingProxy } from '../lib/proxy.mjs';
import { RawPoll, RawSocket } from '../lib/raw.mjs';
import { classes, Feed, Listener } from '../lib/topics.mjs';
import { until, within } from '../lib/until.mjs';

const TOPICS = 5;
const IDLE_MS = 1500;
const CONNECTIONS = 8;
const CONF = classes({
  'channel:{id}': { publish: 'authenticated', history: 1000 },
  'room:{id}': { publish: 'authenticated' },
  'typing:{id}': { publish: 'authenticated', echo: 0 },
});

let belfry;
const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start({ conf: CONF, env: { BELFRY_SESSION_TOPICS: `${TOPICS}` } })));
after(() => belfry?.stop());

/** A test of an installation of its own, with these settings. */
function checkWith(name, env, body, conf = CONF) {
  let own;
  checked(() => own)(name, async (t) => {
    own = await Belfry.start({ conf, env });
    try {
      await body(t, own);
    } finally {
      await own.stop();
    }
  });
}

let ids = 0;
const fresh = (kind) => `${kind}:r${++ids}`;

function listener(t, topic, { at = belfry, base = at.base, user = 'ann', Kind = Listener, ...options } = {}) {
  const one = new Kind(base, topic, { token: () => at.token(user), rejoinAfterMs: () => 50, ...options });
  closing(t, one);
  return one;
}

async function joined(t, topic, options) {
  const one = listener(t, topic, options);
  const { status, response } = await one.join();
  assert.equal(status, 'ok', JSON.stringify(response));
  return one;
}

check('row 10: without an Origin, as from a client that is no page, both transports open', async () => {
  const token = belfry.token('ann');
  const { status, socket } = await handshake(belfry.base, `/socket/websocket?token=${token}&vsn=2.0.0`);
  assert.equal(status, 101);
  socket.destroy();
  assert.equal((await new RawPoll(belfry.base, token).start()).json.status, 410);
});

for (const version of both)
  for (const transport of transports)
    check(`row 14: one topic too many is refused, and only that, ${version}, ${transport}`, async (t) => {
      const first = await joined(t, fresh('room'), { version, transport });
      const { socket } = first;
      const join = (topic) => new Promise((resolve) => {
        const channel = socket.channel(topic, {});
        channel.join().receive('ok', () => resolve({ channel })).receive('error', (response) => resolve({ channel, response }));
      });
      const more = [];
      for (let i = 1; i < TOPICS; i++) more.push(await join(fresh('room')));
      assert.ok(more.every((one) => !one.response));
      const refused = await belfry.counter('refused_topics');
      const over = await join(fresh('room'));
      assert.equal((await belfry.counter('refused_topics')) - refused, 1);
      assert.deepEqual(over.response, { reason: 'too many channels joined', limit: 'topics' });
      over.channel.leave();
      await belfry.publish(first.topic, 'said', { n: 1 });
      await first.told(1);
      assert.deepEqual(first.wire.closes, []);
      more[0].channel.leave();
      assert.equal((await join(fresh('room'))).response, undefined, 'there is room for one again');
      assert.equal((await join(more[1].channel.topic)).response, undefined, 'and a topic may be joined anew');
    });

check('a topic without history never touches the store: it is published while the store stands still', async (t) => {
  const ann = await joined(t, fresh('room'));
  const bob = await joined(t, ann.topic, { user: 'bob' });
  const pid = await belfry.signal('store', 'SIGSTOP');
  try {
    await belfry.publish(ann.topic, 'said', { n: 1 });
    await bob.told(1, 3000);
    await new Promise((resolve) => ann.channel.push('said', { n: 2 }).receive('ok', resolve));
    await bob.told(2, 3000);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
});

/* ---- delays ---- */

for (const version of both)
  for (const transport of transports)
    for (const role of ['store', 'broker'])
      check(`row 30: a join is answered too late because of the ${role}: at last one subscription, ${version}, ${transport}`, async (t) => {
        const topic = fresh('channel');
        const views = await belfry.counter('views');
        const feed = listener(t, topic, { Kind: Feed, version, transport, timeout: 400, rejoinAfterMs: () => 100 });
        await until('open', () => feed.wire.opened);
        const pid = await belfry.signal(role, 'SIGSTOP');
        let first;
        try {
          first = await feed.join();
          assert.equal(first.status, 'timeout');
          const times = () => (transport === 'websocket' ? feed.wire.sent : feed.wire.requests.map((one) => one.body ?? '')).join('\n');
          await until('it left and joined again', () => times().split('"phx_join"').length > 2 && times().includes('"phx_leave"'));
        } finally {
          process.kill(pid, 'SIGCONT');
        }
        await feed.until('joined', () => feed.channel.state === 'joined');
        const { seq } = await belfry.publish(topic, 'said', { n: 1 });
        await feed.reached(seq);
        await belfry.publish(topic, 'said', { n: 2 });
        await feed.told(2);
        assert.deepEqual(feed.messages.map((one) => one.payload.n), [1, 2]);
        assert.deepEqual(feed.broken, []);
        await until('one view of it is left', async () => (await belfry.counter('views')) <= views + 1, 8000); // those of the rows before may still go
        await feed.close();
        await until('and none when it has gone', async () => (await belfry.counter('views')) <= views, 30000);
      });

for (const version of both)
  checkWith(`row 32: a heartbeat without an answer: the client closes and returns, and its old session is freed, ${version}`, {}, async (t, own) => {
    const proxy = await mutingProxy(own.base);
    t.after(() => proxy.close());
    const topic = fresh('channel');
    const feed = await joined(t, topic, { at: own, base: proxy.base, Kind: Feed, version, heartbeatIntervalMs: 300, reconnectAfterMs: () => 50 });
    const { conn } = feed.socket;
    const closes = [];
    const close = conn.close.bind(conn);
    conn.close = (code, reason) => {
      closes.push([code, reason]);
      close(code, reason);
    };
    const from = Date.now();
    proxy.mute = true;
    const { seq } = await own.publish(topic, 'said', { n: 1 }); // lost on the way
    await until('closed by the client', () => closes.length > 0);
    proxy.mute = false;
    assert.deepEqual(closes[0], [1000, 'heartbeat timeout']);
    assert.ok(Date.now() - from < 1500, `${Date.now() - from} ms`);
    await feed.reached(seq, 8000);
    assert.deepEqual(feed.broken, []);
    assert.ok(feed.joins.length >= 2);
    await until('one connection is left', async () => (await own.counter('connections')) === 1);
  });

for (const version of both)
  check(`row 67: a WebSocket that opens and stays mute: long-poll within the fallback time, ${version}`, async (t) => {
    const proxy = await mutingProxy(belfry.base);
    t.after(() => proxy.close());
    proxy.mute = true;
    const sessionStorage = memory();
    const from = Date.now();
    const one = listener(t, fresh('room'), { base: proxy.base, version, longPollFallbackMs: 1000, sessionStorage });
    one.join();
    await one.until('joined', () => one.channel.state === 'joined');
    assert.ok(Date.now() - from > 900 && Date.now() - from < 3000, `${Date.now() - from} ms`);
    assert.equal(one.socket.transport, one.LongPoll);
    assert.equal(sessionStorage.kept.get('phx:fallback:LongPoll'), 'true');
    await belfry.publish(one.topic, 'said', { n: 1 });
    await one.told(1);
  });

check('row 63: a store that does not answer keeps no POST waiting, and nobody else', async (t) => {
  const topic = fresh('channel');
  const room = fresh('room');
  const poll = new RawPoll(belfry.base, belfry.token('ann'));
  await poll.start();
  await poll.post([['1', '1', topic, 'phx_join', {}], ['2', '2', room, 'phx_join', {}]]);
  const seen = [];
  await poll.frames((frame) => seen.push(frame[1]) && seen.includes('1') && seen.includes('2'));
  const [bob, carl] = await Promise.all(transports.map((transport) => joined(t, room, { user: 'bob', transport })));
  const pid = await belfry.signal('store', 'SIGSTOP');
  try {
    const from = Date.now();
    const lines = Array.from({ length: 20 }, (_, i) => ['1', `s${i}`, topic, 'said', { n: i }]);
    assert.deepEqual((await poll.post(lines)).json, { status: 200 });
    assert.deepEqual((await poll.post([['2', 'r', room, 'said', { n: 1 }]])).json, { status: 200 });
    await poll.frames((frame) => frame[1] === 'r');
    assert.equal((await bob.push('said', { n: 2 })).status, 'ok');
    for (const one of [bob, carl]) {
      await one.told(1);
      await one.told(2);
    }
    assert.ok(Date.now() - from < 1500, `${Date.now() - from} ms`);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await poll.frames((frame) => frame[1] === 's19');
  assert.equal((await belfry.history(topic)).messages.length, 20);
});

/* ---- losses ---- */

for (const version of both)
  for (const transport of transports)
    check(`row 39: a push that was under way when the connection died: timeout, and never twice, ${version}, ${transport}`, async (t) => {
      const topic = fresh('channel');
      const feed = await joined(t, topic, { Kind: Feed, version, transport });
      const witness = await joined(t, topic, { Kind: Feed, user: 'bob' });
      const got = [];
      const pid = await belfry.signal('store', 'SIGSTOP'); // so that no answer can be faster
      let answers;
      try {
        for (let n = 0; n < 3; n++) got.push(feed.push('said', { n }, 700));
        if (transport === 'longpoll') await until('they are sent', () => feed.wire.requests.at(-1).body?.includes('said') && feed.wire.requests.at(-1).answer);
        else await new Promise((resolve) => feed.socket.ping(resolve)); // the server has them
        cut(feed);
        await until('down', () => !feed.socket.isConnected());
        answers = await Promise.all(got);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      assert.deepEqual(answers.map((one) => one.status), ['timeout', 'timeout', 'timeout']);
      await feed.until('joined again', () => feed.joins.length >= 2 && feed.channel.state === 'joined');
      const { status, response } = await feed.push('said', { n: 'last' });
      assert.equal(status, 'ok');
      for (const one of [feed, witness]) {
        await one.reached(response.seq);
        const n = one.messages.map((message) => message.payload.n);
        assert.equal(new Set(n).size, n.length, `each at most once: ${n}`);
        assert.deepEqual(one.broken, []);
      }
      assert.deepEqual(feed.seqs, witness.seqs);
    });

for (const version of both)
  check(`row 52: a POST to a session that is lost: 410, back and joined; that push times out, ${version}`, async (t) => {
    const topic = fresh('channel');
    const feed = await joined(t, topic, { Kind: Feed, version, transport: 'longpoll' });
    feed.socket.conn.token = 'lp_lost'; // the parked poll has the good one
    const push = feed.push('said', { n: 1 }, 700);
    await until('410', () => feed.wire.requests.some((one) => one.method === 'POST' && one.answer === '{"status":410}'));
    await feed.until('joined again', () => feed.joins.length === 2 && feed.channel.state === 'joined');
    assert.equal((await push).status, 'timeout');
    const { response } = await feed.push('said', { n: 2 });
    await feed.reached(response.seq);
    assert.deepEqual(feed.messages.map((one) => one.payload.n), [2]);
    assert.deepEqual(feed.broken, []);
  });

for (const version of both)
  check(`what a long-poll still hands on when it has ended is no news, and the next join brings it, ${version}`, async (t) => {
    const topic = fresh('channel');
    const feed = await joined(t, topic, { Kind: Feed, version, transport: 'longpoll', reconnectAfterMs: () => 50 });
    const made = [];
    const publish = async (n) => made.push((await belfry.publish(topic, 'said', { n })).seq);
    const joins = await belfry.counter('joins_total');
    let conn;
    feed.socket.onOpen(() => {
      conn ??= feed.socket.conn;
      conn.poll = () => {};
    });
    cut(feed);
    for (let n = 0; n < 3; n++) await publish(n);
    await until('the join is answered', async () => (await belfry.counter('joins_total')) > joins);
    const broadcasts = await belfry.counter('broadcasts_total');
    await publish(3);
    await until('and a broadcast waits behind it', async () => (await belfry.counter('broadcasts_total')) > broadcasts);
    feed.socket.onOpen(() => delete feed.socket.conn.poll);
    conn.poll = () => cut(feed); // called when phoenix.js has the batch, and has handed on none of it
    feed.LongPoll.prototype.poll.call(conn);
    await feed.reached(made.at(-1));
    assert.deepEqual(feed.broken, []);
    assert.deepEqual(feed.seqs, made);
  });

/* ---- bounds ---- */

checkWith('row 64: a long-poll that never polls under 100,000 broadcasts: bounded, and its session ends; who polls stays',
  { BELFRY_SESSION_POLL_REAP_MS: '120000', BELFRY_SESSION_POLL_MS: '1000', BELFRY_SESSION_MESSAGES_PER_S: '0', BELFRY_SESSION_BYTES_PER_S: '0',
    BELFRY_SESSION_USER_MESSAGES_PER_S: '0', BELFRY_SESSION_USER_BYTES_PER_S: '0',
    ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=0` }, async (t, own) => { // what is freed is not memory in use
    const topic = 'typing:a';
    const poll = new RawPoll(own.base, own.token('absent'));
    await poll.start();
    await poll.post([['1', '1', topic, 'phx_join', {}]]);
    await poll.frames((frame) => frame[1] === '1');
    const pids = await Promise.all(['session.0', 'session.1'].map((role) => own.pid(role)));
    const rss = () => pids.reduce((sum, pid) => sum + Number(/^VmRSS:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]), 0);
    const paused = [];
    for (const version of both) {
      const one = await joined(t, topic, { at: own, version, transport: 'longpoll', reconnectAfterMs: () => 50 });
      const { conn } = one.socket;
      const { poll: go } = conn;
      conn.poll = () => {};
      paused.push({ one, go: () => (delete conn.poll, go.call(conn)) });
    }
    const polling = await Promise.all(both.map((version) => joined(t, topic, { at: own, version, transport: 'longpoll' })));
    for (const one of polling) one.seen = { push() {} }; // 100,000 are too many to keep
    const raw = await RawSocket.open(own.base, own.token('busy'));
    await raw.join(topic);
    const text = 'x'.repeat(200);
    let before = 0;
    for (let batch = 0; batch < 200; batch++) {
      raw.ws._socket.cork();
      for (let i = 0; i < 500; i++) raw.send(`["1",null,"${topic}","typing",{"n":${batch * 500 + i},"text":"${text}"}]`);
      raw.ws._socket.uncork();
      const answers = await raw.rest();
      assert.ok(answers.length === 500 && answers.every((frame) => frame[4].status === 'ok'));
      raw.frames.length = raw.at = 0;
      if (batch === 4) before = rss();
    }
    const grown = rss() - before;
    t.diagnostic(`${grown} kB more behind the first 2,500`);
    assert.ok(grown < 15000, `${grown} kB for 20 MB of payloads`); // 1,000 kB; eleven times that with the sanitizers
    await until('those who do not poll are over', async () => (await own.counter('close_slow_reader_total')) === 1 + paused.length);
    assert.deepEqual((await poll.get()).json, { status: 500 });
    assert.deepEqual((await poll.post([['1', '2', topic, 'typing', {}]])).json, { status: 410 });
    for (const { one, go } of paused) {
      assert.equal(one.channel.state, 'joined', 'it does not know yet');
      go();
      await one.until('it does', () => one.wire.opened === 2 && one.channel.state === 'joined');
    }
    for (const one of polling) one.seen = [];
    raw.send(['1', 'end', topic, 'typing', { n: 'end' }]);
    for (const one of [...polling, ...paused.map((each) => each.one)]) await one.told('end');
    for (const one of polling) assert.deepEqual([one.wire.opened, one.wire.closes], [1, []]);
    assert.ok((await own.counter('lost_total')) > 100);
    await raw.close();
  });

for (const transport of transports)
  checkWith(`row 64: where messages are kept, who takes nothing for a while gets them all, in order, ${transport}`,
    { BELFRY_SESSION_POLL_REAP_MS: '120000' }, async (t, own) => {
      const topic = 'channel:a';
      const [feed, other] = [await joined(t, topic, { at: own, Kind: Feed, transport }), await joined(t, topic, { at: own, Kind: Feed, user: 'bob' })];
      const { conn } = feed.socket;
      const { poll } = conn;
      if (transport === 'websocket') conn._socket.pause();
      else conn.poll = () => {};
      const made = [];
      const publish = async (text) => made.push((await own.publish(topic, 'said', { text })).seq);
      const text = 'x'.repeat(30000);
      while ((await own.counter('behind_total')) === 0) await publish(text); // the kernel keeps some for a socket
      for (let i = 0; i < 60; i++) await publish('short'); // more than a page
      await other.reached(made.at(-1));
      if (transport === 'websocket') {
        conn._socket.resume();
      } else {
        delete conn.poll;
        poll.call(conn);
      }
      await feed.reached(made.at(-1));
      await publish('live again');
      for (const one of [feed, other]) {
        await one.reached(made.at(-1));
        assert.deepEqual(one.seqs, made);
        assert.deepEqual([one.broken, one.syncs, one.wire.closes], [[], 0, []]);
      }
    });

checkWith('row 53: a server that is full sheds with answers that phoenix.js survives, and takes it when there is room',
  { BELFRY_SESSION_CONNECTIONS: `${CONNECTIONS}`, BELFRY_SESSION_POLL_MS: '400' }, async (t, own) => {
    const raws = [];
    const fill = async () => { // until each process has refused some in a row
      for (let refused = 0; refused < 20;) {
        const { status, socket } = await handshake(own.base, `/socket/websocket?token=${own.token('filler')}&vsn=2.0.0`);
        refused = status === 101 ? 0 : refused + 1;
        if (status === 101) raws.push(socket);
        else assert.equal(status, 503);
      }
    };
    await fill();
    assert.equal(raws.length, 2 * CONNECTIONS);
    const clients = both.map((version) => listener(t, `room:${version}`, { at: own, version, transport: 'longpoll', reconnectAfterMs: () => 50 }));
    for (const one of clients) one.join();
    const answers = (one) => one.wire.requests.filter((entry) => entry.answer !== null).map((entry) => entry.answer);
    for (const one of clients) await until('five answers', () => answers(one).length >= 5);
    for (const one of clients) assert.deepEqual([...new Set(answers(one))], ['{"status":500}']);
    for (const socket of raws.splice(0)) socket.destroy();
    for (const one of clients) await one.until('joined when there is room', () => one.channel.state === 'joined');
    await own.publish('room:1.7.23', 'said', { n: 1 });
    await clients[both.indexOf('1.7.23')].told(1);
  });

checkWith('more than an answer may have: the polls that follow bring the rest, in order',
  { BELFRY_SESSION_OUTPUT_BYTES: '16777216', BELFRY_SESSION_POLL_REAP_MS: '120000' }, async (t, own) => {
    const topic = 'room:a';
    const poll = new RawPoll(own.base, own.token('ann'));
    await poll.start();
    await poll.post([['1', '1', topic, 'phx_join', {}]]);
    await poll.frames((frame) => frame[1] === '1');
    const raw = await RawSocket.open(own.base, own.token('bob'));
    await raw.join(topic);
    const text = '"'.repeat(15000); // twice as long in JSON, and twice that in an answer
    for (let n = 0; n < 200; n++) raw.send(['1', `p${n}`, topic, 'said', { n, text }]);
    await raw.reply('p199');
    await until('all wait', async () => (await own.counter('broadcasts')) >= 200 * (await own.counter('topics')));
    const got = [];
    while (got.length < 200) {
      const { json, text: body } = await poll.get();
      const said = json.messages.map((message) => JSON.parse(message)).filter((frame) => frame[3] === 'said');
      assert.ok(said.length > 0 && body.length < 4 << 20, `${said.length} messages of ${body.length} bytes`);
      got.push(...said.map((frame) => frame[4].n));
    }
    assert.deepEqual(got, Array.from({ length: 200 }, (_, i) => i));
    await raw.close();
  });

checkWith('who takes nothing in a room misses who came and went, stays, and is told who is there when it does',
  { BELFRY_SESSION_OUTPUT_BYTES: '4096', BELFRY_SESSION_POLL_REAP_MS: '120000', BELFRY_SESSION_POLL_MS: '300' }, async (t, own) => {
    const topic = 'lobby:a';
    const poll = new RawPoll(own.base, own.token('slow'));
    await poll.start();
    await poll.post([['1', '1', topic, 'phx_join', {}]]);
    await poll.frames((frame) => frame[3] === 'presence_state');
    const witness = await RawSocket.open(own.base, own.token('witness'));
    await witness.join(topic);
    await witness.frame('who is there', (frame) => frame[3] === 'presence_state');
    const come = async (user) => {
      const raw = await RawSocket.open(own.base, own.token(user));
      await raw.join(topic, '1', { meta: { text: 'x'.repeat(900) } });
      await witness.frame(`${user} came`, (frame) => frame[4].joins?.[user]);
      return raw;
    };
    const there = [];
    for (let i = 0; i < 24; i++) there.push(await come(`u${i}`)); // each a diff: more than it may have waiting
    const told = await poll.frames((frame) => frame[4].u23 || frame[4].joins?.u23);
    assert.ok(told.length < 10, `${told.length} frames had been kept for it`);
    let seen = {};
    for (const [, , , event, payload] of told) seen = event === 'presence_state' ? payload : { ...seen, ...payload.joins };
    assert.deepEqual(Object.keys(seen).sort(), ['slow', 'witness', ...there.map((_, i) => `u${i}`)].sort());
    assert.equal(told.filter((frame) => frame[3] === 'presence_state').length, 1);
    await poll.get(); // it has what it was handed
    there.push(await come('last'));
    const [diff] = await poll.frames((frame) => frame[4].joins);
    assert.deepEqual(Object.keys(diff[4].joins), ['last']);
    assert.equal(await own.counter('close_slow_reader'), 0);
    for (const raw of [witness, ...there]) await raw.close();
  }, classes({ 'lobby:{id}': { presence: 1 } }));

checkWith('row 60: a long-poll whose poll was cut off is over in 5 s, on whichever process the poll had landed',
  { BELFRY_SESSION_POLL_REAP_MS: '120000' }, async (t, own) => {
    const aborts = [];
    const parked = async () => {
      const poll = new RawPoll(own.base, own.token('ann'));
      const abort = new AbortController();
      await poll.start();
      poll.get({ signal: abort.signal }).catch(() => {});
      aborts.push(abort);
      await until('it waits', async () => (await own.counter('polls')) === aborts.length);
      return own.counter('polls_forwarded');
    };
    for (let forwarded = 0; forwarded < 2 || forwarded > aborts.length - 2;) forwarded = await parked();
    const from = Date.now();
    for (const abort of aborts.slice(1)) abort.abort();
    await until('all but one are over', async () => (await own.counter('connections')) === 1, 9000);
    assert.ok(Date.now() - from > 4000, `${Date.now() - from} ms: they had time to come back`);
    aborts[0].abort();
  });

checkWith('rows 33, 37: who is silent is closed, with 1001; no way of closing says 1000',
  { BELFRY_SESSION_IDLE_MS: `${IDLE_MS}`, BELFRY_SESSION_OUTPUT_BYTES: '8192', BELFRY_SESSION_DRAIN_MS: '100' }, async (t, own) => {
    const open = (user = 'ann', claims) => RawSocket.open(own.base, own.token(user, claims));
    const ways = {};

    const [idle, talking] = [await open(), await open()];
    const from = Date.now();
    const beats = setInterval(() => talking.send([null, 'hb', 'phoenix', 'heartbeat', {}]), 300);
    try {
      ways.idle = (await within('the idle one closed', idle.closed, IDLE_MS + 3000)).code;
      assert.ok(Date.now() - from >= IDLE_MS, `${Date.now() - from} ms`);
      assert.equal(ways.idle, 1001);
      await until('another idle time', () => Date.now() - from > 2 * IDLE_MS + 1500, 10000);
      assert.equal(talking.code, null, 'who says something stays');
    } finally {
      clearInterval(beats);
    }
    const { stdout } = await own.command('conf');
    assert.match(stdout, /^ {4}idle_ms = "60000"$/m, 'and a minute unless it is set');
    await talking.close();

    const kicked = await open('kicked');
    await own.post('/api/users/kicked/disconnect', '', own.apiKey);
    ways.kicked = (await within('kicked', kicked.closed)).code;

    const expiring = await open('late', { ttl: 1 });
    ways.expired = (await within('its token ended', expiring.closed)).code;

    for (const [name, frame] of [['not JSON', 'not json'], ['an object', '{}'], ['a short array', '[1]'], ['bytes', Buffer.from([9, 9])], ['large', 'x'.repeat(100000)]]) {
      const raw = await open();
      raw.send(frame);
      ways[name] = (await within(name, raw.closed)).code;
    }

    const greedy = await open();
    greedy.ws._socket.pause();
    const ref = 'r'.repeat(60);
    for (let i = 0; i < 80000; i++) greedy.send(`[null,"${ref}","phoenix","heartbeat",{}]`);
    await until('it is closed for not reading', async () => (await own.counter('close_slow_reader_total')) > 0, 10000);
    greedy.ws._socket.resume();
    ways['does not read'] = (await within('closed', greedy.closed, 10000)).code;

    const drained = [];
    for (let i = 0; i < 6; i++) drained.push(await open());
    for (const role of ['session.0', 'session.1']) await own.signal(role, 'SIGTERM');
    for (const raw of drained) ways.drain = (await within('drained', raw.closed)).code;
    await own.ready();
    const last = await open();
    const stopped = own.stop();
    ways.stop = (await within('the whole server stopped', last.closed)).code;
    await stopped;

    t.diagnostic(JSON.stringify(ways));
    for (const [way, code] of Object.entries(ways)) assert.ok(code !== 1000 && code !== 1005, `${way}: ${code}`);
    assert.deepEqual([ways.kicked, ways.expired, ways.large, ways.drain, ways.stop], [1001, 1008, 1009, 1012, 1012]);
  });
