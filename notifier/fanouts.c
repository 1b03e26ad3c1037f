/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/fanouts.h"

#include "lib/ensure.h"

void fanouts_init(struct fanouts *f, const struct topic_rule *rules, uint64_t rules_n)
{
    ENSURE(rules_n <= RULES_MAX);
    *f = (struct fanouts){.rules = rules, .rules_n = rules_n};
    for (uint64_t i = 0; i < rules_n; i++)
        f->ids[i] = rule_id(&rules[i]);
}

static uint64_t nearer(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* -- the log ---------------------------------------------------------------------------------- */

uint64_t fanouts_begun(const struct fanouts *f)
{
    return f->begins_n ? nearer(f->begins[0].id.source - 1, f->ruled) : f->ruled;
}

void fanouts_from(struct fanouts *f, uint64_t position)
{
    f->ruled = position;
    f->begins_n = 0; /* their answers are of questions that we no longer ask */
    f->behind = false;
}

bool fanouts_want(const struct fanouts *f, uint64_t now_ms)
{
    return f->behind && f->begins_n == 0 && now_ms >= f->again_ms;
}

static void fall_behind(struct fanouts *f, uint64_t ruled, uint64_t again_ms)
{
    f->ruled = nearer(f->ruled, ruled);
    f->again_ms = f->behind && again_ms < f->again_ms ? f->again_ms : again_ms;
    f->behind = true;
}

static void begin(struct fanouts *f, uint64_t rule, const struct notify_event *ev,
                  struct notify_effects *fx)
{
    struct fanout_id id = {ev->entry->seq, f->ids[rule]};
    f->begins[f->begins_n].id = id;
    f->begins[f->begins_n++].asked = ++f->asked;
    f->begins_ms = ev->now_ms + FANOUT_TTL_MS;
    notify_emit(fx, (struct notify_effect){.kind = NOTIFY_FX_fanout,
                                           .asked = f->asked,
                                           .fanout = id,
                                           .rule = &f->rules[rule],
                                           .entry = ev->entry});
}

static void entry(struct fanouts *f, const struct notify_event *ev, struct notify_effects *fx)
{
    if (f->behind || ev->entry->seq <= f->ruled)
        return;
    for (uint64_t i = 0; i < f->rules_n; i++) {
        if (!rule_takes(&f->rules[i], ev->entry))
            continue;
        if (f->begins_n == FANOUT_BEGINS) {
            fall_behind(f, f->ruled, ev->now_ms);
            return;
        }
        begin(f, i, ev, fx);
    }
    f->ruled = ev->entry->seq;
}

/* -- pages ------------------------------------------------------------------------------------ */

static void add(struct fanouts *f, struct fanout_id id)
{
    for (uint32_t i = 0; i < f->stepping_n; i++)
        if (f->stepping[i].source == id.source && f->stepping[i].rule == id.rule)
            return;
    if (f->stepping_n == FANOUT_STEPPING)
        f->more = true;
    else
        f->stepping[f->stepping_n++] = id;
}

/* The one whose turn it was: its place is the next one's. */
static void drop(struct fanouts *f)
{
    f->stepping_n--;
    memmove(f->stepping + f->turn, f->stepping + f->turn + 1,
            (f->stepping_n - f->turn) * sizeof *f->stepping);
}

/* The store will say the same tomorrow: it is not asked again. */
static bool final(uint64_t status)
{
    return status == ERR_INVALID || status == ERR_NOT_FOUND;
}

static void stepped(struct fanouts *f, const struct notify_event *ev)
{
    f->step = 0;
    f->step_ms = ev->now_ms;
    if (final(ev->status) || (ev->status == ERR_OK && ev->done))
        drop(f);
    else if (ev->status == ERR_OK)
        f->turn++;
    else
        f->step_ms += FANOUT_AGAIN_MS;
    if (f->turn >= f->stepping_n)
        f->turn = 0;
}

static void begun(struct fanouts *f, uint32_t i, const struct notify_event *ev)
{
    struct fanout_id id = f->begins[i].id;
    f->begins_n--;
    memmove(f->begins + i, f->begins + i + 1, (f->begins_n - i) * sizeof *f->begins);
    if (ev->status == ERR_OK && !ev->done)
        add(f, id);
    else if (ev->status != ERR_OK && !final(ev->status))
        fall_behind(f, id.source - 1, ev->now_ms + FANOUT_AGAIN_MS);
}

static void fanned(struct fanouts *f, const struct notify_event *ev)
{
    if (f->step && ev->asked == f->step) {
        stepped(f, ev);
        return;
    }
    for (uint32_t i = 0; i < f->begins_n; i++)
        if (f->begins[i].asked == ev->asked) {
            begun(f, i, ev);
            return;
        }
}

static void listed(struct fanouts *f, const struct notify_event *ev)
{
    if (!f->list || ev->asked != f->list)
        return;
    f->list = 0;
    f->list_ms = ev->now_ms;
    if (ev->status != ERR_OK) {
        f->list_ms += FANOUT_AGAIN_MS;
        return;
    }
    f->more = ev->count == CHANGES_MAX;
    for (uint32_t i = 0; i < ev->count; i++)
        add(f, ev->fanouts[i]);
}

/* What is lost is asked again, and what may be asked is. */
static void go_on(struct fanouts *f, uint64_t now_ms, struct notify_effects *fx)
{
    if (f->begins_n && now_ms >= f->begins_ms) {
        fall_behind(f, fanouts_begun(f), now_ms);
        f->begins_n = 0;
    }
    if (f->store && f->more && f->stepping_n <= FANOUT_STEPPING / 2 && now_ms >= f->list_ms) {
        f->list = ++f->asked;
        f->list_ms = now_ms + FANOUT_TTL_MS;
        notify_emit(fx, (struct notify_effect){NOTIFY_FX_fanouts, .asked = f->list});
    }
    if (f->stepping_n && now_ms >= f->step_ms) {
        f->step = ++f->asked;
        f->step_ms = now_ms + FANOUT_TTL_MS;
        notify_emit(fx, (struct notify_effect){NOTIFY_FX_fanout_step, .asked = f->step,
                                               .fanout = f->stepping[f->turn]});
    }
}

static void store_went(struct fanouts *f)
{
    uint64_t ruled = fanouts_begun(f);
    fanouts_from(f, ruled);
    f->store = f->more = false;
    f->stepping_n = f->turn = 0;
    f->step = f->list = 0;
}

void fanouts_step(struct fanouts *f, bool following, const struct notify_event *ev,
                  struct notify_effects *fx)
{
    switch (ev->kind) {
    case NOTIFY_EV_store_up:
        f->store = f->more = true;
        f->step_ms = f->list_ms = ev->now_ms;
        break;
    case NOTIFY_EV_store_down:
        store_went(f);
        break;
    case NOTIFY_EV_entry:
        if (following)
            entry(f, ev, fx);
        break;
    case NOTIFY_EV_tailed:
        if (following && !f->behind && ev->to > f->ruled)
            f->ruled = ev->to;
        break;
    case NOTIFY_EV_fanned:
        fanned(f, ev);
        break;
    case NOTIFY_EV_fanout_list:
        listed(f, ev);
        break;
    case NOTIFY_EV_tick:
    case NOTIFY_EV_bus_up:
    case NOTIFY_EV_bus_down:
    case NOTIFY_EV_tail:
    case NOTIFY_EV_expired:
    case NOTIFY_EV_drain:
        break;
    }
    go_on(f, ev->now_ms, fx);
}

uint64_t fanouts_deadline_ms(const struct fanouts *f)
{
    uint64_t nearest_ms = NOTIFY_NEVER;
    if (f->begins_n)
        nearest_ms = f->begins_ms;
    else if (f->behind)
        nearest_ms = f->again_ms;
    if (f->store && f->more && f->stepping_n <= FANOUT_STEPPING / 2)
        nearest_ms = nearer(nearest_ms, f->list_ms);
    if (f->stepping_n)
        nearest_ms = nearer(nearest_ms, f->step_ms);
    return nearest_ms;
}
