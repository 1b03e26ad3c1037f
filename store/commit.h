/* SPDX-License-Identifier: Apache-2.0 */
/* commit.h -- group commit: all that waits, in one transaction.
 *
 * Rules   whatever was asked while the last commit was on its way shares the next one, up to
 *         WORK_WEIGHT; the rest of a batch follows in further ones. Nothing of a batch is answered
 *         before all of it is on disk.
 *         The map full: it grows, and the same requests are carried out again.
 *         The disk below its reserve: actions are refused with NO_SPACE, but what only takes away
 *         (expiry) may use the reserve; so reads go on, with counts that are right. It is looked at
 *         before every commit, and so ends by itself.
 *         What is only tried has a transaction of its own, which is undone: the batch is in two parts around it.
 * Owner   one thread. Pure over the engine: time comes in as data. */
#pragma once

#include "store/batch.h"
#include "store/prefs.h"

struct commit {
    struct engine *engine;
    struct state state; /* as it is on disk */
    bool low;           /* the disk has less than its reserve free; said once */
    struct zones zones;
    struct work work;
};

void commit_init(struct commit *c, struct engine *engine, const struct state *state,
                 const struct limits *limits, uint64_t seed);
void commit_fini(struct commit *c);

/* Carry out the next part of a batch that is not done yet. Afterwards b->done has risen, or
 * b->failed is set and the process must end. */
void commit_some(struct commit *c, struct batch *b, struct instant now);
