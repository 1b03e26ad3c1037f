/* SPDX-License-Identifier: Apache-2.0 */
/* streams.c -- the kernel's TCP between clients and a session process.
 *
 * The supervisor holds the listening sockets: whoever connects while a process is dead waits in the
 * backlog until it is back. What a process had accepted is reset when it dies.
 * A WebSocket is real from its handshake on: frames, masks, wslay, send() with a socket that may
 * take only a part. */
#include "lib/ensure.h"
#include "session/auth/revoked.h"
#include "session/socket/websocket.h"
#include "tests/sim/front.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { FD_FIRST = 1000, EPOLL_FIRST = 900, WINDOW = 48 * 1024 };

struct chunk {
    struct chunk *next;
    uint64_t due_us;
    size_t n, at;
    char bytes[];
};

struct lane { /* one direction */
    struct chunk *first, **last;
    size_t bytes;
    uint64_t last_us;
    bool over; /* behind what is under way: the end */
    uint64_t over_us;
};

struct stream {
    bool used, accepted, client_gone, server_gone, stalled;
    unsigned client, session;
    uint64_t hello_us; /* the handshake arrives */
    uint64_t iat_s;    /* when its token was made */
    char user[16];
    struct lane up, down;
    struct epoll_event watch;
    bool watched;
    struct buf seen; /* by the client: bytes that are no whole message yet */
    struct dice dice;
};

static struct {
    struct stream streams[STREAMS_MAX];
    unsigned n; /* none is taken from there on */
    uint64_t opened;
} net;

uint64_t front_later(struct dice *d)
{
    return sim.now_us + roll_between(d, 100, 900);
}

/* ---- lanes */

static void lane_put(struct lane *l, const void *p, size_t n, uint64_t due_us)
{
    struct chunk *c = malloc(sizeof *c + n);
    ENSURE(c != NULL);
    if (due_us <= l->last_us)
        due_us = l->last_us + 1;
    *c = (struct chunk){.due_us = due_us, .n = n};
    memcpy(c->bytes, p, n);
    if (!l->first)
        l->last = &l->first;
    *l->last = c;
    l->last = &c->next;
    l->bytes += n;
    l->last_us = due_us;
}

static void lane_end(struct lane *l, uint64_t due_us)
{
    if (l->over)
        return;
    l->over = true;
    l->over_us = due_us > l->last_us ? due_us : l->last_us + 1;
}

/* Up to n bytes that have arrived; 0: none now, or none any more. */
static size_t lane_take(struct lane *l, void *p, size_t n)
{
    struct chunk *c = l->first;
    if (!c || c->due_us > sim.now_us)
        return 0;
    size_t most = c->n - c->at < n ? c->n - c->at : n;
    memcpy(p, c->bytes + c->at, most);
    c->at += most;
    l->bytes -= most;
    if (c->at == c->n) {
        l->first = c->next;
        free(c);
    }
    return most;
}

static bool lane_over(const struct lane *l)
{
    return l->over && !l->first && l->over_us <= sim.now_us;
}

static uint64_t lane_due_us(const struct lane *l)
{
    if (l->first)
        return l->first->due_us;
    return l->over ? l->over_us : NEVER;
}

static void lane_clear(struct lane *l)
{
    while (l->first) {
        struct chunk *c = l->first;
        l->first = c->next;
        free(c);
    }
    *l = (struct lane){0};
}

/* ---- streams, the client's side */

struct stream *stream_open(unsigned client, unsigned session, const char *user, uint64_t iat_s)
{
    for (unsigned i = 0; i < STREAMS_MAX; i++) {
        struct stream *st = &net.streams[i];
        if (st->used)
            continue;
        if (i >= net.n)
            net.n = i + 1;
        *st = (struct stream){.used = true,
                              .client = client,
                              .session = session,
                              .iat_s = iat_s,
                              .dice = dice_of(7000 + client, net.opened++)};
        strncpy(st->user, user, sizeof st->user - 1);
        st->hello_us = st->up.last_us = front_later(&st->dice);
        buf_init(&st->seen, 8 << 20);
        world_wake(AT_session + session, st->hello_us);
        return st;
    }
    ENSURE(false && "a free stream");
    return NULL;
}

static void stream_free(struct stream *st)
{
    lane_clear(&st->up);
    lane_clear(&st->down);
    buf_fini(&st->seen);
    *st = (struct stream){0};
    while (net.n > 0 && !net.streams[net.n - 1].used)
        net.n--;
}

static void stream_tidy(struct stream *st)
{
    if (st->client_gone && (st->server_gone || !st->accepted))
        stream_free(st);
}

bool stream_send(struct stream *st, const char *text, size_t n)
{
    if (st->server_gone)
        return false;
    char head[14] = {(char)0x81};
    size_t h = 2;
    if (n < 126) {
        head[1] = (char)(0x80 | n);
    } else {
        head[1] = (char)(0x80 | 126);
        head[2] = (char)(n >> 8);
        head[3] = (char)n;
        h = 4;
    }
    h += 4; /* a mask of zeroes */
    uint64_t due_us = front_later(&st->dice);
    lane_put(&st->up, head, h, due_us);
    lane_put(&st->up, text, n, due_us);
    world_wake(AT_session + st->session, st->up.last_us);
    return true;
}

/* A whole frame at the front of what was seen: its payload, or what is left to wait for. */
static bool whole(const struct buf *b, size_t *head, size_t *n)
{
    if (b->n < 2)
        return false;
    const uint8_t *p = (const uint8_t *)b->p;
    *n = p[1] & 0x7f;
    *head = 2;
    if (*n == 126) {
        *head = 4;
        *n = b->n < 4 ? 0 : (size_t)p[2] << 8 | p[3];
    } else if (*n == 127) {
        *head = 10;
        *n = 0;
        for (unsigned i = 2; b->n >= 10 && i < 10; i++)
            *n = *n << 8 | p[i];
    }
    return b->n >= *head && b->n - *head >= *n;
}

bool stream_read(struct stream *st, struct bytes *text, bool *over)
{
    static char room[70000];
    size_t head, n, got;
    *over = false;
    if (st->stalled)
        return false;
    while (!whole(&st->seen, &head, &n)) {
        got = lane_take(&st->down, room, sizeof room);
        buf_add(&st->seen, room, got);
        if (got == 0) {
            *over = lane_over(&st->down);
            return false;
        }
        if (st->watched && st->watch.events & EPOLLOUT)
            world_wake(AT_session + st->session, sim.now_us);
    }
    bool data = (st->seen.p[0] & 0x0f) < 8;
    if (n < sizeof room)
        memcpy(room, st->seen.p + head, n);
    ENSURE(n < sizeof room);
    memmove(st->seen.p, st->seen.p + head + n, st->seen.n - head - n);
    st->seen.n -= head + n;
    *text = (struct bytes){room, data ? n : 0};
    return true;
}

void stream_stall(struct stream *st, bool stalled)
{
    st->stalled = stalled;
}

void stream_close(struct stream **slot)
{
    struct stream *st = *slot;
    *slot = NULL;
    if (!st)
        return;
    st->client_gone = true;
    lane_end(&st->up, front_later(&st->dice));
    world_wake(AT_session + st->session, st->up.over_us);
    if (st->server_gone || (!st->accepted && !world_there(AT_session + st->session)))
        stream_free(st);
}

uint64_t stream_due_us(const struct stream *st)
{
    return st->stalled ? NEVER : lane_due_us(&st->down);
}

/* ---- streams, the process's side: the calls of the kernel */

static struct stream *stream_of(int fd)
{
    unsigned i = (unsigned)(fd - FD_FIRST);
    return fd >= FD_FIRST && i < STREAMS_MAX && net.streams[i].used ? &net.streams[i] : NULL;
}

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker makes these names */
int __wrap_epoll_create1(int flags);
int __wrap_epoll_ctl(int set, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_wait(int set, struct epoll_event *events, int most, int timeout_ms);
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);
int __wrap_shutdown(int fd, int how);
int __real_close(int fd);
int __wrap_close(int fd);
/* NOLINTEND(bugprone-reserved-identifier) */

int __wrap_epoll_create1(int flags)
{
    (void)flags;
    return EPOLL_FIRST + (int)sim.self;
}

int __wrap_epoll_ctl(int set, int op, int fd, struct epoll_event *ev)
{
    struct stream *st = stream_of(fd);
    (void)set;
    ENSURE(st != NULL);
    st->watched = op != EPOLL_CTL_DEL;
    if (ev)
        st->watch = *ev;
    return 0;
}

static uint32_t ready(const struct stream *st)
{
    uint32_t events = 0;
    if (st->up.first ? st->up.first->due_us <= sim.now_us : lane_over(&st->up))
        events |= EPOLLIN;
    if (st->watch.events & EPOLLOUT && (st->down.bytes < WINDOW || st->client_gone))
        events |= EPOLLOUT;
    return events;
}

int __wrap_epoll_wait(int set, struct epoll_event *events, int most, int timeout_ms)
{
    int n = 0;
    (void)timeout_ms;
    for (unsigned i = 0; i < net.n && n < most; i++) {
        const struct stream *st = &net.streams[i];
        if (!st->used || !st->watched || AT_session + (int)st->session != set - EPOLL_FIRST ||
            !ready(st))
            continue;
        events[n] = st->watch;
        events[n++].events = ready(st);
    }
    return n;
}

ssize_t __wrap_recv(int fd, void *p, size_t n, int flags)
{
    struct stream *st = stream_of(fd);
    (void)flags;
    ENSURE(st != NULL);
    size_t got = lane_take(&st->up, p, n);
    if (got > 0)
        return (ssize_t)got;
    if (lane_over(&st->up))
        return 0;
    errno = EAGAIN;
    return -1;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct stream *st = stream_of(fd);
    (void)flags;
    ENSURE(st != NULL);
    if (st->client_gone) {
        errno = EPIPE;
        return -1;
    }
    size_t room = st->down.bytes < WINDOW ? WINDOW - st->down.bytes : 0, sent = 0;
    uint64_t due_us = front_later(&st->dice);
    for (size_t i = 0; i < msg->msg_iovlen && room > 0; i++) {
        size_t n = msg->msg_iov[i].iov_len < room ? msg->msg_iov[i].iov_len : room;
        lane_put(&st->down, msg->msg_iov[i].iov_base, n, due_us);
        room -= n;
        sent += n;
    }
    if (sent > 0)
        return (ssize_t)sent;
    errno = EAGAIN;
    return -1;
}

ssize_t __wrap_send(int fd, const void *p, size_t n, int flags)
{
    struct iovec one = {(void *)(uintptr_t)p, n};
    return __wrap_sendmsg(fd, &(struct msghdr){.msg_iov = &one, .msg_iovlen = 1}, flags);
}

int __wrap_shutdown(int fd, int how)
{
    struct stream *st = stream_of(fd);
    (void)how;
    ENSURE(st != NULL);
    lane_end(&st->down, front_later(&st->dice));
    return 0;
}

int __wrap_close(int fd)
{
    struct stream *st = stream_of(fd);
    if (fd >= EPOLL_FIRST && fd < EPOLL_FIRST + PLACES)
        return 0;
    if (!st)
        return fd >= FD_FIRST ? 0 : __real_close(fd);
    st->watched = false;
    st->server_gone = true;
    lane_end(&st->down, front_later(&st->dice));
    stream_tidy(st);
    return 0;
}

void streams_accept(struct session *s, bool shut)
{
    for (unsigned i = 0; i < net.n; i++) {
        struct stream *st = &net.streams[i];
        if (!st->used || st->accepted || st->session != s->index || st->hello_us > sim.now_us)
            continue;
        if (shut || !revoked_open(s))
            continue; /* it waits in the backlog: for the process after this one, if it is shut */
        st->accepted = true;
        struct hello hello = {.user = bytes_of(st->user),
                              .token_exp_s = UINT32_MAX,
                              .token_iat_s = st->iat_s,
                              .vsn = 2};
        if (front_admits(s, st->user, st->iat_s) != 200) {
            __wrap_close(FD_FIRST + (int)i);
            continue;
        }
        websocket_adopt(s, FD_FIRST + (int)i, &hello, (struct bytes){0});
    }
}

/* ---- for the world */

void streams_open(void)
{
    memset(&net, 0, sizeof net);
}

void streams_close(void)
{
    for (unsigned i = 0; i < net.n; i++)
        if (net.streams[i].used)
            stream_free(&net.streams[i]);
}

uint64_t streams_arrival_us(unsigned place)
{
    uint64_t first = NEVER;
    for (unsigned i = 0; i < net.n; i++) {
        const struct stream *st = &net.streams[i];
        if (!st->used || AT_session + st->session != place)
            continue;
        uint64_t due_us = !st->accepted ? st->hello_us : lane_due_us(&st->up);
        if (st->accepted && !st->watched)
            continue;
        if (due_us < first)
            first = due_us;
    }
    return first;
}

void streams_died(unsigned place)
{
    for (unsigned i = 0; i < net.n; i++) {
        struct stream *st = &net.streams[i];
        if (!st->used || !st->accepted || AT_session + st->session != place)
            continue;
        st->watched = false;
        st->server_gone = true;
        lane_end(&st->down, front_later(&st->dice));
        stream_tidy(st);
    }
}
