// SPDX-License-Identifier: Apache-2.0
/* Bad input, by every call that writes: what is not known is refused by its name, with what is allowed; each member that is
 * known, with what it cannot be, by its own. Nothing of it is stored. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, bearer, checked } from '../lib/belfry.mjs';
import { classes } from '../lib/topics.mjs';

let belfry;
const check = checked(() => belfry);
const made = {}; // a notification, and the publish that it is of
before(async () => {
  belfry = await Belfry.start({ conf: classes({ 'channel:{id}': { history: 10 } }) });
  const { json } = await belfry.post('/api/notifications', { to: ['ann'], title: 'there' }, belfry.apiKey);
  Object.assign(made, { item: json.notifications[0].id, publish: json.publish });
});
after(() => belfry?.stop());

const id = '01M84HBW0X0000000000000001'; // nobody has it
const byIds = ['mark-read', 'mark-unread', 'mark-seen', 'archive', 'unarchive', 'unsnooze', 'delete'];
const writes = [
  ['POST', '/api/notifications', { to: 'ann', title: 't' }],
  ['PATCH', '/api/notifications/{item}', { user: 'ann', title: 't' }],
  ...byIds.map((name) => ['POST', `/api/notifications/${name}`, { user: 'ann', ids: [id] }]),
  ['POST', '/api/notifications/snooze', { user: 'ann', ids: [id], until: new Date(Date.now() + 600e3).toISOString() }],
  ['POST', '/api/notifications/mark-all-read', { user: 'ann' }],
  ['POST', '/api/notifications/archive-all', { user: 'ann' }],
  ['POST', '/api/notifications/batch', { user: 'ann', ops: [{ op: 'mark_all_read' }] }],
  ['PUT', '/api/preferences', { user: 'ann', mute: {} }],
  ['PATCH', '/api/publishes/{publish}', { title: 'x' }],
  ['POST', '/api/topics/channel%3A7/publish', { event: 'said', payload: {} }],
  ['POST', '/api/tokens/revoke', { user: 'ann' }],
];
/** JSON that no member may be, but for those that say so. */
const wrong = ['{}', '[[]]', '[{"x":[]}]', '-1', '1.5', '5e400', 'truee', `"${'x'.repeat(40000)}"`, '"\\ud800"'];
const may = { data: ['{}'], payload: ['{}'], mute: ['{}'], ops: ['[[]]', '[{"x":[]}]'] }; // a batch says of each what is wrong

const send = (method, path, body) => belfry.request(method, path.replace(/\{(\w+)\}/, (_, name) => made[name]), { body, headers: { 'content-type': 'application/json', ...bearer(belfry.apiKey) } });
const withMember = (good, name, text) => `{${[...Object.entries(good).filter(([key]) => key !== name).map(([key, value]) => `"${key}":${JSON.stringify(value)}`), `"${name}":${text}`].join()}}`;

for (const [method, path, good] of writes)
  check(`${method} ${path}: what it cannot take is refused, by name, and nothing of it is stored`, async () => {
    const from = await belfry.counter('log_head', 'store');
    const unknown = await send(method, path, withMember(good, 'nonsense', '1'));
    assert.deepEqual([unknown.status, unknown.json.field], [400, 'nonsense'], unknown.text);
    const members = new Set([...Object.keys(good), ...unknown.json.detail.match(/allowed: (.+)$/)[1].split(/,? or |, /)]);
    for (const name of members)
      for (const text of wrong.filter((one) => !(may[name] ?? []).includes(one))) {
        const { status, json, text: said } = await send(method, path, withMember(good, name, text));
        assert.equal(status, 400, `${name}: ${text.slice(0, 20)}: ${said}`);
        assert.ok(json.field?.split(/[.[]/)[0] === name || /^(is not JSON|one of [a-z, ]+ must be there)$/.test(json.detail), `${name}: ${text.slice(0, 20)}: ${said}`);
      }
    for (const text of ['', '{', '[]', 'null', '5', '"x"', `${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`])
      assert.ok([400, 411].includes((await send(method, path, text)).status), text.slice(0, 20));
    assert.equal(await belfry.counter('log_head', 'store'), from);
  });
