// SPDX-License-Identifier: Apache-2.0
/* Bytes on a socket, with nothing between: what was sent, what came back, and when it ended. */
import crypto from 'node:crypto';
import net from 'node:net';

import { until, within } from './until.mjs';

export class Wire {
  in = Buffer.alloc(0);
  ended = false; // the server has said its last
  closed = false;

  static async open(base, { localAddress } = {}) {
    const { hostname, port } = new URL(base);
    const one = new Wire();
    one.socket = net.connect({ port: Number(port), host: hostname, localAddress, allowHalfOpen: true });
    one.socket.setNoDelay(true);
    one.socket.on('data', (part) => (one.in = Buffer.concat([one.in, part])));
    one.socket.on('end', () => (one.ended = true));
    one.socket.on('close', () => (one.ended = one.closed = true));
    one.socket.on('error', () => (one.ended = one.closed = true));
    await within('connected', new Promise((resolve) => one.socket.once('connect', resolve)));
    return one;
  }

  send(bytes) {
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()));
  }

  /** Half-close: nothing more is sent, what comes is still read. */
  half() {
    this.socket.end();
  }

  gone(ms = 4000) {
    return until('the server ended the connection', () => this.ended, ms);
  }

  drop() {
    this.socket.destroy();
  }
}

/** A client's frame. `masked`: false, or the four bytes; `size`: how the length is written (0, 2 or 8 bytes more). */
export function frame(opcode, payload = '', { fin = true, rsv = 0, masked = crypto.randomBytes(4), size, claim } = {}) {
  const data = Buffer.from(payload);
  const n = claim ?? BigInt(data.length);
  const more = size ?? (n < 126n ? 0 : n < 65536n ? 2 : 8);
  const head = Buffer.alloc(2 + more);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (more === 0 ? Number(n) : more === 2 ? 126 : 127);
  if (more === 2) head.writeUInt16BE(Number(n), 2);
  if (more === 8) head.writeBigUInt64BE(n, 2);
  if (!masked) return Buffer.concat([head, data]);
  const mixed = Buffer.from(data);
  for (let i = 0; i < mixed.length; i++) mixed[i] ^= masked[i % 4];
  return Buffer.concat([head, masked, mixed]);
}

/** What a server sent, as frames {opcode, fin, rsv, masked, payload}; a frame that is not whole is left. */
export function framesOf(bytes) {
  const all = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    let n = bytes[at + 1] & 0x7f;
    let head = 2;
    if (n === 126) (n = bytes.readUInt16BE(at + 2)), (head = 4);
    else if (n === 127) (n = Number(bytes.readBigUInt64BE(at + 2))), (head = 10);
    if (at + head + n > bytes.length) break;
    all.push({
      opcode: bytes[at] & 15,
      fin: bytes[at] >> 7 === 1,
      rsv: (bytes[at] >> 4) & 7,
      masked: bytes[at + 1] >> 7 === 1,
      payload: bytes.subarray(at + head, at + head + n),
    });
    at += head + n;
  }
  return all;
}

/** A WebSocket made by hand: `early` is glued to the handshake. */
export class HandSocket {
  static async open(base, token, { early = '', slow = false } = {}) {
    const one = new HandSocket();
    one.wire = await Wire.open(base);
    const text = `GET /socket/websocket?token=${encodeURIComponent(token)}&vsn=2.0.0 HTTP/1.1\r\nHost: ${new URL(base).host}\r\n` +
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
    const bytes = Buffer.concat([Buffer.from(text), Buffer.from(early)]);
    if (slow) for (const byte of bytes) await one.wire.send(Buffer.from([byte]));
    else await one.wire.send(bytes);
    const end = await until('101', () => one.wire.in.indexOf('\r\n\r\n') + 1);
    one.head = one.wire.in.subarray(0, end + 3).toString();
    one.from = end + 3;
    if (!one.head.startsWith('HTTP/1.1 101 ')) throw new Error(one.head);
    return one;
  }

  get frames() {
    return framesOf(this.wire.in.subarray(this.from));
  }

  send(bytes) {
    return this.wire.send(bytes);
  }

  /** How it ended: the close frame's code, 1005 for an empty one, 1006 when there was none. */
  async end(ms) {
    await this.wire.gone(ms);
    const close = this.frames.find((one) => one.opcode === 8);
    this.wire.drop();
    return close ? (close.payload.length >= 2 ? close.payload.readUInt16BE(0) : 1005) : 1006;
  }
}
