/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/hub.h"

#include "lib/ensure.h"

enum { HUB_HIGH_WATER = 10000 };

void hub_open(struct hub *h, void *ctx, const char *endpoint, size_t out_max)
{
    *h = (struct hub){.out_max = out_max};
    h->router = sock_new(ctx, ZMQ_ROUTER, HUB_HIGH_WATER);
    sock_set(h->router, ZMQ_ROUTER_MANDATORY, 1); /* tell us when a peer gets nothing */
    sock_bind(h->router, endpoint);
}

void hub_close(struct hub *h)
{
    for (unsigned i = 0; i < HUB_PEERS; i++)
        buf_fini(&h->outs[i].out);
    zmq_close(h->router);
    h->router = NULL;
}

bool hub_read(struct hub *h, struct hub_peer *from, zmq_msg_t *msg)
{
    while (sock_read(h->router, msg)) {
        struct bytes id = sock_bytes(msg);
        bool known = id.n > 0 && id.n <= sizeof from->id && zmq_msg_more(msg);
        if (known) {
            from->n = (uint8_t)id.n;
            memcpy(from->id, id.p, id.n);
        }
        while (zmq_msg_more(msg)) /* a message of ours has one part behind the identity */
            ENSURE(sock_read(h->router, msg));
        if (known)
            return true;
    }
    return false;
}

static void send_out(struct hub *h, struct hub_out *o)
{
    if (o->out.overflowed)
        h->dropped++;
    if (o->out.n > 0) {
        struct bytes id = {(const char *)o->peer.id, o->peer.n};
        if (!sock_send(h->router, id, ZMQ_SNDMORE) || !sock_send(h->router, buf_all(&o->out), 0))
            h->dropped++;
    }
    buf_reset(&o->out);
}

struct buf *hub_out(struct hub *h, const struct hub_peer *to)
{
    for (unsigned i = 0; i < h->waiting; i++) {
        struct hub_out *o = &h->outs[i];
        if (!hub_same(&o->peer, to))
            continue;
        if (o->out.n > h->out_max / 2)
            send_out(h, o);
        return &o->out;
    }
    if (h->waiting == HUB_PEERS)
        hub_flush(h);
    struct hub_out *o = &h->outs[h->waiting++];
    if (o->out.max == 0) /* what is not over half of out_max, and a message of out_max behind it */
        buf_init(&o->out, h->out_max / 2 + h->out_max);
    o->peer = *to;
    return &o->out;
}

void hub_flush(struct hub *h)
{
    for (unsigned i = 0; i < h->waiting; i++)
        send_out(h, &h->outs[i]);
    h->waiting = 0;
}
