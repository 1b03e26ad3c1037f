/* SPDX-License-Identifier: Apache-2.0 */
#include "session/socket/websocket.h"

#include "lib/ensure.h"
#include "lib/log.h"
#include "session/live/channel.h"
#include "session/socket/phoenix.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wslay/wslay.h>

enum { READ_SIZE = 65536, RECEIVERS_SPARE = 64, READS_PER_TURN = 4, FRAGMENTS_MAX = 1000 };

/* A wslay context and where it stands. `debt` counts bytes that were fed and belong to a frame that
 * is not whole yet: at 0, and between messages, the context remembers nothing. */
struct receiver {
    wslay_event_context_ptr ctx;
    struct receiver *next; /* in the pool */
    struct session *s;
    struct conn *c;
    const uint8_t *data;
    size_t n;
    int64_t debt;
    uint64_t frame_size; /* of the frame being read, with its header */
    uint32_t fragments;  /* of the message being read */
    bool data_frame, final, in_fragments;
    enum close_reason broken; /* CLOSE_gone: it is not */
};

struct websockets {
    struct receiver *pool;
    unsigned spare;
    struct buf replies; /* of one read */
    uint8_t buffer[READ_SIZE];
};

struct websockets *websockets_new(struct session *s)
{
    s->websockets = calloc(1, sizeof *s->websockets);
    ENSURE(s->websockets != NULL);
    buf_init(&s->websockets->replies, 2 * READ_SIZE);
    return s->websockets;
}

static void receiver_free(struct receiver *r)
{
    wslay_event_context_free(r->ctx);
    free(r);
}

void websockets_free(struct websockets **slot)
{
    while (*slot && (*slot)->pool) {
        struct receiver *r = (*slot)->pool;
        (*slot)->pool = r->next;
        receiver_free(r);
    }
    if (*slot)
        buf_fini(&(*slot)->replies);
    free(*slot);
    *slot = NULL;
}

static ssize_t feed(wslay_event_context_ptr ctx, uint8_t *to, size_t room, int flags, void *user)
{
    (void)flags;
    struct receiver *r = user;
    if (r->n == 0) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size_t n = r->n < room ? r->n : room;
    memcpy(to, r->data, n);
    r->data += n;
    r->n -= n;
    r->debt += (int64_t)n;
    return (ssize_t)n;
}

static ssize_t reply(wslay_event_context_ptr ctx, const uint8_t *data, size_t n, int flags,
                     void *user)
{
    (void)ctx;
    (void)flags;
    struct receiver *r = user;
    buf_add(&r->s->websockets->replies, data, n);
    return (ssize_t)n;
}

static void frame_begins(wslay_event_context_ptr ctx,
                         const struct wslay_event_on_frame_recv_start_arg *arg, void *user)
{
    (void)ctx;
    struct receiver *r = user;
    uint64_t n = arg->payload_length;
    r->frame_size = n + (n > UINT16_MAX ? 14u : n > 125 ? 8u : 6u); /* 4 of them are the mask */
    r->data_frame = arg->opcode < 8;
    r->fragments = r->in_fragments ? r->fragments + 1 : 0;
    if (r->fragments > FRAGMENTS_MAX) /* wslay keeps a node for each */
        r->broken = CLOSE_fragments;
    r->final = arg->fin != 0;
}

static void frame_ends(wslay_event_context_ptr ctx, void *user)
{
    (void)ctx;
    struct receiver *r = user;
    r->debt -= (int64_t)r->frame_size;
    if (r->data_frame)
        r->in_fragments = !r->final;
}

static void message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *arg,
                    void *user)
{
    (void)ctx;
    struct receiver *r = user;
    struct bytes bytes = {(const char *)arg->msg, arg->msg_length};
    if (!r->c || !conn_open(r->c) || wslay_is_ctrl_frame(arg->opcode))
        return; /* wslay itself answers pings and closes */
    channel_receive(r->s, r->c, bytes, arg->opcode == WSLAY_BINARY_FRAME);
}

static struct receiver *receiver_new(struct session *s)
{
    struct websockets *w = s->websockets;
    struct receiver *r = w->pool;
    if (r) {
        w->pool = r->next;
        w->spare--;
    } else {
        r = calloc(1, sizeof *r);
        ENSURE(r != NULL);
        static const struct wslay_event_callbacks calls = {
            .recv_callback = feed,
            .send_callback = reply,
            .on_frame_recv_start_callback = frame_begins,
            .on_frame_recv_end_callback = frame_ends,
            .on_msg_recv_callback = message,
        };
        ENSURE(wslay_event_context_server_init(&r->ctx, &calls, r) == 0);
        wslay_event_config_set_max_recv_msg_length(r->ctx, s->settings->message_bytes);
    }
    r->s = s;
    return r;
}

static bool clean(const struct receiver *r)
{
    return r->debt == 0 && !r->in_fragments && !r->broken && !wslay_event_want_write(r->ctx) &&
           wslay_event_get_read_enabled(r->ctx) && !wslay_event_get_close_received(r->ctx) &&
           !wslay_event_get_close_sent(r->ctx);
}

static void receiver_put(struct websockets *w, struct receiver *r)
{
    if (!clean(r) || w->spare == RECEIVERS_SPARE) {
        receiver_free(r);
        return;
    }
    r->next = w->pool;
    w->pool = r;
    w->spare++;
}

void websocket_forget(struct session *s, struct conn *c)
{
    struct receiver *r = c->receiver;
    c->receiver = NULL;
    if (r && r->c == c && r->data != NULL)
        r->c = NULL; /* in the middle of take(): it frees the receiver */
    else if (r)
        receiver_free(r);
    (void)s;
}

/* The client was wrong: the last frame is wslay's close, of a code or, where a control frame or a length is
 * malformed, of none. Ours in its place. */
static void close_in_its_place(struct session *s, struct conn *c, struct receiver *r)
{
    struct buf *replies = &s->websockets->replies;
    uint16_t code = wslay_event_get_status_code_sent(r->ctx);
    bool none = code == WSLAY_CODE_NO_STATUS_RCVD;
    size_t n = none ? 2 : 4;
    if (replies->n > n) { /* pongs before it */
        buf_cut(replies, replies->n - n);
        conn_send(s, c, frame_copy(buf_all(replies)));
    }
    enum close_reason reason = code == WSLAY_CODE_MESSAGE_TOO_BIG ? CLOSE_too_large
                                                                  : CLOSE_protocol;
    conn_close_with(s, c, reason, conn_goodbye(reason, none ? WSLAY_CODE_PROTOCOL_ERROR : code));
}

/* What wslay wants sent: pongs, and a close in answer to the client's, or to what it did wrong. */
static void answer(struct session *s, struct conn *c, struct receiver *r)
{
    struct buf *replies = &s->websockets->replies;
    if (!wslay_event_want_write(r->ctx))
        return;
    buf_reset(replies);
    if (wslay_event_send(r->ctx) != 0 || replies->overflowed)
        r->broken = CLOSE_protocol;
    if (!wslay_event_get_close_sent(r->ctx))
        conn_send(s, c, frame_copy(buf_all(replies)));
    else if (wslay_event_get_close_received(r->ctx))
        conn_close_with(s, c, CLOSE_gone, frame_copy(buf_all(replies)));
    else
        close_in_its_place(s, c, r);
}

/* Bytes from the client, all of them used up. May close the connection. */
static void take(struct session *s, struct conn *c, const uint8_t *data, size_t n)
{
    struct receiver *r = c->receiver ? c->receiver : receiver_new(s);
    c->receiver = r;
    r->c = c;
    r->data = data;
    r->n = n;
    if (wslay_event_recv(r->ctx) != 0)
        r->broken = CLOSE_protocol;
    r->data = NULL;
    if (!r->c) { /* the connection went while we read */
        receiver_free(r);
        return;
    }
    answer(s, c, r);
    if (conn_open(c) && (r->broken || !wslay_event_get_read_enabled(r->ctx)))
        conn_close(s, c, r->broken ? r->broken : CLOSE_protocol);
    if (c->kind != CONN_free && clean(r)) {
        c->receiver = NULL;
        receiver_put(s->websockets, r);
    }
}

void websocket_adopt(struct session *s, int fd, const struct hello *hello, struct bytes extra)
{
    struct conn *c = conn_new(s, CONN_websocket, fd, hello);
    if (!c) {
        count_one(s, COUNT_refused_full);
        close(fd);
        return;
    }
    struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP,
                             .data.u64 = wake_pack(WAKE_websocket, c->generation, c->id)};
    if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) != 0) {
        log_line("session.epoll error=\"%s\"", strerror(errno));
        conn_drop(s, c, CLOSE_gone);
        return;
    }
    count_one(s, COUNT_upgrades);
    if (extra.n > 0)
        take(s, c, (const uint8_t *)extra.p, extra.n);
}

void websocket_ready(struct session *s, struct conn *c, uint32_t events)
{
    if (events & EPOLLOUT)
        conn_writable(s, c);
    for (int turn = 0; turn < READS_PER_TURN && c->kind == CONN_websocket; turn++) {
        uint32_t generation = c->generation;
        ssize_t n = recv(c->fd, s->websockets->buffer, READ_SIZE, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            conn_drop(s, c, CLOSE_gone);
            return;
        }
        if (n < 0)
            return;
        if (c->closing)
            continue; /* only its end is of interest */
        c->heard_ms = s->now_ms;
        take(s, c, s->websockets->buffer, (size_t)n);
        if (c->generation != generation || n < READ_SIZE)
            return; /* level-triggered: more wakes us again */
    }
}
