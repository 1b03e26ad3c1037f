/* SPDX-License-Identifier: Apache-2.0 */
/* http.h -- requests to the installation's own HTTP, with its API key, as any back end does it.
 *
 * Errors  a folder without a key leaves with 100; what else goes wrong is said on standard error. */
#pragma once

#include "cli/args.h"

enum { HTTP_BODY_MAX = 1 << 20 };

/* 0 and the answer's body; EXIT_no when it was refused, EXIT_not_running when nobody answers. Without
 * `type` there is no body. */
int http_ask(const struct args *a, const char *method, const char *path, const char *type,
             struct bytes body, struct buf *answer);

/* A connection that serves many requests, and is made again when it broke. `http_send`: the status, or 0: nobody
 * answers, http_why() says why. http_say(): what a refusal says, on standard error. */
struct http_client;
struct http_client *http_open(const struct args *a);
void http_close(struct http_client **slot);
long http_send(struct http_client *c, const char *method, const char *path, const char *type,
               struct bytes body, struct buf *answer);
const char *http_why(const struct http_client *c);
void http_say(const char *command, long status, struct bytes answer);

/* Append `text` as a part of a path or query: percent-encoded. */
void http_encode(struct buf *out, const char *text);
