/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ensure.h"
#include "lib/loop.h"
#include "proto/topic.h"
#include "session/asks.h"
#include "session/bus.h"
#include "session/live/kind.h"
#include "session/live/live_core.h"
#include "session/presence/presence_live.h"

#include <stdlib.h>

/* So many at a time: a broadcast to all must not keep those waiting who act. */
enum { MERGING_MAX = 100 };

struct live *live_new(struct session *s)
{
    struct live *l = calloc(1, sizeof *l);
    ENSURE(l != NULL);
    roster_init(&l->roster, s->seed);
    buf_init(&l->json, TEXT_MAX);
    buf_init(&l->event, TEXT_MAX);
    s->live = l;
    return l;
}

void live_free(struct live **slot)
{
    struct live *l = *slot;
    *slot = NULL;
    if (!l)
        return;
    roster_fini(&l->roster);
    buf_fini(&l->json);
    buf_fini(&l->event);
    free(l);
}

static void tidy(struct session *s, struct topic *t)
{
    uint16_t bucket = t->bucket;
    if (!roster_tidy(&s->live->roster, t))
        return;
    bus_unwant(s, bucket);
    gauge_down(s, COUNT_topics);
}

void live_merge_over(struct session *s, struct member *m)
{
    s->live->merging -= m->merging;
    m->merging = false;
}

static void member_leave(struct session *s, struct member *m)
{
    struct topic *t = m->topic;
    live_merge_over(s, m);
    if (m->fetch)
        ask_cancel(s->store, m->fetch);
    presence_left(s, m);
    roster_leave(&s->live->roster, m);
    tidy(s, t);
    gauge_down(s, COUNT_views);
}

void live_step(struct session *s, struct member *m, struct view_event ev, struct news *news)
{
    struct view_effects fx;
    view_step(&m->view, &ev, &fx);
    for (unsigned i = 0; i < fx.n && !m->gone; i++)
        live_carry_out(s, m, fx.list[i], news);
    if (m->view.state == VIEW_closed && !m->gone)
        member_leave(s, m);
}

static struct view_event event(const struct session *s, enum view_event_kind kind, uint64_t seq)
{
    return (struct view_event){.kind = kind, .now_ms = s->now_ms, .seq = seq};
}

static uint32_t most(uint64_t have)
{
    return have < PAGE_MAX ? (uint32_t)have : PAGE_MAX;
}

void live_join(struct session *s, struct conn *c, const struct join *join)
{
    struct live *l = s->live;
    bool made;
    struct member *m = roster_join(&l->roster, c, join->topic, join->join_ref, join->ref, &made);
    count_one(s, COUNT_views);
    if (made)
        count_one(s, COUNT_topics);
    m->topic->class = join->class;
    m->topic->kind = kind_of(join->class);
    m->view.replays = join->class && join->class->history > 0;
    m->epoch = join->resume.epoch;
    m->have = most(join->resume.have);
    if (join->class && join->class->presence)
        presence_enter(s, m, join->meta);
    m->replaces = join->replaces.n > 0;
    if (m->replaces)
        member_third_set(m, join->replaces);
    m->publishes = join->publishes;
    m->confirm = made ? bus_want(s, m->topic->bucket) : bus_wait(s, m->topic->bucket);
    struct view_event ev = event(s, EV_join, join->resume.since);
    if (join->since_ms > 0)
        ev.now_ms = join->since_ms;
    live_step(s, m, ev, NULL);
    if (m->confirm)
        roster_wait(&l->roster, m);
    else
        live_step(s, m, event(s, EV_confirmed, 0), NULL);
}

void live_reconnect(struct session *s, struct member *m, struct bytes ref,
                    const struct resume *resume)
{
    member_third_set(m, ref);
    if (resume->since != VIEW_NOTHING && resume->epoch > 0)
        m->epoch = resume->epoch;
    if (resume->have > 0)
        m->have = most(resume->have);
    live_step(s, m, event(s, EV_reconnect, resume->since), NULL);
}

void live_leave(struct session *s, struct member *m)
{
    live_step(s, m, event(s, EV_leave, 0), NULL);
}

void live_kick(struct session *s, struct member *m)
{
    live_end_channel(s, m, BYTES("phx_close"), BYTES("{}"));
    if (!m->gone)
        live_leave(s, m);
}

void live_leave_all(struct session *s, struct conn *c)
{
    while (c->members)
        live_leave(s, c->members);
}

void live_drained(struct session *s, struct conn *c)
{
    for (struct member *m = c->members, *next; m; m = next) {
        next = m->next;
        live_step(s, m, event(s, EV_drained, 0), NULL);
    }
}

/* Every member of a topic; a step may take any of them off, so from the last to the first. */
static void each(struct session *s, struct topic *t, struct view_event ev, struct news *news)
{
    t->busy++;
    for (uint32_t i = t->n; i-- > 0;) {
        if (i >= t->n)
            continue; /* more than one left meanwhile */
        struct member *m = t->members[i];
        if (m->conn->congested)
            live_step(s, m, event(s, EV_congested, 0), news);
        if (!m->gone)
            live_step(s, m, ev, news);
    }
    t->busy--;
    tidy(s, t);
}

/* There is a broadcast that each inbox here is to merge: it is as if anything may have been missed. */
static void merge_all(struct session *s, uint64_t seq)
{
    struct map *topics = &s->live->roster.topics;
    struct topic *t;
    if (seq <= s->live->broadcast)
        return;
    s->live->broadcast = seq;
    for (size_t at = 0; (t = map_next(topics, &at));)
        if (!t->class)
            roster_merge(&s->live->roster, t);
}

static void merge_some(struct session *s)
{
    struct live *l = s->live;
    struct topic *t;
    while (l->merging < MERGING_MAX && (t = l->roster.merges)) {
        roster_merge_over(&l->roster, t);
        t->busy++;
        for (uint32_t i = t->n; i-- > 0;) {
            if (i >= t->n)
                continue;
            struct member *m = t->members[i];
            l->merging += !m->merging;
            m->merging = true;
            live_step(s, m, event(s, EV_suspect, 0), NULL);
            if (!m->fetch)
                live_merge_over(s, m); /* it has nothing mounted, and reads when it has */
        }
        t->busy--;
        tidy(s, t);
    }
}

bool live_merged(const struct session *s)
{
    return s->live->merging == 0 && !s->live->roster.merges;
}

void live_broadcast(struct session *s, const struct msg_broadcast *b)
{
    if (topic_own(b->topic)) {
        merge_all(s, b->seq);
        return;
    }
    struct topic *t = roster_topic(&s->live->roster, b->topic);
    if (!t)
        return; /* another topic of a bucket that we hear */
    count_one(s, COUNT_broadcasts);
    struct news news = {.broadcast = b};
    struct view_event ev = event(s, EV_broadcast, b->seq);
    ev.prev = b->prev;
    each(s, t, ev, &news);
    for (unsigned v = 0; v <= PHX_V2; v++)
        frame_unref(&news.frames[v]);
}

void live_confirmed(struct session *s, uint64_t number)
{
    struct roster *r = &s->live->roster;
    while (r->waiting && r->waiting->confirm <= number) { /* a step may take others off the list */
        struct member *m = r->waiting;
        roster_wait_over(r, m);
        live_step(s, m, event(s, EV_confirmed, 0), NULL);
    }
}

void live_head(struct session *s, struct bytes topic, uint64_t seq)
{
    if (bytes_is(topic, TOPIC_BROADCASTS))
        merge_all(s, seq);
    struct topic *t = roster_topic(&s->live->roster, topic);
    if (t)
        each(s, t, event(s, EV_head, seq), NULL);
}

void live_suspect_all(struct session *s)
{
    struct map *topics = &s->live->roster.topics;
    struct topic *t;
    for (size_t at = 0; (t = map_next(topics, &at));) {
        t->busy++; /* the map must not change under the walk */
        for (uint32_t i = t->n; i-- > 0;)
            if (i < t->n)
                live_step(s, t->members[i], event(s, EV_suspect, 0), NULL);
        t->busy--;
    }
    for (size_t at = 0; (t = map_next(topics, &at));)
        if (t->n == 0) {
            tidy(s, t);
            at = 0; /* the map has changed */
        }
}

void live_tick(struct session *s)
{
    struct roster *r = &s->live->roster;
    while (r->waiting && r->waiting->view.deadline_ms <= s->now_ms) {
        struct member *m = r->waiting;
        roster_wait_over(r, m);
        live_step(s, m, event(s, EV_deadline, 0), NULL);
    }
    merge_some(s);
    roster_bury(r);
}

uint64_t live_deadline_ms(const struct session *s)
{
    const struct member *first = s->live->roster.waiting;
    return first ? first->view.deadline_ms : LOOP_NEVER;
}

const struct roster *live_roster(const struct session *s)
{
    return &s->live->roster;
}
