/* SPDX-License-Identifier: Apache-2.0 */
/* members: a message on a topic becomes a notification for each of its --members (a rule), while
 * creates for --users others come at a steady rate. How much later do these show? */
#include "bench/load/api.h"
#include "bench/load/badges.h"
#include "bench/load/phoenix.h"

#include <stdio.h>

#define SECOND UINT64_C(1000000000)
enum { LINES = 5000, FANOUT_S = 60, PATH = 200 };

/* Its name sorts before those of the connected users: the fan-out goes by name. */
static void write_line(struct bench *b, struct buf *body, uint64_t n)
{
    buf_format(body, "{\"user\":\"a%s-%llu\"}\n", b->run, (unsigned long long)n);
}

/* All but the last are nobody who is here; the last is the first connected user, who so tells when
 * everybody has got it. */
static void add_members(struct bench *b, struct api *a)
{
    char what[PATH], user[BENCH_USER];
    struct buf body;
    snprintf(what, sizeof what, "POST /api/topics/bench-channel:%s/members", b->run);
    bench_user(b, 0, user);
    buf_init(&body, LINES * 64);
    for (uint64_t n = 1; n <= b->opt.members && b->failures == 0; n++) {
        if (n < b->opt.members)
            write_line(b, &body, n);
        else
            buf_format(&body, "{\"user\":\"%s\"}\n", user);
        if (n % LINES != 0 && n < b->opt.members)
            continue;
        api_call(a, what, NULL, "application/x-ndjson", buf_all(&body));
        buf_reset(&body);
    }
    buf_fini(&body);
}

static void publish(struct bench *b, struct api *a)
{
    char what[PATH];
    snprintf(what, sizeof what, "POST /api/topics/bench-channel:%s/publish", b->run);
    api_call(a, what, NULL, "application/json",
             BYTES("{\"event\":\"message.create\",\"payload\":{\"text\":\"hello\"}}"));
}

/* Each of these got exactly one. */
static void check_some(struct bench *b, struct api *a)
{
    const uint64_t some[] = {1, b->opt.members / 3, b->opt.members / 2, b->opt.members - 1};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        char user[BENCH_USER];
        uint64_t unread = 0;
        snprintf(user, sizeof user, "a%s-%llu", b->run, (unsigned long long)some[i]);
        struct bytes answer = api_call(a, "GET /api/notifications/count", user, NULL,
                                       (struct bytes){0});
        if (!field_u64(answer, "unread_count", &unread) || unread != 1)
            bench_failed(b, "member %s has %llu notifications", user, (unsigned long long)unread);
    }
}

static bool everybody_has_it(struct badges *y)
{
    return y->others > 0;
}

void members_run(struct bench *b)
{
    uint64_t most = (b->opt.warm + b->opt.seconds + FANOUT_S) * b->opt.rate;
    struct api *a = api_new(b);
    add_members(b, a);
    struct badges *y = badges_new(b, false, most);
    struct usage before, after;
    badges_pace(y, b->opt.warm, NULL);
    y->phase = PHASE_one;
    badges_pace(y, b->opt.seconds, NULL);
    usage_read(&before, &b->server);
    uint64_t from = clock_ns();
    publish(b, a);
    y->phase = PHASE_two;
    badges_pace(y, FANOUT_S, everybody_has_it);
    double took = (double)(clock_ns() - from) / 1e9;
    usage_read(&after, &b->server);
    usage_same(&before, &after);
    badges_settle(y);
    check_some(b, a);
    if (y->others != 1)
        bench_failed(b, "the last member got %llu notifications", (unsigned long long)y->others);

    report_add(&b->report, took, 2, "fanout_s");
    report_add(&b->report, (double)b->opt.members / took, 0, "notifications_per_s");
    report_times(&b->report, "before", &y->times[PHASE_one]);
    report_times(&b->report, "during", &y->times[PHASE_two]);
    report_times(&b->report, "late", &y->late[PHASE_two]);
    crowd_report(y->crowd);
    usage_report_cpu(&b->report, &before, &after, b->opt.members);
    badges_free(&y);
    api_free(&a);
}
