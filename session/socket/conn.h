/* SPDX-License-Identifier: Apache-2.0 */
/* conn.h -- the connections of this process and what waits to be sent on them.
 *
 * The idea    an idle connection is a slot of an array and nothing else. Frames are queued by
 *             reference; a connection that got any is flushed once at the end of the turn, with
 *             everything that the turn gave it, in one write.
 * Shape       a slot is either a WebSocket (fd) or a long-poll session (no fd; its frames are taken by
 *             polls). `generation` tells an old occupant from the present one.
 * Limits      settings->connections slots; output: soft at output_bytes (views stop sending), hard at
 *             four times that behind the first frame (the connection is closed as slow_reader).
 * Owner       a queued frame is referenced by the queue. */
#pragma once

#include "lib/frame.h"
#include "session/session.h"
#include "session/users.h"

/* name, WebSocket code, what it means. Both go into the close frame, and belfry_close_NAME_total counts it.
 * 1000 is never sent: old clients would stay away. */
#define CLOSE_REASONS(X)                                                                           \
    X(gone, 1001, "the client left")                                                               \
    X(drain, 1012, "the process is leaving")                                                       \
    X(idle, 1001, "nothing came for too long")                                                     \
    X(kicked, 1001, "the back end closed it")                                                      \
    X(expired, 1008, "its token has come to its end: come back with a fresh one")                  \
    X(revoked, 1008, "its token is good no more: come back with another one")                      \
    X(protocol, 1008, "the client broke the protocol (of WebSocket itself: 1002, 1007)")           \
    X(too_large, 1009, "a message was larger than it may be")                                      \
    X(fragments, 1008, "a message came in more fragments than it may")                             \
    X(unpolled, 1001, "a long-poll session that nobody polled")                                    \
    X(flood, 1008, "the client sent more than it may")                                             \
    X(slow_reader, 1013, "the client did not read: it may come back and resume")

#define AS_REASON(name, code, doc) CLOSE_##name,
enum close_reason { CLOSE_REASONS(AS_REASON) CLOSE_COUNT };
#undef AS_REASON

enum { IP_SIZE = 16 }; /* IPv4 mapped into IPv6 */

enum conn_kind { CONN_free, CONN_websocket, CONN_longpoll };

struct conn {
    struct frame *first;                /* waits to be written; NULL: nothing does */
    struct output *out;                 /* what waits behind it; NULL: nothing does */
    struct member *members;             /* joined topics */
    struct user *user;                  /* whose token it came with */
    struct conn *user_next, *user_prev; /* of the same user */
    char *topics, *publish; /* the token's claims: patterns, comma between; NULL: none; owned */
    union {
        struct receiver *receiver; /* WebSocket: in the middle of a message; else NULL */
        struct longpoll *poll;     /* long-poll */
    };
    uint64_t shown;      /* highest pos written to the client: what "all" of its inbox means */
    uint64_t heard_ms;   /* when the client last sent something */
    uint64_t blocked_ms; /* the socket is full, and has taken nothing since then; 0: it is not */
    uint32_t out_bytes;  /* waiting */
    uint32_t out_at;     /* of the first waiting frame, already written */
    uint32_t id, generation;
    int fd; /* -1: none */
    uint16_t joined;
    uint16_t pushes; /* of the client, that wait for the store */
    uint8_t kind, vsn;
    bool dirty;                     /* on the list to be flushed */
    bool congested;                 /* over the soft limit; until the output is empty */
    bool closing;                   /* a goodbye is queued: nothing more is read or sent */
    bool shut;                      /* the goodbye is written: waiting for the client's end */
    bool warned;                    /* that its token comes to its end */
    uint64_t messages_us, bytes_us; /* bucket.h: what it may send */
    struct address *from;           /* where it is counted; or NULL */
    uint64_t token_exp_s;           /* wall clock */
    uint64_t token_iat_s;           /* when it was made; 0: it does not say */
    uint64_t token_name;            /* token_hash() of its jti; 0: it has none */
    struct asked_join *asked;       /* joins.h: what the application is asked */
    struct asked_refresh *refresh;  /* refresh.h: the same of another token; or NULL */
    uint8_t ip[IP_SIZE];            /* from where it came, as far as a proxy says */
};

struct conns;

struct conns *conns_new(struct session *s, uint32_t max);
void conns_free(struct conns **slot);

/* Who connected, from its handshake. */
struct hello {
    struct bytes user, topics, publish;            /* of its token, or the application's */
    uint64_t token_exp_s, token_iat_s, token_name; /* as in struct conn */
    struct address *from;                          /* the connection's from here on */
    uint8_t ip[IP_SIZE], vsn;
};

/* A slot, or NULL when all are taken. */
struct conn *conn_new(struct session *s, enum conn_kind kind, int fd, const struct hello *hello);

/* Another token of the same user takes the place of the one that it came with. */
void conn_token(struct conn *c, const struct hello *hello);

/* The occupant, or NULL when it has gone. */
struct conn *conn_find(struct session *s, uint32_t id, uint32_t generation);

/* No slot is free, but for those that are kept. */
bool conns_full(const struct session *s);

/* A slot is kept for one that is let in and not here yet; and no more. */
void conns_keep(struct session *s);
void conns_unkeep(struct session *s);

/* Whoever has this slot now, or NULL. */
struct conn *conn_at(struct session *s, uint32_t id);

/* All slots are below this. */
uint32_t conns_end(const struct session *s);

/* A name of the connection that no other one has, in any process; borrows from `out`. */
enum { CONN_NAME = 64 };
struct bytes conn_name(const struct session *s, const struct conn *c, char out[CONN_NAME]);

/* Queue a frame; takes the caller's reference. Dropped when the connection is closing. Its mark is
 * the highest pos in it. */
void conn_send(struct session *s, struct conn *c, struct frame *f);

/* The same for one of many that belong together, like what a reader of the log missed: the hard
 * limit does not cut them apart. Their number and size are the caller's to bound. */
void conn_send_part(struct session *s, struct conn *c, struct frame *f);

static inline bool conn_open(const struct conn *c)
{
    return c->kind != CONN_free && !c->closing;
}

/* Say goodbye: all topics are left now; the close frame is the last thing sent. */
void conn_close(struct session *s, struct conn *c, enum close_reason reason);

/* Queue this last frame instead of ours (wslay's answer to a close or an error), then the same. */
void conn_close_with(struct session *s, struct conn *c, enum close_reason reason,
                     struct frame *last);

/* The last frame: `code` is the reason's own, or what RFC 6455 has for it. */
struct frame *conn_goodbye(enum close_reason reason, uint16_t code);

/* The slot is free at once, the descriptor closed. */
void conn_drop(struct session *s, struct conn *c, enum close_reason reason);

/* Write what waits on the dirty connections; called once a turn. */
void conns_flush(struct session *s);

/* The socket takes bytes again. */
void conn_writable(struct session *s, struct conn *c);

/* Once a second: close who is idle, stalled, or does not end its side, or whose token has come to
 * its end; CONN_WARN_S before that it is told. */
enum { CONN_WARN_S = 60 };
void conns_sweep(struct session *s);

/* Close up to `n` more connections as draining, each slot in its turn. */
void conns_drain(struct session *s, uint32_t n);
uint32_t conns_count(const struct session *s);

/* The end: all slots free at once. */
void conns_drop_all(struct session *s);

/* For long-poll: the waiting frames, oldest first. */
unsigned conn_waiting(const struct conn *c);
struct frame *conn_waiting_at(const struct conn *c, unsigned i);
void conn_forget(struct session *s, struct conn *c, unsigned n); /* the first n */
void conn_written(struct conn *c, unsigned n);                   /* they were: the first n */
