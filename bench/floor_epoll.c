/* SPDX-License-Identifier: Apache-2.0 */
/* bench-floor-epoll: the floor under fan-out, joins and idle connections. One thread around epoll
 * that knows just enough WebSocket and Phoenix for bench-load: who joins is put on the list of the
 * topic, and what one pushes is made into one frame and sent to each on the list, at once.
 *
 *     --coalesce 1    all frames of a turn for a list go to each of it in one send
 *
 * No token, check, process, limit or queue is in the way; the handshake's answer is a constant, good
 * for the one key that bench-load sends. The number at the end of a topic's name is its list. A
 * pusher hears itself, but not on topics of pairs, whose class in Belfry has `echo` off. */
#include "lib/buf.h"
#include "lib/ensure.h"
#include "lib/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
enum {
    EVENTS = 512,
    ACCEPTS = 64,
    READ_SIZE = 65536,
    SEND_BUFFER = 16384, /* as Belfry's */
    TURN_MAX = 1 << 24,
    QUEUE_MAX = 1 << 20,
    LISTS_MAX = 1 << 20,
};

/* A connection on a list. */
struct seat {
    struct seat *next; /* of the same connection */
    struct conn *conn;
    uint32_t list, at;
};

struct conn {
    int fd;
    bool upgraded;
    struct seat *seats;
    struct buf *in, *out; /* an unfinished frame; what the kernel did not take; NULL: none */
};

struct list {
    struct seat **seats;
    uint32_t n, cap;
    struct buf turn; /* coalescing: what this turn has for it */
};

static struct floor {
    int epoll, listener;
    bool coalesce;
    struct conn *conns; /* by descriptor */
    struct list *lists;
    uint32_t *dirty, dirty_n;
    struct buf frame;
    char read[READ_SIZE];
} f;

static void watch(struct conn *c, int how, bool writable)
{
    struct epoll_event on = {.events = EPOLLIN | EPOLLRDHUP | (writable ? EPOLLOUT : 0u),
                             .data.fd = c->fd};
    ENSURE(epoll_ctl(f.epoll, how, c->fd, &on) == 0);
}

static void buf_drop(struct buf **b)
{
    if (*b)
        buf_fini(*b);
    free(*b);
    *b = NULL;
}

static struct buf *buf_new(size_t max)
{
    struct buf *b = malloc(sizeof *b);
    ENSURE(b != NULL);
    buf_init(b, max);
    return b;
}

static void leave(struct conn *c)
{
    while (c->seats) {
        struct seat *s = c->seats;
        struct list *l = &f.lists[s->list];
        c->seats = s->next;
        l->seats[s->at] = l->seats[--l->n];
        l->seats[s->at]->at = s->at;
        free(s);
    }
    close(c->fd);
    buf_drop(&c->in);
    buf_drop(&c->out);
    *c = (struct conn){.fd = -1};
}

static void say(struct conn *c, struct bytes bytes)
{
    ssize_t n = 0;
    if (!c->out)
        n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n == (ssize_t)bytes.n)
        return;
    n = n > 0 ? n : 0; /* who has gone is found by reading */
    if (!c->out) {
        c->out = buf_new(QUEUE_MAX);
        watch(c, EPOLL_CTL_MOD, true);
    }
    buf_add(c->out, bytes.p + n, bytes.n - (size_t)n);
}

static void say_more(struct conn *c)
{
    ssize_t n = send(c->fd, c->out->p, c->out->n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0)
        return;
    memmove(c->out->p, c->out->p + n, c->out->n - (size_t)n);
    buf_cut(c->out, c->out->n - (size_t)n);
    if (c->out->n > 0)
        return;
    buf_drop(&c->out);
    watch(c, EPOLL_CTL_MOD, false);
}

/* Begin a text frame of n bytes in f.frame. */
static void frame_begin(size_t n)
{
    buf_reset(&f.frame);
    buf_byte(&f.frame, 0x81);
    if (n < 126) {
        buf_byte(&f.frame, (uint8_t)n);
    } else {
        buf_byte(&f.frame, 126);
        buf_byte(&f.frame, (uint8_t)(n >> 8));
        buf_byte(&f.frame, (uint8_t)n);
    }
}

/* A push as bench-load writes it: ["1","2","topic","event",payload], nothing escaped. */
struct push {
    struct bytes head[4]; /* join_ref, ref, topic, event; with their quotes, or null */
    struct bytes payload;
};

static bool push_read(struct push *p, struct bytes text)
{
    const char *at = text.p + 1, *end = text.p + text.n - 1;
    for (int i = 0; i < 4; i++) {
        const char *comma = at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
        if (!comma)
            return false;
        p->head[i] = (struct bytes){at, (size_t)(comma - at)};
        at = comma + 1;
    }
    p->payload = (struct bytes){at, (size_t)(end - at)};
    return true;
}

static uint32_t list_of(struct bytes topic)
{
    const char *dash = memrchr(topic.p, '-', topic.n);
    unsigned long n = dash ? strtoul(dash + 1, NULL, 10) : 0;
    ENSURE(n < LISTS_MAX);
    return (uint32_t)n;
}

static void sit_down(struct conn *c, uint32_t number)
{
    struct list *l = &f.lists[number];
    struct seat *s = malloc(sizeof *s);
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 1;
        l->seats = realloc(l->seats, l->cap * sizeof(struct seat *));
    }
    ENSURE(s != NULL && l->seats != NULL);
    *s = (struct seat){c->seats, c, number, l->n};
    l->seats[l->n++] = s;
    c->seats = s;
}

static void reply(struct conn *c, const struct push *p)
{
    static const struct bytes tail = BYTES(",\"phx_reply\",{\"status\":\"ok\",\"response\":{}}]");
    frame_begin(p->head[0].n + p->head[1].n + p->head[2].n + 3 + tail.n);
    for (int i = 0; i < 3; i++) {
        buf_byte(&f.frame, i == 0 ? '[' : ',');
        buf_bytes(&f.frame, p->head[i]);
    }
    buf_bytes(&f.frame, tail);
    say(c, buf_all(&f.frame));
}

static void publish(struct conn *c, const struct push *p)
{
    struct list *l = &f.lists[list_of(p->head[2])];
    bool echo = memcmp(p->head[2].p, "\"bench-pair", 11) != 0;
    frame_begin(p->head[2].n + p->head[3].n + p->payload.n + 14);
    buf_text(&f.frame, "[null,null");
    for (int i = 2; i < 4; i++) {
        buf_byte(&f.frame, ',');
        buf_bytes(&f.frame, p->head[i]);
    }
    buf_byte(&f.frame, ',');
    buf_bytes(&f.frame, p->payload);
    buf_byte(&f.frame, ']');
    if (f.coalesce && echo) {
        if (l->turn.max == 0)
            buf_init(&l->turn, TURN_MAX);
        if (l->turn.n == 0)
            f.dirty[f.dirty_n++] = (uint32_t)(l - f.lists);
        buf_bytes(&l->turn, buf_all(&f.frame));
        return;
    }
    for (uint32_t i = l->n; i-- > 0;)
        if (echo || l->seats[i]->conn != c)
            say(l->seats[i]->conn, buf_all(&f.frame));
}

static void turn_over(void)
{
    for (; f.dirty_n > 0; f.dirty_n--) {
        struct list *l = &f.lists[f.dirty[f.dirty_n - 1]];
        ENSURE(!l->turn.overflowed);
        for (uint32_t i = l->n; i-- > 0;)
            say(l->seats[i]->conn, buf_all(&l->turn));
        buf_reset(&l->turn);
    }
}

static void message(struct conn *c, struct bytes text)
{
    struct push p;
    if (!push_read(&p, text))
        return;
    if (bytes_is(p.head[3], "\"phx_join\""))
        sit_down(c, list_of(p.head[2]));
    else if (!bytes_is(p.head[3], "\"heartbeat\""))
        publish(c, &p);
    reply(c, &p);
}

/* One masked frame; its size, or 0 when it is not whole. */
static size_t frame_read(struct conn *c, char *p, size_t n)
{
    size_t head = 2, size = n < 2 ? 0 : (size_t)p[1] & 0x7f;
    if (size == 126) {
        head = 4;
        size = n < 4 ? 0 : (size_t)(uint8_t)p[2] << 8 | (uint8_t)p[3];
    }
    if (n < head + 4 + size || n < 6)
        return 0;
    char *text = p + head + 4;
    for (size_t i = 0; i < size; i++)
        text[i] = (char)(text[i] ^ p[head + (i & 3)]);
    if ((p[0] & 0xf) == 1)
        message(c, (struct bytes){text, size});
    return head + 4 + size;
}

static size_t handshake(struct conn *c, const char *p, size_t n)
{
    if (n < 4 || memcmp(p + n - 4, "\r\n\r\n", 4) != 0)
        return 0;
    c->upgraded = true;
    say(c, BYTES("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n"));
    return n;
}

static void take(struct conn *c, char *p, size_t n)
{
    size_t done = c->upgraded ? 0 : handshake(c, p, n), one;
    while (c->upgraded && (one = frame_read(c, p + done, n - done)) > 0)
        done += one;
    if (c->in) {
        memmove(c->in->p, c->in->p + done, n - done);
        buf_cut(c->in, n - done);
        if (n == done)
            buf_drop(&c->in);
    } else if (done < n) {
        c->in = buf_new(QUEUE_MAX);
        buf_add(c->in, p + done, n - done);
    }
}

static void ready(struct conn *c, uint32_t events)
{
    if (events & EPOLLOUT && c->out)
        say_more(c);
    if (!(events & ~(uint32_t)EPOLLOUT))
        return;
    ssize_t n = recv(c->fd, f.read, READ_SIZE, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        leave(c);
        return;
    }
    if (c->in)
        buf_add(c->in, f.read, (size_t)n);
    take(c, c->in ? c->in->p : f.read, c->in ? c->in->n : (size_t)n);
}

static void accept_some(void)
{
    for (int i = 0; i < ACCEPTS; i++) {
        int fd = accept4(f.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        f.conns[fd] = (struct conn){.fd = fd};
        watch(&f.conns[fd], EPOLL_CTL_ADD, false);
    }
}

static void open_all(int argc, char **argv)
{
    struct rlimit files;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int one = 1, room = SEND_BUFFER;
    if (argc != 1 && (argc != 3 || strcmp(argv[1], "--coalesce") != 0))
        refuse("bench-floor-epoll [--coalesce 1]");
    f.coalesce = argc == 3 && atoi(argv[2]) != 0;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    f.conns = calloc(files.rlim_cur, sizeof *f.conns); /* untouched pages cost nothing */
    f.lists = calloc(LISTS_MAX, sizeof *f.lists);
    f.dirty = calloc(LISTS_MAX, sizeof *f.dirty);
    ENSURE(f.conns != NULL && f.lists != NULL && f.dirty != NULL);
    buf_init(&f.frame, READ_SIZE);
    f.epoll = epoll_create1(EPOLL_CLOEXEC);
    f.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(f.listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* inherited */
    setsockopt(f.listener, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    if (bind(f.listener, (struct sockaddr *)&at, size) != 0 || listen(f.listener, 4096) != 0)
        try_again("listen: %s", strerror(errno));
    struct epoll_event on = {.events = EPOLLIN, .data.fd = f.listener};
    ENSURE(epoll_ctl(f.epoll, EPOLL_CTL_ADD, f.listener, &on) == 0);
    getsockname(f.listener, (struct sockaddr *)&at, &size);
    printf("floor ready http://127.0.0.1:%u\n", ntohs(at.sin_port));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    open_all(argc, argv);
    for (;;) {
        struct epoll_event on[EVENTS];
        int n = epoll_wait(f.epoll, on, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct conn *c = &f.conns[on[i].data.fd];
            if (on[i].data.fd == f.listener)
                accept_some();
            else if (c->fd >= 0)
                ready(c, on[i].events);
        }
        turn_over();
    }
}
