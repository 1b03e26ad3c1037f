/* SPDX-License-Identifier: Apache-2.0 */
/* The session's core as a sequence of events: whatever comes in whatever order, a view says no more than
 * it has room for, never goes back, and does not wait for the broker for ever. */
#include "tests/fuzz/fuzz.h"

#include "session/live/view.h"

static struct view_event event_of(struct input *in, const struct view *v, uint64_t *now_ms)
{
    uint8_t kind = input_byte(in), how = input_byte(in);
    *now_ms += how & 1 ? input_u64(in, 2) : 1;
    struct view_event ev = {.kind = (enum view_event_kind)(kind % EV_COUNT), .now_ms = *now_ms};
    ev.seq = how & 2 ? input_u64(in, 8) : v->seq + input_byte(in) % 4;
    ev.prev = how & 4 ? input_u64(in, 8) : v->seq;
    ev.asked = how & 8 ? (uint32_t)input_u64(in, 4) : v->asked;
    if (how & 16)
        ev.seq = VIEW_NOTHING;
    if (ev.seq == VIEW_NOTHING && ev.kind != EV_join && ev.kind != EV_reconnect)
        ev.seq = 0; /* a log has no such position */
    return ev;
}

static void step(struct view *v, const struct view_event *ev)
{
    struct view_effects fx = {0};
    struct view was = *v;
    view_step(v, ev, &fx);
    ENSURE(fx.n <= VIEW_EFFECTS);
    ENSURE(v->state < VIEW_STATE_COUNT);
    for (unsigned i = 0; i < fx.n; i++) {
        ENSURE(fx.list[i].kind < FX_COUNT);
        if (fx.list[i].kind == FX_send && ev->seq != 0) /* in order, once, without a hole */
            ENSURE(was.state == VIEW_live && ev->prev <= was.seq && ev->seq > was.seq);
        if (was.state == VIEW_closed)
            ENSURE(fx.list[i].kind != FX_send);
    }
    if (was.state == VIEW_live && v->state == VIEW_live && ev->kind == EV_broadcast)
        ENSURE(v->seq >= was.seq);
    if (v->state == VIEW_joining) /* every other state waits for an answer that always comes */
        ENSURE(v->deadline_ms != VIEW_NEVER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    struct view v;
    uint64_t now_ms = 1000;
    view_init(&v);
    struct view_event join = {
        .kind = EV_join, .now_ms = now_ms, .seq = n % 2 ? VIEW_NOTHING : input_byte(&in)};
    step(&v, &join);
    while (in.n > 0) {
        struct view_event ev = event_of(&in, &v, &now_ms);
        if (ev.kind != EV_join)
            step(&v, &ev);
    }
    return 0;
}
