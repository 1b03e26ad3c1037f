/* SPDX-License-Identifier: Apache-2.0 */
/* passed.h -- has every session process got past a position of the log?
 *
 * The idea: a process is past it when it knows every topic's head up to there, has had its inboxes merge
 * what is for many, and the store has answered a question that was asked after that: then whatever
 * was read before, or was on its way over the bus, has been handed to its connections. So what a
 * retraction took away is sent to nobody any more, and who held it has been told.
 * Limits  PASS_MS; then the answer is no. PASS_MAX wait in a process; at more it is no at once. */
#pragma once

#include "lib/hub.h"
#include "proto/messages.h"
#include "session/session.h"

enum { PASS_MS = 3000, PASS_MAX = 1000 };

/* Ask all, this one too. `done` is called once, later or at once. */
void passed_everywhere(struct session *s, uint64_t seq, void (*done)(void *about, bool all),
                       void *about);

/* Another process asks. */
void passed_asked(struct session *s, const struct hub_peer *from, const struct msg_pass *m);

/* Each turn; and at the end, no to all who wait. */
void passed_tick(struct session *s);
void passed_stop(struct session *s);
