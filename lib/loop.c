/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/loop.h"

#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/sock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_take(void)
{
    signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    ENSURE(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    ENSURE(fd >= 0);
    return fd;
}

static int timeout_of(uint64_t deadline_ms, uint64_t now_ms)
{
    if (deadline_ms <= now_ms)
        return 0;
    if (deadline_ms == LOOP_NEVER)
        return -1;
    return deadline_ms - now_ms < INT_MAX ? (int)(deadline_ms - now_ms) : INT_MAX;
}

/* Its descriptor. */
static int socket_fd(void *socket)
{
    int fd = -1;
    size_t n = sizeof fd;
    ENSURE(zmq_getsockopt(socket, ZMQ_FD, &fd, &n) == 0);
    return fd;
}

/* A message waits in it. Asking takes from the descriptor what it has to say. */
static short socket_has(void *socket)
{
    int events = 0;
    size_t n = sizeof events;
    ENSURE(zmq_getsockopt(socket, ZMQ_EVENTS, &events, &n) == 0);
    return events & ZMQ_POLLIN;
}

static short descriptor_has(short revents)
{
    bool in = (revents & POLLIN) != 0, wrong = (revents & ~POLLIN) != 0;
    return (short)((in ? ZMQ_POLLIN : 0) | (wrong ? ZMQ_POLLERR : 0));
}

/* One poll(). False: a descriptor spoke, but its socket has no message. */
static bool look(zmq_pollitem_t *on, int n, int timeout_ms)
{
    struct pollfd fds[LOOP_MAX];
    bool has = false, used = sock_used;
    for (int i = 0; i < n; i++) {
        void *socket = on[i].socket;
        fds[i] = (struct pollfd){.fd = socket ? socket_fd(socket) : on[i].fd, .events = POLLIN};
        on[i].revents = socket && used ? socket_has(socket) : 0;
        has = has || on[i].revents;
    }
    int got = poll(fds, (nfds_t)n, has ? 0 : timeout_ms);
    ENSURE(got >= 0 || errno == EINTR);
    sock_used = has || got <= 0; /* what was found is asked again, and all are now and then */
    for (int i = 0; got > 0 && i < n; i++) {
        if (!fds[i].revents)
            continue;
        on[i].revents = on[i].socket ? socket_has(on[i].socket) : descriptor_has(fds[i].revents);
        sock_used = sock_used || on[i].socket;
        has = has || on[i].revents;
    }
    return has || got <= 0;
}

void loop_wait(zmq_pollitem_t *on, int n, uint64_t deadline_ms, uint64_t now_ms)
{
    ENSURE(n <= LOOP_MAX);
    while (!look(on, n, timeout_of(deadline_ms, now_ms)))
        now_ms = clock_ms();
}

void ready_tell(int fd)
{
    if (fd < 0)
        return;
    ssize_t ignored = write(fd, "\n", 1); /* whoever started us may have gone */
    (void)ignored;
    close(fd);
}

static void say(const char *format, va_list args)
{
    char line[900];
    vsnprintf(line, sizeof line, format, args);
    log_line("%s", line);
}

void refuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    exit(EXIT_refused);
}

void try_again(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    exit(EXIT_again);
}
