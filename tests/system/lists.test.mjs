// SPDX-License-Identifier: Apache-2.0
/* What an inbox is asked: pages by filters and cursors, one notification, counts; and what comes back to who has
 * some already. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { bearer, Belfry, checked } from '../lib/belfry.mjs';
import { closing, openTab, transports } from '../lib/phoenix.mjs';
import { RawSocket } from '../lib/raw.mjs';

let belfry;
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start();
});
after(() => belfry?.stop());

let users = 0;
const someone = () => `l${++users}`;
const get = (user, path) => belfry.get(path, belfry.token(user));
const page = (user, query) => get(user, `/api/notifications${query}`);
const titles = ({ notifications }) => notifications.map((one) => one.title);
const mark = (user, what, body) => belfry.post(`/api/notifications/${what}`, body, belfry.token(user));

/** Eight: the odd ones alerts of the category work; 0 and 1 read, 2 and 3 archived, 4 snoozed. */
async function eight() {
  const user = someone();
  const ids = [];
  for (let i = 0; i < 8; i++)
    ids.push((await belfry.create(user, `n${i}`, i % 2 ? { type: 'alert', category: 'work' } : {})).id);
  await mark(user, 'mark-read', { ids: ids.slice(0, 2) });
  await mark(user, 'archive', { ids: ids.slice(2, 4) });
  await mark(user, 'snooze', { id: ids[4], until: new Date(Date.now() + 3600e3).toISOString() });
  return { user, ids };
}
const filters = [
  ['', ['n7', 'n6', 'n5', 'n1', 'n0']],
  ['status=unread', ['n7', 'n6', 'n5']],
  ['status=read', ['n1', 'n0']],
  ['status=all&archived=true', ['n3', 'n2']],
  ['archived=true&type=alert', ['n3']],
  ['snoozed=true', ['n4']],
  ['type=alert', ['n7', 'n5', 'n1']],
  ['category=work&status=unread', ['n7', 'n5']],
  ['category=home', []],
];

check('pages by filters, over HTTP', async () => {
  const { user } = await eight();
  for (const [query, want] of filters) assert.deepEqual(titles((await page(user, `?${query}`)).json), want, query);
});

for (const transport of transports)
  check(`pages by filters, ${transport}`, async (t) => {
    const { user } = await eight();
    const tab = await openTab(belfry, user, { transport });
    closing(t, tab);
    for (const [query, want] of filters) {
      const params = Object.fromEntries([...new URLSearchParams(query)].map(([name, value]) => [name, value === 'true' ? true : value]));
      assert.deepEqual(titles((await tab.push('list', params)).response), want, query);
    }
    const { response } = await tab.push('list', { status: 'odd' });
    assert.equal(response.field, 'status');
  });

check('cursors: page by page, each once; what stood at one may go meanwhile', async () => {
  const { user } = await eight();
  const found = [];
  let query = '?limit=2&status=unread';
  for (let cursor = ''; cursor !== null; ) {
    const { json } = await page(user, `${query}${cursor && `&cursor=${cursor}`}`);
    found.push(...titles(json));
    if (found.length === 2) await mark(user, 'delete', { id: json.notifications[1].id });
    cursor = json.cursor;
  }
  assert.deepEqual(found, ['n7', 'n6', 'n5']);
});

check('a cursor that was tampered with, or is of another question, is refused by name', async () => {
  const { user } = await eight();
  const { cursor } = (await page(user, '?limit=1&status=unread')).json;
  assert.equal((await page(user, `?limit=3&status=unread&cursor=${cursor}`)).status, 200);
  const other = cursor.slice(0, 5) + (cursor[5] === 'A' ? 'B' : 'A') + cursor.slice(6);
  for (const wrong of [`status=unread&cursor=${other}`, `status=read&cursor=${cursor}`, `cursor=${cursor}`, 'cursor=7', `status=unread&cursor=${cursor}&before=7`]) {
    const { status, json } = await page(user, `?${wrong}`);
    assert.deepEqual([status, json.field], [400, 'cursor'], wrong);
  }
  const stranger = someone();
  assert.equal((await page(stranger, `?status=unread&cursor=${cursor}`)).status, 400);
  for (const [query, field] of [['status=odd', 'status'], ['archived=maybe', 'archived'], ['archived=1&snoozed=1', 'snoozed'], ['type=toast', 'type'], [`category=${'x'.repeat(65)}`, 'category']]) {
    const { status, json } = await page(user, `?${query}`);
    assert.deepEqual([status, json.field], [400, field], query);
  }
});

check('one notification, wherever it is; another inbox has it not', async () => {
  const { user, ids } = await eight();
  for (const id of [ids[0], ids[3], ids[4]]) {
    const { status, json } = await get(user, `/api/notifications/${id}`);
    assert.deepEqual([status, json.notification.id, json.unread_count], [200, id, 3]);
  }
  assert.equal((await get(user, `/api/notifications/${ids[3]}`)).json.notification.archived, true);
  await mark(user, 'delete', { ids: [ids[3]] });
  assert.equal((await get(user, `/api/notifications/${ids[3]}`)).status, 404);
  assert.equal((await get(someone(), `/api/notifications/${ids[0]}`)).status, 404);
  assert.equal((await get(user, '/api/notifications/nonsense')).status, 404);
});

check('counts by type and category, and none of what is aside', async () => {
  const { user } = await eight();
  const { unread_count, unseen_count, by_type, by_category } = await belfry.count(user);
  assert.deepEqual([unread_count, unseen_count], [3, 3]);
  assert.deepEqual(by_type, { activity: 1, alert: 2, system: 0 });
  assert.deepEqual(by_category, { work: { unread: 2, unseen: 2 } });
  assert.deepEqual((await belfry.inbox(user)).by_category, by_category);
  const { json } = await mark(user, 'mark-all-read', { category: 'work' });
  assert.equal(json.unread_count, 1);
  assert.deepEqual((await belfry.count(user)).by_category, { work: { unread: 0, unseen: 0 } });
});

check('a broadcast has a category in each inbox', async () => {
  const user = someone();
  await belfry.count(user); // is known from here on
  const answer = await belfry.post('/api/notifications', { to: { all: true }, title: 'to many', category: 'news' }, belfry.apiKey);
  assert.equal(answer.status, 202);
  assert.deepEqual((await belfry.count(user)).by_category, { news: { unread: 1, unseen: 1 } });
  assert.deepEqual(titles((await page(user, '?category=news')).json), ['to many']);
});

check('an inbox has at most 32 categories at one time: one more is refused by name', async () => {
  const user = someone();
  const made = [];
  for (let i = 0; i < 32; i++) made.push(await belfry.create(user, 't', { category: `c${i}` }));
  const create = () => belfry.post('/api/notifications', { to: user, title: 't', category: 'one more' }, belfry.apiKey);
  const { status, json } = await create();
  assert.deepEqual([status, json.field], [409, 'category']);
  await mark(user, 'delete', { id: made[7].id });
  assert.equal((await create()).status, 201);
});

check('count: who has it already is told so (ETag, 304)', async () => {
  const user = someone();
  await belfry.create(user);
  const count = (tag) => belfry.get('/api/notifications/count', belfry.token(user), { headers: tag ? { 'if-none-match': tag } : {} });
  const first = await count();
  assert.equal(first.headers.etag, `"${first.json.epoch}-${first.json.seq}"`);
  const same = await count(first.headers.etag);
  assert.deepEqual([same.status, same.text, same.headers.etag], [304, '', first.headers.etag]);
  assert.equal((await count(`"x", W/${first.headers.etag}`)).status, 304);
  await belfry.create(user);
  const next = await count(first.headers.etag);
  assert.deepEqual([next.status, next.json.unread_count], [200, 2]);
});

check('R10: a snapshot has at least what the client has', async () => {
  const user = someone();
  for (let i = 0; i < 120; i++) await belfry.create(user, `n${i}`);
  const topic = `user:${user}:notifications`;
  for (const [have, want] of [[undefined, 50], [7, 50], [80, 80], [1000, 100]]) {
    const raw = await RawSocket.open(belfry.base, belfry.token(user));
    raw.send(['1', '1', topic, 'phx_join', { have }]);
    const joined = (await raw.reply('1'))[4];
    assert.equal(joined.response.notifications.length, want, `have ${have}`);
    raw.send(['1', '2', topic, 'reconnect', { have }]);
    const sync = await raw.frame('a sync', (frame) => frame[3] === 'notifications:sync');
    assert.equal((await raw.reply('2'))[4].status, 'ok');
    assert.equal(sync[4].recent.length, want, `have ${have}`);
    await raw.close();
  }
});

check('what stands in the query is known and right, or refused by its name', async () => {
  const room = '/api/topics/room%3A7';
  const wrong = [
    ['/api/notifications?user=ann&limt=5', 'limt', /in the query allowed: user before limit cursor status/],
    ['/api/notifications?user=ann&limit=0', 'limit', /from 1 to 100/],
    ['/api/notifications?user=ann&limit=ten', 'limit', /whole number/],
    ['/api/notifications?user=ann&before=-1', 'before', /whole number/],
    ['/api/notifications?user=ann&limit=5&limit=6', 'limit', /twice/],
    ['/api/notifications?user=ann&status=new', 'status', /unread, read or all/],
    ['/api/notifications?user=ann&archived=maybe', 'archived', /true or false/],
    ['/api/notifications?user=ann&%22%0a=1', '??', /not known/],
    ['/api/notifications/count?user=ann&type=alert', 'type', /allowed: user/],
    ['/api/notifications/01M84HBW0X0000000000000001?usr=ann', 'usr', /not known/],
    ['/api/preferences?user=ann&x=1', 'x', /not known/],
    [`${room}/history?after=1`, 'after', /allowed: before limit/],
    [`${room}/members?before=bob`, 'before', /allowed: after limit/],
    [`${room}/presence?cuont=1`, 'cuont', /allowed: count/],
    ['/api/users/ann?full=1', 'full', /nothing is allowed/],
    ['/api/users/ann/export?from=1', 'from', /nothing is allowed/],
    ['/api/erasures/1?x=1', 'x', /nothing/],
    ['/api/node?x=1', 'x', /nothing/],
    ['/api/node/log?x=1', 'x', /nothing/],
    ['/api/node/topics?prefx=a', 'prefx', /allowed: prefix after limit/],
    ['/metrics?x=1', 'x', /nothing/],
  ];
  for (const [at, field, says] of wrong) {
    const { status, json } = await belfry.get(at, belfry.apiKey);
    assert.deepEqual([at, status, json?.field], [at, 400, field]);
    assert.match(json.detail, says);
  }
  const before = (await belfry.count('query')).unread_count;
  for (const [query, field] of [['dryrun=1', 'dryrun'], ['dry_run=perhaps', 'dry_run'], ['dry_run', 'dry_run'], ['dry_run=', 'dry_run'], ['dry_run=1&dry_run=1', 'dry_run']]) {
    const { status, json } = await belfry.post(`/api/notifications?${query}`, { to: 'query', title: 't' }, belfry.apiKey);
    assert.deepEqual([status, json.field], [400, field]);
  }
  assert.equal((await belfry.count('query')).unread_count, before); // nothing was done
  assert.equal((await belfry.get('/api/notifications?user=ann&x=1')).status, 400); // in dev mode anybody
  assert.equal((await belfry.get('/healthz?x=1')).status, 200); // whoever looks whether it lives
  assert.equal((await belfry.get('/api/notifications?user=ann&status=&limit=', belfry.apiKey)).status, 200);
});
