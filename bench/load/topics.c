/* SPDX-License-Identifier: Apache-2.0 */
/* topics: --users clients are connected, and each joins one more topic: all the same one, then one of
 * 10, one of 100 and so on; then each one of its own, where --topics others are. What does a join cost
 * by how many topics there are? */
#include "bench/load/crowd.h"

#include "lib/ensure.h"

#include <stdio.h>

#define SECOND UINT64_C(1000000000)
enum { AHEAD = 256, GIVE_UP_S = 60 };

struct topics {
    struct crowd *crowd;
    uint64_t asked; /* joins beside everybody's first */
    struct buf text;
};

/* `round` makes the topics others than those of the rounds before. */
static void join(struct topics *y, struct member *m, uint64_t round, uint64_t topic)
{
    char name[CROWD_TOPIC], ref[24];
    int n = snprintf(name, sizeof name, "bench-pair:%s-%llu-%llu", y->crowd->bench->run,
                     (unsigned long long)round, (unsigned long long)topic);
    int r = snprintf(ref, sizeof ref, "%llu", (unsigned long long)y->asked + 2);
    ENSURE(n > 0 && n < CROWD_TOPIC);
    buf_reset(&y->text);
    phoenix_write(&y->text, &(struct phoenix){.join_ref = {ref, (size_t)r},
                                              .ref = {ref, (size_t)r},
                                              .topic = {name, (size_t)n},
                                              .event = BYTES("phx_join"),
                                              .payload = BYTES("{}")});
    client_text(&m->client, buf_all(&y->text));
    client_flush(&m->client);
    y->asked++;
}

/* `joins` of them by one member after the other, on `topics` topics; waits until all are answered. */
static void join_all(struct topics *y, uint64_t round, uint64_t joins, uint64_t topics)
{
    struct bench *b = y->crowd->bench;
    uint64_t moved_ns = clock_ns(), before = y->crowd->replies;
    for (uint64_t i = 0; (i < joins || y->crowd->replies < y->asked) && b->failures == 0;) {
        for (; i < joins && y->asked - y->crowd->replies < AHEAD; i++)
            join(y, &y->crowd->members[i % y->crowd->count], round, i % topics);
        poller_turn(b->poller, clock_ns() + SECOND);
        if (y->crowd->replies != before)
            moved_ns = clock_ns();
        before = y->crowd->replies;
        if (clock_ns() - moved_ns > GIVE_UP_S * SECOND)
            bench_failed(b, "%llu joins, %llu answered", (unsigned long long)y->asked,
                         (unsigned long long)y->crowd->replies);
    }
}

static void measure(struct topics *y, uint64_t round, uint64_t topics, uint64_t there)
{
    struct bench *b = y->crowd->bench;
    struct usage before, after;
    usage_read(&before, &b->server);
    join_all(y, round, y->crowd->count, topics);
    usage_read(&after, &b->server);
    usage_same(&before, &after);
    report_add(&b->report, usage_cpu_s(&before, &after) * 1e6 / (double)y->crowd->count, 2,
               "%llu_join_us", (unsigned long long)there);
}

void topics_run(struct bench *b)
{
    struct topics y = {.crowd = crowd_open(b, &(struct crowd_plan){.count = (uint32_t)b->opt.users,
                                                                   .topic = "bench-room"})};
    uint64_t there = 0, round = 0, topics = 1, users = b->opt.users;
    buf_init(&y.text, 4096);
    for (; topics < users; topics *= 10) {
        measure(&y, ++round, topics, topics);
        there += topics;
    }
    for (; topics <= b->opt.topics; topics *= 10) {
        if (topics <= there + users)
            continue;
        join_all(&y, ++round, topics - users - there, UINT64_MAX);
        measure(&y, ++round, UINT64_MAX, topics);
        there = topics;
    }
    report_add(&b->report, (double)y.crowd->replies, 0, "joins");
    crowd_report(y.crowd);
    buf_fini(&y.text);
    crowd_free(&y.crowd);
}
