/* SPDX-License-Identifier: Apache-2.0 */
/* belfry-notifier -- follows the store's log, publishes each committed action through the broker, and
 * has the store make notifications of messages (fanouts.c). notify.c decides; feed.c speaks with the store, publish.c with the broker. Killed at any
 * moment, it goes on from the position that the store kept: what is published twice is dropped by
 * whoever had it, and what was lost shows in the heads. */
#include "lib/clock.h"
#include "lib/counters.h"
#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "notifier/feed.h"
#include "notifier/publish.h"
#include "proto/settings.h"

#include <errno.h>

#define NOTIFIER_COUNTERS(X)                                                                       \
    X(position, gauge, "log position that everything is published up to")                          \
    X(broadcasts, total, "committed actions published")                                            \
    X(skipped, total, "actions of a kind that this version does not know")                         \
    X(heads, total, "heads published")                                                             \
    X(follows, total, "times that the log was asked for")                                          \
    X(expires, total, "times that the store was asked to expire")                                  \
    X(fanouts, total, "messages made notifications of: begun")                                     \
    X(pages, total, "pages of members that were asked for")                                        \
    X(refused, total, "fan-outs and pages that the store refused")                                 \
    X(fanning, gauge, "fan-outs of which pages are being made")                                    \
    X(bus_messages, total, "messages to the broker")                                               \
    X(bus_bytes, total, "their bytes")                                                             \
    X(following, gauge, "1: store and broker are there and the log flows")
enum { NOTIFIER_COUNTERS(COUNTER_INDEX) COUNTS };

enum { BUDGET = 10000, BEAT_MS = 1000 };
enum { SIGNALS, BUS, STORE, ON = STORE + LINK_POLL };

static struct notify core;
static struct publish bus;
static struct feed feed;
static struct counters counters;
static uint64_t window;

static void count(unsigned row)
{
    counters.rows[row].value++;
}

static void carry_out(const struct notify_effect *fx)
{
    uint32_t n;
    switch (fx->kind) {
    case NOTIFY_FX_broadcast:
        count(COUNT_broadcasts);
        if (publish_entry(&bus, fx->entry))
            break;
        count(COUNT_skipped);
        log_line("notifier.skipped seq=%llu kind=%llu", (unsigned long long)fx->entry->seq,
                 (unsigned long long)fx->entry->kind);
        break;
    case NOTIFY_FX_heads: {
        const struct notify_head *heads = notify_heads(&core, &n);
        publish_heads(&bus, fx->from, fx->to, heads, n);
        count(COUNT_heads);
        break;
    }
    case NOTIFY_FX_follow:
        log_line("notifier.follow after=%lld", (long long)fx->from);
        count(COUNT_follows);
        feed_tell(&feed, fx, window);
        break;
    case NOTIFY_FX_expire:
        count(COUNT_expires);
        feed_tell(&feed, fx, window);
        break;
    case NOTIFY_FX_fanout:
        count(COUNT_fanouts);
        feed_tell(&feed, fx, window);
        break;
    case NOTIFY_FX_fanout_step:
        count(COUNT_pages);
        feed_tell(&feed, fx, window);
        break;
    case NOTIFY_FX_followed:
    case NOTIFY_FX_fanouts:
        feed_tell(&feed, fx, window);
        break;
    }
}

/* The core asks again where that may help. */
static void trace_refusal(const struct notify_event *ev)
{
    if (ev->kind != NOTIFY_EV_fanned || ev->status == ERR_OK)
        return;
    count(COUNT_refused);
    log_line("notifier.fanout request=%llu error=\"%s\"", (unsigned long long)ev->asked,
             ev->status < ERR_COUNT ? err_name((enum err)ev->status) : "?");
}

static void step(struct notify_event ev, uint64_t now_ms, uint64_t wall_ms)
{
    struct notify_effects fx;
    enum notify_state before = core.state;
    ev.now_ms = now_ms;
    ev.wall_ms = wall_ms;
    trace_refusal(&ev);
    notify_step(&core, &ev, &fx);
    for (unsigned i = 0; i < fx.n; i++)
        carry_out(&fx.list[i]);
    if (core.state != before)
        log_line("notifier.%s on=%s position=%llu", notify_state_name(core.state),
                 notify_event_name(ev.kind), (unsigned long long)core.position);
}

/* One turn: everything that is there, and what it leads to leaves at its end. True when the budget
 * ran out before the events did. */
static bool turn(uint64_t now_ms, uint64_t wall_ms)
{
    enum publish_change change;
    while ((change = publish_change(&bus)) != PUBLISH_same)
        step((struct notify_event){.kind = change == PUBLISH_up ? NOTIFY_EV_bus_up
                                                                : NOTIFY_EV_bus_down},
             now_ms, wall_ms);
    struct notify_event ev;
    unsigned done = 0;
    while (done < BUDGET && feed_read(&feed, &ev)) {
        done++;
        step(ev, now_ms, wall_ms);
    }
    step((struct notify_event){.kind = NOTIFY_EV_tick}, now_ms, wall_ms);
    publish_flush(&bus); /* before the store is told that it is published */
    feed_flush(&feed);
    counters.rows[COUNT_position].value = core.position;
    counters.rows[COUNT_fanning].value = core.fanouts.stepping_n;
    counters.rows[COUNT_following].value = core.state == NOTIFY_following;
    counters.rows[COUNT_bus_messages].value = bus.sent;
    counters.rows[COUNT_bus_bytes].value = bus.sent_bytes;
    return done == BUDGET;
}

int main(int argc, char **argv)
{
    static const struct counter list[] = {NOTIFIER_COUNTERS(COUNTER_ROW)};
    struct start start = settings_start(argc, argv);
    const struct settings *s = &start.settings;
    int signals = signals_take();
    paths_make(s);
    struct paths paths = paths_of(s);
    char file[PATH_SIZE];
    path_counters(s, "notifier", file);
    if (!counters_open(&counters, file, "notifier", list, COUNTS))
        refuse("notifier.counters file=%s error=\"%s\"", file, strerror(errno));

    void *ctx = zmq_ctx_new();
    ENSURE(ctx != NULL);
    window = s->window;
    notify_init(&core, s->head_ms, s->rules, s->rules_n);
    publish_open(&bus, ctx, *s->publish_to ? s->publish_to : paths.broker_in);
    feed_open(&feed, ctx, paths.store);

    zmq_pollitem_t on[ON] = {[SIGNALS] = {.fd = signals, .events = ZMQ_POLLIN},
                             [BUS] = {.socket = bus.xpub, .events = ZMQ_POLLIN}};
    link_poll(&feed.link, &on[STORE]);
    uint64_t beat_ms = 0;
    bool more = false;
    while (!on[SIGNALS].revents) {
        uint64_t now_ms = clock_ms(), until_ms = notify_deadline_ms(&core);
        if (now_ms >= beat_ms) {
            counters.head->beat_wall_ms = clock_wall_ms();
            beat_ms = now_ms + BEAT_MS;
        }
        until_ms = until_ms < beat_ms ? until_ms : beat_ms;
        loop_wait(on, ON, more ? now_ms : until_ms, now_ms);
        more = turn(clock_ms(), clock_wall_ms());
        if (core.state == NOTIFY_following && start.ready_fd >= 0) {
            ready_tell(start.ready_fd);
            start.ready_fd = -1;
        }
    }
    step((struct notify_event){.kind = NOTIFY_EV_drain}, clock_ms(), clock_wall_ms());
    publish_flush(&bus);
    feed_flush(&feed);
    feed_close(&feed);
    publish_close(&bus);
    zmq_ctx_term(ctx);
    notify_fini(&core);
    counters_close(&counters);
    log_line("notifier.drained");
    return EXIT_drained;
}
