// SPDX-License-Identifier: Apache-2.0
/* The named keys of back ends: made, used as far as their scopes go, and revoked, all while running. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';

import { Belfry, checked, topicPath } from '../lib/belfry.mjs';
import { classes } from '../lib/topics.mjs';
import { until } from '../lib/until.mjs';

let belfry;
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start({ dev: false, conf: classes({ 'channel:{id}': { join: 'member', publish: 'member', history: 10 } }) });
});
after(() => belfry?.stop());

const file = () => path.join(belfry.data, 'secrets', 'api.keys');
async function add(name, scopes) {
  const { code, stdout, stderr } = await belfry.command('key', 'add', name, ...(scopes ? ['--scopes', scopes] : []));
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^bk_[\w-]{43}\n$/, 'the key and nothing else');
  return stdout.trim();
}
/** One call for each scope: [scope, what it is answered with]. */
const calls = (key) => [
  ['create', () => belfry.post('/api/notifications', { to: 'ann', title: 't' }, key)],
  ['create', () => belfry.post('/api/notifications/mark-all-read', { user: 'ann' }, key)],
  ['publish', () => belfry.post(topicPath('channel:7', 'publish'), { event: 'message.create', payload: {} }, key)],
  ['publish', () => belfry.request('PUT', topicPath('channel:7', 'members/ann'), { headers: { authorization: `Bearer ${key}` } })],
  ['read', () => belfry.get('/api/notifications?user=ann', key)],
  ['read', () => belfry.get(topicPath('channel:7', 'history'), key)],
  ['read', () => belfry.get(topicPath('channel:7', 'members'), key)],
  ['read', () => belfry.get('/api/users/ann', key)],
  ['admin', () => belfry.get('/metrics', key)],
  ['admin', () => belfry.post('/api/users/nobody/disconnect', {}, key)],
];
/** Files of keys that could not be read, of all processes. */
const failures = async (key = belfry.apiKey) =>
  [...(await belfry.get('/metrics', key)).text.matchAll(/^belfry_keys_failed_total\S* (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
/** Sixteen connections in a row, which land on any process. */
const always = async (status, key) => {
  for (let i = 0; i < 16; i++) if ((await belfry.post('/api/notifications', { to: 'ann', title: 't' }, key)).status !== status) return false;
  return true;
};

check('a key reaches what its scopes say, admin everything; what else is 403', async () => {
  const keys = {};
  for (const scopes of ['create', 'publish', 'read', 'create,read', 'admin']) keys[scopes] = await add(scopes.replace(',', '-'), scopes);
  await until('they are known', async () => {
    for (let i = 0; i < 16; i++) if ((await belfry.get('/metrics', keys.admin)).status !== 200) return false;
    return true;
  });
  for (const [scopes, key] of Object.entries(keys))
    for (const [scope, call] of calls(key)) {
      const { status } = await call();
      const may = scopes === 'admin' || scopes.split(',').includes(scope);
      assert.ok(may ? status < 300 : status === 403, `${scopes}, ${scope}: ${status}`);
    }
});

check('a service token reaches all but what is for operators', async () => {
  const { stdout } = await belfry.command('token', '--service');
  for (const [scope, call] of calls(stdout.trim())) assert.equal((await call()).status < 300, scope !== 'admin', scope);
});

check('a revoked key is 401 within a second; another takes its name; the others hold', async () => {
  const old = await add('shop'); // create is what a key may when nothing is said
  const other = await add('other');
  await until('they are known', async () => (await always(201, old)) && (await always(201, other)));
  assert.equal((await belfry.command('key', 'revoke', 'shop')).code, 0);
  const from = Date.now();
  await until('it is refused', () => always(401, old));
  assert.ok(Date.now() - from < 2500);
  const fresh = await add('shop');
  await until('the new one is known', () => always(201, fresh));
  assert.notEqual(fresh, old);
  assert.equal(await always(401, old), true);
  assert.equal(await always(201, other), true);
});

check('they are listed without the keys; the file keeps hashes, for its owner only', async () => {
  const key = await add('listed', 'publish,read');
  const { stdout } = await belfry.command('key', 'list');
  assert.match(stdout, /^listed publish,read \d{4}-\d\d-\d\dT[\d:.]+Z$/m);
  assert.ok(!stdout.includes(key) && !fs.readFileSync(file(), 'utf8').includes(key.slice(3)));
  assert.equal(fs.statSync(file()).mode & 0o777, 0o600);
});

check('a wrong use says what is allowed, and changes nothing', async () => {
  const was = fs.readFileSync(file(), 'utf8');
  const wrong = [['add'], ['list', 'x'], ['revoke'], ['add', 'a b'], ['add', 'listed'], ['add', 'x', '--scopes', 'write'], ['revoke', 'listed', '--scopes', 'read'], ['nonsense']];
  for (const words of wrong) assert.equal((await belfry.command('key', ...words)).code, 100, words.join(' '));
  assert.equal((await belfry.command('key', 'revoke', 'unheard-of')).code, 1);
  assert.equal(fs.readFileSync(file(), 'utf8'), was);
});

check('another first key in its file holds without a restart; what is none changes nothing', async () => {
  const first = path.join(belfry.data, 'secrets', 'api.key');
  const old = belfry.apiKey;
  const pids = await Promise.all(['session.0', 'session.1'].map((role) => belfry.pid(role)));
  const put = (text) => {
    fs.writeFileSync(`${first}.new`, text, { mode: 0o600 });
    fs.renameSync(`${first}.new`, first);
  };
  const fresh = 'another-first-key-of-these-tests-0';
  put(`${fresh}\n`);
  await until('the new one opens, and the old one does not', async () => (await always(201, fresh)) && always(401, old));
  assert.equal((await belfry.command('notify', 'ann', 'Hello')).code, 0);
  const before = await failures();
  put('short');
  await until('each process counts that', async () => (await failures(fresh)) === before + 2);
  assert.ok(await always(201, fresh));
  put(old);
  await until('it is the old one again', () => always(201, old));
  assert.deepEqual(await Promise.all(['session.0', 'session.1'].map((role) => belfry.pid(role))), pids, 'nobody was restarted');
});

check('a file that somebody spoilt changes nothing, and is counted', async () => {
  const key = await add('steady');
  await until('it is known', () => always(201, key));
  const good = fs.readFileSync(file(), 'utf8');
  const before = await failures();
  fs.writeFileSync(file(), 'steady nonsense\n');
  await until('the failure is counted', async () => (await failures()) > before);
  assert.equal(await always(201, key), true);
  assert.equal((await belfry.command('key', 'list')).code, 100, 'the command says so, too');
  fs.writeFileSync(file(), good);
});
