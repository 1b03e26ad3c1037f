/* SPDX-License-Identifier: Apache-2.0 */
/* conn.h -- a TCP connection of a client: opened from an address of our choosing, read, written.
 *
 * Shape   embedded in what speaks a protocol over it, as its first member. Nothing is read ahead:
 *         `arrived` is given bytes where they lie, and only an unfinished rest is kept.
 * Source  feasibility: at most about 8,000 connections from one address to one destination, and
 *         IP_BIND_ADDRESS_NO_PORT, or connect() searches for a port. */
#pragma once

#include "bench/load/poller.h"
#include "lib/buf.h"

#include <netinet/in.h>

enum { CONN_PER_ADDRESS = 8000 };

struct conn;
struct conn_ops {
    void (*opened)(struct conn *c);

    /* Gives how many of the bytes it has done with; the others come again with more behind them. */
    size_t (*arrived)(struct conn *c, struct bytes bytes);

    /* Not told of our own conn_close(). The connection is closed already. */
    void (*gone)(struct conn *c, const char *why);
};

struct conn {
    struct source source; /* first */
    struct poller *poller;
    const struct conn_ops *ops;
    struct buf in, out;
    bool open;
};

/* The `number`th connection of this program decides the source address. May be used again after it
 * was closed. */
void conn_open(struct conn *c, struct poller *p, const struct conn_ops *ops,
               const struct sockaddr_in *to, uint32_t number);
void conn_close(struct conn *c);

/* Where `what` begins in the bytes, NULL when it is not in them. */
const char *bytes_find(struct bytes in, struct bytes what);

/* Send c->out; what the kernel does not take goes when it can. */
void conn_flush(struct conn *c);
