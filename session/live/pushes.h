/* SPDX-License-Identifier: Apache-2.0 */
/* pushes.h -- handle_event: what a client may push to a topic that it has joined.
 *
 * Each push is answered, some when the store has: at most settings->pushes of a connection wait. */
#pragma once

#include "session/socket/phoenix.h"
#include "session/live/roster.h"

void push_received(struct session *s, struct conn *c, struct member *m, const struct phx_in *in);
