/* SPDX-License-Identifier: Apache-2.0 */
/* evicted.c -- what gives way where inboxes have a limit (R17): the oldest that is read or archived; if there
 * is none, the oldest in the inbox; never what is snoozed. It is looked for here, among all. */
#include "tests/sim/inboxes.h"

enum turn { TURN_first, TURN_then, TURN_never };

static enum turn turn_of(const struct stage *s)
{
    if (s->place == PLACE_archive || (s->place == PLACE_inbox && s->read))
        return TURN_first;
    return s->place == PLACE_inbox ? TURN_then : TURN_never;
}

static uint64_t held(const struct inbox *in)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < in->n; i++)
        n += !is_gone(&in->items[i]);
    return n;
}

void inboxes_evicts(unsigned user, const struct item *it)
{
    const struct inbox *in = &inboxes[user];
    const struct stage *s = stage_now(it);
    enum turn turn = turn_of(s);
    if (sim.settings.max_items == 0 || held(in) <= sim.settings.max_items)
        wrong("evicted", "pos %llu of %s gives way though there is room",
              (unsigned long long)s->pos, users[user]);
    if (turn == TURN_never)
        wrong("evicted", "pos %llu of %s sleeps, and gives way", (unsigned long long)s->pos,
              users[user]);
    for (uint64_t i = 0; i < in->n; i++) {
        const struct stage *other = stage_now(&in->items[i]);
        if (turn_of(other) < turn || (turn_of(other) == turn && other->pos < s->pos))
            wrong("evicted", "pos %llu of %s gives way, and it is the turn of pos %llu",
                  (unsigned long long)s->pos, users[user], (unsigned long long)other->pos);
    }
}

void inboxes_bounded(void)
{
    uint64_t most = sim.settings.max_items;
    for (unsigned u = 0; most > 0 && u < USERS; u++)
        if (held(&inboxes[u]) > most)
            wrong("not evicted", "%s holds %llu, and may %llu", users[u],
                  (unsigned long long)held(&inboxes[u]), (unsigned long long)most);
}
