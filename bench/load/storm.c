/* SPDX-License-Identifier: Apache-2.0 */
/* storm: users are connected and creates come at a steady rate; then with --kill 1 this program
 * kills a session process, and whoever it had comes back as phoenix.js does, with what it has seen
 * (`since`). How long until all are there again, and what did the others notice? With --kill 0
 * somebody else kills, while this waits. */
#include "bench/load/badges.h"
#include "bench/load/counts.h"
#include "lib/loop.h"

#include <signal.h>

#define SECOND UINT64_C(1000000000)
enum { STORM_S = 30 };

static bool lost_some(struct badges *y)
{
    return y->crowd->joined < y->crowd->count;
}

static bool all_are_back(struct badges *y)
{
    return !lost_some(y);
}

/* The last session process of the list. */
static void kill_one(const struct server *s)
{
    struct usage now;
    uint64_t pid = 0;
    usage_read(&now, s);
    for (size_t i = 0; i < now.count; i++)
        if (strncmp(now.of[i].role, "session.", 8) == 0)
            pid = now.of[i].pid;
    if (pid == 0 || kill((pid_t)pid, SIGKILL) != 0)
        refuse("--kill 1: no session process that we may kill");
}

/* Nobody's last word differs from the store's: the sum over all, as each chain was checked. */
static void check(struct badges *y)
{
    uint64_t shown = 0, kept = counts_sum(y->bench);
    for (uint32_t i = 0; i < y->crowd->count; i++)
        shown += y->crowd->members[i].unread;
    if (shown != kept || kept != y->writers->acknowledged)
        bench_failed(y->bench, "%llu shown, %llu in the inboxes, %llu acknowledged",
                     (unsigned long long)shown, (unsigned long long)kept,
                     (unsigned long long)y->writers->acknowledged);
}

static double memory(const struct usage *u)
{
    double sum = 0;
    for (size_t i = 0; i < u->count; i++)
        sum += u->of[i].rss_anon;
    return sum / 1048576;
}

void storm_run(struct bench *b)
{
    uint64_t most = (b->opt.warm + b->opt.seconds + 2 * STORM_S) * b->opt.rate;
    struct badges *y = badges_new(b, true, most);
    struct usage before, after;
    badges_pace(y, b->opt.warm, lost_some);
    y->phase = PHASE_one;
    badges_pace(y, b->opt.kill ? b->opt.seconds : STORM_S, lost_some);
    usage_read(&before, &b->server);
    y->phase = PHASE_two;
    uint64_t from = clock_ns();
    if (b->opt.kill) {
        kill_one(&b->server);
        badges_pace(y, 5, lost_some);
    }
    if (!lost_some(y))
        bench_failed(b, "nobody was lost");
    badges_pace(y, STORM_S, all_are_back);
    double took = (double)(clock_ns() - from) / 1e9;
    if (lost_some(y))
        bench_failed(b, "%u of %u are back", y->crowd->joined, y->crowd->count);
    badges_settle(y);
    usage_read(&after, &b->server);
    check(y);

    report_add(&b->report, y->crowd->lost, 0, "tries_that_failed");
    report_add(&b->report, took, 2, "all_back_s");
    report_times(&b->report, "before", &y->times[PHASE_one]);
    report_times(&b->report, "others", &y->times[PHASE_two]);
    report_times(&b->report, "of_lost", &y->times[PHASE_of_lost]);
    report_add(&b->report, memory(&before), 1, "rss_anon_before_mb");
    report_add(&b->report, memory(&after), 1, "rss_anon_after_mb");
    crowd_report(y->crowd);
    badges_free(&y);
}
