/* SPDX-License-Identifier: Apache-2.0 */
#include "session/socket/entrance.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "session/auth/hooks.h"
#include "session/auth/revoked.h"
#include "session/socket/admit.h"
#include "session/socket/upgrade.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

/* What a page's parameters are written to. */
struct params {
    const struct request *r;
    struct buf out;
    bool valid;
};

static struct entrance *entrance_new(const struct request *r, const struct who *who, uint8_t vsn)
{
    struct entrance *e = calloc(1, sizeof *e);
    ENSURE(e != NULL);
    e->who = *who;
    e->vsn = vsn;
    request_ip(r, e->ip);
    return e;
}

static void answered(struct ask_waiter w, const struct msg *answer, enum err err)
{
    struct session *s = w.s;
    struct request *r = w.about;
    struct entrance *e = r->entrance;
    char text[HOOK_REASON_MAX + 1];
    struct bytes why;
    e->asked = 0;
    enum hook_word word = hook_said(s, answer, err, &why);
    snprintf(text, sizeof text, "%.*s", (int)why.n, why.p);
    if (r->response)
        return; /* its client has left */
    if (word != HOOK_yes) {
        upgrade_refuse(s, r, word == HOOK_silent, text);
        return;
    }
    hook_take(s, &e->who.token, &answer->hooked);
    if (!e->who.token.sub[0] && !auth_anybody(s)) {
        upgrade_refuse(s, r, false, "neither a token nor the application said who it is");
    } else if (revoked_has(s, &e->who.token)) { /* since it was looked at, or the application's */
        count_one(s, COUNT_refused_revoked);
        upgrade_refuse(s, r, false, "revoked");
    } else {
        upgrade_let_in(s, r);
    }
}

static enum MHD_Result look_at_param(void *cls, enum MHD_ValueKind kind, const char *name,
                                     size_t name_n, const char *value, size_t value_n)
{
    (void)kind;
    struct params *p = cls;
    struct bytes key = {name, name_n}, text = {value, value ? value_n : 0};
    struct bytes first = request_query(p->r, name);
    bool again = value && first.p != value; /* the first of a name counts */
    if (again || bytes_is(key, "token") || bytes_is(key, "vsn") || key.n == 0)
        return MHD_YES;
    p->valid = p->valid && utf8_valid(key) && utf8_valid(text);
    if (!p->valid)
        return MHD_NO;
    if (p->out.n > 1)
        buf_byte(&p->out, ',');
    json_write_string(&p->out, key);
    buf_byte(&p->out, ':');
    json_write_string(&p->out, text);
    return MHD_YES;
}

/* NULL, or what is wrong with its parameters. */
static const char *ask_about(struct session *s, struct request *r, struct bytes token)
{
    struct entrance *e = r->entrance;
    struct params p = {.r = r, .valid = true};
    struct buf out;
    buf_init(&p.out, HOOK_PARAMS_MAX);
    buf_init(&out, HOOK_QUESTION_MAX);
    buf_byte(&p.out, '{');
    MHD_get_connection_values_n(r->mhd, MHD_GET_ARGUMENT_KIND, look_at_param, &p);
    buf_byte(&p.out, '}');
    struct hook_subject who = {.user = bytes_of(e->who.token.sub),
                               .claims = token_claims(token, &s->scratch),
                               .ip = e->ip};
    hook_begin(&out, HOOK_connect, &who);
    buf_format(&out, ",\"transport\":\"%s\"", r->poll ? "longpoll" : "websocket");
    hook_end(&out, buf_all(&p.out));
    const char *wrong = !p.valid                             ? "the parameters must be UTF-8"
                        : p.out.overflowed || out.overflowed ? "the parameters are too large"
                                                             : NULL;
    uint64_t number = wrong ? 0
                            : hook_ask(s, HOOK_connect, buf_all(&out),
                                       (struct ask_waiter){answered, s, r, 0});
    if (number != 0) /* else it is answered already */
        e->asked = number;
    buf_fini(&out);
    buf_fini(&p.out);
    return wrong;
}

void entrance_enter(struct session *s, struct request *r, const struct who *who, uint8_t vsn,
                    struct bytes token)
{
    r->entrance = entrance_new(r, who, vsn);
    if (!s->settings->hook_connect[0]) {
        upgrade_let_in(s, r);
        return;
    }
    const char *wrong = ask_about(s, r, token);
    if (wrong)
        upgrade_refuse(s, r, false, wrong);
}

void entrance_forget(struct request *r)
{
    if (r->entrance) {
        admit_came(r->s, r->entrance);
        if (r->entrance->asked)
            ask_cancel(r->s->hook, r->entrance->asked);
    }
    free(r->entrance);
    r->entrance = NULL;
}
