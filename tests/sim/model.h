/* SPDX-License-Identifier: Apache-2.0 */
/* model.h -- what must be true (design section 8), kept by the simplest means: an array of what was
 * committed, and what follows from it. It hears of every commit when it is on disk, of every
 * operation when it begins and ends, and is asked of whatever a client is shown.
 *
 * An operation is something that a client or a back end wants: it is `ok` once a success was sent,
 * `refused` once it was said that nothing was done, and before that nobody knows. */
#pragma once

#include "store/engine.h"
#include "tests/sim/sim.h"

/* Behind the topics that clients see, the two of the store's own. */
enum { INBOXES = USERS, TOPICS = USERS + CHANNELS, ALL_TOPICS = TOPICS + 2 };

extern const char *const users[USERS];
const char *model_name(unsigned topic);
unsigned model_topic(struct bytes name); /* ALL_TOPICS: none of ours */

enum op_kind { OP_create, OP_publish, OP_broadcast };
struct op {
    enum op_kind kind;
    unsigned users;   /* create: a bit for each */
    unsigned channel; /* publish; broadcast: for its members, CHANNELS: for all */
    unsigned author;  /* publish: USERS for a back end */
    bool refused;
    bool ok;
    bool off;     /* cancelled or retracted: it was said so */
    bool counted; /* of a type that counts */
    uint64_t expires_ms;
    uint64_t deliver_ms; /* 0: at once */
    uint64_t seq;        /* where it was committed, of the first user; 0: not */
    unsigned committed;  /* create: for these users; else 1 */
};

void model_open(void);
void model_close(void);

uint64_t model_op(struct op op); /* its number; the texts that it makes hold it */
struct op *model_op_of(uint64_t number);
/* An answer left a session process, or came: it said yes, and named this seq; or it said no. */
void model_ok(uint64_t op, uint64_t seq);
void model_refused(uint64_t op);
void model_off(uint64_t op); /* nobody gets it from now on */

/* channel, user: who must get notifications, from now on. */
void model_member(unsigned channel, unsigned user, bool sure);

/* This user is known from now on: it has looked at its inbox. */
void model_known(unsigned user);

/* From the disk: something may have been committed. */
void model_committed(struct engine *e);
uint64_t model_log_head(void);
uint64_t model_head(unsigned topic); /* 0: nothing yet */

/* A seq at which this topic changed. */
bool model_is(unsigned topic, uint64_t seq);
uint64_t model_unread(unsigned topic, uint64_t seq);
uint64_t model_prev(unsigned topic, uint64_t seq);
uint64_t model_committed_us(uint64_t seq);
uint64_t model_newest_pos(unsigned topic, uint64_t seq); /* of the items that came up to seq */

/* What a client is shown; `who` is for the story. An event: payload as it came. */
void model_event(const char *who, unsigned topic, struct bytes event, struct bytes payload);
/* A join's answer, a sync, a page: these items, newest first, and this count, are the inbox at seq.
 * `before`: 0, or the page's; `now_ms`: the server's time. */
void model_page(const char *who, unsigned topic, uint64_t seq, uint64_t unread, uint64_t before,
                struct bytes items, uint64_t now_ms);
/* What a client has at seq, as the server says at now_ms: nothing of it is over by then. */
void model_current(const char *who, unsigned topic, uint64_t seq, uint64_t now_ms);
/* A count alone, true at seq. */
void model_count(const char *who, unsigned topic, uint64_t seq, uint64_t unread);

/* Nothing is under way any more. */
void model_quiet(void);

/* An item that a client could mark: unread ones of the newest; 0: none. */
uint64_t model_some_item(unsigned topic, uint64_t dice, char id[32]);
