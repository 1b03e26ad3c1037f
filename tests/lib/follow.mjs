// SPDX-License-Identifier: Apache-2.0
/* An inbox kept as the server has it, over a channel of the official phoenix client.
 *
 * phoenix.js reconnects and rejoins by itself; a rejoin says how far we are, and the server answers
 * with what was missed. A gap between frames is asked for with `reconnect`.
 */
import { CHANGES, InboxState } from '../../web/client/src/inbox-state.js';

const EVENTS = [
  ...['new', 'updated', ...Object.keys(CHANGES), 'toast', 'transient'].map((name) => `notification:${name}`),
  ...['all_read', 'all_seen', 'all_archived', 'changes', 'sync'].map((name) => `notifications:${name}`),
];
const PAGE = 50;
const AGAIN_MS = 100;

/**
 * socket   a connected phoenix Socket
 * tell     called as tell(what, event, payload): what became of the frame ('applied', 'sync',
 *          'old', 'gap', 'passing'), or 'joined' | 'merged' | 'counted' | 'refused' | 'errored'
 */
export function followInbox(socket, user, tell = () => {}) {
  const inbox = new InboxState();
  const channel = socket.channel(`user:${user}:notifications`, () => inbox.since());
  let asking = false;
  let pulling = false;
  let more = false; // more changed while we pulled

  function heal() {
    if (asking) return;
    asking = true;
    const done = () => (asking = false);
    channel
      .push('reconnect', inbox.since())
      .receive('ok', (answer) => {
        done();
        if (answer.seq > inbox.seq) heal();
      })
      .receive('error', done)
      .receive('timeout', done);
  }

  /* One page at a time: many changes at once must not become many pages, which the server bounds.
   * After a sync also what is below its page, until as much is true as is shown. */
  function pull(before) {
    if (pulling) return (more = true);
    pulling = true;
    more = false;
    const failed = () => {
      pulling = false;
      if (channel.state === 'joined') setTimeout(() => pull(before), AGAIN_MS);
    };
    channel
      .push('list', { limit: PAGE, before })
      .receive('ok', (answer) => {
        inbox.merge(answer, before);
        tell('merged', 'list', answer);
        pulling = false;
        if (more) pull();
        else if (inbox.stale !== null) pull(inbox.stale);
      })
      .receive('error', failed)
      .receive('timeout', failed);
  }

  for (const event of EVENTS)
    channel.on(event, (payload) => {
      const got = inbox.receive(event, payload);
      const what = got === 'pull' ? 'applied' : got;
      if (what === 'gap') heal();
      if (what === 'sync' || (what === 'applied' && event === 'notifications:changes')) pull(inbox.stale ?? undefined);
      tell(what, event, payload);
    });

  /* A snapshot, or the changes since ours: each as if it had come as a frame. */
  function joined(answer) {
    if (!answer.resumed) return inbox.join(answer) ? 'joined' : 'old';
    for (const { event, payload } of answer.changes)
      if (inbox.receive(event, payload) === 'gap') return 'gap';
    inbox.count(answer);
    return inbox.seq === answer.seq ? 'joined' : 'gap';
  }

  channel
    .join()
    .receive('ok', (answer) => {
      asking = pulling = false;
      const what = joined(answer);
      if (what === 'gap') heal();
      if (answer.changes?.some((change) => change.event === 'notifications:changes')) pull();
      tell(what, 'phx_join', answer);
    })
    .receive('error', (answer) => tell('refused', 'phx_join', answer));
  channel.onError((reason) => {
    asking = pulling = false;
    tell('errored', 'phx_error', reason);
  });

  const counted = (push) =>
    push.receive('ok', (answer) => {
      inbox.count(answer);
      tell('counted', push.event, answer);
    });

  return {
    inbox,
    channel,
    markRead: (ids) => counted(channel.push('mark_read', { ids })),
    /** Up to the newest that we know: what arrives meanwhile stays unread. */
    markAllRead() {
      const newest = inbox.list()[0];
      return newest && counted(channel.push('mark_all_read', { up_to: newest.pos }));
    },
    leave: () => channel.leave(),
  };
}
