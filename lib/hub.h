/* SPDX-License-Identifier: Apache-2.0 */
/* hub.h -- our end towards processes that ask: a ROUTER whose answers of a turn leave together.
 *
 * Shape   hub_read() gives a message and who sent it; hub_out() is that peer's buffer for this
 *         turn; hub_flush() sends each peer one message.
 * Limits  HUB_PEERS with something to be sent in one turn. `out_max`: bytes of the largest answer, which
 *         always has room; a longer one is dropped whole. A peer that has gone, or reads nothing (HWM),
 *         loses its answers: whoever asks has a deadline.
 * Owner   one thread. */
#pragma once

#include "lib/sock.h"

enum { HUB_PEERS = 256 };

struct hub_peer {
    uint8_t n;
    uint8_t id[15];
};

struct hub {
    void *router;
    size_t out_max;
    unsigned waiting;
    uint64_t dropped; /* messages that a peer did not get */
    struct hub_out {
        struct hub_peer peer;
        struct buf out;
    } outs[HUB_PEERS];
};

void hub_open(struct hub *h, void *ctx, const char *endpoint, size_t out_max);
void hub_close(struct hub *h);

static inline bool hub_same(const struct hub_peer *a, const struct hub_peer *b)
{
    return a->n == b->n && memcmp(a->id, b->id, a->n) == 0;
}

bool hub_read(struct hub *h, struct hub_peer *from, zmq_msg_t *msg);

/* Sends this peer's share at once when it is over half of out_max. Never NULL. */
struct buf *hub_out(struct hub *h, const struct hub_peer *to);
void hub_flush(struct hub *h);
