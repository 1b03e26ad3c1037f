/* SPDX-License-Identifier: Apache-2.0 */
/* publishes.h -- what a back end published, by the id that it was answered with.
 *
 * Source: docs/api.md "Publishes". */
#pragma once

#include "proto/messages.h"
#include "session/auth/auth.h"

/* Answer the request: it waits for its time, or went to an audience. */
void publish_accepted(struct session *s, struct request *r, const struct msg_created *created);

/* It is taken back, or has other content: answered when every session process has told so. */
void publishes_delete(struct session *s, struct request *r);
void publishes_patch(struct session *s, struct request *r);
