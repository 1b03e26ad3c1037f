/* SPDX-License-Identifier: Apache-2.0 */
/* asks.h -- requests to another process, and who waits for their answers.
 *
 * The idea    a request has a number and a deadline. It is kept until it is answered: when the peer
 *             comes back after being away, what is safe to repeat is asked again, and the rest is
 *             answered with UNKNOWN, as nobody can know whether it was done.
 * Limits      ASKS_MAX waiting, or what asks_most() says; more are answered LATER at once.
 * Owner       the encoded request is kept here; an answer is borrowed for the call. */
#pragma once

#include "lib/link.h"
#include "proto/messages.h"

enum { ASKS_MAX = 20000, ASKS_TOP = 1000000 };

/* Called exactly once: with the answer (e is its status), or with NULL and why not. */
struct session;
struct ask_waiter {
    void (*done)(struct ask_waiter w, const struct msg *answer, enum err e);
    struct session *s;
    void *about;  /* the waiter's own; it cancels before this goes */
    uint64_t tag; /* the waiter's own */
};

struct asks;

struct asks *asks_new(void *zmq, const char *endpoint, uint64_t *count_asked,
                      uint64_t *count_failed);
void asks_most(struct asks *a, uint64_t most); /* up to ASKS_TOP */
void asks_free(struct asks **slot);            /* all waiters get UNKNOWN */

/* Sets m's req and ttl_ms. `again`: doing it twice does no harm. Gives the request's number; 0: too many
 * wait, and the waiter has been told already. */
uint64_t ask(struct asks *a, struct msg *m, uint64_t now_ms, uint64_t ttl_ms, bool again,
             struct ask_waiter w);

/* The waiter is not called any more. Unknown numbers are fine. */
void ask_cancel(struct asks *a, uint64_t number);

/* A message that nobody answers. Lost when the peer is away. */
void ask_tell(struct asks *a, const struct msg *m);

bool asks_up(const struct asks *a);
void asks_poll(const struct asks *a, zmq_pollitem_t on[LINK_POLL]);

/* One turn: answers, comings and goings, deadlines. */
void asks_read(struct asks *a, uint64_t now_ms);
uint64_t asks_deadline_ms(const struct asks *a);

/* The end of a turn: send what gathered. */
void asks_flush(struct asks *a);
