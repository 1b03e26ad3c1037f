/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c -- what happens in a run: who wants what when, and what breaks when. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIRST_MS = 1500, STORMY = 8, MOMENTS = 4, TOGETHER_US = 1500 * 1000 };

/* How often each kind is rolled in an ordinary run. */
static const unsigned weights[STEP_COUNT] = {
    [STEP_come] = 12,     [STEP_go] = 5,        [STEP_stall] = 3,      [STEP_lose_poll] = 4,
    [STEP_mark] = 22,     [STEP_mark_all] = 6,  [STEP_mark_up_to] = 6, [STEP_list] = 4,
    [STEP_reconnect] = 5, [STEP_rejoin] = 4,    [STEP_say] = 10,       [STEP_create] = 26,
    [STEP_burst] = 3,     [STEP_publish] = 6,   [STEP_count] = 6,      [STEP_batch] = 6,
    [STEP_again] = 5,     [STEP_patch] = 5,     [STEP_mute] = 2,       [STEP_member] = 2,
    [STEP_schedule] = 5,  [STEP_broadcast] = 5, [STEP_take_back] = 4,  [STEP_kill] = 4,
    [STEP_freeze] = 2,    [STEP_drain] = 2,     [STEP_slow] = 3,       [STEP_loss] = 3,
    [STEP_cut] = 2,       [STEP_disk_slow] = 2, [STEP_disk_fail] = 1,  [STEP_disk_full] = 1,
    [STEP_clock] = 1,     [STEP_revoke] = 1,    [STEP_erase] = 2,      [STEP_revise] = 5,
    [STEP_import] = 3,
};

static bool breaks(enum step_kind kind)
{
    return kind >= STEP_kill;
}

/* Slow is not lost; nor is what the store says that it cannot do. */
static bool loses(enum step_kind kind)
{
    return kind != STEP_slow && kind != STEP_disk_slow && kind != STEP_disk_full &&
           kind != STEP_clock;
}

/* What a run is like: of 4, an ordinary share of faults; whether they are only such as lose nothing,
 * while many come and go, so that what is missed is missed without an excuse; and whether what breaks breaks
 * together, at a few moments, so that one thing breaks while the other is coming back. */
struct mood {
    unsigned faults;
    bool mild, together;
};

static unsigned weight(struct mood m, enum step_kind kind)
{
    if (m.mild && breaks(kind) && loses(kind))
        return 0;
    if (m.mild && (kind == STEP_come || kind == STEP_go))
        return weights[kind] * 4 * 4;
    return weights[kind] * (breaks(kind) ? m.faults : 4);
}

static enum step_kind kind_of(struct dice *d, struct mood m)
{
    unsigned sum = 0, at, i = 0;
    for (unsigned k = 0; k < STEP_COUNT; k++)
        sum += weight(m, k);
    at = (unsigned)roll(d, sum);
    for (;; i++) {
        unsigned w = weight(m, i);
        if (at < w)
            return (enum step_kind)i;
        at -= w;
    }
}

static struct mood mood_of(uint64_t seed, unsigned faults)
{
    struct dice d = {seed * 0x9e3779b97f4a7c15 + 54321};
    bool mild = roll(&d, 5) == 0;
    return (struct mood){mild ? 2 * STORMY : faults, mild, roll(&d, 4) == 0};
}

/* This time, near one of a few. */
static uint64_t gathered(uint64_t at_us, uint64_t length_us)
{
    return at_us % MOMENTS * (length_us / MOMENTS) + at_us / MOMENTS % TOGETHER_US;
}

static int by_time(const void *left, const void *right)
{
    const struct step *a = left, *b = right;
    return (a->at_us > b->at_us) - (a->at_us < b->at_us);
}

void plan_roll(struct plan *p, uint64_t seed)
{
    struct dice d = {seed * 0x9e3779b97f4a7c15 + 12345};
    unsigned busy = 1 + (unsigned)roll(&d, 8); /* steps a second */
    struct mood mood = mood_of(seed, (unsigned)roll(&d, STORMY));
    uint64_t length_us = (10 + roll(&d, 40)) * SECOND;
    unsigned n = (unsigned)(length_us / SECOND) * busy;
    p->n = 0;
    if (n > STEPS_MAX - CLIENTS)
        n = STEPS_MAX - CLIENTS;
    for (unsigned i = 0; i < CLIENTS; i++) /* most are there from the start */
        if (roll(&d, 4))
            p->list[p->n++] = (struct step){
                .at_us = FIRST_MS * MS + roll(&d, SECOND), .kind = STEP_come, .who = i};
    for (unsigned i = 0; i < n; i++) {
        struct step *s = &p->list[p->n++];
        uint64_t at_us = roll(&d, length_us);
        s->kind = kind_of(&d, mood);
        s->at_us = FIRST_MS * MS +
                   (mood.together && breaks(s->kind) ? gathered(at_us, length_us) : at_us);
        s->who = (unsigned)roll(&d, 60);
        s->a = roll(&d, UINT32_MAX);
        s->b = roll(&d, UINT32_MAX);
        s->c = roll(&d, UINT32_MAX);
    }
    qsort(p->list, p->n, sizeof *p->list, by_time);
    p->storm_end_us = FIRST_MS * MS + length_us;
}

static uint64_t lasting(const struct step *s, uint64_t least_ms, uint64_t most_ms)
{
    uint64_t until_us = sim.now_us + (least_ms + s->a % (most_ms - least_ms)) * MS;
    if (until_us > sim.fault_us)
        sim.fault_us = until_us;
    return until_us;
}

/* Where it breaks: the store and the notifier as often as all sessions. */
static unsigned place_of(const struct step *s)
{
    static const unsigned places[] = {AT_store,   AT_broker,      AT_notifier,
                                      AT_session, AT_session + 1, AT_session + 2};
    return places[s->who % 6];
}

static const char *const says[] = {
#define AS_TEXT(name, doc) doc,
    STEPS(AS_TEXT)
#undef AS_TEXT
};

const char *step_says(const struct step *s)
{
    return says[s->kind];
}

static void slow(struct weather *w, const struct step *s)
{
    w->slow_us = s->b % (1500 * MS);
    w->slow_until_us = lasting(s, 100, 4000);
    lasting(s, 1700, 5600); /* what was sent last is there by then */
}

static void fault(const struct step *s)
{
    unsigned place = place_of(s);
    struct weather *w = network_weather(place);
    tell("FAULT", "%s%s%s", says[s->kind], s->kind < STEP_disk_slow ? ": " : "",
         s->kind == STEP_drain      ? place_name(AT_session + s->who % SESSIONS)
         : s->kind == STEP_loss     ? place_name(AT_broker)
         : s->kind < STEP_disk_slow ? place_name(place)
                                    : "");
    switch (s->kind) {
    case STEP_kill:
        world_kill(place, lasting(s, 100, 2000));
        if (s->c % 4 == 0) /* and comes back to wires that are slow */
            slow(w, s);
        break;
    case STEP_freeze:
        world_freeze(place, lasting(s, 100, 5000));
        break;
    case STEP_drain:
        lasting(s, 4000, 4100);
        world_drain(AT_session + s->who % SESSIONS);
        break;
    case STEP_slow:
        slow(w, s);
        break;
    case STEP_loss:
        w = network_weather(AT_broker);
        w->loss = (unsigned)(s->b % 60);
        w->twice = (unsigned)(s->c % 30);
        w->loss_until_us = lasting(s, 100, 4000);
        break;
    case STEP_cut:
        w->cut_until_us = lasting(s, 1, 3000);
        network_cut(place);
        break;
    case STEP_disk_slow:
        disk.slow_us = s->b % (2 * SECOND);
        disk.slow_until_us = lasting(s, 100, 3000);
        break;
    case STEP_disk_fail:
        lasting(s, 1000, 1001);
        disk.fail_next = true;
        disk.torn_next = s->b % 2;
        break;
    case STEP_disk_full:
        disk.full_until_us = lasting(s, 300, 3000);
        break;
    case STEP_clock: {
        static const int64_t steps_ms[] = {-3600000, -7000, -50, 40, 5000, 3600000};
        lasting(s, 1000, 1001);
        sim.wall_most_ms = wall_most_ms();
        sim.wall_step_ms += steps_ms[s->b % 6];
        break;
    }
    default:
        break;
    }
    if (loses(s->kind))
        sim.lost_us = sim.fault_us;
}

void step_run(const struct step *s)
{
    if (client_step(s) || producer_step(s))
        return;
    fault(s);
}
