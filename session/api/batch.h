/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h -- POST /api/notifications/batch: what a page did while it was offline, one after the other.
 *
 * Shape   {"ops":[{"op":"mark_read","ids":[..],"op_id":".."},...]}, each as its push. Answered with the result
 *         of each, in order. One that is wrong does not stop the others; when the store is away the rest
 *         are not tried, as their order counts. An Idempotency-Key gives an op_id, KEY/PLACE, to those that
 *         have none.
 * Limits  BATCH_OPS, BATCH_KEY_MAX. Source: docs/api.md. */
#pragma once

#include "session/http/http.h"

enum { BATCH_OPS = 100, BATCH_KEY_MAX = KEY_MAX - (sizeof "/99" - 1) };

#define BATCH_MEMBERS "ops"

void batch_post(struct session *s, struct request *r);
