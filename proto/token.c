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

/* ALG_COUNT: none of ours, or it asks for something that we would have to understand. */
static enum token_alg read_header(struct bytes header, struct bytes *kid, struct arena *scratch)
{
    struct json in = json_over(header);
    struct bytes key, value, text;
    enum token_alg alg = ALG_COUNT;
    json_enter(&in, '{');
    while (json_member(&in, &key, &value)) {
        if (json_key_is(key, "crit"))
            return ALG_COUNT;
        if (json_key_is(key, "alg"))
            alg = json_string(value, scratch, &text) ? alg_of(text) : ALG_COUNT;
        if (json_key_is(key, "kid") && !json_string(value, scratch, kid))
            return ALG_COUNT;
    }
    return json_end(&in) ? alg : ALG_COUNT;
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
    bool issuer, audience, publish;
};

static bool read_claim(struct reading *r, struct bytes key, struct bytes value)
{
    struct token *t = r->t;
    if (json_key_is(key, "sub"))
        return read_text(value, t->sub, sizeof t->sub, r->scratch);
    if (json_key_is(key, "role"))
        return read_role(value, &t->role, r->scratch);
    if (json_key_is(key, "exp"))
        return read_seconds(value, &t->exp_s);
    if (json_key_is(key, "nbf"))
        return read_seconds(value, &r->nbf_s);
    if (json_key_is(key, "iat"))
        return read_seconds(value, &t->iat_s);
    if (json_key_is(key, "jti"))
        return read_text(value, t->jti, sizeof t->jti, r->scratch);
    if (json_key_is(key, "topics"))
        return read_list(value, t->topics, r->scratch);
    if (json_key_is(key, "publish"))
        return r->publish = read_list(value, t->publish, r->scratch);
    if (json_key_is(key, "iss"))
        r->issuer = names(value, r->rules->issuer, r->scratch);
    else if (json_key_is(key, "aud"))
        r->audience = names(value, r->rules->audience, r->scratch);
    return true;
}

static bool read_claims(struct reading *r, struct bytes claims)
{
    struct json in = json_over(claims);
    struct bytes key, value;
    json_enter(&in, '{');
    while (json_member(&in, &key, &value))
        if (!read_claim(r, key, value))
            return false;
    if (!json_end(&in))
        return false;
    if (!r->publish)
        memcpy(r->t->publish, r->t->topics, sizeof r->t->publish);
    return r->t->role != ROLE_user || user_valid(bytes_of(r->t->sub));
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
    if (r->nbf_s > later(now_s, r->rules->leeway_s))
        return "early";
    uint64_t from_s = r->t->iat_s > 0 && r->t->iat_s < now_s ? r->t->iat_s : now_s;
    if (r->t->exp_s > later(from_s, r->rules->lifetime_s))
        return "lifetime";
    r->t->exp_s = later(r->t->exp_s, r->t->exp_s > 0 ? r->rules->leeway_s : 0);
    return r->t->exp_s <= now_s ? "expired" : NULL;
}

const char *token_read(struct token *t, struct bytes text, const struct keyset *keys,
                       const struct token_rules *rules, uint64_t now_s, struct arena *scratch)
{
    *t = (struct token){0};
    const char *end = text.p + text.n;
    const char *dot = text.n > 0 && text.n <= TOKEN_MAX ? memchr(text.p, '.', text.n) : NULL;
    const char *dot2 = dot ? memchr(dot + 1, '.', (size_t)(end - dot - 1)) : NULL;
    struct bytes header, claims, signature, kid = {0};
    if (!dot2 || !base64_read((struct bytes){text.p, (size_t)(dot - text.p)}, scratch, &header) ||
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
