// SPDX-License-Identifier: Apache-2.0
/* nginx, HAProxy and Caddy before Belfry, for real, with the configurations of deploy/: what is changed for the
 * test are addresses, certificates, and a second port without TLS. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';

import WS from 'ws';

import { Application } from '../lib/application.mjs';
import { Belfry, root } from '../lib/belfry.mjs';
import { handshake, request } from '../lib/http.mjs';
import { RawPoll, RawSocket } from '../lib/raw.mjs';
import { until, within } from '../lib/until.mjs';

let app; // it is told from where somebody connects
let belfry;
let dir;
const running = [];

/** Two ports that are free, and below those from which connections go out: else one may take it before the proxy does. */
async function freePorts() {
  const held = [];
  while (held.length < 2) {
    const server = net.createServer();
    const port = 15000 + Math.floor(Math.random() * 15000);
    if (await new Promise((done) => server.once('error', () => done(false)).listen(port, '127.0.0.1', () => done(true)))) held.push(server);
  }
  const ports = held.map((one) => one.address().port);
  await Promise.all(held.map((one) => new Promise((done) => one.close(done))));
  return ports;
}

before(async () => {
  app = await Application.start();
  belfry = await Belfry.start({ dev: false, env: {
    BELFRY_SESSION_PROXIES: '127.0.0.1, 10.0.0.1,2001:db8::1', BELFRY_SESSION_ADDRESS_CONNECTIONS: '2', BELFRY_HOOK_CONNECT: `${app.base}/connect`,
  } });
  dir = fs.mkdtempSync('/tmp/b-');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1',
    '-subj', '/CN=belfry.example.com', '-keyout', path.join(dir, 'privkey.pem'), '-out', path.join(dir, 'fullchain.pem')], { stdio: 'ignore' });
  fs.writeFileSync(path.join(dir, 'haproxy.pem'), fs.readFileSync(path.join(dir, 'fullchain.pem')) + fs.readFileSync(path.join(dir, 'privkey.pem')));
});
after(async () => {
  for (const one of running) one.kill('SIGKILL');
  await belfry?.stop();
  await app?.stop();
  if (dir) fs.rmSync(dir, { recursive: true });
});

/** {base, tls}: where the proxy is, without TLS and with it. */
const proxies = {
  async nginx() {
    const [plain, tls] = await freePorts();
    const text = fs.readFileSync(path.join(root, 'deploy/nginx/belfry.conf'), 'utf8')
      .replace('listen 443 ssl;', `listen 127.0.0.1:${tls} ssl; listen 127.0.0.1:${plain};`)
      .replaceAll('/etc/ssl/belfry', dir)
      .replace('/var/log/nginx', dir)
      .replace('127.0.0.1:4000', new URL(belfry.base).host);
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`).join('\n');
    fs.writeFileSync(path.join(dir, 'nginx.conf'), `daemon off;\nmaster_process off;\npid ${dir}/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${temp}\n${text}\n}\n`);
    return { plain, tls, process: spawn('nginx', ['-p', dir, '-c', path.join(dir, 'nginx.conf'), '-e', 'stderr'], { stdio: ['ignore', 'ignore', 'inherit'] }) };
  },
  async haproxy() {
    const [plain, tls] = await freePorts();
    const text = fs.readFileSync(path.join(root, 'deploy/haproxy/belfry.cfg'), 'utf8')
      .replace('maxconn 50000', 'maxconn 500')
      .replace('bind :443 ssl', `bind 127.0.0.1:${plain}\n    bind 127.0.0.1:${tls} ssl`)
      .replaceAll('/etc/ssl/belfry', dir)
      .replace('127.0.0.1:4000', new URL(belfry.base).host);
    fs.writeFileSync(path.join(dir, 'haproxy.cfg'), text);
    return { plain, tls, process: spawn('haproxy', ['-db', '-q', '-f', path.join(dir, 'haproxy.cfg')], { stdio: ['ignore', 'ignore', 'inherit'] }) };
  },
  async caddy() {
    const [plain, tls] = await freePorts();
    const text = fs.readFileSync(path.join(root, 'deploy/caddy/Caddyfile'), 'utf8')
      .replace(/^\{$/m, '{\n\tadmin off\n\tskip_install_trust\n\tauto_https off\n\tdefault_sni belfry.example.com')
      .replace(/^belfry\.example\.com/m, `http://127.0.0.1:${plain} {\n\tbind 127.0.0.1\n\timport belfry\n}\n\nhttps://127.0.0.1:${tls}`)
      .replaceAll('/etc/ssl/belfry', dir)
      .replace('127.0.0.1:4000', new URL(belfry.base).host);
    fs.writeFileSync(path.join(dir, 'Caddyfile'), text);
    const env = { PATH: process.env.PATH, HOME: dir };
    return { plain, tls, process: spawn('caddy', ['run', '--config', path.join(dir, 'Caddyfile'), '--adapter', 'caddyfile'], { env, stdio: ['ignore', 'ignore', 'pipe'] }) };
  },
};

const secure = (port, at) =>
  within('answered by TLS', new Promise((resolve, reject) => {
    https.get({ port, host: '127.0.0.1', path: at, rejectUnauthorized: false, agent: false }, (res) => {
      res.resume();
      resolve(res.statusCode);
    }).on('error', reject);
  }));

for (const [name, start] of Object.entries(proxies))
  test(`${name}: sockets, long-polls and the API; origins; nobody writes an address of their own`, async () => {
    const proxy = await start();
    running.push(proxy.process);
    proxy.process.stderr?.resume();
    const base = `http://127.0.0.1:${proxy.plain}`;
    await until(`${name} serves`, async () => (await request(base, 'GET', '/healthz').catch(() => ({}))).status === 200, 15000);
    const user = `ann-${name}`;
    const token = belfry.token(user);

    const socket = await RawSocket.open(base, token);
    await socket.join(`user:${user}:notifications`);
    const poll = new RawPoll(base, token);
    assert.equal((await poll.start()).json.status, 410);
    await poll.post([['1', '1', `user:${user}:notifications`, 'phx_join', {}]]);
    await poll.frames((frame) => frame[1] === '1');
    const headers = { authorization: `Bearer ${belfry.apiKey}` };
    const made = await request(base, 'POST', '/api/notifications', { headers, body: { to: user, title: 'through it' } });
    assert.equal(made.status, 201);
    await socket.frame('live', (frame) => frame[3] === 'notification:new');
    await poll.frames((frame) => frame[3] === 'notification:new');

    assert.equal(await secure(proxy.tls, '/healthz'), 200);
    const ws = new WS(`wss://127.0.0.1:${proxy.tls}/socket/websocket?vsn=2.0.0&token=${token}`, { rejectUnauthorized: false, origin: `https://127.0.0.1:${proxy.tls}` });
    await within('a WebSocket by TLS', new Promise((resolve, reject) => ws.on('open', resolve).on('error', reject)));
    ws.on('error', () => {}).close();

    const upgrade = async (more) => {
      const { status, socket: taken } = await handshake(base, `/socket/websocket?vsn=2.0.0&token=${token}`, more);
      taken?.destroy();
      return status;
    };
    assert.equal(await upgrade({ origin: base }), 101, 'the Host is passed on');
    assert.equal(await upgrade({ origin: 'https://elsewhere.example' }), 403);
    const taken = [];
    for (let i = 0; i < 4; i++) {
      const one = await handshake(base, `/socket/websocket?vsn=2.0.0&token=${token}`, { 'x-forwarded-for': '203.0.113.7' });
      assert.equal(one.status, 101, 'an address that the client wrote is not counted');
      taken.push(one.socket);
    }
    for (const one of taken) one.destroy();
    assert.equal(app.about(user).at(-1).question.address, '127.0.0.1', 'nor told');
    await socket.close();
    if (name === 'nginx') {
      const log = () => fs.readFileSync(path.join(dir, 'belfry.log'), 'utf8');
      await until('it has logged that', () => /"GET \/socket\/websocket" 101 /.test(log()));
      assert.doesNotMatch(log(), /eyJ/, 'but no token');
    }
  });

/** What the application is told of a client that connects from `from` with these headers. */
let visitors = 0;
function addressOf(from, lines) {
  const user = `v${++visitors}`;
  const { hostname, port } = new URL(belfry.base);
  const socket = net.connect({ host: hostname, port: Number(port), localAddress: from });
  const headers = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', ...lines];
  socket.write(`GET /socket/websocket?vsn=2.0.0&token=${belfry.token(user)} HTTP/1.1\r\nHost: x\r\n${headers.join('\r\n')}\r\n\r\n`);
  return until(`${from} ${lines} is asked about`, () => app.about(user)[0]?.question.address).finally(() => socket.destroy());
}

const PROXY = '127.0.0.1';
const OTHER = '127.0.0.2'; // no proxy of ours
for (const [what, from, values, address] of [
  ['a proxy says who it is', PROXY, ['203.0.113.7'], '203.0.113.7'],
  ['nobody says it', PROXY, [], PROXY],
  ['somebody else says it', OTHER, ['203.0.113.7'], OTHER],
  ['somebody else names a proxy', OTHER, ['203.0.113.7, 10.0.0.1'], OTHER],
  ['a client wrote one, too', PROXY, ['198.51.100.1, 203.0.113.7'], '203.0.113.7'],
  ['a client wrote a line of its own', PROXY, ['198.51.100.1', '203.0.113.7'], '203.0.113.7'],
  ['several proxies', PROXY, ['198.51.100.1,203.0.113.7 ,  10.0.0.1'], '203.0.113.7'],
  ['several proxies, a line each', PROXY, ['203.0.113.7', '2001:db8::1', '10.0.0.1'], '203.0.113.7'],
  ['a client names a proxy', PROXY, ['10.0.0.1, 203.0.113.7'], '203.0.113.7'],
  ['IPv6', PROXY, ['2001:DB8:7::0:7'], '2001:db8:7::7'],
  ['IPv6 through a proxy of IPv6', PROXY, ['2001:db8:7::7, 2001:db8:0::1'], '2001:db8:7::7'],
  ['IPv4 written as IPv6', PROXY, ['::ffff:203.0.113.7, ::ffff:10.0.0.1'], '203.0.113.7'],
  ['a word', PROXY, ['unknown'], PROXY],
  ['a word before a proxy', PROXY, ['198.51.100.1, _hidden, 10.0.0.1'], '10.0.0.1'],
  ['an address with more behind it', PROXY, ['203.0.113.7x'], PROXY],
  ['a number too large', PROXY, ['203.0.113.256'], PROXY],
  ['a text without end', PROXY, [`${'1'.repeat(4000)}`], PROXY],
  ['nothing but commas', PROXY, [', ,,'], PROXY],
])
  test(`X-Forwarded-For: ${what}`, async () => {
    assert.equal(await addressOf(from, values.map((value) => `X-Forwarded-For: ${value}`)), address);
  });
