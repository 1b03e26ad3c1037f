/* SPDX-License-Identifier: Apache-2.0 */
#include "session/live/channel.h"

#include "lib/json.h"
#include "lib/log.h"
#include "proto/event.h"
#include "proto/topic.h"
#include "session/auth/access.h"
#include "session/actions/actions.h"
#include "session/socket/admit.h"
#include "session/auth/joins.h"
#include "session/live/live.h"
#include "session/socket/phoenix.h"
#include "session/presence/presence_live.h"
#include "session/live/pushes.h"
#include "session/auth/refresh.h"
#include "session/live/replies.h"

static void refuse_join(struct session *s, struct conn *c, const struct phx_in *in,
                        struct bytes join_ref, const char *reason)
{
    count_one(s, COUNT_joins_refused);
    reply_error(s, c, in, join_ref, reason);
}

static void refuse_beyond(struct session *s, struct conn *c, const struct phx_in *in,
                          enum limit which)
{
    count_one(s, COUNT_joins_refused);
    reply_limit(s, c, in, which);
}

/* NULL: this visitor may join; else why not. `class` stays NULL for an inbox. */
static const char *join_refused(const struct session *s, const struct conn *c, struct bytes topic,
                                const struct topic_class **class)
{
    struct visitor who = {user_name(c->user), c->topics ? bytes_of(c->topics) : BYTES("")};
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
    return member_answered(m) || !class || class->join != ACCESS_member;
}

/* Topic `phoenix` is about the connection itself. False: another event, as of a topic not joined. */
static bool phoenix_event(struct session *s, struct conn *c, const struct phx_in *in)
{
    if (bytes_is(in->event, "access_token") && !in->binary)
        refresh_received(s, c, in);
    else if (bytes_is(in->event, "heartbeat"))
        reply(s, c, in, PHX_NULL, "ok", BYTES("{}"));
    else
        return false;
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
    } else if (m && may_push(m)) {
        push_received(s, c, m, in);
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
