/* SPDX-License-Identifier: Apache-2.0 */
/* create: as many creates as are acknowledged, with a fixed number in flight. Nobody is connected:
 * this is the durable path alone. At the end the inboxes are asked whether all of it is there. */
#include "bench/load/counts.h"
#include "bench/load/writers.h"

#define SECOND UINT64_C(1000000000)

static void run_until(struct writers *w, uint64_t until)
{
    struct bench *b = w->bench;
    while (clock_ns() < until && b->failures == 0) {
        while (writers_create(w, w->asked % b->opt.users))
            ;
        poller_turn(b->poller, until);
    }
}

static void drain(struct writers *w)
{
    uint64_t until = clock_ns() + 10 * SECOND;
    while (w->answered < w->asked && clock_ns() < until)
        poller_turn(w->bench->poller, until);
    if (w->answered < w->asked)
        bench_failed(w->bench, "%llu creates never answered",
                     (unsigned long long)(w->asked - w->answered));
}

void create_run(struct bench *b)
{
    struct writers *w = writers_new(b);
    struct usage before, after;
    run_until(w, clock_ns() + b->opt.warm * SECOND);
    usage_read(&before, &b->server);
    w->counting = true;
    uint64_t from = clock_ns();
    run_until(w, from + b->opt.seconds * SECOND);
    w->counting = false;
    uint64_t took = clock_ns() - from;
    usage_read(&after, &b->server);
    drain(w);
    usage_same(&before, &after);
    uint64_t kept = counts_sum(b);
    if (kept != w->acknowledged)
        bench_failed(b, "%llu creates acknowledged, %llu in the inboxes",
                     (unsigned long long)w->acknowledged, (unsigned long long)kept);

    report_add(&b->report, (double)w->counted * 1e9 / (double)took, 0, "creates_per_s");
    report_times(&b->report, "acknowledged", &w->times);
    report_add(&b->report, (double)w->acknowledged, 0, "acknowledged");
    report_add(&b->report, (double)kept, 0, "in_the_inboxes");
    usage_report_cpu(&b->report, &before, &after, w->counted);
    writers_free(&w);
}
