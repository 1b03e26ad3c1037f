/* SPDX-License-Identifier: Apache-2.0 */
#include "session/socket/longpoll.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "lib/secret.h"
#include "proto/messages.h"
#include "session/asks.h"
#include "session/live/channel.h"
#include "session/http/http.h"
#include "session/live/live.h"
#include "session/peers.h"
#include "session/socket/phoenix.h"
#include "session/socket/polllines.h"
#include "session/socket/polltoken.h"

#include <stdlib.h>

enum {
    BATCH_BYTES = 1 << 20, /* of one answer, but always at least a frame */
    ABORTED_MS = 5000,     /* after a poll that its client gave up, wait so long for the next */
    POST_MS = 5000,
    LOST_MS = 3000,
};

/* Whoever waits for an answer: a request of ours, or one of another process. */
struct poller {
    struct request *request;
    struct hub_peer peer;
    uint64_t req; /* 0 and no request: nobody */
};

struct longpoll {
    uint64_t generation;  /* random: no other session ever had it */
    uint64_t cursor;      /* batches that the client has */
    uint64_t polled_ms;   /* when the last poll came or was answered */
    unsigned sent;        /* frames of the batch after `cursor`, handed out and not yet confirmed */
    bool aborted;         /* the last poll was given up by its client */
    bool lost;            /* something was, since the last poll */
    struct poller poller; /* the GET that waits */
};

struct longpolls {
    struct buf body;    /* an answer being written */
    struct arena lines; /* binary lines of a POST, decoded */
};

struct longpolls *longpolls_new(struct session *s)
{
    struct longpolls *l = calloc(1, sizeof *l);
    ENSURE(l != NULL);
    buf_init(&l->body, TEXT_MAX);
    arena_init(&l->lines, s->settings->body_bytes + 64);
    s->longpolls = l;
    return l;
}

void longpolls_free(struct longpolls **slot)
{
    struct longpolls *l = *slot;
    *slot = NULL;
    if (!l)
        return;
    buf_fini(&l->body);
    arena_fini(&l->lines);
    free(l);
}

static bool waits(const struct longpoll *p)
{
    return p->poller.request != NULL || p->poller.req != 0;
}

static void answer(struct session *s, struct poller *who, struct bytes body)
{
    if (who->request) {
        http_answer_poll(s, who->request, body);
    } else if (who->req != 0) {
        struct msg m = {.id = MSG_polled, .polled = {.req = who->req, .body = body}};
        peer_answer(s, &who->peer, &m);
    }
    *who = (struct poller){0};
}

static void answer_status(struct session *s, struct poller *who, unsigned status)
{
    char room[32];
    struct buf body = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_format(&body, "{\"status\":%u}", status);
    answer(s, who, buf_all(&body));
}

/* {"status":..,"token":..,"messages":[the first `frames` that wait]} */
static struct bytes write_body(struct session *s, struct conn *c, unsigned status, unsigned frames)
{
    struct buf *out = &s->longpolls->body;
    buf_reset(out);
    buf_format(out, "{\"status\":%u,\"token\":\"", status);
    struct poll_token token = {(uint8_t)s->index, c->id, c->poll->generation,
                               c->poll->cursor + (frames > 0)};
    poll_token_write(out, &token, bytes_of(s->token_key));
    buf_text(out, "\",\"messages\":[");
    for (unsigned i = 0; i < frames; i++) {
        if (i > 0)
            buf_byte(out, ',');
        json_write_string(out, phx_text(conn_waiting_at(c, i)));
    }
    buf_text(out, "]}");
    ENSURE(!out->overflowed);
    return buf_all(out);
}

static unsigned batch(const struct conn *c)
{
    unsigned n = 0;
    size_t bytes = 0;
    while (n < conn_waiting(c) && (n == 0 || bytes < BATCH_BYTES))
        bytes += conn_waiting_at(c, n++)->n;
    if (n > 1 && bytes > BATCH_BYTES)
        n--;
    return n;
}

/* Hand the waiting poll what there is. The frames stay until the next poll confirms them. */
static void hand_out(struct session *s, struct conn *c)
{
    struct longpoll *p = c->poll;
    p->sent = batch(c);
    conn_written(c, p->sent);
    p->polled_ms = s->now_ms;
    answer(s, &p->poller, write_body(s, c, 200, p->sent));
}

void longpoll_flush(struct session *s, struct conn *c)
{
    if (waits(c->poll) && c->poll->sent == 0 && conn_waiting(c) > 0)
        hand_out(s, c);
}

void longpoll_open(struct session *s, struct request *r, const struct hello *hello)
{
    struct poller who = {.request = r};
    struct conn *c = conn_new(s, CONN_longpoll, -1, hello);
    if (!c) {
        count_one(s, COUNT_refused_full);
        answer_status(s, &who, 500);
        return;
    }
    c->poll = calloc(1, sizeof *c->poll);
    ENSURE(c->poll != NULL);
    secret_random(&c->poll->generation, sizeof c->poll->generation);
    c->poll->polled_ms = s->now_ms;
    answer(s, &who, write_body(s, c, 410, 0)); /* 410 is how Phoenix says: a new session */
}

void longpoll_forget(struct session *s, struct conn *c)
{
    if (c->poll)
        answer_status(s, &c->poll->poller, 500);
    free(c->poll);
    c->poll = NULL;
}

void longpoll_lost(struct conn *c)
{
    c->poll->lost = true;
}

static struct conn *owned(struct session *s, uint64_t slot)
{
    struct conn *c = slot <= UINT32_MAX ? conn_at(s, (uint32_t)slot) : NULL;
    return c && c->kind == CONN_longpoll ? c : NULL;
}

static bool still(struct session *s, uint32_t id, uint32_t generation)
{
    struct conn *c = conn_find(s, id, generation);
    return c && conn_open(c);
}

static void serve_get(struct session *s, struct conn *c, struct poller *who, uint64_t cursor)
{
    struct longpoll *p = c->poll;
    uint32_t id = c->id, generation = c->generation;
    p->lost = false;
    if (waits(p)) { /* the newer one wins; the older gets an answer at once */
        count_one(s, COUNT_polls_replaced);
        struct bytes empty = write_body(s, c, 204, 0);
        answer(s, &p->poller, empty);
    }
    if (p->sent > 0 && cursor == p->cursor + 1) {
        conn_forget(s, c, p->sent);
        p->sent = 0;
        p->cursor++;
        if (c->congested && conn_waiting(c) == 0) {
            c->congested = false;
            live_drained(s, c);
        }
    }
    if (!still(s, id, generation) || cursor != p->cursor) { /* what drained may have ended it */
        answer_status(s, who, 500);
        return;
    }
    p->poller = *who;
    if (who->request)
        request_place(who->request)->slot = c->id;
    if (p->sent > 0) /* the same again: its answer was lost */
        answer(s, &p->poller, write_body(s, c, 200, p->sent));
    else if (conn_waiting(c) > 0)
        hand_out(s, c);
}

/* CLOSE_COUNT: all were taken, or the session is over meanwhile. */
static enum close_reason serve_lines(struct session *s, struct conn *c, struct bytes body)
{
    uint32_t id = c->id, generation = c->generation;
    struct poll_lines lines = poll_lines_over(body, &s->longpolls->lines);
    struct bytes message;
    bool binary;
    arena_reset(lines.scratch);
    while (poll_lines_next(&lines, &message, &binary)) {
        if (message.n > s->settings->message_bytes)
            return CLOSE_too_large;
        channel_receive(s, c, message, binary);
        if (!still(s, id, generation))
            return CLOSE_COUNT;
    }
    return lines.bad ? CLOSE_protocol : CLOSE_COUNT;
}

static void serve_post(struct session *s, struct conn *c, struct poller *who,
                       const struct msg_poll *m)
{
    uint32_t id = c->id, generation = c->generation;
    enum close_reason wrong = CLOSE_COUNT;
    if (m->ndjson)
        wrong = serve_lines(s, c, m->body);
    else if (m->body.n > s->settings->message_bytes)
        wrong = CLOSE_too_large;
    else
        channel_receive(s, c, m->body, false);
    bool there = still(s, id, generation);
    if (there && wrong != CLOSE_COUNT)
        conn_drop(s, c, wrong);
    answer_status(s, who, there && wrong == CLOSE_COUNT ? 200 : 410);
}

static void serve(struct session *s, struct poller *who, const struct msg_poll *m)
{
    struct conn *c = owned(s, m->slot);
    count_one(s, COUNT_polls);
    if (!c || c->poll->generation != m->generation) {
        answer_status(s, who, m->post ? 410 : 500);
        return;
    }
    c->heard_ms = s->now_ms;
    c->poll->polled_ms = s->now_ms;
    c->poll->aborted = false;
    if (m->post)
        serve_post(s, c, who, m);
    else
        serve_get(s, c, who, m->cursor);
}

/* The owner's answer to a request that we forwarded. */
static void forwarded(struct ask_waiter w, const struct msg *m, enum err e)
{
    struct poller who = {.request = w.about};
    request_place(who.request)->owner = NULL;
    if (e == ERR_OK && m->id == MSG_polled)
        answer(w.s, &who, m->polled.body);
    else
        answer_status(w.s, &who, 500);
}

static void forward(struct session *s, struct request *r, struct asks *to, struct msg *m)
{
    uint64_t ttl_ms = m->poll.post ? POST_MS : s->settings->poll_ms + POST_MS;
    struct ask_waiter w = {forwarded, s, r, 0};
    count_one(s, COUNT_polls_forwarded);
    uint64_t number = ask(to, m, s->now_ms, ttl_ms, false, w);
    if (number != 0)
        *request_place(r) = (struct poll_place){to, number, (uint32_t)m->poll.slot};
}

void longpoll_request(struct session *s, struct request *r, struct bytes token, bool post,
                      bool ndjson)
{
    struct poller who = {.request = r};
    struct poll_token t;
    if (!poll_token_read(&t, token, bytes_of(s->token_key), &s->scratch)) {
        answer_status(s, &who, post ? 410 : 500);
        return;
    }
    struct msg m = {.id = MSG_poll,
                    .poll = {.slot = t.slot,
                             .generation = t.generation,
                             .cursor = t.cursor,
                             .post = post,
                             .ndjson = ndjson,
                             .body = request_body(r)}};
    struct asks *owner = peer_asks(s, t.owner);
    if (t.owner == s->index)
        serve(s, &who, &m.poll);
    else if (owner)
        forward(s, r, owner, &m);
    else
        answer_status(s, &who, post ? 410 : 500);
}

static void unpark(struct session *s, struct longpoll *p)
{
    p->poller = (struct poller){0};
    p->polled_ms = s->now_ms;
    p->aborted = true;
}

void longpoll_left(struct session *s, struct request *r)
{
    struct poll_place *place = request_place(r);
    struct conn *c = owned(s, place->slot);
    if (place->owner) {
        ask_cancel(place->owner, place->number);
        struct msg m = {.id = MSG_poll_gone,
                        .poll_gone = {.req = place->number, .slot = place->slot}};
        ask_tell(place->owner, &m);
    } else if (c && c->poll->poller.request == r) {
        unpark(s, c->poll);
    }
}

void longpoll_asked(struct session *s, const struct hub_peer *from, const struct msg_poll *m)
{
    struct poller who = {.peer = *from, .req = m->req};
    serve(s, &who, m);
}

void longpoll_gone(struct session *s, const struct hub_peer *from, const struct msg_poll_gone *m)
{
    struct conn *c = owned(s, m->slot);
    if (c && c->poll->poller.req == m->req && hub_same(&c->poll->poller.peer, from))
        unpark(s, c->poll);
}

void longpoll_sweep(struct session *s, struct conn *c)
{
    struct longpoll *p = c->poll;
    uint64_t since_ms = s->now_ms - p->polled_ms;
    uint64_t reap_ms = s->settings->poll_reap_ms;
    if (p->aborted && reap_ms > ABORTED_MS)
        reap_ms = ABORTED_MS;
    if (waits(p) && since_ms >= s->settings->poll_ms) {
        p->polled_ms = s->now_ms;
        answer(s, &p->poller, write_body(s, c, 204, 0));
    } else if (!waits(p) && p->lost && since_ms >= LOST_MS) {
        conn_drop(s, c, CLOSE_slow_reader);
    } else if (!waits(p) && since_ms > reap_ms) {
        conn_drop(s, c, CLOSE_unpolled);
    }
}
