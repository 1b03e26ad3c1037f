/* SPDX-License-Identifier: Apache-2.0 */
/* api.h -- one request to the HTTP API after the other, each waited for. */
#pragma once

#include "bench/load/bench.h"
#include "bench/load/http.h"

struct api {
    struct http http; /* first */
    struct bench *bench;
    struct buf head, answer;
    int status; /* of the last answer; 0: none came in 10 s */
};

struct api *api_new(struct bench *b);
void api_free(struct api **slot);

/* `what` is the method and path; `user` is who asks, NULL a back end. The answer's JSON is checked,
 * and borrowed until the next call; empty when it is not a success, which is a failure of the run. */
struct bytes api_call(struct api *a, const char *what, const char *user, const char *type,
                      struct bytes body);
