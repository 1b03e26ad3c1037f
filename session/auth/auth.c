/* SPDX-License-Identifier: Apache-2.0 */
#include "session/auth/auth.h"

#include "lib/secret.h"
#include "session/socket/admit.h"
#include "session/auth/keys.h"
#include "session/http/origin.h"
#include "session/auth/revoked.h"

#include <strings.h>

void auth_token(struct session *s, struct bytes text, struct who *who)
{
    *who = (struct who){.kind = WHO_nobody};
    struct token_rules rules = token_rules_of(s->settings);
    who->why = text.n == 0 ? "a token must be given"
                           : token_read(&who->token, text, keys_of_tokens(s->keys), &rules,
                                        s->wall_ms / 1000, &s->scratch);
    if (who->why) {
        count_one(s, COUNT_refused_auth);
        return;
    }
    if (!revoked_known(s)) {
        who->why = "not now: which tokens are revoked is not known yet";
        who->later = true;
        return;
    }
    if (revoked_has(s, &who->token)) {
        who->why = "revoked";
        count_one(s, COUNT_refused_auth);
        count_one(s, COUNT_refused_revoked);
        return;
    }
    who->kind = who->token.role == ROLE_user ? WHO_user : WHO_service;
    who->scopes = who->token.role == ROLE_admin ? SCOPE_all : SCOPE_all & ~(unsigned)SCOPE_admin;
}

void auth_refuse(struct session *s, struct request *r, const struct who *who)
{
    if (who->crowded)
        http_limit(s, r, 429, limit_rows[LIMIT_key_requests].name, who->why);
    else
        http_problem(s, r, who->later ? 503 : who->barred ? 403 : 401, "", who->why);
}

struct hello auth_hello(const struct session *s, const struct token *t, uint8_t vsn)
{
    return (struct hello){.user = bytes_of(t->sub),
                          .topics = bytes_of(t->topics),
                          .publish = bytes_of(t->publish),
                          .token_exp_s = t->exp_s,
                          .token_iat_s = t->iat_s,
                          .token_name = revoked_hash(s, bytes_of(t->jti)),
                          .vsn = vsn};
}

bool auth_anybody(const struct session *s)
{
    const struct settings *set = s->settings;
    for (uint64_t i = 0; i < set->classes_n; i++)
        if (set->classes[i].join == ACCESS_anyone)
            return true;
    return false;
}

void auth_socket(struct session *s, struct bytes text, struct who *who)
{
    if (text.n == 0 && (s->settings->hook_connect[0] || auth_anybody(s)))
        *who = (struct who){.kind = WHO_user, .token = {.exp_s = UINT64_MAX}};
    else
        auth_token(s, text, who);
}

/* `Bearer` and what follows it, or empty. */
static struct bytes bearer(const struct request *r)
{
    const char *value = request_header(r, "Authorization");
    if (!value || strncasecmp(value, "Bearer ", 7) != 0)
        return (struct bytes){0};
    value += 7 + strspn(value + 7, " ");
    size_t n = strlen(value);
    while (n > 0 && value[n - 1] == ' ')
        n--;
    return (struct bytes){value, n};
}

bool auth_origin(const struct session *s, const struct request *r)
{
    return origin_allowed(s->settings->origins, request_header(r, "Origin"),
                          request_header(r, "Host"));
}

/* A page of another site can make its own name point to 127.0.0.1: then Host tells. */
static bool local_name(const char *host)
{
    if (!host)
        return false;
    struct bytes name = origin_host(host);
    return same_host(name, BYTES("localhost")) || same_host(name, BYTES("127.0.0.1")) ||
           same_host(name, BYTES("[::1]"));
}

bool auth_dev(const struct session *s, const struct request *r)
{
    const char *origin = request_header(r, "Origin");
    const char *host = request_header(r, "Host");
    return s->settings->dev && request_loopback(r) && local_name(host) &&
           (!origin || (local_name(origin) && auth_origin(s, r)));
}

/* What a page's browser sends by itself, wherever the page is from: so it counts only for pages that may
 * talk to us, and what changes something must bring a header that no form and no image can. */
static bool cookie_counts(const struct session *s, const struct request *r)
{
    const char *site = request_header(r, "Sec-Fetch-Site");
    if (request_header(r, "Origin"))
        return auth_origin(s, r);
    return r->method == HTTP_GET && (!site || strcasecmp(site, "cross-site") != 0);
}

struct bytes auth_cookie(const struct session *s, const struct request *r)
{
    const char *name = s->settings->cookie;
    return name[0] && cookie_counts(s, r) ? request_cookie(r, name) : (struct bytes){0};
}

static void refuse_who(struct session *s, struct who *who, const char *why)
{
    who->kind = WHO_nobody;
    who->barred = true;
    who->why = why;
    count_one(s, COUNT_refused_auth);
}

static void by_cookie(struct session *s, const struct request *r, struct bytes text,
                      struct who *who)
{
    auth_token(s, text, who);
    if (who->kind == WHO_service)
        refuse_who(s, who, "a cookie may carry a user's token only");
    else if (who->kind == WHO_user && r->method != HTTP_GET && !request_header(r, CSRF_HEADER))
        refuse_who(s, who, "with a cookie the header " CSRF_HEADER " must be there");
}

static void by_key(struct session *s, struct bytes text, struct who *who)
{
    const struct apikey *key = apikeys_find(keys_of_back_ends(s->keys), text);
    if (key) {
        who->kind = WHO_service;
        who->key = key->name;
        who->scopes = key->scopes;
    } else {
        count_one(s, COUNT_refused_auth);
        who->why = "this API key is not known, or not any more";
    }
}

/* A service goes as far as its scopes. */
static void judge(struct session *s, const struct request *r, struct who *who)
{
    if (who->kind != WHO_service || (who->scopes & (r->scope | SCOPE_admin)))
        return;
    refuse_who(s, who, "the scopes of this key do not reach this");
}

/* Where it is counted, should it have to wait. All service tokens are one key. */
static void queue(struct session *s, struct request *r, struct who *who)
{
    admit_request_over(&r->queue); /* its headers were looked at before */
    r->queue = admit_request(s, who->key ? who->key : who->token.exp_s > 0 ? "*token" : "*api.key");
    if (r->queue)
        return;
    who->kind = WHO_nobody;
    who->crowded = true;
    who->why = limit_rows[LIMIT_key_requests].text;
    count_one(s, COUNT_refused_key);
}

void auth_request(struct session *s, struct request *r, struct who *who)
{
    struct bytes text = bearer(r), cookie = auth_cookie(s, r);
    bool dev = false;
    *who = (struct who){.kind = WHO_nobody, .scopes = SCOPE_all};
    if (text.n > 0 && secret_equal(text, bytes_of(s->api_key)))
        who->kind = WHO_service;
    else if (apikey_looks(text))
        by_key(s, text, who);
    else if (text.n > 0)
        auth_token(s, text, who);
    else if (cookie.n > 0)
        by_cookie(s, r, cookie, who);
    else if ((dev = auth_dev(s, r)))
        who->kind = WHO_service;
    else
        who->why = "Authorization: Bearer with a token or an API key must be given";
    judge(s, r, who);
    if (who->kind == WHO_service && !dev)
        queue(s, r, who);
}
