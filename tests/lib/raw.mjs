// SPDX-License-Identifier: Apache-2.0
/* Clients that say exactly what they are told: a WebSocket, and a long-poll session. */
import assert from 'node:assert/strict';

import WS from 'ws';

import { ending } from './ending.mjs';
import { request } from './http.mjs';
import { until, within } from './until.mjs';

const enc = encodeURIComponent;

export class RawSocket {
  frames = []; // as text
  at = 0; // frames before it have been taken
  code = null;

  static async open(base, token, { vsn = '2.0.0', query = '', protocols = [], headers = {} } = {}) {
    const one = new RawSocket();
    const version = vsn === null ? '' : `&vsn=${vsn}`;
    one.ws = new WS(`${base.replace(/^http/, 'ws')}/socket/websocket?token=${enc(token)}${query}${version}`, protocols, { headers });
    const ended = ending(() => one.ws.terminate());
    one.closed = new Promise((resolve) =>
      one.ws.on('close', (code, reason) => {
        ended();
        one.code = code;
        resolve({ code, reason: reason.toString() });
      }));
    one.ws.on('message', (data, binary) => one.frames.push(binary ? data : data.toString()));
    await within('raw WebSocket opened', new Promise((resolve, reject) => {
      one.ws.on('open', resolve);
      one.ws.on('error', reject);
    }));
    one.ws.on('error', () => {});
    return one;
  }

  send(frame) {
    this.ws.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }

  /** The next frame that came, read: in order, none skipped. */
  async next(ms) {
    const text = await until('a frame', () => this.frames[this.at], ms);
    this.at++;
    return JSON.parse(text);
  }

  /** The next frame for which look(frame) holds; those before it are passed over. */
  frame(what, look, ms) {
    return until(what, () => {
      while (this.at < this.frames.length) {
        const read = JSON.parse(this.frames[this.at++]);
        if (look(read)) return read;
      }
    }, ms);
  }

  reply(ref, ms) {
    return this.frame(`a reply to ${ref}`, (frame) => frame[1] === ref && frame[3] === 'phx_reply', ms);
  }

  /** What has come and was not taken, behind a heartbeat's round trip. */
  async rest() {
    const ref = `hb${++this.beats}`;
    const from = this.at;
    this.send([null, ref, 'phoenix', 'heartbeat', {}]);
    await this.reply(ref);
    const frames = this.frames.slice(from, this.at - 1).map((text) => JSON.parse(text));
    return frames;
  }
  beats = 0;

  async join(topic, ref = '1', payload = {}) {
    this.send([ref, ref, topic, 'phx_join', payload]);
    const reply = await this.reply(ref);
    assert.equal(reply[4].status, 'ok', JSON.stringify(reply));
    return reply[4].response;
  }

  async close() {
    this.ws.close();
    await within('raw WebSocket closed', this.closed);
  }
}

export class RawPoll {
  token = null;

  constructor(base, user, { agent = false } = {}) {
    Object.assign(this, { base, user, agent });
  }

  /** As phoenix.js writes it: what the page gave comes before `vsn`, the session's token behind. */
  path(token = this.token) {
    return `/socket/longpoll?token=${enc(this.user)}&vsn=2.0.0&token=${enc(token)}`;
  }

  /** The first GET of a session says who we are; as phoenix.js writes it, with its bare '&'. */
  async start() {
    const answer = await request(this.base, 'GET', `/socket/longpoll?token=${enc(this.user)}&vsn=2.0.0&`, { agent: this.agent });
    if (answer.json?.token) this.token = answer.json.token;
    return answer;
  }

  async get(options = {}) {
    const answer = await request(this.base, 'GET', this.path(), { agent: this.agent, ms: 20000, ...options });
    if (answer.json?.token) this.token = answer.json.token;
    return answer;
  }

  post(body, options = {}) {
    return request(this.base, 'POST', this.path(), {
      agent: this.agent,
      body: typeof body === 'string' ? body : body.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
      ...options,
      headers: { 'content-type': 'application/x-ndjson', ...options.headers },
    });
  }

  /** Frames of polls until one is taken by look(); all of them, read. */
  async frames(look, ms = 8000) {
    const end = Date.now() + ms;
    const all = [];
    while (Date.now() < end) {
      const { json, text } = await this.get();
      assert.ok(json.status === 200 || json.status === 204, text);
      for (const message of json.messages) all.push(JSON.parse(message));
      if (all.some(look)) return all;
    }
    throw new Error(`no such frame within ${ms} ms`);
  }
}
