// SPDX-License-Identifier: Apache-2.0
/* Rows of the checklist that only a browser shows: 5, 9, 54-56, 65, 66, 68. The phoenix client is the
 * npm package's own file. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { openBrowser, openPage } from '../lib/browser.mjs';
import { blockingProxy } from '../lib/proxy.mjs';

const phoenix = fs.readFileSync(new URL('../node_modules/phoenix/priv/static/phoenix.mjs', import.meta.url), 'utf8');

let belfry;
let browser;
let elsewhere; // a page of another origin
let trusted; // an installation whose origins name that page
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start();
  browser = await openBrowser();
  const server = http.createServer((req, res) => {
    if (req.url === '/phoenix.js') {
      res.writeHead(200, { 'content-type': 'text/javascript' });
      res.end(phoenix);
    } else {
      res.writeHead(200, { 'content-type': 'text/html' });
      res.end('<!doctype html><title>elsewhere</title>');
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  elsewhere = { server, base: `http://localhost:${server.address().port}` };
  trusted = await Belfry.start({ env: { BELFRY_SESSION_ORIGINS: elsewhere.base } });
});
after(async () => {
  await browser?.close();
  elsewhere?.server.closeAllConnections();
  elsewhere?.server.close();
  await belfry?.stop();
  await trusted?.stop();
});

async function blank(t, base) {
  const context = await browser.newContext();
  t.after(() => context.close());
  await context.route('**/phoenix.js', (route) => route.fulfill({ contentType: 'text/javascript', body: phoenix }));
  return openPage(context, `${base}/healthz`);
}

/** In the page: a socket with the given options, and what became of it within `ms`. */
function connect(page, mount, user, options) {
  return page.evaluate(async ([url, who, given]) => {
    const { Socket, LongPoll } = await import('/phoenix.js');
    const { longpoll, token, asAuthToken, ...rest } = given;
    const socket = new Socket(url, {
      ...(asAuthToken ? { authToken: token } : { params: { token } }),
      ...(longpoll ? { transport: LongPoll } : {}),
      ...rest,
    });
    window.socket = socket;
    const seen = { opened: 0, errors: 0, closes: [] };
    socket.onOpen(() => seen.opened++);
    socket.onError(() => seen.errors++);
    socket.onClose((event) => seen.closes.push(event.code));
    socket.connect();
    const channel = socket.channel(`user:${who}:notifications`, {});
    const answer = await new Promise((resolve) => {
      channel.join().receive('ok', (response) => resolve({ ok: response })).receive('error', (response) => resolve({ error: response }));
      const look = setInterval(() => {
        if (seen.errors < 3) return;
        clearInterval(look);
        resolve({ failed: true });
      }, 20);
    });
    const conn = socket.conn;
    return { ...seen, answer, protocol: conn?.protocol, isLongPoll: socket.transport === LongPoll };
  }, [mount, user, options]);
}

const wsOf = (base) => `${base.replace(/^http/, 'ws')}/socket`;

check('row 5: authToken opens in Chromium, the subprotocol answered', async (t) => {
  const page = await blank(t, belfry.base);
  const { answer, protocol, opened } = await connect(page, wsOf(belfry.base), 'w5', { token: belfry.token('w5'), asAuthToken: true });
  assert.equal(answer.ok?.unread_count, 0, JSON.stringify(answer));
  assert.deepEqual([protocol, opened], ['phoenix', 1]);
});

check('row 9: a page of another origin is refused on both transports', async (t) => {
  const page = await blank(t, elsewhere.base);
  const options = { token: belfry.token('w9'), reconnectAfterMs: undefined };
  for (const longpoll of [false, true]) {
    const { answer, opened } = await connect(page, wsOf(belfry.base), 'w9', { ...options, longpoll });
    assert.deepEqual([answer, opened], [{ failed: true }, 0], longpoll ? 'long-poll' : 'WebSocket');
    await page.evaluate(() => window.socket.disconnect());
  }
});

check('row 56: long-poll from another origin that is allowed: preflights answered, join works', async (t) => {
  const page = await blank(t, elsewhere.base);
  const preflights = [];
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  session.on('Network.requestWillBeSent', ({ request }) => preflights.push(request.method));
  for (const asAuthToken of [false, true]) {
    const user = `w56${asAuthToken}`;
    const { answer, isLongPoll } = await connect(page, wsOf(trusted.base), user, { token: trusted.token(user), longpoll: true, asAuthToken });
    assert.equal(answer.ok?.unread_count, 0, JSON.stringify(answer));
    assert.equal(isLongPoll, true);
    await page.evaluate(() => window.socket.disconnect());
  }
  assert.ok(preflights.includes('OPTIONS'), String(preflights));
  const websocket = await connect(page, wsOf(trusted.base), 'w56', { token: trusted.token('w56') });
  assert.equal(websocket.answer.ok?.unread_count, 0);
});

check('row 65: healthy: stays on WebSocket, nothing remembered', async (t) => {
  const page = await blank(t, belfry.base);
  const { answer, isLongPoll } = await connect(page, '/socket', 'w65', { token: belfry.token('w65'), longPollFallbackMs: 1000 });
  assert.ok(answer.ok);
  assert.equal(isLongPoll, false);
  await page.waitForFunction(() => window.socket.primaryPassedHealthCheck, null, { timeout: 1000 });
  assert.equal(await page.evaluate(() => sessionStorage.getItem('phx:fallback:LongPoll')), null);
});

for (const way of ['refuse', 'hang'])
  check(`row 66: WebSocket blocked (${way}): long-poll, and the next load starts there`, async (t) => {
    const proxy = await blockingProxy(belfry.base, way);
    t.after(() => proxy.close());
    const page = await blank(t, proxy.base);
    const user = `w66${way}`;
    const options = { token: belfry.token(user), longPollFallbackMs: 600 };
    const { answer, isLongPoll } = await connect(page, '/socket', user, options);
    assert.ok(answer.ok, JSON.stringify(answer));
    assert.equal(isLongPoll, true);
    await page.waitForFunction(() => sessionStorage.getItem('phx:fallback:LongPoll') === 'true');
    const { upgrades } = proxy;
    await page.reload();
    const again = await connect(page, '/socket', user, options);
    assert.deepEqual([again.isLongPoll, proxy.upgrades], [true, upgrades]);
  });

check('row 68: each session process killed: the page stays on WebSocket and is joined', async (t) => {
  const page = await blank(t, belfry.base);
  const { answer } = await connect(page, '/socket', 'w68', { token: belfry.token('w68'), longPollFallbackMs: 2000 });
  assert.ok(answer.ok);
  for (const role of ['session.0', 'session.1']) {
    const pid = await belfry.kill(role);
    await belfry.back(role, pid);
    await page.waitForFunction(() => window.socket.isConnected() && window.socket.channels[0].state === 'joined');
  }
  assert.deepEqual(
    await page.evaluate(() => [window.socket.conn instanceof WebSocket, sessionStorage.getItem('phx:fallback:LongPoll')]),
    [true, null]);
});
