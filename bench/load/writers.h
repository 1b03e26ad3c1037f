/* SPDX-License-Identifier: Apache-2.0 */
/* writers.h -- back ends: keep-alive HTTP connections that create notifications, one in flight on
 * each.
 *
 * The n-th create of a run carries {"n": n, "t": nanoseconds since bench.start_ns} as its data. */
#pragma once

#include "bench/load/bench.h"
#include "bench/load/http.h"

struct writers {
    struct bench *bench;
    struct writer {
        struct http http; /* first */
        struct writers *all;
        uint64_t n, user, sent_ns;
        struct writer *next_free;
    } * of;
    struct writer *free;
    struct buf head, request, body; /* head: what all requests begin with */

    bool fresh;                             /* the last create opened its connection */
    uint64_t asked, answered, acknowledged; /* also the next create's n */
    bool counting;                          /* times of what is asked now are kept */
    bool repeats;                           /* an unanswered create is asked again: it has a key */
    struct writer *again;                   /* those to be */
    uint64_t counted;                       /* acknowledged while counting */
    struct histogram times;                 /* from before the write to its 201 */

    /* Create `n` was acknowledged; may be NULL. The writer is free again. */
    void (*done)(struct writers *w, uint64_t n);
    /* It lost its connection, and will be asked again; may be NULL. */
    void (*lost)(struct writers *w, uint64_t n);
    void *about; /* theirs */
};

struct writers *writers_new(struct bench *b);
void writers_free(struct writers **slot);

/* Create a notification for a user of this run; false when every writer waits for an answer. */
bool writers_create(struct writers *w, uint64_t user);

/* Ask again what must be; once a turn. */
void writers_repeat(struct writers *w);
