/* SPDX-License-Identifier: Apache-2.0 */
/* subscribers.h -- which topics somebody has joined, over all session processes of this node.
 *
 * The idea    each process is asked for the first of its own, by name; put together, the first of them
 *             all are exact. A process that does not answer in time is left out, and the answer says so.
 * Limits      500 topics of one answer; the rest by `after`. */
#pragma once

#include "lib/hub.h"
#include "proto/messages.h"
#include "session/http/http.h"

/* GET /api/node/topics */
void subscribers_get(struct session *s, struct request *r);

/* From another process. */
void subscribers_asked(struct session *s, const struct hub_peer *from, const struct msg_joined *m);
