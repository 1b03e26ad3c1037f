/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/conn.h"

#include "lib/ensure.h"
#include "lib/loop.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONN_MAX = 8 << 20 };

static void lose(struct conn *c, const char *why)
{
    conn_close(c);
    c->ops->gone(c, why);
}

/* Hand over what was kept with what is new; keep what is not done with. */
static void feed(struct conn *c, struct bytes fresh)
{
    if (c->in.n > 0) {
        buf_bytes(&c->in, fresh);
        if (c->in.overflowed) {
            lose(c, "sent more than this program keeps");
            return;
        }
    }
    struct bytes all = c->in.n > 0 ? buf_all(&c->in) : fresh;
    size_t done = c->ops->arrived(c, all);
    if (!c->open)
        return;
    ENSURE(done <= all.n);
    if (c->in.n > 0) {
        memmove(c->in.p, c->in.p + done, all.n - done);
        buf_cut(&c->in, all.n - done);
    } else {
        buf_add(&c->in, all.p + done, all.n - done);
    }
}

static void read_all(struct conn *c, bool ended)
{
    while (c->open) {
        ssize_t n = recv(c->source.fd, c->poller->read, POLLER_READ, 0);
        if (n > 0) {
            feed(c, (struct bytes){c->poller->read, (size_t)n});
            if ((size_t)n < POLLER_READ && !ended)
                return; /* drained: the next edge tells of more */
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        } else {
            lose(c, n == 0 ? "closed by the server" : "reset by the server");
        }
    }
}

static void ready(struct source *s, uint32_t events)
{
    struct conn *c = (struct conn *)s;
    if (!c->open) {
        int error = 0;
        socklen_t n = sizeof error;
        getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &n);
        if (error != 0) {
            lose(c, "refused");
            return;
        }
        if (!(events & EPOLLOUT))
            return;
        c->open = true;
        c->ops->opened(c);
    }
    if (c->open && (events & EPOLLOUT) && c->out.n > 0)
        conn_flush(c);
    if (c->open && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
        read_all(c, (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
}

void conn_open(struct conn *c, struct poller *p, const struct conn_ops *ops,
               const struct sockaddr_in *to, uint32_t number)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0)
        try_again("no descriptor left for connection %u", number);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    /* Other addresses only for a loopback server; elsewhere the system knows ours. */
    struct sockaddr_in from = {.sin_family = AF_INET};
    if (ntohl(to->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET)
        from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / CONN_PER_ADDRESS);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        (connect(fd, (const struct sockaddr *)to, sizeof *to) != 0 && errno != EINPROGRESS))
        try_again("connection %u: %s", number, strerror(errno));
    c->source = (struct source){fd, ready};
    c->poller = p;
    c->ops = ops;
    c->open = false;
    c->in.max = c->out.max = CONN_MAX;
    buf_reset(&c->in);
    buf_reset(&c->out);
    poller_add(p, &c->source);
}

void conn_close(struct conn *c)
{
    if (c->poller && c->source.fd >= 0) /* it was opened at all */
        close(c->source.fd);
    c->source.fd = -1;
    c->open = false;
    buf_fini(&c->in);
    buf_fini(&c->out);
}

void conn_flush(struct conn *c)
{
    if (!c->open || c->out.n == 0)
        return;
    ENSURE(!c->out.overflowed);
    ssize_t n = send(c->source.fd, c->out.p, c->out.n, MSG_NOSIGNAL);
    if (n < 0)
        return; /* EAGAIN: an edge comes. Anything else: reading tells of it */
    memmove(c->out.p, c->out.p + n, c->out.n - (size_t)n);
    buf_cut(&c->out, c->out.n - (size_t)n);
}

const char *bytes_find(struct bytes in, struct bytes what)
{
    const char *end = in.p + in.n;
    while (in.n >= what.n && (in.p = memchr(in.p, what.p[0], in.n - what.n + 1))) {
        if (memcmp(in.p, what.p, what.n) == 0)
            return in.p;
        in.n = (size_t)(end - ++in.p);
    }
    return NULL;
}
