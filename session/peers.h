/* SPDX-License-Identifier: Apache-2.0 */
/* peers.h -- the other session processes: our end where they ask us, and our links to ask them.
 *
 * The idea    each process binds one ROUTER (run/session.i/socket); whoever needs another process asks
 *             there. What comes is handed on by its kind: long-polls (longpoll.h), presence
 *             (presence.h), who is on which topic (subscribers.h).
 * Limits      PEERS_BUDGET messages a turn; links as of asks.h, made when first needed. */
#pragma once

#include "lib/hub.h"
#include "proto/messages.h"
#include "session/session.h"

enum { PEERS_MAX = 64 };

struct peers;
struct peers *peers_new(struct session *s, void *zmq);
void peers_free(struct peers **slot); /* whoever waits for an answer gets UNKNOWN */

/* The link to session process `index`; NULL when it is this one, or there is none. */
struct asks *peer_asks(struct session *s, unsigned index);

/* Answer a process that asked. */
void peer_answer(struct session *s, const struct hub_peer *to, const struct msg *m);

enum { PEERS_POLL = 1 + 2 * PEERS_MAX };
int peers_poll(const struct session *s, zmq_pollitem_t on[PEERS_POLL]); /* how many */
void peers_read(struct session *s);
void peers_flush(struct session *s);
uint64_t peers_deadline_ms(const struct session *s);
