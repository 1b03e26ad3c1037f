/* SPDX-License-Identifier: Apache-2.0 */
/* committer.h -- the thread that waits for the disk, so that the one that answers does not.
 *
 * A batch goes in, is committed, and comes out: both by pointer, through an inproc pair. It is
 * owned by one side at a time, so nothing in it needs a lock. */
#pragma once

#include "store/commit.h"

#include <pthread.h>

struct committer {
    struct commit *commit; /* the thread's, while it runs */
    void *ours, *theirs;   /* the two ends of the pair */
    pthread_t thread;
};

/* `commit` is lent until committer_stop(). */
void committer_start(struct committer *c, void *ctx, struct commit *commit);

/* No batch may be inside. */
void committer_stop(struct committer *c);
void committer_give(struct committer *c, struct batch *b);

/* The batch given, when it is done; NULL: not yet. Readable on c->ours. */
struct batch *committer_take(struct committer *c);
