/* SPDX-License-Identifier: Apache-2.0 */
/* notify: users are connected; creates come at a steady rate; how long until the badge changes? */
#include "bench/load/badges.h"

void notify_run(struct bench *b)
{
    struct badges *y = badges_new(b, false, (b->opt.warm + b->opt.seconds) * b->opt.rate);
    struct usage before, after;
    badges_pace(y, b->opt.warm, NULL);
    y->phase = PHASE_one;
    y->writers->counting = true;
    usage_read(&before, &b->server);
    badges_pace(y, b->opt.seconds, NULL);
    usage_read(&after, &b->server);
    badges_settle(y);
    usage_same(&before, &after);
    if (y->others > 0)
        bench_failed(b, "%llu notifications without our data", (unsigned long long)y->others);

    report_add(&b->report, (double)b->opt.rate, 0, "creates_per_s");
    report_times(&b->report, "badge", &y->times[PHASE_one]);
    report_times(&b->report, "acknowledged", &y->writers->times);
    report_times(&b->report, "late", &y->late[PHASE_one]);
    report_add(&b->report, (double)y->times[PHASE_one].count, 0, "badges");
    report_add(&b->report, (double)y->missing, 0, "missing");
    report_add(&b->report, (double)y->twice, 0, "twice");
    crowd_report(y->crowd);
    usage_report_cpu(&b->report, &before, &after, b->opt.seconds * b->opt.rate);
    badges_free(&y);
}
