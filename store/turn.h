/* SPDX-License-Identifier: Apache-2.0 */
/* turn.h -- one turn of the store: what was committed is answered, what came is read or waits for
 * the next commit, which begins when the last one is done. What is around it (settings, the
 * database, signals, the one wait) is main.c's.
 *
 * Errors  WORLD: the process must end. */
#pragma once

#include "store/committer.h"
#include "store/requests.h"

struct store {
    const struct settings *settings;
    void *ctx;
    struct hub hub;
    struct engine *engine; /* opened, and its state read, by whoever opens the store */
    struct commit commit;
    struct committer committer;
    struct checker checker;
    struct requests requests;
    zmq_msg_t part; /* what is being taken, from `in` on, and who sent it */
    struct hub_peer from;
    struct mp_in in;
};

/* The settings, ctx, hub and engine are there. `counts`: COUNT_store rows. */
void store_open(struct store *s, const struct state *state, struct counter *counts, uint64_t seed);
void store_close(struct store *s);

/* *more: there may be more, do not wait. */
enum err store_turn(struct store *s, struct instant now, bool *more);

/* Without anything else it has something to do then. */
uint64_t store_deadline_ms(const struct store *s);

/* The same without taking more. False: nothing is being committed, nor waits for it. */
enum err store_drain_turn(struct store *s, struct instant now);
static inline bool store_drained(const struct store *s)
{
    return !s->requests.busy;
}
