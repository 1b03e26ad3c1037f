/* SPDX-License-Identifier: Apache-2.0 */
/* desk.h -- the questions that wait, those under way, and the answers that are remembered. Pure.
 *
 * Shape   desk_ask() takes a question in: it is answered from memory, joins the same one under way, or
 *         waits in the order of arrival; desk_next() gives who is to be asked of the application,
 *         desk_answer() what it said. Whoever asked is told by `tell`, once.
 * Rules   the same question is the same text. Each has until its deadline, waiting and under way
 *         together; who joins one has as long as it still has.
 * Limits  `queue` askers that wait, `parallel` questions under way, DESK_KNOWN answers: the oldest
 *         gives way. */
#pragma once

#include "hook/verdict.h"
#include "lib/counters.h"
#include "lib/hub.h"
#include "lib/map.h"

enum { DESK_KNOWN = 5000 };

struct asker {
    struct hub_peer peer;
    uint64_t req;
};

struct desk_rules {
    uint64_t wait_ms, queue, parallel, cache_ms;
};

struct desk;
struct question;

/* `tell` gets each answer; `counts` are those of hook.h. */
struct desk *desk_new(const struct desk_rules *rules, struct counter *counts,
                      void (*tell)(void *to, const struct asker *who, const struct verdict *v),
                      void *to);
void desk_free(struct desk **slot);

void desk_ask(struct desk *d, const struct msg_hook *m, const struct asker *who, uint64_t now_ms);

/* The next question that the application may be asked now, or NULL. It is under way until desk_answer(). */
struct question *desk_next(struct desk *d);
enum hook_kind question_kind(const struct question *q);
struct bytes question_text(const struct question *q);
uint64_t question_deadline_ms(const struct question *q);

void desk_answer(struct desk *d, struct question *q, const struct verdict *v, uint64_t now_ms);

/* Who waited too long to be asked. */
void desk_tick(struct desk *d, uint64_t now_ms);
uint64_t desk_deadline_ms(const struct desk *d);
