/* SPDX-License-Identifier: Apache-2.0 */
/* events.h -- what the notifier's core hears and what it wants done: the words that notify.h and its
 * part fanouts.h have in common. */
#pragma once

#include "notifier/rules.h"

#define NOTIFY_NEVER UINT64_MAX

struct fanout_id {
    uint64_t source, rule;
};

#define NOTIFY_EVENTS(X)                                                                           \
    X(store_up)                                                                                    \
    X(store_down)                                                                                  \
    X(bus_up) /* the broker takes what we publish */                                               \
    X(bus_down)                                                                                    \
    X(tail)        /* `asked`, `from`: entries after it are coming; then each of them */           \
    X(entry)       /* `entry` */                                                                   \
    X(tailed)      /* `to`: those were the entries up to it */                                     \
    X(expired)     /* `asked`, `status`, `next_in_ms`: the store's answer */                       \
    X(fanned)      /* `asked`, `status`, `done`: of a fan-out that was begun, or of its page */    \
    X(fanout_list) /* `asked`, `status`, `fanouts`, `count`: those that are not done */            \
    X(tick)        /* a deadline may have come */                                                  \
    X(drain)       /* about to leave */
#define AS_NOTIFY_EVENT(name) NOTIFY_EV_##name,
enum notify_event_kind { NOTIFY_EVENTS(AS_NOTIFY_EVENT) };

struct notify_event {
    enum notify_event_kind kind;
    uint64_t now_ms, wall_ms;
    uint64_t from, to;               /* tail, tailed */
    uint64_t asked, status;          /* answers; tail: asked */
    uint64_t next_in_ms;             /* expired */
    bool done;                       /* fanned */
    uint32_t count;                  /* fanout_list */
    const struct fanout_id *fanouts; /* fanout_list: borrowed, as is */
    const struct msg_entry *entry;   /* entry: for the step */
};

#define NOTIFY_EFFECTS(X)                                                                          \
    X(follow)    /* ask the store: the log after `from`; all ones: after the kept position. The  \
                      tails repeat `asked` */ \
    X(broadcast) /* publish `entry` on its topic */                                                \
    X(heads)     /* publish notify_heads(), which reach from `from` to `to` */                     \
    X(followed)  /* tell the store: published up to `to`, and whether to `keep` that */            \
    X(expire)    /* ask the store to expire what is due; the answer repeats `asked` */             \
    X(fanout)    /* ask the store to begin `fanout`, of `entry` by `rule`: the same */             \
    X(fanout_step) /* ask the store for its next page: the same */                                 \
    X(fanouts)     /* ask the store which ones are not done: the same */
#define AS_NOTIFY_EFFECT(name) NOTIFY_FX_##name,
enum notify_effect_kind { NOTIFY_EFFECTS(AS_NOTIFY_EFFECT) };

struct notify_effect {
    enum notify_effect_kind kind;
    uint64_t from, to, asked;
    bool keep;
    struct fanout_id fanout;
    const struct topic_rule *rule;
    const struct msg_entry *entry; /* broadcast, fanout: the event's */
};

enum { NOTIFY_EFFECTS_MAX = 8 + RULES_MAX };
struct notify_effects {
    unsigned n;
    struct notify_effect list[NOTIFY_EFFECTS_MAX];
};

/* ENSUREs that there is room. */
void notify_emit(struct notify_effects *fx, struct notify_effect effect);

const char *notify_event_name(enum notify_event_kind kind);
