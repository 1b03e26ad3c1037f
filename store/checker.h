/* SPDX-License-Identifier: Apache-2.0 */
/* checker.h -- the thread that recounts, so that the one that answers does not wait for an inbox
 * with a million notifications.
 *
 * The idea: as the committer. A page of the recount goes in and comes out, by pointer, with a reading
 * transaction of its own: it sees one moment, however long it looks.
 * Limits  two pages wait at most: one that somebody asked for (who asks meanwhile is told LATER), and
 *         one of the auditor's (audit.h). The map cannot grow while it looks: a commit that needs that
 *         ends the page, which is answered LATER. */
#pragma once

#include "store/batch.h"
#include "store/engine.h"

#include <pthread.h>

struct check_job {
    struct hub_peer peer;
    struct buf request, answer, list;
    uint64_t damaged;
    bool busy; /* from being asked to being answered */
};

void check_job_init(struct check_job *j);
void check_job_fini(struct check_job *j);

/* Look, and write the answer. */
void check_job_run(struct check_job *j, struct engine *engine);

struct checker {
    struct engine *engine;
    void *ours, *theirs; /* the two ends of the pair */
    pthread_t thread;
};

void checker_start(struct checker *c, void *ctx, struct engine *engine);

/* Waits for the page that is inside. */
void checker_stop(struct checker *c);
void checker_give(struct checker *c, struct check_job *j);

/* The page given, when it is done; NULL: not yet. Readable on c->ours. */
struct check_job *checker_take(struct checker *c);
