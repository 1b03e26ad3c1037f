/* SPDX-License-Identifier: Apache-2.0 */
/* fanouts.h -- messages become notifications for the members of their topics: what is begun, whose
 * page is next, and how far the log was held against the rules. A part of notify.h's core.
 *
 * The idea: the store keeps what was begun and how far it is; here is only what is under way. A
 * matching message is begun at once, which is one row there. When something is refused or lost, the
 * log is read again from where all is begun: to begin twice is to begin once.
 * Pages   one under way, of all fan-outs in turn: so each gets on, however long another is, and
 *         whoever else writes waits for one page at most.
 * Limits  FANOUT_BEGINS under way: at one more the rules stop, and the log is read again when they are
 *         answered. FANOUT_STEPPING in turn: the others wait in the store, which is asked for
 *         them when half of the places are free. */
#pragma once

#include "notifier/events.h"

enum {
    FANOUT_BEGINS = 128,
    FANOUT_STEPPING = 32,
    FANOUT_PAGE = 200,
    FANOUT_TTL_MS = 5000,
    FANOUT_AGAIN_MS = 1000, /* after a refusal */
};

struct fanouts {
    const struct topic_rule *rules;
    uint64_t rules_n;
    uint64_t ids[RULES_MAX];
    bool store;     /* there */
    uint64_t asked; /* the last request's number */

    uint64_t ruled;    /* the log was held against the rules up to it */
    bool behind;       /* not beyond it, before it is read again from there, */
    uint64_t again_ms; /* and not before this */
    struct {
        struct fanout_id id;
        uint64_t asked;
    } begins[FANOUT_BEGINS]; /* by source */
    uint32_t begins_n;
    uint64_t begins_ms; /* the answers are lost then */

    struct fanout_id stepping[FANOUT_STEPPING];
    uint32_t stepping_n, turn;
    uint64_t step, step_ms; /* the page under way, 0: none; lost then, or the next not before */
    bool more;              /* there are others in the store */
    uint64_t list, list_ms; /* as step */
};

void fanouts_init(struct fanouts *f, const struct topic_rule *rules, uint64_t rules_n);

/* Every fan-out of the log up to here is begun. */
uint64_t fanouts_begun(const struct fanouts *f);

/* The log comes (again), from this position on. */
void fanouts_from(struct fanouts *f, uint64_t position);

/* The log is wanted again from fanouts_begun(). */
bool fanouts_want(const struct fanouts *f, uint64_t now_ms);

/* `following`: entries of the log are taken, else they are not. */
void fanouts_step(struct fanouts *f, bool following, const struct notify_event *ev,
                  struct notify_effects *fx);
uint64_t fanouts_deadline_ms(const struct fanouts *f);
