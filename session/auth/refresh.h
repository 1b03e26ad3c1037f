/* SPDX-License-Identifier: Apache-2.0 */
/* refresh.h -- a connection goes on with another token of the same user.
 *
 * A client that is told `token_expiring` on topic `phoenix` pushes `access_token {token}` there. What
 * it may is from then on what this token says, or the application, which is asked as it was for the
 * connect: topics that it may no longer be on are closed. A refusal leaves everything as it was.
 * Limits  one at a time: the push of a later one has the earlier one refused. */
#pragma once

#include "session/socket/conn.h"
#include "session/socket/phoenix.h"

/* The push: it is answered, now or later. Its payload, checked JSON: {"token": ".."}. */
void refresh_received(struct session *s, struct conn *c, const struct phx_in *in);

/* The connection goes: nobody waits for the application any more. */
void refresh_forget(struct session *s, struct conn *c);
