/* SPDX-License-Identifier: Apache-2.0 */
/* import.h -- POST /api/import: lines of NDJSON, each taken over or refused by itself.
 *
 * The lines that are right become one request to the store, which is safe to repeat; the answer tells of
 * every one that was not taken.
 * Limits   IMPORT_MAX lines, body_bytes. */
#pragma once

#include "session/http/http.h"

void import_post(struct session *s, struct request *r);
