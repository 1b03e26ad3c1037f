/* SPDX-License-Identifier: Apache-2.0 */
#include "session/socket/drain.h"

#include "lib/log.h"
#include "lib/loop.h"
#include "session/socket/conn.h"
#include "session/http/http.h"
#include "session/presence/presence_live.h"

enum { DRAIN_TURN_MS = 50, DRAIN_LAST_MS = 500, DRAIN_ASKED_MS = 3000 };

void drain_begin(struct session *s)
{
    if (s->draining)
        return;
    bool alone = s->settings->sessions == 1;
    log_line("session.drain connections=%u", conns_count(s));
    s->draining = true;
    presence_drain(s);
    http_accept_elsewhere(s);
    s->drain.turn_ms = s->now_ms;
    s->drain.spread_ms = s->now_ms + (alone ? 0 : s->settings->drain_ms);
}

/* An even share of those that are there still: newcomers have their turn too. */
static void goodbyes(struct session *s)
{
    if (s->now_ms < s->drain.turn_ms)
        return;
    uint64_t left_ms = s->drain.spread_ms > s->now_ms ? s->drain.spread_ms - s->now_ms : 0;
    uint32_t turns = (uint32_t)(left_ms / DRAIN_TURN_MS) + 1;
    conns_drain(s, conns_count(s) / turns + 1);
    s->drain.turn_ms = s->now_ms + DRAIN_TURN_MS;
}

bool drained(struct session *s)
{
    if (!s->draining)
        return false;
    goodbyes(s);
    if (s->drain.shut_ms == 0 && (conns_count(s) == 0 || s->now_ms >= s->drain.spread_ms)) {
        http_accept_stop(s);
        s->drain.shut_ms = s->now_ms;
    }
    if (s->drain.shut_ms == 0)
        return false;
    uint64_t waited_ms = s->now_ms - s->drain.shut_ms;
    bool last = conns_count(s) > 0 || http_unheard(s);
    return (!last || waited_ms >= DRAIN_LAST_MS) &&
           (!http_asking(s) || waited_ms >= DRAIN_ASKED_MS);
}

uint64_t drain_deadline_ms(const struct session *s)
{
    return s->draining ? s->drain.turn_ms : LOOP_NEVER;
}
