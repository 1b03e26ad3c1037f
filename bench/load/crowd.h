/* SPDX-License-Identifier: Apache-2.0 */
/* crowd.h -- many users, each with one WebSocket joined to its inbox, heartbeats kept up.
 *
 * It checks what no mode may leave unchecked: every event of an inbox names the one before it
 * (`prev`), none comes twice or goes back, and a new notification makes the badge one more. */
#pragma once

#include "bench/load/bench.h"
#include "bench/load/phoenix.h"
#include "bench/load/ws.h"

struct crowd;

struct member {
    struct ws ws; /* first */
    struct crowd *crowd;
    uint64_t seq, unread; /* of the last thing it was told */
    uint64_t beat_ns;     /* when the heartbeat that is not answered left; 0: none */
    enum { MEMBER_new, MEMBER_connecting, MEMBER_joining, MEMBER_joined, MEMBER_lost } state;
};

struct crowd {
    struct bench *bench;
    struct member *members;
    uint32_t count, asked, joined, lost;
    struct buf text; /* scratch */

    /* What a mode does with an event that has passed the checks; may be NULL. */
    void (*heard)(struct member *m, const struct phoenix *event, void *of);
    void *of;

    uint64_t beats_from_ns, beats, beats_answered; /* from: 0 while there are none */
    uint64_t holes, repeats, wrong_counts, syncs;
    struct histogram beat_times, join_times; /* a join's: from connect to its reply */
};

/* Open and join all, `opening` at a time; returns when all are. */
struct crowd *crowd_open(struct bench *b, uint32_t count);
void crowd_free(struct crowd **slot);

/* Send the heartbeats that are due, spread evenly; gives when the next one is. */
uint64_t crowd_beat(struct crowd *c);

/* The number of a member: its user is bench_user(number). */
static inline uint32_t member_number(const struct member *m)
{
    return (uint32_t)(m - m->crowd->members);
}

/* Holes, repeats, wrong counts, syncs, lost connections; all but syncs are failures. */
void crowd_report(struct crowd *c);
