// SPDX-License-Identifier: Apache-2.0
/* HTTP without a library in between. Every request takes a new connection unless an agent is given,
 * so that requests land on every process that shares the port. */
import http from 'node:http';
import net from 'node:net';

import { within } from './until.mjs';

/** {status, headers, text, json}; `body` is sent as JSON unless it is a string or bytes. */
export function request(base, method, path, { headers = {}, body, agent = false, signal, ms = 8000 } = {}) {
  const asText = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
  const bytes = asText ? body : JSON.stringify(body);
  const all = { ...headers };
  if (!asText && !Object.keys(all).some((name) => name.toLowerCase() === 'content-type'))
    all['content-type'] = 'application/json';
  if (bytes !== undefined) all['content-length'] = Buffer.byteLength(bytes);
  const answered = new Promise((resolve, reject) => {
    const req = http.request(new URL(path, base), { method, headers: all, agent, signal }, (res) => {
      const parts = [];
      res.on('data', (part) => parts.push(part));
      res.on('error', reject);
      res.on('end', () => {
        const text = Buffer.concat(parts).toString();
        let json;
        try {
          json = JSON.parse(text);
        } catch {
          json = undefined;
        }
        resolve({ status: res.statusCode, headers: res.headers, text, json });
      });
    });
    req.on('error', reject);
    req.end(bytes);
  });
  return within(`${method} ${path} answered`, answered, ms);
}

/** A WebSocket handshake as written: {status, headers, socket}. */
export function handshake(base, path, headers = {}) {
  const all = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    ...headers,
  };
  const answered = new Promise((resolve, reject) => {
    const req = http.request(new URL(path, base), { headers: all, agent: false });
    req.on('upgrade', (res, socket) => {
      socket.on('error', () => {});
      resolve({ status: res.statusCode, headers: res.headers, socket });
    });
    req.on('response', (res) => {
      res.resume();
      resolve({ status: res.statusCode, headers: res.headers, socket: null });
    });
    req.on('error', reject);
    req.end();
  });
  return within(`handshake ${path}`, answered);
}

/** Bytes as they are, and everything that comes back until the server closes or `ms` have passed. */
export function rawBytes(base, bytes, ms = 3000) {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname);
    let text = '';
    const done = () => {
      socket.destroy();
      resolve(text);
    };
    const timer = setTimeout(done, ms);
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (part) => (text += part.toString('latin1')));
    socket.on('close', () => (clearTimeout(timer), done()));
    socket.on('error', (error) => (clearTimeout(timer), text ? done() : reject(error)));
  });
}
