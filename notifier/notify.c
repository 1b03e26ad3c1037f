/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/notify.h"

#include "lib/ensure.h"

#define AS_NAME(name) #name,
static const char *const state_names[] = {NOTIFY_STATES(AS_NAME)};

const char *notify_state_name(enum notify_state state)
{
    return state_names[state];
}

static struct bytes topic_of(const void *head)
{
    const struct notify_head *h = head;
    return (struct bytes){h->topic, h->n};
}

void notify_init(struct notify *n, uint64_t head_every_ms, const struct topic_rule *rules,
                 uint64_t rules_n)
{
    *n = (struct notify){.head_every_ms = head_every_ms,
                         .keep_ms = NOTIFY_NEVER,
                         .follow_ms = NOTIFY_NEVER,
                         .head_ms = NOTIFY_NEVER,
                         .expire_ms = NOTIFY_NEVER,
                         .ends_ms = NOTIFY_NEVER};
    map_init(&n->by_topic, topic_of, 0);
    fanouts_init(&n->fanouts, rules, rules_n);
}

void notify_fini(struct notify *n)
{
    map_fini(&n->by_topic);
}

static uint64_t nearer(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t after(uint64_t now_ms, uint64_t in_ms)
{
    return in_ms < NOTIFY_NEVER - now_ms ? now_ms + in_ms : NOTIFY_NEVER;
}

uint64_t notify_deadline_ms(const struct notify *n)
{
    uint64_t nearest_ms = nearer(n->follow_ms, n->head_ms);
    nearest_ms = nearer(nearest_ms, n->keep_ms);
    nearest_ms = nearer(nearest_ms, fanouts_deadline_ms(&n->fanouts));
    return nearer(nearest_ms, n->expire_ms);
}

/* -- the position, and keeping it ----------------------------------------------------------- */

/* Where we go on when the log is asked for again. */
static uint64_t resume_at(const struct notify *n)
{
    return nearer(n->position, fanouts_begun(&n->fanouts));
}

/* Kept at most once in KEEP_MS, and only when it moved: after a restart some entries are broadcast
 * again, and whoever had them drops them. */
static void keep(struct notify *n, struct notify_effects *fx)
{
    n->kept = resume_at(n);
    notify_emit(fx, (struct notify_effect){NOTIFY_FX_followed, .to = n->kept, .keep = true});
}

static void keep_when_due(struct notify *n, uint64_t now_ms, struct notify_effects *fx)
{
    if (now_ms < n->keep_ms)
        return;
    n->keep_ms = NOTIFY_NEVER;
    if (n->kept != resume_at(n)) {
        keep(n, fx);
        n->keep_ms = after(now_ms, KEEP_MS);
    }
}

/* -- heads ----------------------------------------------------------------------------------- */

static void heads_clear(struct notify *n)
{
    map_fini(&n->by_topic);
    map_init(&n->by_topic, topic_of, 0);
    n->head_count = 0;
    n->told = false;
}

static void tell_heads(struct notify *n, uint64_t now_ms, struct notify_effects *fx)
{
    notify_emit(fx, (struct notify_effect){NOTIFY_FX_heads, .from = n->head_to, .to = n->position});
    n->head_to = n->position;
    n->head_ms = after(now_ms, n->head_every_ms);
    n->told = true;
}

static void heads_add(struct notify *n, const struct msg_entry *e)
{
    struct notify_head *h = map_get(&n->by_topic, e->topic);
    if (!h) {
        ENSURE(n->head_count < CHANGES_MAX);
        ENSURE(e->topic.n <= TOPIC_MAX);
        h = &n->heads[n->head_count++];
        memcpy(h->topic, e->topic.p, e->topic.n);
        h->n = (uint16_t)e->topic.n;
        map_put(&n->by_topic, h);
    }
    h->seq = e->seq;
}

/* -- expiry: needs the store only ------------------------------------------------------------- */

static void ask_expire(struct notify *n, uint64_t now_ms, struct notify_effects *fx)
{
    n->waiting = true;
    n->ends_ms = NOTIFY_NEVER;
    n->expire_ms = after(now_ms, EXPIRE_TTL_MS);
    notify_emit(fx, (struct notify_effect){NOTIFY_FX_expire, .asked = ++n->asked});
}

static void answered(struct notify *n, const struct notify_event *ev)
{
    if (!n->waiting || ev->asked != n->asked)
        return; /* of a question that we no longer ask */
    uint64_t in_ms = ev->next_in_ms;
    if (ev->status != ERR_OK || (in_ms != NOTIFY_NEVER && in_ms > EXPIRE_EVERY_MS))
        in_ms = EXPIRE_EVERY_MS;
    n->waiting = false;
    n->expire_ms = nearer(after(ev->now_ms, in_ms), n->ends_ms);
}

/* When there is something to do because of it: an item ends or wakes, a time has come; 0: never. */
static uint64_t due_at(const struct msg_entry *e)
{
    return e->expires_ms == 0 || (e->until_ms != 0 && e->until_ms < e->expires_ms) ? e->until_ms
                                                                                   : e->expires_ms;
}

static void timed(struct notify *n, const struct notify_event *ev)
{
    uint64_t ends_ms = due_at(ev->entry);
    bool at_once = ev->entry->kind == ENTRY_erased; /* there is something to do */
    if (!at_once && ends_ms == 0)
        return;
    uint64_t in_ms = ends_ms > ev->wall_ms ? ends_ms - ev->wall_ms : 0;
    uint64_t due_ms = after(ev->now_ms, in_ms < EXPIRE_EVERY_MS ? in_ms : EXPIRE_EVERY_MS);
    if (n->waiting)
        n->ends_ms = nearer(n->ends_ms, due_ms);
    else
        n->expire_ms = nearer(n->expire_ms, due_ms);
}

static void expiry(struct notify *n, const struct notify_event *ev, struct notify_effects *fx)
{
    switch (ev->kind) {
    case NOTIFY_EV_store_up:
        ask_expire(n, ev->now_ms, fx);
        break;
    case NOTIFY_EV_store_down:
        n->waiting = false;
        n->expire_ms = NOTIFY_NEVER;
        break;
    case NOTIFY_EV_entry:
        timed(n, ev);
        break;
    case NOTIFY_EV_expired:
        answered(n, ev);
        break;
    case NOTIFY_EV_tick:
        if (ev->now_ms >= n->expire_ms)
            ask_expire(n, ev->now_ms, fx);
        break;
    case NOTIFY_EV_bus_up:
    case NOTIFY_EV_bus_down:
    case NOTIFY_EV_tail:
    case NOTIFY_EV_tailed:
    case NOTIFY_EV_fanned:
    case NOTIFY_EV_fanout_list:
    case NOTIFY_EV_drain:
        break;
    }
}

/* -- the states ------------------------------------------------------------------------------- */

static void enter(struct notify *n, enum notify_state state)
{
    n->state = state;
    if (state != NOTIFY_asking)
        n->follow_ms = NOTIFY_NEVER;
    if (state != NOTIFY_following) { /* no heads while nothing flows: they would say too much */
        n->head_ms = NOTIFY_NEVER;
        n->keep_ms = NOTIFY_NEVER;
    }
}

static void follow(struct notify *n, uint64_t now_ms, struct notify_effects *fx)
{
    if (n->state != NOTIFY_asking)
        n->follow_since = n->follow_asked + 1;
    enter(n, NOTIFY_asking);
    n->follow_ms = after(now_ms, FOLLOW_AGAIN_MS);
    n->follow_from = n->started ? resume_at(n) : UINT64_MAX;
    if (n->started)
        fanouts_from(&n->fanouts, n->follow_from);
    notify_emit(fx, (struct notify_effect){NOTIFY_FX_follow, .from = n->follow_from,
                                           .asked = ++n->follow_asked});
}

/* From the store's kept position once, and then from our own; or from before that, when the store's
 * log has become a shorter one (restored from a backup): it says so by its first tail. */
static void begin(struct notify *n, const struct notify_event *ev)
{
    if (!n->started || ev->from < n->follow_from) {
        n->started = true;
        n->position = n->kept = n->head_to = ev->from;
        fanouts_from(&n->fanouts, ev->from);
        heads_clear(n);
    }
    n->read = ev->from;
    enter(n, NOTIFY_following);
    n->keep_ms = after(ev->now_ms, KEEP_MS);
    n->head_ms = ev->now_ms; /* at once: who was here before us sees what we may have lost */
}

static void take(struct notify *n, const struct notify_event *ev, struct notify_effects *fx)
{
    if (ev->entry->seq <= n->position)
        return; /* again, because we asked again */
    n->position = ev->entry->seq;
    heads_add(n, ev->entry);
    notify_emit(fx, (struct notify_effect){NOTIFY_FX_broadcast, .entry = ev->entry});
    if (n->head_count == CHANGES_MAX)
        tell_heads(n, ev->now_ms, fx);
}

/* Frees the store's window. */
static void tailed(struct notify *n, const struct notify_event *ev, struct notify_effects *fx)
{
    n->read = ev->to;
    if (ev->to > n->position)
        n->position = ev->to;
    bool due = ev->now_ms >= n->keep_ms && n->kept != resume_at(n);
    if (!due || resume_at(n) != n->read)
        notify_emit(fx, (struct notify_effect){NOTIFY_FX_followed, .to = n->read});
    if (due)
        keep(n, fx);
    if (due || n->keep_ms == NOTIFY_NEVER)
        n->keep_ms = after(ev->now_ms, KEEP_MS);
    if (ev->now_ms >= n->head_ms)
        tell_heads(n, ev->now_ms, fx);
}

static void following(struct notify *n, const struct notify_event *ev, struct notify_effects *fx)
{
    switch (ev->kind) {
    case NOTIFY_EV_tail:
        if (ev->from > n->read)
            follow(n, ev->now_ms, fx); /* a hole */
        break;
    case NOTIFY_EV_entry:
        take(n, ev, fx);
        break;
    case NOTIFY_EV_tailed:
        tailed(n, ev, fx);
        break;
    case NOTIFY_EV_tick:
        keep_when_due(n, ev->now_ms, fx);
        if (ev->now_ms >= n->head_ms)
            tell_heads(n, ev->now_ms, fx);
        break;
    case NOTIFY_EV_store_down:
    case NOTIFY_EV_bus_down:
        enter(n, NOTIFY_away);
        break;
    case NOTIFY_EV_drain:
        if (n->kept != resume_at(n))
            keep(n, fx);
        break;
    case NOTIFY_EV_fanned: /* more of it may be kept now */
        if (n->keep_ms == NOTIFY_NEVER)
            n->keep_ms = after(ev->now_ms, KEEP_MS);
        break;
    case NOTIFY_EV_store_up:
    case NOTIFY_EV_bus_up:
    case NOTIFY_EV_expired:
    case NOTIFY_EV_fanout_list:
        break;
    }
}

static void asking(struct notify *n, const struct notify_event *ev, struct notify_effects *fx)
{
    switch (ev->kind) {
    case NOTIFY_EV_tail: /* of an earlier follow it may begin behind what we dropped meanwhile */
        if (ev->asked >= n->follow_since)
            begin(n, ev);
        break;
    case NOTIFY_EV_tick:
        if (ev->now_ms >= n->follow_ms)
            follow(n, ev->now_ms, fx);
        break;
    case NOTIFY_EV_store_down:
    case NOTIFY_EV_bus_down:
        enter(n, NOTIFY_away);
        break;
    case NOTIFY_EV_entry:
    case NOTIFY_EV_tailed: /* of a tail that was not taken */
    case NOTIFY_EV_store_up:
    case NOTIFY_EV_bus_up:
    case NOTIFY_EV_expired:
    case NOTIFY_EV_fanned:
    case NOTIFY_EV_fanout_list:
    case NOTIFY_EV_drain:
        break;
    }
}

static void away(struct notify *n, const struct notify_event *ev, struct notify_effects *fx)
{
    switch (ev->kind) {
    case NOTIFY_EV_store_up:
    case NOTIFY_EV_bus_up:
        if (n->store && n->bus)
            follow(n, ev->now_ms, fx);
        break;
    case NOTIFY_EV_tail:
    case NOTIFY_EV_entry:
    case NOTIFY_EV_tailed: /* the log keeps them for us */
    case NOTIFY_EV_store_down:
    case NOTIFY_EV_bus_down:
    case NOTIFY_EV_expired:
    case NOTIFY_EV_fanned:
    case NOTIFY_EV_fanout_list:
    case NOTIFY_EV_tick:
    case NOTIFY_EV_drain:
        break;
    }
}

void notify_step(struct notify *n, const struct notify_event *ev, struct notify_effects *fx)
{
    fx->n = 0;
    if (n->told)
        heads_clear(n);
    if (ev->kind == NOTIFY_EV_store_up || ev->kind == NOTIFY_EV_store_down)
        n->store = ev->kind == NOTIFY_EV_store_up;
    if (ev->kind == NOTIFY_EV_bus_up || ev->kind == NOTIFY_EV_bus_down)
        n->bus = ev->kind == NOTIFY_EV_bus_up;
    switch (n->state) {
    case NOTIFY_away:
        away(n, ev, fx);
        break;
    case NOTIFY_asking:
        asking(n, ev, fx);
        break;
    case NOTIFY_following:
        following(n, ev, fx);
        break;
    }
    fanouts_step(&n->fanouts, n->state == NOTIFY_following, ev, fx);
    if (n->state == NOTIFY_following && fanouts_want(&n->fanouts, ev->now_ms))
        follow(n, ev->now_ms, fx);
    expiry(n, ev, fx);
}
