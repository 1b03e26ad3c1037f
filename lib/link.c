/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/link.h"

#include "lib/ensure.h"

#include <stdio.h>

enum { LINK_HIGH_WATER = 1000 };

void link_open(struct link *l, void *ctx, const char *endpoint, size_t out_max)
{
    *l = (struct link){0};
    buf_init(&l->out, out_max);
    l->dealer = sock_new(ctx, ZMQ_DEALER, LINK_HIGH_WATER);
    sock_set(l->dealer, ZMQ_IMMEDIATE, 1); /* queue for a peer that is there, for nobody else */
    char watch[64];
    snprintf(watch, sizeof watch, "inproc://link-%p", l->dealer);
    int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED;
    ENSURE(zmq_socket_monitor(l->dealer, watch, events) == 0);
    l->monitor = sock_new(ctx, ZMQ_PAIR, LINK_HIGH_WATER);
    ENSURE(zmq_connect(l->monitor, watch) == 0);
    sock_connect(l->dealer, endpoint);
}

void link_close(struct link *l)
{
    zmq_socket_monitor(l->dealer, NULL, 0);
    zmq_close(l->monitor);
    zmq_close(l->dealer);
    buf_fini(&l->out);
    *l = (struct link){0};
}

void link_poll(const struct link *l, zmq_pollitem_t on[LINK_POLL])
{
    on[0] = (zmq_pollitem_t){.socket = l->dealer, .events = ZMQ_POLLIN};
    on[1] = (zmq_pollitem_t){.socket = l->monitor, .events = ZMQ_POLLIN};
}

/* A monitor's event: 16 bits of event, 32 of value; then a part with the endpoint. */
enum link_change link_change(struct link *l)
{
    enum link_change change = LINK_same;
    zmq_msg_t part;
    zmq_msg_init(&part);
    while (change == LINK_same && sock_read(l->monitor, &part)) {
        uint16_t event = 0;
        ENSURE(zmq_msg_size(&part) >= sizeof event);
        memcpy(&event, zmq_msg_data(&part), sizeof event);
        if (zmq_msg_more(&part))
            ENSURE(sock_read(l->monitor, &part));
        bool up = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        if (up == l->up)
            continue;
        l->up = up;
        buf_reset(&l->out);
        change = up ? LINK_up : LINK_down;
    }
    zmq_msg_close(&part);
    return change;
}

enum err link_flush(struct link *l)
{
    if (!l->up) {
        buf_reset(&l->out);
        return ERR_UNKNOWN;
    }
    if (l->out.n == 0)
        return ERR_OK;
    if (!sock_send(l->dealer, buf_all(&l->out), 0))
        return ERR_LATER;
    buf_reset(&l->out);
    return ERR_OK;
}

bool link_read(struct link *l, zmq_msg_t *msg)
{
    return sock_read(l->dealer, msg);
}
