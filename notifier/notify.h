/* SPDX-License-Identifier: Apache-2.0 */
/* notify.h -- from committed actions to broadcasts: what the notifier decides.
 *
 * Shape   events in, effects out, time as data; no I/O. The host carries out a step's effects in
 *         their order before the next step, and comes back with `tick` when notify_deadline_ms()
 *         has come.
 * The log is followed from the position that the store kept, or, after it or the broker was away,
 *         from our own. While either is away nothing flows, and nothing is lost: the log waits.
 *         Our own is up to where everything is broadcast and every fan-out begun (fanouts.h): no
 *         later one is kept, and from an earlier one nothing is broadcast twice.
 * Heads   say "between `from` and `to` these topics changed", each beginning where the one before
 *         ended, also when nothing changed. So whoever misses a message, even the last one, sees a
 *         hole in a later interval and reads the log. They leave behind the broadcasts they cover.
 * Expiry  is asked of the store (which delivers what was scheduled, too) when the nearest end has
 *         come, and every EXPIRE_EVERY_MS while any waits, because a wall clock may step.
 * Limits  CHANGES_MAX topics in one heads: at the last of them it leaves at once. */
#pragma once

#include "lib/map.h"
#include "notifier/fanouts.h"

enum { KEEP_MS = 1000, FOLLOW_AGAIN_MS = 1000, EXPIRE_EVERY_MS = 500, EXPIRE_TTL_MS = 1000 };

#define NOTIFY_STATES(X)                                                                           \
    X(away)   /* the store or the broker is not there; start here */                               \
    X(asking) /* asked to follow; the first tail tells from where */                               \
    X(following)
#define AS_NOTIFY_STATE(name) NOTIFY_##name,
enum notify_state { NOTIFY_STATES(AS_NOTIFY_STATE) };

struct notify_head {
    uint64_t seq; /* the newest that was broadcast */
    uint16_t n;
    char topic[TOPIC_MAX];
};

struct notify {
    enum notify_state state;
    bool store, bus; /* there */
    bool started;    /* `position` is known */
    bool told;       /* `heads` were given out and are over at the next step */

    uint64_t position;               /* everything up to it is broadcast */
    uint64_t read;                   /* the tails came so far: less, while some of it comes again */
    uint64_t kept;                   /* what the store was told to keep */
    uint64_t keep_ms;                /* not before */
    uint64_t follow_from, follow_ms; /* asked from there; again then */
    uint64_t follow_asked;           /* as this number */
    uint64_t follow_since;           /* tails of an earlier one are late: some were dropped since */
    struct fanouts fanouts;

    uint64_t head_every_ms, head_ms; /* next heads */
    uint64_t head_to;                /* where the last ones ended */
    struct map by_topic;
    struct notify_head heads[CHANGES_MAX]; /* changed since then */
    uint32_t head_count;

    uint64_t asked;     /* the last expire's number */
    bool waiting;       /* for its answer */
    uint64_t expire_ms; /* ask then; while waiting: ask again then */
    uint64_t ends_ms;   /* while waiting: the nearest end of what was created since */
};

/* The rules are borrowed. */
void notify_init(struct notify *n, uint64_t head_every_ms, const struct topic_rule *rules,
                 uint64_t rules_n);
void notify_fini(struct notify *n);

void notify_step(struct notify *n, const struct notify_event *ev, struct notify_effects *fx);
uint64_t notify_deadline_ms(const struct notify *n);

/* For the effect `heads`: the topics that changed; until the next step. */
static inline const struct notify_head *notify_heads(const struct notify *n, uint32_t *count)
{
    *count = n->head_count;
    return n->heads;
}

const char *notify_state_name(enum notify_state state);
