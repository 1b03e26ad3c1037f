/* SPDX-License-Identifier: Apache-2.0 */
/* client.h -- a browser tab: one connection, three joined topics. It does what phoenix.js and
 * docs/api.md "A client that is never wrong" do, and finds anything else odd.
 *
 * clients.c   coming, going, timers, what the plan wants done
 * marks.c     what it does to notifications, perhaps twice
 * polls.c     the long-poll transport
 * subs.c      a joined topic: what it shows, and what the model says of that */
#pragma once

#include "tests/sim/model.h"

enum { SUB_inbox, SUB_channel, SUB_room, SUBS, PENDING = 64, SEEN_MAX = 64 };
enum sub_state { SUB_idle, SUB_joining, SUB_joined };

struct seen { /* somebody in the room */
    char ref[40];
    uint64_t number; /* that its meta has: of one join, no other has it */
};

struct sub {
    struct client *client;
    char topic[40];
    unsigned model; /* TOPICS: the room */
    enum sub_state state;
    uint64_t join_ref, joined_us, again_us, late_us;
    uint64_t seq, epoch, unread;
    uint64_t shown; /* by any join on this connection */
    bool has;       /* seq and epoch are known */
    bool fresh;     /* nothing was joined before on this connection */
    bool asked;     /* a reconnect is under way: some may come twice */
    uint64_t number;
    bool synced;
    struct seen seen[SEEN_MAX];
    unsigned seen_n;
};

struct pending { /* a push that is not answered yet */
    uint64_t ref, op;
    enum step_kind kind;
    struct sub *sub;
};

struct client {
    unsigned index, user;
    bool longpoll;
    char name[24];
    bool wanted, open; /* should be online; is */
    uint64_t again_us, beat_us, stall_us, stalled_us;
    unsigned tries;
    uint64_t iat_s; /* of its token */
    uint64_t refs;
    struct dice dice;
    struct sub subs[SUBS];
    struct pending pending[PENDING];
    unsigned pending_at;
    struct pending last; /* the last mark, and its text: it may be sent again */
    char last_event[20], last_text[200];

    struct stream *stream; /* WebSocket */

    char token[200]; /* long-poll */
    bool lose;       /* the next answer */
    uint64_t get, post;
    struct buf out;
};

/* clients.c */
void client_opened(struct client *c);
void client_lost(struct client *c); /* the connection is over: come again */
void client_heard(struct client *c, struct bytes text);
uint64_t client_push(struct sub *s, const char *event, const char *payload, enum step_kind kind,
                     uint64_t op);
void client_send(struct client *c, const char *text);
uint64_t client_truth(unsigned *n, uint64_t out[CLIENTS]); /* who is in the room */

/* marks.c: what the plan wants done to notifications */
bool marks_step(struct client *c, const struct step *step);
struct page list_asked(uint64_t what); /* its filters */

/* polls.c */
void poll_open(struct client *c);
void poll_flush(struct client *c);
void poll_close(struct client *c);

/* subs.c */
void sub_join(struct sub *s);
void sub_left(struct sub *s, uint64_t again_us);
void sub_reply(struct sub *s, uint64_t ref, bool ok, struct bytes response);
void sub_event(struct sub *s, struct bytes join_ref, struct bytes event, struct bytes payload);
void sub_answer(struct sub *s, const struct pending *p, bool ok, struct bytes response);
