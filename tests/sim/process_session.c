/* SPDX-License-Identifier: Apache-2.0 */
/* The session processes: what session/main.c does around a turn. */
#include "lib/ensure.h"
#include "session/socket/drain.h"
#include "session/turn.h"
#include "tests/sim/sim.h"

#include <zmq.h>

static struct session sessions[SESSIONS];
static struct counter counts[SESSIONS][COUNT_COUNT];

static void clocks(struct session *s)
{
    s->now_ms = sim.now_us / MS;
    s->wall_ms = wall_ms();
}

static bool start(unsigned index)
{
    struct session *s = &sessions[index];
    *s = (struct session){.settings = &sim.settings, .index = index, .counts = counts[index]};
    memset(counts[index], 0, sizeof counts[index]);
    snprintf(s->api_key, sizeof s->api_key, "sim-api-key");
    snprintf(s->token_key, sizeof s->token_key, "the-token-key-of-the-simulator-32");
    clocks(s);
    turn_open(s, zmq_ctx_new(), &sim.paths);
    return true;
}

static bool turn(unsigned index)
{
    struct session *s = &sessions[index];
    clocks(s);
    turn_run(s, true, true);
    return !drained(s);
}

static uint64_t deadline_ms(unsigned index)
{
    return turn_deadline_ms(&sessions[index]);
}

static bool end(unsigned index)
{
    if (sessions[index].conns) /* else it left while it opened */
        turn_close(&sessions[index]);
    return true;
}

bool session_term(unsigned index)
{
    clocks(&sessions[index]);
    drain_begin(&sessions[index]);
    return true;
}

const struct program session_program = {start, turn, deadline_ms, end};
