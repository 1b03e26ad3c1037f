/* SPDX-License-Identifier: Apache-2.0 */
/* http.h -- HTTP by libmicrohttpd, in our own event loop, with the checks that it leaves to us.
 *
 * The idea    we accept, so that we decide how many; libmicrohttpd reads and writes; a request that
 *             waits for the store or for a message is suspended, and watched by us meanwhile, because
 *             libmicrohttpd sees nothing of a suspended client.
 * Rules       ambiguous requests are refused before anything is done (guard.h): a duplicate of a header
 *             that matters, any Transfer-Encoding, a name that is no token.
 * Limits      settings: body_bytes, header_ms; HEADER_BYTES for the request line and headers.
 * Source      docs/decisions.md "libmicrohttpd"; RFC 9110, 9112. */
#pragma once

#include "lib/buf.h"
#include "session/session.h"

struct MHD_Connection;
struct MHD_Response;

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
    struct key_queue *queue;  /* of its API key, where it is counted while it waits; or NULL */
    char *path;               /* decoded; never holds a NUL */
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

struct http;
struct http *http_new(struct session *s);
void http_free(struct http **slot);
/* Sockets that this process may hold. */
uint32_t http_sockets_max(const struct session *s);

/* New connections go to the other processes, where that can be had; at last nobody is accepted here. */
void http_accept_elsewhere(struct session *s);
void http_accept_stop(struct session *s);

/* A wake of the epoll set that is ours. */
void http_ready(struct session *s, enum wake kind, uint32_t id, uint32_t generation);

/* Let libmicrohttpd do what there is to do; once a turn, last. */
void http_run(struct session *s);
uint64_t http_deadline_ms(const struct session *s);

/* A request, other than a poll, waits for the store. */
bool http_asking(const struct session *s);

/* A client that was accepted has not brought its first request yet. */
bool http_unheard(const struct session *s);

/* Once a second: cut who sends too slowly. */
void http_sweep(struct session *s);

/* What the request says; NULL or empty when it does not. The texts live as long as the request. */
const char *request_header(const struct request *r, const char *name);
struct bytes request_query(const struct request *r, const char *name);

/* The name of each parameter of the query, in their order, until `look` says no: then false. */
bool request_query_each(const struct request *r, bool (*look)(void *about, struct bytes name),
                        void *about);
struct bytes request_cookie(const struct request *r, const char *name);
struct address *request_address(const struct request *r, bool *full); /* addresses.h */

/* Its connection gives up its place among those of its address: what it becomes takes one. */
void request_place_leave(struct request *r);
void request_ip(const struct request *r, uint8_t out[16]); /* the same */
bool request_loopback(const struct request *r);

static inline struct bytes request_body(const struct request *r)
{
    return buf_all(&r->body);
}

static inline struct poll_place *request_place(struct request *r)
{
    return &r->place;
}

/* Answer, once; within the handler or later. `headers`: NULL, or name, value, ..., NULL. */
void http_answer(struct session *s, struct request *r, unsigned status, const char *type,
                 struct bytes body, const char *const *headers);

/* The same with a response that is shared (a page); keeps the caller's reference. */
void http_answer_with(struct session *s, struct request *r, unsigned status,
                      struct MHD_Response *response);

/* The same with one that is this request's own; takes the reference. */
void http_answer_own(struct session *s, struct request *r, unsigned status,
                     struct MHD_Response *response);

/* An answer that has begun waits for its next part, as a request that is asking; and goes on. */
void http_wait(struct session *s, struct request *r);
void http_go_on(struct session *s, struct request *r);

/* A long-poll's JSON body: HTTP 200, open to other origins. */
void http_answer_poll(struct session *s, struct request *r, struct bytes json);

/* application/problem+json; field may be empty. */
void http_problem(struct session *s, struct request *r, unsigned status, const char *field,
                  const char *detail);
