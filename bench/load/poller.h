/* SPDX-License-Identifier: Apache-2.0 */
/* poller.h -- the one wait of the load generator: epoll, edge-triggered, woken to the microsecond.
 *
 * A mode is a loop around poller_turn(): it says when it wants to act next, and acts. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { POLLER_READ = 256 * 1024 };

/* Something with a descriptor; the first member of what owns it. -1 is closed. */
struct source {
    int fd;
    void (*ready)(struct source *s, uint32_t events);
};

struct poller {
    int epoll;
    uint64_t now_ns;        /* when this turn began */
    char read[POLLER_READ]; /* what any source reads into, good until it returns */
};

struct poller *poller_new(void);
void poller_free(struct poller **slot);

void poller_add(struct poller *p, struct source *s);

/* Hear no more of it, and leave unread what comes. */
void poller_mute(struct poller *p, struct source *s);

/* Wait until something is ready or `wake_ns` has come, and let whatever is ready run. */
void poller_turn(struct poller *p, uint64_t wake_ns);
