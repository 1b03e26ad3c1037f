/* SPDX-License-Identifier: Apache-2.0 */
/* turn.h -- one turn of the notifier: everything that came goes through the core (notify.h), and
 * what that leads to leaves by feed.h and publish.h. What is around it (settings, signals, the one
 * wait) is main.c's. */
#pragma once

#include "lib/counters.h"
#include "notifier/feed.h"
#include "notifier/publish.h"
#include "proto/settings.h"

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
enum { NOTIFIER_COUNTERS(COUNTER_INDEX) COUNT_notifier };

struct notifier {
    struct notify core;
    struct publish bus;
    struct feed feed;
    struct counter *counts; /* COUNT_notifier rows */
    uint64_t window;
};

/* `settings` and `counts` are borrowed. */
void notifier_open(struct notifier *n, void *zmq, const struct settings *settings,
                   const struct paths *paths, struct counter *counts);
void notifier_close(struct notifier *n);

/* True when the budget ran out before the events did: do not wait. */
bool notifier_turn(struct notifier *n, uint64_t now_ms, uint64_t wall_ms);

/* About to leave. */
void notifier_drain(struct notifier *n, uint64_t now_ms, uint64_t wall_ms);

static inline uint64_t notifier_deadline_ms(const struct notifier *n)
{
    return notify_deadline_ms(&n->core);
}

static inline bool notifier_following(const struct notifier *n)
{
    return n->core.state == NOTIFY_following;
}
