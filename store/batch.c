/* SPDX-License-Identifier: Apache-2.0 */
#include "store/batch.h"

#include "lib/ensure.h"

#include <stdlib.h>

void batch_init(struct batch *b)
{
    *b = (struct batch){0};
    buf_init(&b->requests, BATCH_REQUESTS);
    buf_init(&b->answers, UINT32_MAX); /* an answer is about as long as its request */
}

void batch_fini(struct batch *b)
{
    free(b->jobs);
    buf_fini(&b->requests);
    buf_fini(&b->answers);
    *b = (struct batch){0};
}

void batch_reset(struct batch *b)
{
    buf_reset(&b->requests);
    buf_reset(&b->answers);
    b->count = b->done = 0;
    b->commits = 0;
    b->tally = (struct tally){0};
    b->failed = ERR_OK;
}

bool batch_add(struct batch *b, const struct hub_peer *peer, struct bytes request,
               uint64_t deadline_ms)
{
    size_t at = b->requests.n;
    buf_bytes(&b->requests, request);
    if (b->requests.overflowed) {
        buf_cut(&b->requests, at);
        return false;
    }
    if (b->count == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 256;
        b->jobs = realloc(b->jobs, b->cap * sizeof *b->jobs);
        ENSURE(b->jobs != NULL);
    }
    b->jobs[b->count++] = (struct job){
        .peer = *peer, .at = (uint32_t)at, .n = (uint32_t)request.n, .deadline_ms = deadline_ms};
    return true;
}
