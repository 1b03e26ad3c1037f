// SPDX-License-Identifier: Apache-2.0
/* connect(): what a page holds. One tab of the browser has the connection and leads; it applies what
 * comes and passes it on; the others apply the same. Whoever leads next joins with the `since` that
 * every tab has, and sends again what had no answer yet: with the same op_id it is done once.
 *
 * Between tabs, `k` is:
 *   want, drop   a topic, with its join params                       -> leader
 *   ask, said    a push, and its answer                              -> leader -> asker
 *   op, done     an operation begins; it is over (in every tab)      <-> all
 *   pause        the switch of the connection                        <-> all
 *   lead         I lead now: say what you want                       leader -> all
 *   status       of the connection, and whether it is switched off   leader -> all
 *   state        all of a topic, or why it is refused                leader -> all
 *   frame        one event of it                                     leader -> all */
import { InboxState, PAGE_MOST } from './inbox-state.js';
import { newId, pushOf } from './ops.js';
import { failure, outcomeOf, promises } from './outcome.js';
import { emitter, store } from './store.js';
import { openTabs } from './tabs.js';
import { claims } from './token.js';
import { openWire } from './wire.js';

const INBOX = /^user:(.+):notifications$/;
const TRIES = 5;
const TRY_MS = 200;
const TRY_MOST_MS = 5000;
const LATE_MS = 2000; // for the frame of what was answered
const OPS_MAX = 1000;

/** The state of a topic that is no inbox: topics.js says which, where the page uses it. */
export const other = { State: null };

/** Before the next try. */
const pause = (tries) => new Promise((done) => setTimeout(done, Math.min(TRY_MS * 2 ** tries, TRY_MOST_MS) * (0.5 + Math.random() / 2)));

/** A promise that nobody has to catch. */
function quiet(promise) {
  promise.catch(() => {});
  return promise;
}

/** What the guide's handler of `notifications:sync` takes. */
const syncOf = (state) =>
  ({ count: state.unread, unread_count: state.unread, recent: state.list().slice(0, 50), seq: state.seq, epoch: state.epoch, server_time: state.serverTime });

/** connect({url, token}): see types/index.d.ts. */
export function connect(given) {
  const options = { url: '/socket', tabs: true, ...given };
  const { url, token, offline: queue } = options; // queue: what outlives the tabs, or undefined
  const base = url.replace(/\/socket\/?$/, '').replace(/^ws/, 'http');
  const connection = store({ status: 'connecting', wasDisconnected: false, attempts: 0, transport: null, leader: false });
  const topics = new Map(); // topic -> entry
  const acts = promises(); // of this tab
  const asks = promises(); // of a tab that does not lead
  const { on, emit } = emitter();
  const trouble = (error) => emit('trouble', error);
  let tabs = { leads: false, post() {}, close() {} }; // not known yet
  let user = null;
  let ops = []; // of the inbox, in order, of all tabs
  let sending = false;
  let paused = false;
  let closed = false;

  const getToken = async () => (typeof token === 'function' ? token() : token);
  const inboxTopic = () => `user:${user}:notifications`;
  const theInbox = () => topics.get(inboxTopic());

  const wire = openWire(options, changed, trouble, (now) => queue?.remember({ user, token: now, base }).catch(() => {}));

  async function begin() {
    let who = options.user;
    for (let tries = 0; who === undefined && !closed; tries++)
      try {
        who = claims(await getToken()).sub ?? null;
      } catch (error) {
        trouble(error); // no network, or who gives the token is away: asked again
        await pause(tries);
      }
    if (closed) return;
    user = who;
    tabs = openTabs(`belfry ${url} ${user ?? ''}`, options.tabs, lead, (m) => (heard[m.k] ?? (tabs.leads ? asLeader : asFollower)[m.k])?.(m, topics.get(m.topic)));
    if (user !== null) open(inboxTopic());
    repeat();
  }

  /** To who leads: what waits here. */
  const repeat = () => ops.forEach((op) => tabs.post({ k: 'op', op }));

  /* ---- pushes ---- */

  /** The answer of a push, over whichever tab has the connection. */
  function push(topic, event, payload = {}) {
    if (tabs.leads || closed) return wire.push(topic, event, payload);
    const id = newId();
    tabs.post({ k: 'ask', id, topic, event, payload }); // who leads answers in time, or another one does
    return asks.add(id);
  }

  /** Nobody knows what becomes of it: another one leads, or this tab hears no more. */
  const interrupt = (all = asks) => all.ids().forEach((id) => all.settle(id, { error: { reason: 'interrupted', retry: true } }));

  /* ---- operations on the inbox ---- */

  /** Shown at once in every tab, and done at the server once; the promise has the answer. */
  function act(what) {
    if (closed) return quiet(Promise.reject(failure({ reason: 'closed', retry: false })));
    if (ops.length >= OPS_MAX) return quiet(Promise.reject(new Error(`more than ${OPS_MAX} operations wait`)));
    const seen = theInbox()?.state.seq ?? undefined; // what came later it is not meant for
    const op = { op_id: newId(), at: Date.now(), observed_seq: seen, ...what };
    const result = acts.add(op.op_id);
    add(op);
    tabs.post({ k: 'op', op });
    ready.then(() => queue?.put(user, op)).catch(trouble);
    send();
    return quiet(result);
  }

  function add(op) {
    if (ops.some((one) => one.op_id === op.op_id)) return;
    ops = [...ops, op];
    tell(theInbox());
  }

  const joined = () => wire.connected() && theInbox()?.joined;
  const unsent = () => ops.find((one) => one.seq === undefined);

  /** One after the other, as they were made. */
  async function send() {
    if (sending || !tabs.leads) return;
    sending = true;
    for (let op; (op = unsent()) && joined();) {
      const outcome = await attempt(op);
      if (!outcome) break; // not connected: again after the next join
      done(op.op_id, outcome);
      tabs.post({ k: 'done', op_id: op.op_id, outcome });
    }
    sending = false;
    if (joined() && unsent()) send();
  }

  /** Its outcome; null when the connection went. What is kept on the disk is tried until it is done or refused for good. */
  async function attempt(op) {
    const { event, payload } = pushOf(op);
    for (let tries = 1; ; tries++) {
      const outcome = await outcomeOf(wire.push(inboxTopic(), event, payload));
      const { error } = outcome;
      if (error && !joined()) return null;
      if (!error?.retry || (tries >= TRIES && !queue)) return outcome;
      await pause(tries);
    }
  }

  function done(op_id, outcome) {
    queue?.done(user, op_id).catch(trouble); // in the tab that keeps it, and in the one that did it
    const failed = acts.settle(op_id, outcome);
    if (failed) {
      const op = ops.find((one) => one.op_id === op_id);
      remove((one) => one === op);
      emit('failed', failed, op);
    } else {
      counts(op_id, outcome.answer.seq);
      settle(theInbox());
    }
  }

  function remove(which) {
    const { length } = ops;
    ops = ops.filter((one) => !which(one));
    if (ops.length < length) tell(theInbox());
  }

  /** The operation is in the state from this seq on. */
  function counts(op_id, seq) {
    ops = ops.map((one) => (one.op_id === op_id ? { ...one, seq } : one));
  }

  /** What the state holds needs no overlay any more. If its frame does not come, it is asked for. */
  function settle(entry) {
    if (!entry) return;
    remove((one) => one.seq <= entry.state.seq);
    clearTimeout(entry.late);
    if (ops.some((one) => one.seq !== undefined)) entry.late = setTimeout(heal, LATE_MS, entry);
  }

  /** A change that is known to be an operation's. Who leads has its answer, too, or hears that there will be none. */
  function echo({ by, seq, unread_count }) {
    if (!by?.op_id) return;
    if (tabs.leads) counts(by.op_id, seq);
    else done(by.op_id, { answer: { seq, unread_count } });
  }

  /** What was done while its answer was lost with the connection. */
  function sweep({ unread, seq }) {
    for (const op_id of acts.ids())
      if (!ops.some((one) => one.op_id === op_id)) done(op_id, { answer: { seq, unread_count: unread } });
  }

  /* ---- the life of a topic ---- */

  function open(topic, more = {}) {
    let entry = topics.get(topic);
    if (entry) {
      Object.assign(entry.params, more);
      return entry;
    }
    const inbox = INBOX.test(topic);
    entry = { topic, inbox, state: inbox ? new InboxState() : new other.State(), params: { ...more }, followers: new Set(), wanted: new Set(), joined: false, refused: null };
    topics.set(topic, entry);
    if (tabs.leads) join(entry);
    else want(entry);
    return entry;
  }

  const want = (entry) => tabs.post({ k: 'want', topic: entry.topic, params: entry.params });

  function shut(entry) {
    const { topic } = entry;
    if (entry.followers.size || entry.wanted.size || topic === inboxTopic() || !topics.delete(topic)) return;
    if (tabs.leads) wire.leave(topic);
    else tabs.post({ k: 'drop', topic });
  }

  function join(entry) {
    wire.join(entry.topic, {
      params: () => ({ ...entry.params, ...entry.state.since() }),
      join: (answer) => joins(entry, answer),
      event: (event, payload) => frame(entry, event, payload),
      error: ({ reason = 'refused' }) => {
        entry.refused = reason;
        share(entry);
        tell(entry);
      },
    });
  }

  /** All of a topic, for the other tabs. */
  const share = ({ topic, state, refused }, to) => tabs.post({ k: 'state', to, topic, state: state.dump(), refused });

  function joins(entry, answer) {
    const { state } = entry;
    entry.joined = true;
    entry.refused = null;
    if (answer.resumed) {
      for (const { event, payload } of answer.changes) frame(entry, event, payload);
      state.count(answer);
      if (state.seq !== answer.seq) heal(entry);
      tell(entry);
    } else if (state.join(answer)) {
      share(entry);
      synced(entry);
    }
    if (!entry.inbox) return;
    sweep(state);
    send();
  }

  /** All of a topic is new: of the inbox it is the guide's `notifications:sync`, too. */
  function synced(entry) {
    if (entry.inbox) tell(entry, 'notifications:sync', syncOf(entry.state));
    tell(entry);
    if (entry.inbox) settle(entry);
    if (entry.state.stale) refill(entry);
  }

  /** In the tab that leads, and in the others. */
  function frame(entry, event, payload) {
    const what = entry.state.receive(event, payload);
    if (what === 'old') return;
    if (what === 'gap') return heal(entry);
    if (tabs.leads) tabs.post({ k: 'frame', topic: entry.topic, event, payload });
    if (what === 'sync') return synced(entry);
    const passing = what === 'passing';
    if (entry.inbox && !passing) {
      echo(payload);
      settle(entry);
    }
    tell(entry, event, payload);
    if (!passing) tell(entry);
    if (what === 'pull') refill(entry, true);
  }

  async function heal(entry) {
    if (!tabs.leads) return want(entry);
    if (entry.healing || !entry.joined) return;
    entry.healing = true;
    const answer = await wire.push(entry.topic, 'reconnect', entry.state.since()).catch(() => null);
    entry.healing = false;
    if (answer?.seq > entry.state.seq) heal(entry);
  }

  /** The newest page again, where a frame says so; after a sync what is below it, until as much is true as is shown. */
  async function refill(entry, newest) {
    const { state } = entry;
    entry.pull ||= newest;
    if (entry.filling) return;
    entry.filling = true;
    for (let tries = 0; (entry.pull || state.stale) && !closed;) {
      const before = entry.pull ? undefined : state.stale;
      entry.pull = false;
      try {
        state.merge(await push(entry.topic, 'list', { limit: PAGE_MOST, before }), before);
        tries = 0;
        tell(entry);
      } catch ({ retry }) {
        if (!retry) break;
        entry.pull ||= !before;
        await pause(tries++);
      }
    }
    entry.filling = false;
  }

  /** To who follows a topic: its state has changed, or an event of it. */
  function tell(entry, event = 'change', payload) {
    if (!entry) return;
    if (event === 'change') {
      if (entry.inbox && tabs.leads) queue?.keep(user, entry.state, ops);
    } else if (entry.inbox) {
      emit(event, payload);
      const [, short] = event.split(':');
      if (['toast', 'transient', 'new'].includes(short)) emit(short, payload.notification ?? payload);
    }
    for (const fn of [...entry.followers]) fn(event, payload);
  }

  /* ---- leading, and following ---- */

  async function lead() {
    interrupt();
    const kept = await queue?.open(user).catch(trouble);
    if (closed) return;
    const inbox = theInbox();
    if (kept?.shown && inbox?.state.seq === null && inbox.state.load(kept.shown)) synced(inbox);
    kept?.ops.forEach(add);
    if (!paused) wire.start();
    topics.forEach(join);
    tabs.post({ k: 'lead' });
    changed(connection.get());
  }

  function changed(now) {
    const before = connection.get();
    const up = now.status === 'connected';
    if (!up) for (const entry of topics.values()) entry.joined = false;
    const wasDisconnected = before.wasDisconnected || (before.status === 'connected' && !up);
    const next = { ...now, wasDisconnected, leader: tabs.leads };
    if (Object.keys(next).every((key) => next[key] === before[key])) return;
    connection.set(next);
    if (tabs.leads) tabs.post({ k: 'status', now: next, paused });
  }

  /** What another tab posts: to all, */
  const heard = {
    op({ op }) {
      add(op);
      send();
    },
    pause: (m) => setPaused(m.paused),
  };

  /** to who leads, */
  const asLeader = {
    want({ topic, params, from: to }) {
      if (!other.State && !INBOX.test(topic)) { // that tab can do more than we
        tabs.yield();
        return wire.stop();
      }
      const entry = open(topic, params);
      tabs.watch(to, () => unwanted(to));
      entry.wanted.add(to);
      tabs.post({ k: 'status', to, now: connection.get(), paused });
      share(entry, to);
      for (const op of ops) tabs.post({ k: 'op', to, op });
    },
    drop: ({ from, topic }) => unwanted(from, topic),
    async ask({ from: to, id, topic, event, payload }, entry) {
      if (event === 'presence:update') Object.assign(entry?.params ?? {}, payload); // the next join has it, too
      tabs.post({ k: 'said', to, id, outcome: await outcomeOf(wire.push(topic, event, payload)) });
    },
  };

  /** and to who does not. */
  const asFollower = {
    lead() {
      interrupt();
      topics.forEach(want);
      repeat();
    },
    status(m) {
      paused = m.paused;
      changed(m.now);
    },
    said: ({ id, outcome }) => asks.settle(id, outcome),
    done: ({ op_id, outcome }) => done(op_id, outcome),
    frame: ({ event, payload }, entry) => entry && frame(entry, event, payload),
    state({ state, refused }, entry) {
      if (!entry) return;
      entry.refused = refused;
      if (entry.state.load(state)) synced(entry);
      else tell(entry);
    },
  };

  /** A tab wants a topic no more, or has gone. */
  function unwanted(from, topic) {
    for (const entry of topics.values())
      if ((topic ?? entry.topic) === entry.topic && entry.wanted.delete(from)) shut(entry);
  }

  function setPaused(now) {
    paused = now;
    if (!tabs.leads) return;
    if (paused) wire.stop();
    else wire.start();
  }

  function turn(off) {
    setPaused(off);
    tabs.post({ k: 'pause', paused });
  }

  const ready = begin();
  return {
    connection,
    base,
    on, // 'failed' (error, op) of an operation that was refused for good, 'trouble', 'toast', 'transient', 'new'
    push,
    act,
    /** The token as it is now, for calls of the API. */
    token: getToken,

    get user() {
      return user;
    },

    get ops() {
      return ops;
    },

    /** As a page of LiveView has it: push an event of the inbox; `reply` gets the answer. Without `reply`: a promise of it. */
    pushEvent(event, payload, reply) {
      const answer = ready.then(() => push(inboxTopic(), event, payload));
      if (!reply) return quiet(answer);
      answer.then(reply, trouble);
    },

    /** Call `fn` with every such event of the inbox; gives what ends it. Who asks for `notifications:sync`
     *  when the inbox is there already gets it at once: the pull on mount. */
    handleEvent(event, fn) {
      const state = theInbox()?.state;
      if (event === 'notifications:sync' && state?.seq != null) queueMicrotask(() => fn(syncOf(state)));
      return on(event, fn);
    },

    removeHandleEvent: (end) => end(),

    /** Follow a topic (null: the inbox); `fn(event, payload)` gets what passes, and 'change' with every change of its state. */
    async follow(topic, fn, params) {
      await ready;
      const entry = open(topic ?? inboxTopic(), params);
      entry.followers.add(fn);
      fn('change');
      return { entry, end: () => entry.followers.delete(fn) && shut(entry) };
    },

    /** The page's own switch: take the connection down until connect(); what is done meanwhile waits. For all tabs. */
    disconnect: () => turn(true),
    connect: () => turn(false),

    /** This tab has no more to do with it; another one leads on. */
    close() {
      closed = true;
      if (tabs.leads) wire.stop();
      tabs.close();
      [asks, acts].forEach(interrupt);
    },
  };
}
