// SPDX-License-Identifier: Apache-2.0
/* belfry doctor: what is well, what is not, and its exit code. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { bin } from '../lib/belfry.mjs';

let dir;
before(() => (dir = fs.mkdtempSync('/tmp/b-')));
after(() => fs.rmSync(dir, { recursive: true }));

const run = (args, { env = {}, under = [] } = {}) =>
  new Promise((resolve) => {
    const [program, ...rest] = [...under, path.join(bin, 'belfry'), ...args];
    execFile(program, rest, { env: { ...process.env, ...env }, timeout: 30000 }, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, out: stdout, err: stderr }));
  });
const conf = () => path.join(dir, 'belfry.conf');
const data = () => path.join(dir, 'd');
const doctor = (options) => run(['doctor', '--config', conf()], options);

test('a fresh installation is well', async () => {
  assert.equal((await run(['init', '--config', conf(), '--data', data()])).code, 0);
  const { code, out } = await doctor();
  const bad = [...out.matchAll(/^bad +(\S+)/gm)].map((found) => found[1]).filter((what) => !['disk', 'fsync'].includes(what));
  assert.deepEqual(bad, [], `but for the disk of the machine that tests run on: ${out}`);
  assert.equal(code, /^bad /m.test(out) ? 1 : 0);
  for (const what of ['permissions', 'descriptors', 'fsync', 'libzmq', 'libcrypto', 'liblmdb', 'libmicrohttpd', 'clock', 'backlog', 'tls'])
    assert.match(out, new RegExp(`^(ok|warn|bad) +${what} `, 'm'), what);
  assert.match(out, /^\d+ ok, \d+ to think about, \d+ bad\n$/m);
  assert.deepEqual(fs.readdirSync(path.join(data(), 'store')), [], 'it leaves nothing behind');
});

test('what others may read is bad', async () => {
  const key = path.join(data(), 'secrets/token.key');
  fs.chmodSync(key, 0o644);
  const { code, out } = await doctor();
  assert.equal(code, 1);
  assert.match(out, /^bad +permissions +\S*token\.key has mode 644: others may read it/m);
  fs.chmodSync(key, 0o600);
  fs.chmodSync(conf(), 0o622);
  assert.match((await doctor()).out, /^bad +permissions +\S*belfry\.conf has mode 622: others may change it/m);
  fs.chmodSync(conf(), 0o600);
});

test('descriptors: too few, or fewer than the connections that are wanted', async () => {
  const few = await doctor({ under: ['prlimit', '--nofile=500'] });
  assert.equal(few.code, 1);
  assert.match(few.out, /^bad +descriptors +500 /m);
  const more = await doctor({ under: ['prlimit', '--nofile=5000'], env: { BELFRY_SESSION_CONNECTIONS: '5000' } });
  assert.equal(more.code, 1);
  assert.match(more.out, /^bad +descriptors .*session\/connections is 5000/m);
});

test('a disk that is memory is bad', async (t) => {
  if (!fs.existsSync('/dev/shm')) return t.diagnostic('no /dev/shm here');
  const shm = fs.mkdtempSync('/dev/shm/b-');
  try {
    const { code, out } = await run(['doctor', '--data', shm]);
    assert.equal(code, 1);
    assert.match(out, /^bad +disk .*in memory/m);
    assert.match(out, /^bad +fsync |^ok +fsync /m);
  } finally {
    fs.rmSync(shm, { recursive: true });
  }
});

test('open to the world without TLS, or without keys', async () => {
  assert.match((await doctor({ env: { BELFRY_LISTEN: '0.0.0.0:4000' } })).out, /^warn +tls /m);
  const dev = await doctor({ env: { BELFRY_LISTEN: '0.0.0.0:4000', BELFRY_DEV: '1' } });
  assert.equal(dev.code, 1);
  assert.match(dev.out, /^bad +dev /m);
  assert.match((await doctor({ env: { BELFRY_SESSION_PROXIES: '127.0.0.1' } })).out, /^ok +tls /m);
});
