/* SPDX-License-Identifier: Apache-2.0 */
/* link.h -- our end towards one process that answers: a DEALER that knows when its peer is there.
 *
 * The idea: messages of a turn gather in one buffer and leave as one ZeroMQ message. While the peer
 * is away nothing is kept: what was asked is lost, and whoever asked asks again on LINK_up.
 *
 * Shape   append encoded messages to link_out(), link_flush() once a turn.
 * Limits  `out_max` bytes a turn; HWM 1,000 turns. When link_flush() says LATER the peer is behind:
 *         the bytes stay for the next turn, and link_out()->overflowed tells that no more fit.
 * Owner   one thread. Not copied after link_open(). */
#pragma once

#include "lib/err.h"
#include "lib/sock.h"

enum link_change { LINK_same, LINK_up, LINK_down };

struct link {
    void *dealer, *monitor;
    struct buf out;
    bool up;
};

void link_open(struct link *l, void *ctx, const char *endpoint, size_t out_max);
void link_close(struct link *l);

enum { LINK_POLL = 2 };
/* Write the two things to wait on. */
void link_poll(const struct link *l, zmq_pollitem_t on[LINK_POLL]);

/* What happened since the last call; call until LINK_same. After down and up, both are told. */
enum link_change link_change(struct link *l);

static inline struct buf *link_out(struct link *l)
{
    return &l->out;
}

/* Send what gathered. OK, LATER (kept), or UNKNOWN when the peer is away (dropped). */
enum err link_flush(struct link *l);

/* The next message from the peer, into an initialised msg. */
bool link_read(struct link *l, zmq_msg_t *msg);
