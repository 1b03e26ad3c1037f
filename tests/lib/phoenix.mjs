// SPDX-License-Identifier: Apache-2.0
/* The official phoenix client, unmodified, in both versions, as a browser would run it.
 *
 * Node has no WebSocket and no XMLHttpRequest of a browser: the first is the `ws` package, the second
 * is below, as much of it as phoenix.js uses. Both keep what went over them, for tests to look at. */
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

import WS from 'ws';

import { ending } from './ending.mjs';
import { followInbox } from './follow.mjs';
import { until, within } from './until.mjs';

/** Every request takes a new connection, so that polls land on any process of the port. */
class Request {
  readyState = 0;
  responseText = '';
  #headers = {};

  open(method, url) {
    this.method = method;
    this.url = url;
  }
  setRequestHeader(name, value) {
    this.#headers[name] = value;
  }
  send(body) {
    const entry = { method: this.method, url: this.url, headers: { ...this.#headers }, body, at: Date.now(), answer: null };
    sessions.get(tagOf(this.url))?.push(entry);
    const headers = { ...this.#headers };
    if (body) headers['content-length'] = Buffer.byteLength(body);
    this.req = http.request(this.url, { method: this.method, headers, agent: false }, (res) => {
      const parts = [];
      res.on('data', (part) => parts.push(part));
      res.on('end', () => this.#done(Buffer.concat(parts).toString(), entry));
      res.on('error', () => this.#failed());
    });
    this.req.on('error', () => this.#failed());
    if (this.timeout)
      this.timer = setTimeout(() => {
        this.aborted = true;
        this.req.destroy();
        this.ontimeout?.();
      }, this.timeout);
    this.req.end(body ?? undefined);
  }
  abort() {
    this.aborted = true;
    clearTimeout(this.timer);
    this.req?.destroy();
  }
  #done(text, entry) {
    clearTimeout(this.timer);
    if (this.aborted) return;
    entry.answer = text;
    this.responseText = text;
    this.readyState = 4;
    this.onreadystatechange?.();
  }
  #failed() {
    clearTimeout(this.timer);
    if (this.aborted) return;
    this.onerror?.();
  }
}

/** Requests by the `tag` parameter that openTab() gives each socket. */
const sessions = new Map();
const tagOf = (url) => new URL(url).searchParams.get('tag');

globalThis.self = globalThis; // 1.7.23 looks for it when it is loaded
globalThis.XMLHttpRequest = Request;
export const versions = {
  '1.8.16': await import('phoenix'),
  '1.7.23': await import('phoenix-1.7'),
};

export const both = Object.keys(versions);
export const transports = ['websocket', 'longpoll'];

let tags = 0;

/** A socket of that version with what it sent and got. Options are phoenix.js's own. */
export function openSocket(base, { version = '1.8.16', transport = 'websocket', token, params = {}, ...options } = {}) {
  const phoenix = versions[version];
  const wire = { sent: [], got: [], opened: 0, closes: [], errors: 0, requests: [], sockets: [] };
  const tag = `t${++tags}`;
  sessions.set(tag, wire.requests);
  class WebSocket extends WS {
    constructor(url, protocols) {
      super(url, protocols ?? []);
      wire.sockets.push(this);
      this.on('message', (data, binary) => wire.got.push(binary ? data : data.toString()));
    }
    send(data, ...rest) {
      wire.sent.push(data);
      super.send(data, ...rest);
    }
  }
  const all = () => ({ ...(token ? { token: typeof token === 'function' ? token() : token } : {}), ...params });
  const socket = new phoenix.Socket(`${base.replace(/^http/, 'ws')}/socket`, {
    transport: transport === 'longpoll' ? phoenix.LongPoll : WebSocket,
    params: transport === 'longpoll' || options.longPollFallbackMs ? () => ({ ...all(), tag }) : all,
    sessionStorage: memory(),
    ...options,
  });
  socket.onOpen(() => wire.opened++);
  socket.onClose((event) => wire.closes.push(event.code));
  socket.onError(() => wire.errors++);
  const ended = ending(() => socket.disconnect());
  const forget = () => ended() && sessions.delete(tag); // else all that it got is kept as long as the test's file runs
  socket.connect();
  return { socket, wire, forget, LongPoll: phoenix.LongPoll };
}

/** What a browser has as sessionStorage. */
export function memory() {
  const kept = new Map();
  return {
    kept,
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  };
}

/**
 * A tab: the page's own client of an inbox, with everything that became of its frames in `seen`
 * ({what, event, payload, at}). A page that keeps the rules never sees 'gap' or 'old' from a server
 * that keeps them too; broken() says what it saw.
 */
export class Tab {
  seen = [];

  constructor(base, user, options) {
    Object.assign(this, { user, ...openSocket(base, options) });
    this.followed = followInbox(this.socket, user, (what, event, payload) => {
      this.seen.push({ what, event, payload, at: Date.now() });
      this.onSeen?.(what, event, payload);
    });
    this.inbox = this.followed.inbox;
    this.channel = this.followed.channel;
  }

  get badge() {
    return this.inbox.unread;
  }
  get joins() {
    return this.seen.filter((one) => one.event === 'phx_join' && one.what === 'joined').length;
  }
  /** Whether it still is where it began, or fell back to long-poll. */
  get onLongPoll() {
    return this.socket.transport === this.LongPoll;
  }
  events(name) {
    return this.seen.filter((one) => one.event === name && one.what !== 'old' && one.what !== 'gap');
  }
  broken() {
    return this.seen.filter((one) => one.what === 'gap' || one.what === 'old');
  }
  until(what, look, ms) {
    const now = () => `${this.user}: ${what}; badge ${this.badge} at ${this.inbox.unreadAt}, seq ${this.inbox.seq}, ` +
      `${this.channel.state}, last ${this.seen.slice(-3).map((one) => `${one.what} ${one.event}`).join(', ')}`;
    return until(now, () => look(this), ms);
  }
  joined(ms) {
    return this.until('joined', () => this.joins > 0, ms);
  }
  /** phoenix.js's answer as {status, response}. */
  push(event, payload, timeout) {
    return answered(this.channel.push(event, payload, timeout));
  }
  /** A round trip: whatever the server sent before it has arrived. */
  async flush() {
    assertOk(await this.push('list', { limit: 1 }));
  }
  async close() {
    await parted(this.socket);
    this.forget();
  }
}

function assertOk({ status, response }) {
  if (status !== 'ok') throw new Error(`answered ${status}: ${JSON.stringify(response)}`);
}

const ANSWER_MS = 60000; // phoenix.js gives up after ten seconds, unless it was told otherwise or its channel was left

export function answered(push) {
  return within(`an answer to ${push.event}`, new Promise((resolve) => {
    for (const status of ['ok', 'error', 'timeout']) push.receive(status, (response) => resolve({ status, response }));
  }), ANSWER_MS);
}

export async function openTab(belfry, user, options = {}) {
  const token = options.token ?? (() => belfry.token(user));
  const tab = new Tab(belfry.base, user, { ...options, token });
  await tab.joined(options.joinMs);
  return tab;
}

/** The connection dies under the client: a WebSocket's TCP connection, or a long-poll's session as phoenix.js sees it. */
export function cut({ socket, LongPoll }) {
  if (socket.transport === LongPoll) socket.conn.closeAndRetry(500, 1011, 'cut', false); // 1.7.23 knows the first three
  else socket.conn._socket.destroy();
}

/** phoenix.js reconnects for ever: whatever a test opened must be closed, or the run does not end. */
export function closing(t, ...tabs) {
  t.after(() => Promise.all(tabs.map((tab) => (tab.close ? tab.close() : parted(tab.socket)))));
}

/** Disconnected. phoenix.js 1.7 does not call back when its connection was replaced meanwhile (by a fallback, say):
 *  then it is asked again. */
export async function parted(socket) {
  let done = false;
  while (!done)
    await Promise.race([new Promise((resolve) => socket.disconnect(resolve)).then(() => (done = true)), pause(1000, null, { ref: false })]);
}
