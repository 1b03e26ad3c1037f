/* SPDX-License-Identifier: Apache-2.0 */
/* notify: users are connected; creates come at a steady rate; how long until the badge changes?
 *
 * The time runs from before the POST is written to when the user's notification:new is read. The
 * pace is kept whatever the server does: a create that finds no free writer goes out late, and
 * `late` tells how late creates were. */
#include "bench/load/crowd.h"
#include "bench/load/writers.h"
#include "lib/ensure.h"
#include "lib/json.h"

#include <stdlib.h>

enum { ACKNOWLEDGED = 1, ARRIVED = 2 };
#define SECOND UINT64_C(1000000000)
#define GRACE (3 * SECOND) /* for what is still under way at the end: heads repeat within one */

struct notify {
    struct bench *bench;
    struct crowd *crowd;
    struct writers *writers;
    uint8_t *creates; /* by n */
    uint64_t most, missing, twice;
    uint64_t count_from_n; /* creates before it were for warming up */
    struct histogram badge, late;
};

/* A notification is on somebody's screen; a sync brings those that were shown before as well. */
static void show(struct notify *y, struct bytes notification, bool in_sync)
{
    uint64_t n, t;
    struct bytes data = field(notification, "data");
    if (!field_u64(data, "n", &n) || !field_u64(data, "t", &t) || n >= y->most) {
        bench_failed(y->bench, "a notification without our data");
        return;
    }
    if (y->creates[n] & ARRIVED) {
        y->twice += !in_sync;
        return;
    }
    y->creates[n] |= ARRIVED;
    if (n >= y->count_from_n)
        histogram_add(&y->badge, clock_ns() - y->bench->start_ns - t);
}

static void heard(struct member *m, const struct phoenix *event, void *of)
{
    (void)m;
    struct notify *y = of;
    if (bytes_is(event->event, "notification:new")) {
        show(y, field(event->payload, "notification"), false);
    } else if (bytes_is(event->event, "notifications:sync")) {
        struct json in = json_over(field(event->payload, "recent"));
        struct bytes notification;
        json_enter(&in, '[');
        while (json_element(&in, &notification))
            show(y, notification, true);
    }
}

static void acknowledged(struct writers *w, uint64_t n)
{
    struct notify *y = w->of_done;
    y->creates[n] |= ACKNOWLEDGED;
}

static uint64_t under_way(struct notify *y)
{
    uint64_t count = 0;
    for (uint64_t n = 0; n < y->writers->asked; n++)
        count += y->creates[n] == ACKNOWLEDGED;
    return count;
}

/* Create at the pace for `count` creates. */
static void pace(struct notify *y, uint64_t count, bool counting)
{
    struct poller *p = y->bench->poller;
    uint64_t from = clock_ns(), every = SECOND / y->bench->opt.rate, done = 0;
    while (done < count) {
        uint64_t due = from + done * every, beat = crowd_beat(y->crowd);
        poller_turn(p, due < beat ? due : beat);
        for (; done < count && from + done * every <= p->now_ns; done++) {
            if (!writers_create(y->writers, y->writers->asked % y->bench->opt.users))
                break;
            if (counting)
                histogram_add(&y->late, clock_ns() - (from + done * every));
        }
        if (p->now_ns > from + count * every + 10 * SECOND) {
            bench_failed(y->bench, "the pace cannot be held: %llu of %llu creates asked",
                         (unsigned long long)done, (unsigned long long)count);
            return;
        }
    }
}

static void finish(struct notify *y)
{
    struct poller *p = y->bench->poller;
    uint64_t until = clock_ns() + GRACE;
    while (clock_ns() < until && (y->writers->answered < y->writers->asked || under_way(y) > 0))
        poller_turn(p, p->now_ns + SECOND / 20);
    y->missing = under_way(y);
    if (y->missing + y->twice > 0)
        bench_failed(y->bench, "%llu acknowledged and never shown, %llu shown twice",
                     (unsigned long long)y->missing, (unsigned long long)y->twice);
    if (y->writers->answered < y->writers->asked)
        bench_failed(y->bench, "%llu creates never answered",
                     (unsigned long long)(y->writers->asked - y->writers->answered));
}

void notify_run(struct bench *b)
{
    struct notify *y = calloc(1, sizeof *y);
    ENSURE(y != NULL);
    uint64_t warm = b->opt.warm * b->opt.rate, count = b->opt.seconds * b->opt.rate;
    y->bench = b;
    y->most = warm + count;
    y->count_from_n = warm;
    y->creates = calloc(y->most, 1);
    ENSURE(y->creates != NULL);
    y->crowd = crowd_open(b, &(struct crowd_plan){.count = (uint32_t)b->opt.users});
    y->crowd->heard = heard;
    y->crowd->of = y;
    y->writers = writers_new(b);
    y->writers->done = acknowledged;
    y->writers->of_done = y;

    struct usage before, after;
    pace(y, warm, false);
    y->writers->counting = true;
    usage_read(&before, &b->server);
    pace(y, count, true);
    usage_read(&after, &b->server);
    finish(y);
    usage_same(&before, &after);

    report_add(&b->report, (double)b->opt.rate, 0, "creates_per_s");
    report_times(&b->report, "badge", &y->badge);
    report_times(&b->report, "acknowledged", &y->writers->times);
    report_times(&b->report, "late", &y->late);
    report_add(&b->report, (double)y->badge.count, 0, "badges");
    report_add(&b->report, (double)y->missing, 0, "missing");
    report_add(&b->report, (double)y->twice, 0, "twice");
    crowd_report(y->crowd);
    usage_report_cpu(&b->report, &before, &after, count);

    writers_free(&y->writers);
    crowd_free(&y->crowd);
    free(y->creates);
    free(y);
}
