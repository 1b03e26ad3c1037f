/* SPDX-License-Identifier: Apache-2.0 */
/* holder.h -- generator processes that hold many idle users together, as one has only so many
 * descriptors (hold.c).
 *
 * Shape   they share a page with who started them: `orders` are written by that one alone, each
 *         `holder` by its process alone; both are plain words that are read again and again.
 * Limits  HOLDERS_MAX processes. They die with who started them. */
#pragma once

#include "bench/load/bench.h"

enum { HOLDERS_MAX = 100 };

struct holder {
    uint64_t pid;
    uint64_t joined;
    uint64_t heard;                 /* messages, all of its users together */
    uint64_t beats, beats_answered; /* of the one round of heartbeats */
    uint64_t failures;              /* said on standard error */
    struct histogram heard_times;   /* of the last message, once all have it */
    struct histogram beat_times;    /* once all are answered */
};

struct holders {
    struct orders {
        uint64_t want[HOLDERS_MAX]; /* users of each */
        uint64_t said;              /* messages to the topic of all, so far */
        uint64_t beating, leave;    /* not 0: begin the round of heartbeats; close everything */
    } orders;
    uint64_t count;
    struct holder of[HOLDERS_MAX];
};

/* Start b->opt.processes of them: they hold nobody yet. */
struct holders *holders_new(struct bench *b);

/* Close everything, little by little, and wait for them to end. */
void holders_free(struct holders **slot);

/* One of them has ended by itself: which is a failure of the run. */
bool holders_ended(struct holders *h, struct bench *b);

/* The name of the topic that all are on. */
struct bytes holders_topic(const struct bench *b, char out[80]);
