/* SPDX-License-Identifier: Apache-2.0 */
/* badges.h -- creates for connected users at a steady rate, each followed to the user's screen.
 *
 * The time runs from before the POST is written to when the user's notification:new is read. The
 * pace is kept whatever the server does: a create that finds no free writer goes out late, and
 * `late` tells how late creates were.
 * Checks  every acknowledged create is shown, once. */
#pragma once

#include "bench/load/crowd.h"
#include "bench/load/writers.h"

/* A create belongs to the phase in which it was asked; of a user or a back end that was lost, to the
 * last. */
enum { PHASE_warm, PHASE_one, PHASE_two, PHASE_of_lost, PHASES };

struct badges {
    struct bench *bench;
    struct crowd *crowd;
    struct writers *writers;
    uint8_t *creates; /* by n: what happened, and its phase */
    uint64_t most, missing, twice;
    uint64_t others; /* notifications that are not of our creates */
    uint8_t phase;
    struct histogram times[PHASES], late[PHASES];
};

/* Opens the crowd, each on its inbox. `returns`: as in its plan. `most` creates at most. */
struct badges *badges_new(struct bench *b, bool returns, uint64_t most);
void badges_free(struct badges **slot);

/* Create at --rate for so many seconds, or until `done` says so. */
void badges_pace(struct badges *y, uint64_t seconds, bool (*done)(struct badges *y));

/* Wait for what is under way; say what is missing, and what came twice. */
void badges_settle(struct badges *y);
