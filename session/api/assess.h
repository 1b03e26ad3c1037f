/* SPDX-License-Identifier: Apache-2.0 */
/* assess.h -- who would get a notification, and why not: told, or heeded at once where it is not kept.
 *
 * The idea: of what is kept the store carries out the create and undoes it, so that what is told is what would be.
 *         Of what is only pushed it says who may be disturbed.
 * Source  docs/api.md "POST /api/notifications". */
#pragma once

#include "session/actions/actions.h"
#include "session/http/http.h"

/* Answer who would get this and who not; nothing is stored or sent. */
void assess_dry(struct session *s, struct request *r, const struct msg_create *create);

/* Push what is neither stored nor numbered to those who may be disturbed. */
void assess_push(struct session *s, struct request *r, const struct msg_create *create);
