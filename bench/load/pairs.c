/* SPDX-License-Identifier: Apache-2.0 */
/* pairs: many topics with one subscriber each. The publishers share the topics out among themselves,
 * and the topics take their turns: at --rate messages a second, or with --rate 0 as many as arrive,
 * --window of them under way. */
#include "bench/load/numbered.h"

#include "lib/loop.h"

#define SECOND UINT64_C(1000000000)

struct pairs {
    struct numbered *numbered; /* over the subscribers */
    struct crowd *publishers;
    uint32_t next, each; /* topic; topics of a publisher */
};

static void say(struct pairs *p)
{
    struct member *from = &p->publishers->members[p->next / p->each];
    numbered_say(p->numbered, from, p->next % p->each, p->next);
    p->next = (p->next + 1) % p->numbered->topics;
    if (p->next % p->each == 0) /* the next one is another's */
        client_flush(&from->client);
}

static void flush(struct pairs *p)
{
    client_flush(&p->publishers->members[p->next / p->each].client);
}

static void run_for(struct pairs *p, uint64_t seconds)
{
    struct bench *b = p->publishers->bench;
    uint64_t from = clock_ns(), until = from + seconds * SECOND, due = from;
    uint64_t every = b->opt.rate > 0 ? SECOND / b->opt.rate : 0;
    for (b->poller->now_ns = from; b->poller->now_ns < until && b->failures == 0;) {
        if (every == 0)
            while (numbered_under_way(p->numbered) < b->opt.window)
                say(p);
        else
            for (; due <= b->poller->now_ns; due += every)
                say(p);
        flush(p);
        poller_turn(b->poller, every > 0 && due < until ? due : until);
    }
}

static struct pairs open_all(struct bench *b)
{
    uint32_t topics = (uint32_t)b->opt.users, most = (uint32_t)b->opt.writers;
    uint32_t publishers = most < topics ? most : topics;
    if (topics % publishers != 0)
        refuse("pairs: --users must be a multiple of --writers");
    struct pairs p = {.each = topics / publishers};
    struct crowd *c = crowd_open(b,
                                 &(struct crowd_plan){topics, .topic = "bench-pair", .own = true});
    p.numbered = numbered_new(c, topics);
    p.publishers = crowd_open(
        b, &(struct crowd_plan){
               .count = publishers, .topic = "bench-pair", .own = true, .topics_each = p.each});
    return p;
}

void pairs_run(struct bench *b)
{
    struct pairs p = open_all(b);
    struct numbered *y = p.numbered;
    struct usage before, after;
    run_for(&p, b->opt.warm);
    usage_read(&before, &b->server);
    uint64_t from = clock_ns();
    y->counting = true;
    run_for(&p, b->opt.seconds);
    y->counting = false;
    double took = (double)(clock_ns() - from) / 1e9;
    usage_read(&after, &b->server);
    usage_same(&before, &after);
    numbered_settle(y);

    report_add(&b->report, (double)y->counted / took, 0, "deliveries_per_s");
    report_times(&b->report, "delivery", &y->times);
    report_add(&b->report, (double)y->counted, 0, "deliveries");
    crowd_report(y->crowd);
    usage_report_cpu(&b->report, &before, &after, y->counted);
    struct crowd *c = y->crowd;
    numbered_free(&p.numbered);
    crowd_free(&p.publishers);
    crowd_free(&c);
}
