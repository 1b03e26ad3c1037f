// SPDX-License-Identifier: Apache-2.0
/* belfry doctor: what is well, what is not, and its exit code. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Application } from '../lib/application.mjs';
import { Belfry, bin } from '../lib/belfry.mjs';
import { until } from '../lib/until.mjs';

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
    assert.match(out, /^bad +fsync +\d+ us for a page: no disk is that fast/m);
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

/** With a machine that is not well, as tests/preload/doctor.c makes it. */
const ill = (what, env = {}) =>
  doctor({ env: { ...env, DOCTOR: what, LD_PRELOAD: path.join(bin, '../tests/preload/doctor.so'), ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0` } });

const sandboxed = /^ok +sandbox +system calls by seccomp, files by Landlock$/m;
const rules = [ // what is wrong, what is said of it, and what otherwise
  ['clock-unset', /^warn +clock +nobody sets it/m, /^ok +clock +is set, to 2 ms/m],
  ['clock-far', /^warn +clock +may be wrong by 3000 ms/m, /^ok +clock +is set/m],
  ['clock-unasked', /^warn +clock +cannot be asked: Operation not permitted/m, /^ok +clock +is set/m],
  ['disk-gone', /^bad +disk .*Input\/output error/m, /^ok +disk .* MB free/m],
  ['disk-nfs', /^bad +disk .*NFS/m, /^ok +disk .* MB free/m],
  ['disk-full', /^warn +disk .* has 0 MB free: soon too few/m, /^ok +disk .* MB free/m],
  ['sync-fails', /^bad +fsync .*Input\/output error/m, /^bad +fsync +\d+ us for a page: no disk is that fast/m],
  ['no-landlock', /^warn +sandbox +no Landlock here:/m, sandboxed],
  ['no-seccomp', /^warn +sandbox +no seccomp here:/m, sandboxed],
  ['no-landlock,no-seccomp', /^warn +sandbox +no Landlock and no seccomp here:/m, sandboxed],
  ['old-zmq', /^warn +libzmq +4\.3\.2: .*CVE-2020-15166/m, /^ok +libzmq +4\.3\.5$/m],
  ['old-crypto', /^warn +libcrypto +3\.0\.6: .*CVE-2022-3602/m, /^ok +libcrypto +3\.0\.15$/m],
  ['no-library', /^bad +libmicrohttpd +is not there[^]*^bad +liblmdb +is not there/m, /^ok +liblmdb +\d/m],
];

test('each rule says the bad thing where it is, and the good one where it is not', async () => {
  const well = await ill('nothing');
  for (const [what, bad, good] of rules.filter(([, , good]) => good !== sandboxed || !bin.includes('asan'))) { // which has none
    assert.match(well.out, good, what);
    assert.doesNotMatch(well.out, bad, what);
    const now = await ill(what);
    assert.match(now.out, bad, what);
    assert.doesNotMatch(now.out, good, what);
    if (bad.source.startsWith('^bad')) assert.equal(now.code, 1, what);
  }
  assert.match(well.out, /^ok +libraries +against what was known on \d{4}-\d\d-\d\d$/m);
});

test('the same of settings', async () => {
  const settings = [
    [{ BELFRY_LISTEN: '0.0.0.0:4000' }, /^warn +tls .*without TLS/m, /^warn +tls +behind a proxy: name it/m],
    [{ BELFRY_SESSION_PROXIES: '127.0.0.1' }, /^ok +tls +behind the proxies 127\.0\.0\.1$/m, /^warn +tls /m],
    [{ BELFRY_SANDBOX: '0' }, /^warn +sandbox +is off/m, /^(?:ok|warn) +sandbox (?! *is off)/m],
    [{ BELFRY_DEV: '1' }, /^warn +dev /m, /^(?!.* dev )/],
    [{ BELFRY_SESSION_ORIGINS: '*' }, /^warn +origins +any page/m, /^(?!.* origins )/],
    [{ BELFRY_STORE_ENDPOINT: 'tcp://127.0.0.1:7001' }, /^ok +bus .*bus\.key: encrypts/m, /^(?!.* bus )/],
  ];
  for (const [env, there, without] of settings) {
    assert.match((await doctor({ env })).out, there);
    assert.doesNotMatch((await doctor()).out, there);
    assert.match((await doctor()).out, without);
  }
});

test('the backlog of the machine', async () => {
  const user = process.getuid() === 0 ? [] : ['--map-root-user'];
  const with_ = (n) => doctor({ under: ['unshare', '--net', ...user, 'sh', '-c', `echo ${n} > /proc/sys/net/core/somaxconn && exec "$@"`, 'sh'] });
  assert.match((await with_(128)).out, /^warn +backlog +net\.core\.somaxconn is 128:/m);
  assert.match((await with_(4096)).out, /^ok +backlog +net\.core\.somaxconn is 4096$/m);
});

test('descriptors: enough, few, and the key between machines that is not there', async () => {
  assert.match((await doctor({ under: ['prlimit', '--nofile=3000'] })).out, /^warn +descriptors +3000 for a process: room for 2700/m);
  assert.match((await doctor({ under: ['prlimit', '--nofile=5000'] })).out, /^ok +descriptors +5000 for a process$/m);
  const key = path.join(data(), 'secrets/bus.key');
  const tcp = { env: { BELFRY_BROKER_IN: 'tcp://127.0.0.1:7002' } };
  fs.chmodSync(key, 0o640);
  assert.match((await doctor()).out, /^bad +permissions +\S*bus\.key has mode 640: others may read it/m);
  fs.writeFileSync(key, 'nonsense');
  assert.match((await doctor(tcp)).out, /^bad +bus .*it is no key/m);
  fs.rmSync(key);
  const { code, out } = await doctor(tcp);
  assert.equal(code, 1);
  assert.match(out, /^bad +bus .*bus\.key: No such file/m);
  assert.equal((await run(['init', '--config', conf()])).code, 0);
  assert.match((await doctor(tcp)).out, /^ok +bus /m);
});

test('what is not there yet, and whose a file is', async () => {
  const planned = await run(['doctor', '--data', path.join(dir, 'planned')]);
  assert.match(planned.out, /^warn +permissions +\S*token\.key: No such file or directory; `belfry init` makes it/m);
  if (process.getuid() !== 0) return;
  const open = fs.mkdtempSync('/tmp/b-');
  fs.chmodSync(open, 0o755);
  const other = path.join(open, 'd');
  assert.equal((await run(['init', '--config', path.join(open, 'conf'), '--data', other])).code, 0);
  const nobody = await run(['doctor', '--data', other], { under: ['setpriv', '--reuid=65534', '--clear-groups', '--'] });
  assert.match(nobody.out, /^bad +permissions .*(belongs to uid 0, and we are 65534|Permission denied)/m);
  assert.doesNotMatch(nobody.out, /^warn +user /m);
  assert.match((await doctor()).out, /^warn +user +root: run Belfry as a user of its own/m);
  fs.rmSync(open, { recursive: true });
});

test('whether it runs', async () => {
  assert.match((await doctor()).out, /^ok +running +not now$/m);
  const belfry = await Belfry.start({ sessions: 1 });
  try {
    assert.match((await run(['doctor', '--data', belfry.data])).out, new RegExp(`^ok +running +the store is process ${await belfry.pid('store')};`, 'm'));
    await belfry.stop();
  } finally {
    belfry.abandon();
  }
});

const KEYS = { keys: [{ kty: 'OKP', crv: 'Ed25519', kid: 'a', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }] };

test('the application that is asked: is it there, is it quick, and can others listen', async (t) => {
  const app = await Application.start();
  t.after(() => app.stop());
  const hooks = async (env) => (await doctor({ env })).out.split('\n').filter((line) => / hooks /.test(line)).join('\n');
  assert.equal(await hooks({}), '');
  assert.match(await hooks({ BELFRY_HOOK_CONNECT: `${app.base}/c` }), /^ok +hooks +hook\/connect: \S+\/c: connected, within \d+ ms of 2000$/);
  assert.equal(app.asked.length, 0, 'it is not asked');
  const both = await doctor({ env: { BELFRY_HOOK_CONNECT: app.base, BELFRY_HOOK_JOIN: 'http://127.0.0.1:1/' } });
  assert.equal(both.code, 1);
  assert.match(both.out, /^ok +hooks +hook\/connect[^]*^bad +hooks +hook\/join: http:\/\/127\.0\.0\.1:1\/: .*onnect.*; nobody gets in by it$/m);
  assert.match(await hooks({ BELFRY_HOOK_JOIN: `https://127.0.0.1:${app.port}/` }), /^bad +hooks +hook\/join: .*(SSL|TLS)/);
  assert.match(await hooks({ BELFRY_HOOK_JOIN: 'http://app.invalid/', BELFRY_HOOK_TIMEOUT_MS: '100' }), /^warn +hooks +hook\/join goes without TLS[^]*\nbad +hooks /);
  assert.match(await hooks({ BELFRY_HOOK_JOIN: 'ftp://127.0.0.1/' }), /^bad +hooks +hook\/join: must be https/);
});

test('the keys that tokens are signed with: in a file, by a URL, and as they were fetched', async (t) => {
  const file = path.join(dir, 'jwks.json');
  const jwks = async (where) => doctor({ env: { BELFRY_AUTH_JWKS: where } });
  for (const [text, want] of [
    [JSON.stringify(KEYS), /^ok +jwks +\S+ has 1 key$/m],
    ['{"keys":[]}', /^bad +jwks +\S+: none of its keys is for/m],
    ['nonsense', /^bad +jwks +\S+: it is not/m],
    [' '.repeat(70000), /^bad +jwks +\S+: it is too large$/m],
  ]) {
    fs.writeFileSync(file, text);
    assert.match((await jwks(file)).out, want);
  }
  const gone = await jwks(path.join(dir, 'gone'));
  assert.match(gone.out, /^bad +jwks +\S+gone: No such file/m);
  const app = await Application.start();
  t.after(() => app.stop());
  app.answer = () => KEYS;
  const { out } = await jwks(`${app.base}/keys`);
  assert.match(out, /^ok +jwks +\S+\/keys has 1 key$/m);
  assert.doesNotMatch(out, /permissions .*\/keys/, 'a URL is no file');
  app.answer = (q, res) => void res.writeHead(404).end('{}');
  assert.match((await jwks(`${app.base}/keys`)).out, /^bad +jwks +\S+: answered with 404$/m);
  app.answer = (q, res) => void res.end('x'.repeat(70000));
  assert.match((await jwks(`${app.base}/keys`)).out, /^bad +jwks +\S+: it is too large$/m);
  assert.match((await jwks('http://127.0.0.1:1/')).out, /^bad +jwks +\S+: .*onnect/m);

  app.answer = () => KEYS;
  const env = { BELFRY_AUTH_JWKS: `${app.base}/keys`, BELFRY_AUTH_JWKS_S: '1' };
  const belfry = await Belfry.start({ sessions: 1, dev: false, env });
  try {
    const now = async () => (await run(['doctor', '--data', belfry.data], { env })).out;
    assert.doesNotMatch(await now(), /^bad +jwks/m);
    app.answer = (q, res) => void res.writeHead(500).end();
    await until('a fetch failed', async () => (await belfry.counter('jwks_failing', 'hook')) === 1, 10000);
    assert.match(await now(), /^bad +jwks +the last fetch failed/m);
    await belfry.stop();
  } finally {
    belfry.abandon();
  }
});
