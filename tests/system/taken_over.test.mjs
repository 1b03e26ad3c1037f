// SPDX-License-Identifier: Apache-2.0
/* What a process could do that was taken over (docs/security.md): each tries everything, by tests/preload/taken.c. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Belfry, bin, preloaded } from '../lib/belfry.mjs';
import { until } from '../lib/until.mjs';

const ROLES = ['store', 'broker', 'notifier', 'hook', 'session'];
const SYSTEM_CALLS = ['connect by Unix', 'connect by TCP', 'a program', 'a process', 'a signal', "another's limits", 'a mode', 'a length'];
const FILES = ["others' files", 'the run folder', 'the address', 'the tables', 'the secrets', "another's memory", 'a device'];
const all = [...SYSTEM_CALLS, ...FILES].sort();

/** The table of docs/security.md. */
const may = {
  store: ['the tables'],
  broker: [],
  notifier: ['connect by Unix'],
  hook: ['connect by TCP'],
  session: ['connect by Unix', 'the secrets'],
};

let dir;
const servers = [];
const listen = async (at) => {
  const server = net.createServer((socket) => socket.destroy()).listen(at);
  servers.push(server);
  await once(server, 'listening');
  return server.address();
};

before(() => (dir = fs.mkdtempSync('/tmp/b-')));
after(() => {
  for (const server of servers) server.close();
  fs.rmSync(dir, { recursive: true });
});

/** {role: what it could}, of all processes of an installation; and whether there was Landlock. */
async function taken(sandbox) {
  const hook = { BELFRY_HOOK_CONNECT: 'http://127.0.0.1:9/' };
  const data = path.join(dir, 'd');
  const first = await Belfry.start({ data, sessions: 1, dev: false, env: hook });
  await first.stop(); // everything that there is to take has been made
  const socket = path.join(dir, `socket.${servers.length}`);
  await listen(socket);
  const { port } = await listen({ host: '127.0.0.1', port: 0 });
  const belfry = await Belfry.start({
    data, sessions: 1, dev: false,
    env: {
      ...preloaded(['taken.so'], { ...hook, TAKEN_DATA: data, TAKEN_SOCKET: socket, TAKEN_PORT: `${port}`, TAKEN_PID: `${process.pid}` }),
      BELFRY_SANDBOX: sandbox,
    },
  });
  try {
    const lines = await until('all have tried everything', () => {
      const found = belfry.log.flatMap((line) => [...line.matchAll(/taken (\w+) (.+): (yes|no)$/g)]);
      return found.length === ROLES.length * all.length && found;
    });
    const landlock = !belfry.log.some((line) => line.includes('sandbox files=') && !line.includes('files="kept"'));
    return { landlock, could: Object.fromEntries(ROLES.map((role) => [role, lines.filter(([, one, , said]) => one === role && said === 'yes').map(([, , what]) => what).sort()])) };
  } finally {
    await belfry.stop();
  }
}

/** What keeps these from being tried. */
const lacks = /asan/.test(bin) && 'the sanitizers need more than a sandbox leaves';

test('without the sandbox each could do everything: so what is tried can be done', async (t) => {
  if (lacks) return t.diagnostic(lacks);
  const { could } = await taken('0');
  for (const role of ROLES) assert.deepEqual(could[role], all, role);
});

test('in the sandbox each can do what docs/security.md says', async (t) => {
  if (lacks) return t.diagnostic(lacks);
  const { landlock, could } = await taken('1');
  if (!landlock) t.diagnostic('this kernel has no Landlock: files are not ruled');
  for (const role of ROLES)
    assert.deepEqual(landlock ? could[role] : could[role].filter((what) => !FILES.includes(what)),
      landlock ? may[role] : may[role].filter((what) => !FILES.includes(what)), role);
});
