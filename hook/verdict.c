/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/verdict.h"

#include "lib/json.h"
#include "proto/pattern.h"
#include "proto/topic.h"

#include <stdio.h>

enum { LIFETIME_MAX_S = 3660 * 86400, CACHE_MAX_S = 86400 };

void verdict_none(struct verdict *v, enum err e, const char *why)
{
    *v = (struct verdict){.e = e};
    snprintf(v->reason, sizeof v->reason, "%s", why);
}

/* What is read, and into what. */
struct reading {
    struct verdict *v;
    enum hook_kind kind;
    struct arena *scratch;
    bool allow, publish;
};

static bool read_bool(struct bytes value, bool *out)
{
    *out = bytes_is(value, "true");
    return *out || bytes_is(value, "false");
}

static bool read_number(struct bytes value, uint64_t least, uint64_t most, uint64_t *out)
{
    return json_u64(value, out) && *out >= least && *out <= most;
}

/* Without control characters: it goes into logs and headers' neighbourhood. */
static bool read_text(struct reading *r, struct bytes value, char *out, size_t size)
{
    struct bytes text;
    if (!json_string(value, r->scratch, &text) || text.n >= size)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
            return false;
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return true;
}

/* A list of patterns, kept with commas between. */
static bool read_patterns(struct reading *r, struct bytes value, char out[CLAIM_MAX + 1])
{
    struct json in = json_over(value);
    struct bytes element;
    size_t n = 0;
    json_enter(&in, '[');
    while (json_element(&in, &element)) {
        char one[TOPIC_MAX + 1];
        if (!read_text(r, element, one, sizeof one) || !pattern_valid(one) || strchr(one, ',') ||
            n + strlen(one) + 1 > CLAIM_MAX)
            return false;
        n += (size_t)snprintf(out + n, CLAIM_MAX + 1 - n, "%s%s", n > 0 ? "," : "", one);
    }
    return json_end(&in);
}

static bool read_user(struct reading *r, struct bytes value)
{
    char *user = r->v->user;
    if (bytes_is(value, "null"))
        return true;
    return read_text(r, value, user, sizeof r->v->user) && user_valid(bytes_of(user));
}

static const char *read_connect(struct reading *r, struct bytes key, struct bytes value)
{
    struct verdict *v = r->v;
    if (json_key_is(key, "user"))
        return read_user(r, value) ? NULL : "user must be a user id";
    if (json_key_is(key, "topics"))
        return (v->claims = read_patterns(r, value, v->topics))
                   ? NULL
                   : "topics must be a list of patterns";
    if (json_key_is(key, "publish"))
        return (r->publish = read_patterns(r, value, v->publish))
                   ? NULL
                   : "publish must be a list of patterns";
    if (json_key_is(key, "expires_in"))
        return read_number(value, 1, LIFETIME_MAX_S, &v->lifetime_s)
                   ? NULL
                   : "expires_in must be seconds, 1 or more";
    return NULL;
}

static const char *read_member(struct reading *r, struct bytes key, struct bytes value)
{
    struct verdict *v = r->v;
    if (json_key_is(key, "allow"))
        return (r->allow = read_bool(value, &v->allowed)) ? NULL : "allow must be true or false";
    if (json_key_is(key, "reason"))
        return read_text(r, value, v->reason, sizeof v->reason)
                   ? NULL
                   : "reason must be a text of 200 bytes at most, without control characters";
    if (json_key_is(key, "cache_s"))
        return read_number(value, 0, CACHE_MAX_S, &v->cache_s) ? NULL : "cache_s must be seconds";
    if (r->kind == HOOK_connect)
        return read_connect(r, key, value);
    if (json_key_is(key, "publish"))
        return read_bool(value, &v->publishes) ? NULL : "publish must be true or false";
    return NULL;
}

const char *verdict_read(struct verdict *v, enum hook_kind kind, struct bytes text,
                         struct arena *scratch)
{
    struct reading r = {.v = v, .kind = kind, .scratch = scratch};
    struct json in = json_over(text);
    struct bytes key, value;
    *v = (struct verdict){.e = ERR_OK, .cache_s = UINT64_MAX};
    json_enter(&in, '{');
    while (json_member(&in, &key, &value)) {
        const char *why = read_member(&r, key, value);
        if (why)
            return why;
    }
    if (!json_end(&in))
        return "it is not a JSON object";
    if (!r.allow)
        return "allow must be there";
    if (r.publish && !v->claims)
        return "publish needs topics beside it";
    if (v->claims && !r.publish)
        memcpy(v->publish, v->topics, sizeof v->publish); /* as in a token */
    return NULL;
}

struct msg verdict_msg(const struct verdict *v, uint64_t req)
{
    return (struct msg){.id = MSG_hooked,
                        .hooked = {.req = req,
                                   .status = v->e,
                                   .allowed = v->allowed,
                                   .reason = bytes_of(v->reason),
                                   .user = bytes_of(v->user),
                                   .claims = v->claims,
                                   .topics = bytes_of(v->topics),
                                   .publish = bytes_of(v->publish),
                                   .publishes = v->publishes,
                                   .lifetime_s = v->lifetime_s}};
}
