/* SPDX-License-Identifier: Apache-2.0 */
/* view.h -- the state machine behind one joined topic of one connection. Pure: events in, effects
 * out, time as data.
 *
 * The idea    mount pulls (a snapshot, or what was missed), then each commit is pushed. Whatever was
 *             lost on the way shows as a hole between `seq` and a later `prev`, or as a head beyond
 *             `seq`; then nothing more is delivered before the log has been read.
 * Order       be on the topic (confirmed) before the snapshot is asked for, or a commit between the
 *             two is missed. What a commit overtook is asked for again.
 * Late news   is matched by number: an answer by `asked`, a change by `seq`; never by pointer.
 * Limits      at most VIEW_EFFECTS effects a step.
 * Source      docs/tour.md "One view"; docs/api.md "A client that is never wrong". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define VIEW_STATES(X)                                                                             \
    X(joining)  /* waiting for the broker to say that we are on the topic; start here */           \
    X(mounting) /* waiting for what the join is answered with */                                   \
    X(live)     /* each commit goes straight to the client */                                      \
    X(healing)  /* there is a hole: waiting for what the log has after `seq` */                    \
    X(syncing)  /* too much was missed: waiting for a snapshot */                                  \
    X(behind)   /* the client takes nothing: waiting for its output to empty */                    \
    X(closed)

#define VIEW_EVENTS(X)                                                                             \
    X(join)      /* start; `since`: what the client has, or VIEW_NOTHING */                        \
    X(confirmed) /* the broker has our subscription */                                             \
    X(snapshot)  /* the store's answer `asked`: the topic at `seq` */                              \
    X(changes)   /* the store's answer `asked`: all after our seq, up to `seq` */                  \
    X(too_old)   /* the store's answer `asked`: the log does not reach back to our seq */          \
    X(failed)    /* the store's answer `asked`: none, in time */                                   \
    X(broadcast) /* from the broker: `seq` behind `prev`; seq 0 is transient */                    \
    X(head)      /* the topic has come to `seq` */                                                 \
    X(suspect)   /* anything may have been missed */                                               \
    X(reconnect) /* the client has `since`, or VIEW_NOTHING, and wants the rest */                 \
    X(congested) /* the client's output is over its limit */                                       \
    X(drained)   /* the client's output is empty again */                                          \
    X(deadline)                                                                                    \
    X(leave)

#define VIEW_EFFECTS_LIST(X)                                                                       \
    X(subscribe)      /* be on the topic; answer with `confirmed` */                               \
    X(fetch_snapshot) /* ask the store, as number `asked` */                                       \
    X(fetch_changes)  /* ask the store for what is after `seq`, as number `asked` */               \
    X(reply_snapshot) /* answer the join with the snapshot of this event */                        \
    X(reply_changes)  /* answer the join with the changes of this event */                         \
    X(refuse)         /* answer the join: not now */                                               \
    X(send)           /* the broadcast of this event goes to the client */                         \
    X(lost)           /* the broadcast of this event does not go to the client, nor ever will */   \
    X(send_changes)   /* the changes of this event, each as its own event, those after `seq` */    \
    X(send_sync)      /* the snapshot of this event as one notifications:sync */                   \
    X(resumed)        /* answer the client's reconnect: it has everything */                       \
    X(fault)          /* tell the client that this topic failed: it will join again */

#define AS_STATE(name) VIEW_##name,
enum view_state { VIEW_STATES(AS_STATE) VIEW_STATE_COUNT };
#undef AS_STATE
#define AS_EVENT(name) EV_##name,
enum view_event_kind { VIEW_EVENTS(AS_EVENT) EV_COUNT };
#undef AS_EVENT
#define AS_EFFECT(name) FX_##name,
enum view_effect_kind { VIEW_EFFECTS_LIST(AS_EFFECT) FX_COUNT };
#undef AS_EFFECT

#define VIEW_NEVER UINT64_MAX
#define VIEW_NOTHING UINT64_MAX /* not even that there was nothing, which is 0 */

struct view {
    uint64_t seq;         /* the client has everything up to here */
    uint64_t heard;       /* the highest seq that we know of */
    uint64_t deadline_ms; /* step with EV_deadline then; what mounting asks for comes by then */
    uint32_t asked;       /* number of the last fetch: answers to others are late */
    uint8_t state;        /* enum view_state; written by enter() alone */
    bool replays;      /* behind: each change counts, and is read from the log; else one snapshot */
    bool resuming;     /* the join brought a since */
    bool reconnecting; /* a reconnect of the client waits for its answer */
};

struct view_event {
    enum view_event_kind kind;
    uint64_t now_ms; /* monotonic */
    uint64_t seq;    /* snapshot, changes, broadcast, head; join, reconnect: since */
    uint64_t prev;   /* broadcast */
    uint32_t asked;  /* snapshot, changes, too_old, failed */
};

struct view_effect {
    enum view_effect_kind kind;
    uint64_t seq;   /* fetch_changes, send_changes: after this */
    uint32_t asked; /* fetches */
};

/* A join is answered in VIEW_JOIN_MS, whatever it waits for: phoenix.js gives one up after 10 s, and
 * what comes later is none of its next join's. */
enum { VIEW_EFFECTS = 4, VIEW_JOIN_MS = 8000 };

struct view_effects {
    unsigned n;
    struct view_effect list[VIEW_EFFECTS];
};

void view_init(struct view *v);

/* Carry out the effects in order, then read deadline_ms. */
void view_step(struct view *v, const struct view_event *ev, struct view_effects *fx);

/* Names for traces; static. */
const char *view_state_name(enum view_state state);
const char *view_event_name(enum view_event_kind kind);
const char *view_effect_name(enum view_effect_kind kind);
