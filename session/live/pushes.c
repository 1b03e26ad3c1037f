/* SPDX-License-Identifier: Apache-2.0 */
#include "session/live/pushes.h"

#include "lib/ensure.h"
#include "proto/event.h"
#include "session/auth/access.h"
#include "session/actions/actions.h"
#include "session/asks.h"
#include "session/live/inbox.h"
#include "session/actions/listing.h"
#include "session/limits.h"
#include "session/live/live.h"
#include "session/actions/marking.h"
#include "session/presence/presence_live.h"
#include "session/live/publish.h"
#include "session/live/replies.h"

#include <stdlib.h>

/* A push of a client that waits for the store: what its reply needs. */
struct push {
    uint32_t id, generation; /* of the connection, which may go meanwhile */
    uint8_t join_ref_n, ref_n, topic_n;
    char text[]; /* join_ref, ref, topic */
};

static struct push *push_new(struct conn *c, const struct phx_in *in)
{
    ENSURE(in->topic_raw.n <= UINT8_MAX); /* of a topic that was joined */
    c->pushes++;
    struct push *p = malloc(sizeof *p + in->join_ref.n + in->ref.n + in->topic_raw.n);
    ENSURE(p != NULL);
    *p = (struct push){.id = c->id,
                       .generation = c->generation,
                       .join_ref_n = (uint8_t)in->join_ref.n,
                       .ref_n = (uint8_t)in->ref.n,
                       .topic_n = (uint8_t)in->topic_raw.n};
    char *to = p->text;
    memcpy(to, in->join_ref.p, in->join_ref.n);
    to += in->join_ref.n;
    memcpy(to, in->ref.p, in->ref.n);
    to += in->ref.n;
    memcpy(to, in->topic_raw.p, in->topic_raw.n);
    return p;
}

static void write_answer(struct buf *out, uint64_t asked, const struct msg *answer)
{
    if (asked == MSG_snapshot)
        inbox_write_page(out, &answer->inbox);
    else if (asked == MSG_mark_all)
        inbox_write_all_marked(out, &answer->changed);
    else
        inbox_write_marked(out, &answer->changed);
}

static void reply_published(struct session *s, struct conn *c, const struct phx_in *in,
                            const struct msg_published *done)
{
    char room[100];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_format(&out, "{\"seq\":%llu,\"at\":", (unsigned long long)done->seq);
    time_write(&out, done->at_ms);
    buf_byte(&out, '}');
    reply(s, c, in, in->join_ref, "ok", buf_all(&out));
}

static void pushed(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct session *s = w.s;
    struct push *p = w.about;
    struct problem why;
    struct conn *c = conn_find(s, p->id, p->generation);
    if (c)
        c->pushes--;
    struct phx_in in = {.join_ref = {p->text, p->join_ref_n},
                        .ref = {p->text + p->join_ref_n, p->ref_n},
                        .topic_raw = {p->text + p->join_ref_n + p->ref_n, p->topic_n}};
    if (c && e == ERR_OK && answer->id == MSG_published) {
        reply_published(s, c, &in, &answer->published);
    } else if (c && e == ERR_OK &&
               answer->id == (w.tag == MSG_snapshot ? MSG_inbox : MSG_changed)) {
        struct buf out;
        buf_init(&out, TEXT_MAX);
        write_answer(&out, w.tag, answer);
        reply(s, c, &in, in.join_ref, "ok", buf_all(&out));
        buf_fini(&out);
    } else if (c && w.tag == MSG_mark && marking_refused(e, &why)) {
        reply_problem(s, c, &in, &why);
    } else if (c) {
        reply_error(s, c, &in, in.join_ref,
                    e == ERR_FORBIDDEN ? "unauthorized" : err_text(e == ERR_OK ? ERR_PROTOCOL : e));
    }
    free(p);
}

static void ask_for(struct session *s, struct conn *c, const struct phx_in *in, struct msg *m)
{
    struct ask_waiter w = {pushed, s, push_new(c, in), m->id};
    /* Marking twice marks once, and reading is reading: safe to ask again. */
    ask(s->store, m, s->now_ms, s->settings->request_ms, true, w);
}

/* False: it is answered already, as one at a time is. */
static bool may_reconnect(struct session *s, struct conn *c, const struct member *m,
                          const struct phx_in *in)
{
    bool may = member_answered(m) && !m->view.reconnecting;
    if (!may)
        refuse_push(s, c, in, in->join_ref, "a join or a reconnect is under way");
    return may;
}

/* handle_event: what a client may push to its inbox. */
static void inbox_event(struct session *s, struct conn *c, struct member *m,
                        const struct phx_in *in)
{
    struct problem why = {0};
    struct msg request;
    struct marking marking;
    struct bytes user = user_name(c->user);
    struct resume resume;
    if (in->binary) {
        refuse_push(s, c, in, in->join_ref, "an inbox takes no binary payload");
    } else if (marking_pushed(in->event, &marking)) {
        struct marker by = {.user = user, .shown = c->shown, .wall_ms = s->wall_ms};
        if (marking_read(&request, &marking, &by, in->payload, &s->scratch, &why))
            ask_for(s, c, in, &request);
    } else if (bytes_is(in->event, "list")) {
        request = (struct msg){.id = MSG_snapshot, .snapshot = {.user = user, .limit = INBOX_PAGE}};
        if (listing_read(&request.snapshot, in->payload, &s->scratch, &why))
            ask_for(s, c, in, &request);
    } else if (bytes_is(in->event, "reconnect")) {
        if (may_reconnect(s, c, m, in) && action_resume(in->payload, &resume, &why))
            live_reconnect(s, m, in->ref, &resume);
    } else if (!bytes_is(in->event, "ack")) { /* which has no answer */
        refuse_push(s, c, in, in->join_ref, "unknown event");
    }
    if (why.detail[0] && conn_open(c))
        refuse_wrong_push(s, c, in, &why);
}

/* A push without history is answered at once; bytes are answered with bytes. */
static void published_now(struct session *s, struct conn *c, const struct phx_in *in, bool sent)
{
    if (!sent)
        reply_error(s, c, in, in->join_ref, "not now: the broker is away");
    else if (in->binary && c->kind == CONN_websocket && c->vsn == PHX_V2)
        conn_send(s, c,
                  phx_binary_reply(in->join_ref, in->ref, in->topic, "ok", (struct bytes){0}));
    else
        reply(s, c, in, in->join_ref, "ok", BYTES("{}"));
}

/* Another meta for who is listed. */
static void presence_event(struct session *s, struct conn *c, struct member *m,
                           const struct phx_in *in)
{
    struct problem why = {0};
    struct bytes meta;
    if (!presence_meta(in->payload, &meta, &why))
        refuse_wrong_push(s, c, in, &why);
    else if (presence_change(s, m, meta))
        reply(s, c, in, in->join_ref, "ok", BYTES("{}"));
    else
        refuse_push(s, c, in, in->join_ref, "not listed here");
}

/* handle_event of a topic: publishing, or coming back. */
static void topic_event(struct session *s, struct conn *c, struct member *m,
                        const struct phx_in *in)
{
    const struct topic_class *class = m->topic->class;
    struct visitor who = {user_name(c->user), c->publish ? bytes_of(c->publish) : BYTES("")};
    struct problem why = {0};
    char self[CONN_NAME];
    struct resume resume;
    if (bytes_is(in->event, "reconnect") && !in->binary) {
        if (may_reconnect(s, c, m, in) && action_resume(in->payload, &resume, &why))
            live_reconnect(s, m, in->ref, &resume);
        else if (why.detail[0])
            refuse_wrong_push(s, c, in, &why);
        return;
    }
    if (class->presence && bytes_is(in->event, "presence:update") && !in->binary) {
        presence_event(s, c, m, in);
        return;
    }
    enum allowed allowed = access_allows(class->publish, class, in->topic, &who);
    struct publication p = {.class = class,
                            .topic = in->topic,
                            .event = in->event,
                            .payload = in->payload,
                            .binary = in->binary,
                            .user = who.user,
                            .members_only = allowed == ALLOWED_member};
    if (!class->echo)
        p.except = conn_name(s, c, self);
    if (allowed == ALLOWED_hook)
        allowed = m->publishes ? ALLOWED_yes : ALLOWED_no;
    if (allowed == ALLOWED_no || !class_takes(class, in->event)) {
        count_one(s, COUNT_publishes_refused);
        reply_error(s, c, in, in->join_ref,
                    allowed == ALLOWED_no ? "unauthorized"
                                          : "this event may not be published here");
    } else if (!publication_valid(&p, &why)) {
        count_one(s, COUNT_publishes_refused);
        reply_problem(s, c, in, &why);
    } else if (class->history > 0) {
        publish_kept(s, &p, (struct ask_waiter){pushed, s, push_new(c, in), MSG_publish});
    } else {
        published_now(s, c, in, publish_now(s, &p));
    }
}

void push_received(struct session *s, struct conn *c, struct member *m, const struct phx_in *in)
{
    if (c->pushes >= s->settings->pushes) {
        reply_limit(s, c, in, LIMIT_pushes);
    } else if (m->topic->class) {
        topic_event(s, c, m, in);
    } else {
        inbox_event(s, c, m, in);
    }
}
