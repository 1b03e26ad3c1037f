/* SPDX-License-Identifier: Apache-2.0 */
/* idle: users are connected and joined (to one topic, or with --inbox 1 each to its inbox), and
 * nothing happens but heartbeats. What does each cost?
 *
 * Memory is read before the first connects and after a whole round of heartbeats, so what a beat
 * leaves behind is in the figure. */
#include "bench/load/crowd.h"

#define SECOND UINT64_C(1000000000)

static void hold(struct crowd *c)
{
    struct bench *b = c->bench;
    for (uint64_t until = clock_ns() + b->opt.seconds * SECOND; clock_ns() < until;) {
        uint64_t beat = crowd_beat(c);
        poller_turn(b->poller, beat < until ? beat : until);
    }
}

/* The answers that are still on their way. */
static void settle(struct crowd *c)
{
    struct bench *b = c->bench;
    uint64_t until = clock_ns() + 5 * SECOND;
    while (c->beats_answered < c->beats && clock_ns() < until)
        poller_turn(b->poller, until);
    if (c->beats_answered < c->beats)
        bench_failed(b, "%llu heartbeats, %llu answered", (unsigned long long)c->beats,
                     (unsigned long long)c->beats_answered);
}

void idle_run(struct bench *b)
{
    struct usage before, joined, after;
    usage_read(&before, &b->server);
    uint64_t from = clock_ns();
    struct crowd *c = crowd_open(b,
                                 &(struct crowd_plan){.count = (uint32_t)b->opt.users,
                                                      .topic = b->opt.inbox ? NULL : "bench-room"});
    uint64_t took = clock_ns() - from;
    usage_read(&joined, &b->server);
    hold(c);
    settle(c);
    usage_read(&after, &b->server);
    usage_same(&before, &after);

    report_add(&b->report, (double)c->count * 1e9 / (double)took, 0, "joins_per_s");
    report_times(&b->report, "join", &c->join_times);
    report_times(&b->report, "heartbeat", &c->beat_times);
    report_add(&b->report, (double)c->beats, 0, "heartbeats");
    report_add(&b->report, (double)c->beats_answered, 0, "heartbeats_answered");
    crowd_report(c);
    usage_report_memory(&b->report, &before, &after, c->count);
    usage_report_cpu(&b->report, &joined, &after, c->beats);
    crowd_free(&c);
}
