/* SPDX-License-Identifier: Apache-2.0 */
/* update.h -- PATCH /api/notifications/{id}: a back end changes what a notification says.
 *
 * The store keeps it as one text, so it is read, changed here, and written back only if it is still the one
 * that was read; else once more. Source: docs/api.md. */
#pragma once

#include "proto/id.h"
#include "session/http/http.h"

/* The same key must bring the same body for the same id. */
void update_fingerprint(struct bytes json, const uint8_t id[ID_SIZE], struct arena *scratch,
                        uint8_t hash[16]);

void update_patch(struct session *s, struct request *r);
