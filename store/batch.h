/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h -- requests that wait for a commit together, and their answers.
 *
 * Shape   one side fills it, hands it over whole, and gets it back whole: never two at once.
 * Limits  BATCH_REQUESTS bytes of requests; their number is the caller's to bound. Memory grows to
 *         what was needed once, and stays. */
#pragma once

#include "lib/hub.h"
#include "store/work.h"

#define BATCH_REQUESTS ((size_t)64 << 20)

/* One reading of the clocks. */
struct instant {
    uint64_t ms;      /* monotonic */
    uint64_t wall_ms; /* since 1970 */
};

struct job {
    struct hub_peer peer;
    uint32_t at, n;               /* the request, in `requests` */
    uint32_t answer_at, answer_n; /* in `answers`; 0 bytes: none */
    uint64_t deadline_ms;         /* monotonic: nobody waits for it after that */
    bool late;                    /* dropped for that */
};

struct batch {
    struct job *jobs;
    uint32_t count, cap;
    uint32_t done; /* so many of them are committed or refused */
    struct buf requests, answers;
    uint64_t commits; /* that it took */
    struct state state;
    struct tally tally;
    enum err failed; /* WORLD: the process must end */
};

void batch_init(struct batch *b);
void batch_fini(struct batch *b);
void batch_reset(struct batch *b);

/* False when it is full. `request` is one encoded message; it is copied. */
bool batch_add(struct batch *b, const struct hub_peer *peer, struct bytes request,
               uint64_t deadline_ms);

static inline struct bytes job_request(const struct batch *b, const struct job *j)
{
    return (struct bytes){b->requests.p + j->at, j->n};
}

static inline struct bytes job_answer(const struct batch *b, const struct job *j)
{
    return (struct bytes){b->answers.p + j->answer_at, j->answer_n};
}
