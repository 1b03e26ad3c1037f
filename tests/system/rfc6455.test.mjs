// SPDX-License-Identifier: Apache-2.0
/* RFC 6455 by families, each case on a connection of its own: what a client sends byte for byte, and
 * what must come of it: `ok`: the heartbeat behind it is answered; or a close code.
 * At the end an honest client, who was there all the time, has missed nothing, and nobody has died. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Belfry } from '../lib/belfry.mjs';
import { frame, HandSocket, Wire } from '../lib/bytes.mjs';
import { RawSocket } from '../lib/raw.mjs';
import { until } from '../lib/until.mjs';

const MESSAGE = 65536; // session/message_bytes
const TEXT = 1, BINARY = 2, CONTINUED = 0, CLOSE = 8, PING = 9, PONG = 10;

let belfry, honest, pids;
before(async () => {
  belfry = await Belfry.start({ sessions: 1 });
  honest = await RawSocket.open(belfry.base, belfry.token('honest'));
  await honest.join('user:honest:notifications');
  pids = (await belfry.status()).processes.map((one) => one.pid);
});
after(() => belfry?.stop());

const beat = (ref = 'h', extra = '') => JSON.stringify([null, ref, 'phoenix', 'heartbeat', extra ? { x: extra } : {}]);
const sized = (n) => beat('h', 'x'.repeat(n - beat('h', 'x').length + 1));
const cut = (text, ...at) => {
  const bytes = Buffer.from(text);
  return [0, ...at].map((from, i) => bytes.subarray(from, at[i] ?? bytes.length));
};
const code = (number, reason = '') => Buffer.concat([Buffer.from([number >> 8, number & 255]), Buffer.from(reason)]);
/** A text message in these pieces. */
const pieces = (parts, first = TEXT) =>
  parts.map((part, i) => frame(i === 0 ? first : CONTINUED, part, { fin: i === parts.length - 1 }));
const hex = (text) => Buffer.from(text.replace(/ /g, ''), 'hex');
/** A heartbeat's text with these bytes within a string of it. */
const withBytes = (bytes) => Buffer.concat([Buffer.from('[null,"h","phoenix","heartbeat",{"x":"'), hex(bytes), Buffer.from('"}]')]);

const cases = [];
/** name, what is sent (one piece of bytes, or several), what comes of it. */
const one = (name, bytes, want, how = {}) => cases.push({ name, bytes: [bytes].flat(), want, ...how });

// ---- framing ----
one('text in one frame', frame(TEXT, beat()), 'ok');
one('two messages in one segment', Buffer.concat([frame(TEXT, beat('a')), frame(TEXT, beat())]), 'ok');
one('a hundred messages in one segment', Buffer.concat(Array.from({ length: 100 }, () => frame(TEXT, beat()))), 'ok');
for (let rsv = 1; rsv < 8; rsv++) one(`RSV bits ${rsv} on text`, frame(TEXT, beat(), { rsv }), 1002);
for (const rsv of [1, 2, 4]) one(`RSV bits ${rsv} on a ping`, frame(PING, '', { rsv }), 1002);
for (const rsv of [1, 2, 4]) one(`RSV bits ${rsv} on a continuation`, [frame(TEXT, '[', { fin: false }), frame(CONTINUED, ']', { rsv })], 1002);
for (const opcode of [3, 4, 5, 6, 7]) one(`reserved opcode ${opcode}`, frame(opcode, 'x'), 1002);
for (const opcode of [11, 12, 13, 14, 15]) one(`reserved control opcode ${opcode}`, frame(opcode, 'x'), 1002);
for (const opcode of [3, 11]) one(`reserved opcode ${opcode} behind a good message`, [frame(TEXT, beat()), frame(opcode)], 1002);
for (const opcode of [3, 11]) one(`reserved opcode ${opcode} in a fragmented message`, [frame(TEXT, '[', { fin: false }), frame(opcode)], 1002);
one('an empty text', frame(TEXT, ''), 1008);
one('an empty binary', frame(BINARY, ''), 1008);
one('text that is no JSON', frame(TEXT, 'hello'), 1008);
one('an object where an array is due', frame(TEXT, '{}'), 1008);
one('an array of four', frame(TEXT, '[null,"h","phoenix","heartbeat"]'), 1008);
one('JSON with a NUL byte', frame(TEXT, '[null,"h","phoenix","heartbeat",{}]\0'), 1008);
one('JSON nested 63 deep', frame(TEXT, `[null,"h","phoenix","heartbeat",${'['.repeat(63)}${']'.repeat(63)}]`), 'ok');
one('JSON nested 10,000 deep', frame(TEXT, `[null,"h","phoenix","heartbeat",${'['.repeat(10000)}${']'.repeat(10000)}]`), 1008);
one('binary that is no push', frame(BINARY, hex('01020304')), 1008);
one('a binary push whose size is beyond its end', frame(BINARY, hex('00 ff 00 00 00 61')), 1008);
one('a binary push on a topic nobody joined', frame(BINARY, Buffer.concat([hex('00 01 01 03 01'), Buffer.from('12x:1e')])), 'ok');

// ---- masking ----
one('text without a mask', frame(TEXT, beat(), { masked: false }), 1002);
one('binary without a mask', frame(BINARY, 'x', { masked: false }), 1002);
one('a ping without a mask', frame(PING, '', { masked: false }), 1002);
one('a pong without a mask', frame(PONG, '', { masked: false }), 1002);
one('a close without a mask', frame(CLOSE, code(1000), { masked: false }), 1002);
one('a continuation without a mask', [frame(TEXT, '[', { fin: false }), frame(CONTINUED, ']', { masked: false })], 1002);
one('the second message without a mask', [frame(TEXT, beat()), frame(TEXT, beat(), { masked: false })], 1002);
for (const mask of ['00000000', 'ffffffff', '00ff00ff', '5b5b5b5b', '01020304'])
  one(`a mask of ${mask}`, frame(TEXT, beat(), { masked: hex(mask) }), 'ok');
for (const n of [0, 1, 2, 3, 4, 5, 6, 7])
  one(`a mask over a payload that ends ${n} bytes behind a word`, frame(TEXT, beat('h', 'x'.repeat(8 + n))), 'ok');

// ---- lengths ----
for (const n of [124, 125, 126, 127, 128, 129, 1000, 4095, 4096, 4097, 16384, 65534, 65535, MESSAGE])
  one(`a message of ${n} bytes`, frame(TEXT, sized(n)), 'ok');
one('a message of one byte more than allowed', frame(TEXT, sized(MESSAGE + 1)), 1009);
one('a message of 1 MB', frame(TEXT, sized(1 << 20)), 1009);
one('a message above the limit in two pieces', pieces(cut(sized(MESSAGE + 1), 40000)), 1009);
one('a message above the limit in a hundred pieces', pieces(cut(sized(MESSAGE + 1), ...Array.from({ length: 99 }, (_, i) => (i + 1) * 600))), 1009);
for (const n of [0, 1, 125])
  one(`length ${n} written in 2 bytes`, frame(PING, 'x'.repeat(n), { size: 2 }), 1002);
for (const n of [0, 125, 126, 65535])
  one(`length ${n} written in 8 bytes`, frame(TEXT, 'x'.repeat(n), { size: 8 }), 1002);
for (const n of [0, 1, 125])
  one(`text of length ${n} written in 2 bytes`, frame(TEXT, 'x'.repeat(n), { size: 2 }), 1002);
one('a length of 2^63', frame(TEXT, '', { size: 8, claim: 1n << 63n }), 1002);
one('a length of 2^64 - 1', frame(TEXT, '', { size: 8, claim: (1n << 64n) - 1n }), 1002);
for (const claim of [1n << 31n, 1n << 32n, 1n << 40n, (1n << 63n) - 1n])
  one(`a length of ${claim}`, frame(TEXT, 'x', { size: 8, claim }), 1009);

// ---- control frames ----
for (const n of [0, 1, 8, 124, 125]) one(`a ping of ${n} bytes`, frame(PING, 'p'.repeat(n)), 'ok', { pong: 'p'.repeat(n) });
one('a ping of bytes that are no UTF-8', frame(PING, hex('ff fe 00 80')), 'ok', { pong: hex('ff fe 00 80') });
one('ten pings in one segment', Buffer.concat(Array.from({ length: 10 }, (_, i) => frame(PING, `${i}`))), 'ok', { pong: '9' });
for (const opcode of [PING, PONG]) {
  one(`a control frame ${opcode} of 126 bytes`, frame(opcode, 'x'.repeat(126)), 1002);
  one(`a control frame ${opcode} of 65,536 bytes`, frame(opcode, 'x'.repeat(65536)), 1002);
  one(`a control frame ${opcode} in fragments`, [frame(opcode, 'x', { fin: false }), frame(CONTINUED, 'x')], 1002);
}
one('a close of 126 bytes', frame(CLOSE, code(1000, 'x'.repeat(124))), 1002);
one('a close in fragments', [frame(CLOSE, code(1000), { fin: false }), frame(CONTINUED, 'x')], 1002);
for (const n of [0, 1, 125]) one(`a pong of ${n} bytes that nobody asked for`, frame(PONG, 'x'.repeat(n)), 'ok');
one('a ping between two fragments', [frame(TEXT, beat().slice(0, 9), { fin: false }), frame(PING, 'mid'), frame(CONTINUED, beat().slice(9))], 'ok', { pong: 'mid' });
one('a pong between two fragments', [frame(TEXT, beat().slice(0, 9), { fin: false }), frame(PONG), frame(CONTINUED, beat().slice(9))], 'ok');
one('a close between two fragments', [frame(TEXT, '[', { fin: false }), frame(CLOSE, code(1000))], 1000);
one('a ping behind a close gets no pong', [frame(CLOSE, code(1000)), frame(PING, 'late')], 1000, { silent: true });
one('a message behind a close gets no reply', [frame(CLOSE, code(1000)), frame(TEXT, beat('late'))], 1000, { silent: true });

// ---- fragmentation ----
one('two pieces', pieces(cut(beat(), 10)), 'ok');
one('a piece for each byte', pieces([...beat()]), 'ok');
one('a piece for each byte, in one segment', Buffer.concat(pieces([...beat()])), 'ok');
one('an empty first piece', pieces(['', beat()]), 'ok');
one('an empty last piece', pieces([beat(), '']), 'ok');
one('empty pieces between', pieces([beat().slice(0, 5), '', '', '', beat().slice(5)]), 'ok');
one('nothing but empty pieces', pieces(['', '', '']), 1008);
one('a binary push in pieces', pieces(cut(Buffer.concat([hex('00 01 01 03 01'), Buffer.from('12x:1e')]), 3, 6), BINARY), 'ok');
one('a thousand pieces', pieces(cut(sized(2000), ...Array.from({ length: 999 }, (_, i) => i + 1))), 'ok');
one('a million pieces are not collected', Buffer.concat([frame(TEXT, '[', { fin: false }), ...Array.from({ length: 20000 }, () => frame(CONTINUED, '', { fin: false }))]), 'closed');
one('a continuation of nothing', frame(CONTINUED, 'x'), 1002);
one('an unfinished continuation of nothing', frame(CONTINUED, 'x', { fin: false }), 1002);
one('a continuation behind a whole message', [frame(TEXT, beat()), frame(CONTINUED, 'x')], 1002);
one('a text within a text', [frame(TEXT, '[', { fin: false }), frame(TEXT, ']')], 1002);
one('a binary within a text', [frame(TEXT, '[', { fin: false }), frame(BINARY, ']')], 1002);
one('a text within a binary', [frame(BINARY, '[', { fin: false }), frame(TEXT, ']', { fin: false })], 1002);
one('a message in pieces, then one that is whole', [...pieces(cut(beat('a'), 10)), frame(TEXT, beat())], 'ok');

// ---- UTF-8 ----
const good = {
  'a two-byte character': 'c3a9', 'a three-byte character': 'e282ac', 'a four-byte character': 'f09f9880', 'U+0080': 'c280', 'U+07FF': 'dfbf',
  'U+0800': 'e0a080', 'U+D7FF': 'ed9fbf', 'U+E000': 'ee8080', 'U+FFFF': 'efbfbf', 'U+10000': 'f0908080', 'U+10FFFF': 'f48fbfbf', 'a byte order mark': 'efbbbf',
};
for (const [name, bytes] of Object.entries(good)) one(`UTF-8: ${name}`, frame(TEXT, withBytes(bytes)), 'ok');
const bad = {
  'a lone continuation': '80', 'byte ff': 'ff', 'byte fe': 'fe', 'overlong / in two': 'c0af', 'overlong c1': 'c1bf', 'overlong in three': 'e080af', 'overlong in four': 'f08080af',
  'the surrogate D800': 'eda080', 'the surrogate DFFF': 'edbfbf', 'above 10FFFF': 'f4908080', 'five bytes': 'f888808080', 'six bytes': 'fc8480808080',
  'two bytes cut short': 'c3', 'three bytes cut short': 'e282', 'four bytes cut short': 'f09f98', 'a start within a character': 'e2c3a9',
};
for (const [name, bytes] of Object.entries(bad)) one(`UTF-8: ${name}`, frame(TEXT, withBytes(bytes)), 1007);
one('UTF-8: a character split over fragments', pieces(cut(withBytes('f09f9880'), 40, 41)), 'ok');
one('UTF-8: a character split over fragments with a ping within', [frame(TEXT, withBytes('c3a9').subarray(0, 39), { fin: false }), frame(PING), frame(CONTINUED, withBytes('c3a9').subarray(39))], 'ok');
one('UTF-8: wrong over fragments', pieces(cut(withBytes('e2c3a9'), 39)), 1007);
one('UTF-8: wrong in a first fragment', [frame(TEXT, withBytes('ff'), { fin: false })], 1007);
one('UTF-8: a message that ends within a character', frame(TEXT, hex('5b 22 e2 82')), 1007);
one('binary need not be UTF-8', frame(BINARY, Buffer.concat([hex('00 01 01 03 01'), Buffer.from('12x:1e'), hex('ff fe c0 80')])), 'ok');

// ---- closing ----
one('a close without a code', frame(CLOSE), 1005);
one('a close of one byte (known: wslay answers it as an empty one; RFC 6455 would have 1002)', frame(CLOSE, 'x'), 1005);
for (const number of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
  one(`close code ${number}`, frame(CLOSE, code(number)), number);
// (wslay knows the codes of the RFC; 1012 to 1014 were registered later, and are for servers.)
for (const number of [0, 1, 999, 1004, 1005, 1006, 1012, 1013, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
  one(`close code ${number}, which nobody may send`, frame(CLOSE, code(number)), 1002);
one('a close with a reason', frame(CLOSE, code(1000, 'bye')), 1000);
one('a close with the longest reason', frame(CLOSE, code(1000, 'x'.repeat(123))), 1000);
one('a close with a reason in UTF-8', frame(CLOSE, code(1000, 'é€😀')), 1000);
one('a close whose reason is no UTF-8', frame(CLOSE, Buffer.concat([code(1000), hex('c3 28')])), 1007);
one('a close behind a message', [frame(TEXT, beat()), frame(CLOSE, code(1001))], 1001);
one('two closes', [frame(CLOSE, code(1000)), frame(CLOSE, code(1001))], 1000);
one('the end without a close', [], 1006, { half: true });
one('the end within a frame', [frame(TEXT, beat()).subarray(0, 9)], 1006, { half: true });
one('the end within a fragmented message', [frame(TEXT, '[', { fin: false })], 1006, { half: true });

// ---- delivery ----
one('byte by byte: a message', [...frame(TEXT, beat())].map((byte) => Buffer.from([byte])), 'ok');
one('byte by byte: a length of two bytes', [...frame(TEXT, sized(300))].map((byte) => Buffer.from([byte])), 'ok');
one('byte by byte: a ping', [...frame(PING, 'slow')].map((byte) => Buffer.from([byte])), 'ok', { pong: 'slow' });
one('byte by byte: a wrong opcode', [...frame(3, 'x')].map((byte) => Buffer.from([byte])), 1002);
one('byte by byte: a close', [...frame(CLOSE, code(1000, 'bye'))].map((byte) => Buffer.from([byte])), 1000);
for (let at = 1; at < 12; at++) one(`a message in two segments, the first of ${at} bytes`, cut(frame(TEXT, sized(200)), at), 'ok');
one('glued to the handshake: a message', frame(TEXT, beat('early')), 'ok', { early: true, reply: 'early' });
one('glued to the handshake: a message in pieces', Buffer.concat(pieces(cut(beat('early'), 10))), 'ok', { early: true, reply: 'early' });
one('glued to the handshake: 4 KB', frame(TEXT, sized(4096)), 'ok', { early: true, reply: 'h' });
one('glued to the handshake: a ping', frame(PING, 'early'), 'ok', { early: true, pong: 'early' });
one('glued to the handshake: a close', frame(CLOSE, code(1000)), 1000, { early: true });
one('glued to the handshake: a wrong opcode', frame(3), 1002, { early: true });
one('glued to the handshake: no mask', frame(TEXT, beat(), { masked: false }), 1002, { early: true });
one('glued to the handshake: half a frame, the rest behind it', frame(TEXT, beat('early')), 'ok', { early: 7, reply: 'early' });
one('a handshake byte by byte', [], 'ok', { slow: true });

const reply = (ref) => (f) => f.opcode === TEXT && JSON.parse(f.payload.toString())[1] === ref;

async function run({ bytes, want, pong, early, reply: ref, half, slow, silent }) {
  const all = Buffer.concat(bytes);
  const first = early === true ? all : all.subarray(0, early ?? 0);
  const socket = await HandSocket.open(belfry.base, belfry.token('wild'), { early: first, slow });
  for (const part of early ? [all.subarray(first.length)] : bytes) if (part.length > 0) await socket.send(part);
  if (half) socket.wire.half();
  if (want === 'ok') {
    await socket.send(frame(TEXT, beat('behind')));
    await until('the heartbeat behind it is answered', () => {
      assert.ok(!socket.frames.some((f) => f.opcode === CLOSE), `closed with ${socket.frames.find((f) => f.opcode === CLOSE)?.payload.toString('hex')}`);
      return socket.frames.some(reply('behind'));
    });
    if (pong !== undefined) assert.ok(socket.frames.some((f) => f.opcode === PONG && f.payload.equals(Buffer.from(pong))), 'its pong');
    if (ref) assert.ok(socket.frames.some(reply(ref)), 'its reply');
    assert.ok(socket.frames.every((f) => f.fin && f.rsv === 0 && !f.masked), 'frames of a server');
    await socket.send(frame(CLOSE, code(1000)));
    assert.equal(await socket.end(), 1000);
    return;
  }
  const got = await socket.end();
  if (want !== 'closed') assert.equal(got, want);
  const closeAt = socket.frames.findIndex((f) => f.opcode === CLOSE);
  if (silent) assert.equal(closeAt, socket.frames.length - 1, 'the close is the last frame');
}

for (const row of cases) test(row.name, () => run(row));

// ---- handshakes ----
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const standard = () => [
  ['Host', new URL(belfry.base).host], ['Connection', 'Upgrade'], ['Upgrade', 'websocket'], ['Sec-WebSocket-Version', '13'], ['Sec-WebSocket-Key', KEY],
];
const without = (name) => (lines) => lines.filter((line) => line[0] !== name);
const as = (name, value) => (lines) => lines.map((line) => (line[0] === name ? [name, value] : line));
const and = (...more) => (lines) => [...lines, ...more];
const handshakes = [
  ['as it should be', (l) => l, 101],
  ['names in lower case', (l) => l.map(([name, value]) => [name.toLowerCase(), value]), 101],
  ['names in upper case', (l) => l.map(([name, value]) => [name.toUpperCase(), value]), 101],
  ['Upgrade: WebSocket', as('Upgrade', 'WebSocket'), 101],
  ['Connection: keep-alive, Upgrade', as('Connection', 'keep-alive, Upgrade'), 101],
  ['Connection: upgrade', as('Connection', 'upgrade'), 101],
  ['white space before a value', as('Upgrade', '   websocket'), 101],
  ['an extension offered is not taken', and(['Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits']), 101],
  ['the subprotocol phoenix', and(['Sec-WebSocket-Protocol', 'phoenix']), 101],
  ['subprotocols, phoenix among them', and(['Sec-WebSocket-Protocol', 'a, phoenix']), 101],
  ['a Content-Length of 0', and(['Content-Length', '0']), 101],
  ['no Host', without('Host'), 400],
  ['no Upgrade', without('Upgrade'), 400],
  ['no Connection', without('Connection'), 400],
  ['no key', without('Sec-WebSocket-Key'), 400],
  ['no version', without('Sec-WebSocket-Version'), 426],
  ['Upgrade: h2c', as('Upgrade', 'h2c'), 400],
  ['Upgrade: websockets', as('Upgrade', 'websockets'), 400],
  ['Upgrade: empty', as('Upgrade', ''), 400],
  ['Connection: close', as('Connection', 'close'), 400],
  ['Connection: upgraded', as('Connection', 'upgraded'), 400],
  ['Connection: keep-alive', as('Connection', 'keep-alive'), 400],
  ...['0', '7', '8', '12', '14', '013', '13.0', '-13', 'x', ''].map((v) => [`version ${v || 'empty'}`, as('Sec-WebSocket-Version', v), 426]),
  ['two versions', and(['Sec-WebSocket-Version', '13']), 400],
  ['two keys', and(['Sec-WebSocket-Key', KEY]), 400],
  ['two Upgrades', and(['Upgrade', 'websocket']), 400],
  ['two Hosts', and(['Host', 'x']), 400],
  ['two Origins', and(['Origin', 'http://a.example'], ['Origin', 'http://b.example']), 400],
  ...[['empty', ''], ['of 15 bytes', 'AAAAAAAAAAAAAAAAAAAA'], ['of 17 bytes', 'AAAAAAAAAAAAAAAAAAAAAAA='], ['without its pads', KEY.slice(0, 22)], ['of other letters', '!!!!!!!!!!!!!!!!!!!!!!=='],
    ['with a space within', 'dGhlIHNhbXBs ZSBub25jZQ=='], ['of 1,000 letters', 'A'.repeat(1000)]].map(([name, v]) => [`a key ${name}`, as('Sec-WebSocket-Key', v), 400]),
  ['a Content-Length of 5', and(['Content-Length', '5']), 400, { body: 'hello' }],
  ['a Transfer-Encoding', and(['Transfer-Encoding', 'chunked']), 411],
  ['an Origin of elsewhere', and(['Origin', 'http://evil.example']), 403],
  ['a subprotocol that we do not know', and(['Sec-WebSocket-Protocol', 'graphql-ws']), 403],
  ['a header whose name is no token', and(['X Y', '1']), 400],
  ['POST', (l) => l, 400, { method: 'POST' }],
  ['HEAD', (l) => l, 400, { method: 'HEAD' }],
  ['OPTIONS', (l) => l, 400, { method: 'OPTIONS' }],
  ['HTTP/1.0', (l) => l, 400, { version: 'HTTP/1.0' }],
  ['no token', (l) => l, 403, { query: '?vsn=2.0.0' }],
  ['a token of nobody', (l) => l, 403, { query: '?vsn=2.0.0&token=a.b.c' }],
  ['another vsn', (l) => l, 403, { vsn: '3.0.0' }],
  ['another path', (l) => l, 404, { path: '/socket/websockets' }],
];
for (const [name, change, want, { method = 'GET', version = 'HTTP/1.1', vsn = '2.0.0', query, path = '/socket/websocket', body = '' } = {}] of handshakes)
  test(`handshake: ${name}`, async () => {
    const target = path + (query ?? `?token=${belfry.token('wild')}&vsn=${vsn}`);
    const lines = change(standard()).map((line) => line.join(': '));
    const wire = await Wire.open(belfry.base);
    await wire.send(`${method} ${target} ${version}\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
    const text = await until('an answer', () => wire.in.includes('\r\n\r\n') && wire.in.toString('latin1'));
    assert.equal(Number(text.slice(9, 12)), want, text.slice(0, 300));
    if (want === 101) assert.match(text, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
    if (want === 101) assert.doesNotMatch(text, /Sec-WebSocket-Extensions/i);
    if (want === 426) assert.match(text, /\r\nSec-WebSocket-Version: 13\r\n/);
    if (want !== 101 && want !== 404) await wire.gone();
    wire.drop();
  });

test('the honest client missed nothing, and every process is the one that it was', async () => {
  assert.deepEqual(await honest.rest(), []);
  await belfry.create('honest', 'still here');
  await honest.frame('its notification', (f) => f[3] === 'notification:new');
  await honest.close();
  assert.deepEqual((await belfry.status()).processes.map((one_) => one_.pid), pids);
});
