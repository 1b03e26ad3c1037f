/* SPDX-License-Identifier: Apache-2.0 */
/* http.h -- HTTP by libmicrohttpd, in our own event loop, with the checks that it leaves to us.
 *
 * The idea    we accept, so that we decide how many; libmicrohttpd reads and writes; a request that
 *             waits for the store or for a message is suspended, and watched by us meanwhile, because
 *             libmicrohttpd sees nothing of a suspended client.
 * Rules       ambiguous requests are refused before anything is done (guard.h): a duplicate of a header
 *             that matters, any Transfer-Encoding, a name that is no token.
 * Limits      settings: header_ms for what is too slow; request.h has those of size.
 * Source      docs/decisions.md "libmicrohttpd"; RFC 9110, 9112. */
#pragma once

#include "session/http/answer.h"
#include "session/http/request.h"
#include "session/session.h"

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

/* Its connection gives up its place among those of its address: what it becomes takes one. */
void request_place_leave(struct request *r);

/* An answer that has begun waits for its next part, as a request that is asking; and goes on. */
void http_wait(struct session *s, struct request *r);
void http_go_on(struct session *s, struct request *r);
