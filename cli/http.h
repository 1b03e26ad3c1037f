/* SPDX-License-Identifier: Apache-2.0 */
/* http.h -- one request to the installation's own HTTP, with its API key, as any back end does it.
 *
 * Errors  a folder without a key leaves with 100; what else goes wrong is said on standard error. */
#pragma once

#include "cli/args.h"

enum { HTTP_BODY_MAX = 1 << 20 };

/* 0 and the answer's body; EXIT_no when it was refused, EXIT_not_running when nobody answers. Without
 * `type` there is no body. */
int http_ask(const struct args *a, const char *method, const char *path, const char *type,
             struct bytes body, struct buf *answer);

/* Append `text` as a part of a path or query: percent-encoded. */
void http_encode(struct buf *out, const char *text);
