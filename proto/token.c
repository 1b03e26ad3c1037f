/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/token.h"

#include "lib/base64.h"
#include "lib/json.h"
#include "lib/secret.h"
#include "proto/topic.h"

#include <stdio.h>

static const char *const role_names[] = {
    [ROLE_user] = "user", [ROLE_service] = "service", [ROLE_admin] = "admin"};
enum { ROLE_COUNT = sizeof role_names / sizeof *role_names };

/* -- writing ----------------------------------------------------------------------------------- */

static void write_text(struct buf *out, const char *key_and_colon, const char *text)
{
    if (!text[0])
        return;
    buf_text(out, key_and_colon);
    json_write_string(out, bytes_of(text));
}

static void write_list(struct buf *out, const char *key_and_bracket, const char *list)
{
    const char *mark = key_and_bracket;
    if (!list[0])
        return;
    while (*list) {
        size_t n = strcspn(list, ",");
        buf_text(out, mark);
        json_write_string(out, (struct bytes){list, n});
        list += n + (list[n] == ',');
        mark = ",";
    }
    buf_byte(out, ']');
}

void token_write(struct buf *out, struct bytes secret, const struct token *t,
                 const struct token_rules *rules)
{
    struct buf claims;
    buf_init(&claims, TOKEN_MAX);
    buf_text(&claims, "{\"sub\":");
    json_write_string(&claims, bytes_of(t->sub));
    buf_format(&claims, ",\"role\":\"%s\",\"exp\":%llu", role_names[t->role],
               (unsigned long long)t->exp_s);
    if (t->iat_s > 0)
        buf_format(&claims, ",\"iat\":%llu", (unsigned long long)t->iat_s);
    write_text(&claims, ",\"jti\":", t->jti);
    write_text(&claims, ",\"iss\":", rules->issuer);
    write_text(&claims, ",\"aud\":", rules->audience);
    write_list(&claims, ",\"topics\":[", t->topics);
    write_list(&claims, ",\"publish\":[", t->publish);
    buf_byte(&claims, '}');

    size_t from = out->n;
    base64url_write(out, BYTES("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"));
    buf_byte(out, '.');
    base64url_write(out, buf_all(&claims));
    uint8_t signature[MAC_SIZE];
    mac(secret, (struct bytes){out->p + from, out->n - from}, signature);
    buf_byte(out, '.');
    base64url_write(out, (struct bytes){(char *)signature, sizeof signature});
    buf_fini(&claims);
}

/* -- reading ----------------------------------------------------------------------------------- */

/* What the members of an object are; false: it is none, or one of them is there twice, so that another reader could
 * take the other one (RFC 8725, 2.4). */
static bool members(struct bytes object, const struct json_place *places, size_t count)
{
    struct json_members m = {.places = places, .count = count};
    return json_read(object, &m) && !m.twice;
}

/* ALG_COUNT: none of ours, or it asks for something that we would have to understand. */
static enum token_alg read_header(struct bytes header, struct bytes *kid, struct arena *scratch)
{
    struct bytes alg = {0}, key = {0}, crit = {0}, b64 = {0}, text;
    const struct json_place places[] = {
        {"alg", &alg}, {"kid", &key}, {"crit", &crit}, {"b64", &b64}};
    if (!members(header, places, sizeof places / sizeof *places) || alg.n == 0 || crit.n > 0 ||
        (b64.n > 0 && !bytes_is(b64, "true")) || !json_string(alg, scratch, &text) ||
        (key.n > 0 && !json_string(key, scratch, kid)))
        return ALG_COUNT;
    return alg_of(text);
}

/* "ann\u0000x" must not become "ann". */
static bool fits(struct bytes text, size_t size)
{
    return text.n < size && !memchr(text.p, '\0', text.n);
}

static bool read_text(struct bytes value, char *out, size_t size, struct arena *scratch)
{
    struct bytes text;
    if (!json_string(value, scratch, &text) || !fits(text, size))
        return false;
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return true;
}

/* A list of texts without commas, into one with commas between. */
static bool read_list(struct bytes list, char out[TOKEN_TOPICS], struct arena *scratch)
{
    struct json in = json_over(list);
    struct bytes value, text;
    size_t n = 0;
    json_enter(&in, '[');
    while (json_element(&in, &value)) {
        if (!json_string(value, scratch, &text) || memchr(text.p, ',', text.n) ||
            !fits(text, TOKEN_TOPICS - n - 1))
            return false;
        if (n > 0)
            out[n++] = ',';
        memcpy(out + n, text.p, text.n);
        n += text.n;
        out[n] = '\0';
    }
    return json_end(&in);
}

/* RFC 7519's NumericDate may have decimals (Date.now() / 1000): they are cut. */
static bool read_seconds(struct bytes value, uint64_t *out)
{
    if (memchr(value.p, 'e', value.n) || memchr(value.p, 'E', value.n))
        return false;
    const char *point = memchr(value.p, '.', value.n);
    if (point)
        value.n = (size_t)(point - value.p);
    return json_u64(value, out);
}

static bool read_role(struct bytes value, enum token_role *role, struct arena *scratch)
{
    struct bytes text;
    if (!json_string(value, scratch, &text))
        return false;
    unsigned i = 0;
    while (i < ROLE_COUNT && !bytes_is(text, role_names[i]))
        i++;
    *role = (enum token_role)i;
    return i < ROLE_COUNT;
}

/* It is this text, or a list that has it (RFC 7519, 4.1.3). */
static bool names(struct bytes value, const char *want, struct arena *scratch)
{
    struct bytes text;
    if (json_string(value, scratch, &text))
        return bytes_is(text, want);
    struct json in = json_over(value);
    bool found = false;
    json_enter(&in, '[');
    while (json_element(&in, &value))
        found = found || (json_string(value, scratch, &text) && bytes_is(text, want));
    return json_end(&in) && found;
}

/* What the claims are held against, and what was found of it. */
struct reading {
    struct token *t;
    const struct token_rules *rules;
    struct arena *scratch;
    uint64_t nbf_s;
    bool issuer, audience;
};

static bool read_who(struct token *t, const struct reading *r, struct bytes sub, struct bytes role)
{
    if (sub.n > 0 && !read_text(sub, t->sub, sizeof t->sub, r->scratch))
        return false;
    if (role.n > 0 && !read_role(role, &t->role, r->scratch))
        return false;
    return t->role != ROLE_user || user_valid(bytes_of(t->sub));
}

static bool read_patterns(struct token *t, const struct reading *r, struct bytes topics,
                          struct bytes publish)
{
    if (topics.n > 0 && !read_list(topics, t->topics, r->scratch))
        return false;
    if (publish.n > 0)
        return read_list(publish, t->publish, r->scratch);
    memcpy(t->publish, t->topics, sizeof t->publish);
    return true;
}

static bool read_claims(struct reading *r, struct bytes claims)
{
    struct token *t = r->t;
    struct bytes sub = {0}, role = {0}, exp = {0}, nbf = {0}, iat = {0}, jti = {0}, topics = {0},
                 publish = {0}, iss = {0}, aud = {0};
    const struct json_place places[] = {
        {"sub", &sub}, {"role", &role},     {"exp", &exp},         {"nbf", &nbf}, {"iat", &iat},
        {"jti", &jti}, {"topics", &topics}, {"publish", &publish}, {"iss", &iss}, {"aud", &aud}};
    if (!members(claims, places, sizeof places / sizeof *places))
        return false;
    r->issuer = iss.n > 0 && names(iss, r->rules->issuer, r->scratch);
    r->audience = aud.n > 0 && names(aud, r->rules->audience, r->scratch);
    return (exp.n == 0 || read_seconds(exp, &t->exp_s)) &&
           (nbf.n == 0 || read_seconds(nbf, &r->nbf_s)) &&
           (iat.n == 0 || read_seconds(iat, &t->iat_s)) &&
           (jti.n == 0 || read_text(jti, t->jti, sizeof t->jti, r->scratch)) &&
           read_patterns(t, r, topics, publish) && read_who(t, r, sub, role);
}

/* A sum that stays where it is at the top. */
static uint64_t later(uint64_t s, uint64_t by_s)
{
    return s > UINT64_MAX - by_s ? UINT64_MAX : s + by_s;
}

static const char *judge(struct reading *r, uint64_t now_s)
{
    if (r->rules->issuer[0] && !r->issuer)
        return "issuer";
    if (r->rules->audience[0] && !r->audience)
        return "audience";
    uint64_t latest_s = later(now_s, r->rules->leeway_s);
    if (r->nbf_s > latest_s || r->t->iat_s > latest_s) /* the latter would outlive a revocation */
        return "early";
    uint64_t from_s = r->t->iat_s > 0 && r->t->iat_s < now_s ? r->t->iat_s : now_s;
    if (r->t->exp_s > later(from_s, r->rules->lifetime_s))
        return "lifetime";
    r->t->exp_s = later(r->t->exp_s, r->t->exp_s > 0 ? r->rules->leeway_s : 0);
    return r->t->exp_s <= now_s ? "expired" : NULL;
}

/* The URL alphabet and no padding (RFC 7515, 2), so that a token is written in one way. */
static bool url_safe(struct bytes text)
{
    return !memchr(text.p, '=', text.n) && !memchr(text.p, '+', text.n) &&
           !memchr(text.p, '/', text.n);
}

const char *token_read(struct token *t, struct bytes text, const struct keyset *keys,
                       const struct token_rules *rules, uint64_t now_s, struct arena *scratch)
{
    *t = (struct token){0};
    const char *end = text.p + text.n;
    const char *dot = text.n > 0 && text.n <= TOKEN_MAX ? memchr(text.p, '.', text.n) : NULL;
    const char *dot2 = dot ? memchr(dot + 1, '.', (size_t)(end - dot - 1)) : NULL;
    struct bytes header, claims, signature, kid = {0};
    if (!dot2 || !url_safe(text) ||
        !base64_read((struct bytes){text.p, (size_t)(dot - text.p)}, scratch, &header) ||
        !base64_read((struct bytes){dot + 1, (size_t)(dot2 - dot - 1)}, scratch, &claims) ||
        !base64_read((struct bytes){dot2 + 1, (size_t)(end - dot2 - 1)}, scratch, &signature))
        return "malformed";
    enum token_alg alg = read_header(header, &kid, scratch);
    if (alg == ALG_COUNT)
        return "algorithm";
    struct bytes message = {text.p, (size_t)(dot2 - text.p)};
    if (!keyset_verify(keys, alg, kid, message, signature))
        return "signature";
    struct reading r = {.t = t, .rules = rules, .scratch = scratch};
    if (!read_claims(&r, claims))
        return "claims";
    return judge(&r, now_s);
}

struct bytes token_claims(struct bytes text, struct arena *scratch)
{
    const char *end = text.p + text.n, *dot = text.n > 0 ? memchr(text.p, '.', text.n) : NULL;
    const char *dot2 = dot ? memchr(dot + 1, '.', (size_t)(end - dot - 1)) : NULL;
    struct bytes claims = {0};
    if (!dot2 || !base64_read((struct bytes){dot + 1, (size_t)(dot2 - dot - 1)}, scratch, &claims))
        return (struct bytes){0};
    return claims;
}
