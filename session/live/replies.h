/* SPDX-License-Identifier: Apache-2.0 */
/* replies.h -- what a message of a client is answered: `phx_reply`, and the refusals.
 *
 * `in`: the message; only its refs and its topic are read. A refusal of a push is counted here. */
#pragma once

#include "session/limits.h"
#include "session/socket/conn.h"
#include "session/actions/fields.h"
#include "session/socket/phoenix.h"

void reply(struct session *s, struct conn *c, const struct phx_in *in, struct bytes join_ref,
           const char *status, struct bytes response);

/* {"reason": ..} */
void reply_error(struct session *s, struct conn *c, const struct phx_in *in, struct bytes join_ref,
                 const char *reason);

/* {"reason": .., "limit": ..}: counted, and answered by its row. */
void reply_limit(struct session *s, struct conn *c, const struct phx_in *in, enum limit which);

/* {"reason": .., "field": ..} */
void reply_problem(struct session *s, struct conn *c, const struct phx_in *in,
                   const struct problem *why);

void refuse_push(struct session *s, struct conn *c, const struct phx_in *in, struct bytes join_ref,
                 const char *reason);
void refuse_wrong_push(struct session *s, struct conn *c, const struct phx_in *in,
                       const struct problem *why);
