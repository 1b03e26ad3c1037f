/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/bus.h"

#include "lib/ensure.h"
#include "proto/messages.h"
#include "proto/topic.h"

enum { CONFIRM_NAME_MAX = 64, LAST_MS = 200 };

void bus_open(struct bus *b, void *ctx, const char *in, const char *out, int queue)
{
    *b = (struct bus){0};
    b->out = sock_new(ctx, ZMQ_XPUB, queue);
    sock_set(b->out, ZMQ_RCVHWM, 0);
    sock_set(b->out, ZMQ_XPUB_VERBOSE, 1); /* a name may be confirmed again after a reconnect */
    b->in = sock_new(ctx, ZMQ_XSUB, queue);
    /* Kept by the XSUB and said to every publisher that comes. */
    ENSURE(sock_send(b->in, BYTES("\x01"), 0));
    /* Subscribers first: what a publisher sends at once should find them. */
    sock_bind(b->out, out);
    sock_bind(b->in, in);
}

void bus_close(struct bus *b)
{
    sock_set(b->out, ZMQ_LINGER, LAST_MS);
    zmq_close(b->in);
    zmq_close(b->out);
    *b = (struct bus){0};
}

static void confirm(struct bus *b, struct bytes key)
{
    struct bytes name = {key.p + 1, key.n - 1};
    if (name.n > CONFIRM_NAME_MAX)
        return; /* not one of ours: it will wait in vain */
    char room[2 * CONFIRM_NAME_MAX + 16];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_bytes(&out, key);
    msg_write(&out, &(struct msg){.id = MSG_confirmed, .confirmed = {.name = name}});
    ENSURE(!out.overflowed);
    sock_send(b->out, buf_all(&out), 0);
    b->count[COUNT_confirmed].value++;
}

/* 1 or 0, then the key. */
static void subscription(struct bus *b, struct bytes said)
{
    if (said.n == 0)
        return;
    if (said.p[0] == 0) {
        b->count[COUNT_unsubscribes].value++;
        return;
    }
    b->count[COUNT_subscribes].value++;
    struct bytes key = {said.p + 1, said.n - 1};
    if (key.n > 1 && key.p[0] == BUS_CONFIRM)
        confirm(b, key);
}

bool bus_run(struct bus *b, unsigned budget)
{
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    while (sock_read(b->out, &msg))
        subscription(b, sock_bytes(&msg));
    unsigned done = 0;
    while (done < budget && sock_read(b->in, &msg)) {
        done++;
        b->count[COUNT_messages].value++;
        b->count[COUNT_message_bytes].value += zmq_msg_size(&msg);
        int more = zmq_msg_more(&msg) ? ZMQ_SNDMORE : 0;
        /* An XPUB is never busy: a subscriber that is behind loses the message, nobody else. */
        ENSURE(zmq_msg_send(&msg, b->out, ZMQ_DONTWAIT | more) >= 0);
    }
    zmq_msg_close(&msg);
    return done == budget;
}
