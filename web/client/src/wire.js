// SPDX-License-Identifier: Apache-2.0
/* The one connection: phoenix sockets over WebSocket, or over long-poll where WebSocket does not get
 * through, and back as soon as it does.
 *
 * phoenix.js would stay on long-poll for the life of its socket, and reconnect with the token that it
 * began with. So attempts are ours: each fetches a token that still holds, and tries WebSocket; when
 * that fails again and again, long-poll; and while on long-poll, WebSocket now and then beside it. A
 * switch joins over the new one first: with `since` nothing is missed, and nobody is seen to leave. */
import { LongPoll, Socket } from 'phoenix';

import { failure } from './outcome.js';
import { claims } from './token.js';

const OPEN_MS = 2500; // for the handshake, and again for the first answer
const FAILS = 3; // of WebSocket, before long-poll is tried
const BACK_MS = 15000; // on long-poll: between two tries of WebSocket
const BEAT_MS = 15000;
const ALIVE_MS = 3000; // for an answer, when the page wakes up
const EARLY_S = 60; // a token is renewed so long before its end
const ASKS_MS = 5000; // between two askings for a token that was refused
const ANSWER_MS = 10000; // of a push
const NEVER_MS = 0x7fffffff;
const MOST_MS = 2000; // between two attempts

const online = () => globalThis.navigator?.onLine !== false;

/** token: text, or an async function; changed({status, attempts, transport}), trouble(error), tokenIs(token). */
export function openWire({ url, params, token }, changed, trouble, tokenIs) {
  const topics = new Map(); // topic -> {params, join, event, error; channel: heard and pushed to, next: the one that joins}
  const sockets = {};
  const waiting = new Set(); // pushes without an answer: what to call when there will be none
  const timers = {};
  const asks = typeof token === 'function';
  let kind = null; // 'websocket' | 'longpoll': what is used now
  let known = asks ? null : token;
  let asked = 0; // when
  let holds = 0; // until when; less when the token may be why it fails
  let running = false;
  let attempts = 0;
  let fails = 0;
  let turn = 0; // an attempt that is not of this turn has nothing to say
  let trying = -1; // the turn of an attempt under way

  function set(name, ms, act) {
    clearTimeout(timers[name]);
    timers[name] = setTimeout(act, ms);
  }

  const tell = (status) => changed({ status, attempts, transport: kind });

  function again(ms) {
    if (!running) return;
    tell(online() ? 'connecting' : 'offline');
    // The browser may be wrong about being offline: it is tried now and then all the same.
    set('next', online() ? ms * (0.5 + Math.random()) : BEAT_MS, attempt);
  }

  async function attempt() {
    const mine = (trying = ++turn);
    attempts++;
    try {
      await renew();
    } catch (error) {
      trouble(error);
      if (mine === turn) failed();
      return;
    }
    if (mine !== turn) return;
    let how = 'websocket';
    let opened = globalThis.WebSocket && (await open(how));
    if (!opened) fails += opened === null ? FAILS : 1; // null: no answer at all
    if (!opened && (fails >= FAILS || !globalThis.WebSocket)) opened = await open((how = 'longpoll'));
    if (opened) use(how);
    else failed();
  }

  function failed() {
    trying = -1;
    holds = Math.min(holds, asked + ASKS_MS);
    again(Math.min(25 * 2 ** attempts, MOST_MS));
  }

  /** A token that holds for a while yet. */
  async function renew() {
    if (asks && Date.now() >= holds) {
      asked = Date.now();
      known = await token();
      holds = ((claims(known).exp ?? Infinity) - EARLY_S) * 1000;
    }
    tokenIs(known);
  }

  /** Before its end the server says so, by its clock: another one is put in its place. If there is none it says so again. */
  const replace = (socket) =>
    asks && set('renew', Math.max(asked + ASKS_MS - Date.now(), 0), async () => {
      holds = 0;
      await renew().catch(trouble);
      if (socket === sockets[kind]) socket.push({ topic: 'phoenix', event: 'access_token', payload: { token: known }, ref: socket.makeRef() });
    });

  function socketOf(how) {
    if (sockets[how]) return sockets[how];
    const socket = new Socket(url, {
      transport: how === 'longpoll' ? LongPoll : globalThis.WebSocket,
      params,
      authToken: known ? () => known : undefined,
      heartbeatIntervalMs: BEAT_MS,
      reconnectAfterMs: () => NEVER_MS,
      rejoinAfterMs: (tries) => [250, 1000, 2000][tries - 1] ?? 5000,
    });
    const gone = () => lost(how);
    socket.onClose(gone);
    socket.onError(gone);
    socket.onMessage(({ event }) => event === 'token_expiring' && replace(socket));
    return (sockets[how] = socket);
  }

  /** True: it is open and answers. False: refused. Null: nothing came. For this turn: else nobody hears of it. */
  function open(how) {
    const socket = socketOf(how);
    const mine = turn;
    return new Promise((resolve) => {
      let timer;
      const wait = () => {
        clearTimeout(timer);
        timer = setTimeout(done, OPEN_MS, null);
      };
      const done = (what) => {
        clearTimeout(timer);
        socket.off(refs);
        if (mine !== turn) return; // who began another one has closed it
        if (!what) socket.disconnect();
        resolve(what);
      };
      const refused = () => done(false);
      const answers = () => done(true);
      const refs = [socket.onError(refused), socket.onClose(refused), socket.onOpen(() => {
        wait();
        if (how === 'longpoll') answers();
        else socket.ping(answers);
      })];
      wait();
      socket.connect();
    });
  }

  function use(how) {
    const old = kind;
    kind = how;
    turn++;
    attempts = 0;
    if (how === 'websocket') fails = 0;
    tell('connected');
    topics.forEach(enter);
    if (old) set('retire', OPEN_MS, () => sockets[old].disconnect());
    set('back', BACK_MS, tryBack);
  }

  async function tryBack() {
    if (kind !== 'longpoll') return;
    if (online() && (await open('websocket'))) use('websocket');
    else set('back', BACK_MS, tryBack);
  }

  function lost(how) {
    if (how === kind) restart();
  }

  function restart() {
    drop();
    again(0);
  }

  function drop() {
    turn++;
    kind = null;
    Object.values(timers).forEach(clearTimeout);
    topics.forEach(part);
    for (const socket of Object.values(sockets)) socket.disconnect();
    waiting.forEach((end) => end());
  }

  function part(one) {
    one.channel?.leave();
    if (one.next !== one.channel) one.next.leave();
    one.channel = one.next = null;
  }

  /** The channel of before, over another socket, is heard until this one has joined. */
  function enter(one, topic) {
    const channel = sockets[kind].channel(topic, one.params);
    one.next = channel;
    one.channel ??= channel;
    channel.onMessage = (event, payload) => {
      if (one.channel === channel && !/^(phx_|chan_reply_)/.test(event)) one.event(event, payload);
      return payload;
    };
    channel
      .join()
      .receive('ok', (answer) => {
        if (one.next !== channel) return;
        const before = one.channel;
        one.channel = channel;
        one.join(answer);
        if (before !== channel) before.leave();
      })
      .receive('error', (answer) => one.next === channel && one.error(answer));
  }

  /** The page is looked at again, or the network is back. */
  function wake() {
    if (globalThis.document?.visibilityState === 'hidden') return;
    if (!kind) return trying === turn || again(0);
    if (kind === 'longpoll') set('back', 0, tryBack);
    const was = kind;
    set('alive', ALIVE_MS, () => lost(was));
    if (!sockets[kind].ping(() => clearTimeout(timers.alive))) restart();
  }

  function listen(how) {
    globalThis[how]?.('online', wake);
    globalThis[how]?.('offline', restart);
    globalThis.document?.[how]('visibilitychange', wake);
  }

  return {
    connected: () => kind !== null,

    start() {
      if (running) return;
      running = true;
      listen('addEventListener');
      again(0);
    },

    stop() {
      running = false;
      listen('removeEventListener');
      drop();
      tell('disconnected');
    },

    /** one: params(), join(answer), event(name, payload), error(answer) */
    join(topic, one) {
      topics.set(topic, one);
      if (kind) enter(one, topic);
    },

    leave(topic) {
      if (topics.has(topic)) part(topics.get(topic));
      topics.delete(topic);
    },

    /** The answer of an ok; else an Error with `reason`, `field`, and `retry`: whether it may work later. */
    push(topic, event, payload) {
      const { channel } = topics.get(topic) ?? {};
      let end;
      return new Promise((resolve, reject) => {
        const no = (reason) => () => reject(failure({ reason, retry: true }));
        if (!kind || !channel) return no('not connected')();
        waiting.add((end = no('the connection was lost')));
        channel
          .push(event, payload, ANSWER_MS)
          .receive('ok', resolve)
          .receive('error', (answer) => reject(failure(answer)))
          .receive('timeout', no('no answer in time'));
      }).finally(() => waiting.delete(end));
    },
  };
}
