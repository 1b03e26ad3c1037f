// SPDX-License-Identifier: Apache-2.0
/* Keys that are fetched from a URL: rotated there, and kept while whoever serves them is away or serves rubbish. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';

import { Application } from '../lib/application.mjs';
import { Belfry, checked } from '../lib/belfry.mjs';
import { RawSocket } from '../lib/raw.mjs';
import { classes } from '../lib/topics.mjs';
import { until } from '../lib/until.mjs';

const conf = classes({ 'room:{id}': { join: 'hook' } });
const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A pair of keys, as whoever signs tokens has it. */
function maker(kid) {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' },
    token(sub = 'ann') {
      const message = `${b64({ alg: 'ES256', kid })}.${b64({ sub, exp: Math.floor(Date.now() / 1000) + 600 })}`;
      return `${message}.${crypto.sign('sha256', Buffer.from(message), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
    },
  };
}

const [old, next] = [maker('old'), maker('next')];
const keys = (...makers) => ({ keys: makers.map((one) => one.jwk) });
let app;
let belfry;
const check = checked(() => belfry);
/** What the URL answers: as an HTTP server with an ETag does; questions of hooks are allowed. */
const serve = (what) => (app.answer = (question, res, { path, headers, reply }) => {
  if (path !== '/jwks') return { allow: true };
  if (typeof what === 'function') return what(res);
  const text = JSON.stringify(what);
  const etag = `"${crypto.createHash('sha256').update(text).digest('hex')}"`;
  if (headers['if-none-match'] === etag) return void res.writeHead(304).end();
  res.setHeader('ETag', etag);
  return void reply(what);
});
const settings = () => ({ BELFRY_AUTH_JWKS: `${app.base}/jwks`, BELFRY_AUTH_JWKS_S: '1', BELFRY_HOOK_JOIN: `${app.base}/join` });
before(async () => {
  app = await Application.start();
  serve(keys(old));
  belfry = await Belfry.start({ dev: false, conf, env: settings() });
});
after(async () => {
  await belfry?.stop();
  await app?.stop();
});

/** Every process says so: sixteen connections in a row, which land on any. */
const always = async (status, token) => {
  for (let i = 0; i < 16; i++) if ((await belfry.get('/api/notifications/count', token)).status !== status) return false;
  return true;
};
const gauge = (name) => belfry.counter(name, 'hook');
const ready = async () => (await belfry.get('/readyz')).json;

check('keys of a URL are there from the start on; a secret of our own besides', async () => {
  await until('let in', () => always(200, old.token()));
  assert.ok(await always(200, belfry.token('ann')));
  assert.ok(await always(401, next.token()));
  assert.equal((await ready()).keys, true);
});

check('what has not changed is not fetched again', async () => {
  const from = app.asked.length;
  await until('it asks by the ETag', () => app.asked.slice(from).some(({ headers }) => headers['if-none-match']));
  assert.equal(await gauge('jwks_failed'), 0);
  assert.ok(await always(200, old.token()));
});

check('keys are rotated there: both, then the new one alone, without a restart', async () => {
  serve(keys(old, next));
  await until('the new key', () => always(200, next.token()));
  assert.ok(await always(200, old.token()));
  serve(keys(next));
  await until('the old key is gone', () => always(401, old.token()));
  assert.ok(await always(200, next.token()));
});

const wrongs = {
  500: (res) => void res.writeHead(500).end('{}'),
  rubbish: (res) => void res.end('{"keys":['),
  'a huge body': (res) => void res.end(JSON.stringify({ ...keys(old), x: 'x'.repeat(70000) })),
  'a redirect': (res) => void res.writeHead(302, { location: '/elsewhere' }).end(),
  'an end of the connection': (res) => void res.destroy(),
};
check('whatever it answers instead, the keys that were fetched last hold; it is seen, and mends itself', async () => {
  for (const [what, answer] of Object.entries(wrongs)) {
    const failed = await gauge('jwks_failed');
    serve(answer);
    await until(`${what} is counted`, async () => (await gauge('jwks_failed')) > failed);
    assert.deepEqual([(await ready()).ready, (await ready()).keys], [true, false], what);
    assert.equal(await gauge('jwks_failing'), 1);
    assert.ok(await always(200, next.token()), what);
    assert.ok(await always(401, old.token()), what);
  }
  assert.equal(app.asked.filter(({ path }) => path === '/elsewhere').length, 0);
  serve(keys(next));
  await until('it mends itself', async () => (await ready()).keys);
});

check('while it says nothing, joins are asked about all the same', async () => {
  let hanging = 0;
  serve(() => void hanging++);
  await until('it hangs', () => hanging > 0);
  const socket = await RawSocket.open(belfry.base, next.token());
  await socket.join('room:1');
  await socket.close();
  assert.ok(await always(200, next.token()));
  serve(keys(next));
});

check('while it is away processes are killed and come back: the keys hold', async () => {
  const { port } = app;
  await app.stop();
  for (const role of ['hook', 'session.0', 'session.1']) {
    const pid = await belfry.kill(role);
    await belfry.back(role, pid, 15000);
  }
  await until('let in', () => always(200, next.token()));
  assert.equal((await ready()).keys, false);
  app = await Application.start({ port });
  serve(keys(old));
  await until('it is back, with other keys', () => always(200, old.token()), 15000);
  assert.ok(await always(401, next.token()));
});

check('a file of them that a power cut left empty keeps no process down: they are fetched again', async () => {
  const run = path.join(belfry.data, 'run/hook');
  const [file] = fs.readdirSync(run).filter((name) => /^jwks\.\w+$/.test(name));
  fs.truncateSync(path.join(run, file), 0);
  for (const role of ['session.0', 'session.1']) await belfry.kill(role);
  await until('they are up, without keys', async () => (await ready()).keys === false && always(401, old.token()));
  await belfry.kill('hook');
  await until('they are fetched again', () => always(200, old.token()), 15000);
});

check('a first start while it is away: not ready, and then it is', async () => {
  await belfry.stop();
  serve(wrongs[500]);
  belfry = await Belfry.start({ dev: false, conf, env: settings() });
  const answer = await belfry.get('/readyz');
  assert.deepEqual([answer.status, answer.json.keys], [503, false]);
  assert.ok(await always(401, old.token()));
  serve(keys(old));
  await belfry.ready(15000);
  assert.ok(await until('let in', () => always(200, old.token())));
});
