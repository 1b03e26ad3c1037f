// SPDX-License-Identifier: Apache-2.0
/* Started by root, with a data folder of another user: that user's it is, and nobody has root's powers. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Belfry, bin } from '../lib/belfry.mjs';
import { until } from '../lib/until.mjs';

const OWNER = 54321;
const as = ['--reuid', `${OWNER}`, '--regid', `${OWNER}`, '--clear-groups', '--'];
/** What keeps these from being tried. */
const lacks = process.getuid() !== 0 ? 'it takes root'
  : spawnSync('setpriv', [...as, path.join(bin, 'belfry'), 'help']).status !== 0 && 'another user cannot reach the programs';

/** A port that only root may have, where there are such. */
async function lowPort() {
  for (let port = 1023; ; port--) {
    const server = net.createServer();
    const free = await new Promise((resolve) => server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)));
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

let dir, data;
before(() => {
  dir = fs.mkdtempSync('/tmp/b-');
  fs.chmodSync(dir, 0o755);
  data = path.join(dir, 'd');
  fs.mkdirSync(data, { mode: 0o700 });
  if (!lacks) fs.chownSync(data, OWNER, OWNER);
});
after(() => fs.rmSync(dir, { recursive: true }));

const files = (folder) => fs.readdirSync(folder, { withFileTypes: true }).flatMap((one) => {
  const name = path.join(folder, one.name);
  return [name, ...(one.isDirectory() ? files(name) : [])];
});

test('init makes it all for the owner, the settings too', (t) => {
  if (lacks) return t.diagnostic(lacks);
  const conf = path.join(dir, 'belfry.conf');
  const how = spawnSync(path.join(bin, 'belfry'), ['init', '--data', data, '--config', conf], { encoding: 'utf8' });
  assert.equal(how.status, 0, how.stdout + how.stderr);
  for (const name of [conf, ...files(data)]) {
    const is = fs.statSync(name);
    assert.deepEqual([is.uid, is.gid, is.mode & 0o077], [OWNER, OWNER, 0], name);
  }
});

test('all of it is the owner\'s: processes, files, and the key that root adds', async (t) => {
  if (lacks) return t.diagnostic(lacks);
  const port = await lowPort();
  const belfry = await Belfry.start({ data, dev: false, sessions: 1, listen: `127.0.0.1:${port}`, env: { BELFRY_HOOK_CONNECT: 'http://127.0.0.1:9/' } });
  try {
    assert.equal(belfry.base, `http://127.0.0.1:${port}`);
    for (const role of ['serve', 'store', 'broker', 'notifier', 'hook', 'session.0']) {
      const status = fs.readFileSync(`/proc/${await belfry.pid(role)}/status`, 'utf8');
      for (const what of ['Uid', 'Gid']) assert.match(status, new RegExp(`^${what}:(\\s+${OWNER}){4}$`, 'm'), `${role} ${what}`);
      assert.match(status, /^Groups:\s*$/m, role);
      for (const set of ['CapPrm', 'CapEff', 'CapAmb']) assert.match(status, new RegExp(`^${set}:\\s+0+$`, 'm'), `${role} ${set}`);
    }
    const added = await belfry.command('key', 'add', 'shop', '--scopes', 'create');
    assert.equal(added.code, 0, added.stderr);
    await until('the key opens', async () =>
      (await belfry.request('POST', '/api/notifications', { headers: { authorization: `Bearer ${added.stdout.trim()}`, 'content-type': 'application/json' }, body: '{"to":"ann","title":"t"}' })).status === 201);
    for (const name of files(data)) assert.deepEqual([fs.statSync(name).uid, fs.statSync(name).gid], [OWNER, OWNER], name);
    assert.doesNotMatch((await belfry.command('doctor')).stdout, /^(bad +permissions|warn +user)/m);
  } finally {
    await belfry.stop();
  }
});

test('what is another\'s in it is said, and nothing starts', async (t) => {
  if (lacks) return t.diagnostic(lacks);
  fs.chownSync(path.join(data, 'secrets'), 0, 0);
  const how = spawnSync(path.join(bin, 'belfry'), ['serve', '--data', data, '--listen', '127.0.0.1:0'], { encoding: 'utf8' });
  assert.equal(how.status, 100);
  assert.match(how.stderr, new RegExp(`secrets belongs to uid 0, and we are ${OWNER}: chown -R it`));
  fs.chownSync(path.join(data, 'secrets'), OWNER, OWNER);
  fs.chownSync(path.join(data, 'secrets/api.key'), 0, 0);
  assert.match(spawnSync(path.join(bin, 'belfry'), ['doctor', '--data', data], { encoding: 'utf8' }).stdout, /^bad +permissions +\S+api\.key belongs to uid 0/m);
});

test('a process by itself, too', (t) => {
  if (lacks) return t.diagnostic(lacks);
  const how = spawnSync(path.join(bin, 'belfry-store'), ['--data', data, '--ready-fd', '999'], { encoding: 'utf8', env: { ...process.env, BELFRY_STORE_ENDPOINT: 'tcp://127.0.0.1:0' } });
  assert.equal(how.status, 100, 'refused: that is no endpoint, and it is said in its log');
  assert.equal(fs.statSync(path.join(data, 'run/store/log')).uid, OWNER);
});
