/* SPDX-License-Identifier: Apache-2.0 */
#include "session/channel.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "lib/log.h"
#include "proto/event.h"
#include "proto/topic.h"
#include "session/access.h"
#include "session/actions.h"
#include "session/admit.h"
#include "session/asks.h"
#include "session/inbox.h"
#include "session/joins.h"
#include "session/listing.h"
#include "session/live.h"
#include "session/marking.h"
#include "session/phoenix.h"
#include "session/presence_live.h"
#include "session/publish.h"
#include "session/refresh.h"

#include <stdlib.h>

static void reply(struct session *s, struct conn *c, const struct phx_in *in, struct bytes join_ref,
                  const char *status, struct bytes response)
{
    conn_send(s, c,
              phx_reply((enum phx_vsn)c->vsn, join_ref, in->ref, in->topic_raw, status, response));
}

static void reply_error(struct session *s, struct conn *c, const struct phx_in *in,
                        struct bytes join_ref, const char *reason)
{
    char room[160];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_format(&out, "{\"reason\":\"%s\"}", reason);
    reply(s, c, in, join_ref, "error", buf_all(&out));
}

static void reply_problem(struct session *s, struct conn *c, const struct phx_in *in,
                          const struct problem *why)
{
    char room[600];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_text(&out, "{\"reason\":");
    json_write_string(&out, bytes_of(why->detail));
    buf_text(&out, ",\"field\":");
    json_write_string(&out, bytes_of(why->field));
    buf_byte(&out, '}');
    reply(s, c, in, in->join_ref, "error", buf_all(&out));
}

static void refuse_push(struct session *s, struct conn *c, const struct phx_in *in,
                        struct bytes join_ref, const char *reason)
{
    count_one(s, COUNT_pushes_refused);
    reply_error(s, c, in, join_ref, reason);
}

static void refuse_wrong_push(struct session *s, struct conn *c, const struct phx_in *in,
                              const struct problem *why)
{
    count_one(s, COUNT_pushes_refused);
    reply_problem(s, c, in, why);
}

/* So many pushes of a connection may wait for the store: one client must not fill its queue. */
enum { PUSHES_MAX = 1000 };

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
        char room[100];
        struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
        buf_format(&out, "{\"seq\":%llu,\"at\":", (unsigned long long)answer->published.seq);
        time_write(&out, answer->published.at_ms);
        buf_byte(&out, '}');
        reply(s, c, &in, in.join_ref, "ok", buf_all(&out));
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

/* Its join was answered. */
static bool member_joined(const struct member *m)
{
    return m->view.state != VIEW_joining && m->view.state != VIEW_mounting;
}

/* False: it is answered already, as one at a time is. */
static bool may_reconnect(struct session *s, struct conn *c, const struct member *m,
                          const struct phx_in *in)
{
    bool may = member_joined(m) && !m->view.reconnecting;
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

/* `claim`: of its token; NULL: none. */
static struct visitor visitor(const struct conn *c, const char *claim)
{
    return (struct visitor){user_name(c->user), claim ? bytes_of(claim) : (struct bytes){0}};
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
    struct visitor who = visitor(c, c->publish);
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

static void refuse_join(struct session *s, struct conn *c, const struct phx_in *in,
                        struct bytes join_ref, const char *reason)
{
    count_one(s, COUNT_joins_refused);
    reply_error(s, c, in, join_ref, reason);
}

static void refuse_beyond(struct session *s, struct conn *c, const struct phx_in *in,
                          enum limit which)
{
    count_one(s, limit_rows[which].counter);
    refuse_join(s, c, in, in->join_ref, limit_rows[which].text);
}

/* NULL: this visitor may join; else why not. `class` stays NULL for an inbox. */
static const char *join_refused(const struct session *s, const struct conn *c, struct bytes topic,
                                const struct topic_class **class)
{
    struct visitor who = visitor(c, c->topics);
    struct bytes user;
    if (!topic_valid(topic))
        return "unmatched topic";
    if (topic_user(topic, &user))
        return bytes_equal(user, who.user) ? NULL : "unauthorized";
    *class = class_of(s->settings->classes, s->settings->classes_n, topic);
    if (!*class)
        return "unmatched topic";
    return access_allows((*class)->join, *class, topic, &who) ? NULL : "unauthorized";
}

/* What its payload says; false: it is answered. */
static bool join_read(struct session *s, struct conn *c, const struct phx_in *in, struct join *join)
{
    struct problem why = {0};
    join->topic = in->topic;
    join->join_ref = in->join_ref;
    join->ref = in->ref;
    if (action_resume(in->payload, &join->resume, &why) &&
        (!join->class || !join->class->presence || presence_meta(in->payload, &join->meta, &why)))
        return true;
    count_one(s, COUNT_joins_refused);
    reply_problem(s, c, in, &why);
    return false;
}

static void let_in(struct session *s, struct conn *c, struct join join, struct member *old)
{
    char room[REF_MAX];
    if (old) {
        struct bytes ref = member_join_ref(old);
        memcpy(room, ref.p, ref.n);
        join.replaces = (struct bytes){room, ref.n};
        live_leave(s, old);
    }
    if (join.class && join.class->history == 0)
        join.resume.since = VIEW_NOTHING; /* nothing is numbered that could have been missed */
    live_join(s, c, &join);
}

static void join(struct session *s, struct conn *c, const struct phx_in *in, struct member *old)
{
    struct join join = {0};
    const char *refused = join_refused(s, c, in->topic, &join.class);
    bool asks = !refused && join.class && join.class->join == ACCESS_hook;
    if (refused) {
        bool unmatched = strcmp(refused, "unmatched topic") == 0;
        refuse_join(s, c, in, unmatched ? PHX_NULL : in->join_ref, refused);
    } else if (!old && c->joined + joins_waiting(c) >= s->settings->topics) {
        refuse_beyond(s, c, in, LIMIT_topics);
    } else if (!admit_join(s)) {
        refuse_beyond(s, c, in, LIMIT_joins);
    } else if (in->binary) {
        refuse_join(s, c, in, in->join_ref, "a join takes no binary payload");
    } else if (asks && in->payload.n > HOOK_PARAMS_MAX) {
        refuse_beyond(s, c, in, LIMIT_params);
    } else if (join_read(s, c, in, &join)) {
        if (asks)
            joins_ask(s, c, in);
        else
            let_in(s, c, join, old);
    }
}

void channel_join_allowed(struct session *s, struct conn *c, const struct phx_in *in,
                          uint64_t since_ms, bool publishes)
{
    const struct settings *set = s->settings;
    struct join join = {.class = class_of(set->classes, set->classes_n, in->topic),
                        .since_ms = since_ms,
                        .publishes = publishes};
    if (join_read(s, c, in, &join))
        let_in(s, c, join, roster_find(live_roster(s), c, in->topic));
}

void channel_join_refused(struct session *s, struct conn *c, const struct phx_in *in,
                          struct bytes reason)
{
    char room[8 * HOOK_REASON_MAX];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    struct member *old = roster_find(live_roster(s), c, in->topic);
    buf_text(&out, "{\"reason\":");
    json_write_string(&out, reason);
    buf_byte(&out, '}');
    count_one(s, COUNT_joins_refused);
    reply(s, c, in, in->join_ref, "error", buf_all(&out));
    if (old && conn_open(c)) /* what it was let in by is over */
        live_kick(s, old);
}

static void leave(struct session *s, struct conn *c, const struct phx_in *in, struct member *m)
{
    char room[REF_MAX];
    struct bytes ref = member_join_ref(m);
    memcpy(room, ref.p, ref.n);
    ref.p = room;
    live_leave(s, m);
    reply(s, c, in, ref, "ok", BYTES("{}"));
    conn_send(
        s, c,
        phx_frame((enum phx_vsn)c->vsn, ref, ref, in->topic_raw, BYTES("phx_close"), BYTES("{}")));
}

/* Its pushes are taken: it joined, or nothing but the first picture is missing. (A client may push
 * behind its join without waiting; only of a member the store must say so first.) */
static bool may_push(const struct member *m)
{
    const struct topic_class *class = m->topic->class;
    return member_joined(m) || !class || class->join != ACCESS_member;
}

/* Topic `phoenix` is about the connection itself. False: another event, as of a topic not joined. */
static bool phoenix_event(struct session *s, struct conn *c, const struct phx_in *in)
{
    const char *why = NULL;
    bool fresh_token = bytes_is(in->event, "access_token") && !in->binary;
    if (!fresh_token && !bytes_is(in->event, "heartbeat"))
        return false;
    if (fresh_token)
        why = refresh_token(s, c, in->payload);
    if (why)
        reply_error(s, c, in, PHX_NULL, why);
    else
        reply(s, c, in, PHX_NULL, "ok", BYTES("{}"));
    return true;
}

static void dispatch(struct session *s, struct conn *c, const struct phx_in *in)
{
    if (bytes_is(in->topic, "phoenix") && phoenix_event(s, c, in))
        return;
    struct member *m = roster_find(live_roster(s), c, in->topic);
    if (bytes_is(in->event, "phx_join")) {
        join(s, c, in, m);
        return;
    }
    bool ours = m && (phx_is_null(in->join_ref) || bytes_equal(in->join_ref, member_join_ref(m)));
    if (m && !ours)
        return; /* of an earlier join: silence */
    if (bytes_is(in->event, "phx_leave")) {
        joins_cancel(s, c, in->topic);
        if (m)
            leave(s, c, in, m);
        else
            reply(s, c, in, in->join_ref, "ok", BYTES("{}"));
    } else if (m && may_push(m) && c->pushes >= PUSHES_MAX) {
        count_one(s, COUNT_refused_pushes);
        reply_error(s, c, in, in->join_ref, limit_rows[LIMIT_pushes].text);
    } else if (m && may_push(m) && m->topic->class) {
        topic_event(s, c, m, in);
    } else if (m && may_push(m)) {
        inbox_event(s, c, m, in);
    } else { /* not joined, or not yet */
        refuse_push(s, c, in, PHX_NULL, "unmatched topic");
    }
}

void channel_receive(struct session *s, struct conn *c, struct bytes message, bool binary)
{
    struct phx_in in;
    arena_reset(&s->scratch);
    count_one(s, COUNT_messages_in);
    if (!admit_message(s, c, message.n)) {
        conn_close(s, c, CLOSE_flood);
        return;
    }
    const char *wrong = binary ? phx_read_binary(&in, message, &s->scratch)
                               : phx_read_text(&in, message, (enum phx_vsn)c->vsn, &s->scratch);
    if (wrong) {
        log_line("session.message id=%u user=%s error=\"%s\"", c->id, log_safe(user_name(c->user)),
                 wrong);
        conn_close(s, c, CLOSE_protocol);
    } else {
        dispatch(s, c, &in);
    }
}
