/* SPDX-License-Identifier: Apache-2.0 */
/* client.h -- requests by HTTP, many at a time, none of which anybody waits for: libcurl's multi
 * interface, its sockets in an epoll set of ours that the loop waits on.
 *
 * Rules   http and https only; no redirect is followed, no proxy of the environment used, no more of
 *         an answer taken than said; certificates must lead to hook/ca, or the system's.
 * Source  libcurl-multi(3), CURLMOPT_SOCKETFUNCTION(3), CURLMOPT_TIMERFUNCTION(3). */
#pragma once

#include "lib/buf.h"

struct client;

/* What came of a call: status 0 when none did, and `why`; `late` when it took too long. */
struct call_end {
    long status;
    const char *why;
    bool late;
    struct bytes body;
    const char *etag; /* as the header said it, or empty */
};

struct call {
    const char *url;
    const char *key;    /* Authorization: Bearer, or NULL */
    const char *etag;   /* If-None-Match, or empty */
    struct bytes json;  /* POSTed; empty: a GET */
    size_t body_max;    /* of the answer */
    uint64_t within_ms; /* all of it */
    void (*done)(void *about, const struct call_end *end);
    void *about;
};

/* `ca`: a file, or empty. At most `connections` are kept open. */
struct client *client_new(const char *ca, unsigned connections);
void client_free(struct client **slot); /* calls under way end without a word */

int client_fd(const struct client *c);
void client_begin(struct client *c, const struct call *call);
void client_turn(struct client *c, uint64_t now_ms); /* calls done() of those that ended */
uint64_t client_deadline_ms(const struct client *c);
