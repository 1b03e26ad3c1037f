// SPDX-License-Identifier: Apache-2.0
/* connect(): what a page holds. One tab of the browser has the connection and leads; it applies what
 * comes and passes it on; the others apply the same. Whoever leads next joins with the `since` that
 * every tab has, and sends again what had no answer yet: with the same op_id it is done once.
 *
 * Between tabs, `k` is:
 *   want, drop   a topic, with its join params                       -> leader
 *   ask, said    a push, and its answer                              -> leader -> asker
 *   op, done     an operation begins; it is over (in every tab)      <-> all
 *   lead         I lead now: say what you want                       leader -> all
 *   status       of the connection, and whether it is switched off   leader -> all
 *   state        all of a topic;  frame: one event of it             leader -> all
 *   refused      of a topic: why                                     leader -> all */
import { InboxState, needsPull, PAGE_MOST } from './inbox-state.js';
import { newId, pushOf } from './ops.js';
import { emitter, store } from './store.js';
import { Tabs } from './tabs.js';
import { claims, failure, Wire } from './wire.js';

const INBOX = /^user:(.+):notifications$/;
const TRIES = 5;
const TRY_MS = 200;
const TRY_MOST_MS = 5000;
const OPS_MAX = 1000;

/** Before the next try. */
const pause = (tries) => new Promise((done) => setTimeout(done, Math.min(TRY_MS * 2 ** tries, TRY_MOST_MS) * (0.5 + Math.random() / 2)));

export class Live {
  /** The state of a topic that is no inbox: topics.js says which, where the page uses it. */
  static Topic = null;
  /** Status of the connection: a store. */
  connection = store({ status: 'connecting', wasDisconnected: false, attempts: 0, transport: null, leader: false });
  user = null;
  #options;
  #topics = new Map(); // topic -> entry
  #ops = []; // of the inbox, in order, of all tabs
  #promises = new Map(); // op_id -> {resolve, reject}, of this tab
  #asks = new Map(); // of a tab that does not lead
  #events = emitter();
  #wire;
  #tabs = null;
  #queue; // what outlives the tabs, or undefined
  #sending = false;
  #trouble = (error) => this.#events.emit('trouble', error);
  #paused = false;
  #closed = false;
  #ready;

  constructor(options) {
    this.#options = { url: '/socket', tabs: true, ...options };
    this.#queue = options.offline;
    const { url, token, params } = this.#options;
    this.#wire = new Wire({
      url, token, params,
      changed: (now) => this.#changed(now),
      trouble: this.#trouble,
      tokenIs: (now) => this.#queue?.remember({ user: this.user, token: now, base: this.base }).catch(() => {}),
    });
    this.#ready = this.#begin();
  }

  /** Where the API is. */
  get base() {
    return this.#options.url.replace(/\/socket\/?$/, '').replace(/^ws/, 'http');
  }

  /** The token as it is now, for calls of the API. */
  async token() {
    const { token } = this.#options;
    return typeof token === 'function' ? token() : token;
  }

  async #begin() {
    let { user } = this.#options;
    for (let tries = 0; user === undefined && !this.#closed; tries++)
      try {
        user = claims(await this.token()).sub ?? null;
      } catch (error) {
        this.#trouble(error); // no network, or who gives the token is away: asked again
        await pause(tries);
      }
    if (this.#closed) return;
    this.user = user;
    this.#tabs = new Tabs(`belfry ${this.#options.url} ${user ?? ''}`, this.#options.tabs, {
      lead: () => this.#lead(),
      message: (m) => this.#heard(m),
    });
    if (user !== null) this.#open(this.inboxTopic);
    this.#repeat();
  }

  /** To who leads: what waits here. */
  #repeat() {
    for (const op of this.#ops) this.#tabs.post({ k: 'op', op });
  }

  get #inbox() {
    return this.#topics.get(this.inboxTopic);
  }

  get inboxTopic() {
    return `user:${this.user}:notifications`;
  }

  /* ---- as a page of LiveView has it ---- */

  /** Push an event of the inbox; `reply` gets the answer. Without `reply`: a promise of it. */
  pushEvent(event, payload = {}, reply) {
    const answered = this.#ready.then(() => this.push(this.inboxTopic, event, payload));
    if (!reply) return quiet(answered);
    answered.then((answer) => reply(answer), this.#trouble);
  }

  /** Call `fn` with every such event of the inbox; gives what ends it. Who asks for `notifications:sync`
   *  when the inbox is there already gets it at once: the pull on mount. */
  handleEvent(event, fn) {
    const end = this.#events.on(`inbox ${event}`, fn);
    const entry = this.#inbox;
    if (event === 'notifications:sync' && entry?.state.seq != null) queueMicrotask(() => fn(syncOf(entry.state)));
    return end;
  }

  removeHandleEvent(end) {
    end();
  }

  /* ---- topics ---- */

  /** Follow a topic; `on(event, payload)` gets what passes, and 'change' with every change of its state. */
  async follow(topic, on, params) {
    await this.#ready;
    const entry = this.#open(topic ?? this.inboxTopic, params);
    entry.followers.add(on);
    on('change');
    return {
      entry,
      end: () => {
        if (entry.followers.delete(on)) this.#shut(entry.topic);
      },
    };
  }

  /** The answer of a push, over whichever tab has the connection. */
  push(topic, event, payload = {}) {
    if (this.#tabs?.leads) return this.#wire.push(topic, event, payload);
    return new Promise((resolve, reject) => {
      const id = newId();
      this.#asks.set(id, { resolve, reject }); // who leads answers in time, or another one does
      this.#tabs?.post({ k: 'ask', id, topic, event, payload });
    });
  }

  /** Another one leads: nobody knows what became of it. */
  #interrupt() {
    for (const id of [...this.#asks.keys()]) this.#answered(id, { reason: 'interrupted', retry: true });
  }

  #answered(id, error, answer) {
    const ask = this.#asks.get(id);
    if (!ask) return;
    this.#asks.delete(id);
    if (error) ask.reject(failure(error));
    else ask.resolve(answer);
  }

  /* ---- operations on the inbox ---- */

  get ops() {
    return this.#ops;
  }

  /** Shown at once in every tab, and done at the server once; the promise has the answer. */
  act(op) {
    if (this.#ops.length >= OPS_MAX) return quiet(Promise.reject(new Error(`more than ${OPS_MAX} operations wait`)));
    const seen = this.#inbox?.state.seq ?? undefined; // what came later it is not meant for
    const whole = { op_id: newId(), at: Date.now(), observed_seq: seen, ...op };
    const done = new Promise((resolve, reject) => this.#promises.set(whole.op_id, { resolve, reject }));
    this.#add(whole);
    this.#tabs?.post({ k: 'op', op: whole });
    this.#ready.then(() => this.#queue?.put(this.user, whole)).catch(this.#trouble);
    this.#send();
    return quiet(done);
  }

  #add(op) {
    if (this.#ops.some((one) => one.op_id === op.op_id)) return;
    this.#ops = [...this.#ops, op];
    this.#tell(this.#inbox, 'change');
  }

  /** One after the other, as they were made. */
  async #send() {
    if (this.#sending || !this.#tabs?.leads) return;
    this.#sending = true;
    for (let op; (op = this.#ops.find((one) => one.seq === undefined)) && this.#joined();) {
      const outcome = await this.#try(op);
      if (!outcome) break; // not connected: again after the next join
      this.#done(op.op_id, outcome);
      this.#tabs.post({ k: 'done', op_id: op.op_id, outcome });
    }
    this.#sending = false;
    if (this.#joined() && this.#ops.some((one) => one.seq === undefined)) this.#send();
  }

  #joined() {
    return this.#wire.connected && this.#inbox?.joined;
  }

  /** {answer} or {error}; nothing when the connection went. What is kept on the disk is tried until it is done or
   *  refused for good. */
  async #try(op) {
    const { event, payload } = pushOf(op);
    for (let tries = 1; ; tries++) {
      try {
        return { answer: await this.#wire.push(this.inboxTopic, event, payload) };
      } catch ({ reason, field, retry }) {
        if (!this.#joined()) return null;
        if (!retry || (tries >= TRIES && !this.#queue)) return { error: { reason, field } };
        await pause(tries);
      }
    }
  }

  #done(op_id, { answer, error }) {
    const promise = this.#promises.get(op_id);
    this.#promises.delete(op_id);
    this.#queue?.done(this.user, op_id).catch(this.#trouble); // in the tab that keeps it, and in the one that did it
    if (error) {
      const op = this.#ops.find((one) => one.op_id === op_id);
      this.#remove((one) => one.op_id === op_id);
      const failed = failure(error);
      promise?.reject(failed);
      this.#events.emit('failed', failed, op);
    } else {
      promise?.resolve(answer);
      this.#counts(op_id, answer.seq);
      this.#settle(this.#inbox);
    }
  }

  #remove(which) {
    const left = this.#ops.filter((one) => !which(one));
    if (left.length === this.#ops.length) return;
    this.#ops = left;
    this.#tell(this.#inbox, 'change');
  }

  /** What the state holds needs no overlay any more. If its frame does not come, it is asked for. */
  #settle(entry) {
    if (!entry) return;
    this.#remove((one) => one.seq !== undefined && one.seq <= entry.state.seq);
    clearTimeout(entry.late);
    if (this.#ops.some((one) => one.seq !== undefined)) entry.late = setTimeout(() => this.#heal(entry), 2000);
  }

  /** Called with (error, op) when an operation was refused for good, and with what passes:
   *  'failed', 'trouble', 'toast', 'transient', 'new'. */
  on(name, fn) {
    return this.#events.on(name, fn);
  }

  /* ---- the life of a topic ---- */

  #open(topic, params = {}) {
    let entry = this.#topics.get(topic);
    if (entry) {
      Object.assign(entry.params, params);
      return entry;
    }
    const inbox = INBOX.test(topic);
    entry = { topic, inbox, state: inbox ? new InboxState() : new Live.Topic(), params: { ...params }, followers: new Set(), wanted: new Set(), joined: false, refused: null };
    this.#topics.set(topic, entry);
    if (this.#tabs?.leads) this.#join(entry);
    else if (this.#tabs) this.#want(topic);
    return entry;
  }

  #want(topic) {
    this.#tabs.post({ k: 'want', topic, params: this.#topics.get(topic).params });
  }

  #shut(topic) {
    const entry = this.#topics.get(topic);
    if (!entry || entry.followers.size || entry.wanted.size || topic === this.inboxTopic) return;
    this.#topics.delete(topic);
    if (this.#tabs?.leads) this.#wire.leave(topic);
    else this.#tabs?.post({ k: 'drop', topic });
  }

  #join(entry) {
    this.#wire.join(entry.topic, {
      params: () => ({ ...entry.params, ...entry.state.since() }),
      join: (answer) => this.#answer(entry, answer),
      event: (event, payload) => this.#frame(entry, event, payload),
      error: (answer) => {
        entry.refused = answer?.reason ?? 'refused';
        this.#tabs.post({ k: 'refused', topic: entry.topic, reason: entry.refused });
        this.#tell(entry, 'change');
      },
    });
  }

  #answer(entry, answer) {
    entry.joined = true;
    entry.refused = null;
    if (answer.resumed) {
      for (const { event, payload } of answer.changes) this.#frame(entry, event, payload);
      entry.state.count(answer);
      if (entry.state.seq !== answer.seq) this.#heal(entry);
      this.#tell(entry, 'change');
    } else if (entry.state.join(answer) === 'joined') {
      this.#whole(entry);
    }
    if (!entry.inbox) return;
    this.#sweep(entry.state);
    this.#send();
  }

  /** All of a topic is new: for the other tabs, and as the guide's `notifications:sync`. */
  #whole(entry) {
    this.#tabs.post({ k: 'state', topic: entry.topic, state: entry.state.dump() });
    this.#synced(entry);
  }

  #synced(entry) {
    if (entry.inbox) this.#tell(entry, 'notifications:sync', syncOf(entry.state));
    this.#tell(entry, 'change');
    this.#settle(entry.inbox && entry);
    if (entry.state.stale) this.#refill(entry);
  }

  /** In the tab that leads, and in the others. */
  #frame(entry, event, payload) {
    const what = entry.state.receive(event, payload);
    if (what === 'old') return;
    if (what === 'gap') return this.#heal(entry);
    if (this.#tabs.leads) this.#tabs.post({ k: 'frame', topic: entry.topic, event, payload });
    if (what === 'sync') return this.#synced(entry);
    if (entry.inbox && what === 'applied') {
      this.#echo(payload);
      this.#settle(entry);
    }
    this.#tell(entry, event, payload);
    if (what === 'applied') this.#tell(entry, 'change');
    if (entry.inbox && what === 'applied' && needsPull(event)) this.#refill(entry, true);
  }

  /** A change that is known to be an operation's. Who leads has its answer, too, or hears that there will be none. */
  #echo({ by, seq, unread_count }) {
    if (!by?.op_id) return;
    if (this.#tabs.leads) this.#counts(by.op_id, seq);
    else this.#done(by.op_id, { answer: { seq, unread_count } });
  }

  /** The operation is in the state from this seq on. */
  #counts(op_id, seq) {
    this.#ops = this.#ops.map((one) => (one.op_id === op_id ? { ...one, seq } : one));
  }

  /** What was done while its answer was lost with the connection. */
  #sweep({ unread, seq }) {
    for (const op_id of this.#promises.keys())
      if (!this.#ops.some((one) => one.op_id === op_id)) this.#done(op_id, { answer: { seq, unread_count: unread } });
  }

  async #heal(entry) {
    if (!this.#tabs.leads) return this.#want(entry.topic);
    if (entry.healing || !entry.joined) return;
    entry.healing = true;
    const answer = await this.#wire.push(entry.topic, 'reconnect', entry.state.since()).catch(() => null);
    entry.healing = false;
    if (answer && answer.seq > entry.state.seq) this.#heal(entry);
  }

  /** The newest page again, where a frame says so; after a sync what is below it, until as much is true as is shown. */
  async #refill(entry, newest) {
    entry.pull ||= newest;
    if (entry.filling) return;
    entry.filling = true;
    for (let tries = 0; (entry.pull || entry.state.stale) && !this.#closed;) {
      const before = entry.pull ? undefined : entry.state.stale;
      entry.pull = false;
      try {
        entry.state.merge(await this.push(entry.topic, 'list', { limit: PAGE_MOST, before }), before);
        tries = 0;
        this.#tell(entry, 'change');
      } catch ({ retry }) {
        if (!retry) break;
        entry.pull ||= !before;
        await pause(tries++);
      }
    }
    entry.filling = false;
  }

  #tell(entry, event, payload) {
    if (!entry) return;
    if (event === 'change') {
      if (entry.inbox && this.#tabs?.leads) this.#queue?.keep(this.user, entry.state, this.#ops);
    } else if (entry.inbox) {
      this.#events.emit(`inbox ${event}`, payload);
      const short = event.split(':')[1];
      if (['toast', 'transient', 'new'].includes(short)) this.#events.emit(short, payload.notification ?? payload);
    }
    for (const on of [...entry.followers]) on(event, payload);
  }

  /* ---- leading, and following ---- */

  async #lead() {
    this.#interrupt();
    const { ops = [], shown } = (await this.#queue?.open(this.user).catch(this.#trouble)) ?? {};
    if (this.#closed) return;
    if (shown && this.#inbox?.state.seq === null && this.#inbox.state.load(shown)) this.#synced(this.#inbox);
    for (const op of ops) this.#add(op);
    if (!this.#paused) this.#wire.start();
    for (const entry of this.#topics.values()) this.#join(entry);
    this.#tabs.post({ k: 'lead' });
    this.#changed({ ...this.connection.get() });
  }

  #changed(now) {
    const before = this.connection.get();
    const up = now.status === 'connected';
    if (!up) for (const entry of this.#topics.values()) entry.joined = false;
    const was = before.wasDisconnected || (before.status === 'connected' && !up);
    const next = { ...now, wasDisconnected: was, leader: this.#tabs?.leads ?? false };
    if (Object.keys(next).every((key) => next[key] === before[key])) return;
    this.connection.set(next);
    if (this.#tabs?.leads) this.#tabs.post({ k: 'status', now: next, paused: this.#paused });
  }

  #heard(m) {
    const entry = this.#topics.get(m.topic);
    const lead = this.#tabs.leads;
    if (m.k === 'op') {
      this.#add(m.op);
      if (lead) this.#send();
    } else if (m.k === 'pause') this.#pause(m.paused);
    else if (lead) {
      if (m.k === 'want') this.#wanted(m);
      if (m.k === 'drop') this.#unwanted(m.from, m.topic);
      if (m.k === 'ask')
        this.#wire.push(m.topic, m.event, m.payload).then(
          (answer) => this.#tabs.post({ k: 'said', to: m.from, id: m.id, answer }),
          ({ reason, field, retry }) => this.#tabs.post({ k: 'said', to: m.from, id: m.id, error: { reason, field, retry } }));
    } else if (m.k === 'lead') {
      this.#interrupt();
      for (const topic of this.#topics.keys()) this.#want(topic);
      this.#repeat();
    } else if (m.k === 'status') {
      this.#paused = m.paused;
      this.#changed(m.now);
    }
    else if (m.k === 'said') this.#answered(m.id, m.error, m.answer);
    else if (m.k === 'done') this.#done(m.op_id, m.outcome);
    else if (entry && m.k === 'frame') this.#frame(entry, m.event, m.payload);
    else if (entry && m.k === 'state' && entry.state.load(m.state)) this.#synced(entry);
    else if (entry && m.k === 'refused') {
      entry.refused = m.reason;
      this.#tell(entry, 'change');
    }
  }

  #wanted({ topic, params, from }) {
    if (!Live.Topic && !INBOX.test(topic)) return this.#yield(); // that tab can do more than we
    const entry = this.#open(topic, params);
    this.#tabs.watch(from, () => this.#unwanted(from));
    entry.wanted.add(from);
    this.#tabs.post({ k: 'status', to: from, now: this.connection.get(), paused: this.#paused });
    if (entry.refused) this.#tabs.post({ k: 'refused', to: from, topic, reason: entry.refused });
    this.#tabs.post({ k: 'state', to: from, topic, state: entry.state.dump() });
    for (const op of this.#ops) this.#tabs.post({ k: 'op', to: from, op });
  }

  #yield() {
    this.#tabs.yield();
    this.#wire.stop();
  }

  /** A tab wants a topic no more, or has gone. */
  #unwanted(from, topic) {
    for (const entry of [...this.#topics.values()])
      if ((topic ?? entry.topic) === entry.topic && entry.wanted.delete(from)) this.#shut(entry.topic);
  }

  /* ---- the page's own switch ---- */

  /** Take the connection down until connect(); what is done meanwhile waits. For all tabs. */
  disconnect() {
    this.#switch(true);
  }

  connect() {
    this.#switch(false);
  }

  #switch(paused) {
    this.#pause(paused);
    this.#tabs?.post({ k: 'pause', paused });
  }

  #pause(paused) {
    this.#paused = paused;
    if (!this.#tabs?.leads) return;
    if (paused) this.#wire.stop();
    else this.#wire.start();
  }

  /** This tab has no more to do with it; another one leads on. */
  close() {
    this.#closed = true;
    if (this.#tabs?.leads) this.#wire.stop();
    this.#tabs?.close();
  }
}

/** What the guide's handler of `notifications:sync` takes. */
function syncOf(state) {
  return { count: state.unread, unread_count: state.unread, recent: state.list().slice(0, 50), seq: state.seq, epoch: state.epoch, server_time: state.serverTime };
}

/** A promise that nobody has to catch. */
function quiet(promise) {
  promise.catch(() => {});
  return promise;
}
