/* SPDX-License-Identifier: Apache-2.0 */
/* presence_live.h -- presence in this process: between its core (presence.h) and the members, the
 * broker, and the other session processes.
 *
 * Who joins a topic whose class has presence is listed by its user's name, with the meta
 *     {"online_at":"2026-11-23T14:45:00.123Z", and what the join's or an update's `meta` says}
 * and gets presence_state, then presence_diff; or presence_count where too many are there. A socket
 * without a user looks on and is not listed.
 * While the process drains its entries stay, and a little longer elsewhere, so that a client that
 * comes back to another process never was away. */
#pragma once

#include "lib/hub.h"
#include "session/actions/actions.h"
#include "session/live/roster.h"

enum { PRESENCE_META_GIVEN = 1024 }; /* of the client, without white space */

struct presence_live;
struct presence_live *presence_live_new(struct session *s);
void presence_live_free(struct presence_live **slot); /* every member has left */

/* The `meta` of a join's or an update's payload; empty when there is none. */
bool presence_meta(struct bytes payload, struct bytes *meta, struct problem *why);

/* A member of a class with presence: it begins to join; it was answered ok; it leaves, whichever of
 * them happened. */
void presence_enter(struct session *s, struct member *m, struct bytes meta);
void presence_joined(struct session *s, struct member *m);
void presence_left(struct session *s, struct member *m);

/* The topic is told in counts: a join's answer says so. */
bool presence_counting(const struct session *s, struct bytes topic);

/* Another meta. False: it is not listed. */
bool presence_change(struct session *s, struct member *m, struct bytes meta);

/* From the broker; from another process that asks. */
void presence_heard(struct session *s, const struct msg *m);
void presence_question(struct session *s, const struct hub_peer *from, const struct msg *m);

/* The process begins to drain. */
void presence_drain(struct session *s);

/* Each turn: tell what is new. */
void presence_live_tick(struct session *s);
uint64_t presence_live_deadline_ms(const struct session *s);

/* Who is on a topic, or how often a user is connected, over all processes. Calls `done` once, at once
 * or within PRESENCE_ASK_MS. Not OK: a process that is there did not answer (UNKNOWN), or the list is too
 * long (FULL). */
enum { PRESENCE_ASK_MS = 1000 };
struct presence_found {
    uint64_t count;    /* entries; connections */
    uint64_t since_ms; /* of a user: wall clock, 0: not connected */
    struct bytes json; /* of a list: {"user":{"metas":[..]},..} */
};
struct presence_waiter {
    void (*done)(struct presence_waiter w, const struct presence_found *found, enum err e);
    struct session *s;
    void *about;
};
void presence_list(struct session *s, struct bytes topic, bool count_only,
                   struct presence_waiter w);
void presence_user(struct session *s, struct bytes user, struct presence_waiter w);
