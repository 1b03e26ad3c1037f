/* SPDX-License-Identifier: Apache-2.0 */
/* roster.h -- who is on which topic in this process. Data only: nothing is decided or sent here.
 *
 * Shape   a topic has members; a member is one view of one connection. Both exist as long as
 *         somebody is joined. The names are matched whole.
 * Size    about 200 bytes a member and 80 a topic, the names besides.
 * Owner   members and topics are made and freed here; a connection lists its members. A member that
 *         has left is freed by roster_bury(), as somebody may be amid one of its steps. */
#pragma once

#include "lib/map.h"
#include "session/socket/conn.h"
#include "session/live/view.h"

struct member {
    struct view view;
    struct conn *conn;
    struct topic *topic;
    struct member *next;                  /* of the same connection */
    struct member *wait_next, *wait_prev; /* among those that wait for the broker */
    uint64_t confirm;                     /* waits for this confirmation */
    uint64_t fetch;                       /* number of the request to the store; 0: none */
    uint64_t epoch;                       /* that view.seq belongs to */
    uint32_t at;                          /* place among the topic's members */
    uint32_t have; /* items of an inbox that a snapshot is not to fall below */
    uint8_t join_ref_n, ref_n, third_n;
    struct presence_member *presence; /* on a topic with presence (presence_live.h) */
    bool publishes;                   /* the application said so when it was let in */
    bool replaces; /* the third of refs is the join_ref of a join that this one replaced */
    bool gone;     /* has left */
    bool merging;  /* its inbox was asked to merge, and has not answered */
    char refs[];   /* raw JSON: join_ref; ref of the join; a third: of a reconnect, or as said */
};

struct topic {
    const struct topic_class *class; /* NULL: an inbox */
    const struct kind *kind;
    struct member **members;
    uint32_t n, cap;
    uint16_t bucket;
    uint16_t busy; /* being walked: not freed meanwhile */
    bool merging;  /* on the roster's list */
    struct topic *merge_next, *merge_prev;
    uint8_t name_n;
    char name[];
};

struct roster {
    struct map topics;
    struct member *waiting, *waiting_last; /* for the broker, in the order of their deadlines */
    struct member *dead;
    struct topic *merges, *merges_last; /* inboxes that have a broadcast to merge, in turn */
};

void roster_init(struct roster *r, uint64_t seed);
void roster_fini(struct roster *r);

struct topic *roster_topic(const struct roster *r, struct bytes name); /* NULL: nobody is on it */

/* The connection's member on this topic; NULL: it has not joined it. */
struct member *roster_find(const struct roster *r, const struct conn *c, struct bytes topic);
struct bytes topic_name(const struct topic *t);

/* A new member of a topic, which is made when it is the first; *made says so. */
struct member *roster_join(struct roster *r, struct conn *c, struct bytes topic,
                           struct bytes join_ref, struct bytes ref, bool *made);

/* Takes it off all lists. The topic stays until roster_tidy(). */
void roster_leave(struct roster *r, struct member *m);

/* Free the topic if nobody is on it and nobody walks it: true, and its bucket is not wanted more. */
bool roster_tidy(struct roster *r, struct topic *t);
void roster_bury(struct roster *r);

/* On the list of inboxes that have something to merge, at its end; and off it. */
void roster_merge(struct roster *r, struct topic *t);
void roster_merge_over(struct roster *r, struct topic *t);

void roster_wait(struct roster *r, struct member *m);
void roster_wait_over(struct roster *r, struct member *m);

struct bytes member_topic(const struct member *m);
struct bytes member_join_ref(const struct member *m);
bool member_answered(const struct member *m); /* its join was answered */
struct bytes member_ref(const struct member *m);
struct bytes member_third(const struct member *m);
void member_third_set(struct member *m, struct bytes ref);
