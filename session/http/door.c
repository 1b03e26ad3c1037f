/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http/door.h"

#include "lib/bucket.h"
#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "session/auth/revoked.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    DOOR_RESERVE = 300,  /* descriptors for ZeroMQ, files, and closing politely */
    SEND_BUFFER = 16384, /* of a socket: a client that does not read costs 63 KB, not 4 MB */
    BACKLOG = 4096,
    ACCEPTS_PER_TURN = 64,
    LISTEN_FD = 3,
};

struct door {
    int fd;
    bool open;     /* the socket is in the epoll set for input */
    bool shut;     /* for good */
    bool in_order; /* the port's sockets are one for each process, in the processes' order */
    uint32_t sockets_max;
    uint64_t accepts_us; /* bucket.h */
};

static uint32_t sockets_max(void)
{
    struct rlimit files;
    ENSURE(getrlimit(RLIMIT_NOFILE, &files) == 0);
    if (files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
        getrlimit(RLIMIT_NOFILE, &files);
    }
    uint64_t most = files.rlim_cur > 2000000 ? 2000000 : files.rlim_cur;
    if (most < 2 * DOOR_RESERVE)
        refuse("session: %llu descriptors are too few (ulimit -n): %d are needed at least",
               (unsigned long long)most, 2 * DOOR_RESERVE);
    return (uint32_t)most - DOOR_RESERVE;
}

/* LISTEN_FDS, as systemd hands them over. */
static bool handed_over(void)
{
    const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
    return count && pid && atol(pid) == (long)getpid() && atoi(count) >= 1;
}

int door_bind(const struct settings *set)
{
    if (handed_over())
        return LISTEN_FD;
    char host[64], *colon;
    snprintf(host, sizeof host, "%s", set->listen);
    colon = strrchr(host, ':');
    struct sockaddr_in at = {.sin_family = AF_INET};
    int port = colon ? atoi(colon + 1) : -1;
    if (colon)
        *colon = '\0';
    if (!colon || port < 0 || port > 65535 || inet_pton(AF_INET, host, &at.sin_addr) != 1)
        refuse("listen = \"%s\": must be ADDRESS:PORT, like 127.0.0.1:4000", set->listen);
    at.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    ENSURE(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0)
        refuse("listen = \"%s\": %s", set->listen, strerror(errno));
    return fd;
}

static void watch(struct session *s, struct door *d, bool on, int how)
{
    d->open = on;
    struct epoll_event ev = {.events = on ? EPOLLIN : 0, .data.u64 = wake_pack(WAKE_listen, 0, 0)};
    ENSURE(epoll_ctl(s->epoll, how, d->fd, &ev) == 0);
}

/* `belfry serve` says so; systemd opens its sockets in any order. */
static bool in_order(int fd)
{
    const char *names = getenv("LISTEN_FDNAMES");
    return fd == LISTEN_FD && names && strcmp(names, "serve") == 0;
}

struct door *door_new(struct session *s)
{
    struct door *d = calloc(1, sizeof *d);
    ENSURE(d != NULL);
    d->sockets_max = sockets_max();
    d->fd = s->front;
    int size = SEND_BUFFER, on = 1; /* inherited by what it accepts */
    setsockopt(d->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* A connection is there when its request is, or after a second: read at once (http.c). */
    setsockopt(d->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof on);
    ENSURE(fcntl(d->fd, F_SETFL, O_NONBLOCK) == 0);
    ENSURE(fcntl(d->fd, F_SETFD, FD_CLOEXEC) == 0);
    if (!handed_over() && listen(d->fd, BACKLOG) != 0)
        refuse("listen = \"%s\": %s", s->settings->listen, strerror(errno));
    d->in_order = in_order(d->fd);
    int none = 0; /* what a process that drained had asked for, perhaps the one before us */
    setsockopt(d->fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &none, sizeof none);
    watch(s, d, true, EPOLL_CTL_ADD);
    return d;
}

void door_free(struct door **slot)
{
    if (*slot)
        close((*slot)->fd);
    free(*slot);
    *slot = NULL;
}

static bool room(const struct session *s, const struct door *d)
{
    uint64_t free_us = d->accepts_us;
    if (!bucket_take(&free_us, 1, s->settings->accepts_per_s, s->now_ms))
        return false;
    uint64_t sockets = s->counts[COUNT_http_open].value + s->counts[COUNT_websockets].value;
    return !d->shut && revoked_open(s) && sockets < d->sockets_max;
}

void door_turn(struct session *s, struct door *d)
{
    if (d->open == room(s, d))
        return;
    if (d->open && !d->shut)
        count_one(s, COUNT_accept_waits);
    watch(s, d, !d->open, EPOLL_CTL_MOD);
}

uint64_t door_deadline_ms(const struct session *s, const struct door *d)
{
    if (d->open || d->shut || s->settings->accepts_per_s == 0 || room(s, d))
        return LOOP_NEVER;
    uint64_t at_ms = (d->accepts_us - BUCKET_BURST_US) / 1000 + 1;
    return d->accepts_us > BUCKET_BURST_US && at_ms > s->now_ms ? at_ms : LOOP_NEVER;
}

void door_shut(struct session *s, struct door *d)
{
    d->shut = true;
    door_turn(s, d);
}

void door_steer(struct session *s, struct door *d)
{
    uint32_t others = (uint32_t)s->settings->sessions - 1;
    if (!d->in_order || others == 0)
        return;
    struct sock_filter code[] = {
        /* one of the others by chance; which socket it is: those from our own on are one further */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, others),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, s->index, 0, 1),
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    if (setsockopt(d->fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) != 0)
        log_line("session.steer error=\"%s\"", strerror(errno));
}

void door_accept(struct session *s, struct door *d, struct MHD_Daemon *daemon)
{
    for (int i = 0; i < ACCEPTS_PER_TURN && room(s, d); i++) {
        struct sockaddr_storage from;
        socklen_t n = sizeof from;
        int fd = accept4(d->fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        bucket_take(&d->accepts_us, 1, s->settings->accepts_per_s, s->now_ms);
        if (MHD_add_connection(daemon, fd, (struct sockaddr *)&from, n) != MHD_YES)
            count_one(s, COUNT_refused_full); /* it has closed the socket */
    }
}

uint32_t door_sockets_max(const struct door *d)
{
    return d->sockets_max;
}
