// SPDX-License-Identifier: Apache-2.0
/* Pages of other hosts: which may connect and use the API, and what a cookie opens. A browser's part is what
 * it sends: Origin, Sec-Fetch-Site, the cookie. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { handshake } from '../lib/http.mjs';

const HOME = 'https://app.example';
let belfry;
const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start({
  dev: false,
  env: { BELFRY_SESSION_ORIGINS: `${HOME},//*.partner.example`, BELFRY_AUTH_COOKIE: 'belfry_token' },
})));
after(() => belfry?.stop());

const own = () => belfry.base; // the origin of a page that we serve
const upgrade = async (headers, query = '') => {
  const { status, socket } = await handshake(belfry.base, `/socket/websocket?vsn=2.0.0${query}`, headers);
  socket?.destroy();
  return status;
};
const poll = async (headers, query = '') => (await belfry.request('GET', `/socket/longpoll?vsn=2.0.0${query}&`, { headers })).json.status;
const ask = (method, path, headers, body) => belfry.request(method, path, { headers, body });
const refused = async () => Number(/belfry_refused_origin_total\{role="session.0"\} (\d+)/.exec((await belfry.get('/metrics', belfry.apiKey)).text)[1])
  + Number(/belfry_refused_origin_total\{role="session.1"\} (\d+)/.exec((await belfry.get('/metrics', belfry.apiKey)).text)[1]);

check('a listed page connects, by socket and by long-poll; another one is refused and counted', async () => {
  const token = `&token=${belfry.token('ann')}`;
  const before_ = await refused();
  for (const origin of [undefined, own(), HOME, 'http://a.partner.example:81', 'https://partner.example']) {
    const headers = origin ? { origin } : {};
    assert.equal(await upgrade(headers, token), 101, origin);
    assert.equal(await poll(headers, token), 410, origin);
  }
  const foreign = ['https://elsewhere.example', 'null', `${HOME}.evil.example`, 'https://evilpartner.example', 'http://app.example'];
  for (const origin of foreign) {
    assert.equal(await upgrade({ origin }, token), 403, origin);
    assert.equal(await poll({ origin }, token), 403, origin);
  }
  assert.equal(await refused(), before_ + 2 * foreign.length);
});

check('the API answers a listed page so that it may read it, and says nothing to others', async () => {
  const authorization = `Bearer ${belfry.token('ann')}`;
  const at = '/api/notifications/count';
  const listed = await ask('GET', at, { authorization, origin: HOME });
  assert.equal(listed.status, 200);
  assert.deepEqual([listed.headers['access-control-allow-origin'], listed.headers.vary, listed.headers['access-control-allow-credentials']], [HOME, 'Origin', 'true']);
  const other = await ask('GET', at, { authorization, origin: 'https://elsewhere.example' });
  assert.equal(other.headers['access-control-allow-origin'], undefined);
  assert.equal(other.headers.vary, 'Origin');
  const wrong = await ask('GET', at, { authorization: 'Bearer nonsense', origin: HOME });
  assert.deepEqual([wrong.status, wrong.headers['access-control-allow-origin']], [401, HOME], 'a page may read what is wrong, too');
  assert.equal((await ask('GET', '/healthz', { origin: HOME })).headers['access-control-allow-origin'], undefined);
});

check('a preflight: yes to a listed page, no to others', async () => {
  const may = (origin) => ask('OPTIONS', '/api/notifications/mark-read', { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' });
  const yes = await may(HOME);
  assert.equal(yes.status, 204);
  assert.equal(yes.headers['access-control-allow-origin'], HOME);
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) assert.match(yes.headers['access-control-allow-methods'], new RegExp(`\\b${method}\\b`));
  for (const name of ['authorization', 'content-type', 'idempotency-key', 'x-belfry-csrf'])
    assert.ok(yes.headers['access-control-allow-headers'].toLowerCase().split(', ').includes(name), name);
  const no = await may('https://elsewhere.example');
  assert.deepEqual([no.status, no.headers['access-control-allow-origin']], [403, undefined]);
  assert.equal((await ask('OPTIONS', '/api/notifications', {})).status, 405, 'no preflight: a method like others');
});

check('a cookie opens a socket for pages that may connect, and for nobody else', async () => {
  const cookie = `other=1; belfry_token=${belfry.token('ann')}`;
  assert.equal(await upgrade({ cookie, origin: own() }), 101);
  assert.equal(await upgrade({ cookie, origin: HOME }), 101);
  assert.equal(await upgrade({ cookie, origin: 'https://elsewhere.example' }), 403);
  assert.equal(await upgrade({ cookie }), 403, 'no browser: it has no use for a cookie');
  assert.equal(await upgrade({ cookie: cookie.replace('belfry_token', 'belfry'), origin: own() }), 403);
  assert.equal(await poll({ cookie }), 410, 'a page of ours asks without an Origin');
  assert.equal(await poll({ cookie, 'sec-fetch-site': 'same-origin' }), 410);
  assert.equal(await poll({ cookie, 'sec-fetch-site': 'cross-site' }), 403, 'an image of another page');
  const service = (await belfry.command('token', '--service')).stdout.trim();
  assert.equal(await upgrade({ cookie: `belfry_token=${service}`, origin: own() }), 403);
  assert.equal(await upgrade({ cookie, origin: own() }, `&token=${belfry.token('bob', { ttl: -9 })}`), 403, 'what is said wins over the cookie');
});

check('a cookie and the API: reading; writing only with the header that no form can send', async () => {
  const cookie = `belfry_token=${belfry.token('cid')}`;
  const write = (headers) => ask('POST', '/api/notifications/mark-all-read', { cookie, ...headers }, {});
  assert.equal((await ask('GET', '/api/notifications/count', { cookie })).status, 200);
  assert.equal((await ask('GET', '/api/notifications/count', { cookie, 'sec-fetch-site': 'cross-site' })).status, 401);
  assert.equal((await ask('GET', '/api/notifications/count', { cookie, origin: 'https://elsewhere.example' })).status, 401);
  assert.equal((await write({ origin: own(), 'x-belfry-csrf': '1' })).status, 200);
  assert.equal((await write({ origin: HOME, 'x-belfry-csrf': '1' })).status, 200);
  const bare = await write({ origin: own() });
  assert.equal(bare.status, 403);
  assert.match(bare.json.detail, /X-Belfry-CSRF/);
  const put = (headers) => ask('PUT', '/api/preferences', { cookie, origin: own(), ...headers }, {});
  assert.equal((await put({})).status, 403);
  assert.equal((await put({ 'x-belfry-csrf': '1' })).status, 200);
  assert.equal((await write({ origin: 'https://elsewhere.example', 'x-belfry-csrf': '1' })).status, 401);
  assert.equal((await write({ 'x-belfry-csrf': '1' })).status, 401, 'a browser says an Origin when it writes');
  const service = (await belfry.command('token', '--service')).stdout.trim();
  assert.equal((await ask('GET', '/api/users/ann', { cookie: `belfry_token=${service}` })).status, 403);
  const twice = await ask('GET', '/api/notifications/count', { cookie: [cookie, 'belfry_token=x'] });
  assert.ok([200, 400].includes(twice.status)); // node joins them; as two headers it is 400
});

check('settings that contradict themselves stop the start', async () => {
  await assert.rejects(Belfry.start({ env: { BELFRY_SESSION_ORIGINS: 'app.example' } }));
  await assert.rejects(Belfry.start({ env: { BELFRY_SESSION_ORIGINS: '*', BELFRY_AUTH_COOKIE: 'x' } }));
});
