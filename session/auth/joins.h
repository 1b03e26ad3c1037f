/* SPDX-License-Identifier: Apache-2.0 */
/* joins.h -- joins that wait for the application's word: of topics whose class has join = "hook".
 *
 * Shape   what is needed of the client's phx_join is kept with its connection; the answer hands it to
 *         channel_join_allowed() or channel_join_refused(). A join of the same topic takes the place
 *         of the one that waits; a leave, and the connection's end, take it back.
 * Limits  settings->topics, joined and waiting, of a connection. */
#pragma once

#include "session/socket/conn.h"
#include "session/socket/phoenix.h"

/* Everything else about this join is in order: ask. */
void joins_ask(struct session *s, struct conn *c, const struct phx_in *in);

/* True: a join of this topic waited, and does not any more. */
bool joins_cancel(struct session *s, struct conn *c, struct bytes topic);
void joins_forget(struct session *s, struct conn *c);

unsigned joins_waiting(const struct conn *c);
