/* SPDX-License-Identifier: Apache-2.0 */
/* client.h -- a Phoenix client, vsn 2.0.0, over WebSocket or long-poll (--longpoll 1).
 *
 * Shape   messages are text either way. Over long-poll there is a GET that waits and a POST for each
 *         message; both use the connection that the session was opened on while it is free, and
 *         another one when a GET waits there, so that a client that only listens has one.
 * Limits  CLIENT_BATCH bytes of one long-poll's answer.
 * Source  phoenix.js, Socket and LongPoll. */
#pragma once

#include "bench/load/bench.h"
#include "bench/load/http.h"
#include "bench/load/ws.h"

enum { CLIENT_BATCH = 4 << 20 };

struct client;
struct client_ops {
    void (*opened)(struct client *c);
    void (*message)(struct client *c, struct bytes text); /* borrowed for the call */
    void (*gone)(struct client *c, const char *why);      /* it is closed */
};

struct polls { /* the long-poll dialect's part */
    struct http get, post;
    struct http
        *saying;        /* the one of them whose POST is not answered: the next would overtake it */
    struct buf waiting; /* messages to be sent, a newline behind each */
    char token[200];    /* of the session; empty: it is not open */
    bool closed;
};

struct client {
    union { /* first */
        struct ws ws;
        struct polls *polls;
    };
    const struct client_ops *ops;
    struct bench *bench;
    bool longpoll;
};

/* As this user. May be opened again after it was closed, but not from within `gone`. */
void client_open(struct client *c, struct bench *b, const struct client_ops *ops, const char *user);
void client_close(struct client *c);

/* Put a message into the output; client_flush() sends all of it. */
void client_text(struct client *c, struct bytes text);
void client_flush(struct client *c);

/* Long-polls that were answered with messages so far, of all clients. */
uint64_t client_polls(void);
