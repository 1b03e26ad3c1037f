// SPDX-License-Identifier: Apache-2.0
/* Every bound of a session process, reached: whoever reaches it is told or closed, nobody else
 * notices, and memory stays where it was. Each test has an installation with small bounds. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';

import { Belfry } from '../lib/belfry.mjs';
import { handshake, request } from '../lib/http.mjs';
import { closing, openTab, transports } from '../lib/phoenix.mjs';
import { RawPoll, RawSocket } from '../lib/raw.mjs';
import { classes } from '../lib/topics.mjs';
import { until, within } from '../lib/until.mjs';

const topicOf = (user) => `user:${user}:notifications`;
const HEARTBEAT = [null, 'h', 'phoenix', 'heartbeat', {}];

/** A test with an installation of its own; settings are those of session/, by name. */
function bound(name, settings, body, { sessions = 1, conf } = {}) {
  test(name, async (t) => {
    const env = Object.fromEntries(Object.entries(settings).map(([key, value]) => [`BELFRY_SESSION_${key.toUpperCase()}`, `${value}`]));
    const belfry = await Belfry.start({ env, sessions, conf });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
    try {
      await body(new Watched(belfry, agent), t);
      await belfry.stop();
    } catch (error) {
      belfry.print();
      throw error;
    } finally {
      agent.destroy();
      belfry.abandon();
    }
  });
}

/** An installation, and what its session processes say of themselves. */
class Watched {
  constructor(belfry, agent) {
    Object.assign(this, { belfry, agent, base: belfry.base });
  }

  counter(name) {
    return this.belfry.counter(name);
  }

  counts(name, want, ms) {
    let now;
    return until(() => `${name} is ${want}, not ${now}`, async () => (now = await this.counter(name)) === want, ms);
  }

  /** Notifications for a user, from..from+n-1, on connections that are kept; the seq of the last one. */
  async stream(user, n, more = {}, from = 0) {
    const seqs = [];
    let next = from;
    const one = async () => {
      while (next < from + n) {
        const i = next++;
        const answer = await request(this.base, 'POST', '/api/notifications', {
          body: { to: user, title: `n${i}`, ...more }, agent: this.agent, ms: 20000,
          headers: { authorization: `Bearer ${this.belfry.apiKey}` },
        });
        assert.equal(answer.status, 201, answer.text);
        seqs.push(answer.json.notifications[0].seq);
      }
    };
    await Promise.all(Array.from({ length: 20 }, one));
    return Math.max(...seqs);
  }

  socket(user, options) {
    return RawSocket.open(this.base, this.belfry.token(user), options);
  }

  async joined(user, options) {
    const raw = await this.socket(user, options);
    await raw.join(topicOf(user));
    return raw;
  }

  /** A long-poll session with its inbox joined. */
  async poll(user) {
    const poll = new RawPoll(this.base, this.belfry.token(user));
    assert.equal((await poll.start()).json.status, 410);
    await poll.post([['1', '1', topicOf(user), 'phx_join', {}]]);
    await poll.frames((frame) => frame[1] === '1');
    return poll;
  }

  /** Private memory of session.0 in bytes; 0 with a sanitizer, which keeps what is freed. */
  async memory() {
    const pid = await this.belfry.pid('session.0');
    if (/libasan/.test(fs.readFileSync(`/proc/${pid}/maps`, 'utf8'))) return 0;
    return Number(/^RssAnon:\s*(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
  }

  async answers(raw) {
    assert.equal(raw.code, null, 'is open');
    raw.send(HEARTBEAT);
    assert.equal((await raw.reply('h'))[4].status, 'ok');
  }
}

const MB = 1 << 20;
const BIG = { body: 'b'.repeat(4000) }; // 50 of them, a sync, are less than the output may be
const OUTPUT = 512 * 1024;

bound('a WebSocket that stops reading: one sync with the right count, and memory does not grow with the stream',
  { output_bytes: OUTPUT }, async (b) => {
    await b.stream('warm', 200, BIG);
    const slow = await b.joined('slow');
    slow.ws._socket.pause();
    const before = await b.memory();
    const n = 3000; // 13 MB
    const last = await b.stream('slow', n, BIG);
    await b.counts('broadcasts', n); // all of it has been here
    const grown = (await b.memory()) - before;
    assert.ok(grown < 4 * MB, `${grown} bytes more`);
    assert.equal(await b.counter('behind'), 1);
    slow.ws._socket.resume();
    const sync = await slow.frame('the sync', (frame) => frame[3] === 'notifications:sync', 10000);
    assert.deepEqual([sync[4].count, sync[4].unread_count, sync[4].seq], [n, n, last]);
    assert.equal(sync[4].recent.length, 50);
    assert.equal(sync[4].recent[0].pos, last);
    const next = await b.stream('slow', 1);
    const after = await slow.frame('the next one', () => true);
    assert.deepEqual([after[3], after[4].seq, after[4].prev], ['notification:new', next, last]);
    const events = slow.frames.map((text) => JSON.parse(text)).filter((frame) => frame[3] !== 'phx_reply');
    assert.equal(events.filter((frame) => frame[3] === 'notifications:sync').length, 1);
    assert.ok(events.length < n / 2, `${events.length} came one by one`);
    for (let i = 1; i < events.length - 2; i++) assert.equal(events[i][4].prev, events[i - 1][4].seq, 'in order until then');
    assert.equal(await b.counter('syncs'), 1);
  });

bound('a WebSocket that never reads is closed after stall_ms, others are not',
  { output_bytes: 8192, stall_ms: 1000 }, async (b, t) => {
    const tabs = await Promise.all(transports.map((transport) => openTab(b.belfry, 'stall', { transport })));
    closing(t, ...tabs);
    const idle = await b.joined('idle');
    const stuck = await Promise.all([b.joined('stall'), b.joined('stall')]);
    for (const raw of stuck) raw.ws._socket.pause();
    const n = 300;
    const from = Date.now();
    const last = await b.stream('stall', n, BIG);
    await b.counts('close_slow_reader', 2, 8000);
    const took = Date.now() - from;
    assert.ok(took >= 1000, `${took} ms`);
    for (const tab of tabs) {
      await tab.until('all of it', () => tab.inbox.seq === last && tab.badge === n);
      assert.deepEqual(tab.broken(), []);
      assert.deepEqual(tab.wire.closes, []);
    }
    await b.answers(idle);
    await b.counts('websockets', 2, 6000); // the goodbye is not read either: they are dropped
    assert.equal(await b.counter('close_slow_reader'), 2, 'each counted once');
    for (const raw of stuck) {
      raw.ws._socket.resume();
      assert.ok([1006, 1013].includes((await within('closed', raw.closed)).code));
    }
    await idle.close();
  });

/** Reads one chunk from a paused socket every so often, until told to stop; then says how long it had read, and the
 *  longest time for which it did not. */
function trickle(raw, everyMs) {
  const socket = raw.ws._socket;
  const from = Date.now();
  let at = from, longest = 0;
  const pause = () => {
    raw.ws.pause(); // or the package would read on
    longest = Math.max(longest, Date.now() - at);
    at = Date.now();
  };
  socket.on('data', pause);
  const timer = setInterval(() => raw.ws.resume(), everyMs);
  return () => {
    clearInterval(timer);
    socket.off('data', pause);
    raw.ws.resume();
    return { took: Date.now() - from, longest };
  };
}

const STALL_MS = 1500;
bound('a client that reads slowly, but reads, is not closed', { output_bytes: 4 * MB, stall_ms: STALL_MS }, async (b, t) => {
  for (let round = 0; ; round++) { // where the machine did not let it read for so long, it is a client that does not
    const user = `slowly${round}`;
    const slow = await b.joined(user);
    slow.ws.pause();
    const last = await b.stream(user, 400, BIG);
    const stop = trickle(slow, 150); // at most 64 KB: so it takes longer than stall_ms
    const got = await slow.frame('the last one', (frame) => frame[4].seq === last, 60000).catch((error) => error);
    const { took, longest } = stop();
    t.diagnostic(`${took} ms, at most ${longest} ms without reading`);
    if (longest > STALL_MS / 2 && round < 9) continue;
    assert.equal(slow.code, null);
    assert.ok(Array.isArray(got), got);
    assert.ok(took > 2 * STALL_MS, `${took} ms: slow enough`);
    await slow.close();
    return;
  }
});

for (const [what, settings, push] of [
  ['bytes', { output_bytes: 8192 }, (i) => ['1', `${i}`, topicOf('flood'), 'list', { limit: 50 }]],
  ['frames', { output_bytes: MB }, () => ['j'.repeat(60), 'h'.repeat(60), 'phoenix', 'heartbeat', {}]], // what the kernels hold is filled sooner
])
  bound(`a client that floods pushes and reads no reply is closed at the hard limit (${what})`,
    { ...settings, stall_ms: 600000, messages_per_s: 0, user_messages_per_s: 0 }, async (b) => {
      await b.stream('flood', 50, BIG);
      const other = await b.joined('other');
      const flood = await b.joined('flood');
      flood.ws._socket.pause();
      const before = await b.memory();
      let sent = 0;
      await until('closed', async () => {
        flood.ws._socket.cork();
        for (let i = 0; i < 1000 && flood.code === null; i++) flood.send(push(++sent));
        flood.ws._socket.uncork();
        await b.answers(other);
        return (await b.counter('close_slow_reader')) === 1;
      }, 30000);
      const grown = (await b.memory()) - before;
      assert.ok(grown < 16 * MB, `${grown} bytes more`); // what is asked of the store at once, 200 kB each, may all come
      await b.counts('websockets', 1, 6000);
      assert.equal(await b.counter('close_slow_reader'), 1);
      flood.ws.terminate();
      const again = await b.joined('flood');
      await b.answers(again);
      await b.answers(other);
    });

bound('row 64: a long-poll that never polls: bounded, then one sync', { output_bytes: OUTPUT }, async (b) => {
  const poll = await b.poll('absent');
  await b.stream('warm', 200, BIG);
  const before = await b.memory();
  const n = 3000;
  const last = await b.stream('absent', n, BIG);
  await b.counts('broadcasts', n);
  assert.equal(await b.counter('behind'), 1);
  const grown = (await b.memory()) - before;
  assert.ok(grown < 4 * MB, `${grown} bytes more`);
  const frames = await poll.frames((frame) => frame[3] === 'notifications:sync');
  const events = frames.filter((frame) => frame[3] !== 'phx_reply');
  assert.equal(events.at(-1)[3], 'notifications:sync');
  assert.deepEqual([events.at(-1)[4].count, events.at(-1)[4].seq], [n, last]);
  assert.ok(events.length < n / 2, `${events.length} were kept`);
  assert.equal(await b.counter('syncs'), 1);
  const next = await b.stream('absent', 1);
  const after = await poll.frames((frame) => frame[4].seq === next);
  assert.deepEqual(after.map((frame) => [frame[3], frame[4].prev]), [['notification:new', last]]);
});

bound('a long-poll that posts and never polls is forgotten at the hard limit', { output_bytes: 8192 }, async (b) => {
  const poll = await b.poll('poster');
  const other = await b.poll('other');
  const lines = Array.from({ length: 100 }, () => HEARTBEAT);
  let answer;
  await until('refused', async () => (answer = (await poll.post(lines)).json.status) !== 200, 20000);
  assert.equal(answer, 410);
  assert.equal(await b.counter('close_slow_reader'), 1);
  assert.equal(await b.counter('longpolls'), 1);
  assert.deepEqual((await poll.get()).json, { status: 500 });
  assert.deepEqual((await other.post([HEARTBEAT])).json, { status: 200 });
  await other.frames((frame) => frame[1] === 'h');
});

bound('sizes: a message, a body, the headers', { message_bytes: 1024, body_bytes: 2048, header_bytes: 12288 }, async (b) => {
  const { belfry } = b;
  /* A heartbeat of exactly so many bytes. */
  const sized = (n) => {
    const frame = JSON.stringify([null, 'h', 'phoenix', 'heartbeat', { x: '' }]);
    return frame.replace('""', `"${'x'.repeat(n - frame.length)}"`);
  };
  const raw = await b.joined('sizes');
  raw.send(sized(1024));
  assert.equal((await raw.reply('h'))[4].status, 'ok');
  raw.send(sized(1025));
  assert.deepEqual(await within('closed', raw.closed), { code: 1009, reason: 'too_large' });
  const split = await b.joined('sizes');
  split.ws.send(sized(1025).slice(0, 600), { fin: false });
  split.ws.send(sized(1025).slice(600), { fin: true });
  assert.deepEqual(await within('closed', split.closed), { code: 1009, reason: 'too_large' }, 'in pieces');
  await b.counts('close_too_large', 2);
  const poll = await b.poll('sizes');
  assert.deepEqual((await poll.post(sized(1024))).json, { status: 200 });
  assert.deepEqual((await poll.post(sized(1025))).json, { status: 410 }, 'a line of a POST');
  assert.equal(await b.counter('close_too_large'), 3);
  assert.equal(await b.counter('close_protocol'), 0);

  const sizedBody = (n) => {
    const body = JSON.stringify({ to: 'sizes', title: 't', body: '' });
    return body.replace('""', `"${'x'.repeat(n - body.length)}"`);
  };
  const post = (body) => belfry.post('/api/notifications', body, belfry.apiKey, { headers: { 'content-type': 'application/json' } });
  assert.equal((await post(sizedBody(2048))).status, 201);
  const tooLarge = await post(sizedBody(2049));
  assert.equal(tooLarge.status, 413);
  assert.equal(tooLarge.json.status, 413);
  assert.equal(tooLarge.headers['content-type'], 'application/problem+json');
  assert.deepEqual([await b.counter('refused_body'), await b.counter('refused_bad')], [1, 0]);

  const headers = { 'x-padding': 'x'.repeat(9000) };
  assert.equal((await belfry.get('/healthz', null, { headers })).status, 200);
  headers['x-padding'] = 'x'.repeat(13000);
  assert.equal((await belfry.get('/healthz', null, { headers })).status, 431);
  assert.equal(await b.counter('refused_headers'), 1);
  assert.equal((await belfry.get(`/healthz?${'x'.repeat(13000)}`)).status, 414);
  assert.equal(await b.counter('refused_headers'), 2);
  assert.equal((await belfry.get('/healthz')).status, 200);
});

/* One inbox a user: only that topic can be joined, so that no other can be one too many. */
bound('topics: joining the same one again takes no second place', { topics: 1 }, async (b) => {
  const raw = await b.joined('topics');
  for (const ref of ['2', '3']) {
    raw.send([ref, ref, topicOf('topics'), 'phx_join', {}]);
    assert.equal((await raw.reply(ref))[4].status, 'ok');
    assert.equal((await raw.frame('the old one closed', (frame) => frame[3] === 'phx_close'))[0], `${ref - 1}`);
  }
  assert.equal(await b.counter('views'), 1);
  await raw.close();
});

bound('connections: one too many is refused at the handshake, and a place that is free again is used',
  { connections: 3, poll_reap_ms: 500 }, async (b) => {
    const path = `/socket/websocket?token=${b.belfry.token('place')}&vsn=2.0.0`;
    const open = [];
    for (let i = 0; i < 3; i++) open.push(await b.joined('place'));
    const refused = await handshake(b.base, path);
    assert.equal(refused.status, 503);
    assert.equal(refused.headers['retry-after'], '1');
    assert.deepEqual((await new RawPoll(b.base, b.belfry.token('place')).start()).json, { status: 500 });
    assert.equal(await b.counter('refused_full'), 2);
    await b.belfry.create('place', 'still served');
    for (const raw of open) await raw.frame('told', (frame) => frame[3] === 'notification:new');

    await open.pop().close();
    await b.counts('connections', 2);
    open.push(await b.joined('place'));
    assert.equal((await handshake(b.base, path)).status, 503);

    open.pop().ws.terminate(); // a client that goes without a word
    await b.counts('connections', 2);
    await b.poll('place');
    assert.equal((await handshake(b.base, path)).status, 503);
    await b.counts('connections', 2, 5000); // it is forgotten

    /* Many for the last place: one has it, and keeps it. */
    const many = await Promise.all(Array.from({ length: 20 }, () => handshake(b.base, path)));
    const won = many.filter((one) => one.status === 101);
    assert.equal(won.length, 1, many.map((one) => one.status).join());
    assert.equal(many.filter((one) => one.status === 503).length, 19);
    assert.equal(await b.counter('websockets'), 3);
    won[0].socket.destroy();
    await b.counts('connections', 2);
    await b.answers(open[0]);
    await b.answers(open[1]);
  });

/** Sends a byte every 100 ms; when the server ends it. */
function dribble(base, first, rest) {
  const { hostname, port } = new URL(base);
  const socket = net.connect(Number(port), hostname);
  let at = 0;
  let got = '';
  const timer = setInterval(() => socket.write(rest[at++ % rest.length]), 100);
  socket.on('connect', () => socket.write(first));
  socket.on('data', (part) => (got += part));
  socket.on('error', () => {});
  return new Promise((resolve) =>
    socket.on('close', () => {
      clearInterval(timer);
      resolve(got);
    }));
}

bound('a request that arrives byte by byte is cut after header_ms, others are served', { header_ms: 500 }, async (b) => {
  const get = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
  const from = Date.now();
  const cut = Promise.all([
    dribble(b.base, 'G', 'E'),
    dribble(b.base, 'GET /healthz HTTP/1.1\r\nHost: x\r\nX: ', 'y'),
    dribble(b.base, 'POST /api/notifications HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n', ' '),
    dribble(b.base, `${get}GET /hea`, 'l'), // behind a request that was answered
  ]);
  let done = false;
  cut.then(() => (done = true));
  while (!done) {
    assert.ok(Date.now() - from < 8000, 'cut in time');
    assert.equal((await b.belfry.get('/healthz', null, { ms: 2000 })).status, 200);
  }
  const got = await cut;
  assert.ok(Date.now() - from >= 500, 'not before');
  assert.match(got[3], /^HTTP\/1\.1 200 /);
  await b.belfry.create('others', 'served');
});

bound('idle_ms: who says nothing is closed with 1001, who says something is not', { idle_ms: 1000 }, async (b) => {
  const silent = await b.joined('idle');
  const talking = await b.joined('idle');
  let said = 0;
  const timer = setInterval(() => talking.code === null && (said++, talking.send(HEARTBEAT)), 200);
  const from = Date.now();
  try {
    assert.deepEqual(await within('closed', silent.closed, 6000), { code: 1001, reason: 'idle' });
    assert.ok(Date.now() - from >= 900, `${Date.now() - from} ms`);
    await b.counts('close_idle', 1);
    const then = said;
    await until('another idle_ms of talk', () => said >= then + 10, 6000);
    await b.answers(talking);
  } finally {
    clearInterval(timer);
  }
  await talking.close();
});

bound('poll_reap_ms: a long-poll session that is left is forgotten, with what it had joined', { poll_reap_ms: 500, poll_ms: 300 }, async (b) => {
  const left = await b.poll('left');
  const kept = await b.poll('kept');
  const polls = (async () => {
    while ((await kept.get()).json.status !== 500 && !kept.done);
  })();
  assert.equal(await b.counter('longpolls'), 2);
  await b.counts('longpolls', 1, 5000);
  assert.equal(await b.counter('views'), 1);
  assert.equal(await b.counter('topics'), 1);
  assert.deepEqual([await b.counter('close_unpolled'), await b.counter('close_idle')], [1, 0]);
  assert.deepEqual((await left.get()).json, { status: 500 });
  assert.deepEqual((await left.post([HEARTBEAT])).json, { status: 410 });
  kept.done = true;
  await polls;
  assert.ok([200, 204].includes((await kept.get()).json.status), 'who polls stays');
});

const DRAIN_MS = 1500;

bound('drain: every client is told, spread over drain_ms, and all leaves with 0', { drain_ms: DRAIN_MS }, async (b) => {
  const sockets = await Promise.all(Array.from({ length: 40 }, (_, i) => b.joined(`d${i}`)));
  const polls = await Promise.all(Array.from({ length: 12 }, (_, i) => b.poll(`p${i}`)));
  const closes = [];
  for (const raw of sockets) raw.ws.on('close', () => closes.push(Date.now()));
  const served = await b.counter('polls');
  const parked = polls.map((poll) => poll.get()); // in both processes, some handed on to the other
  await b.counts('polls', served + polls.length);
  const from = Date.now();
  const exit = b.belfry.stop(); // asserts exit code 0
  for (const raw of sockets) assert.equal((await within('told', raw.closed, DRAIN_MS + 3000)).code, 1012);
  for (const answer of await Promise.all(parked)) assert.deepEqual(answer.json, { status: 500 }, 'it comes anew');
  await exit;
  const took = Date.now() - from;
  assert.ok(took < DRAIN_MS + 3000, `${took} ms`);
  assert.ok(closes.at(-1) - closes[0] > DRAIN_MS / 3, `goodbyes within ${closes.at(-1) - closes[0]} ms`);
}, { sessions: 2 });

bound('drain: who is connected and does not answer the goodbye does not hold it up for long', { drain_ms: 0 }, async (b) => {
  const deaf = await b.joined('deaf');
  deaf.ws._socket.pause();
  const from = Date.now();
  await b.belfry.stop();
  assert.ok(Date.now() - from < 3000 + 2000, `${Date.now() - from} ms`);
  deaf.ws.terminate();
});

/** A create that waits for a store that is stopped, and TERM for the session process that has it. */
async function drainUnderWay(b) {
  const { belfry } = b;
  const pid = await belfry.pid('session.0');
  await belfry.signal('store', 'SIGSTOP');
  const asked = await b.counter('asks');
  let requests = await b.counter('requests'); // each look is one more
  const created = belfry.post('/api/notifications', { to: 'late', title: 't' }, belfry.apiKey);
  await until('under way', async () => (await b.counter('requests')) > ++requests);
  await until('asked', async () => (await b.counter('asks')) > asked);
  process.kill(pid, 'SIGTERM');
  await until('draining', () => belfry.log.some((line) => /session\.drain/.test(line)));
  return { pid, created };
}

bound('drain: a request that is under way is answered first', { drain_ms: 500 }, async (b) => {
  const { belfry } = b;
  const { pid, created } = await drainUnderWay(b);
  await belfry.signal('store', 'SIGCONT');
  const answer = await created;
  assert.equal(answer.status, 201);
  assert.equal(answer.headers.connection, 'close', 'the next request is for the process after it');
  await belfry.back('session.0', pid);
  assert.equal((await belfry.count('late')).unread_count, 1);
});

bound('drain: a request that nobody answers holds it up no longer than drain_ms + 3 s', { drain_ms: 200, request_ms: 60000 }, async (b) => {
  const { belfry } = b;
  const from = Date.now();
  const { pid, created } = await drainUnderWay(b);
  assert.equal((await created).status, 503);
  const took = Date.now() - from;
  assert.ok(took < 200 + 3000 + 1000, `${took} ms`);
  await belfry.signal('store', 'SIGCONT');
  await belfry.back('session.0', pid);
});

bound('a session process that is TERMed alone is started again, and its clients return', { drain_ms: 200 }, async (b, t) => {
  const { belfry } = b;
  const tabs = [];
  for (let i = 0; i < 12; i++) tabs.push(await openTab(belfry, `t${i % 3}`, { transport: transports[i % 2], rejoinAfterMs: () => 50, reconnectAfterMs: () => 50 }));
  closing(t, ...tabs);
  const pids = [];
  for (const role of ['session.0', 'session.1']) {
    const pid = await belfry.signal(role, 'SIGTERM');
    await belfry.back(role, pid);
    pids.push(pid);
  }
  for (let i = 0; i < 3; i++) await belfry.create(`t${i}`, 'after');
  for (const tab of tabs) {
    await tab.until('told', () => tab.badge === 1 && tab.channel.state === 'joined');
    assert.deepEqual(tab.broken(), []);
    assert.ok(tab.joins >= 2, 'it had to return');
    const code = tab.wire.sockets.length ? 1012 : 1011; // a long-poll hears its end as {"status":500}
    assert.ok(tab.wire.closes.every((one) => one === code), tab.wire.closes.join());
  }
  for (const pid of pids) assert.throws(() => process.kill(pid, 0), 'it has left');
}, { sessions: 2 });

bound('a poll whose session ends as it drains is answered: a store that takes nothing more, and goodbyes beyond the hard limit', { output_bytes: 4096, store_requests: 100 }, async (b) => {
  const poll = new RawPoll(b.base, b.belfry.token('ann'));
  await poll.start();
  const topics = Array.from({ length: 100 }, (_, i) => `channel:${'x'.repeat(185)}${i}`);
  for (const [i, topic] of topics.entries()) {
    await poll.post([[`${i}`, `${i}`, topic, 'phx_join', {}]]);
    await poll.frames((frame) => frame[1] === `${i}` && frame[3] === 'phx_reply');
  }
  for (let i = 0; i < 3; i++) await b.belfry.publish(topics[0], 'said', { text: 'x'.repeat(3000) });
  for (const topic of topics) await b.belfry.publish(topic, 'said');
  await b.counts('behind', 1);
  const session = await b.belfry.pid('session.0');
  const store = await b.belfry.signal('store', 'SIGSTOP');
  const asked = Array.from({ length: 150 }, () => b.belfry.get('/api/users/ann', b.belfry.apiKey, { ms: 60000 }));
  try {
    await until('the store takes no more', async () => (await b.counter('asks_failed')) >= 50);
    assert.equal((await poll.get()).json.status, 200, 'what waited');
    assert.equal((await poll.get()).json.status, 500, 'it is over: phoenix.js opens another');
  } finally {
    process.kill(store, 'SIGCONT');
  }
  await Promise.all(asked);
  assert.equal(await b.belfry.pid('session.0'), session);
}, { conf: classes({ 'channel:{id}': { history: 10 } }) });
