/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/poller.h"

#include "bench/common/report.h"
#include "lib/ensure.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { POLLER_EVENTS = 512 };

struct poller *poller_new(void)
{
    struct poller *p = calloc(1, sizeof *p);
    ENSURE(p != NULL);
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    ENSURE(p->epoll >= 0);
    p->now_ns = clock_ns();
    prctl(PR_SET_TIMERSLACK, 1UL); /* the standard 50 us would be in every paced latency */
    return p;
}

void poller_free(struct poller **slot)
{
    if (*slot)
        close((*slot)->epoll);
    free(*slot);
    *slot = NULL;
}

void poller_add(struct poller *p, struct source *s)
{
    struct epoll_event on = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = s};
    ENSURE(epoll_ctl(p->epoll, EPOLL_CTL_ADD, s->fd, &on) == 0);
}

void poller_mute(struct poller *p, struct source *s)
{
    ENSURE(epoll_ctl(p->epoll, EPOLL_CTL_DEL, s->fd, NULL) == 0);
}

void poller_turn(struct poller *p, uint64_t wake_ns)
{
    struct epoll_event on[POLLER_EVENTS];
    uint64_t now = clock_ns(), wait = wake_ns > now ? wake_ns - now : 0;
    struct timespec most = {(time_t)(wait / 1000000000), (long)(wait % 1000000000)};
    int n = epoll_pwait2(p->epoll, on, POLLER_EVENTS, &most, NULL);
    ENSURE(n >= 0 || errno == EINTR);
    p->now_ns = clock_ns();
    for (int i = 0; i < n; i++) {
        struct source *s = on[i].data.ptr;
        if (s->fd >= 0) /* not closed by one before it */
            s->ready(s, on[i].events);
    }
}
