/* SPDX-License-Identifier: Apache-2.0 */
/* The store: what store/main.c does around a turn, over disk.c's database. */
#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/loop.h"
#include "lib/secret.h"
#include "store/turn.h"
#include "tests/sim/sim.h"

enum { LOG_BYTES = 4096 }; /* so that the log is trimmed */

static struct store store;
static struct counter counts[COUNT_store];
static bool more;

static struct instant clocks(void)
{
    return (struct instant){clock_ms(), clock_wall_ms()};
}

static bool start(unsigned index)
{
    struct state state;
    uint64_t seed;
    (void)index;
    secret_random(&seed, sizeof seed);
    memset(counts, 0, sizeof counts);
    store = (struct store){.settings = &sim.settings, .ctx = zmq_ctx_new()};
    hub_open(&store.hub, store.ctx, sim.paths.store, FRAME_MAX);
    store.engine = disk_engine();
    enum err e = meta_open(store.engine, clock_wall_ms(), &state);
    if (e)
        try_again("store.open error=\"%s\"", err_text(e));
    store_open(&store, &state, counts, seed);
    store.commit.work.limits.log_bytes = LOG_BYTES;
    return true;
}

static bool turn(unsigned index)
{
    (void)index;
    return store_turn(&store, clocks(), &more) == ERR_OK;
}

static uint64_t deadline_ms(unsigned index)
{
    (void)index;
    return more ? 0 : LOOP_NEVER;
}

static bool end(unsigned index)
{
    (void)index;
    if (store.requests.filling)
        store_close(&store);
    hub_close(&store.hub);
    return true;
}

const struct program store_program = {start, turn, deadline_ms, end};
