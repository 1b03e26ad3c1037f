// SPDX-License-Identifier: Apache-2.0
/* What stood somewhere else moves in: what an export printed comes back as it was; what is cut off is
 * run again and nothing is doubled; who is connected hears of it once, and softly. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';

import { Belfry, bearer, bin, checked } from '../lib/belfry.mjs';
import { closing, openTab } from '../lib/phoenix.mjs';
import { classes } from '../lib/topics.mjs';
import { until } from '../lib/until.mjs';

let belfry, dir;
const check = checked(() => belfry);
const conf = classes({ 'channel:{id}': { join: 'member', publish: 'member', history: 10 } });
before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'b-import-'));
  belfry = await Belfry.start({ sessions: 2, conf });
});
after(async () => {
  await belfry?.stop();
  fs.rmSync(dir, { recursive: true, force: true });
});

const file = (name, lines) => {
  const at = path.join(dir, name);
  fs.writeFileSync(at, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)) + '\n').join(''));
  return at;
};
const run = async (...args) => {
  const { code, stdout, stderr } = await belfry.command('import', ...args);
  return { code, stderr, done: stdout ? JSON.parse(stdout) : null };
};
const row = (user, i, more = {}) => ({ user, id: `row-${i}`, title: `n${i}`, inserted_at: '2024-05-01T10:00:00Z', ...more });

/** What a user sees, without what is of the place where it stands. */
async function all(user) {
  const token = belfry.token(user);
  const lists = {};
  for (const place of ['', '&archived=true', '&snoozed=true']) {
    const { json } = await belfry.get(`/api/notifications?limit=100${place}`, token);
    lists[place] = json.notifications.map(({ id, pos, rev, ...rest }) => rest);
  }
  const { seq, epoch, ...counts } = (await belfry.get('/api/notifications/count', token)).json;
  return { lists, counts, preferences: (await belfry.get('/api/preferences', token)).json };
}

check('what an export printed is imported: lists and counts are the same', async () => {
  const made = [];
  for (let i = 0; i < 60; i++)
    made.push((await belfry.create('ann', `n${i}`, { type: ['activity', 'alert', 'system'][i % 3], data: { i }, ...(i % 2 ? { category: `c${i % 4}` } : {}) })).id);
  const act = async (what, body) => assert.equal((await belfry.post(`/api/notifications/${what}`, body, belfry.token('ann'))).status, 200);
  await act('mark-all-read', { up_to: (await belfry.inbox('ann', `?limit=1`)).notifications[0].pos - 20 });
  await act('mark-read', { ids: [made[55]] });
  await act('mark-unread', { ids: [made[3]] });
  await act('mark-seen', { ids: [made[50]] });
  await act('archive', { ids: made.slice(10, 14) });
  await act('snooze', { ids: [made[20], made[58]], until: new Date(Date.now() + 3600e3).toISOString() });
  await act('delete', { ids: [made[30]] });
  await belfry.member('PUT', 'channel:7', 'ann');
  await belfry.request('PUT', '/api/preferences', { body: { mute: { categories: ['promo'] } }, headers: bearer(belfry.token('ann')) });
  await belfry.create('ann', 'muted', { category: 'promo' });
  const was = await all('ann');

  const { text } = await belfry.get('/api/users/ann/export', belfry.apiKey);
  const at = path.join(dir, 'ann');
  fs.writeFileSync(at, text);
  const { json } = await belfry.request('DELETE', '/api/users/ann', { headers: bearer(belfry.apiKey) });
  await until('ann is erased', async () => (await belfry.get(`/api/erasures/${json.erasure}`, belfry.apiKey)).json.done);
  const { code, stderr, done } = await run(at);
  assert.equal(code, 0, stderr);
  assert.deepEqual(done, { lines: 64, notifications: 60, memberships: 1, preferences: 1, known: 0, over: 0, refused: 0 });
  assert.deepEqual(await all('ann'), was);
  assert.equal((await run(at)).done.known, 62);
  assert.deepEqual(await all('ann'), was);

  const first = belfry;
  belfry = await Belfry.start({ sessions: 1, conf }); // another store
  try {
    assert.equal((await run(at)).code, 0);
    assert.deepEqual(await all('ann'), was);
    await belfry.check();
  } finally {
    await belfry.stop();
    belfry = first;
  }
  await belfry.check();
});

check('a wrong line is said by number, field and what is allowed; the others go on', async () => {
  const at = file('wrong', [row('bad', 0), '{"user":"bad"', '', { ...row('bad', 1), title: 7 }, row('b d', 2), row('bad', 3, { 'col\u0007our': 1 }), 'x'.repeat(300000), row('bad', 4), row('bad', 0)]);
  const { code, stderr, done } = await run(at);
  assert.equal(code, 1);
  assert.deepEqual(done, { lines: 9, notifications: 2, memberships: 0, preferences: 0, known: 1, over: 0, refused: 5 });
  assert.deepEqual(stderr.trim().split('\n').map((line) => line.slice(0, 60)), [
    'belfry import: line 2: is not JSON',
    'belfry import: line 4: title: must be text of 1 to 255 bytes',
    'belfry import: line 5: user: must be a user id: 1 to 128 byt',
    'belfry import: line 6: col?u0007our: is not known; allowed: ',
    'belfry import: line 7: is longer than 262144 bytes',
  ]);
  assert.equal((await belfry.count('bad')).unread_count, 2);
  assert.deepEqual((await run('--from', '8', at)).done.known, 2);
  assert.equal((await run(path.join(dir, 'nothing'))).code, 100);
});

check('POST /api/import: who may, and how much at a time', async () => {
  const post = (body, token = belfry.apiKey, type = 'application/x-ndjson') => belfry.post('/api/import', body, token, { headers: { 'content-type': type } });
  assert.equal((await post('{}', belfry.token('ann'))).status, 403);
  assert.equal((await post('{}', belfry.apiKey, 'application/json')).status, 415);
  const lines = (n) => Array.from({ length: n }, (_, i) => JSON.stringify(row('ned', i))).join('\n');
  const refused = await belfry.counter('refused_import');
  assert.equal((await post(lines(501))).status, 413);
  assert.equal((await belfry.counter('refused_import')) - refused, 1);
  assert.equal((await belfry.count('ned')).unread_count, 0);
  const { status, json } = await post(lines(500));
  assert.deepEqual([status, json.lines, json.notifications], [200, 500, 500]);
  assert.equal((await belfry.count('ned')).unread_count, 500);
});

check('who is connected gets a sync, and no storm', async (t) => {
  const tabs = [await openTab(belfry, 'zoe'), await openTab(belfry, 'zoe')];
  for (const tab of tabs) closing(t, tab);
  await belfry.create('zoe', 'before');
  await Promise.all(tabs.map((tab) => tab.until('the one', () => tab.badge === 1)));
  const from = Date.now();
  const { done } = await run(file('zoe', Array.from({ length: 5000 }, (_, i) => row('zoe', i))));
  assert.equal(done.notifications, 5000);
  await belfry.create('zoe', 'behind');
  await Promise.all(tabs.map((tab) => tab.until('all are counted', () => tab.badge === 5002)));
  const most = 3 + (Date.now() - from) / 200; // the heads come twice a second
  for (const tab of tabs) {
    assert.deepEqual(tab.events('notification:new').map((one) => one.payload.notification.title).filter((title) => /^n/.test(title)), []);
    assert.ok(tab.events('notifications:sync').length >= 1);
    const told = tab.seen.filter((one) => ['applied', 'sync'].includes(one.what));
    assert.ok(told.length < most, `${told.length} events`);
    assert.deepEqual(tab.broken(), []);
  }
});

check('killed at any moment, here and there, and run again: everything once', async () => {
  const rows = 30000, users = 40;
  const at = file('many', Array.from({ length: rows }, (_, i) => row(`k${i % users}`, i, { read_at: i % 3 ? null : '2024-05-02T10:00:00Z' })));
  const start = () => spawn(path.join(bin, 'belfry'), ['import', at, '--data', belfry.data], { stdio: 'ignore' });
  const stored = async () => (await belfry.count('k0')).unread_count;
  for (let round = 0; round < 4; round++) {
    const before = await stored(), child = start();
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (round > 0) await until('some of it is there', async () => child.exitCode !== null || (await stored()) >= before + 20 * round, 20000);
    child.kill('SIGKILL');
    await gone;
  }
  const partly = await stored();
  assert.ok(partly < rows / users * 2 / 3, `${partly}: it was cut off`);
  const last = run(at);
  let ended = false;
  last.then(() => (ended = true));
  for (const role of ['store', 'session.0', 'notifier', 'store']) {
    const pid = await belfry.kill(role);
    await belfry.back(role, pid, 10000);
    if (ended) break;
  }
  const { code, stderr, done } = await last;
  assert.equal(code, 0, stderr);
  assert.equal(done.notifications + done.known, rows);
  assert.deepEqual((await run(at)).done, { lines: rows, notifications: 0, memberships: 0, preferences: 0, known: rows, over: 0, refused: 0 });
  for (let u = 0; u < users; u++) {
    const unread = Array.from({ length: rows / users }, (_, n) => n * users + u).filter((i) => i % 3).length;
    assert.equal((await belfry.count(`k${u}`)).unread_count, unread);
  }
  await belfry.check();
});

check('a server that is away is waited for; memory has a bound, whatever the file', async () => {
  const child = execFile(path.join(bin, 'belfry'), ['import', '--data', belfry.data]);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  let out = '';
  child.stdout.on('data', (part) => (out += part));
  await belfry.signal('store', 'SIGSTOP');
  try {
    child.stdin.write(Array.from({ length: 20000 }, (_, i) => `${JSON.stringify(row('away', i))}\n`).join(''));
    await new Promise((resolve) => setTimeout(resolve, 300)); // it is at it; nothing waits for this
  } finally {
    await belfry.signal('store', 'SIGCONT');
  }
  await until('most of it is there', async () => (await belfry.count('away')).unread_count > 15000, 30000);
  const most = /VmHWM:\s+(\d+)/.exec(fs.readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1] * 1024;
  assert.ok(bin.includes('asan') || most < 24e6, `${most} bytes`);
  child.stdin.end();
  assert.equal(await gone, 0);
  assert.equal(JSON.parse(out).notifications, 20000);
  assert.equal((await belfry.count('away')).unread_count, 20000);
});
