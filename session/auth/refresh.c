/* SPDX-License-Identifier: Apache-2.0 */
#include "session/auth/refresh.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "session/auth/access.h"
#include "session/auth/auth.h"
#include "session/auth/hooks.h"
#include "session/live/live.h"
#include "session/live/replies.h"
#include "session/auth/revoked.h"

#include <stdio.h>
#include <stdlib.h>

/* The application is asked. */
struct asked_refresh {
    uint64_t number;         /* of the question */
    uint32_t id, generation; /* of the connection */
    struct token token;
    size_t ref_n;
    char ref[REF_MAX];
};

/* NULL, or why there is none. */
static const char *token_of(struct bytes payload, struct arena *scratch, struct bytes *token)
{
    struct bytes value = {0};
    const struct json_place places[] = {{"token", &value}};
    struct json_members m = {.places = places, .count = 1};
    if (!json_read(payload, &m) || value.n == 0 || !json_string(value, scratch, token))
        return "token must be given";
    return json_twice(&m, scratch);
}

/* Members of a topic are the store's to judge, and are told by it. */
static void leave_forbidden(struct session *s, struct conn *c, const struct token *t)
{
    struct visitor who = {bytes_of(t->sub), bytes_of(t->topics)};
    for (struct member *m = c->members, *next; m && conn_open(c); m = next) {
        next = m->next;
        const struct topic_class *class = m->topic->class;
        if (class && access_allows(class->join, class, member_topic(m), &who) == ALLOWED_no)
            live_kick(s, m);
    }
}

/* NULL: it goes on with this one. Else why not. */
static const char *take(struct session *s, struct conn *c, const struct token *t)
{
    if (!bytes_equal(bytes_of(t->sub), user_name(c->user)))
        return "the token is another user's";
    struct hello hello = auth_hello(s, t, c->vsn);
    conn_token(c, &hello);
    leave_forbidden(s, c, t);
    return NULL;
}

static void answer(struct session *s, struct conn *c, struct bytes ref, const char *wrong)
{
    struct phx_in in = {.ref = ref, .topic = BYTES("phoenix"), .topic_raw = BYTES("phoenix")};
    if (wrong)
        reply_error(s, c, &in, PHX_NULL, wrong);
    else
        reply(s, c, &in, PHX_NULL, "ok", BYTES("{}"));
}

/* ---- the application is asked ---- */

static const char *judge(struct session *s, struct conn *c, struct token *t,
                         const struct msg_hooked *said)
{
    hook_take(s, t, said);
    if (!revoked_has(s, t)) /* since it was looked at */
        return take(s, c, t);
    count_one(s, COUNT_refused_revoked);
    return "revoked";
}

static void answered(struct ask_waiter w, const struct msg *m, enum err e)
{
    struct session *s = w.s;
    struct asked_refresh *a = w.about;
    struct conn *c = conn_find(s, a->id, a->generation);
    char text[HOOK_REASON_MAX + 1];
    const char *wrong = text;
    struct bytes why;
    ENSURE(c != NULL); /* or it would have been taken back */
    c->refresh = NULL;
    enum hook_word word = hook_said(s, m, e, &why);
    snprintf(text, sizeof text, "%.*s", (int)why.n, why.p);
    if (word == HOOK_yes)
        wrong = judge(s, c, &a->token, &m->hooked);
    else if (word == HOOK_silent)
        wrong = "unavailable";
    arena_reset(&s->scratch);
    answer(s, c, (struct bytes){a->ref, a->ref_n}, wrong);
    free(a);
}

static void ask_about(struct session *s, struct conn *c, const struct token *t, struct bytes text,
                      struct bytes ref)
{
    struct asked_refresh *a = malloc(sizeof *a);
    struct hook_subject who = {
        .user = bytes_of(t->sub), .claims = token_claims(text, &s->scratch), .ip = c->ip};
    struct buf out;
    ENSURE(a != NULL);
    ENSURE(ref.n <= sizeof a->ref);
    *a = (struct asked_refresh){
        .id = c->id, .generation = c->generation, .token = *t, .ref_n = ref.n};
    memcpy(a->ref, ref.p, ref.n);
    c->refresh = a;
    buf_init(&out, HOOK_QUESTION_MAX);
    hook_begin(&out, HOOK_connect, &who);
    buf_format(&out, ",\"transport\":\"%s\",\"refresh\":true",
               c->kind == CONN_longpoll ? "longpoll" : "websocket");
    hook_end(&out, BYTES("{}"));
    ENSURE(!out.overflowed);
    uint64_t number = hook_ask(s, HOOK_connect, buf_all(&out),
                               (struct ask_waiter){answered, s, a, 0});
    buf_fini(&out);
    if (number != 0) /* else it is answered already */
        a->number = number;
}

static struct asked_refresh *take_back(struct session *s, struct conn *c)
{
    struct asked_refresh *a = c->refresh;
    if (a)
        ask_cancel(s->hook, a->number);
    c->refresh = NULL;
    return a;
}

void refresh_forget(struct session *s, struct conn *c)
{
    free(take_back(s, c));
}

void refresh_received(struct session *s, struct conn *c, const struct phx_in *in)
{
    struct bytes text = {0};
    struct who who = {0};
    const char *wrong = token_of(in->payload, &s->scratch, &text);
    if (!wrong) {
        auth_token(s, text, &who);
        wrong = who.kind == WHO_nobody ? who.why
                : who.kind != WHO_user ? "the token is another user's"
                                       : NULL;
    }
    if (wrong || !s->settings->hook_connect[0]) {
        answer(s, c, in->ref, wrong ? wrong : take(s, c, &who.token));
        return;
    }
    struct asked_refresh *earlier = take_back(s, c);
    if (earlier)
        answer(s, c, (struct bytes){earlier->ref, earlier->ref_n}, "another one came");
    free(earlier);
    ask_about(s, c, &who.token, text, in->ref);
}
