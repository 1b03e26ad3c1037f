/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/keep.h"

#include "lib/ensure.h"
#include "lib/loop.h"

#define AS_NAME(name) #name,
static const char *const state_names[] = {KEEP_STATES(AS_NAME)};

const char *keep_state_name(enum keep_state state)
{
    return state_names[state];
}

void keep_init(struct keep *k, uint64_t grace_ms)
{
    *k = (struct keep){.grace_ms = grace_ms, .kill_ms = KEEP_NEVER};
}

unsigned keep_add(struct keep *k, unsigned stage)
{
    ENSURE(k->count < KEEP_MAX);
    k->children[k->count] = (struct keep_child){.state = KEEP_down, .stage = stage};
    return k->count++;
}

uint64_t keep_deadline_ms(const struct keep *k)
{
    uint64_t nearest_ms = k->kill_ms;
    for (unsigned i = 0; i < k->count; i++)
        if (k->children[i].state == KEEP_down && k->children[i].again_ms < nearest_ms)
            nearest_ms = k->children[i].again_ms;
    return nearest_ms;
}

static void emit(struct keep_effects *fx, enum keep_effect_kind kind, unsigned child, int code)
{
    ENSURE(fx->n < KEEP_MAX + 2);
    fx->list[fx->n++] = (struct keep_effect){kind, child, code};
}

static bool runs(const struct keep_child *c)
{
    return c->state == KEEP_starting || c->state == KEEP_up || c->state == KEEP_stopping;
}

/* Stop the lowest stage that still runs; when none does, leave. */
static void drain(struct keep *k, uint64_t now_ms, struct keep_effects *fx)
{
    unsigned stage = UINT32_MAX;
    for (unsigned i = 0; i < k->count; i++)
        if (runs(&k->children[i]) && k->children[i].stage < stage)
            stage = k->children[i].stage;
    if (stage == UINT32_MAX) {
        k->kill_ms = KEEP_NEVER;
        emit(fx, KEEP_FX_leave, 0, k->code);
        return;
    }
    for (unsigned i = 0; i < k->count; i++) {
        struct keep_child *c = &k->children[i];
        if (c->stage != stage || !runs(c) || c->state == KEEP_stopping)
            continue;
        c->state = KEEP_stopping;
        k->kill_ms = now_ms + k->grace_ms;
        emit(fx, KEEP_FX_term, i, 0);
    }
}

static void drain_begin(struct keep *k, uint64_t now_ms, int code, struct keep_effects *fx)
{
    k->draining = true;
    k->code = code;
    for (unsigned i = 0; i < k->count; i++)
        if (k->children[i].state == KEEP_down)
            k->children[i].state = KEEP_gone;
    drain(k, now_ms, fx);
}

static void kill_all(struct keep *k, enum keep_state only, struct keep_effects *fx)
{
    k->kill_ms = KEEP_NEVER;
    for (unsigned i = 0; i < k->count; i++)
        if (runs(&k->children[i]) && (only == KEEP_gone || k->children[i].state == only)) {
            k->children[i].state = KEEP_stopping;
            emit(fx, KEEP_FX_kill, i, 0);
        }
}

static void start_due(struct keep *k, uint64_t now_ms, struct keep_effects *fx)
{
    for (unsigned i = 0; i < k->count; i++) {
        struct keep_child *c = &k->children[i];
        if (c->state != KEEP_down || now_ms < c->again_ms)
            continue;
        c->state = KEEP_starting;
        c->started_ms = now_ms;
        emit(fx, KEEP_FX_start, i, 0);
    }
}

static void exited(struct keep *k, const struct keep_event *ev, struct keep_effects *fx)
{
    struct keep_child *c = &k->children[ev->child];
    ENSURE(runs(c));
    if (k->draining) {
        c->state = KEEP_gone;
        drain(k, ev->now_ms, fx);
        return;
    }
    if (ev->code == EXIT_refused) {
        c->state = KEEP_refused;
        if (!k->was_ready)
            drain_begin(k, ev->now_ms, EXIT_refused, fx);
        return;
    }
    uint64_t twice_ms = c->wait_ms ? 2 * c->wait_ms : BACK_OFF_MS;
    c->wait_ms = ev->now_ms - c->started_ms > STEADY_MS ? 0
                 : twice_ms < BACK_OFF_MAX_MS           ? twice_ms
                                                        : BACK_OFF_MAX_MS;
    c->state = KEEP_down;
    c->again_ms = ev->now_ms + c->wait_ms;
    c->restarts++;
    start_due(k, ev->now_ms, fx);
}

static void ready(struct keep *k, const struct keep_event *ev, struct keep_effects *fx)
{
    struct keep_child *c = &k->children[ev->child];
    if (c->state == KEEP_starting)
        c->state = KEEP_up;
    if (k->was_ready)
        return;
    for (unsigned i = 0; i < k->count; i++)
        if (k->children[i].state != KEEP_up)
            return;
    k->was_ready = true;
    emit(fx, KEEP_FX_all_ready, 0, 0);
}

void keep_step(struct keep *k, const struct keep_event *ev, struct keep_effects *fx)
{
    fx->n = 0;
    switch (ev->kind) {
    case KEEP_EV_tick:
        if (!k->draining)
            start_due(k, ev->now_ms, fx);
        else if (ev->now_ms >= k->kill_ms)
            kill_all(k, KEEP_stopping, fx);
        break;
    case KEEP_EV_ready:
        ready(k, ev, fx);
        break;
    case KEEP_EV_exited:
        exited(k, ev, fx);
        break;
    case KEEP_EV_drain:
        if (k->draining)
            kill_all(k, KEEP_gone, fx);
        else
            drain_begin(k, ev->now_ms, EXIT_drained, fx);
        break;
    }
}
