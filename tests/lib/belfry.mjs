// SPDX-License-Identifier: Apache-2.0
/* A whole installation for a test: `belfry serve` on a port of the kernel's choosing, with its data
 * in a folder that goes with it. BELFRY_BIN says where the programs are. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { request } from './http.mjs';
import { until, within } from './until.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const bin = path.resolve(root, process.env.BELFRY_BIN ?? 'build/release/bin');
const START_MS = 20000;
const STOP_MS = 15000;
const LOG_KEPT = 400;

const running = new Set();
process.on('exit', () => {
  for (const one of running) one.abandon();
});

export class Belfry {
  log = []; // the last lines of all its processes

  /** env: settings as BELFRY_...; conf: the text of a configuration, for what they cannot say. The address is the
   *  same after a second start() if `listen` says so; files: descriptors that each process may have; only: the roles
   *  that run here. */
  static async start({ dev = true, sessions = 2, env = {}, conf, listen = '127.0.0.1:0', data, files, only } = {}) {
    const one = new Belfry();
    one.dir = data && !conf ? null : fs.mkdtempSync('/tmp/b-');
    one.data = data ?? path.join(one.dir, 'd');
    const args = ['serve', '--data', one.data, '--listen', listen, '--sessions', String(sessions)];
    if (conf) {
      const file = path.join(one.dir, 'belfry.conf');
      fs.writeFileSync(file, conf);
      args.push('--config', file);
    }
    if (dev) args.push('--dev');
    if (only) args.push('--only', only);
    const [program, ...first] = files ? ['prlimit', `--nofile=${files}`, path.join(bin, 'belfry')] : [path.join(bin, 'belfry')];
    one.process = spawn(program, [...first, ...args], {
      env: { ...process.env, BELFRY_AUTH_LEEWAY_S: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(one);
    one.exited = new Promise((resolve) => one.process.once('exit', (code, signal) => resolve({ code, signal })));
    let out = '';
    one.process.stdout.on('data', (part) => (out += part));
    let rest = '';
    one.process.stderr.on('data', (part) => {
      const lines = (rest + part).split('\n');
      rest = lines.pop();
      one.log.push(...lines);
      one.log.splice(0, one.log.length - LOG_KEPT);
    });
    let gone = null;
    one.exited.then((how) => (gone = how));
    try {
      const ready = await until('the ready line of belfry serve', () => {
        if (gone) throw new Error(`belfry serve left: ${JSON.stringify(gone)}`);
        return /^belfry ready (\S+)$/m.exec(out);
      }, START_MS);
      one.base = ready[1];
    } catch (error) {
      one.print();
      one.abandon();
      throw error;
    }
    return one;
  }

  print() {
    process.stderr.write(`--- log of ${this.data}\n${this.log.join('\n')}\n---\n`);
  }

  /** TERM; it must drain and leave with 0. */
  async stop() {
    if (!running.has(this)) return;
    try {
      this.process.kill('SIGTERM');
      const how = await within('belfry serve drained', this.exited, STOP_MS);
      assert.deepEqual(how, { code: 0, signal: null }, 'belfry serve drains and leaves with 0');
    } catch (error) {
      this.print();
      throw error;
    } finally {
      this.abandon();
    }
  }

  abandon() {
    running.delete(this);
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGKILL');
    if (this.dir) fs.rmSync(this.dir, { recursive: true, force: true });
  }

  /** The command line: {code, stdout, stderr}. */
  command(...args) {
    const env = { ...process.env };
    return new Promise((resolve) => {
      execFile(path.join(bin, 'belfry'), [...args, '--data', this.data], { env, timeout: 20000 },
        (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }));
    });
  }

  async status() {
    const { code, stdout, stderr } = await this.command('status', '--json');
    assert.equal(code, 0, `belfry status: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** broker, store, notifier, session.0, ... */
  async pid(role) {
    const { processes } = await this.status();
    return processes.find((one) => one.role === role)?.pid;
  }

  async signal(role, name) {
    const pid = await this.pid(role);
    assert.ok(pid > 1, `${role} has a pid`);
    process.kill(pid, name);
    return pid;
  }

  kill(role) {
    return this.signal(role, 'SIGKILL');
  }

  /** Until the role is another process than `pid` and everything serves. */
  async back(role, pid, ms) {
    await until(`${role} is back`, async () => {
      const now = await this.pid(role);
      return now && now !== pid;
    }, ms);
    await this.ready(ms);
  }

  ready(ms) {
    return until('readyz answers 200', async () => (await this.get('/readyz').catch(() => ({}))).status === 200, ms);
  }

  async check() {
    const { code, stdout, stderr } = await this.command('check');
    assert.equal(code, 0, `belfry check: ${stdout}${stderr}`);
  }

  get apiKey() {
    return fs.readFileSync(path.join(this.data, 'secrets/api.key'), 'utf8').trim();
  }

  /** A user's token, signed here with the installation's own secret. */
  token(user, { ttl = 3600, ...claims } = {}) {
    return signed(this.secret(), { sub: user, exp: Math.floor(Date.now() / 1000) + ttl, ...claims });
  }

  secret() {
    return fs.readFileSync(path.join(this.data, 'secrets/token.key'), 'utf8').trim();
  }

  request(method, path_, options) {
    return request(this.base, method, path_, options);
  }
  get(path_, token, options = {}) {
    return this.request('GET', path_, { ...options, headers: { ...bearer(token), ...options.headers } });
  }
  post(path_, body, token, options = {}) {
    return this.request('POST', path_, { ...options, body, headers: { ...bearer(token), ...options.headers } });
  }

  /** What /metrics says: of that process, or of all session processes together. */
  async counter(name, role = 'session\\.\\d+') {
    const { text } = await this.get('/metrics', this.apiKey);
    const rows = [...text.matchAll(new RegExp(`^belfry_${name}(?:_total)?\\{[^}]*role="${role}"[^}]*\\} (\\d+)$`, 'gm'))];
    assert.ok(rows.length > 0, `a counter ${name}`);
    return rows.reduce((sum, row) => sum + Number(row[1]), 0);
  }

  /** A notification created, as a back end does it; its {user, id, seq}. */
  async create(to, title = 'hello', more = {}, headers = {}) {
    const answer = await this.post('/api/notifications', { to, title, ...more }, this.apiKey, { headers });
    assert.equal(answer.status, 201, answer.text);
    return answer.json.notifications[0];
  }

  async count(user) {
    const answer = await this.get('/api/notifications/count', this.token(user));
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  /** A message published, as a back end does it; its {seq, at}, or {sent}. */
  async publish(topic, event, payload = {}, headers = {}) {
    const answer = await this.post(topicPath(topic, 'publish'), { event, payload }, this.apiKey, { headers });
    assert.ok([201, 202].includes(answer.status), answer.text);
    return answer.json;
  }

  async history(topic, query = '', token = this.apiKey) {
    const answer = await this.get(topicPath(topic, `history${query}`), token);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  /** {changed, members}; method is PUT or DELETE. */
  async member(method, topic, user) {
    const answer = await this.request(method, topicPath(topic, `members/${encodeURIComponent(user)}`), { headers: bearer(this.apiKey) });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  async inbox(user, query = '') {
    const answer = await this.get(`/api/notifications${query}`, this.token(user));
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }
}

export const topicPath = (topic, rest) => `/api/topics/${encodeURIComponent(topic)}/${rest}`;

export function bearer(token) {
  return token ? { authorization: `Bearer ${token}` } : {};
}

/** The environment of processes that load these libraries (tests/preload) first; the sanitizers want to be the first. */
export function preloaded(libraries, env) {
  return {
    ...env,
    BELFRY_SANDBOX: '0', // they read and write where the processes may not
    LD_PRELOAD: libraries.map((one) => path.join(bin, '../tests/preload', one)).join(':'),
    ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0`,
  };
}

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A JWT; `alg` and the key may be wrong on purpose. */
export function signed(key, claims, alg = 'HS256') {
  const text = `${part({ alg, typ: 'JWT' })}.${part(claims)}`;
  if (alg === 'none') return `${text}.`;
  return `${text}.${crypto.createHmac('sha256', key).update(text).digest('base64url')}`;
}

/** A test with an installation of its own: body(t, belfry). It stops behind the test's clients, which would come back to
 *  nothing. */
export function checkedAlone(name, start, body) {
  let own;
  checked(() => own)(name, async (t) => {
    own = await Belfry.start(start);
    try {
      await body(t, own);
    } finally {
      t.after(() => own.stop());
    }
  });
}

/** A test with the installation's log printed when it fails. `belfry` may be a function. */
export function checked(belfry) {
  return (name, body) =>
    test(name, async (t) => {
      try {
        await body(t);
      } catch (error) {
        belfry()?.print();
        throw error;
      }
    });
}
