/* SPDX-License-Identifier: Apache-2.0 */
/* requests.h -- the store's core: messages in, answers out, and the batch that is to be committed.
 *
 * The idea: reads are answered at once, from what is on disk. Actions gather in one batch while
 * the other one is being committed by whoever has it (a thread, or a simulator): its host takes it
 * by requests_to_commit(), runs commit_some() until it is done, and brings it back.
 * A read whose inbox has something due goes along in a batch to expire it, and is answered when
 * that comes back.
 *
 * Shape   a turn: requests_take() for each message, requests_committed() if a batch came back,
 *         requests_to_commit(), requests_push(); requests_rest() before anything is waited for.
 *         A recount is the same: requests_to_check(), requests_checked().
 * Limits  `queue` requests waiting, and BATCH_REQUESTS bytes: what is beyond is answered LATER.
 * Owner   one thread. Pure over the engine and `out`: time comes in as data. */
#pragma once

#include "store/batch.h"
#include "store/audit.h"
#include "store/checker.h"
#include "store/counts.h"
#include "store/follower.h"
#include "store/reads.h"

struct requests {
    struct engine *engine;
    uint64_t queue;
    struct buf *(*out)(void *world, const struct hub_peer *to); /* where a peer's answers go */
    void *world;
    struct counter *counts;                   /* COUNT_store rows */
    struct state state;                       /* as far as we were told of commits */
    struct txn *txn;                          /* for the reads of this turn */
    struct batch batches[2], *filling, *busy; /* busy: NULL while none is being committed */
    struct check_job check, *to_check;        /* to_check: NULL while none waits to be taken */
    struct audit audit;                       /* every_ms is given */
    struct follower follower;
    struct buf list;
    struct map seen;
    struct zones zones;
};

void requests_init(struct requests *r, uint64_t seed);
void requests_fini(struct requests *r);

/* The messages of a part, from a cursor over it: all of them, or until `*reads` more reads have been
 * answered, which it counts down: a thousand clients that come back at once must not keep those
 * waiting who write. WORLD: the process must end. */
enum err requests_take(struct requests *r, const struct hub_peer *from, struct mp_in *part,
                       unsigned *reads, struct instant now);

/* The batch to commit now; NULL: nothing waits, or one is on its way. */
struct batch *requests_to_commit(struct requests *r);

/* It is on disk (or refused): its answers leave. WORLD: the process must end. */
enum err requests_committed(struct requests *r, struct instant now);

/* A page of a recount to be counted now, by check_job_run() in whatever thread; NULL: none. And
 * when that is done, its answer leaves, or what it found is put right by the next commit. */
struct check_job *requests_to_check(struct requests *r, struct instant now);
void requests_checked(struct requests *r, struct check_job *j, struct instant now);

/* Push the log to its follower, as far as its window goes. WORLD: the process must end. */
enum err requests_push(struct requests *r);

/* Let go of the reading transaction. */
void requests_rest(struct requests *r);
