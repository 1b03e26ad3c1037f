/* SPDX-License-Identifier: Apache-2.0 */
#include "session/auth.h"

#include "lib/secret.h"
#include "session/keys.h"
#include "session/revoked.h"

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

unsigned auth_status(const struct who *who)
{
    return who->later ? 503 : who->barred ? 403 : 401;
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

void auth_socket(struct session *s, struct bytes text, struct who *who)
{
    const struct settings *set = s->settings;
    for (uint64_t i = 0; text.n == 0 && i < set->classes_n; i++)
        if (set->classes[i].join == ACCESS_anyone) {
            *who = (struct who){.kind = WHO_user, .token = {.exp_s = UINT64_MAX}};
            return;
        }
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

/* The host of `scheme://host:port` or `host:port`, without the port; [::1] keeps its brackets. */
static struct bytes host_of(const char *text)
{
    const char *scheme = strstr(text, "://");
    const char *from = scheme ? scheme + 3 : text;
    size_t n = *from == '[' ? strcspn(from, "]") + 1 : strcspn(from, ":/");
    return (struct bytes){from, n};
}

static bool same_host(struct bytes a, struct bytes b)
{
    return a.n == b.n && a.n > 0 && strncasecmp(a.p, b.p, a.n) == 0;
}

/* One of `list`, comma between, is exactly this origin. */
static bool listed(const char *list, const char *origin)
{
    size_t n = strlen(origin);
    while (*list) {
        size_t here = strcspn(list, ",");
        if (here == n && strncasecmp(list, origin, n) == 0)
            return true;
        list += here + (list[here] == ',');
        list += strspn(list, " ");
    }
    return false;
}

bool auth_origin(const struct session *s, const struct request *r)
{
    const char *origin = request_header(r, "Origin");
    const char *host = request_header(r, "Host");
    if (!origin)
        return true;
    if (host && same_host(host_of(origin), host_of(host)))
        return true;
    return listed(s->settings->origins, origin);
}

/* A page of another site can make its own name point to 127.0.0.1: then Host tells. */
static bool local_name(const char *host)
{
    if (!host)
        return false;
    struct bytes name = host_of(host);
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

static void by_key(struct session *s, struct bytes text, struct who *who)
{
    const struct apikey *key = apikeys_find(keys_of_back_ends(s->keys), text);
    if (key) {
        who->kind = WHO_service;
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
    who->kind = WHO_nobody;
    who->barred = true;
    who->why = "the scopes of this key do not reach this";
    count_one(s, COUNT_refused_auth);
}

void auth_request(struct session *s, const struct request *r, struct who *who)
{
    struct bytes text = bearer(r);
    *who = (struct who){.kind = WHO_nobody, .scopes = SCOPE_all};
    if (text.n > 0 && secret_equal(text, bytes_of(s->api_key)))
        who->kind = WHO_service;
    else if (apikey_looks(text))
        by_key(s, text, who);
    else if (text.n > 0)
        auth_token(s, text, who);
    else if (auth_dev(s, r))
        who->kind = WHO_service;
    else
        who->why = "Authorization: Bearer with a token or an API key must be given";
    judge(s, r, who);
}
