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

/* Its members, as they came. */
struct said {
    struct bytes allow, reason, cache_s, publish, user, topics, expires_in;
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
static bool read_text(struct bytes value, char *out, size_t size, struct arena *scratch)
{
    struct bytes text;
    if (!json_string(value, scratch, &text) || text.n >= size)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
            return false;
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return true;
}

/* A list of patterns, kept with commas between. */
static bool read_patterns(struct bytes value, char out[CLAIM_MAX + 1], struct arena *scratch)
{
    struct json in = json_over(value);
    struct bytes element;
    size_t n = 0;
    json_enter(&in, '[');
    while (json_element(&in, &element)) {
        char one[TOPIC_MAX + 1];
        if (!read_text(element, one, sizeof one, scratch) || !pattern_valid(one) ||
            strchr(one, ',') || n + strlen(one) + 1 > CLAIM_MAX)
            return false;
        n += (size_t)snprintf(out + n, CLAIM_MAX + 1 - n, "%s%s", n > 0 ? "," : "", one);
    }
    return json_end(&in);
}

static bool read_user(struct bytes value, struct verdict *v, struct arena *scratch)
{
    if (bytes_is(value, "null"))
        return true;
    return read_text(value, v->user, sizeof v->user, scratch) && user_valid(bytes_of(v->user));
}

static const char *read_connect(struct verdict *v, const struct said *s, struct arena *scratch)
{
    if (s->user.n > 0 && !read_user(s->user, v, scratch))
        return "user must be a user id";
    v->claims = s->topics.n > 0;
    if (v->claims && !read_patterns(s->topics, v->topics, scratch))
        return "topics must be a list of patterns";
    if (s->publish.n > 0 && !read_patterns(s->publish, v->publish, scratch))
        return "publish must be a list of patterns";
    if (s->expires_in.n > 0 && !read_number(s->expires_in, 1, LIFETIME_MAX_S, &v->lifetime_s))
        return "expires_in must be seconds, 1 or more";
    if (s->publish.n > 0 && !v->claims)
        return "publish needs topics beside it";
    if (v->claims && s->publish.n == 0)
        memcpy(v->publish, v->topics, sizeof v->publish); /* as in a token */
    return NULL;
}

static const char *read_said(struct verdict *v, enum hook_kind kind, const struct said *s,
                             struct arena *scratch)
{
    if (s->allow.n == 0)
        return "allow must be there";
    if (!read_bool(s->allow, &v->allowed))
        return "allow must be true or false";
    if (s->reason.n > 0 && !read_text(s->reason, v->reason, sizeof v->reason, scratch))
        return "reason must be a text of 200 bytes at most, without control characters";
    if (s->cache_s.n > 0 && !read_number(s->cache_s, 0, CACHE_MAX_S, &v->cache_s))
        return "cache_s must be seconds";
    if (kind == HOOK_connect)
        return read_connect(v, s, scratch);
    if (s->publish.n > 0 && !read_bool(s->publish, &v->publishes))
        return "publish must be true or false";
    return NULL;
}

/* What we do not know is let through: an application may say more to others. */
const char *verdict_read(struct verdict *v, enum hook_kind kind, struct bytes text,
                         struct arena *scratch)
{
    struct said s = {0};
    const struct json_place places[] = {
        {"allow", &s.allow},          {"reason", &s.reason}, {"cache_s", &s.cache_s},
        {"publish", &s.publish},      {"user", &s.user},     {"topics", &s.topics},
        {"expires_in", &s.expires_in}};
    struct json_members m = {.places = places, .count = sizeof places / sizeof *places};
    *v = (struct verdict){.e = ERR_OK, .cache_s = UINT64_MAX};
    if (!json_read(text, &m))
        return "it is not a JSON object";
    const char *twice = json_twice(&m, scratch);
    return twice ? twice : read_said(v, kind, &s, scratch);
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
