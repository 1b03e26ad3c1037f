/* SPDX-License-Identifier: Apache-2.0 */
/* channel.h -- one connection's side of Phoenix Channels: joins, leaves, pushes, heartbeats.
 *
 * The same for WebSocket and long-poll. Source: docs/api.md "The socket"; the order of the rules is
 * that of Phoenix.Socket. */
#pragma once

#include "session/conn.h"

/* A message from the client. A bad one closes the connection, with all that it had joined. */
void channel_receive(struct session *s, struct conn *c, struct bytes message, bool binary);
