/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/badges.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "lib/loop.h"

#include <stdlib.h>

enum { ACKNOWLEDGED = 1, ARRIVED = 2, PHASE_SHIFT = 2 };
#define SECOND UINT64_C(1000000000)
#define GRACE (3 * SECOND) /* for what is still under way at the end: heads repeat within one */

/* A notification is on somebody's screen; a snapshot brings those that were shown before as well. */
static void show(struct badges *y, const struct member *m, struct bytes notification, bool again)
{
    uint64_t n, t;
    struct bytes data = field(notification, "data");
    if (!field_u64(data, "n", &n) || !field_u64(data, "t", &t) || n >= y->most) {
        y->others++;
        return;
    }
    if (y->creates[n] & ARRIVED) {
        y->twice += !again;
        return;
    }
    y->creates[n] |= ARRIVED;
    unsigned phase = m->was_lost ? PHASE_of_lost : y->creates[n] >> PHASE_SHIFT;
    histogram_add(&y->times[phase], clock_ns() - y->bench->start_ns - t);
}

static void heard(struct member *m, const struct phoenix *event, void *of)
{
    struct badges *y = of;
    if (bytes_is(event->event, "notification:new")) {
        show(y, m, field(event->payload, "notification"), false);
        return;
    }
    struct bytes list = field(event->payload, "recent"), notification;
    if (list.n == 0)
        list = field(event->payload, "notifications"); /* of a join */
    struct json in = json_over(list);
    json_enter(&in, '[');
    while (list.n > 0 && json_element(&in, &notification))
        show(y, m, notification, true);
}

static void acknowledged(struct writers *w, uint64_t n)
{
    struct badges *y = w->about;
    y->creates[n] |= ACKNOWLEDGED;
}

/* Its back end was of those who lost their connection, not of the others. */
static void was_lost(struct writers *w, uint64_t n)
{
    struct badges *y = w->about;
    y->creates[n] |= PHASE_of_lost << PHASE_SHIFT;
}

static uint64_t under_way(const struct badges *y)
{
    uint64_t count = 0;
    for (uint64_t n = 0; n < y->writers->asked; n++)
        count += (y->creates[n] & (ACKNOWLEDGED | ARRIVED)) == ACKNOWLEDGED;
    return count;
}

struct badges *badges_new(struct bench *b, bool returns, uint64_t most)
{
    if (b->opt.rate == 0)
        refuse("rate must be above 0");
    struct badges *y = calloc(1, sizeof *y);
    ENSURE(y != NULL);
    y->bench = b;
    y->most = most;
    y->creates = calloc(most, 1);
    ENSURE(y->creates != NULL);
    y->crowd = crowd_open(
        b, &(struct crowd_plan){
               .count = (uint32_t)b->opt.users, .returns = returns, .heard = heard, .of = y});
    y->writers = writers_new(b);
    y->writers->done = acknowledged;
    y->writers->lost = was_lost;
    y->writers->about = y;
    y->writers->repeats = returns;
    return y;
}

void badges_free(struct badges **slot)
{
    struct badges *y = *slot;
    *slot = NULL;
    if (!y)
        return;
    writers_free(&y->writers);
    crowd_free(&y->crowd);
    free(y->creates);
    free(y);
}

static bool create(struct badges *y, uint64_t due_ns)
{
    struct writers *w = y->writers;
    uint64_t n = w->asked;
    if (n == y->most || !writers_create(w, n % y->bench->opt.users))
        return false;
    unsigned phase = w->fresh && y->phase == PHASE_two ? PHASE_of_lost : y->phase;
    y->creates[n] |= (uint8_t)(phase << PHASE_SHIFT);
    histogram_add(&y->late[y->phase], clock_ns() - due_ns);
    return true;
}

void badges_pace(struct badges *y, uint64_t seconds, bool (*done)(struct badges *y))
{
    struct bench *b = y->bench;
    uint64_t due = clock_ns(), every = SECOND / b->opt.rate, until = due + seconds * SECOND;
    while (due < until && b->failures == 0 && !(done && done(y))) {
        uint64_t beat = crowd_beat(y->crowd);
        poller_turn(b->poller, due < beat ? due : beat);
        writers_repeat(y->writers);
        while (due <= b->poller->now_ns && due < until && create(y, due))
            due += every;
        if (b->poller->now_ns > until + 10 * SECOND) {
            bench_failed(b, "the pace cannot be held");
            return;
        }
    }
}

void badges_settle(struct badges *y)
{
    struct poller *p = y->bench->poller;
    uint64_t until = clock_ns() + GRACE;
    while (clock_ns() < until && (y->writers->answered < y->writers->asked || under_way(y) > 0)) {
        crowd_beat(y->crowd);
        writers_repeat(y->writers);
        poller_turn(p, p->now_ns + SECOND / 20);
    }
    y->missing = under_way(y);
    if (y->missing + y->twice > 0)
        bench_failed(y->bench, "%llu acknowledged and never shown, %llu shown twice",
                     (unsigned long long)y->missing, (unsigned long long)y->twice);
    if (y->writers->answered < y->writers->asked)
        bench_failed(y->bench, "%llu creates never answered",
                     (unsigned long long)(y->writers->asked - y->writers->answered));
}
