// SPDX-License-Identifier: Apache-2.0
/* A cookie in a real browser: the page of a listed origin uses it, one of another origin of the same site, to which the
 * browser gives the cookie just as well, cannot. */
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { after, before } from 'node:test';

import { chromium } from 'playwright-core';

import { Belfry, checked } from '../lib/belfry.mjs';
import { launch } from '../lib/browser.mjs';
import { fixture, openFixture } from '../lib/fixture.mjs';
import { unread as shownUnread } from '../lib/live.mjs';
import { until } from '../lib/until.mjs';

const COOKIE = 'belfry_token';
let belfry;
let browser;
let pages; // a server of empty pages, for every host
let tap; // before Belfry: what browsers send to it
let port; // of that
let sent = '';
const check = checked(() => belfry);
const origin = (host) => `http://${host}:${pages.address().port}`;
const listening = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

before(async () => {
  pages = http.createServer((req, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>page</title>'));
  await listening(pages);
  belfry = await Belfry.start({ dev: false, env: { BELFRY_AUTH_COOKIE: COOKIE, BELFRY_SESSION_ORIGINS: origin('app.site.example') } });
  tap = net.createServer((client) => {
    const up = net.connect(Number(new URL(belfry.base).port), '127.0.0.1');
    client.on('data', (part) => (sent += part.toString('latin1').replace(/^(?=GET|POST|OPTIONS)/, '\n')));
    for (const [one, other] of [[client, up], [up, client]]) one.pipe(other).on('error', () => {});
    for (const one of [client, up]) one.on('error', () => (client.destroy(), up.destroy()));
  });
  await listening(tap);
  port = tap.address().port;
  browser = await chromium.launch({ ...launch, args: [...launch.args, '--host-resolver-rules=MAP *.example 127.0.0.1'] });
});
after(async () => {
  await browser?.close();
  await belfry?.stop();
  pages?.close();
  tap?.close();
});

/** A browser that has the user's cookie for Belfry's host. */
async function withCookie(t, user) {
  const context = await browser.newContext();
  t.after(() => context.close());
  await context.addCookies([{ name: COOKIE, value: belfry.token(user), domain: 'api.site.example', path: '/', httpOnly: true, sameSite: 'Lax' }]);
  return context;
}

/** A page of this host there. */
async function open(t, host, user) {
  const context = await withCookie(t, user);
  const page = await context.newPage();
  await page.goto(origin(host));
  await page.evaluate((base) => {
    /** {status, json}, or the error's name. */
    window.ask = (method, path, headers = {}, body, more = {}) =>
      fetch(base + path, { method, headers, body, credentials: 'include', ...more }).then(
        async (res) => ({ status: res.status, json: await res.json().catch(() => null) }), (error) => error.name);
    window.connect = () => new Promise((resolve) => {
      const socket = new WebSocket(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`);
      socket.onerror = () => resolve('refused');
      socket.onopen = () => socket.send(JSON.stringify(['1', '1', `user:${window.user}:notifications`, 'phx_join', {}]));
      socket.onmessage = ({ data }) => resolve(JSON.parse(data)[4]);
    });
  }, `http://api.site.example:${port}`);
  await page.evaluate((name) => (window.user = name), user);
  return page;
}
const ask = (page, ...args) => page.evaluate((all) => window.ask(...all), args);
const MARK = '/api/notifications/mark-all-read';
const COUNT = '/api/notifications/count';
const json = { 'content-type': 'application/json' };
const csrf = { ...json, 'x-belfry-csrf': '1' };
const unread = async (user) => (await belfry.count(user)).unread_count;

check('the listed page: its socket joins, its API is read, and what writes needs the header', async (t) => {
  await belfry.create('ann');
  const page = await open(t, 'app.site.example', 'ann');
  assert.equal((await page.evaluate(() => window.connect())).response.unread_count, 1);
  assert.equal((await ask(page, 'GET', COUNT)).json.unread_count, 1);
  assert.equal((await ask(page, 'POST', MARK, json, '{}')).status, 403);
  assert.equal(await unread('ann'), 1);
  assert.equal((await ask(page, 'POST', MARK, csrf, '{}')).status, 200);
  assert.equal(await unread('ann'), 0);
  assert.equal((await ask(page, 'GET', COUNT, {}, undefined, { credentials: 'omit' })).status, 401, 'it was the cookie');
});

check('the client with the cookie alone: it joins, and what was done without a connection is sent by HTTP', async (t) => {
  for (let i = 0; i < 3; i++) await belfry.create('carl');
  const page = await openFixture(await withCookie(t, 'carl'), `http://api.site.example:${port}`, await fixture('kept'), { user: 'carl' });
  await shownUnread(page, 3);
  await page.evaluate(() => window.live.disconnect());
  await page.evaluate(() => { window.inbox.markRead(window.inbox.getSnapshot().items[0].id); });
  await until('it waits on the disk', () => page.evaluate(async () => (await window.queue.load('carl')).length === 1));
  assert.equal(await page.evaluate(() => window.flush()), true);
  assert.equal(await unread('carl'), 2);
  await page.evaluate(() => window.live.connect());
  await shownUnread(page, 2);
});

/** Whether the browser sent the cookie with what of this page came to Belfry. */
const cookies = (host) => [...sent.matchAll(/^(GET|POST|OPTIONS) (\S+) HTTP\/1\.1\r\n[^]*?\r\n\r\n/gm)]
  .filter(([text]) => text.includes(`Origin: ${origin(host)}\r\n`))
  .map(([text, method, path]) => `${method} ${path.split('?')[0]} ${text.includes(`Cookie: ${COOKIE}=`)}`);

for (const [host, what, gives] of [
  ['evil.site.example', 'another page of the same site, to which the browser gives the cookie', true],
  ['evil.other.example', 'a page of another site', false],
])
  check(`${what}: it opens nothing`, async (t) => {
    await belfry.create(host);
    const page = await open(t, host, host);
    const refused = await belfry.counter('refused_origin');
    assert.equal(await page.evaluate(() => window.connect()), 'refused');
    assert.ok((await belfry.counter('refused_origin')) > refused);
    assert.equal(await ask(page, 'GET', COUNT), 'TypeError', 'it may not read');
    assert.equal(await ask(page, 'POST', MARK, csrf, '{}'), 'TypeError', 'the preflight is refused');
    await ask(page, 'POST', MARK, { 'content-type': 'text/plain' }, '{}', { mode: 'no-cors' });
    const [answer] = await Promise.all([
      page.waitForResponse((one) => one.url().endsWith(MARK)),
      page.evaluate((url) => {
        const form = document.createElement('form');
        Object.assign(form, { method: 'POST', action: url, enctype: 'text/plain' });
        document.body.append(form);
        form.submit();
      }, `http://api.site.example:${port}${MARK}`),
    ]);
    assert.equal(answer.status(), 401, 'a form is not known by the cookie');
    assert.equal(await unread(host), 1);
    const came = cookies(host);
    for (const one of [`GET /socket/websocket ${gives}`, `GET ${COUNT} ${gives}`, `POST ${MARK} ${gives}`, `OPTIONS ${MARK} false`])
      assert.ok(came.includes(one), `${one}: ${came.join('; ')}`);
    assert.ok(!came.includes(`POST ${MARK} ${!gives}`));
  });
