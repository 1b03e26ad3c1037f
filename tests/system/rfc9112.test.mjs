// SPDX-License-Identifier: Apache-2.0
/* HTTP/1.1 as bytes, each case on a connection of its own, and the statuses that must come back, in their
 * order. Never a 5xx for a client's mistake, never a hang, never a dead process. `known` cases are what
 * libmicrohttpd does and we cannot mend from outside; they say what is so, not what should be. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Belfry } from '../lib/belfry.mjs';
import { Wire } from '../lib/bytes.mjs';
import { until } from '../lib/until.mjs';

const HEADER_MS = 1500;
let belfry, pids;
before(async () => {
  belfry = await Belfry.start({ sessions: 1, env: { BELFRY_SESSION_HEADER_MS: `${HEADER_MS}` } });
  pids = (await belfry.status()).processes.map((one) => one.pid);
});
after(() => belfry?.stop());

const GET = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
const get = (...lines) => ['GET /healthz HTTP/1.1', 'Host: x', ...lines, '', ''].join('\r\n');
const post = (lines, body = '') => ['POST /api/notifications HTTP/1.1', 'Host: x', 'Content-Type: application/json', ...lines, '', body].join('\r\n');
const path = (target) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;
const BODY = '{"to":"ann","title":"t"}';
const cases = [];
/** want: the statuses, a number or a list; ends: the server closes by itself. */
const one = (name, bytes, want, how = {}) => cases.push({ name, bytes: [bytes].flat(), want: [want].flat(), ...how });

// ---- conflicting lengths, smuggling ----
const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
for (const [a, b] of [['24', '24'], ['24', '0'], ['0', '24'], ['24', '25'], ['24', ' 24']])
  one(`two Content-Lengths, ${a} and ${b}`, post([`Content-Length: ${a}`, `Content-Length: ${b}`], BODY + smuggled), 400, { ends: true });
for (const value of ['24, 24', '24,25', '-1', '+24', '0x18', '1e1', '24a', 'a', '', '2 4', '24;', '99999999999999999999999', '18446744073709551616', '-24', '24.0'])
  one(`Content-Length "${value}"`, post([`Content-Length: ${value}`], BODY + smuggled), /^\d{20}/.test(value) ? 413 : 400, { ends: true });
for (const value of ['chunked', 'Chunked', 'xchunked', 'identity', 'gzip, chunked', 'chunked, identity', 'chunked;q=1', '\tchunked', ' chunked', '"chunked"', 'chunked, chunked', ''])
  one(`Transfer-Encoding "${value.replace('\t', '\\t')}"`, post([`Transfer-Encoding: ${value}`], `18\r\n${BODY}\r\n0\r\n\r\n`), 411, { ends: true });
one('both lengths', post(['Content-Length: 24', 'Transfer-Encoding: chunked'], BODY + smuggled), 411, { ends: true });
one('both lengths, the other way', post(['Transfer-Encoding: chunked', 'Content-Length: 24'], BODY + smuggled), 411, { ends: true });
one('two Transfer-Encodings', post(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], BODY), 400, { ends: true });
for (const name of ['Transfer-Encoding ', 'Transfer_Encoding\x0b', 'Transfer-Encoding\t', 'Content-Length ', '[x]', 'X Y', 'X\x80', '(x)', 'x/y', 'x@y', 'x,y', '"x"', 'x{', 'x\x01'])
  one(`a header named ${JSON.stringify(name)}`, get(`${name}: 1`), 400, { ends: true });
one('known: a header without a name is passed over by libmicrohttpd', get(': 1'), 200);
one('a header without a colon', get('nothing'), 400, { ends: true });
// libmicrohttpd 0.9.75 would put the second line behind the name, not the value.
for (const [name, first, second] of [['Content-Length', 'Content-Length: 2', ' 4'], ['Content-Length, all of it', 'Content-Length:', '\t24'], ['a name that becomes another', 'Content-: 24', ' Length'], ['any other', 'X: 1', ' 2']])
  one(`a folded line: ${name}`, post([first, second], BODY + smuggled), 400, { ends: true });
one('a folded line: the last one', get('X: 1', ' 2'), 400, { ends: true });
one('a folded line: twice', get('X: 1', ' 2', '\t3', 'Y: 1'), 400, { ends: true });
for (const name of ['Host', 'Origin', 'Authorization', 'Content-Type', 'Expect', 'Idempotency-Key'])
  one(`two of ${name}`, get(`${name}: a`, `${name}: b`), 400, { ends: true });
one('a bare CR in a value', get('X: a\rContent-Length: 24'), 400, { ends: true });
one('a body that is compressed', post(['Content-Encoding: gzip', 'Content-Length: 24'], BODY), 415, { ends: true });
one('a body on GET is passed over', get('Content-Length: 5').concat('hello', GET), [200, 200]);
one('a body larger than allowed', post(['Content-Length: 300000']), 413, { ends: true });
one('a body of a petabyte', post(['Content-Length: 1125899906842624']), 413, { ends: true });

// ---- the request line ----
one('no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400, { ends: true });
for (const method of ['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'POST', 'TRACE', 'CONNECT', 'PATCH', 'get', 'G\x01T', 'X'.repeat(500)])
  one(`method ${method.slice(0, 20)}`, `${method} /healthz HTTP/1.1\r\nHost: x\r\n\r\n`, method === 'HEAD' ? 200 : 405);
for (const [version, status] of [['HTTP/2.0', 505], ['HTTP/0.9', 505], ['HTTP/9.9', 505], ['HTTP/1.2', 200], ...['http/1.1', 'HTTP/1', 'HTTP/', 'HTTPS/1.1', 'x'].map((each) => [each, 400])])
  one(`version ${version}`, `GET /healthz ${version}\r\nHost: x\r\n\r\n`, status);
one('HTTP/1.0', 'GET /healthz HTTP/1.0\r\n\r\n', 200, { ends: true });
one('only line feeds (RFC 9112 2.2 allows it)', 'GET /healthz HTTP/1.1\nHost: x\n\n', 200);
one('empty lines before the request', `\r\n\r\n${GET}`, 200);
one('rubbish', 'hello\r\n\r\n', [], { ends: true });
one('a TLS hello', Buffer.from('16030100a5010000a10303', 'hex'), [], { ends: true, half: true });
one('the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, { ends: true });

// ---- paths: traversal, NUL, percent ----
for (const target of ['/../../etc/passwd', '/..%2f..%2fetc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/....//etc/passwd', '/..\\..\\etc\\passwd', '/..%5cetc', '/%252e%252e/etc/passwd',
  '/%c0%ae%c0%ae/etc/passwd', '//etc/passwd', '/./healthz', '/healthz/', '/healthz/..', '/healthz%00', '/healthz%00.js', '/index.html%00.png', '/%', '/%4', '/%zz', '/%u002e', '/api/topics/%00/history',
  '/secrets/token.key', '/run/store/socket', '/a?%00=%00', '/x;y=z', `/${'a'.repeat(4000)}`])
  one(`path ${target.slice(0, 40)}`, path(target), target.startsWith('/api/') ? 401 : 404);
one('a target of 20,000 bytes', path(`/${'a'.repeat(20000)}`), 414, { ends: true });
for (const n of [200, 1000])
  one(`known: ${n} query members end the connection without an answer, at once`, path(`/healthz?${'a=b&'.repeat(n)}`), [], { ends: true, ms: HEADER_MS / 2 });
for (const target of ['http://x/healthz', 'HTTP://X/healthz', 'https://x/healthz'])
  one(`the absolute form ${target}`, path(target), 200);
one('the absolute form without a path', path('http://x').concat(GET), [200, 200]);
for (const target of ['http://y/healthz', 'http://x:80/healthz', 'http://x@y/healthz', 'http:///healthz', 'http://', 'http://x%00/healthz', 'http://xy/healthz'])
  one(`the absolute form of another host, ${target}`, path(target), 400, { ends: true });
one('the absolute form of another scheme names nothing', path('ftp://x/healthz'), 404);
for (const host of ['a, b', 'a/..@b', 'a@b', 'a b', 'a?b', 'a\\b', '"a"', 'x\x01'])
  one(`Host ${JSON.stringify(host)}`, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 400, { ends: true });
for (const host of ['', 'x:80', '[::1]:4000', '127.0.0.1', 'x_y.z-1'])
  one(`Host "${host}"`, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 200);

// ---- headers without end ----
one('a header of 20,000 bytes', get(`X: ${'a'.repeat(20000)}`), 431, { ends: true });
one('a thousand headers', get(...Array.from({ length: 1000 }, (_, i) => `X-${i}: 1`)), 431, { ends: true });
one('a header name of 20,000 bytes', get(`${'X'.repeat(20000)}: 1`), 431, { ends: true });
one('headers that never end', ['GET /healthz HTTP/1.1\r\n', ...Array.from({ length: 400 }, () => `X: ${'y'.repeat(100)}\r\n`)], 431, { ends: true, maybe: true }); // a reset may overtake it

// ---- pipelining, pieces, slow senders, half-close ----
one('two requests in one segment', GET + GET, [200, 200]);
one('twenty requests in one segment', GET.repeat(20), Array(20).fill(200));
one('a bad one behind a good one', GET + get('X Y: 1'), [200, 400], { ends: true });
one('nothing is served behind a bad one', get('X Y: 1') + GET, 400, { ends: true });
one('byte by byte', [...GET], 200);
one('a request and the end of what is sent', GET, 200, { half: true });
one('half a request and the end', 'GET /healthz HT', [], { half: true, ends: true });
one('nothing and the end', '', [], { half: true, ends: true });
one('half a request, then nothing', 'GET /healthz HT', [], { slow: true, ends: true });
one('half a body, then nothing', post(['Content-Length: 24', 'Authorization: Bearer KEY'], '{"to"'), [], { slow: true, ends: true });
one('Connection: close', get('Connection: close'), 200, { ends: true });

/** The statuses of all answers so far; bodies are skipped by their Content-Length. */
function statuses(text) {
  const all = [];
  for (let at = 0; text.startsWith('HTTP/1.', at);) {
    const end = text.indexOf('\r\n\r\n', at);
    if (end < 0) break;
    all.push(Number(text.slice(at + 9, at + 12)));
    at = end + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(at, end))?.[1] ?? 0);
  }
  return all;
}

async function run({ name, bytes, want, ends, half, slow, maybe, ms = slow ? HEADER_MS + 4000 : 4000 }) {
  const wire = await Wire.open(belfry.base);
  const got = () => statuses(wire.in.toString('latin1'));
  for (const part of bytes) {
    if (wire.closed) break;
    await wire.send(typeof part === 'string' ? Buffer.from(part.replace('KEY', belfry.apiKey), 'latin1') : part);
  }
  if (half) wire.half();
  if (name !== 'method HEAD') await until(`${name}: answers, not ${got()}`, () => got().length >= want.length || wire.ended, ms);
  else await until('an answer', () => wire.in.includes('\r\n\r\n'), ms);
  if (ends) await wire.gone(ms);
  wire.drop();
  const all = got();
  if (maybe && all.length === 0) return;
  assert.deepEqual(all, want);
}

for (const row of cases) test(row.name, () => run(row));

test('every process is the one that it was, and serves', async () => {
  assert.equal((await belfry.get('/readyz')).status, 200);
  assert.deepEqual((await belfry.status()).processes.map((one_) => one_.pid), pids);
});
