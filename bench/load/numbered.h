/* SPDX-License-Identifier: Apache-2.0 */
/* numbered.h -- messages on topics of ours, numbered and dated: {"n":7,"t":nanoseconds,"pad":".."}.
 *
 * The idea    everybody on a topic gets the same bytes, so message n is read once, and what the
 *             others get is compared with it: a generator that parsed each would be what is measured.
 * Checks      each member's messages come whole, in order, once; numbers rise by one on each topic. */
#pragma once

#include "bench/load/crowd.h"

enum { SAID = 8192, SAID_BYTES = 512 }; /* more are never under way at a time */

struct numbered {
    struct crowd *crowd;
    uint64_t *next;         /* of each topic: the number of the message to be said next */
    uint32_t topics, muted; /* the last `muted` members do not read, and are not counted */
    uint64_t said, arrived;
    uint64_t everywhere;   /* of a shared topic: everybody has all up to this one */
    bool shared, counting; /* all are on one topic; what arrives now is timed */
    uint64_t counted;
    struct histogram times; /* from before the push to its arrival, of each member */
    struct buf payload;
    struct said {
        uint64_t n, t;      /* n from 1 */
        uint32_t size, got; /* by so many */
        char text[SAID_BYTES];
    } * ring;
};

/* Takes over the `took` of the crowd's plan. */
struct numbered *numbered_new(struct crowd *c, uint32_t topics);
void numbered_free(struct numbered **slot);

/* Put the next message of a topic into the output of a member, whose k-th topic it is. */
void numbered_say(struct numbered *y, struct member *from, uint32_t k, uint32_t topic);

/* Messages that are on their way to somebody: each counts for everybody it goes to. */
uint64_t numbered_under_way(const struct numbered *y);

/* Of a shared topic: messages that not everybody has. */
uint64_t numbered_ahead(const struct numbered *y);

/* Wait until nothing is, 5 s at most; then say what is missing. */
void numbered_settle(struct numbered *y);
