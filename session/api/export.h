/* SPDX-License-Identifier: Apache-2.0 */
/* export.h -- GET /api/users/{id}/export: all that is kept of a user, line by line.
 *
 * The idea: what the other calls answer, one page after the other, as lines of JSON; each page is asked
 * for when the client has taken the one before. The last line is {"kind":"end",..}: without it
 * something is missing.
 * Rules   not one moment: what comes or goes meanwhile may be in it or not. Nobody becomes known by
 *         it: of whom nothing is kept there are only the first line and the last.
 * Source  docs/api.md "Erase and export". */
#pragma once

#include "session/http/http.h"

void users_export(struct session *s, struct request *r);
