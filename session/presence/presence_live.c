/* SPDX-License-Identifier: Apache-2.0 */
#include "session/presence/presence_live.h"

#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/secret.h"
#include "proto/topic.h"
#include "session/asks.h"
#include "session/bus.h"
#include "session/peers.h"
#include "session/socket/phoenix.h"
#include "session/presence/presence.h"
#include "session/presence/presence_hand.h"
#include "session/users.h"

#include <stdlib.h>

struct presence_live {
    struct presence *core;
    uint64_t number;                  /* of the news in `frames` */
    struct frame *frames[PHX_V2 + 1]; /* what is the same for many, once for each vsn */
};

/* What a member keeps for us. */
struct presence_member {
    struct watcher *watcher; /* NULL: not joined yet, or too many rooms */
    uint64_t online_ms;      /* wall clock of its join */
    uint16_t meta_n;
    char meta[]; /* as the client gave it */
};

struct presence *presence_core(const struct session *s)
{
    return s->presence->core;
}

/* ---- what the core wants done */

static void publish(void *about, const struct msg *m)
{
    struct session *s = about;
    if (m->id == MSG_presence_heads)
        bus_say(s, (struct bytes){(char[]){BUS_PRESENCE}, 1}, m);
    else
        bus_say_topic(s, m->presence_delta.topic, m);
}

static void answered(struct ask_waiter w, const struct msg *answer, enum err e)
{
    bool good = e == ERR_OK && answer->id == MSG_presence_parts;
    presence_answered(presence_core(w.s), (unsigned)w.tag, good ? &answer->presence_parts : NULL,
                      w.s->now_ms);
}

static void ask_peer(void *about, unsigned index, struct msg *m)
{
    struct session *s = about;
    struct asks *to = peer_asks(s, index);
    struct ask_waiter w = {answered, s, NULL, index};
    if (to)
        ask(to, m, s->now_ms, PRESENCE_ASK_MS, true, w);
    else
        answered(w, NULL, ERR_NOT_FOUND);
}

static bool ready(void *about, const void *member)
{
    const struct member *m = member;
    (void)about;
    return !m->conn->congested;
}

static void forget_frames(struct presence_live *l)
{
    for (unsigned v = 0; v <= PHX_V2; v++)
        frame_unref(&l->frames[v]);
}

static void tell(void *about, void *member, const struct presence_news *news)
{
    static const char *const events[] = {
        [NEWS_state] = "presence_state",
        [NEWS_diff] = "presence_diff",
        [NEWS_count] = "presence_count",
    };
    struct session *s = about;
    struct presence_live *l = s->presence;
    struct member *m = member;
    struct bytes event = bytes_of(events[news->kind]);
    enum phx_vsn vsn = (enum phx_vsn)m->conn->vsn;
    if (news->kind == NEWS_state) { /* of this join and no other: with its join_ref */
        conn_send(s, m->conn,
                  phx_frame(vsn, member_join_ref(m), PHX_NULL, news->topic, event, news->payload));
        return;
    }
    if (l->number != news->number)
        forget_frames(l);
    l->number = news->number;
    if (!l->frames[vsn])
        l->frames[vsn] = phx_frame(vsn, PHX_NULL, PHX_NULL, news->topic, event, news->payload);
    conn_send(s, m->conn, frame_ref(l->frames[vsn]));
}

struct presence_live *presence_live_new(struct session *s)
{
    struct presence_live *l = calloc(1, sizeof *l);
    ENSURE(l != NULL);
    const struct presence_hand hand = {s, publish, ask_peer, ready, tell};
    struct presence_limits limits = presence_limits;
    uint32_t chance;
    secret_random(&chance, sizeof chance);
    uint64_t instance = s->wall_ms << PRESENCE_CHANCE | chance >> (32 - PRESENCE_CHANCE);
    limits.owners = (unsigned)s->settings->sessions;
    if (limits.owners <= s->index)
        limits.owners = s->index + 1; /* started by hand, beyond the settings */
    l->core = presence_new(&hand, &limits, s->index, instance, s->seed, s->now_ms);
    s->presence = l;
    return l;
}

void presence_live_free(struct presence_live **slot)
{
    struct presence_live *l = *slot;
    *slot = NULL;
    if (!l)
        return;
    forget_frames(l);
    presence_free(&l->core);
    free(l);
}

/* ---- members */

bool presence_meta(struct bytes payload, struct bytes *meta, struct problem *why)
{
    const struct json_place places[] = {{"meta", meta}};
    *meta = (struct bytes){NULL, 0};
    if (!fields_read(payload, FIELDS(places), NULL, why))
        return false;
    if (meta->n > 0 && json_kind(*meta) != '{')
        return problem_set(why, "meta", "must be a JSON object");
    if (meta->n > PRESENCE_META_GIVEN)
        return problem_set(why, "meta", "must have at most 1024 bytes");
    return true;
}

/* The names that are ours are left out of what the client gave. */
static void write_meta(struct buf *out, uint64_t online_ms, struct bytes given)
{
    static const char *const ours[] = {"online_at", "phx_ref", "phx_ref_prev"};
    struct json in = json_over(given);
    struct bytes key, value;
    buf_text(out, "{\"online_at\":\"");
    clock_write(out, online_ms);
    buf_byte(out, '"');
    if (given.n > 0)
        json_enter(&in, '{');
    while (given.n > 0 && json_member(&in, &key, &value)) {
        bool skip = false;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
            skip = skip || json_key_is(key, ours[i]);
        if (skip)
            continue;
        buf_byte(out, ',');
        buf_bytes(out, key);
        buf_byte(out, ':');
        json_write_compact(out, value);
    }
    buf_byte(out, '}');
    ENSURE(!out->overflowed);
}

void presence_enter(struct session *s, struct member *m, struct bytes meta)
{
    struct presence_member *pm = calloc(1, sizeof *pm + meta.n);
    ENSURE(pm != NULL);
    ENSURE(meta.n <= PRESENCE_META_GIVEN);
    (void)s;
    pm->meta_n = (uint16_t)meta.n;
    if (meta.n > 0)
        memcpy(pm->meta, meta.p, meta.n);
    m->presence = pm;
}

/* Older clients keep users in a plain object, which this name would break. */
static struct bytes listed_as(const struct member *m)
{
    struct bytes user = user_name(m->conn->user);
    return bytes_is(user, "__proto__") ? (struct bytes){NULL, 0} : user;
}

void presence_joined(struct session *s, struct member *m)
{
    struct presence_member *pm = m->presence;
    char room[PRESENCE_META_MAX];
    struct buf meta = {.p = room, .cap = sizeof room, .max = sizeof room};
    if (!pm || m->gone)
        return;
    pm->online_ms = s->wall_ms;
    write_meta(&meta, pm->online_ms, (struct bytes){pm->meta, pm->meta_n});
    pm->watcher = presence_watch(presence_core(s), m, member_topic(m),
                                 (uint32_t)m->topic->class->presence_max, listed_as(m),
                                 buf_all(&meta), s->now_ms);
}

void presence_left(struct session *s, struct member *m)
{
    struct presence_member *pm = m->presence;
    m->presence = NULL;
    if (pm && pm->watcher)
        presence_unwatch(presence_core(s), pm->watcher, s->draining, s->now_ms);
    free(pm);
}

bool presence_change(struct session *s, struct member *m, struct bytes given)
{
    struct presence_member *pm = m->presence;
    char room[PRESENCE_META_MAX];
    struct buf meta = {.p = room, .cap = sizeof room, .max = sizeof room};
    if (!pm || !pm->watcher)
        return false;
    write_meta(&meta, pm->online_ms, given);
    return presence_update(presence_core(s), pm->watcher, buf_all(&meta), s->now_ms);
}

bool presence_counting(const struct session *s, struct bytes topic)
{
    bool whole;
    const struct room *r = presence_room(presence_core(s), topic, &whole);
    return r && r->counting;
}

/* ---- the other processes */

void presence_heard(struct session *s, const struct msg *m)
{
    if (m->id == MSG_presence_delta)
        presence_delta(presence_core(s), &m->presence_delta, s->now_ms);
    else
        presence_heads(presence_core(s), &m->presence_heads, s->now_ms);
}

void presence_question(struct session *s, const struct hub_peer *from, const struct msg *m)
{
    struct msg answer;
    if (m->id == MSG_presence_ask) {
        presence_asked(presence_core(s), &m->presence_ask, &answer);
    } else {
        const struct user *u = map_get(&s->users, m->presence_user.user);
        answer = (struct msg){.id = MSG_presence_user_info,
                              .presence_user_info = {.req = m->presence_user.req,
                                                     .connections = u ? u->connections : 0,
                                                     .since_ms = u ? u->since_wall_ms : 0}};
    }
    peer_answer(s, from, &answer);
}

void presence_drain(struct session *s)
{
    presence_leaving(presence_core(s), s->now_ms);
}

void presence_live_tick(struct session *s)
{
    const struct presence_counts *c = presence_counts(presence_core(s));
    presence_tick(presence_core(s), s->now_ms);
    forget_frames(s->presence);
    s->counts[COUNT_presence_entries].value = c->entries;
    s->counts[COUNT_presence_topics].value = c->rooms;
    s->counts[COUNT_presence_holes].value = c->holes;
    s->counts[COUNT_presence_gone].value = c->gone;
    s->counts[COUNT_presence_unlisted].value = c->unlisted;
}

uint64_t presence_live_deadline_ms(const struct session *s)
{
    return presence_deadline_ms(presence_core(s));
}
