/* SPDX-License-Identifier: Apache-2.0 */
/* request.h -- one HTTP request: what it says, and what it waits for.
 *
 * Shape       libmicrohttpd keeps the headers and the query: asked there, not copied. The body is ours.
 * Limits      settings: header_bytes for the request line and all headers, body_bytes.
 * Owner       http.c makes it and frees it; the texts that it gives live as long as it does.
 * Source      RFC 9110; Forwarded addresses: addresses.h. */
#pragma once

#include "lib/buf.h"
#include "session/session.h"

struct MHD_Connection;
struct MHD_Response;
struct sockaddr;

enum http_method {
    HTTP_GET,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_other
};

/* A request of this method has a body that somebody may take. */
static inline bool http_has_body(enum http_method method)
{
    return method == HTTP_POST || method == HTTP_PUT || method == HTTP_PATCH;
}

/* Where a long-poll waits, so that it can be found when its client leaves. */
struct poll_place {
    struct asks *owner; /* forwarded: to whom; else NULL */
    uint64_t number;
    uint32_t slot;
};

struct request {
    struct session *s;
    struct MHD_Connection *mhd;
    struct http_peer *from;
    struct key_queue *queue; /* of its API key, held: it is counted there while it waits; or NULL */
    char *path;              /* decoded; never holds a NUL */
    struct bytes topic, rest; /* parts of the path, where its route has them */
    enum http_method method;
    unsigned scope;    /* enum scope: what a key must have for its route */
    const char *query; /* names that its route knows in the query; NULL: none */
    bool head;
    bool old; /* HTTP/1.0 */
    struct buf body;
    struct MHD_Response *response; /* once answered */
    unsigned status;
    bool suspended, refused;
    bool shared; /* the response is a page's: not ours to destroy */
    bool poll;   /* its client's leaving is told to longpoll_left() */
    struct poll_place place;
    uint32_t id, generation;   /* while watched */
    struct entrance *entrance; /* a client that connects: entrance.h */
    struct who *who; /* who asks, as its headers said in the turn of who_ms; NULL: not looked at */
    uint64_t who_ms;
};

/* What the request says; NULL or empty when it does not; of a parameter without a value empty, and not NULL. The texts live as long as the request. */
const char *request_header(const struct request *r, const char *name);
struct bytes request_query(const struct request *r, const char *name);

/* The name of each parameter of the query, in their order, until `look` says no: then false. */
bool request_query_each(const struct request *r, bool (*look)(void *about, struct bytes name),
                        void *about);
struct bytes request_cookie(const struct request *r, const char *name);
struct address *request_address(const struct request *r, bool *full); /* addresses.h */
void request_ip(const struct request *r, uint8_t out[16]);            /* the same */
bool request_loopback(const struct request *r);

static inline struct bytes request_body(const struct request *r)
{
    return buf_all(&r->body);
}

static inline struct poll_place *request_place(struct request *r)
{
    return &r->place;
}

/* Who is at the other end of its connection, a proxy or a client; NULL: nobody any more. */
const struct sockaddr *peer_of(struct MHD_Connection *mhd);
