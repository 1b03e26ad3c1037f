/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/holder.h"

#include "bench/load/numbered.h"
#include "lib/ensure.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
enum { AT_A_TIME = 500, LEAVING = 50, LOOK_MS = 50 };

struct bytes holders_topic(const struct bench *b, char out[80])
{
    int n = snprintf(out, 80, "bench-room:%s-0", b->run);
    return (struct bytes){out, (size_t)n};
}

/* ---- in a process of its own ---- */

/* Some more, so that what happens meanwhile is seen. Who joins now has missed what was said. */
static void grow(struct holder *me, struct crowd *c, uint64_t want, uint64_t said)
{
    uint64_t to = want < c->count + AT_A_TIME ? want : c->count + AT_A_TIME;
    for (uint64_t i = c->count; i < to; i++)
        c->members[i].next = said + 1;
    crowd_grow(c, (uint32_t)to);
    me->joined = c->joined;
}

/* When all have the newest message: its times. */
static void hear(struct holder *me, struct numbered *y)
{
    if (y->times.count > 0 && y->times.count == y->crowd->count) {
        me->heard_times = y->times;
        y->times = (struct histogram){0};
    }
    __atomic_store_n(&me->heard, y->arrived, __ATOMIC_RELEASE);
}

/* Each user's heartbeat once; gives when the next one is due. */
static uint64_t beat(struct holder *me, struct crowd *c)
{
    c->beats_most = c->count;
    uint64_t next = crowd_beat(c);
    if (c->beats_answered == c->count)
        me->beat_times = c->beat_times;
    me->beats = c->beats;
    __atomic_store_n(&me->beats_answered, c->beats_answered, __ATOMIC_RELEASE);
    return next;
}

/* With a reset, which leaves nothing behind in the kernel; all at once would take its memory. */
static void leave(struct crowd *c)
{
    const struct linger reset = {1, 0};
    for (uint32_t i = 0; i < c->count; i++) {
        setsockopt(c->members[i].client.ws.conn.source.fd, SOL_SOCKET, SO_LINGER, &reset,
                   sizeof reset);
        client_close(&c->members[i].client);
        if (i % LEAVING == 0)
            usleep(1000);
    }
}

static _Noreturn void hold(struct bench *b, struct holders *h, unsigned number)
{
    struct holder *me = &h->of[number];
    uint64_t share = (b->opt.users + h->count - 1) / h->count;
    ENSURE(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    b->poller = poller_new();
    b->conns = (uint32_t)(number * share);
    struct crowd *c = crowd_new(b, &(struct crowd_plan){.count = (uint32_t)share,
                                                        .topic = "bench-room",
                                                        .first = number * share});
    struct numbered *y = numbered_new(c, 1);
    y->counting = true;
    while (!__atomic_load_n(&h->orders.leave, __ATOMIC_ACQUIRE)) {
        uint64_t until = clock_ns() + LOOK_MS * MS;
        if (h->orders.beating) {
            uint64_t next = beat(me, c);
            until = next < until ? next : until;
        }
        if (c->count < h->orders.want[number])
            grow(me, c, h->orders.want[number], h->orders.said);
        else
            poller_turn(b->poller, until);
        hear(me, y);
        me->failures = b->failures + c->holes + c->repeats;
    }
    leave(c);
    exit(b->failures ? 1 : 0);
}

/* ---- in the one that starts them ---- */

struct holders *holders_new(struct bench *b)
{
    struct holders *h = mmap(NULL, sizeof *h, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                             -1, 0);
    ENSURE(h != MAP_FAILED);
    ENSURE(b->opt.processes <= HOLDERS_MAX);
    h->count = b->opt.processes;
    for (unsigned i = 0; i < h->count; i++) {
        pid_t pid = fork();
        ENSURE(pid >= 0);
        if (pid == 0)
            hold(b, h, i);
        h->of[i].pid = (uint64_t)pid;
    }
    return h;
}

bool holders_ended(struct holders *h, struct bench *b)
{
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid <= 0)
        return false;
    bench_failed(b, "a generator, %d, ended: status %x", (int)pid, (unsigned)status);
    for (unsigned i = 0; i < h->count; i++)
        if (h->of[i].pid == (uint64_t)pid)
            h->of[i].joined = 0;
    return true;
}

void holders_free(struct holders **slot)
{
    struct holders *h = *slot;
    *slot = NULL;
    if (!h)
        return;
    __atomic_store_n(&h->orders.leave, 1, __ATOMIC_RELEASE);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    munmap(h, sizeof *h);
}
