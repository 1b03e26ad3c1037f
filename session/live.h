/* SPDX-License-Identifier: Apache-2.0 */
/* live.h -- the views of this process: who is on which topic, and carrying out what a view decides.
 *
 * Shape   a topic has members; a member is one view of one connection. Both exist as long as
 *         somebody is joined.
 * Size    about 200 bytes a member and 100 a topic, the name besides.
 * Limits  settings->topics members a connection.
 * Owner   members and topics are made and freed here; a connection lists its members. */
#pragma once

#include "proto/messages.h"
#include "session/conn.h"
#include "session/view.h"

struct member {
    struct view view;
    struct conn *conn;
    struct topic *topic;
    struct member *next;                  /* of the same connection */
    struct member *wait_next, *wait_prev; /* among those that wait for the broker */
    uint64_t confirm;                     /* waits for this confirmation */
    uint64_t fetch;                       /* number of the request to the store; 0: none */
    uint64_t epoch;                       /* that view.seq belongs to */
    uint64_t shown; /* highest pos that this client was sent: what "all" means to it */
    uint32_t at;    /* place among the topic's members */
    uint8_t join_ref_n, ref_n, reconnect_n;
    bool replaces; /* the third of refs is the join_ref of a join that this one replaced */
    bool gone;     /* has left; freed at the end of the turn */
    char refs[];   /* join_ref, ref of the join, ref of a reconnect: raw JSON */
};

struct live;
struct live *live_new(struct session *s);
void live_free(struct live **slot);

/* What a client wants of a topic. */
struct join {
    struct bytes topic, join_ref, ref;
    struct bytes replaces; /* join_ref of the earlier join of the same topic, or empty */
    uint64_t since, epoch; /* 0: nothing yet */
};

/* Starts a view; the answer to the join comes from it. */
void live_join(struct session *s, struct conn *c, const struct join *join);

struct member *live_find(const struct conn *c, struct bytes topic);
struct bytes member_topic(const struct member *m);
struct bytes member_join_ref(const struct member *m);

/* The client says what it has; `ref` is answered when it has everything. */
void live_reconnect(struct session *s, struct member *m, struct bytes ref, uint64_t since,
                    uint64_t epoch);

void live_leave(struct session *s, struct member *m);
void live_leave_all(struct session *s, struct conn *c);

/* The connection's output is empty again. */
void live_drained(struct session *s, struct conn *c);

/* From the bus. */
void live_broadcast(struct session *s, const struct msg_broadcast *b);
void live_heads(struct session *s, const struct msg_heads *h);
void live_confirmed(struct session *s, uint64_t number);

/* Deadlines of views, and learning the log's head at the start. */
void live_tick(struct session *s);
uint64_t live_deadline_ms(const struct session *s);

/* Heads are known, so that nothing can be missed unnoticed, and the store answers. */
bool live_ready(const struct session *s);

/* Once a second: see whether it does. */
void live_probe(struct session *s);
