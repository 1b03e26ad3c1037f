/* SPDX-License-Identifier: Apache-2.0 */
/* keep.h -- what a supervisor decides: whom to start, to restart, to leave down, to stop, and when.
 *
 * Shape   events in, effects out, time as data; no I/O. The host carries out a step's effects, and
 *         comes back with `tick` when keep_deadline_ms() has come.
 * Restart at once when it lived over STEADY_MS, else after 50 ms, doubling to 2 s. Who leaves with
 *         100 says that a person must change something: it stays down. Before everything was ready
 *         once, that ends the whole start.
 * Drain   in the order of `stage`: the next stage is told to stop when the one before is gone; who
 *         is not gone after grace_ms is killed.
 * Limits  KEEP_MAX children. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { KEEP_MAX = 68, STEADY_MS = 1000, BACK_OFF_MS = 50, BACK_OFF_MAX_MS = 2000 };

#define KEEP_NEVER UINT64_MAX

#define KEEP_STATES(X)                                                                             \
    X(down)     /* to be started at again_ms */                                                    \
    X(starting) /* runs, and is not ready yet */                                                   \
    X(up)                                                                                          \
    X(refused) /* left with 100: stays down */                                                     \
    X(stopping)                                                                                    \
    X(gone) /* stopped by us */
#define AS_KEEP_STATE(name) KEEP_##name,
enum keep_state { KEEP_STATES(AS_KEEP_STATE) };
#undef AS_KEEP_STATE

#define KEEP_EVENTS(X)                                                                             \
    X(tick)                                                                                        \
    X(ready)  /* `child` says that it serves */                                                    \
    X(exited) /* `child` has ended, with `code` (-1: by a signal) */                               \
    X(drain)  /* again: do not wait for anybody */
#define AS_KEEP_EVENT(name) KEEP_EV_##name,
enum keep_event_kind { KEEP_EVENTS(AS_KEEP_EVENT) };
#undef AS_KEEP_EVENT

struct keep_event {
    enum keep_event_kind kind;
    uint64_t now_ms;
    unsigned child;
    int code;
};

#define KEEP_EFFECTS(X)                                                                            \
    X(start)                                                                                       \
    X(term)                                                                                        \
    X(kill)                                                                                        \
    X(all_ready) /* for the first time */                                                          \
    X(leave)     /* with `code` */
#define AS_KEEP_EFFECT(name) KEEP_FX_##name,
enum keep_effect_kind { KEEP_EFFECTS(AS_KEEP_EFFECT) };
#undef AS_KEEP_EFFECT

struct keep_effects {
    unsigned n;
    struct keep_effect {
        enum keep_effect_kind kind;
        unsigned child;
        int code;
    } list[KEEP_MAX + 2];
};

struct keep_child {
    enum keep_state state;
    unsigned stage;      /* of the drain */
    uint64_t started_ms; /* the last time */
    uint64_t again_ms;   /* down: start then */
    uint64_t wait_ms;    /* the last back-off */
    uint64_t restarts;
};

struct keep {
    struct keep_child children[KEEP_MAX];
    unsigned count;
    uint64_t grace_ms;
    bool was_ready; /* all of them, once */
    bool draining;
    unsigned stage;
    uint64_t kill_ms; /* draining: patience with this stage ends */
    int code;         /* to leave with */
};

void keep_init(struct keep *k, uint64_t grace_ms);
unsigned keep_add(struct keep *k, unsigned stage); /* gives its number; starts at the first tick */

void keep_step(struct keep *k, const struct keep_event *ev, struct keep_effects *fx);
uint64_t keep_deadline_ms(const struct keep *k);
const char *keep_state_name(enum keep_state state);
