/* SPDX-License-Identifier: Apache-2.0 */
#include "session/live.h"

#include "lib/ensure.h"
#include "lib/loop.h"
#include "proto/event.h"
#include "proto/topic.h"
#include "session/asks.h"
#include "session/bus.h"
#include "session/inbox.h"
#include "session/kind.h"
#include "session/longpoll.h"
#include "session/phoenix.h"
#include "session/presence_live.h"

#include <stdlib.h>

struct live {
    struct roster roster;
    struct buf json; /* payloads are written here, then copied into a frame */
    struct buf event;
    uint64_t broadcast; /* the newest one that we heard of */
    unsigned merging;   /* members that were asked to merge and have not answered */
};

/* So many at a time: a broadcast to all must not keep those waiting who act. */
enum { MERGING_MAX = 100 };

/* What an event brings that its effects send on. */
struct news {
    const struct msg *answer; /* of the store: a snapshot, or changes */
    enum err why;             /* there is none */
    const struct msg_broadcast *broadcast;
    struct frame *frames[PHX_V2 + 1]; /* the broadcast, encoded once for each vsn that needs it */
};

static void step(struct session *s, struct member *m, struct view_event ev, struct news *news);

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

static void merge_over(struct session *s, struct member *m)
{
    s->live->merging -= m->merging;
    m->merging = false;
}

static void member_leave(struct session *s, struct member *m)
{
    struct topic *t = m->topic;
    merge_over(s, m);
    if (m->fetch)
        ask_cancel(s->store, m->fetch);
    presence_left(s, m);
    roster_leave(&s->live->roster, m);
    tidy(s, t);
    gauge_down(s, COUNT_views);
}

/* `pos`: the highest in it, of an inbox. */
static void send_event(struct session *s, struct member *m, struct bytes event,
                       struct bytes payload, uint64_t pos)
{
    struct frame *f = phx_frame((enum phx_vsn)m->conn->vsn, member_join_ref(m), PHX_NULL,
                                member_topic(m), event, payload);
    f->mark = pos;
    conn_send(s, m->conn, f);
}

static void reply(struct session *s, struct member *m, struct bytes ref, const char *status,
                  struct bytes response, uint64_t pos)
{
    struct frame *f = phx_reply((enum phx_vsn)m->conn->vsn, member_join_ref(m), ref,
                                member_topic(m), status, response);
    f->mark = pos;
    conn_send(s, m->conn, f);
}

/* A snapshot, or the changes, came from the store. */
static void fetched(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct session *s = w.s;
    struct member *m = w.about;
    struct news news = {.answer = answer, .why = e};
    struct view_event ev = {.kind = EV_failed, .now_ms = s->now_ms, .asked = (uint32_t)w.tag};
    m->fetch = 0;
    merge_over(s, m);
    if (e == ERR_TOO_OLD) {
        ev.kind = EV_too_old;
    } else if (e == ERR_OK) {
        ev.kind = answer->id == MSG_changes ? EV_changes : EV_snapshot;
        ev.seq = answer_seq(answer);
        m->epoch = answer_epoch(answer);
    } else if (e != ERR_FORBIDDEN) {
        count_one(s, COUNT_asks_failed);
    }
    step(s, m, ev, &news);
}

/* How long the store has for an answer: what its join has left, or as always. */
static uint64_t fetch_ms(const struct session *s, const struct member *m)
{
    uint64_t end_ms = m->view.deadline_ms, most_ms = s->settings->request_ms;
    if (end_ms <= s->now_ms)
        return 1;
    return end_ms - s->now_ms < most_ms ? end_ms - s->now_ms : most_ms;
}

static void fetch(struct session *s, struct member *m, struct msg *request, uint32_t asked)
{
    if (m->fetch)
        ask_cancel(s->store, m->fetch);
    struct ask_waiter w = {fetched, s, m, asked};
    m->fetch = ask(s->store, request, s->now_ms, fetch_ms(s, m), true, w);
}

static void fetch_snapshot(struct session *s, struct member *m, uint32_t asked)
{
    struct msg request, nothing = {.id = MSG_page};
    struct news news = {.answer = &nothing};
    if (m->topic->kind->ask(&request, m))
        fetch(s, m, &request, asked);
    else /* a topic without history: it stands at 0, always */
        step(s, m, (struct view_event){.kind = EV_snapshot, .now_ms = s->now_ms, .asked = asked},
             &news);
}

static void fetch_changes(struct session *s, struct member *m, uint64_t since, uint32_t asked)
{
    struct msg request;
    if (m->view.state == VIEW_healing && !m->merging)
        count_one(s, COUNT_holes);
    kind_ask_changes(&request, m, since);
    fetch(s, m, &request, asked);
}

/* The broadcast for this connection's vsn, encoded when the first one needs it. NULL: it cannot have
 * it, as bytes go to sockets of vsn 2 only. */
static struct frame *broadcast_frame(const struct member *m, struct news *news)
{
    const struct msg_broadcast *b = news->broadcast;
    const struct conn *c = m->conn;
    struct frame **f = &news->frames[c->vsn];
    if (b->binary && (c->kind != CONN_websocket || c->vsn != PHX_V2))
        return NULL;
    if (!*f && b->binary)
        *f = phx_binary_broadcast(b->topic, b->event, b->data);
    else if (!*f)
        *f = phx_frame((enum phx_vsn)c->vsn, PHX_NULL, PHX_NULL, b->topic, b->event, b->payload);
    (*f)->mark = b->pos;
    return frame_ref(*f);
}

/* What nobody keeps a client that is slow does without: at half of its limit what is transient, at
 * three quarters toasts too. What is numbered goes on until the limit, and is one sync beyond it. */
static bool sheds(const struct session *s, const struct conn *c, struct bytes event)
{
    bool slow = c->blocked_ms > 0 || c->kind == CONN_longpoll;
    bool toast = bytes_is(event, "notification:toast");
    return slow && c->out_bytes > s->settings->output_bytes / 4 * (toast ? 3 : 2);
}

/* Of an event without a number: nothing will tell it later, but where a sync does. */
static void lost(struct session *s, struct member *m)
{
    count_one(s, COUNT_lost);
    if (m->conn->poll && m->conn->kind == CONN_longpoll && !m->topic->kind->write_sync)
        longpoll_lost(m->conn);
}

static void send_broadcast(struct session *s, struct member *m, struct news *news)
{
    char self[CONN_NAME];
    if (news->broadcast->except.n > 0 &&
        bytes_equal(news->broadcast->except, conn_name(s, m->conn, self)))
        return;
    if (news->broadcast->seq == 0 && sheds(s, m->conn, news->broadcast->event)) {
        count_one(s, COUNT_shed);
        lost(s, m);
        return;
    }
    struct frame *f = broadcast_frame(m, news);
    if (f)
        conn_send(s, m->conn, f);
}

/* What a client has been shown of an inbox, that had everything up to `since` and gets these. */
static uint64_t shown_with(const struct member *m, const struct msg_changes *changes,
                           uint64_t since)
{
    uint64_t pos = changes_shown(changes);
    if (m->topic->class)
        return 0;
    return pos > since ? pos : since;
}

static void send_changes(struct session *s, struct member *m, const struct msg_changes *changes,
                         uint64_t since)
{
    struct mp_in in = list_in(changes->entries);
    struct msg e;
    while (msg_read(&in, &e)) {
        if (e.entry.seq <= since)
            continue;
        buf_reset(&s->live->event);
        struct bytes event = event_write(&s->live->event, &e.entry);
        uint64_t pos = entry_shows(&e.entry);
        struct frame *f = phx_frame((enum phx_vsn)m->conn->vsn, member_join_ref(m), PHX_NULL,
                                    member_topic(m), event, buf_all(&s->live->event));
        f->mark = pos;
        conn_send_part(s, m->conn, f); /* bounded by one answer of the store */
    }
}

/* The client's reconnect is answered behind what it missed: the changes, or one sync. */
static void resumed(struct session *s, struct member *m, const struct msg *answer)
{
    struct buf *out = &s->live->json;
    bool changes = answer->id == MSG_changes;
    buf_reset(out);
    buf_format(out, "{\"resumed\":%s,\"seq\":%llu,\"epoch\":%llu", changes ? "true" : "false",
               (unsigned long long)m->view.seq, (unsigned long long)m->epoch);
    if (!m->topic->class)
        buf_format(out, ",\"unread_count\":%llu,\"unseen_count\":%llu",
                   (unsigned long long)(changes ? answer->changes.unread : answer->inbox.unread),
                   (unsigned long long)(changes ? answer->changes.unseen : answer->inbox.unseen));
    buf_byte(out, '}');
    /* Whoever has everything up to a seq has every pos up to it. */
    uint64_t pos = changes && !m->topic->class ? m->view.seq : 0;
    reply(s, m, member_third(m), "ok", buf_all(out), pos);
}

/* The join is answered: now the one that it replaced may be told that it is over. */
static void replaced(struct session *s, struct member *m)
{
    if (!m->replaces)
        return;
    m->replaces = false;
    struct bytes old = member_third(m);
    conn_send(s, m->conn,
              phx_frame((enum phx_vsn)m->conn->vsn, old, old, member_topic(m), BYTES("phx_close"),
                        BYTES("{}")));
}

static void joined(struct session *s, struct member *m, struct buf *out, uint64_t pos)
{
    count_one(s, COUNT_joins);
    if (m->presence && presence_counting(s, member_topic(m))) {
        buf_cut(out, out->n - 1);
        buf_format(out, "%s\"presence\":\"count\"}", out->n > 1 ? "," : "");
    }
    reply(s, m, member_ref(m), "ok", buf_all(out), pos);
    replaced(s, m);
    presence_joined(s, m);
}

static void refused(struct session *s, struct member *m, enum err why)
{
    count_one(s, COUNT_joins_refused);
    reply(s, m, member_ref(m), "error",
          why == ERR_FORBIDDEN ? BYTES("{\"reason\":\"unauthorized\"}")
                               : BYTES("{\"reason\":\"unavailable\"}"),
          0);
    replaced(s, m);
}

/* phx_error or phx_close: the client's channel is over, and comes back or does not. */
static void end_channel(struct session *s, struct member *m, struct bytes event,
                        struct bytes payload)
{
    conn_send(s, m->conn,
              phx_frame((enum phx_vsn)m->conn->vsn, member_join_ref(m), member_join_ref(m),
                        member_topic(m), event, payload));
}

static void carry_out(struct session *s, struct member *m, struct view_effect fx, struct news *news)
{
    static struct news nothing; /* an effect without news has none to look at */
    static const struct msg no_answer;
    const struct kind *kind = m->topic->kind;
    struct buf *out = &s->live->json;
    news = news ? news : &nothing;
    const struct msg *answer = news->answer ? news->answer : &no_answer;
    buf_reset(out);
    switch (fx.kind) {
    case FX_subscribe: /* done by whoever made the member, who knows what to wait for */
        break;
    case FX_fetch_snapshot:
        fetch_snapshot(s, m, fx.asked);
        break;
    case FX_fetch_changes:
        fetch_changes(s, m, fx.seq, fx.asked);
        break;
    case FX_reply_snapshot:
        kind->write_joined(out, answer);
        joined(s, m, out, answer_shown(answer));
        break;
    case FX_reply_changes:
        kind->write_resumed(out, &answer->changes, fx.seq);
        joined(s, m, out, shown_with(m, &answer->changes, fx.seq));
        if (kind->changes_follow && !m->gone)
            send_changes(s, m, &answer->changes, fx.seq);
        break;
    case FX_refuse:
        refused(s, m, news->why);
        break;
    case FX_send:
        send_broadcast(s, m, news);
        break;
    case FX_lost:
        lost(s, m);
        break;
    case FX_send_changes:
        send_changes(s, m, &answer->changes, fx.seq);
        break;
    case FX_send_sync:
        if (!kind->write_sync)
            break; /* nothing is kept: what was dropped is gone */
        kind->write_sync(out, answer);
        count_one(s, COUNT_syncs);
        send_event(s, m, bytes_of(kind->sync_event), buf_all(out), answer_shown(answer));
        break;
    case FX_resumed:
        resumed(s, m, answer);
        break;
    case FX_fault:
        end_channel(s, m, BYTES("phx_error"), BYTES("{\"reason\":\"unavailable\"}"));
        break;
    case FX_COUNT:
        break;
    }
    ENSURE(!out->overflowed);
}

static void step(struct session *s, struct member *m, struct view_event ev, struct news *news)
{
    struct view_effects fx;
    view_step(&m->view, &ev, &fx);
    for (unsigned i = 0; i < fx.n && !m->gone; i++)
        carry_out(s, m, fx.list[i], news);
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
    step(s, m, ev, NULL);
    if (m->confirm)
        roster_wait(&l->roster, m);
    else
        step(s, m, event(s, EV_confirmed, 0), NULL);
}

void live_reconnect(struct session *s, struct member *m, struct bytes ref,
                    const struct resume *resume)
{
    member_third_set(m, ref);
    if (resume->since != VIEW_NOTHING && resume->epoch > 0)
        m->epoch = resume->epoch;
    if (resume->have > 0)
        m->have = most(resume->have);
    step(s, m, event(s, EV_reconnect, resume->since), NULL);
}

void live_leave(struct session *s, struct member *m)
{
    step(s, m, event(s, EV_leave, 0), NULL);
}

void live_kick(struct session *s, struct member *m)
{
    end_channel(s, m, BYTES("phx_close"), BYTES("{}"));
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
        step(s, m, event(s, EV_drained, 0), NULL);
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
            step(s, m, event(s, EV_congested, 0), news);
        if (!m->gone)
            step(s, m, ev, news);
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
            step(s, m, event(s, EV_suspect, 0), NULL);
            if (!m->fetch)
                merge_over(s, m); /* it has nothing mounted, and reads when it has */
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
        step(s, m, event(s, EV_confirmed, 0), NULL);
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
                step(s, t->members[i], event(s, EV_suspect, 0), NULL);
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
        step(s, m, event(s, EV_deadline, 0), NULL);
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
