/* SPDX-License-Identifier: Apache-2.0 */
/* crowd.h -- many users, each with one client joined to its inbox or to topics of ours, heartbeats
 * kept up.
 *
 * It checks what no mode may leave unchecked: every event of an inbox names the one before it
 * (`prev`), none comes twice or goes back, and a new notification makes the badge one more. What
 * comes on topics of ours is checked by numbered.h. */
#pragma once

#include "bench/load/bench.h"
#include "bench/load/client.h"
#include "bench/load/phoenix.h"

enum { CROWD_TOPIC = 120, RETURN_STEPS = 10 };

struct member;

/* Who joins what. */
struct crowd_plan {
    uint32_t count;
    uint64_t first;       /* the number of the first one's user */
    const char *topic;    /* what their names begin with; NULL: each user's inbox */
    bool own;             /* each member has topics of its own; else all are on the same one */
    uint32_t topics_each; /* 0 is 1 */
    bool returns;         /* who is lost comes back as phoenix.js does; else it is a failure */

    /* What a mode does with an event of an inbox that has passed the checks; and with a message of a
     * topic, as it came: false leaves it to the crowd. Each may be NULL. */
    void (*heard)(struct member *m, const struct phoenix *event, void *of);
    bool (*took)(struct member *m, struct bytes text, void *of);
    void *of;
};

struct member {
    struct client client; /* first */
    struct crowd *crowd;
    uint64_t seq, unread, epoch; /* of the last thing its inbox told */
    uint64_t next;               /* number of the next message on its topic */
    uint64_t beat_ns; /* when the heartbeat that is not answered left; or the connect; 0: none */
    struct member *later; /* among those who come back after the same delay */
    uint32_t joined_topics;
    uint8_t state;
    uint8_t tries; /* to come back */
    bool was_lost;
};
enum { MEMBER_new, MEMBER_connecting, MEMBER_joining, MEMBER_joined, MEMBER_lost };

struct crowd {
    struct bench *bench;
    struct crowd_plan plan;
    struct member *members;
    uint32_t count, asked, joined, lost;
    struct buf text; /* scratch */

    uint64_t beats_from_ns, beats, beats_answered; /* from: 0 while there are none */
    uint64_t beats_most;                           /* no more are sent */
    uint64_t replies;                              /* to pushes, all ok */
    uint64_t holes, repeats, wrong_counts, syncs;
    struct histogram beat_times, join_times; /* a join's: from connect to its reply */
    struct member *away[RETURN_STEPS], **away_end[RETURN_STEPS]; /* `beat_ns`: since when */
};

/* Open and join all, `opening` at a time; returns when all are. */
struct crowd *crowd_open(struct bench *b, const struct crowd_plan *plan);

/* The same in steps: nobody yet; then until `count` are there. */
struct crowd *crowd_new(struct bench *b, const struct crowd_plan *plan);
void crowd_grow(struct crowd *c, uint32_t count);
void crowd_free(struct crowd **slot);

/* The name of a member's k-th topic. */
struct bytes crowd_topic(const struct member *m, uint32_t k, char out[CROWD_TOPIC]);

/* Put a push on the member's k-th topic into its output. */
void crowd_push(struct member *m, uint32_t k, struct bytes event, struct bytes payload);

/* Send the heartbeats that are due, spread evenly, and let return who is due to; gives when the next
 * one is. */
uint64_t crowd_beat(struct crowd *c);

/* The number of a member: its user is bench_user(plan.first + number). */
static inline uint32_t member_number(const struct member *m)
{
    return (uint32_t)(m - m->crowd->members);
}

/* Holes, repeats, wrong counts, syncs, lost connections; all but syncs are failures. */
void crowd_report(struct crowd *c);
