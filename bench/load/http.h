/* SPDX-License-Identifier: Apache-2.0 */
/* http.h -- one keep-alive HTTP/1.1 connection, one request at a time.
 *
 * Limits  answers must say their Content-Length.
 * Errors  a connection that closes is told of; `waiting` then says whether an answer was owed. The
 *         next request opens it again. */
#pragma once

#include "bench/load/conn.h"

struct http;
struct http_ops {
    /* The body is borrowed until this returns or asks again. */
    void (*answered)(struct http *h, int status, struct bytes body);
    void (*gone)(struct http *h, const char *why);
};

struct http {
    struct conn conn; /* first */
    const struct http_ops *ops;
    struct poller *poller;
    const struct sockaddr_in *to;
    uint32_t number;
    void *of;     /* the caller's */
    bool waiting; /* an answer is owed */
    bool last;    /* the server said that it closes this connection */
};

void http_init(struct http *h, struct poller *p, const struct http_ops *ops,
               const struct sockaddr_in *to, uint32_t number);
void http_fini(struct http *h);

/* `head` is the request line and headers, each with its CRLF, without Content-Length. */
void http_ask(struct http *h, struct bytes head, struct bytes body);
