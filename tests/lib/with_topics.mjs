// SPDX-License-Identifier: Apache-2.0
/* For a test file that imports it: one Belfry with topics of every kind, and clients joined to them. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from './belfry.mjs';
import { closing } from './phoenix.mjs';
import { RawPoll, RawSocket } from './raw.mjs';
import { classes, Feed, Listener } from './topics.mjs';
import { until } from './until.mjs';

export const KEPT = 1000;
export const CONF = classes({
  'first:special': { join: 'nobody' },
  'first:{id}': { publish: 'authenticated' },
  'open:{id}': { join: 'anyone', publish: 'anyone' },
  'auth:{id}': { publish: 'authenticated' },
  'mine:{user}': { join: 'owner', publish: 'owner' },
  'mine:{user}:{part}': { join: 'authenticated', publish: 'owner', history: 10 },
  'member:{id}': { join: 'member', publish: 'member', history: 100 },
  'club:{id}': { join: 'member', publish: 'member' },
  'inner:{id}': { join: 'member', publish: 'authenticated' },
  'board:{id}': { join: 'authenticated', publish: 'member', history: 100 },
  'tok:{id}': { join: 'token', publish: 'token' },
  'news:{id}': { join: 'authenticated', publish: 'nobody', history: 100 },
  'none:{id}': { join: 'nobody', publish: 'nobody', history: 5 },
  'some:{id}': { publish: 'authenticated', events: 'a.one, a.two' },
  'channel:{id}': { publish: 'authenticated', history: KEPT },
  'short:{id}': { publish: 'authenticated', history: 5 },
  'typing:{id}': { publish: 'authenticated', echo: 0 },
  'room:{id}': { publish: 'authenticated' },
  'talk:{id}': { join: 'member', publish: 'member', history: 100 },
}) + `rule
    event = "message.create"
    topic = "talk:{id}"
    title = "New message in #{id}"
    body = "by {from}"
`;

export let belfry;
export const check = checked(() => belfry);
before(async () => (belfry = await Belfry.start({ conf: CONF })));
after(() => belfry?.stop());

let ids = 0;
export const fresh = (kind) => `${kind}:t${++ids}`;
export const TOPICS_OF_ANN = { topics: ['auth:x', 'tok:{any}'] };
export const tokenOf = (user) => (user ? belfry.token(user, user === 'ann' ? TOPICS_OF_ANN : {}) : '');

/** One joined raw WebSocket; `user` null: without a token. */
export async function rawOn(topic, user = 'ann', payload = {}) {
  const raw = await RawSocket.open(belfry.base, tokenOf(user));
  raw.answer = await raw.join(topic, '1', payload);
  return raw;
}

export async function refs(raw, topic, event, payload, ref = `p${++ids}`) {
  raw.send(['1', ref, topic, event, payload]);
  return (await raw.reply(ref))[4];
}

/** What a join is answered, by either transport. */
export async function joinAs(user, topic, transport, payload = {}) {
  if (transport === 'websocket') {
    const raw = await RawSocket.open(belfry.base, tokenOf(user));
    raw.send(['1', '1', topic, 'phx_join', payload]);
    const frame = await raw.reply('1');
    await raw.close();
    return frame;
  }
  const poll = new RawPoll(belfry.base, tokenOf(user));
  assert.equal((await poll.start()).json.status, 410);
  await poll.post([['1', '1', topic, 'phx_join', payload]]);
  const frames = await poll.frames((frame) => frame[1] === '1');
  return frames.find((frame) => frame[1] === '1');
}

export async function joinedFeed(t, topic, options = {}) {
  const feed = new Feed(belfry.base, topic, { token: () => belfry.token(options.user ?? 'ann'), rejoinAfterMs: () => 50, ...options });
  closing(t, feed);
  const { status, response } = await feed.join();
  assert.equal(status, 'ok', JSON.stringify(response));
  return feed;
}

export async function joinedListener(t, topic, options = {}) {
  const one = new Listener(belfry.base, topic, { token: () => belfry.token(options.user ?? 'ann'), rejoinAfterMs: () => 50, ...options });
  closing(t, one);
  const { status, response } = await one.join();
  assert.equal(status, 'ok', JSON.stringify(response));
  return one;
}

/** Clients until both processes have some: connections land where the kernel puts them. */
export async function onBoth(join, least) {
  const of = async () => {
    const { text } = await belfry.get('/metrics', belfry.apiKey);
    return [...text.matchAll(/^belfry_connections\{[^}]*role="session\.\d+"[^}]*\} (\d+)$/gm)].map((row) => Number(row[1]));
  };
  const from = await of();
  assert.equal(from.length, 2);
  const all = [];
  await until('clients on both processes', async () => {
    for (let i = 0; i < least; i++) all.push(await join(all.length));
    const now = await of();
    return now.every((n, i) => n > from[i]);
  });
  return all;
}
