/* SPDX-License-Identifier: Apache-2.0 */
/* fanout: everybody is on one topic, and one of them publishes: at --rate messages a second, or with
 * --rate 0 as many as arrive, --window messages ahead of what everybody has got. */
#include "bench/load/numbered.h"

#define SECOND UINT64_C(1000000000)

static void say(struct numbered *y)
{
    numbered_say(y, &y->crowd->members[0], 0, 0);
}

static void as_many_as_arrive(struct numbered *y, uint64_t until)
{
    struct bench *b = y->crowd->bench;
    while (b->poller->now_ns < until && b->failures == 0) {
        while (numbered_ahead(y) < b->opt.window)
            say(y);
        client_flush(&y->crowd->members[0].client);
        poller_turn(b->poller, until);
    }
}

static void paced(struct numbered *y, uint64_t until)
{
    struct bench *b = y->crowd->bench;
    uint64_t every = SECOND / b->opt.rate;
    for (uint64_t due = clock_ns(); b->poller->now_ns < until && b->failures == 0;) {
        poller_turn(b->poller, due < until ? due : until);
        for (; due <= b->poller->now_ns; due += every)
            say(y);
        client_flush(&y->crowd->members[0].client);
        if (numbered_ahead(y) > SAID / 2)
            bench_failed(b, "the pace cannot be held");
    }
}

static void run_for(struct numbered *y, uint64_t seconds)
{
    struct bench *b = y->crowd->bench;
    uint64_t until = clock_ns() + seconds * SECOND;
    b->poller->now_ns = clock_ns();
    if (b->opt.rate > 0)
        paced(y, until);
    else
        as_many_as_arrive(y, until);
}

void fanout_run(struct bench *b)
{
    struct crowd *c = crowd_open(
        b, &(struct crowd_plan){.count = (uint32_t)b->opt.users, .topic = "bench-room"});
    struct numbered *y = numbered_new(c, 1);
    struct usage before, after;
    y->muted = (uint32_t)b->opt.slow;
    for (uint32_t i = c->count - y->muted; i < c->count; i++)
        poller_mute(b->poller, &c->members[i].client.ws.conn.source);
    run_for(y, b->opt.warm);
    usage_read(&before, &b->server);
    uint64_t from = clock_ns(), said = y->said, polls = client_polls();
    y->counting = true;
    run_for(y, b->opt.seconds);
    y->counting = false;
    double took = (double)(clock_ns() - from) / 1e9;
    usage_read(&after, &b->server);
    usage_same(&before, &after);
    polls = client_polls() - polls;
    said = y->said - said;
    numbered_settle(y);

    report_add(&b->report, (double)y->counted / took, 0, "deliveries_per_s");
    report_add(&b->report, (double)said / took, 1, "messages_per_s");
    if (b->opt.longpoll)
        report_add(&b->report, (double)polls / took, 0, "polls_per_s");
    report_times(&b->report, "delivery", &y->times);
    report_add(&b->report, (double)y->counted, 0, "deliveries");
    crowd_report(c);
    usage_report_cpu(&b->report, &before, &after, b->opt.longpoll ? polls : y->counted);
    numbered_free(&y);
    crowd_free(&c);
}
