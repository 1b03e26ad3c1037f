/* SPDX-License-Identifier: Apache-2.0 */
/* One function a state; every event answered by name and no `default`, so that a new event does not
 * compile until each state has thought of it. */
#include "session/live/view.h"

#include "lib/ensure.h"

#define AS_NAME(name) #name,
static const char *const states[] = {VIEW_STATES(AS_NAME)};
static const char *const events[] = {VIEW_EVENTS(AS_NAME)};
static const char *const effects[] = {VIEW_EFFECTS_LIST(AS_NAME)};

const char *view_state_name(enum view_state state)
{
    ENSURE((unsigned)state < VIEW_STATE_COUNT);
    return states[state];
}

const char *view_event_name(enum view_event_kind kind)
{
    ENSURE((unsigned)kind < EV_COUNT);
    return events[kind];
}

const char *view_effect_name(enum view_effect_kind kind)
{
    ENSURE((unsigned)kind < FX_COUNT);
    return effects[kind];
}

static void emit(struct view_effects *fx, struct view_effect effect)
{
    ENSURE(fx->n < VIEW_EFFECTS);
    fx->list[fx->n++] = effect;
}

static void enter(struct view *v, enum view_state state, uint64_t deadline_ms)
{
    v->state = (uint8_t)state;
    v->deadline_ms = deadline_ms;
}

static void hear(struct view *v, uint64_t seq)
{
    if (seq > v->heard)
        v->heard = seq;
}

static void fetch_snapshot(struct view *v, struct view_effects *fx)
{
    emit(fx, (struct view_effect){.kind = FX_fetch_snapshot, .asked = ++v->asked});
}

static void fetch_changes(struct view *v, struct view_effects *fx)
{
    emit(fx, (struct view_effect){.kind = FX_fetch_changes, .seq = v->seq, .asked = ++v->asked});
}

/* Too old, or of another history: a store that was restored has less than we heard of, for ever. What
 * we heard of before we ask it has, if it has it at all. */
static void forget_heard(struct view *v)
{
    v->heard = 0;
}

static void heal(struct view *v, struct view_effects *fx)
{
    fetch_changes(v, fx);
    enter(v, VIEW_healing, VIEW_NEVER);
}

static void sync(struct view *v, struct view_effects *fx)
{
    fetch_snapshot(v, fx);
    enter(v, VIEW_syncing, VIEW_NEVER);
}

/* The client has everything up to seq: live, unless we have heard of more. */
static void caught_up(struct view *v, uint64_t seq, struct view_effects *fx)
{
    v->seq = seq;
    hear(v, seq);
    if (v->heard > seq) {
        heal(v, fx);
        return;
    }
    enter(v, VIEW_live, VIEW_NEVER);
    if (v->reconnecting)
        emit(fx, (struct view_effect){.kind = FX_resumed});
    v->reconnecting = false;
}

static void fault(struct view *v, struct view_effects *fx)
{
    emit(fx, (struct view_effect){.kind = FX_fault});
    enter(v, VIEW_closed, VIEW_NEVER);
}

static void refuse_join(struct view *v, struct view_effects *fx)
{
    emit(fx, (struct view_effect){.kind = FX_refuse});
    enter(v, VIEW_closed, VIEW_NEVER);
}

static void mount(struct view *v, struct view_effects *fx)
{
    if (v->resuming)
        fetch_changes(v, fx);
    else
        fetch_snapshot(v, fx);
    enter(v, VIEW_mounting, v->deadline_ms);
}

static void joining(struct view *v, const struct view_event *ev, struct view_effects *fx)
{
    switch (ev->kind) {
    case EV_join:
        v->resuming = ev->seq != VIEW_NOTHING;
        v->seq = v->resuming ? ev->seq : 0;
        enter(v, VIEW_joining, ev->now_ms + VIEW_JOIN_MS);
        emit(fx, (struct view_effect){.kind = FX_subscribe});
        break;
    case EV_confirmed:
        mount(v, fx);
        break;
    case EV_broadcast:
    case EV_head:
        hear(v, ev->seq);
        break;
    case EV_deadline: /* no broker: the client's retry is our retry */
        refuse_join(v, fx);
        break;
    case EV_leave:
        enter(v, VIEW_closed, VIEW_NEVER);
        break;
    case EV_snapshot:
    case EV_changes:
    case EV_too_old:
    case EV_failed:
    case EV_suspect: /* nothing is mounted that could be wrong */
    case EV_reconnect:
    case EV_congested:
    case EV_drained:
    case EV_COUNT:
        break;
    }
}

static void mounting(struct view *v, const struct view_event *ev, struct view_effects *fx)
{
    switch (ev->kind) {
    case EV_snapshot:
        if (ev->asked != v->asked)
            break; /* answers a question that we no longer ask */
        if (ev->seq < v->heard) {
            fetch_snapshot(v, fx); /* a commit overtook it: too old to show */
            break;
        }
        emit(fx, (struct view_effect){.kind = FX_reply_snapshot});
        caught_up(v, ev->seq, fx);
        break;
    case EV_changes:
        if (ev->asked != v->asked)
            break;
        emit(fx, (struct view_effect){.kind = FX_reply_changes, .seq = v->seq});
        caught_up(v, ev->seq, fx);
        break;
    case EV_too_old:
        if (ev->asked != v->asked)
            break;
        forget_heard(v);
        fetch_snapshot(v, fx);
        break;
    case EV_failed:
        if (ev->asked == v->asked)
            refuse_join(v, fx);
        break;
    case EV_deadline:
        refuse_join(v, fx);
        break;
    case EV_broadcast:
    case EV_head:
        hear(v, ev->seq);
        break;
    case EV_suspect: /* what we asked for may have been read before what was missed */
        mount(v, fx);
        break;
    case EV_leave:
        enter(v, VIEW_closed, VIEW_NEVER);
        break;
    case EV_join:
    case EV_confirmed:
    case EV_reconnect:
    case EV_congested:
    case EV_drained:
    case EV_COUNT:
        break;
    }
}

/* What the client says that it has decides, not what we believe that we sent. */
static void reconnect(struct view *v, const struct view_event *ev, struct view_effects *fx)
{
    v->reconnecting = true;
    if (ev->seq == VIEW_NOTHING) {
        sync(v, fx);
        return;
    }
    v->seq = ev->seq;
    heal(v, fx);
}

static void live(struct view *v, const struct view_event *ev, struct view_effects *fx)
{
    switch (ev->kind) {
    case EV_broadcast:
        if (ev->seq == 0) {
            emit(fx, (struct view_effect){.kind = FX_send});
        } else if (ev->seq > v->seq) {
            hear(v, ev->seq);
            if (ev->prev != v->seq) {
                heal(v, fx);
                break;
            }
            v->seq = ev->seq;
            emit(fx, (struct view_effect){.kind = FX_send});
        }
        break;
    case EV_head:
        hear(v, ev->seq);
        if (v->heard > v->seq)
            heal(v, fx);
        break;
    case EV_suspect:
        heal(v, fx);
        break;
    case EV_reconnect:
        reconnect(v, ev, fx);
        break;
    case EV_congested:
        enter(v, VIEW_behind, VIEW_NEVER);
        break;
    case EV_leave:
        enter(v, VIEW_closed, VIEW_NEVER);
        break;
    case EV_join:
    case EV_confirmed:
    case EV_snapshot:
    case EV_changes:
    case EV_too_old:
    case EV_failed:
    case EV_drained:
    case EV_deadline:
    case EV_COUNT:
        break;
    }
}

static void healing(struct view *v, const struct view_event *ev, struct view_effects *fx)
{
    switch (ev->kind) {
    case EV_changes:
        if (ev->asked != v->asked)
            break;
        emit(fx, (struct view_effect){.kind = FX_send_changes, .seq = v->seq});
        caught_up(v, ev->seq, fx);
        break;
    case EV_too_old:
        if (ev->asked != v->asked)
            break;
        forget_heard(v);
        sync(v, fx);
        break;
    case EV_failed:
        if (ev->asked == v->asked)
            fault(v, fx);
        break;
    case EV_broadcast:
        if (ev->seq == 0)
            emit(fx, (struct view_effect){.kind = FX_send});
        hear(v, ev->seq);
        break;
    case EV_head:
        hear(v, ev->seq);
        break;
    case EV_suspect: /* what we asked for may have been read before what was missed */
        heal(v, fx);
        break;
    case EV_reconnect:
        reconnect(v, ev, fx);
        break;
    case EV_congested:
        enter(v, VIEW_behind, VIEW_NEVER);
        break;
    case EV_leave:
        enter(v, VIEW_closed, VIEW_NEVER);
        break;
    case EV_join:
    case EV_confirmed:
    case EV_snapshot:
    case EV_drained:
    case EV_deadline:
    case EV_COUNT:
        break;
    }
}

static void syncing(struct view *v, const struct view_event *ev, struct view_effects *fx)
{
    switch (ev->kind) {
    case EV_snapshot:
        if (ev->asked != v->asked)
            break;
        if (ev->seq < v->heard) {
            fetch_snapshot(v, fx);
            break;
        }
        emit(fx, (struct view_effect){.kind = FX_send_sync});
        caught_up(v, ev->seq, fx);
        break;
    case EV_failed:
        if (ev->asked == v->asked)
            fault(v, fx);
        break;
    case EV_broadcast:
        if (ev->seq == 0)
            emit(fx, (struct view_effect){.kind = FX_send});
        hear(v, ev->seq);
        break;
    case EV_head:
        hear(v, ev->seq);
        break;
    case EV_reconnect: /* a snapshot is on its way: it answers this too */
        v->reconnecting = true;
        break;
    case EV_congested:
        enter(v, VIEW_behind, VIEW_NEVER);
        break;
    case EV_leave:
        enter(v, VIEW_closed, VIEW_NEVER);
        break;
    case EV_suspect:
        sync(v, fx);
        break;
    case EV_join:
    case EV_confirmed:
    case EV_changes:
    case EV_too_old:
    case EV_drained:
    case EV_deadline:
    case EV_COUNT:
        break;
    }
}

/* Nothing is queued for a client that does not read: when it reads again it gets one snapshot, or,
 * where each message counts, all that the log still has. */
static void behind(struct view *v, const struct view_event *ev, struct view_effects *fx)
{
    switch (ev->kind) {
    case EV_drained:
        if (v->replays)
            heal(v, fx);
        else
            sync(v, fx);
        break;
    case EV_broadcast:
        if (ev->seq == 0)
            emit(fx, (struct view_effect){.kind = FX_lost});
        hear(v, ev->seq);
        break;
    case EV_head:
        hear(v, ev->seq);
        break;
    case EV_reconnect:
        v->reconnecting = true;
        break;
    case EV_leave:
        enter(v, VIEW_closed, VIEW_NEVER);
        break;
    case EV_join:
    case EV_confirmed:
    case EV_snapshot:
    case EV_changes:
    case EV_too_old:
    case EV_failed:
    case EV_suspect:
    case EV_congested:
    case EV_deadline:
    case EV_COUNT:
        break;
    }
}

void view_init(struct view *v)
{
    *v = (struct view){.state = VIEW_joining, .deadline_ms = VIEW_NEVER};
}

void view_step(struct view *v, const struct view_event *ev, struct view_effects *fx)
{
    fx->n = 0;
    switch ((enum view_state)v->state) {
    case VIEW_joining:
        joining(v, ev, fx);
        break;
    case VIEW_mounting:
        mounting(v, ev, fx);
        break;
    case VIEW_live:
        live(v, ev, fx);
        break;
    case VIEW_healing:
        healing(v, ev, fx);
        break;
    case VIEW_syncing:
        syncing(v, ev, fx);
        break;
    case VIEW_behind:
        behind(v, ev, fx);
        break;
    case VIEW_closed:
    case VIEW_STATE_COUNT:
        break;
    }
}
