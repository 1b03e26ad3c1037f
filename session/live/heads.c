/* SPDX-License-Identifier: Apache-2.0 */
#include "session/live/heads.h"

#include "lib/ensure.h"
#include "session/asks.h"
#include "session/live/live.h"

#include <stdlib.h>

enum { STORE_LATE_MS = 3000 }; /* without an answer for so long, we are not ready */

struct heads {
    uint64_t at;        /* every topic's head is known up to this position */
    uint64_t seen;      /* the log reaches to here at least */
    uint64_t heard_ms;  /* when the notifier spoke last; 0: never */
    uint64_t answer_ms; /* when the store answered last */
    bool known;         /* `at` is */
    bool asked;         /* for what changed after it */
    bool probing;       /* a question is under way, only to see whether it is answered */
};

struct heads *heads_new(struct session *s)
{
    s->heads = calloc(1, sizeof *s->heads);
    ENSURE(s->heads != NULL);
    return s->heads;
}

void heads_free(struct heads **slot)
{
    free(*slot);
    *slot = NULL;
}

/* The topics that changed: whoever has not got there has missed something. */
static void tell(struct session *s, struct mp_list topics)
{
    struct mp_in in = list_in(topics);
    struct msg m;
    while (msg_read(&in, &m))
        live_head(s, m.head.topic, m.head.seq);
}

static void answered(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct session *s = w.s;
    struct heads *h = s->heads;
    h->asked = false;
    if (!answer || answer->id != MSG_heads || (e != ERR_OK && e != ERR_TOO_OLD))
        return; /* the next tick asks again */
    if (e == ERR_TOO_OLD)
        live_suspect_all(s);
    else if (h->known)
        tell(s, answer->heads.topics);
    h->at = answer->heads.to;
    h->known = true;
    h->answer_ms = s->now_ms;
}

void heads_tick(struct session *s)
{
    struct heads *h = s->heads;
    if (h->asked || (h->known && h->at >= h->seen))
        return;
    h->asked = true;
    struct msg request = {.id = MSG_heads_since,
                          .heads_since = {.from = h->known ? h->at : UINT64_MAX}};
    struct ask_waiter w = {answered, s, NULL, 0};
    ask(s->store, &request, s->now_ms, s->settings->request_ms, true, w);
}

void heads_heard(struct session *s, const struct msg_heads *m)
{
    struct heads *h = s->heads;
    h->heard_ms = s->now_ms;
    tell(s, m->topics);
    if (!h->known)
        return;
    if (m->to > h->seen)
        h->seen = m->to;
    if (m->from > h->at)
        count_one(s, COUNT_heads_missed); /* some did not arrive: what else did not? */
    else if (m->to > h->at)
        h->at = m->to;
}

static void probed(struct ask_waiter w, const struct msg *answer, enum err e)
{
    (void)answer;
    w.s->heads->probing = false;
    if (e == ERR_OK)
        w.s->heads->answer_ms = w.s->now_ms;
}

void heads_probe(struct session *s)
{
    if (s->heads->probing)
        return;
    s->heads->probing = true;
    struct msg request = {.id = MSG_heads_since, .heads_since = {.from = UINT64_MAX}};
    struct ask_waiter w = {probed, s, NULL, 0};
    ask(s->store, &request, s->now_ms, STORE_LATE_MS, true, w);
}

bool heads_past(const struct session *s, uint64_t seq)
{
    return s->heads->known && s->heads->at >= seq;
}

bool heads_known(const struct session *s)
{
    return s->heads->known && s->now_ms - s->heads->answer_ms < STORE_LATE_MS;
}

bool heads_fresh(const struct session *s, uint64_t limit_ms)
{
    return s->heads->heard_ms > 0 && s->now_ms - s->heads->heard_ms < limit_ms;
}
