/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/turn.h"

#include "lib/log.h"

enum { BUDGET = 10000 };

void notifier_open(struct notifier *n, void *zmq, const struct settings *settings,
                   const struct paths *paths, struct counter *counts)
{
    n->counts = counts;
    n->window = settings->window;
    notify_init(&n->core, settings->head_ms, settings->rules, settings->rules_n);
    publish_open(&n->bus, zmq, *settings->publish_to ? settings->publish_to : paths->broker_in);
    feed_open(&n->feed, zmq, paths->store);
}

void notifier_close(struct notifier *n)
{
    feed_close(&n->feed);
    publish_close(&n->bus);
    notify_fini(&n->core);
}

static void count(struct notifier *n, unsigned row)
{
    n->counts[row].value++;
}

static void carry_out(struct notifier *n, const struct notify_effect *fx)
{
    uint32_t heads_n;
    switch (fx->kind) {
    case NOTIFY_FX_broadcast:
        count(n, COUNT_broadcasts);
        if (publish_entry(&n->bus, fx->entry))
            break;
        count(n, COUNT_skipped);
        log_line("notifier.skipped seq=%llu kind=%llu", (unsigned long long)fx->entry->seq,
                 (unsigned long long)fx->entry->kind);
        break;
    case NOTIFY_FX_heads: {
        const struct notify_head *heads = notify_heads(&n->core, &heads_n);
        publish_heads(&n->bus, fx->from, fx->to, heads, heads_n);
        count(n, COUNT_heads);
        break;
    }
    case NOTIFY_FX_follow:
        log_line("notifier.follow after=%lld", (long long)fx->from);
        count(n, COUNT_follows);
        feed_tell(&n->feed, fx, n->window);
        break;
    case NOTIFY_FX_expire:
        count(n, COUNT_expires);
        feed_tell(&n->feed, fx, n->window);
        break;
    case NOTIFY_FX_fanout:
        count(n, COUNT_fanouts);
        feed_tell(&n->feed, fx, n->window);
        break;
    case NOTIFY_FX_fanout_step:
        count(n, COUNT_pages);
        feed_tell(&n->feed, fx, n->window);
        break;
    case NOTIFY_FX_followed:
    case NOTIFY_FX_fanouts:
        feed_tell(&n->feed, fx, n->window);
        break;
    }
}

/* The core asks again where that may help. */
static void trace_refusal(struct notifier *n, const struct notify_event *ev)
{
    if (ev->kind != NOTIFY_EV_fanned || ev->status == ERR_OK)
        return;
    count(n, COUNT_refused);
    log_line("notifier.fanout request=%llu error=\"%s\"", (unsigned long long)ev->asked,
             ev->status < ERR_COUNT ? err_name((enum err)ev->status) : "?");
}

static void step(struct notifier *n, struct notify_event ev, uint64_t now_ms, uint64_t wall_ms)
{
    struct notify_effects fx;
    enum notify_state before = n->core.state;
    ev.now_ms = now_ms;
    ev.wall_ms = wall_ms;
    trace_refusal(n, &ev);
    notify_step(&n->core, &ev, &fx);
    for (unsigned i = 0; i < fx.n; i++)
        carry_out(n, &fx.list[i]);
    if (n->core.state != before)
        log_line("notifier.%s on=%s position=%llu", notify_state_name(n->core.state),
                 notify_event_name(ev.kind), (unsigned long long)n->core.position);
}

/* One turn: everything that is there, and what it leads to leaves at its end. True when the budget
 * ran out before the events did. */
bool notifier_turn(struct notifier *n, uint64_t now_ms, uint64_t wall_ms)
{
    enum publish_change change;
    while ((change = publish_change(&n->bus)) != PUBLISH_same)
        step(n,
             (struct notify_event){.kind = change == PUBLISH_up ? NOTIFY_EV_bus_up
                                                                : NOTIFY_EV_bus_down},
             now_ms, wall_ms);
    struct notify_event ev;
    unsigned done = 0;
    while (done < BUDGET && feed_read(&n->feed, &ev)) {
        done++;
        step(n, ev, now_ms, wall_ms);
    }
    step(n, (struct notify_event){.kind = NOTIFY_EV_tick}, now_ms, wall_ms);
    publish_flush(&n->bus); /* before the store is told that it is published */
    feed_flush(&n->feed);
    n->counts[COUNT_position].value = n->core.position;
    n->counts[COUNT_fanning].value = n->core.fanouts.stepping_n;
    n->counts[COUNT_following].value = n->core.state == NOTIFY_following;
    n->counts[COUNT_bus_messages].value = n->bus.sent;
    n->counts[COUNT_bus_bytes].value = n->bus.sent_bytes;
    return done == BUDGET;
}

void notifier_drain(struct notifier *n, uint64_t now_ms, uint64_t wall_ms)
{
    step(n, (struct notify_event){.kind = NOTIFY_EV_drain}, now_ms, wall_ms);
    publish_flush(&n->bus);
    feed_flush(&n->feed);
}
