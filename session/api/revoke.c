/* SPDX-License-Identifier: Apache-2.0 */
#include "session/api/revoke.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "proto/event.h"
#include "proto/topic.h"
#include "session/actions/actions.h"
#include "session/actions/fields.h"
#include "session/api/api.h"
#include "session/asks.h"
#include "session/auth/keys.h"
#include "session/auth/revoked.h"
#include "session/limits.h"

#include <stdlib.h>

/* What was asked for, until it is in the store. */
struct revoking {
    struct request *r;
    uint64_t before_s, until_s;
    size_t n;
    bool token;
    char name[JTI_MAX > USER_MAX ? JTI_MAX : USER_MAX];
};

static void done(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct revoking *x = w.about;
    struct bytes name = {x->name, x->n};
    char room[100];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    if (e == ERR_OK && answer->id == MSG_revoked) {
        struct msg_revocation m = {.before_s = x->before_s, .until_s = x->until_s};
        *(x->token ? &m.jti : &m.user) = name;
        revoked_learn(w.s, &m); /* the other processes ask for it */
        buf_format(&out,
                   "{\"revocation\":%llu,\"until\":", (unsigned long long)answer->revoked.number);
        time_write(&out, x->until_s * 1000);
        buf_byte(&out, '}');
        http_answer(w.s, x->r, 200, "application/json", buf_all(&out), NULL);
    } else if (e == ERR_FULL) {
        limit_refuse(w.s, x->r, LIMIT_revocations);
    } else {
        api_error(w.s, x->r, e == ERR_OK ? ERR_PROTOCOL : e);
    }
    free(x);
}

/* The members as they came. */
struct wish {
    struct bytes jti, token, user, before, expires_at;
};

static bool read_members(struct wish *w, struct bytes json, struct problem *why)
{
    const struct json_place places[] = {{"jti", &w->jti},
                                        {"token", &w->token},
                                        {"user", &w->user},
                                        {"before", &w->before},
                                        {"expires_at", &w->expires_at}};
    if (!fields_read(json, FIELDS(places), REVOKE_MEMBERS, why))
        return false;
    if ((w->jti.n > 0) + (w->token.n > 0) + (w->user.n > 0) != 1)
        return problem_set(why, "", "one of jti, token and user must be there");
    if (w->before.n > 0 && w->user.n == 0)
        return problem_set(why, "before", "goes with user");
    if (w->expires_at.n > 0 && w->jti.n == 0)
        return problem_set(why, "expires_at", "goes with jti");
    return true;
}

/* The token itself says both. */
static bool read_token(struct session *s, struct msg_revoke *m, struct bytes value,
                       struct problem *why)
{
    static struct token t; /* its jti is borrowed until the message is written */
    struct token_rules rules = token_rules_of(s->settings);
    struct bytes text;
    if (!json_string(value, &s->scratch, &text))
        return problem_set(why, "token", "must be text");
    const char *bad = token_read(&t, text, keys_of_tokens(s->keys), &rules, s->wall_ms / 1000,
                                 &s->scratch);
    if (bad)
        return problem_set(why, "token", bad);
    if (!t.jti[0])
        return problem_set(why, "token", "it has no jti: revoke by user");
    m->jti = bytes_of(t.jti);
    m->until_s = t.exp_s;
    return true;
}

static bool read_jti(struct session *s, struct msg_revoke *m, const struct wish *w,
                     struct problem *why)
{
    uint64_t ms = 0;
    if (!json_string(w->jti, &s->scratch, &m->jti) || m->jti.n == 0 || m->jti.n > JTI_MAX)
        return problem_set(why, "jti", "must be text of 1 to 64 bytes");
    if (w->expires_at.n == 0)
        return true;
    if (!field_time(w->expires_at, &ms, "expires_at", &s->scratch, why))
        return false;
    m->until_s = ms / 1000 + 1 + s->settings->leeway_s;
    return true;
}

/* This very second counts as before: who wants to be let in again brings a token of the next one. */
static bool read_user(struct session *s, struct msg_revoke *m, const struct wish *w,
                      struct problem *why)
{
    uint64_t ms = 0, now_s = s->wall_ms / 1000;
    m->before_s = now_s + 1;
    if (!field_user(w->user, &m->user, "user", &s->scratch, why))
        return false;
    if (w->before.n == 0)
        return true;
    if (!field_time(w->before, &ms, "before", &s->scratch, why))
        return false;
    m->before_s = ms / 1000;
    return (m->before_s > 0 && m->before_s <= now_s + 1) ||
           problem_set(why, "before", "must not be in the future: it would lock the user out");
}

static bool read_wish(struct session *s, struct msg_revoke *m, struct bytes json,
                      struct problem *why)
{
    struct wish w = {0};
    const struct settings *set = s->settings;
    if (!json_valid(json))
        return problem_set(why, "", "is not JSON");
    m->until_s = s->wall_ms / 1000 + set->lifetime_days * 86400 + set->leeway_s;
    return read_members(&w, json, why) && (w.token.n > 0 ? read_token(s, m, w.token, why)
                                           : w.jti.n > 0 ? read_jti(s, m, &w, why)
                                                         : read_user(s, m, &w, why));
}

void tokens_revoke(struct session *s, struct request *r)
{
    struct who who;
    struct problem why = {0};
    struct msg m = {.id = MSG_revoke};
    if (!api_authorised(s, r, &who) || !api_json_body(s, r))
        return;
    if (who.kind != WHO_service) {
        http_problem(s, r, 403, "", "this needs an API key or a token with the scope admin");
        return;
    }
    if (!read_wish(s, &m.revoke, request_body(r), &why)) {
        http_problem(s, r, 400, why.field, why.detail);
        return;
    }
    struct bytes name = m.revoke.jti.n > 0 ? m.revoke.jti : m.revoke.user;
    struct revoking *x = malloc(sizeof *x);
    ENSURE(x != NULL);
    *x = (struct revoking){.r = r,
                           .before_s = m.revoke.before_s,
                           .until_s = m.revoke.until_s,
                           .n = name.n,
                           .token = m.revoke.jti.n > 0};
    memcpy(x->name, name.p, name.n);
    /* Twice is once. */
    ask(s->store, &m, s->now_ms, s->settings->request_ms, true, (struct ask_waiter){done, s, x, 0});
}
