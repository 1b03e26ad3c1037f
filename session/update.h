/* SPDX-License-Identifier: Apache-2.0 */
/* update.h -- PATCH /api/notifications/{id}: a back end changes what a notification says.
 *
 * The store keeps it as one text, so it is read, changed here, and written back only if it is still the one
 * that was read; else once more. Source: docs/api.md. */
#pragma once

#include "session/http.h"

void update_patch(struct session *s, struct request *r);
