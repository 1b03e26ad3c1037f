// SPDX-License-Identifier: Apache-2.0
/* Tokens that others sign: a JSON Web Key Set with every algorithm, rotated while running; issuer,
 * audience, publish; and a token that comes to its end and is changed for another in place. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';

import { Belfry, checked, signed } from '../lib/belfry.mjs';
import { handshake } from '../lib/http.mjs';
import { answered, both, closing, openSocket, transports } from '../lib/phoenix.mjs';
import { RawSocket } from '../lib/raw.mjs';
import { classes } from '../lib/topics.mjs';
import { until } from '../lib/until.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'belfry-keys-'));
const file = path.join(folder, 'jwks.json');
const kinds = { RS256: ['rsa', { modulusLength: 2048 }], ES256: ['ec', { namedCurve: 'P-256' }], EdDSA: ['ed25519', {}] };
const claims = (more = {}) => ({ sub: 'ann', iss: 'https://id.example', aud: ['other', 'belfry'], exp: Math.floor(Date.now() / 1000) + 600, ...more });
const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A pair of keys, as whoever signs tokens has it. */
function maker(alg, kid) {
  const { publicKey, privateKey } = crypto.generateKeyPairSync(...kinds[alg]);
  return {
    publicKey,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' },
    sign(what, header = { alg, kid }) {
      const message = `${b64(header)}.${b64(what)}`;
      const key = alg === 'ES256' ? { key: privateKey, dsaEncoding: 'ieee-p1363' } : privateKey;
      return `${message}.${crypto.sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(message), key).toString('base64url')}`;
    },
  };
}

function publish(...makers) {
  fs.writeFileSync(`${file}.new`, JSON.stringify({ keys: makers.map((one) => one.jwk) }));
  fs.renameSync(`${file}.new`, file);
}

const makers = Object.fromEntries(Object.keys(kinds).map((alg) => [alg, maker(alg, `key-${alg}`)]));
let belfry;
const check = checked(() => belfry);
before(async () => {
  publish(...Object.values(makers));
  belfry = await Belfry.start({
    dev: false,
    conf: classes({ 'room:{id}': { join: 'token', publish: 'token' }, 'channel:{id}': { join: 'token', publish: 'token', history: 10 } }),
    env: { BELFRY_AUTH_JWKS: file, BELFRY_AUTH_ISSUER: 'https://id.example', BELFRY_AUTH_AUDIENCE: 'belfry' },
  });
});
after(async () => {
  await belfry?.stop();
  fs.rmSync(folder, { recursive: true });
});

const count = async (token, user = '') => (await belfry.get(`/api/notifications/count${user}`, token)).status;
/** Every process says so: sixteen connections in a row, which land on any. */
const always = async (status, token) => {
  for (let i = 0; i < 16; i++) if ((await count(token())) !== status) return false;
  return true;
};
const upgrade = async (token) => (await handshake(belfry.base, `/socket/websocket?vsn=2.0.0&token=${encodeURIComponent(token)}`)).status;

for (const [alg, one] of Object.entries(makers))
  check(`${alg}: what the key signed is let in, by HTTP and by socket; nothing else is`, async () => {
    const good = one.sign(claims());
    assert.equal(await count(good), 200);
    const socket = await RawSocket.open(belfry.base, good);
    assert.equal((await socket.join('user:ann:notifications')).unread_count, 0);
    await socket.close();
    assert.equal(await count(one.sign(claims(), { alg })), 200, 'without a kid each key is tried');
    const spki = one.publicKey.export({ type: 'spki', format: 'pem' });
    const bad = {
      'the public key as a secret': signed(spki, claims()),
      'the public key as a secret, by its kid': `${b64({ alg: 'HS256', kid: `key-${alg}` })}.${b64(claims())}.${crypto.createHmac('sha256', spki).update(`${b64({ alg: 'HS256', kid: `key-${alg}` })}.${b64(claims())}`).digest('base64url')}`,
      none: `${b64({ alg: 'none' })}.${b64(claims())}.`,
      'another kid': one.sign(claims(), { alg, kid: 'key-other' }),
      'a key that is not published': maker(alg, `key-${alg}`).sign(claims()),
      'another alg in the header': one.sign(claims(), { alg: alg === 'RS256' ? 'RS512' : 'RS256', kid: `key-${alg}` }),
      'another issuer': one.sign(claims({ iss: 'https://evil.example' })),
      'no issuer': one.sign(claims({ iss: undefined })),
      'another audience': one.sign(claims({ aud: ['other'] })),
      'not yet': one.sign(claims({ nbf: Math.floor(Date.now() / 1000) + 60 })),
      expired: one.sign(claims({ exp: Math.floor(Date.now() / 1000) - 1 })),
      'no end': one.sign(claims({ exp: undefined })),
    };
    for (const [what, token] of Object.entries(bad)) {
      assert.equal(await count(token), 401, what);
      assert.equal(await upgrade(token), 403, what);
    }
  });

check('tokens that belfry token prints name the issuer and the audience', async () => {
  const { stdout } = await belfry.command('token', '--user', 'dora');
  assert.equal(await count(stdout.trim()), 401, 'the command had no such setting');
  const own = signed(belfry.secret(), claims({ sub: 'dora' }));
  assert.equal(await count(own), 200);
});

check('role service and admin reach every inbox', async () => {
  for (const role of ['service', 'admin'])
    assert.equal(await count(makers.ES256.sign(claims({ sub: undefined, role })), '?user=ann'), 200, role);
});

check('keys are rotated while running: the new one is let in, the old one no longer; a broken file changes nothing', async () => {
  const next = maker('ES256', 'key-next');
  publish(...Object.values(makers), next);
  await until('the new key', () => always(200, () => next.sign(claims())));
  assert.equal(await count(makers.ES256.sign(claims())), 200);
  publish(next);
  await until('the old key is gone', () => always(401, () => makers.ES256.sign(claims())));
  fs.writeFileSync(`${file}.new`, '{"keys":[');
  fs.renameSync(`${file}.new`, file);
  const failed = async () => Number(/belfry_keys_failed_total\S* (\d+)/.exec((await belfry.get('/metrics', belfry.apiKey)).text)?.[1] ?? 0);
  await until('the failure is counted', async () => (await failed()) > 0);
  assert.equal(await count(next.sign(claims())), 200, 'the last good keys hold');
  fs.rmSync(file);
  await until('a missing file is counted, too', async () => (await failed()) > 1);
  assert.equal(await count(next.sign(claims())), 200);
  publish(...Object.values(makers));
  await until('the first keys are back', () => always(200, () => makers.RS256.sign(claims())));
});

check('a start with a broken file of keys is refused', async () => {
  const bad = path.join(folder, 'bad.json');
  fs.writeFileSync(bad, '{"keys":[]}');
  await assert.rejects(Belfry.start({ env: { BELFRY_AUTH_JWKS: bad } }));
});

for (const version of both)
  for (const transport of transports)
    check(`publish and topics are claims of their own, ${version}, ${transport}`, async (t) => {
      const token = makers.EdDSA.sign(claims({ topics: ['room:a', 'channel:{id}'], publish: ['room:a'] }));
      const tab = openSocket(belfry.base, { version, transport, token });
      closing(t, tab);
      tab.socket.connect();
      const join = async (topic) => {
        const channel = tab.socket.channel(topic, {});
        return [channel, await answered(channel.join())];
      };
      const [room, joined] = await join('room:a');
      assert.equal(joined.status, 'ok');
      const [channel, also] = await join('channel:7');
      assert.equal(also.status, 'ok');
      assert.equal((await join('room:b'))[1].response.reason, 'unauthorized');
      assert.equal((await answered(room.push('said', {}))).status, 'ok');
      assert.deepEqual(await answered(channel.push('said', {})), { status: 'error', response: { reason: 'unauthorized' } });
    });

const access = (socket, token, ref) => {
  socket.send([null, ref, 'phoenix', 'access_token', { token }]);
  return socket.reply(ref);
};

check('a minute before its token ends a client is told, changes it in place, and stays', async () => {
  const now = Math.floor(Date.now() / 1000);
  const socket = await RawSocket.open(belfry.base, makers.RS256.sign(claims({ exp: now + 3, topics: ['room:a', 'room:b'] })));
  await socket.join('user:ann:notifications', '1');
  await socket.join('room:a', '2');
  await socket.join('room:b', '3');
  const told = await socket.frame('the warning', (frame) => frame[3] === 'token_expiring');
  assert.deepEqual(told.slice(0, 3), [null, null, 'phoenix']);
  assert.equal(Date.parse(told[4].expires_at), (now + 3) * 1000);
  const bad = {
    'another user': [makers.RS256.sign(claims({ sub: 'bob' })), "the token is another user's"],
    'a service': [makers.RS256.sign(claims({ role: 'service' })), "the token is another user's"],
    nonsense: ['nonsense', 'malformed'],
    expired: [makers.RS256.sign(claims({ exp: now - 5 })), 'expired'],
    nothing: [undefined, 'token must be given'],
  };
  let ref = 10;
  for (const [what, [token, reason]] of Object.entries(bad)) {
    const [, , , , { status, response }] = await access(socket, token, String(ref++));
    assert.deepEqual([status, response.reason], ['error', reason], what);
  }
  const [, , , , good] = await access(socket, makers.RS256.sign(claims({ exp: now + 600, topics: ['room:b'] })), String(ref++));
  assert.equal(good.status, 'ok');
  const closed = socket.frames.map((text) => JSON.parse(text)).filter((frame) => frame[3] === 'phx_close');
  assert.deepEqual(closed.map((frame) => frame[2]), ['room:a'], 'the new token does not name it');
  await until('the first token would have ended', () => Date.now() > (now + 5) * 1000, 8000);
  assert.equal((await socket.rest()).filter((frame) => frame[3] === 'token_expiring').length, 0);
  assert.equal(socket.code, null);
  await belfry.create('ann', 'still here');
  await socket.frame('a notification', (frame) => frame[3] === 'notification:new');
  await socket.close();
});

check('a page hears of it through phoenix.js, on both transports', async (t) => {
  for (const transport of transports) {
    const now = Math.floor(Date.now() / 1000);
    const tab = openSocket(belfry.base, { transport, token: makers.ES256.sign(claims({ exp: now + 30 })) });
    closing(t, tab);
    const heard = [];
    tab.socket.onMessage((message) => heard.push(message));
    tab.socket.connect();
    await until(`the warning, ${transport}`, () => heard.some((one) => one.event === 'token_expiring'));
    const ref = tab.socket.makeRef();
    tab.socket.push({ topic: 'phoenix', event: 'access_token', payload: { token: makers.ES256.sign(claims()) }, ref });
    const reply = await until('its answer', () => heard.find((one) => one.ref === ref));
    assert.equal(reply.payload.status, 'ok');
  }
});
