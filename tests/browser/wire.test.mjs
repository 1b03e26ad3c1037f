// SPDX-License-Identifier: Apache-2.0
/* Rows of the checklist that only a browser shows: 5, 9, 54-56, 60, 65, 66, 68, 74. The phoenix client is the
 * npm package's own file. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { after, before } from 'node:test';

import { chromium } from 'playwright-core';

import { Belfry, checked, topicPath } from '../lib/belfry.mjs';
import { launch, openBrowser, openPage } from '../lib/browser.mjs';
import { blockingProxy } from '../lib/proxy.mjs';
import { classes } from '../lib/topics.mjs';
import { until } from '../lib/until.mjs';

const GONE_MS = { websocket: 4000, longpoll: 10000 }; // stated: at once, and after 5 s where a poll is cut off

const phoenix = fs.readFileSync(new URL('../node_modules/phoenix/priv/static/phoenix.mjs', import.meta.url), 'utf8');

let belfry;
let browser;
let elsewhere; // a page of another origin
let trusted; // an installation whose origins name that page
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start({ conf: classes({ 'room:{id}': { presence: 1 } }) });
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

async function blank(t, base, at = browser) {
  const context = await at.newContext();
  t.after(() => context.close().catch(() => {})); // it may be dead
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
  await page.waitForFunction(() => window.socket.primaryPassedHealthCheck);
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

/** A browser of its own, whose process can be killed. */
async function mortal(t) {
  const server = await chromium.launchServer(launch);
  t.after(() => server.kill());
  return { own: await chromium.connect(server.wsEndpoint()), pid: server.process().pid };
}

for (const [row, what, transport, end] of [
  ['60', 'a tab is closed', 'longpoll', (page) => page.close()],
  ['74', 'a browser is killed', 'websocket', (page, pid) => process.kill(pid, 'SIGKILL')],
])
  check(`row ${row}: ${what}: who was there leaves, ${transport}`, async (t) => {
    const topic = `room:${row}`;
    const count = async () => (await belfry.get(topicPath(topic, 'presence?count=1'), belfry.apiKey)).json.count;
    const { own, pid } = await mortal(t);
    const page = await blank(t, belfry.base, own);
    const before_ = await belfry.counter('polls');
    let polls = 0;
    page.on('request', (request) => (polls += /longpoll.*token=[^&]+$/.test(request.url()) ? 1 : 0));
    const { answer } = await connect(page, '/socket', 'w74', { token: belfry.token('w74'), longpoll: transport === 'longpoll' });
    assert.ok(answer.ok, JSON.stringify(answer));
    await page.evaluate((name) => new Promise((resolve) => { // nothing else comes behind it
      const channel = window.socket.channel(name, {});
      channel.on('presence_state', resolve);
      channel.join();
    }), topic);
    assert.equal(await count(), 1);
    await until('its poll waits', async () => (await belfry.counter('polls')) === before_ + polls);
    await end(page, pid);
    await until('gone', async () => (await count()) === 0, GONE_MS[transport]);
  });
