/* SPDX-License-Identifier: Apache-2.0 */
/* channel.h -- one connection's side of Phoenix Channels: joins, leaves, pushes, heartbeats.
 *
 * The same for WebSocket and long-poll. Source: docs/api.md "The socket"; the order of the rules is
 * that of Phoenix.Socket. */
#pragma once

#include "session/socket/conn.h"
#include "session/socket/phoenix.h"

/* A message from the client. A bad one closes the connection, with all that it had joined. */
void channel_receive(struct session *s, struct conn *c, struct bytes message, bool binary);

/* The application's word about a join that came at `since_ms` (joins.h). */
void channel_join_allowed(struct session *s, struct conn *c, const struct phx_in *in,
                          uint64_t since_ms, bool publishes);
void channel_join_refused(struct session *s, struct conn *c, const struct phx_in *in,
                          struct bytes reason);
