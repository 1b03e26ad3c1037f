// SPDX-License-Identifier: Apache-2.0
/* Who may do what, in one table: every HTTP call times everyone who may come (matrix_sockets.test.mjs: every
 * push). A call that session/http/routes.c has and the table has not fails the test. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';

import { Belfry, checked, root } from '../lib/belfry.mjs';
import { classes } from '../lib/topics.mjs';
import { everyone, unknown, visitorsOf } from '../lib/visitors.mjs';

let belfry;
const check = checked(() => belfry);
const visitors = {}; // name -> what it brings

before(async () => {
  belfry = await Belfry.start({ dev: false, conf: classes({ 'channel:{id}': { join: 'member', publish: 'member', history: 10, presence: 1 } }) });
  Object.assign(visitors, await visitorsOf(belfry));
});
after(() => belfry?.stop());

/** Who is let in; all others are 403, or 401 if nobody knows them. */
const operators = ['admin', 'root'];
const create = ['service', ...operators, 'key create'];
const publish = ['service', ...operators, 'key publish'];
const read = ['service', ...operators, 'key read'];

/** What may be done to items: the paths of the list in proto/items.h. */
const nothing = '01M84HBW0X0000000000000001';
const list = fs.readFileSync(path.join(root, 'proto/items.h'), 'utf8').match(/define MARKS\(X\)[^]*?\n\n/)[0];
const marks = [...new Set([...list.matchAll(/X\(\w+, "[^"]*", "([^"]*)", "[^"]*", "([^"]*)"\)/g)].flatMap(([, one, all]) => [one, all]))].filter(Boolean);
const bodies = {
  'mark-all-read': { user: 'ann' },
  'archive-all': { user: 'ann' },
  snooze: { user: 'ann', ids: [nothing], until: new Date(Date.now() + 600e3).toISOString() },
};

/** [method and path as in session/http/routes.c, what is asked, body, who is let in]. The inbox is ann's. */
const topic = '/api/topics/channel%3A7';
const calls = [
  ['POST /api/notifications', '/api/notifications', { to: 'ann', title: 't' }, create],
  ['GET /api/notifications', '/api/notifications?user=ann', null, ['ann', ...read]],
  ['GET /api/notifications/count', '/api/notifications/count?user=ann', null, ['ann', ...read]],
  ['GET /api/notifications/{}', `/api/notifications/${nothing}?user=ann`, null, ['ann', ...read]],
  ...marks.map((name) => ['POST /api/notifications/{}', `/api/notifications/${name}`, bodies[name] ?? { user: 'ann', ids: [nothing] }, ['ann', ...create]]),
  ['PATCH /api/notifications/{}', `/api/notifications/${nothing}`, { user: 'ann', title: 't' }, create],
  ['POST /api/notifications/batch', '/api/notifications/batch', { user: 'ann', ops: [{ op: 'mark_all_read' }] }, ['ann', ...create]],
  ['GET /api/preferences', '/api/preferences?user=ann', null, ['ann', ...read]],
  ['PUT /api/preferences', '/api/preferences', { user: 'ann', mute: {} }, ['ann', ...create]],
  ['PATCH /api/publishes/{}', '/api/publishes/01M84HBW0X0000000000000001', { title: 'x' }, create],
  ['DELETE /api/publishes/{}', '/api/publishes/01M84HBW0X0000000000000001', null, create],
  ['POST /api/import', '/api/import', '{"user":"ann","id":"1","title":"t"}\n', operators],
  ['POST /api/topics/{}/publish', `${topic}/publish`, { event: 'said', payload: {} }, publish],
  ['GET /api/topics/{}/history', `${topic}/history`, null, ['ann', ...read]],
  ['GET /api/topics/{}/members', `${topic}/members`, null, read],
  ['POST /api/topics/{}/members', `${topic}/members`, '{"user":"ann"}\n', publish],
  ['PUT /api/topics/{}/members/{}', `${topic}/members/ann`, null, publish],
  ['DELETE /api/topics/{}/members/{}', `${topic}/members/zoe`, null, publish],
  ['GET /api/topics/{}/presence', `${topic}/presence`, null, ['ann', ...read]],
  ['GET /api/users/{}/export', '/api/users/ann/export', null, ['ann', ...operators]],
  ['GET /api/users/{}', '/api/users/ann', null, read],
  ['DELETE /api/users/{}', '/api/users/nemo', null, operators],
  ['GET /api/erasures/{}', '/api/erasures/1', null, operators],
  ['POST /api/users/{}/disconnect', '/api/users/nemo/disconnect', {}, operators],
  ['POST /api/tokens/revoke', '/api/tokens/revoke', { jti: 'nobody has it' }, operators],
  ['GET /healthz', '/healthz', null, everyone],
  ['GET /readyz', '/readyz', null, everyone],
  ['GET /metrics', '/metrics', null, operators],
  ['GET /api/node', '/api/node', null, operators],
  ['GET /api/node/log', '/api/node/log', null, operators],
  ['GET /api/node/topics', '/api/node/topics', null, operators],
];
const socketOrDev = ['/socket/websocket', '/socket/longpoll', '/dev/token', '/dev/kill']; // below; and shut without --dev

check('every route is in the table', () => {
  const source = fs.readFileSync(path.join(root, 'session/http/routes.c'), 'utf8');
  const rows = [...source.matchAll(/^ {4}\{"(\/[^"]+)",\s*HTTP_(\w+)/gm)].filter(([, at]) => !socketOrDev.includes(at));
  assert.ok(rows.length > 10);
  assert.deepEqual(rows.map(([, at, method]) => `${method} ${at.replace(/\{\w+\}/g, '{}')}`).sort(), [...new Set(calls.map(([row]) => row))].sort());
  assert.equal(marks.length, 10);
});

for (const [row, at, body, allowed] of calls)
  check(`${row}: ${at}`, async () => {
    for (const who of everyone) {
      const headers = visitors[who] === undefined ? {} : { authorization: `Bearer ${visitors[who]}` };
      if (body !== null) headers['content-type'] = typeof body === 'string' ? 'application/x-ndjson' : 'application/json';
      const { status } = await belfry.request(row.split(' ')[0], at, { headers, body: body ?? undefined });
      const refused = unknown.includes(who) ? 401 : 403;
      if (allowed.includes(who)) assert.ok(status < 300 || status === 404, `${who}: ${status}`);
      else assert.equal(status, refused, who);
    }
  });

check('without --dev what is for development is not there', async () => {
  for (const who of everyone) {
    assert.equal((await belfry.get('/dev/token?user=ann', visitors[who])).status, 404, who);
    assert.ok([401, 403, 404].includes((await belfry.post('/dev/kill', { role: 'broker' }, visitors[who])).status), who);
  }
});
