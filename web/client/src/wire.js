// SPDX-License-Identifier: Apache-2.0
/* The one connection: phoenix sockets over WebSocket, or over long-poll where WebSocket does not get
 * through, and back as soon as it does.
 *
 * phoenix.js would stay on long-poll for the life of its socket, and reconnect with the token that it
 * began with. So attempts are ours: each fetches a token that still holds, and tries WebSocket; when
 * that fails again and again, long-poll; and while on long-poll, WebSocket now and then beside it. A
 * switch joins over the new one first: with `since` nothing is missed, and nobody is seen to leave. */
import { LongPoll, Socket } from 'phoenix';

const OPEN_MS = 2500; // for the handshake, and again for the first answer
const FAILS = 3; // of WebSocket, before long-poll is tried
const BACK_MS = 15000; // on long-poll: between two tries of WebSocket
const BEAT_MS = 15000;
const ALIVE_MS = 3000; // for an answer, when the page wakes up
const EARLY_S = 60; // a token is renewed so long before its end
const ASKS_MS = 5000; // between two askings for a token that was refused
const NEVER_MS = 0x7fffffff;
const MOST_MS = 2000; // between two attempts

/** What a token says of itself; {} when it is no JWT. */
export function claims(token) {
  try {
    const text = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(text), (one) => one.charCodeAt(0))));
  } catch {
    return {};
  }
}

const online = () => globalThis.navigator?.onLine !== false;

export class Wire {
  #options;
  #topics = new Map(); // topic -> {params, join, event, error; channel: heard and pushed to, next: the one that joins}
  #sockets = {};
  #pushes = new Set(); // of what waits for an answer: what to call when there will be none
  #kind = null; // 'websocket' | 'longpoll': what is used now
  #token = null;
  #asked = 0;
  #doubt = false; // the token may be why it fails
  #running = false;
  #attempts = 0;
  #fails = 0;
  #turn = 0; // an attempt that is not of this turn has nothing to say
  #trying = -1; // the turn of an attempt under way
  #timers = {};

  /** options: url, token (text, or an async function), changed({status, attempts, transport}), tokenIs(token) */
  constructor(options) {
    this.#options = options;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#listen('addEventListener');
    this.#again(0);
  }

  stop() {
    this.#running = false;
    this.#listen('removeEventListener');
    this.#drop();
    this.#tell('disconnected');
  }

  #listen(how) {
    globalThis[how]?.('online', this.#wake);
    globalThis[how]?.('offline', this.#offline);
    globalThis.document?.[how]('visibilitychange', this.#wake);
  }

  get connected() {
    return this.#kind !== null;
  }

  /** handlers: params(), join(answer), event(name, payload), error(answer, final) */
  join(topic, handlers) {
    this.#topics.set(topic, handlers);
    if (this.#kind) this.#channel(topic, handlers);
  }

  leave(topic) {
    this.#part(this.#topics.get(topic) ?? {});
    this.#topics.delete(topic);
  }

  /** The answer of an ok; else an Error with `reason`, `field`, and `retry`: whether it may work later. */
  push(topic, event, payload, ms = 10000) {
    const channel = this.#topics.get(topic)?.channel;
    let lost;
    return new Promise((resolve, reject) => {
      if (!this.#kind || !channel) return reject(failure({ reason: 'not connected' }, true));
      lost = () => reject(failure({ reason: 'the connection was lost' }, true));
      this.#pushes.add(lost);
      channel
        .push(event, payload, ms)
        .receive('ok', resolve)
        .receive('error', (answer) => reject(failure(answer)))
        .receive('timeout', () => reject(failure({ reason: 'no answer in time' }, true)));
    }).finally(() => this.#pushes.delete(lost));
  }

  #set(name, ms, act) {
    clearTimeout(this.#timers[name]);
    if (ms !== null) this.#timers[name] = setTimeout(act, ms);
  }

  #tell(status) {
    this.#options.changed({ status, attempts: this.#attempts, transport: this.#kind });
  }

  #again(ms) {
    if (!this.#running) return;
    this.#tell(online() ? 'connecting' : 'offline');
    // The browser may be wrong about being offline: it is tried now and then all the same.
    this.#set('next', online() ? ms * (0.5 + Math.random()) : BEAT_MS, () => this.#attempt());
  }

  #wake = () => {
    if (globalThis.document?.visibilityState === 'hidden') return;
    if (!this.#kind) return this.#trying === this.#turn || this.#again(0);
    if (this.#kind === 'longpoll') this.#set('back', 0, this.#tryBack);
    this.#set('alive', ALIVE_MS, () => this.#lost(this.#kind));
    const turn = this.#turn;
    if (!this.#sockets[this.#kind].ping(() => turn === this.#turn && this.#set('alive', null))) this.#lost(this.#kind);
  };

  #offline = () => {
    this.#drop();
    this.#again(0);
  };

  async #attempt() {
    const turn = ++this.#turn;
    this.#trying = turn;
    this.#attempts++;
    try {
      await this.#renew();
    } catch (error) {
      this.#options.trouble?.(error);
      if (turn === this.#turn) this.#failed();
      return;
    }
    if (turn !== this.#turn || !this.#running) return;
    let kind = 'websocket';
    let opened = globalThis.WebSocket && (await this.#open(kind, turn));
    if (turn !== this.#turn) return;
    if (!opened) this.#fails += opened === null ? FAILS : 1; // null: no answer at all
    if (!opened && (this.#fails >= FAILS || !globalThis.WebSocket)) opened = await this.#open((kind = 'longpoll'), turn);
    if (turn !== this.#turn) return;
    this.#doubt = !opened;
    if (opened) this.#use(kind);
    else this.#failed();
  }

  #failed() {
    this.#trying = -1;
    this.#again(Math.min(25 * 2 ** this.#attempts, MOST_MS));
  }

  /** A token that holds for a while yet. */
  async #renew() {
    const { token } = this.#options;
    const { exp = Infinity } = claims(this.#token ?? '');
    const now = Date.now();
    const holds = this.#token !== null && exp - EARLY_S > now / 1000 && !(this.#doubt && now - this.#asked > ASKS_MS);
    if (typeof token === 'function' && !holds) {
      this.#asked = now;
      this.#token = await token();
    } else if (typeof token !== 'function') this.#token = token;
    this.#options.tokenIs?.(this.#token);
  }

  /** Before the token's end: the same connection again, with a new one. */
  #renewLater() {
    const { exp, iat = Date.now() / 1000 } = claims(this.#token ?? '');
    if (typeof this.#options.token !== 'function' || !exp) return;
    const ms = Math.max((exp - Date.now() / 1000 - Math.min(EARLY_S, (exp - iat) / 4)) * 1000, 1000);
    if (ms > NEVER_MS) return;
    this.#set('renew', ms, async () => {
      const turn = this.#turn;
      const old = this.#token;
      this.#token = null;
      await this.#renew().catch(() => (this.#token = old));
      if (turn !== this.#turn) return;
      if (this.#token === old) return this.#set('renew', ASKS_MS, () => this.#renewLater());
      this.#drop();
      this.#set('next', 0, () => this.#attempt());
    });
  }

  #socket(kind) {
    if (this.#sockets[kind]) return this.#sockets[kind];
    const socket = new Socket(this.#options.url, {
      transport: kind === 'longpoll' ? LongPoll : globalThis.WebSocket,
      params: this.#options.params,
      authToken: this.#token ? () => this.#token : undefined,
      heartbeatIntervalMs: BEAT_MS,
      reconnectAfterMs: () => NEVER_MS,
      rejoinAfterMs: (tries) => [250, 1000, 2000][tries - 1] ?? 5000,
    });
    socket.onClose(() => this.#lost(kind));
    socket.onError(() => this.#lost(kind));
    return (this.#sockets[kind] = socket);
  }

  /** True: it is open and answers. False: refused. Null: nothing came. */
  #open(kind, turn) {
    const socket = this.#socket(kind);
    return new Promise((resolve) => {
      const refs = [];
      const done = (how) => {
        clearTimeout(timer);
        socket.off(refs);
        if (how !== true && turn === this.#turn) socket.disconnect(); // else who began another turn has
        resolve(how);
      };
      let timer = setTimeout(done, OPEN_MS, null);
      refs.push(socket.onError(() => done(false)), socket.onClose(() => done(false)));
      refs.push(socket.onOpen(() => {
        clearTimeout(timer);
        timer = setTimeout(done, OPEN_MS, null);
        if (kind === 'longpoll') done(true);
        else socket.ping(() => done(true));
      }));
      socket.connect();
    });
  }

  #use(kind) {
    const old = this.#kind;
    this.#kind = kind;
    this.#attempts = 0;
    if (kind === 'websocket') this.#fails = 0;
    this.#tell('connected');
    for (const [topic, handlers] of this.#topics) this.#channel(topic, handlers);
    if (old) this.#set('retire', OPEN_MS, () => old !== this.#kind && this.#sockets[old].disconnect());
    this.#set('back', kind === 'longpoll' ? BACK_MS : null, this.#tryBack);
    this.#renewLater();
  }

  #tryBack = async () => {
    const turn = this.#turn;
    const opened = this.#kind === 'longpoll' && online() && (await this.#open('websocket', turn));
    if (turn !== this.#turn || this.#kind !== 'longpoll') return;
    if (opened) this.#use('websocket');
    else this.#set('back', BACK_MS, this.#tryBack);
  };

  #lost(kind) {
    if (kind !== this.#kind || kind === null) return;
    this.#drop();
    this.#again(0);
  }

  #drop() {
    this.#turn++;
    this.#kind = null;
    for (const name in this.#timers) clearTimeout(this.#timers[name]);
    for (const handlers of this.#topics.values()) this.#part(handlers);
    for (const socket of Object.values(this.#sockets)) socket.disconnect();
    for (const lost of this.#pushes) lost();
  }

  #part(handlers) {
    handlers.channel?.leave();
    if (handlers.next !== handlers.channel) handlers.next.leave();
    handlers.channel = handlers.next = null;
  }

  /** The channel of before, over another socket, is heard until this one has joined. */
  #channel(topic, handlers) {
    const channel = this.#sockets[this.#kind].channel(topic, handlers.params);
    handlers.next = channel;
    handlers.channel ??= channel;
    channel.onMessage = (event, payload) => {
      if (handlers.channel === channel && !event.startsWith('phx_') && !event.startsWith('chan_reply_')) handlers.event(event, payload);
      return payload;
    };
    channel
      .join()
      .receive('ok', (answer) => {
        if (handlers.next !== channel) return;
        const before = handlers.channel;
        handlers.channel = channel;
        handlers.join(answer);
        if (before !== channel) before.leave();
      })
      .receive('error', (answer) => handlers.next === channel && handlers.error(answer));
  }
}

/** Refusals that the same request would meet again. */
const FINAL = ['unauthorized', 'unknown event', 'this event may not be published here', 'not listed here'];

/** An Error of what an answer says. */
export function failure(answer, retry) {
  const reason = answer?.reason ?? 'refused';
  const more = { reason, field: answer?.field, retry: retry ?? answer?.retry ?? !(answer?.field || FINAL.includes(reason)) };
  return Object.assign(new Error(more.field ? `${more.field} ${reason}` : reason), more);
}
