/* SPDX-License-Identifier: Apache-2.0 */
/* The broker: what broker/main.c does around a turn. */
#include "broker/bus.h"
#include "tests/sim/sim.h"

static struct bus bus;
static struct counter counts[BUS_COUNT];
static bool more;

static bool start(unsigned index)
{
    (void)index;
    bus_open(&bus, zmq_ctx_new(), sim.paths.broker_in, sim.paths.broker_out,
             (int)sim.settings.broker_queue);
    bus.count = counts;
    return true;
}

static bool turn(unsigned index)
{
    (void)index;
    more = bus_run(&bus, 1000);
    return true;
}

static uint64_t deadline_ms(unsigned index)
{
    (void)index;
    return more ? 0 : NEVER;
}

static bool end(unsigned index)
{
    (void)index;
    bus_close(&bus);
    return true;
}

const struct program broker_program = {start, turn, deadline_ms, end};
