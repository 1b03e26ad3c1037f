/* SPDX-License-Identifier: Apache-2.0 */
/* The notifier: what notifier/main.c does around a turn. */
#include "notifier/turn.h"
#include "tests/sim/sim.h"

static struct notifier notifier;
static struct counter counts[COUNT_notifier];
static bool more;

static bool start(unsigned index)
{
    (void)index;
    memset(counts, 0, sizeof counts);
    notifier_open(&notifier, zmq_ctx_new(), &sim.settings, &sim.paths, counts);
    return true;
}

static bool turn(unsigned index)
{
    (void)index;
    more = notifier_turn(&notifier, sim.now_us / MS, wall_ms());
    return true;
}

static uint64_t deadline_ms(unsigned index)
{
    (void)index;
    return more ? 0 : notifier_deadline_ms(&notifier);
}

static bool end(unsigned index)
{
    (void)index;
    notifier_close(&notifier);
    return true;
}

const struct program notifier_program = {start, turn, deadline_ms, end};
