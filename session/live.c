/* SPDX-License-Identifier: Apache-2.0 */
#include "session/live.h"

#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/map.h"
#include "proto/event.h"
#include "proto/topic.h"
#include "session/asks.h"
#include "session/bus.h"
#include "session/inbox.h"
#include "session/phoenix.h"

#include <stdlib.h>

enum { STORE_LATE_MS = 3000 }; /* without an answer for so long, we are not ready */

struct topic {
    struct member **members;
    uint32_t n, cap;
    uint16_t bucket;
    uint16_t busy; /* being walked: not freed meanwhile */
    uint8_t name_n;
    char name[];
};
_Static_assert(TOPIC_MAX <= UINT8_MAX, "a topic's length fits");

struct live {
    struct map topics;
    struct member *waiting, *waiting_last; /* for the broker, in the order of their deadlines */
    uint64_t heads_at;                     /* every topic's head is known up to this position */
    uint64_t heads_seen;                   /* the log reaches to here at least */
    bool heads_known, heads_asked;
    bool probing;        /* a question to the store is under way, only to see whether it answers */
    uint64_t answer_ms;  /* when it last did */
    struct member *dead; /* left in this turn: freed at its end, as somebody may be amid a step */
    struct buf json;     /* payloads are written here, then copied into a frame */
    struct buf event;
};

/* What an event brings that its effects send on. */
struct news {
    const struct msg_inbox *inbox;
    const struct msg_changes *changes;
    const struct msg_broadcast *broadcast;
    struct frame *frames[PHX_V2 + 1]; /* the broadcast, encoded once for each vsn that needs it */
};

static void step(struct session *s, struct member *m, struct view_event ev, struct news *news);
static void bury(struct live *l);

static struct bytes name_of(const void *thing)
{
    const struct topic *t = thing;
    return (struct bytes){t->name, t->name_n};
}

struct live *live_new(struct session *s)
{
    struct live *l = calloc(1, sizeof *l);
    ENSURE(l != NULL);
    map_init(&l->topics, name_of, s->seed);
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
    bury(l);
    ENSURE(l->topics.used == 0);
    map_fini(&l->topics);
    buf_fini(&l->json);
    buf_fini(&l->event);
    free(l);
}

static struct topic *topic_get(struct session *s, struct bytes name, uint64_t *confirm)
{
    struct topic *t = map_get(&s->live->topics, name);
    if (!t) {
        t = calloc(1, sizeof *t + name.n);
        ENSURE(t != NULL);
        t->name_n = (uint8_t)name.n;
        memcpy(t->name, name.p, name.n);
        t->bucket = topic_bucket(name);
        map_put(&s->live->topics, t);
        count_one(s, COUNT_topics);
        *confirm = bus_want(s, t->bucket);
        return t;
    }
    *confirm = bus_want(s, t->bucket); /* only to learn whether it holds */
    bus_unwant(s, t->bucket);
    return t;
}

static void topic_put(struct session *s, struct topic *t)
{
    if (t->n > 0 || t->busy > 0)
        return;
    bus_unwant(s, t->bucket);
    map_remove(&s->live->topics, t);
    gauge_down(s, COUNT_topics);
    free(t->members);
    free(t);
}

static void topic_add(struct topic *t, struct member *m)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 2;
        t->members = realloc(t->members, t->cap * sizeof(struct member *));
        ENSURE(t->members != NULL);
    }
    m->topic = t;
    m->at = t->n;
    t->members[t->n++] = m;
}

static void topic_drop(struct topic *t, struct member *m)
{
    struct member *last = t->members[--t->n];
    t->members[m->at] = last;
    last->at = m->at;
}

static void wait_add(struct live *l, struct member *m)
{
    m->wait_prev = l->waiting_last;
    m->wait_next = NULL;
    if (l->waiting_last)
        l->waiting_last->wait_next = m;
    else
        l->waiting = m;
    l->waiting_last = m;
}

static void wait_drop(struct live *l, struct member *m)
{
    if (l->waiting != m && !m->wait_prev)
        return; /* not on the list */
    if (m->wait_prev)
        m->wait_prev->wait_next = m->wait_next;
    else
        l->waiting = m->wait_next;
    if (m->wait_next)
        m->wait_next->wait_prev = m->wait_prev;
    else
        l->waiting_last = m->wait_prev;
    m->wait_next = m->wait_prev = NULL;
}

struct member *live_find(const struct conn *c, struct bytes topic)
{
    for (struct member *m = c->members; m; m = m->next)
        if (bytes_equal(name_of(m->topic), topic))
            return m;
    return NULL;
}

struct bytes member_topic(const struct member *m)
{
    return name_of(m->topic);
}

struct bytes member_join_ref(const struct member *m)
{
    return (struct bytes){m->refs, m->join_ref_n};
}

static void member_leave(struct session *s, struct member *m)
{
    struct member **link = &m->conn->members;
    while (*link != m)
        link = &(*link)->next;
    *link = m->next;
    m->conn->joined--;
    wait_drop(s->live, m);
    if (m->fetch)
        ask_cancel(s->store, m->fetch);
    topic_drop(m->topic, m);
    topic_put(s, m->topic);
    gauge_down(s, COUNT_views);
    m->gone = true;
    m->next = s->live->dead;
    s->live->dead = m;
}

static void bury(struct live *l)
{
    while (l->dead) {
        struct member *m = l->dead;
        l->dead = m->next;
        free(m);
    }
}

static void send_event(struct session *s, struct member *m, const char *event, struct bytes payload)
{
    conn_send(s, m->conn,
              phx_frame((enum phx_vsn)m->conn->vsn, member_join_ref(m), PHX_NULL, member_topic(m),
                        bytes_of(event), payload));
}

static void reply(struct session *s, struct member *m, struct bytes ref, const char *status,
                  struct bytes response)
{
    conn_send(s, m->conn,
              phx_reply((enum phx_vsn)m->conn->vsn, member_join_ref(m), ref, member_topic(m),
                        status, response));
}

static struct bytes join_ref_of_reply(const struct member *m)
{
    return (struct bytes){m->refs + m->join_ref_n, m->ref_n};
}

/* A snapshot, or the changes, came from the store. */
static void fetched(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct session *s = w.s;
    struct member *m = w.about;
    struct news news = {0};
    struct view_event ev = {.kind = EV_failed, .now_ms = s->now_ms, .asked = (uint32_t)w.tag};
    m->fetch = 0;
    if (e == ERR_TOO_OLD) {
        ev.kind = EV_too_old;
    } else if (e == ERR_OK && answer->id == MSG_inbox) {
        news.inbox = &answer->inbox;
        ev.kind = EV_snapshot;
        ev.seq = answer->inbox.seq;
        m->epoch = answer->inbox.epoch;
    } else if (e == ERR_OK && answer->id == MSG_changes) {
        news.changes = &answer->changes;
        ev.kind = EV_changes;
        ev.seq = answer->changes.head;
        m->epoch = answer->changes.epoch;
    } else {
        count_one(s, COUNT_asks_failed);
    }
    step(s, m, ev, &news);
}

static void fetch(struct session *s, struct member *m, struct msg *request, uint32_t asked)
{
    if (m->fetch)
        ask_cancel(s->store, m->fetch);
    struct ask_waiter w = {fetched, s, m, asked};
    m->fetch = ask(s->store, request, s->now_ms, s->settings->request_ms, true, w);
}

static void fetch_snapshot(struct session *s, struct member *m, uint32_t asked)
{
    struct bytes user;
    ENSURE(topic_user(member_topic(m), &user));
    struct msg request = {.id = MSG_snapshot, .snapshot = {.user = user, .limit = INBOX_PAGE}};
    fetch(s, m, &request, asked);
}

static void fetch_changes(struct session *s, struct member *m, uint64_t since, uint32_t asked)
{
    if (m->view.state == VIEW_healing)
        count_one(s, COUNT_holes);
    struct msg request = {
        .id = MSG_since,
        .since = {.topic = member_topic(m), .since = since, .epoch = m->epoch},
    };
    fetch(s, m, &request, asked);
}

/* The broadcast for this connection's vsn, encoded when the first one needs it. */
static struct frame *broadcast_frame(const struct member *m, struct news *news)
{
    struct frame **f = &news->frames[m->conn->vsn];
    if (!*f)
        *f = phx_frame((enum phx_vsn)m->conn->vsn, PHX_NULL, PHX_NULL, news->broadcast->topic,
                       news->broadcast->event, news->broadcast->payload);
    return frame_ref(*f);
}

static void show(struct member *m, uint64_t pos)
{
    if (pos > m->shown)
        m->shown = pos;
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
        const char *event = event_write(&s->live->event, &e.entry);
        send_event(s, m, event, buf_all(&s->live->event));
    }
    show(m, changes_shown(changes));
}

/* The client's reconnect is answered behind what it missed: the changes, or one sync. */
static void resumed(struct session *s, struct member *m, const struct news *news)
{
    struct buf *out = &s->live->json;
    struct bytes ref = {m->refs + m->join_ref_n + m->ref_n, m->reconnect_n};
    uint64_t unread = news->changes ? news->changes->unread : news->inbox->unread;
    buf_reset(out);
    buf_format(out, "{\"resumed\":%s,\"unread_count\":%llu,\"seq\":%llu,\"epoch\":%llu}",
               news->changes ? "true" : "false", (unsigned long long)unread,
               (unsigned long long)m->view.seq, (unsigned long long)m->epoch);
    reply(s, m, ref, "ok", buf_all(out));
}

/* The join is answered: now the one that it replaced may be told that it is over. */
static void replaced(struct session *s, struct member *m)
{
    if (!m->replaces)
        return;
    m->replaces = false;
    struct bytes old = {m->refs + m->join_ref_n + m->ref_n, m->reconnect_n};
    conn_send(s, m->conn,
              phx_frame((enum phx_vsn)m->conn->vsn, old, old, member_topic(m), BYTES("phx_close"),
                        BYTES("{}")));
}

static void carry_out(struct session *s, struct member *m, struct view_effect fx, struct news *news)
{
    struct buf *out = &s->live->json;
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
        inbox_write_page(out, news->inbox);
        show(m, inbox_shown(news->inbox));
        count_one(s, COUNT_joins);
        reply(s, m, join_ref_of_reply(m), "ok", buf_all(out));
        replaced(s, m);
        break;
    case FX_reply_changes:
        inbox_write_changes(out, news->changes, fx.seq);
        show(m, changes_shown(news->changes));
        count_one(s, COUNT_joins);
        reply(s, m, join_ref_of_reply(m), "ok", buf_all(out));
        replaced(s, m);
        break;
    case FX_refuse:
        count_one(s, COUNT_joins_refused);
        reply(s, m, join_ref_of_reply(m), "error", BYTES("{\"reason\":\"unavailable\"}"));
        replaced(s, m);
        break;
    case FX_send:
        show(m, news->broadcast->pos);
        conn_send(s, m->conn, broadcast_frame(m, news));
        break;
    case FX_send_changes:
        send_changes(s, m, news->changes, fx.seq);
        break;
    case FX_send_sync:
        inbox_write_sync(out, news->inbox);
        show(m, inbox_shown(news->inbox));
        count_one(s, COUNT_syncs);
        send_event(s, m, "notifications:sync", buf_all(out));
        break;
    case FX_resumed:
        resumed(s, m, news);
        break;
    case FX_fault:
        conn_send(s, m->conn,
                  phx_frame((enum phx_vsn)m->conn->vsn, member_join_ref(m), member_join_ref(m),
                            member_topic(m), BYTES("phx_error"),
                            BYTES("{\"reason\":\"unavailable\"}")));
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

void live_join(struct session *s, struct conn *c, const struct join *join)
{
    ENSURE(join->join_ref.n <= REF_MAX);
    ENSURE(join->ref.n <= REF_MAX);
    uint64_t confirm;
    struct topic *t = topic_get(s, join->topic, &confirm);
    struct member *m = calloc(1, sizeof *m + join->join_ref.n + join->ref.n + REF_MAX);
    ENSURE(m != NULL);
    view_init(&m->view);
    m->conn = c;
    m->epoch = join->epoch;
    m->join_ref_n = (uint8_t)join->join_ref.n;
    m->ref_n = (uint8_t)join->ref.n;
    memcpy(m->refs, join->join_ref.p, join->join_ref.n);
    memcpy(m->refs + m->join_ref_n, join->ref.p, join->ref.n);
    if (join->replaces.n > 0) {
        ENSURE(join->replaces.n <= REF_MAX);
        m->replaces = true;
        m->reconnect_n = (uint8_t)join->replaces.n;
        memcpy(m->refs + m->join_ref_n + m->ref_n, join->replaces.p, join->replaces.n);
    }
    m->next = c->members;
    c->members = m;
    c->joined++;
    topic_add(t, m);
    count_one(s, COUNT_views);
    step(s, m, event(s, EV_join, join->since), NULL);
    if (confirm) {
        m->confirm = confirm;
        wait_add(s->live, m);
    } else {
        step(s, m, event(s, EV_confirmed, 0), NULL);
    }
}

void live_reconnect(struct session *s, struct member *m, struct bytes ref, uint64_t since,
                    uint64_t epoch)
{
    ENSURE(ref.n <= REF_MAX);
    m->reconnect_n = (uint8_t)ref.n;
    memcpy(m->refs + m->join_ref_n + m->ref_n, ref.p, ref.n);
    if (since > 0 && epoch > 0)
        m->epoch = epoch;
    step(s, m, event(s, EV_reconnect, since), NULL);
}

void live_leave(struct session *s, struct member *m)
{
    step(s, m, event(s, EV_leave, 0), NULL);
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
    topic_put(s, t);
}

void live_broadcast(struct session *s, const struct msg_broadcast *b)
{
    struct topic *t = map_get(&s->live->topics, b->topic);
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
    struct live *l = s->live;
    for (struct member *m = l->waiting, *next; m; m = next) {
        next = m->wait_next;
        if (m->confirm > number)
            continue;
        wait_drop(l, m);
        step(s, m, event(s, EV_confirmed, 0), NULL);
    }
}

/* The topics that changed in (from, to]: whoever has not got there has missed something. */
static void heads_list(struct session *s, const struct msg_heads *h)
{
    struct mp_in in = list_in(h->topics);
    struct msg m;
    while (msg_read(&in, &m)) {
        struct topic *t = map_get(&s->live->topics, m.head.topic);
        if (t)
            each(s, t, event(s, EV_head, m.head.seq), NULL);
    }
}

static void suspect_all(struct session *s)
{
    struct topic *t;
    for (size_t at = 0; (t = map_next(&s->live->topics, &at));) {
        t->busy++; /* the map must not change under the walk */
        for (uint32_t i = t->n; i-- > 0;)
            if (i < t->n)
                step(s, t->members[i], event(s, EV_suspect, 0), NULL);
        t->busy--;
    }
    for (size_t at = 0; (t = map_next(&s->live->topics, &at));)
        if (t->n == 0) {
            topic_put(s, t);
            at = 0; /* the map has changed */
        }
}

static void ask_heads(struct session *s);

static void got_heads(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct session *s = w.s;
    struct live *l = s->live;
    l->heads_asked = false;
    if (e == ERR_TOO_OLD) {
        suspect_all(s);
        l->heads_at = answer->heads.to;
    } else if (e == ERR_OK && answer->id == MSG_heads) {
        if (l->heads_known)
            heads_list(s, &answer->heads);
        l->heads_at = answer->heads.to;
        l->heads_known = true;
        l->answer_ms = s->now_ms;
    } else {
        return; /* live_tick() asks again */
    }
    if (l->heads_at < l->heads_seen)
        ask_heads(s);
}

static void ask_heads(struct session *s)
{
    struct live *l = s->live;
    if (l->heads_asked)
        return;
    l->heads_asked = true;
    struct msg request = {
        .id = MSG_heads_since,
        .heads_since = {.from = l->heads_known ? l->heads_at : UINT64_MAX},
    };
    struct ask_waiter w = {got_heads, s, NULL, 0};
    ask(s->store, &request, s->now_ms, s->settings->request_ms, true, w);
}

void live_heads(struct session *s, const struct msg_heads *h)
{
    struct live *l = s->live;
    heads_list(s, h);
    if (!l->heads_known)
        return;
    if (h->to > l->heads_seen)
        l->heads_seen = h->to;
    if (h->from <= l->heads_at) {
        if (h->to > l->heads_at)
            l->heads_at = h->to;
    } else { /* some heads did not arrive: what else did not? */
        count_one(s, COUNT_heads_missed);
        ask_heads(s);
    }
}

bool live_ready(const struct session *s)
{
    return s->live->heads_known && s->now_ms - s->live->answer_ms < STORE_LATE_MS;
}

static void probed(struct ask_waiter w, const struct msg *answer, enum err e)
{
    (void)answer;
    w.s->live->probing = false;
    if (e == ERR_OK)
        w.s->live->answer_ms = w.s->now_ms;
}

void live_probe(struct session *s)
{
    if (s->live->probing)
        return;
    s->live->probing = true;
    struct msg request = {.id = MSG_heads_since, .heads_since = {.from = UINT64_MAX}};
    struct ask_waiter w = {probed, s, NULL, 0};
    ask(s->store, &request, s->now_ms, STORE_LATE_MS, true, w);
}

void live_tick(struct session *s)
{
    struct live *l = s->live;
    while (l->waiting && l->waiting->view.deadline_ms <= s->now_ms) {
        struct member *m = l->waiting;
        wait_drop(l, m);
        step(s, m, event(s, EV_deadline, 0), NULL);
    }
    if (!l->heads_known || l->heads_at < l->heads_seen)
        ask_heads(s);
    bury(l);
}

uint64_t live_deadline_ms(const struct session *s)
{
    return s->live->waiting ? s->live->waiting->view.deadline_ms : LOOP_NEVER;
}
