// SPDX-License-Identifier: Apache-2.0
/* Rows 46-62 of the compatibility checklist: long-poll. Every request takes a new connection, so the
 * requests of one session land on both processes. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { both, closing, openSocket, openTab } from '../lib/phoenix.mjs';
import { RawPoll } from '../lib/raw.mjs';
import { until } from '../lib/until.mjs';

const POLL_MS = 400;
const REAP_MS = 1500;

let belfry;
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start({ env: { BELFRY_SESSION_POLL_MS: `${POLL_MS}`, BELFRY_SESSION_POLL_REAP_MS: `${REAP_MS}` } });
});
after(() => belfry?.stop());

const topicOf = (user) => `user:${user}:notifications`;
let users = 0;
const someone = () => `p${++users}`;

async function joinedPoll(user) {
  const poll = new RawPoll(belfry.base, belfry.token(user));
  await poll.start();
  await poll.post([['1', '1', topicOf(user), 'phx_join', {}]]);
  const frames = await poll.frames((frame) => frame[1] === '1');
  assert.equal(frames[0][4].status, 'ok');
  return poll;
}

for (const version of both) {
  check(`row 46, 47: a session starts, ${version}`, async (t) => {
    const tab = await openTab(belfry, someone(), { version, transport: 'longpoll' });
    closing(t, tab);
    const [first, second] = tab.wire.requests;
    assert.equal(first.method, 'GET');
    assert.match(first.url, /&vsn=2\.0\.0&$/, 'a bare & at the end');
    const answer = JSON.parse(first.answer);
    assert.equal(answer.status, 410);
    assert.ok(answer.token.length > 10);
    assert.deepEqual(answer.messages, []);
    assert.ok(second.url.endsWith(`&token=${encodeURIComponent(answer.token)}`));
    assert.equal(tab.wire.opened, 1);
  });

  check(`row 48: 250 pushes in one tick, ${version}`, async (t) => {
    const tab = await openTab(belfry, someone(), { version, transport: 'longpoll' });
    closing(t, tab);
    const posts = () => tab.wire.requests.filter((one) => one.method === 'POST');
    const from = posts().length;
    const answers = await Promise.all(Array.from({ length: 250 }, () => tab.push('list', { limit: 1 })));
    assert.ok(answers.every((one) => one.status === 'ok'));
    const lines = posts().slice(from).map((one) => one.body.split('\n').length);
    assert.deepEqual(lines, [100, 100, 50]);
    assert.equal(tab.wire.opened, 1);
  });

  check(`row 49: an empty window is 204 with the token, and polled again at once, ${version}`, async (t) => {
    const tab = await openTab(belfry, someone(), { version, transport: 'longpoll' });
    closing(t, tab);
    const empty = () => tab.wire.requests.filter((one) => one.answer && JSON.parse(one.answer).status === 204);
    await until('two empty windows', () => empty().length >= 2);
    const answer = JSON.parse(empty()[0].answer);
    assert.ok(answer.token.length > 10);
    assert.deepEqual(answer.messages, []);
    const [a, b] = empty();
    assert.ok(b.at - a.at >= POLL_MS - 50 && b.at - a.at < POLL_MS + 1800, `${b.at - a.at} ms`);
    assert.equal(tab.wire.opened, 1);
  });

  check(`row 51: a session lost with its process: back, and joined again, ${version}`, async (t) => {
    const user = someone();
    await belfry.create(user, 'before');
    const tabs = [];
    for (let i = 0; i < 6; i++) tabs.push(await openTab(belfry, user, { version, transport: 'longpoll', rejoinAfterMs: () => 50 }));
    closing(t, ...tabs);
    const pid = await belfry.kill('session.0');
    await belfry.create(user, 'meanwhile');
    for (const tab of tabs) {
      await tab.until('told', () => tab.badge === 2);
      assert.deepEqual(tab.broken(), []);
    }
    await belfry.back('session.0', pid);
    const pid1 = await belfry.kill('session.1');
    await belfry.back('session.1', pid1);
    await belfry.create(user, 'after');
    for (const tab of tabs) {
      await tab.until('told', () => tab.badge === 3);
      assert.deepEqual(tab.broken(), []);
      assert.equal(tab.events('notification:new').length + tab.seen.filter((one) => one.payload?.changes)
        .reduce((sum, one) => sum + one.payload.changes.length, 0), 2, 'each once');
    }
    assert.ok(tabs.every((tab) => tab.joins >= 2), 'each lost its session to one of the two');
  });

  check(`row 54: a refused connect is {"status":403}, and tried again, ${version}`, async (t) => {
    const one = openSocket(belfry.base, { version, transport: 'longpoll', token: belfry.token('ann', { ttl: -5 }), reconnectAfterMs: () => 20 });
    closing(t, one);
    await until('three attempts', () => one.wire.requests.filter((request) => request.answer).length >= 3);
    for (const { answer } of one.wire.requests.filter((request) => request.answer)) assert.equal(answer, '{"status":403}');
    assert.equal(one.wire.opened, 0);
  });
}

check('row 50: a binary push is a base64 line', async (t) => {
  const tab = await openTab(belfry, someone(), { transport: 'longpoll' });
  closing(t, tab);
  const bytes = new TextEncoder().encode('{"limit":1}').buffer;
  const { status } = await tab.push('nonsense', bytes);
  assert.equal(status, 'error', 'read, and answered by its ref');
  const post = tab.wire.requests.filter((one) => one.method === 'POST').pop();
  assert.match(post.body, /^[A-Za-z0-9+/]+=*$/);
  assert.equal(tab.wire.opened, 1);
});

check('row 55: authToken is a header of the GETs', async (t) => {
  const user = someone();
  const one = openSocket(belfry.base, { transport: 'longpoll', authToken: belfry.token(user) });
  closing(t, one);
  const channel = one.socket.channel(topicOf(user), {});
  const reply = await new Promise((resolve) => channel.join().receive('ok', resolve));
  assert.equal(reply.unread_count, 0);
  for (const { method, headers } of one.wire.requests)
    assert.equal(headers['X-Phoenix-AuthToken'] !== undefined, method === 'GET', method);
});

check('row 57: the session\'s token in a header is taken, before the query', async () => {
  const user = someone();
  const poll = await joinedPoll(user);
  await belfry.create(user, 'one');
  const other = `/socket/longpoll?vsn=2.0.0&token=nonsense`;
  const answer = await belfry.get(other, null, { headers: { 'x-phoenix-longpoll-token': poll.token } });
  assert.equal(answer.json.status, 200, answer.text);
  const post = await belfry.request('POST', other, {
    headers: { 'x-phoenix-longpoll-token': answer.json.token, 'content-type': 'application/x-ndjson' },
    body: JSON.stringify([null, '7', 'phoenix', 'heartbeat', {}]),
  });
  assert.deepEqual(post.json, { status: 200 });
});

check('row 58: a second GET: the older one is answered at once with 204, nothing lost or doubled', async () => {
  const user = someone();
  const poll = await joinedPoll(user);
  await poll.get(); // the window behind the join: now the queue is empty
  const replaced = await belfry.counter('polls_replaced');
  const older = poll.get();
  const from = Date.now();
  const path = poll.path();
  let newer;
  // The two may reach the server in either order: whichever is older is answered with 204 at once.
  newer = belfry.get(path);
  const first = await Promise.race([older.then((a) => ['older', a]), newer.then((a) => ['newer', a])]);
  assert.equal(first[1].json.status, 204, first[1].text);
  assert.ok(Date.now() - from < POLL_MS - 100, `${Date.now() - from} ms`);
  assert.equal((await belfry.counter('polls_replaced')) - replaced, 1);
  const created = await belfry.create(user, 'once');
  const second = await (first[0] === 'older' ? newer : older);
  let messages = second.json.messages;
  if (second.json.status === 204) messages = (await poll.get()).json.messages;
  else poll.token = second.json.token;
  assert.deepEqual(messages.map((text) => JSON.parse(text)[4].seq), [created.seq]);
  assert.equal((await poll.get()).json.status, 204);
});

check('row 59: a GET that is aborted loses nothing', async () => {
  const user = someone();
  const poll = await joinedPoll(user);
  await poll.get();
  for (let i = 0; i < 10; i++) {
    const abort = new AbortController();
    const parked = poll.get({ signal: abort.signal }).catch(() => {});
    const created = belfry.create(user, `n${i}`);
    abort.abort();
    await parked;
    const { seq } = await created;
    const frames = await poll.frames((frame) => frame[4].seq === seq);
    assert.deepEqual(frames.map((frame) => frame[4].seq), [seq], `round ${i}: once`);
  }
});

check('row 59: an answer that was lost is given again, and only until the next poll shows that it came', async () => {
  const user = someone();
  const poll = await joinedPoll(user);
  for (let i = 0; i < 3; i++) {
    const { seq } = await belfry.create(user, `n${i}`);
    let old = poll.token;
    let first = await poll.get();
    for (; first.json.status === 204; first = await poll.get()) old = poll.token;
    for (let repeat = 0; repeat < 4; repeat++) {
      poll.token = old;
      const again = await poll.get();
      assert.equal(again.json.status, 200, again.text);
      assert.deepEqual(again.json.messages, first.json.messages);
      assert.equal(again.json.messages.length, 1);
      assert.equal(JSON.parse(again.json.messages[0])[4].seq, seq);
    }
    assert.equal((await poll.get()).json.status, 204);
  }
});

check('row 60: a tab that is closed is forgotten within the stated time', async () => {
  const connections = async () => (await belfry.status()).connections;
  await until('those of the tests before are gone', async () => (await connections()) === 0, REAP_MS + 2500);
  const tabs = [];
  for (let i = 0; i < 5; i++) tabs.push(await openTab(belfry, someone(), { transport: 'longpoll' }));
  assert.equal(await connections(), 5);
  for (const tab of tabs) await tab.close();
  await until('forgotten', async () => (await connections()) === 0, REAP_MS + 2500);
});

check('row 61: the polls of one session may land on any process, in order', async () => {
  const user = someone();
  const poll = await joinedPoll(user);
  const before = await served();
  const seqs = [];
  const want = 60;
  const writer = (async () => {
    for (let i = 0; i < want; i++) await belfry.create(user, `n${i}`);
  })();
  while (seqs.length < want) {
    const { json, text } = await poll.get();
    assert.ok([200, 204].includes(json.status), text);
    for (const message of json.messages) seqs.push(JSON.parse(message)[4]);
    if (seqs.length % 3 === 0) assert.deepEqual((await poll.post([[null, 'h', 'phoenix', 'heartbeat', {}]])).json, { status: 200 });
  }
  await writer;
  const numbered = seqs.filter((one) => one.seq);
  for (let i = 1; i < numbered.length; i++) assert.equal(numbered[i].prev, numbered[i - 1].seq);
  const now = await served();
  for (const role of Object.keys(before)) assert.ok(now[role] > before[role], `${role} served requests: ${JSON.stringify({ before, now })}`);
});

/** Requests that each session process has served, from /metrics. */
async function served() {
  const { text } = await belfry.get('/metrics');
  const rows = [...text.matchAll(/^belfry_\w*requests\w*\{[^}]*role="(session\.\d+)"[^}]*\} (\d+)$/gm)];
  assert.ok(rows.length >= 2, `requests of both processes in:\n${text}`);
  const sums = {};
  for (const [, role, value] of rows) sums[role] = (sums[role] ?? 0) + Number(value);
  return sums;
}

check('row 62: a token that is forged or of no session: GET 500, POST 410', async () => {
  const poll = await joinedPoll(someone());
  const good = poll.token;
  const flipped = good.slice(0, -2) + (good.at(-2) === 'A' ? 'B' : 'A') + good.at(-1);
  for (const token of ['nonsense', flipped, good.slice(0, 10), `${good}x`, 'A'.repeat(3000), '%00', ' ']) {
    poll.token = token;
    const get = await poll.get();
    assert.equal(get.status, 200);
    assert.deepEqual(get.json, { status: 500 }, `GET ${token.slice(0, 20)}`);
    poll.token = token;
    const post = await poll.post([[null, 'h', 'phoenix', 'heartbeat', {}]]);
    assert.deepEqual(post.json, { status: 410 }, `POST ${token.slice(0, 20)}`);
  }
  poll.token = good;
  assert.ok([200, 204].includes((await poll.get()).json.status), 'the good one still is good');
});

check('a GET body has only a status that phoenix.js knows, and its headers', async () => {
  const poll = await joinedPoll(someone());
  const answer = await poll.get();
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.equal(answer.headers['cache-control'], 'no-store');
  const other = await belfry.request('PUT', poll.path(), { body: 'x' });
  assert.equal(other.status, 400);
});

check('a bad line in a POST ends that session only', async () => {
  const other = await joinedPoll(someone());
  const poll = await joinedPoll(someone());
  const answer = await poll.post('[1]');
  assert.ok([200, 410, 500].includes(answer.json.status), answer.text);
  assert.equal((await poll.get()).json.status, 500);
  assert.ok([200, 204].includes((await other.get()).json.status));
  const empty = await other.post('\r\n\n[null,"8","phoenix","heartbeat",{}]\r\n');
  assert.deepEqual(empty.json, { status: 200 }, 'empty lines are passed over');
  await other.frames((frame) => frame[1] === '8');
});
