/* SPDX-License-Identifier: Apache-2.0 */
#include "session/socket/output.h"

#include "lib/ensure.h"
#include "session/live/live.h"
#include "session/socket/longpoll.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    OUTPUT_FIRST = 16,    /* frames that a queue has room for at first */
    OUTPUT_FRAMES = 4096, /* and at most */
    FLUSH_PIECES = 64,    /* of one sendmsg() */
};

static struct output *output_new(struct conns *all)
{
    struct output *out = all->spare;
    all->spare = NULL;
    if (!out) {
        out = malloc(sizeof *out + OUTPUT_FIRST * sizeof *out->ring);
        ENSURE(out != NULL);
        out->cap = OUTPUT_FIRST;
    }
    out->first = out->n = 0;
    return out;
}

static void output_free(struct conns *all, struct conn *c)
{
    if (!all->spare && c->out->cap == OUTPUT_FIRST)
        all->spare = c->out;
    else
        free(c->out);
    c->out = NULL;
}

static struct output *output_grow(struct output *out)
{
    struct output *more = malloc(sizeof *more + 2 * out->cap * sizeof *more->ring);
    ENSURE(more != NULL);
    for (uint32_t i = 0; i < out->n; i++)
        more->ring[i] = out->ring[(out->first + i) & (out->cap - 1)];
    more->first = 0;
    more->n = out->n;
    more->cap = 2 * out->cap;
    free(out);
    return more;
}

unsigned conn_waiting(const struct conn *c)
{
    return (c->first != NULL) + (c->out ? c->out->n : 0);
}

struct frame *conn_waiting_at(const struct conn *c, unsigned i)
{
    ENSURE(i < conn_waiting(c));
    return i == 0 ? c->first : c->out->ring[(c->out->first + i - 1) & (c->out->cap - 1)];
}

void conn_written(struct conn *c, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (conn_waiting_at(c, i)->mark > c->shown)
            c->shown = conn_waiting_at(c, i)->mark;
}

void conn_forget(struct session *s, struct conn *c, unsigned n)
{
    ENSURE(n <= conn_waiting(c));
    for (; n > 0; n--) {
        c->out_bytes -= c->first->n;
        c->out_at = 0;
        frame_unref(&c->first);
        if (c->out) {
            c->first = c->out->ring[c->out->first++ & (c->out->cap - 1)];
            c->out->n--;
        }
        if (c->out && c->out->n == 0)
            output_free(s->conns, c);
    }
}

static void mark_dirty(struct session *s, struct conn *c)
{
    if (!c->dirty) {
        ENSURE(s->conns->dirty_n < 2 * (size_t)s->conns->max);
        c->dirty = true;
        s->conns->dirty_ids[s->conns->dirty_n++] = c->id;
    }
}

static void queue(struct session *s, struct conn *c, struct frame *f)
{
    if (!c->out)
        c->out = output_new(s->conns);
    if (c->out->n == c->out->cap)
        c->out = output_grow(c->out);
    c->out->ring[(c->out->first + c->out->n++) & (c->out->cap - 1)] = f;
}

void output_append(struct session *s, struct conn *c, struct frame *f)
{
    if (c->first)
        queue(s, c, f);
    else
        c->first = f; /* most turns have one for each: it takes no queue */
    c->out_bytes += f->n;
    count_one(s, COUNT_frames_out);
    mark_dirty(s, c);
}

void conn_send_part(struct session *s, struct conn *c, struct frame *f)
{
    if (!conn_open(c)) {
        frame_unref(&f);
        return;
    }
    output_append(s, c, f);
    if (!c->congested &&
        (c->out_bytes > s->settings->output_bytes || conn_waiting(c) > OUTPUT_FRAMES / 2)) {
        c->congested = true;
        count_one(s, COUNT_behind);
    }
}

/* What waits behind the frame that is its turn: one page may be larger than all that may wait. */
static uint64_t queued(const struct conn *c)
{
    return conn_waiting(c) > 0 ? c->out_bytes - conn_waiting_at(c, 0)->n : 0;
}

void conn_send(struct session *s, struct conn *c, struct frame *f)
{
    uint64_t hard = 4 * s->settings->output_bytes;
    if (conn_open(c) && (queued(c) > hard || conn_waiting(c) >= OUTPUT_FRAMES))
        conn_close(s, c, CLOSE_slow_reader); /* only replies get here: the views have stopped */
    conn_send_part(s, c, f);
}

void output_forget_unsent(struct session *s, struct conn *c)
{
    struct frame *half = c->out_at > 0 ? frame_ref(c->first) : NULL;
    uint32_t at = c->out_at;
    conn_forget(s, c, conn_waiting(c));
    c->first = half;
    c->out_at = at;
    c->out_bytes = half ? half->n : 0;
}

static void watch_writable(struct session *s, struct conn *c, bool on)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP | (on ? EPOLLOUT : 0),
                             .data.u64 = wake_pack(WAKE_websocket, c->generation, c->id)};
    ENSURE(epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &ev) == 0);
    c->blocked_ms = on ? s->now_ms : 0;
}

/* `n` bytes are written: forget the frames that are whole. */
static void written(struct session *s, struct conn *c, size_t n)
{
    unsigned whole = 0;
    size_t at = c->out_at + n;
    while (whole < conn_waiting(c) && at >= conn_waiting_at(c, whole)->n)
        at -= conn_waiting_at(c, whole++)->n;
    conn_written(c, whole);
    conn_forget(s, c, whole);
    c->out_at = (uint32_t)at;
    if (c->blocked_ms > 0)
        c->blocked_ms = s->now_ms; /* slow, but it takes something */
    count_one(s, COUNT_flushes);
    count_add(s, COUNT_bytes_out, n);
}

/* One write of what waits. A frame alone is not gathered. */
static ssize_t write_some(const struct conn *c)
{
    if (!c->out)
        return send(c->fd, c->first->p + c->out_at, c->first->n - c->out_at,
                    MSG_NOSIGNAL | MSG_DONTWAIT);
    struct iovec pieces[FLUSH_PIECES];
    unsigned count = conn_waiting(c) < FLUSH_PIECES ? conn_waiting(c) : FLUSH_PIECES;
    for (unsigned i = 0; i < count; i++) {
        struct frame *f = conn_waiting_at(c, i);
        size_t skip = i == 0 ? c->out_at : 0;
        pieces[i] = (struct iovec){f->p + skip, f->n - skip};
    }
    struct msghdr msg = {.msg_iov = pieces, .msg_iovlen = count};
    return sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* False when there is no more to do now. */
static bool flush_some(struct session *s, struct conn *c)
{
    ssize_t n = write_some(c);
    if (n < 0) {
        if (errno == EINTR)
            return true;
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS)
            conn_drop(s, c, CLOSE_gone);
        else if (c->blocked_ms == 0)
            watch_writable(s, c, true);
        return false;
    }
    written(s, c, (size_t)n);
    return true;
}

static void flush(struct session *s, struct conn *c)
{
    while (c->first && flush_some(s, c))
        ;
    if (c->kind == CONN_free || conn_waiting(c) > 0)
        return;
    if (c->blocked_ms > 0)
        watch_writable(s, c, false);
    if (c->closing && !c->shut) {
        c->shut = true;
        shutdown(c->fd, SHUT_WR); /* the client's own end frees the slot, or the sweep does */
    }
    if (c->congested && conn_open(c)) {
        c->congested = false;
        live_drained(s, c);
    }
}

void conn_writable(struct session *s, struct conn *c)
{
    flush(s, c);
}

void conns_flush(struct session *s)
{
    struct conns *all = s->conns;
    /* What drained() sends lands on the list's end and is written in this same pass. */
    for (uint32_t i = 0; i < all->dirty_n; i++) {
        struct conn *c = &all->slots[all->dirty_ids[i]];
        c->dirty = false;
        if (c->kind == CONN_free)
            all->free_ids[all->free_n++] = c->id;
        else if (c->kind == CONN_longpoll)
            longpoll_flush(s, c);
        else if (c->blocked_ms == 0)
            flush(s, c);
    }
    all->dirty_n = 0;
}
