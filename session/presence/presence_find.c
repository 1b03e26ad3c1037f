/* SPDX-License-Identifier: Apache-2.0 */
/* Who is where, gathered from every session process for one HTTP answer. */
#include "lib/ensure.h"
#include "session/asks.h"
#include "session/peers.h"
#include "session/presence/presence.h"
#include "session/presence/presence_hand.h"
#include "session/presence/presence_live.h"
#include "session/users.h"

#include <stdlib.h>

struct gather {
    struct presence_waiter waiter;
    struct presence_found found;
    struct entry_list list; /* ours to free */
    unsigned waiting;       /* for so many answers; one is our own, until all are asked */
    bool count_only;
    enum err e;
};

static struct gather *gather_new(struct presence_waiter w, bool count_only)
{
    struct gather *g = calloc(1, sizeof *g);
    ENSURE(g != NULL);
    g->waiter = w;
    g->waiting = 1;
    g->count_only = count_only;
    return g;
}

static void gather_end(struct gather *g)
{
    if (--g->waiting > 0)
        return;
    struct buf json;
    buf_init(&json, TEXT_MAX);
    if (!g->count_only) {
        entries_sort(&g->list);
        entries_write(&json, &g->list);
        g->found.json = buf_all(&json);
    }
    if (g->e == ERR_OK && json.overflowed) {
        g->e = ERR_FULL;
        count_one(g->waiter.s, COUNT_refused_presence);
    }
    g->waiter.done(g->waiter, g->e == ERR_OK ? &g->found : NULL, g->e);
    for (uint32_t i = 0; i < g->list.n; i++)
        free(g->list.p[i]);
    entries_fini(&g->list);
    buf_fini(&json);
    free(g);
}

static void add_entries(struct gather *g, struct mp_list entries)
{
    struct mp_in in = list_in(entries);
    struct msg m;
    while (msg_read(&in, &m))
        if (m.id == MSG_presence_entry)
            entries_add(&g->list, entry_new(&m.presence_entry, 0));
}

static void came(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct gather *g = w.about;
    if (e == ERR_OK && answer->id == MSG_presence_user_info) {
        const struct msg_presence_user_info *u = &answer->presence_user_info;
        g->found.count += u->connections;
        if (u->since_ms > 0 && (g->found.since_ms == 0 || u->since_ms < g->found.since_ms))
            g->found.since_ms = u->since_ms;
    } else if (e == ERR_OK && answer->id == MSG_presence_parts) {
        struct mp_in in = list_in(answer->presence_parts.parts);
        struct msg m;
        while (msg_read(&in, &m)) {
            g->found.count += m.presence_part.count;
            add_entries(g, m.presence_part.entries);
        }
    } else if (presence_expects(presence_core(w.s), (unsigned)w.tag)) {
        g->e = ERR_UNKNOWN; /* it is there, and who is connected to it we do not know */
    }
    gather_end(g);
}

/* Of every other process that is there. */
static void ask_all(struct session *s, struct gather *g, const struct msg *request)
{
    for (unsigned i = 0; i < s->settings->sessions; i++) {
        struct asks *to = presence_expects(presence_core(s), i) ? peer_asks(s, i) : NULL;
        struct ask_waiter w = {came, s, g, i};
        struct msg m = *request;
        if (!to)
            continue;
        g->waiting++;
        ask(to, &m, s->now_ms, PRESENCE_ASK_MS, true, w);
    }
    gather_end(g);
}

/* What we have of it: all, if `whole`, or only our own. */
static void add_own(struct session *s, struct gather *g, const struct room *r, bool whole)
{
    const struct presence_entry *e;
    g->found.count = whole ? r->entries.used : r->own;
    if (g->count_only)
        return;
    for (size_t at = 0; (e = map_next(&r->entries, &at));)
        if (whole || e->owner == s->index) {
            struct msg m = entry_msg(e);
            entries_add(&g->list, entry_new(&m.presence_entry, 0));
        }
}

void presence_list(struct session *s, struct bytes topic, bool count_only, struct presence_waiter w)
{
    bool whole;
    const struct room *r = presence_room(presence_core(s), topic, &whole);
    struct gather *g = gather_new(w, count_only);
    if (r)
        add_own(s, g, r, whole);
    if (whole) {
        gather_end(g);
        return;
    }
    struct buf topics;
    buf_init(&topics, TOPIC_MAX + 32);
    struct msg head = {.id = MSG_head, .head = {topic, 0}};
    msg_write(&topics, &head);
    struct msg m = {.id = MSG_presence_ask,
                    .presence_ask = {.counts = count_only, .topics = list_of(&topics, 1)}};
    ask_all(s, g, &m);
    buf_fini(&topics);
}

void presence_user(struct session *s, struct bytes user, struct presence_waiter w)
{
    struct gather *g = gather_new(w, true);
    const struct user *u = map_get(&s->users, user);
    struct msg m = {.id = MSG_presence_user, .presence_user = {.user = user}};
    g->found.count = u ? u->connections : 0;
    g->found.since_ms = u ? u->since_wall_ms : 0;
    ask_all(s, g, &m);
}
