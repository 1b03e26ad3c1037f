// SPDX-License-Identifier: Apache-2.0
/* What a user does to items, over each way that there is: WebSocket, long-poll and HTTP. What one device does
 * the others are told, with counts that are the store's. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { bearer, Belfry, checked } from '../lib/belfry.mjs';
import { closing, openTab, transports } from '../lib/phoenix.mjs';
import { until } from '../lib/until.mjs';

let belfry;
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start();
});
after(() => belfry?.stop());

let users = 0;
const someone = () => `i${++users}`;
const soon = (ms) => new Date(Date.now() + ms).toISOString();
const ways = [...transports, 'HTTP'];
const pathOf = (push) => ({ mark_seen: 'mark-seen', mark_all_read: 'mark-all-read', archive_all: 'archive-all' })[push] ?? push.replaceAll('_', '-');

/** A user with `n` notifications, a device that acts by `way`, and another one that watches. */
async function scene(t, way, n) {
  const user = someone();
  const ids = [];
  for (let i = 0; i < n; i++) ids.push((await belfry.create(user, `n${i}`)).id);
  const tab = await openTab(belfry, user, { transport: way === 'HTTP' ? 'websocket' : way });
  const other = await openTab(belfry, user);
  closing(t, tab, other);
  const seen = [];
  for (const name of ['unread', 'seen', 'archived', 'unarchived', 'snoozed', 'removed', 'updated', 'new', 'read'])
    other.channel.on(`notification:${name}`, (payload) => seen.push([name, payload]));
  for (const name of ['all_read', 'all_seen', 'all_archived'])
    other.channel.on(`notifications:${name}`, (payload) => seen.push([name, payload]));
  const act = async (push, body = {}) => {
    if (way !== 'HTTP') return tab.push(push, body);
    const { status, json } = await belfry.post(`/api/notifications/${pathOf(push)}`, body, belfry.token(user));
    return { status: status === 200 ? 'ok' : 'error', response: json };
  };
  const done = async (push, body) => {
    const { status, response } = await act(push, body);
    assert.equal(status, 'ok', JSON.stringify(response));
    return response;
  };
  /** The other device has heard of it, and shows what the store has. */
  const told = async (name, { seq }) => {
    await until(`${name} at ${seq} is told`, () => seen.some(([was, payload]) => was === name && payload.seq === seq));
    await other.until('the badge is the count', () => other.inbox.seq >= seq);
    assert.equal(other.badge, (await belfry.count(user)).unread_count);
    return seen.find(([was, payload]) => was === name && payload.seq === seq)[1];
  };
  return { user, ids, tab, other, act, done, told };
}

for (const way of ways) {
  check(`mark_unread, mark_seen: by ids and up to a pos, ${way}`, async (t) => {
    const { user, ids, done, told } = await scene(t, way, 4);
    let answer = await done('mark_read', { ids: [ids[0], ids[1]] });
    assert.deepEqual([answer.unread_count, answer.unseen_count], [2, 2]);
    answer = await done('mark_unread', { ids: [ids[0]] });
    assert.deepEqual([answer.changed, answer.unread_count, answer.unseen_count], [[ids[0]], 3, 2]);
    assert.deepEqual((await told('unread', answer)).ids, [ids[0]]);
    answer = await done('mark_seen', { ids: [ids[2], ids[0]] }); // the second was read once: it is not news
    assert.deepEqual([answer.changed, answer.unread_count, answer.unseen_count], [[ids[2]], 3, 1]);
    await told('seen', answer);
    const { notifications } = await belfry.inbox(user);
    answer = await done('mark_seen', { up_to: notifications[0].pos });
    assert.deepEqual([answer.up_to, answer.unread_count, answer.unseen_count], [notifications[0].pos, 3, 0]);
    assert.equal((await told('all_seen', answer)).up_to, answer.up_to);
    assert.ok((await belfry.inbox(user)).notifications.every((one) => one.seen));
  });

  check(`R4: all means up to a pos; what comes after stays, ${way}`, async (t) => {
    const { user, done, told } = await scene(t, way, 3);
    const [, middle] = (await belfry.inbox(user)).notifications;
    let answer = await done('mark_all_read', { up_to: middle.pos });
    assert.deepEqual([answer.up_to, answer.unread_count], [middle.pos, 1]);
    await told('all_read', answer);
    answer = await done('archive_all', { up_to: middle.pos });
    assert.equal(answer.up_to, middle.pos);
    await told('all_archived', answer);
    assert.equal((await belfry.inbox(user)).notifications.length, 1);
    const head = (await belfry.inbox(user)).notifications[0].pos;
    answer = await done('mark_all_read');
    assert.deepEqual([answer.up_to, answer.unread_count], [head, 0]); // said back, though it was not named
    const { seq } = await done('mark_all_read', { up_to: head });
    assert.equal(seq, answer.seq, 'again changes nothing');
  });

  check(`R6: an explicit unread beats an older read, ${way}`, async (t) => {
    const { user, ids, tab, done, told } = await scene(t, way, 2);
    const { seq } = await done('mark_read', { ids });
    const unread = await done('mark_unread', { ids: [ids[0]] });
    const late = await done('mark_read', { ids: [ids[0]], observed_seq: seq }); // another device, that had not heard of it
    assert.deepEqual([late.changed, late.unknown, late.unread_count], [[], [], 1]);
    await belfry.create(user, 'one more');
    await tab.until('one more', () => tab.inbox.list().length === 3);
    const all = await done('mark_all_read', { observed_seq: seq });
    assert.equal(all.unread_count, 1);
    assert.deepEqual((await told('all_read', all)).except, [ids[0]]);
    const knowing = await done('mark_read', { ids: [ids[0]], observed_seq: unread.seq });
    assert.deepEqual([knowing.changed, knowing.unread_count], [[ids[0]], 0]);
  });

  check(`R7: a repeated op_id answers the same and does nothing, ${way}`, async (t) => {
    const { user, ids, act, done, told } = await scene(t, way, 3);
    const steps = [
      ['archive', { ids: [ids[0]] }, 'archived'],
      ['unarchive', { ids: [ids[0]] }, 'unarchived'],
      ['snooze', { ids: [ids[1]], until: soon(3600e3) }, 'snoozed'],
      ['unsnooze', { ids: [ids[1]] }, 'new'],
      ['mark_seen', { up_to: 1e9 }, 'all_seen'],
      ['delete', { ids: [ids[2]] }, 'removed'],
    ];
    for (const [push, body, event] of steps) {
      const op = { ...body, op_id: `${push} ${user}` };
      const first = await done(push, op);
      assert.deepEqual((await told(event, first)).by, { op_id: op.op_id });
      assert.deepEqual(await done(push, op), first, push);
      const { status } = await act(push, { ...op, observed_seq: 1 });
      assert.equal(status, 'error', 'another body with this op_id');
    }
  });

  check(`the archive keeps; what is deleted is gone, ${way}`, async (t) => {
    const { user, ids, done, told } = await scene(t, way, 3);
    const others = ['01M84HBW0X0000000000000001', '01ARZ3NDEKTSV4RRFFQ69G5FAV', `${ids[1].slice(0, 12)}8${ids[1].slice(13)}`]; // not there; not ours; nearly ours
    const answer = await done('archive', { ids: [others[1], ids[0], others[0], others[2]] });
    assert.deepEqual([answer.changed, answer.unknown, answer.unread_count], [[ids[0]], [others[1], others[0], others[2]], 2]);
    await told('archived', answer);
    assert.deepEqual((await belfry.inbox(user)).notifications.map((one) => one.id), [ids[2], ids[1]]);
    const gone = await done('delete', { id: ids[1] });
    assert.deepEqual([gone.changed, gone.unread_count], [[ids[1]], 1]);
    assert.equal((await told('removed', gone)).reason, 'deleted');
    assert.deepEqual((await done('delete', { ids: [ids[1]] })).unknown, [ids[1]]);
    assert.equal((await done('unarchive', { ids: [ids[0]] })).unread_count, 2);
    await done('mark_read', { ids: [ids[0]] });
    const archived = await done('archive_all', { only_read: true });
    assert.equal((await told('all_archived', archived)).only_read, true);
    assert.deepEqual((await belfry.inbox(user)).notifications.map((one) => one.id), [ids[2]]);
  });

  check(`R14: snoozed leaves the counts, and returns unread with its id at a new pos, ${way}`, async (t) => {
    const { user, ids, other, done, told } = await scene(t, way, 2);
    await done('mark_read', { ids: [ids[0]] });
    const snoozed = await done('snooze', { ids: [ids[0]], until: soon(700) });
    assert.equal(snoozed.unread_count, 1);
    await told('snoozed', snoozed);
    assert.deepEqual((await belfry.inbox(user)).notifications.map((one) => one.id), [ids[1]]);
    await other.until('it is back', () => other.inbox.list()[0]?.id === ids[0] && other.badge === 2); // nobody asked
    const [first] = (await belfry.inbox(user)).notifications;
    assert.deepEqual([first.id, first.read_at, first.snoozed_until], [ids[0], null, null]);
    const again = await done('snooze', { id: ids[0], until: soon(3600e3) });
    await told('snoozed', again);
    const back = await done('unsnooze', { id: ids[0] });
    const event = await told('new', back);
    assert.deepEqual([event.resurfaced, event.notification.id], [true, ids[0]]);
    assert.ok(event.notification.pos > first.pos);
  });

  check(`bad input names its field, and does nothing, ${way}`, async (t) => {
    const { user, ids, act } = await scene(t, way, 1);
    const { seq } = await belfry.count(user);
    const wrong = [
      ['mark_unread', {}, 'ids'],
      ['mark_unread', { ids: ['x'] }, 'ids[0]'],
      ['archive', { ids, colour: 1 }, 'colour'],
      ['archive', { ids, until: soon(1000) }, 'until'],
      ['snooze', { ids }, 'until'],
      ['snooze', { ids, until: 'tomorrow' }, 'until'],
      ['snooze', { ids, until: '2001-01-01T00:00:00Z' }, 'until'],
      ['snooze', { ids, until: '2999-01-01T00:00:00Z' }, 'until'],
      ['mark_all_read', { up_to: -1 }, 'up_to'],
      ['mark_all_read', { only_read: true }, 'only_read'],
      ['archive_all', { category: 'work' }, 'category'],
      ['delete', { ids, op_id: '' }, 'op_id'],
      ['delete', { ids, observed_seq: '7' }, 'observed_seq'],
    ];
    for (const [push, body, field] of wrong) {
      const { status, response } = await act(push, body);
      assert.deepEqual([status, response.field], ['error', field], `${push} ${JSON.stringify(body)}`);
    }
    assert.equal((await belfry.count(user)).seq, seq);
  });
}

for (const transport of transports) {
  check(`R15: what has the same collapse_key takes the place of the older, ${transport}`, async (t) => {
    const user = someone();
    const tab = await openTab(belfry, user, { transport });
    closing(t, tab);
    const key = { collapse_key: 'build 7' };
    const { id } = await belfry.create(user, 'running', key);
    await belfry.create(user, 'something else');
    const second = await belfry.create(user, 'failed', { ...key, category: 'builds', body: 'at line 3' });
    assert.deepEqual([second.id, second.collapsed], [id, true]);
    await tab.until('it is the newest', () => tab.inbox.list()[0]?.title === 'failed');
    assert.deepEqual([tab.inbox.list().length, tab.badge], [2, 2]);
    const [first] = (await belfry.inbox(user)).notifications;
    assert.deepEqual([first.id, first.title, first.pos, first.category], [id, 'failed', second.seq, 'builds']);
    await tab.push('mark_read', { ids: [id] });
    await tab.until('read', () => tab.badge === 1);
    const third = await belfry.create(user, 'works again', key);
    await tab.until('unread once', () => tab.badge === 2 && tab.inbox.list()[0].title === 'works again');
    const told = tab.events('notification:updated').at(-1).payload;
    assert.deepEqual([told.notification.id, told.seq], [id, third.seq]);
    assert.ok(['title', 'pos', 'read_at', 'category'].every((field) => told.fields.includes(field)), String(told.fields));
    assert.deepEqual(tab.broken(), []);
  });
}

check('R11: what has a dedupe_key that an inbox had is not made again', async () => {
  const [user, other] = [someone(), someone()];
  const { id, seq } = await belfry.create(user, 'order 7', { dedupe_key: 'order 7' });
  const answer = await belfry.post('/api/notifications', { to: [user, other], title: 'order 7 once more', dedupe_key: 'order 7' }, belfry.apiKey);
  const [again, first] = answer.json.notifications;
  assert.deepEqual(again, { user, id, seq: null, deduped: true });
  assert.equal(first.deduped, undefined);
  assert.deepEqual([(await belfry.count(user)).seq, (await belfry.count(other)).seq], [seq, first.seq]);
  const key = { 'idempotency-key': `${user} k` };
  const once = await belfry.create(user, 'x', { dedupe_key: 'order 8' }, key);
  assert.deepEqual(await belfry.create(user, 'x', { dedupe_key: 'order 8' }, key), once); // a repeat is the first answer
  assert.equal((await belfry.create(user, 'y', { dedupe_key: 'order 8' })).deduped, true);
});

for (const transport of transports) {
  check(`PATCH: what a notification says changes in its place, ${transport}`, async (t) => {
    const user = someone();
    const tab = await openTab(belfry, user, { transport });
    closing(t, tab);
    const { id } = await belfry.create(user, 'draft', { body: 'b', data: { n: 1 }, category: 'work' });
    await belfry.create(user, 'another');
    await tab.until('both are there', () => tab.inbox.list().length === 2);
    await tab.push('mark_read', { ids: [id] });
    const patch = (body, headers = {}) => belfry.request('PATCH', `/api/notifications/${id}`, { body: { user, ...body }, headers: { ...bearer(belfry.apiKey), ...headers } });
    const before = (await belfry.get(`/api/notifications/${id}`, belfry.token(user))).json.notification;
    const { status, json } = await patch({ title: 'final', data: { n: 2 } });
    assert.deepEqual([status, json.changed, json.unread_count], [200, [id], 1], JSON.stringify(json));
    await tab.until('told', () => tab.inbox.get(id)?.title === 'final');
    const told = tab.events('notification:updated').at(-1).payload;
    assert.deepEqual(told.fields, ['title', 'data']);
    const after = (await belfry.get(`/api/notifications/${id}`, belfry.token(user))).json.notification;
    assert.deepEqual(after, { ...before, title: 'final', data: { n: 2 }, rev: json.seq }); // the same pos, and read as it was
    assert.deepEqual(told.notification, after);
    await patch({ category: null, expires_in: 3600 });
    const { by_category } = await belfry.count(user);
    assert.deepEqual(by_category, {});
    const soon = await patch({ expires_at: new Date(Date.now() + 600).toISOString(), title: 'ends' });
    assert.equal(soon.status, 200, soon.text);
    await tab.until('R12: its new end', () => tab.inbox.get(id) === undefined);
    assert.equal((await patch({ title: 'too late' })).status, 404);
    assert.deepEqual(tab.broken(), []);
  });
}

check('PATCH: bad input names its field; a key repeats; at once each is done', async () => {
  const user = someone();
  const { id } = await belfry.create(user, 'one');
  const patch = (body, headers = {}) => belfry.request('PATCH', `/api/notifications/${id}`, { body: { user, ...body }, headers: { ...bearer(belfry.apiKey), ...headers } });
  const { seq } = await belfry.count(user);
  for (const [body, field] of [[{ title: '' }, 'title'], [{ body: 7 }, 'body'], [{ data: [] }, 'data'], [{ category: '' }, 'category'], [{ expires_at: 'soon' }, 'expires_at'], [{ expires_at: '2001-01-01T00:00:00Z' }, 'expires_at'], [{ type: 'alert' }, 'type'], [{ to: 'bob' }, 'to'], [{ title: 't', colour: 1 }, 'colour']]) {
    const { status, json } = await patch(body);
    assert.deepEqual([status, json.field], [400, field], JSON.stringify(body));
  }
  assert.equal((await patch({})).status, 400);
  assert.equal((await belfry.count(user)).seq, seq);
  const key = { 'idempotency-key': `${user} p` };
  const first = await patch({ title: 'two' }, key);
  assert.deepEqual((await patch({ title: 'two' }, key)).json, first.json);
  assert.equal((await patch({ title: 'three' }, key)).status, 422);
  const both = await Promise.all([patch({ body: 'b' }), patch({ data: { d: 1 } })]);
  assert.deepEqual(both.map((one) => one.status), [200, 200]);
  const { notification } = (await belfry.get(`/api/notifications/${id}`, belfry.token(user))).json;
  assert.deepEqual([notification.title, notification.body, notification.data], ['two', 'b', { d: 1 }]);
});

check('PATCH: a key is of one notification, and repeats when that is gone or its new end has passed', async () => {
  const user = someone();
  const ids = [(await belfry.create(user, 'one')).id, (await belfry.create(user, 'two')).id];
  const patch = (i, body, key) => belfry.request('PATCH', `/api/notifications/${ids[i]}`, { body: { user, ...body }, headers: { ...bearer(belfry.apiKey), 'idempotency-key': `${user} ${key}` } });
  const first = await patch(0, { title: 'new' }, 'a');
  assert.equal((await patch(1, { title: 'new' }, 'a')).status, 422);
  await belfry.post('/api/notifications/delete', { ids: [ids[0]] }, belfry.token(user));
  assert.deepEqual((await patch(0, { title: 'new' }, 'a')).json, first.json);
  assert.equal((await patch(0, { title: 'new' }, 'b')).status, 404);
  const ends = { expires_at: new Date(Date.now() + 800).toISOString() };
  const second = await patch(1, ends, 'c');
  await patch(1, { expires_at: null }, 'd');
  await until('the end has passed', () => Date.now() > Date.parse(ends.expires_at));
  assert.deepEqual((await patch(1, ends, 'c')).json, second.json);
  const late = await patch(1, ends, 'e');
  assert.deepEqual([late.status, late.json.field], [400, 'expires_at']);
});

check('R7: an Idempotency-Key is the op_id of a marking that has none', async () => {
  const user = someone();
  const headers = { 'idempotency-key': `${user} all` };
  const all = () => belfry.post('/api/notifications/mark-all-read', { user }, belfry.apiKey, { headers });
  await belfry.create(user, 'before');
  const first = await all();
  const { id } = await belfry.create(user, 'after');
  assert.deepEqual((await all()).json, first.json);
  assert.equal((await belfry.count(user)).unread_count, 1);
  const read = (body, key) => belfry.post('/api/notifications/mark-read', { user, ...body }, belfry.apiKey, { headers: { 'idempotency-key': key } });
  assert.deepEqual((await read({ ids: [id] }, `${user} one`)).json.changed, [id]);
  assert.deepEqual((await read({ ids: [id] }, `${user} one`)).json.changed, [id]);
  assert.equal((await read({ ids: ['01M84HBW0X0000000000000001'] }, `${user} one`)).status, 422);
  assert.deepEqual((await read({ ids: [id], op_id: 'its own' }, `${user} one`)).json.changed, []);
  assert.equal((await read({ ids: [id] }, 'x'.repeat(256))).json.field, 'Idempotency-Key');
});

check('a batch: one after the other, each with its result; one that is wrong stops no other', async () => {
  const user = someone();
  const ids = [];
  for (let i = 0; i < 4; i++) ids.push((await belfry.create(user, `n${i}`)).id);
  const batch = (body, headers = {}) => belfry.post('/api/notifications/batch', body, belfry.token(user), { headers });
  const ops = [
    { op: 'mark_read', ids: [ids[0], ids[1]], op_id: 'a' },
    { op: 'mark_unread', id: ids[0], op_id: 'b' },
    { op: 'fly', ids },
    { op: 'archive', ids: ['x'] },
    { op: 'archive', ids: [ids[3]], op_id: 'c' },
    { op: 'mark_all_read', up_to: 0, op_id: 'd' },
    { op: 'delete', ids: [ids[3], ids[3], '01ARZ3NDEKTSV4RRFFQ69G5FAV'], op_id: 'e' },
    { op: 'archive', ids: [ids[0]], op_id: 'c' },
  ];
  const { status, json } = await batch({ ops });
  assert.equal(status, 200);
  assert.deepEqual(json.results.map((one) => [one.status, one.field]),
    [[200, undefined], [200, undefined], [400, 'op'], [400, 'ids[0]'], [200, undefined], [200, undefined], [200, undefined], [422, 'op_id']]);
  assert.deepEqual(json.results.filter((one) => one.status === 200).map((one) => one.unread_count), [2, 3, 2, 2, 2]);
  assert.deepEqual([json.results[6].changed, json.results[6].unknown], [[ids[3]], [ids[3], '01ARZ3NDEKTSV4RRFFQ69G5FAV']]);
  const { seq } = await belfry.count(user);
  assert.deepEqual((await batch({ ops })).json, json, 'R7: sent again it does nothing');
  assert.equal((await belfry.count(user)).seq, seq);
  for (const [body, field] of [[{}, 'ops'], [{ ops: [] }, 'ops'], [{ ops: {} }, 'ops'], [{ ops: Array(101).fill(ops[0]) }, 'ops'], [{ ops, colour: 1 }, 'colour']]) {
    const answer = await batch(body);
    assert.deepEqual([answer.status, answer.json.field], [400, field]);
  }
  assert.equal((await batch({ ops: Array(100).fill({ op: 'mark_seen', ids, op_id: 'z' }) })).json.results.length, 100);
  assert.deepEqual((await batch({ ops: [7, null, { op: 5 }] })).json.results.map((one) => one.status), [400, 400, 400]);
});

check('R7: an Idempotency-Key stands for the op_ids that a batch has not', async () => {
  const user = someone();
  const ids = [];
  for (let i = 0; i < 3; i++) ids.push((await belfry.create(user, `n${i}`)).id);
  const batch = (ops, key) => belfry.post('/api/notifications/batch', { ops }, belfry.token(user), { headers: { 'idempotency-key': key } });
  const ops = [{ op: 'mark_read', ids: [ids[0]] }, { op: 'mark_read', ids: [ids[1]], op_id: 'own' }, { op: 'mark_read', ids: [ids[2]] }];
  const first = await batch(ops, 'k');
  assert.deepEqual(first.json.results.map((one) => one.changed), ids.map((id) => [id]));
  for (const id of ids) await belfry.post('/api/notifications/mark-unread', { id }, belfry.token(user));
  assert.deepEqual((await batch(ops, 'k')).json, first.json);
  assert.equal((await belfry.count(user)).unread_count, 3);
  assert.deepEqual((await batch([{ op: 'mark_read', ids }], 'k')).json.results.map((one) => [one.status, one.field]), [[422, 'op_id']]);
  const long = await batch(ops, 'k'.repeat(253));
  assert.deepEqual([long.status, long.json.field], [400, 'Idempotency-Key']);
  assert.deepEqual((await batch(ops, 'k'.repeat(252))).json.results.map((one) => one.changed), ids.map((id) => [id]));
});

check('a batch while the store is away: what has no answer stops the rest, and all of it may be sent again', async () => {
  const user = someone();
  const ids = [];
  for (let i = 0; i < 2; i++) ids.push((await belfry.create(user, `n${i}`)).id);
  const ops = [{ op: 'mark_read', ids: [ids[0]], op_id: 'r' }, { op: 'mark_unread', ids: [ids[0]], op_id: 'u' }];
  const send = () => belfry.post('/api/notifications/batch', { ops }, belfry.token(user));
  await belfry.signal('store', 'SIGSTOP');
  const { json } = await send().finally(() => belfry.signal('store', 'SIGCONT'));
  assert.deepEqual(json.results.map((one) => one.status), [503, 503]);
  const again = await send();
  assert.deepEqual(again.json.results.map((one) => [one.status, one.unread_count]), [[200, 1], [200, 2]]);
});

check('R2: whatever was done, the counts are what a recount gives', () => belfry.check());
