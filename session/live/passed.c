/* SPDX-License-Identifier: Apache-2.0 */
#include "session/live/passed.h"

#include "lib/ensure.h"
#include "session/asks.h"
#include "session/live/heads.h"
#include "session/live/live.h"
#include "session/peers.h"

#include <stdlib.h>

/* Who asked all of them. */
struct round {
    unsigned waiting;
    bool all;
    void (*done)(void *about, bool all);
    void *about;
};

/* Who waits for this process: a round of ours, or another process. */
struct pass {
    struct pass *next;
    uint64_t seq, until_ms;
    uint64_t asked; /* the number of the question to the store; 0: none is under way */
    struct round *round;
    struct hub_peer from; /* round NULL: who asked, and by what number */
    uint64_t req;
};

static void answer_round(struct round *r, bool past)
{
    r->all = r->all && past;
    if (--r->waiting > 0)
        return;
    r->done(r->about, r->all);
    free(r);
}

static void answer(struct session *s, struct pass *p, bool past)
{
    struct msg m = {.id = MSG_passed,
                    .passed = {.req = p->req, .status = past ? ERR_OK : ERR_LATER}};
    struct pass **at = &s->passes;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    s->passes_n--;
    if (p->asked)
        ask_cancel(s->store, p->asked);
    if (p->round)
        answer_round(p->round, past);
    else
        peer_answer(s, &p->from, &m);
    free(p);
}

static struct pass *pass_new(struct session *s, uint64_t seq, uint64_t wait_ms)
{
    struct pass *p = calloc(1, sizeof *p);
    ENSURE(p != NULL);
    p->seq = seq;
    p->until_ms = s->now_ms + (s->passes_n < PASS_MAX ? wait_ms : 0);
    p->next = s->passes;
    s->passes = p;
    s->passes_n++;
    return p;
}

/* The store has answered what was asked behind everything else. */
static void probed(struct ask_waiter w, const struct msg *m, enum err e)
{
    struct pass *p = w.about;
    (void)m;
    p->asked = 0;
    if (e == ERR_OK)
        answer(w.s, p, true);
}

static void probe(struct session *s, struct pass *p)
{
    struct msg m = {.id = MSG_heads_since, .heads_since = {.from = UINT64_MAX}};
    p->asked = ask(s->store, &m, s->now_ms, p->until_ms - s->now_ms, true,
                   (struct ask_waiter){probed, s, p, 0});
}

void passed_tick(struct session *s)
{
    struct pass *next;
    for (struct pass *p = s->passes; p; p = next) {
        next = p->next;
        if (s->now_ms >= p->until_ms)
            answer(s, p, false);
        else if (!p->asked && heads_past(s, p->seq) && live_merged(s))
            probe(s, p);
    }
}

void passed_stop(struct session *s)
{
    while (s->passes)
        answer(s, s->passes, false);
}

void passed_asked(struct session *s, const struct hub_peer *from, const struct msg_pass *m)
{
    struct pass *p = pass_new(s, m->seq, m->ttl_ms < PASS_MS ? m->ttl_ms : PASS_MS);
    p->from = *from;
    p->req = m->req;
}

static void peer_passed(struct ask_waiter w, const struct msg *m, enum err e)
{
    (void)m;
    answer_round(w.about, e == ERR_OK);
}

void passed_everywhere(struct session *s, uint64_t seq, void (*done)(void *about, bool all),
                       void *about)
{
    struct round *r = calloc(1, sizeof *r);
    struct msg m = {.id = MSG_pass, .pass = {.seq = seq}};
    ENSURE(r != NULL);
    *r = (struct round){.waiting = 1, .all = true, .done = done, .about = about};
    pass_new(s, seq, PASS_MS)->round = r;
    for (unsigned i = 0; i < s->settings->sessions; i++) {
        struct asks *to = peer_asks(s, i);
        r->waiting += to != NULL;
        if (to)
            ask(to, &m, s->now_ms, PASS_MS, true, (struct ask_waiter){peer_passed, s, r, 0});
    }
}
