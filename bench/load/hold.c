/* SPDX-License-Identifier: Apache-2.0 */
/* hold: as many idle users as this machine holds, joined to one topic, from --processes generators.
 *
 * It stops at --step, at twice as many, and so on to --users, and says at each stop what a user has
 * cost in memory, by part; then one message must reach all of them, each once, and a notification must
 * reach one more user, who is joined to its inbox. At the end each sends one heartbeat, spread over
 * --beat seconds. When the machine has less than --spare_mb left nobody else is let in: what is there
 * is measured, and the run has failed. */
#include "bench/load/api.h"
#include "bench/load/crowd.h"
#include "bench/load/holder.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
enum { STUCK_S = 60, LOOK_MS = 20 };

struct hold {
    struct bench *bench;
    struct holders *holders;
    struct api *api;
    struct crowd *one; /* joined to its inbox */
    uint64_t heard;    /* notifications that it heard of */
    struct usage before;
    double spare_before; /* memory of the machine */
    bool opening;        /* only then its memory may end it */
};

static double spare(void)
{
    return kilobytes("/proc/meminfo", "MemAvailable:");
}

static uint64_t sum(const struct holders *h, size_t of)
{
    uint64_t all = 0;
    for (unsigned i = 0; i < h->count; i++)
        all += __atomic_load_n((const uint64_t *)(const void *)((const char *)&h->of[i] + of),
                               __ATOMIC_ACQUIRE);
    return all;
}
#define SUM(h, member) sum(h, offsetof(struct holder, member))

/* Until `got` (SUM's member) is `want`. False: it does not move, or something went wrong. */
static bool wait_for(struct hold *y, size_t of, uint64_t want)
{
    struct bench *b = y->bench;
    uint64_t moved_ns = clock_ns(), last = 0, got;
    while ((got = sum(y->holders, of)) != want) {
        uint64_t now = clock_ns();
        poller_turn(b->poller, now + LOOK_MS * SECOND / 1000);
        if (got != last)
            moved_ns = now;
        last = got;
        if (now - moved_ns > STUCK_S * SECOND)
            bench_failed(b, "%llu of %llu, and no more in %u s", (unsigned long long)got,
                         (unsigned long long)want, STUCK_S);
        if (SUM(y->holders, failures) > 0)
            bench_failed(b, "a generator has failed");
        if (y->opening && spare() < (double)b->opt.spare_mb * (1 << 20))
            bench_failed(b, "the machine has less than %llu MB left",
                         (unsigned long long)b->opt.spare_mb);
        if (holders_ended(y->holders, b) || b->failures > 0)
            return false;
    }
    return true;
}

/* ---- what happens at a stop ---- */

static void let_in(struct hold *y, uint64_t users)
{
    struct holders *h = y->holders;
    for (unsigned i = 0; i < h->count; i++) /* the first ones may have one more */
        h->orders.want[i] = users / h->count + (i < users % h->count);
    y->opening = true;
    bool in = wait_for(y, offsetof(struct holder, joined), users);
    y->opening = false;
    if (in)
        return;
    for (unsigned i = 0; i < h->count; i++)
        h->orders.want[i] = 0; /* no more than there are */
    uint64_t before;
    do { /* who is on the way in comes in */
        before = SUM(h, joined);
        poller_turn(y->bench->poller, clock_ns() + SECOND);
    } while (SUM(h, joined) != before);
}

static double generators_pss(const struct holders *h)
{
    double all = 0;
    char path[64];
    for (unsigned i = 0; i < h->count; i++) {
        snprintf(path, sizeof path, "/proc/%llu/smaps_rollup", (unsigned long long)h->of[i].pid);
        all += kilobytes(path, "Pss:");
    }
    return all;
}

static void report_memory(struct hold *y, struct report *r, const struct usage *now, uint64_t users)
{
    double per = 1 / (double)users, sessions = 0;
    for (size_t i = 0; i < now->count; i++) {
        double grown = now->of[i].pss - y->before.of[i].pss;
        if (strncmp(now->of[i].role, "session.", 8) == 0)
            sessions += grown;
        else
            report_add(r, grown * per, 1, "%s_pss_bytes", now->of[i].role);
    }
    report_add(r, sessions * per, 0, "sessions_pss_bytes");
    report_add(r, generators_pss(y->holders) * per, 0, "generators_pss_bytes");
    report_add(r, (now->slab - y->before.slab) * per, 0, "kernel_slab_bytes");
    report_add(r, (y->spare_before - spare()) * per, 0, "all_of_the_machine_bytes");
    report_add(r, (y->spare_before - spare()) / (1 << 20), 0, "all_of_the_machine_mb");
}

static void say(struct hold *y, struct report *r, uint64_t users)
{
    struct bench *b = y->bench;
    struct usage before, after;
    char what[160], name[80], body[120];
    struct bytes topic = holders_topic(b, name);
    uint64_t heard = SUM(y->holders, heard);
    snprintf(what, sizeof what, "POST /api/topics/%.*s/publish", (int)topic.n, topic.p);
    usage_read(&before, &b->server);
    uint64_t from = clock_ns();
    int n = snprintf(
        body, sizeof body, "{\"event\":\"numbered\",\"payload\":{\"n\":%llu,\"t\":%llu}}",
        (unsigned long long)++y->holders->orders.said, (unsigned long long)(from - b->start_ns));
    api_call(y->api, what, NULL, "application/json", (struct bytes){body, (size_t)n});
    if (b->failures || !wait_for(y, offsetof(struct holder, heard), heard + users))
        return;
    double took = (double)(clock_ns() - from) / 1e9;
    usage_read(&after, &b->server);
    struct histogram times = {0};
    for (unsigned i = 0; i < y->holders->count; i++)
        histogram_join(&times, &y->holders->of[i].heard_times);
    report_add(r, (double)times.count, 0, "heard_it");
    report_add(r, took, 2, "all_heard_it_s");
    report_add(r, (double)histogram_at(&times, 0.5) / 1e6, 0, "heard_it_p50_ms");
    report_add(r, usage_cpu_s(&before, &after) * 1e6 / (double)users, 1, "cpu_of_a_delivery_us");
}

static void heard(struct member *m, const struct phoenix *event, void *of)
{
    (void)m;
    ((struct hold *)of)->heard += bytes_is(event->event, "notification:new");
}

static void notify(struct hold *y, struct report *r)
{
    struct bench *b = y->bench;
    char user[BENCH_USER], body[120];
    uint64_t before = y->heard, from = clock_ns(), until = from + 10 * SECOND;
    bench_user(b, b->opt.users, user);
    int n = snprintf(body, sizeof body, "{\"to\":\"%s\",\"title\":\"hello\"}", user);
    api_call(y->api, "POST /api/notifications", NULL, "application/json",
             (struct bytes){body, (size_t)n});
    while (y->heard == before && clock_ns() < until)
        poller_turn(b->poller, until);
    if (y->heard != before + 1)
        bench_failed(b, "the notification was heard of %llu times",
                     (unsigned long long)(y->heard - before));
    report_add(r, (double)(clock_ns() - from) / 1e6, 2, "notified_ms");
}

static void stop_at(struct hold *y, uint64_t users)
{
    struct bench *b = y->bench;
    struct report r = {0};
    struct usage from, now;
    usage_read(&from, &b->server);
    uint64_t from_ns = clock_ns(), had = SUM(y->holders, joined);
    let_in(y, users);
    double took = (double)(clock_ns() - from_ns) / 1e9;
    usage_read(&now, &b->server);
    usage_same(&y->before, &now);
    users = SUM(y->holders, joined);
    report_add(&r, (double)users, 0, "joined");
    if (users == 0)
        return;
    report_add(&r, (double)(users - had) / took, 0, "joins_per_s");
    report_add(&r, usage_cpu_s(&from, &now) * 1e6 / (double)(users - had), 1, "cpu_of_a_join_us");
    report_memory(y, &r, &now, users);
    uint64_t failures = b->failures;
    b->failures = 0; /* what is there is measured */
    say(y, &r, users);
    notify(y, &r);
    b->failures += failures;
    report_print(&r, b->opt.json != 0);
    puts("");
}

/* ---- the end ---- */

static void beat(struct hold *y)
{
    struct bench *b = y->bench;
    struct usage before, after;
    struct histogram times = {0};
    uint64_t users = SUM(y->holders, joined);
    usage_read(&before, &b->server);
    y->holders->orders.beating = 1;
    if (!wait_for(y, offsetof(struct holder, beats_answered), users))
        return;
    usage_read(&after, &b->server);
    for (unsigned i = 0; i < y->holders->count; i++)
        histogram_join(&times, &y->holders->of[i].beat_times);
    report_add(&b->report, (double)times.count, 0, "heartbeats_answered");
    report_times(&b->report, "heartbeat", &times);
    report_add(&b->report, usage_cpu_s(&before, &after) * 1e6 / (double)users, 1,
               "cpu_of_a_heartbeat_us");
}

void hold_run(struct bench *b)
{
    static struct hold y;
    y = (struct hold){.bench = b, .holders = holders_new(b), .api = api_new(b)};
    b->conns = (uint32_t)b->opt.users + (uint32_t)b->opt.processes; /* beyond all of theirs */
    y.one = crowd_open(
        b, &(struct crowd_plan){.count = 1, .first = b->opt.users, .heard = heard, .of = &y});
    usage_read(&y.before, &b->server);
    y.spare_before = spare();
    for (uint64_t users = b->opt.step; b->failures == 0; users *= 2) {
        stop_at(&y, users < b->opt.users ? users : b->opt.users);
        if (users >= b->opt.users)
            break;
    }
    if (b->failures == 0)
        beat(&y);
    uint64_t from = clock_ns();
    holders_free(&y.holders);
    report_add(&b->report, (double)(clock_ns() - from) / 1e9, 1, "all_left_s");
    crowd_free(&y.one);
    api_free(&y.api);
}
