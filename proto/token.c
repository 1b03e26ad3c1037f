/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/token.h"

#include "lib/base64.h"
#include "lib/json.h"
#include "lib/secret.h"
#include "proto/topic.h"

#include <stdio.h>

static void write_topics(struct buf *out, const char *topics)
{
    const char *mark = ",\"topics\":[";
    while (*topics) {
        size_t n = strcspn(topics, ",");
        buf_text(out, mark);
        json_write_string(out, (struct bytes){topics, n});
        topics += n + (topics[n] == ',');
        mark = ",";
    }
    if (mark[1] == '\0')
        buf_byte(out, ']');
}

void token_write(struct buf *out, struct bytes secret, const struct token *t)
{
    struct buf claims;
    buf_init(&claims, TOKEN_MAX);
    buf_text(&claims, "{\"sub\":");
    json_write_string(&claims, bytes_of(t->sub));
    buf_format(&claims, ",\"role\":\"%s\",\"exp\":%llu",
               t->role == ROLE_service ? "service" : "user", (unsigned long long)t->exp_s);
    write_topics(&claims, t->topics);
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

static bool hs256(struct bytes header, struct arena *scratch)
{
    struct json in = json_over(header);
    struct bytes key, value, text;
    bool good = false;
    json_enter(&in, '{');
    while (json_member(&in, &key, &value)) {
        if (json_key_is(key, "crit"))
            return false; /* it asks for something that we would have to understand */
        if (json_key_is(key, "alg"))
            good = json_string(value, scratch, &text) && bytes_is(text, "HS256");
    }
    return json_end(&in) && good;
}

/* "ann\u0000x" must not become "ann". */
static bool fits(struct bytes text, size_t size)
{
    return text.n < size && !memchr(text.p, '\0', text.n);
}

static bool read_topics(struct token *t, struct bytes list, struct arena *scratch)
{
    struct json in = json_over(list);
    struct bytes value, text;
    size_t n = 0;
    json_enter(&in, '[');
    while (json_element(&in, &value)) {
        if (!json_string(value, scratch, &text) || memchr(text.p, ',', text.n) ||
            !fits(text, sizeof t->topics - n - 1))
            return false;
        if (n > 0)
            t->topics[n++] = ',';
        memcpy(t->topics + n, text.p, text.n);
        n += text.n;
        t->topics[n] = '\0';
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

static bool read_claim(struct token *t, struct bytes key, struct bytes value, struct arena *scratch)
{
    struct bytes text;
    if (json_key_is(key, "sub")) {
        if (!json_string(value, scratch, &text) || !fits(text, sizeof t->sub))
            return false;
        memcpy(t->sub, text.p, text.n);
        t->sub[text.n] = '\0';
    } else if (json_key_is(key, "role")) {
        if (!json_string(value, scratch, &text))
            return false;
        t->role = bytes_is(text, "service") ? ROLE_service : ROLE_user;
        return t->role == ROLE_service || bytes_is(text, "user");
    } else if (json_key_is(key, "exp")) {
        return read_seconds(value, &t->exp_s);
    } else if (json_key_is(key, "topics")) {
        return read_topics(t, value, scratch);
    }
    return true;
}

static bool read_claims(struct token *t, struct bytes claims, struct arena *scratch)
{
    struct json in = json_over(claims);
    struct bytes key, value;
    json_enter(&in, '{');
    while (json_member(&in, &key, &value))
        if (!read_claim(t, key, value, scratch))
            return false;
    if (!json_end(&in))
        return false;
    return t->role == ROLE_service || user_valid(bytes_of(t->sub));
}

const char *token_read(struct token *t, struct bytes text, struct bytes secret, uint64_t now_s,
                       struct arena *scratch)
{
    *t = (struct token){0};
    const char *end = text.p + text.n;
    const char *dot = text.n > 0 && text.n <= TOKEN_MAX ? memchr(text.p, '.', text.n) : NULL;
    const char *dot2 = dot ? memchr(dot + 1, '.', (size_t)(end - dot - 1)) : NULL;
    struct bytes header, claims, signature;
    if (!dot2 || !base64_read((struct bytes){text.p, (size_t)(dot - text.p)}, scratch, &header) ||
        !base64_read((struct bytes){dot + 1, (size_t)(dot2 - dot - 1)}, scratch, &claims) ||
        !base64_read((struct bytes){dot2 + 1, (size_t)(end - dot2 - 1)}, scratch, &signature))
        return "malformed";
    if (!hs256(header, scratch))
        return "algorithm";
    uint8_t want[MAC_SIZE];
    mac(secret, (struct bytes){text.p, (size_t)(dot2 - text.p)}, want);
    if (!secret_equal(signature, (struct bytes){(char *)want, sizeof want}))
        return "signature";
    if (!read_claims(t, claims, scratch))
        return "claims";
    if (t->exp_s <= now_s)
        return "expired";
    return NULL;
}
