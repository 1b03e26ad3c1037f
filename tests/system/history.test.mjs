// SPDX-License-Identifier: Apache-2.0
/* Topics with history: joining, recovery, paging. */
import assert from 'node:assert/strict';

import { both, transports } from '../lib/phoenix.mjs';
import { until } from '../lib/until.mjs';
import { belfry, check, fresh, joinedFeed, onBoth, rawOn, refs, tokenOf } from '../lib/with_topics.mjs';

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
  const newest = [...made].reverse().slice(0, 5);
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
    assert.deepEqual(got.slice(-120).map((one) => one.seq), [...made].reverse());
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
