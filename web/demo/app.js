// SPDX-License-Identifier: Apache-2.0
/* The first page: two users on one screen, each with its own socket, as in two browsers. */
import { Socket } from './phoenix.js';
import { followInbox } from './inbox-client.js';
import { Bell } from './bell.js';

const USERS = ['ann', 'bob'];
const FALLBACK_MS = 2500;
const bells = new Map();

async function tokenOf(user) {
  const answer = await fetch(`/dev/token?user=${encodeURIComponent(user)}`);
  if (!answer.ok) throw new Error('This page asks for its tokens in dev mode only: start with `belfry serve --dev`.');
  return (await answer.json()).token;
}

function complain(error) {
  const line = document.getElementById('trouble');
  line.textContent = error?.message ?? '';
  line.hidden = !error;
}

/** What went wrong, or nothing. */
async function ring(to, title, type) {
  const answer = await fetch('/api/notifications', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() },
    body: JSON.stringify({ to, title, type }),
  });
  if (answer.ok) return complain(null);
  const problem = await answer.json();
  complain(new Error(`${problem.title}: ${problem.detail ?? ''}`));
}

function showTitle() {
  const unread = [...bells.values()].reduce((sum, one) => sum + one.unread, 0);
  document.title = unread ? `(${unread}) Belfry` : 'Belfry';
}

async function start(user) {
  const others = USERS.filter((one) => one !== user);
  const bell = new Bell(user, others[0]);
  bells.set(user, bell);
  document.getElementById('people').append(bell.element);
  bell.onRing = (title, type) => ring(others[0], title, type).catch(complain);

  let token = await tokenOf(user);
  const socket = new Socket('/socket', { params: () => ({ token }), longPollFallbackMs: FALLBACK_MS });
  const transport = () => (socket.transport === socket.getLongPollTransport() ? 'long-poll' : 'WebSocket');
  socket.onOpen(() => bell.connection('connecting', 'joining'));
  socket.onClose(() => bell.connection('connecting', 'reconnecting'));
  socket.onError(() => tokenOf(user).then((fresh) => (token = fresh), () => {}));
  socket.connect();

  const followed = followInbox(socket, user, (what, event, payload) => {
    if (what === 'passing') bell.pass(event, payload);
    else if (what === 'refused' || what === 'errored') bell.connection('connecting', 'waiting for the server');
    else if (event === 'phx_join') bell.connection('live', transport());
    bell.serverTime(payload?.server_time);
    bell.show(followed.inbox);
    showTitle();
  });
  bell.onRead = (id) => followed.markRead([id]);
  bell.onReadAll = () => followed.markAllRead();
}

const command = `curl ${location.origin}/api/notifications -H 'Content-Type: application/json' \\
  -d '{"to":"ann","title":"Hello from the terminal"}'`;
document.getElementById('curl').textContent = command;
const copy = document.getElementById('copy');
copy.addEventListener('click', async () => {
  await navigator.clipboard.writeText(command);
  copy.textContent = 'Copied';
  setTimeout(() => (copy.textContent = 'Copy'), 1500);
});

for (const user of USERS) start(user).catch(complain);
