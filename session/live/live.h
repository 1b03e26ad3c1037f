/* SPDX-License-Identifier: Apache-2.0 */
/* live.h -- the views of this process: feeding them what happens, carrying out what they decide.
 *
 * Limits  settings->topics views a connection; a payload of TEXT_MAX. */
#pragma once

#include "proto/messages.h"
#include "session/actions/actions.h"
#include "session/live/roster.h"

struct live;
struct live *live_new(struct session *s);
void live_free(struct live **slot);

/* What a client wants of a topic. */
struct join {
    const struct topic_class *class; /* NULL: an inbox */
    struct bytes topic, join_ref, ref;
    struct bytes replaces; /* join_ref of the earlier join of the same topic, or empty */
    struct resume resume;
    struct bytes meta; /* of a topic with presence: JSON object, or empty */
    uint64_t since_ms; /* when it came, as the answer's deadline counts from then; 0: now */
    bool publishes;    /* the application said so */
};

/* Starts a view; the answer to the join comes from it. */
void live_join(struct session *s, struct conn *c, const struct join *join);

/* The client says what it has; `ref` is answered when it has everything. */
void live_reconnect(struct session *s, struct member *m, struct bytes ref,
                    const struct resume *resume);

void live_leave(struct session *s, struct member *m);
/* Take the client off the topic, and say so. */
void live_kick(struct session *s, struct member *m);
void live_leave_all(struct session *s, struct conn *c);

/* The connection's output is empty again. */
void live_drained(struct session *s, struct conn *c);

/* From the bus. */
void live_broadcast(struct session *s, const struct msg_broadcast *b);
void live_confirmed(struct session *s, uint64_t number);

/* This topic has come to seq; anything may have been missed. */
void live_head(struct session *s, struct bytes topic, uint64_t seq);
void live_suspect_all(struct session *s);

/* Every inbox here has merged what is for many, as far as we heard of it. */
bool live_merged(const struct session *s);

/* Deadlines; and at the end of a turn, what has left is freed. */
void live_tick(struct session *s);
uint64_t live_deadline_ms(const struct session *s);

/* Who is on which topic. */
const struct roster *live_roster(const struct session *s);
