// SPDX-License-Identifier: Apache-2.0
/* From one address no more connections than session/address_connections, told by the address itself: so on a
 * network of its own, where clients have other addresses than loopback, which is not counted. It is a network
 * namespace with addresses that nobody else has (RFC 5737, RFC 3849); this file runs once more in there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import net from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Belfry } from '../lib/belfry.mjs';
import { RawSocket } from '../lib/raw.mjs';
import { until, within } from '../lib/until.mjs';

const MOST = 3;
const ADDRESSES = ['192.0.2.7/24', '192.0.2.8/24', '2001:db8:0:1::7/64', '2001:db8:0:1::8/64', '2001:db8:0:1:ffff::9/64', '2001:db8:0:2::7/64'];

if (process.env.OWN_NETWORK) await inside();
else
  test('on a network of its own', () => {
    const user = process.getuid() === 0 ? [] : ['--map-root-user'];
    const set = ['ip link set lo up', ...ADDRESSES.map((one) => `ip addr add ${one} dev lo${one.includes(':') ? ' nodad' : ''}`)].join(' && ');
    const again = `exec '${process.execPath}' --test --test-reporter=tap '${fileURLToPath(import.meta.url)}'`;
    const { NODE_TEST_CONTEXT, ...env } = process.env;
    const ran = spawnSync('unshare', ['--net', ...user, 'sh', '-c', `${set} && ${again}`], { env: { ...env, OWN_NETWORK: '1' }, encoding: 'utf8', timeout: 60000 });
    assert.equal(ran.status, 0, `${ran.stdout}${ran.stderr}`);
    assert.match(ran.stdout, /^# pass 3$/m, ran.stdout);
  });

async function inside() {
  const refused = async (b) => Number(/^belfry_refused_address_total\{role="session.0"\} (\d+)$/m.exec((await b.get('/metrics', b.apiKey)).text)[1]);

  /** A connection from there, kept: what it was answered, or '' when it was cut. */
  const from = (b, localAddress) => {
    const six = localAddress.includes(':');
    const socket = net.connect({ port: Number(new URL(b.base).port), host: six ? '2001:db8:0:1::7' : '192.0.2.7', localAddress });
    return within(`an answer to ${localAddress}`, new Promise((resolve) => {
      socket.on('error', () => {});
      socket.on('data', (part) => resolve({ socket, said: String(part) }));
      socket.on('close', () => resolve({ socket, said: '' }));
      socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    }));
  };

  const address = (name, body) =>
    test(name, async () => {
      const b = await Belfry.start({ listen: '[::]:0', sessions: 1, dev: false, env: { BELFRY_SESSION_ADDRESS_CONNECTIONS: `${MOST}` } });
      try {
        await body(b);
        await b.stop();
      } catch (error) {
        b.print();
        throw error;
      } finally {
        b.abandon();
      }
    });

  /** The first MOST of these are let in, the next ones cut and counted; `other` is served all the same. */
  async function cut(b, same, other) {
    const open = [];
    for (let i = 0; i < MOST; i++) {
      const one = await from(b, same[i % same.length]);
      assert.match(one.said, /^HTTP\/1\.1 200 /, `${same[i % same.length]} is the ${i + 1}th`);
      open.push(one.socket);
    }
    const before = await refused(b);
    for (const again of same) assert.equal((await from(b, again)).said, '', `${again} is one too many`);
    assert.equal(await refused(b), before + same.length);
    const { said, socket } = await from(b, other);
    assert.match(said, /^HTTP\/1\.1 200 /, other);
    socket.destroy();
    open.pop().destroy();
    const last = await until('a free place is used again', async () => {
      const one = await from(b, same[0]);
      return one.said && one;
    });
    assert.equal((await from(b, same[0])).said, '', 'and it was one');
    for (const one of [...open, last.socket]) one.destroy();
  }

  address('IPv4: by address; of loopback any number', async (b) => {
    await cut(b, ['192.0.2.7'], '192.0.2.8');
    const local = await Promise.all(Array.from({ length: 3 * MOST }, () => b.get('/healthz', null, { agent: false })));
    assert.ok(local.every((one) => one.status === 200));
  });

  address('IPv6: by /64', async (b) => {
    await cut(b, ['2001:db8:0:1::7', '2001:db8:0:1::8', '2001:db8:0:1:ffff::9'], '2001:db8:0:2::7');
  });

  address('WebSockets hold their place, and give it back', async (b) => {
    const base = `http://192.0.2.7:${new URL(b.base).port}`;
    const open = [];
    for (let i = 0; i < MOST; i++) open.push(await RawSocket.open(base, b.token('ann')));
    assert.equal((await from(b, '192.0.2.7')).said, '', 'their own address has them all');
    assert.match((await from(b, '192.0.2.8')).said, /^HTTP/);
    await open.pop().close();
    await until('a place', async () => (await from(b, '192.0.2.7')).said);
    for (const one of open) await one.close();
  });
}
