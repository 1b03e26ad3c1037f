/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ensure.h"
#include "proto/event.h"
#include "session/asks.h"
#include "session/live/inbox.h"
#include "session/live/kind.h"
#include "session/live/live_core.h"
#include "session/socket/longpoll.h"
#include "session/presence/presence_live.h"

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
    live_merge_over(s, m);
    if (e == ERR_TOO_OLD) {
        ev.kind = EV_too_old;
    } else if (e == ERR_OK) {
        ev.kind = answer->id == MSG_changes ? EV_changes : EV_snapshot;
        ev.seq = answer_seq(answer);
        m->epoch = answer_epoch(answer);
    } else if (e != ERR_FORBIDDEN) {
        count_one(s, COUNT_asks_failed);
    }
    live_step(s, m, ev, &news);
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
        live_step(s, m,
                  (struct view_event){.kind = EV_snapshot, .now_ms = s->now_ms, .asked = asked},
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

void live_end_channel(struct session *s, struct member *m, struct bytes event, struct bytes payload)
{
    conn_send(s, m->conn,
              phx_frame((enum phx_vsn)m->conn->vsn, member_join_ref(m), member_join_ref(m),
                        member_topic(m), event, payload));
}

void live_carry_out(struct session *s, struct member *m, struct view_effect fx, struct news *news)
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
        live_end_channel(s, m, BYTES("phx_error"), BYTES("{\"reason\":\"unavailable\"}"));
        break;
    case FX_COUNT:
        break;
    }
    ENSURE(!out->overflowed);
}
