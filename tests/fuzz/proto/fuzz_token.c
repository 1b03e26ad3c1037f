/* SPDX-License-Identifier: Apache-2.0 */
/* 0: a token as a client brings it; 1: claims under a good signature; 2: a key set. Nothing unsigned is
 * taken, and no claim is longer than its place. */
#include "tests/fuzz/fuzz.h"

#include "lib/base64.h"
#include "proto/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define SECRET BYTES("0123456789012345678901234567890123456789abc")
static const struct token_rules rules = {"", "", 5, UINT64_MAX};

static const char *reads(struct bytes text, const struct keyset *keys, struct token *t)
{
    return token_read(t, text, keys, &rules, 1700000000, fuzz_arena(1 << 20));
}

static void signed_claims(struct bytes claims, const struct keyset *keys)
{
    struct token t;
    struct buf text;
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned sum_n = 0;
    buf_init(&text, 1 << 20);
    base64url_write(&text, BYTES("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"));
    buf_byte(&text, '.');
    base64url_write(&text, claims);
    HMAC(EVP_sha256(), SECRET.p, (int)SECRET.n, (const unsigned char *)text.p, text.n, sum, &sum_n);
    buf_byte(&text, '.');
    base64url_write(&text, (struct bytes){(const char *)sum, sum_n});
    if (!text.overflowed && !reads(buf_all(&text), keys, &t)) {
        ENSURE(memchr(t.sub, '\0', sizeof t.sub) && memchr(t.topics, '\0', sizeof t.topics));
        ENSURE(memchr(t.publish, '\0', sizeof t.publish) && memchr(t.jti, '\0', sizeof t.jti));
        ENSURE(t.exp_s > 1700000000 && (t.sub[0] || t.role != ROLE_user));
    }
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct keyset *keys, *others;
    struct input in = {data, n};
    struct token t;
    if (!keys) {
        keys = keyset_new(SECRET);
        others = keyset_new(SECRET);
    }
    switch (input_byte(&in) % 3) {
    case 0:
        ENSURE(reads(input_rest(&in), keys, &t) != NULL);
        break;
    case 1:
        signed_claims(input_rest(&in), keys);
        break;
    default:
        keyset_load(others, input_rest(&in), fuzz_arena(1 << 20));
        ENSURE(keyset_count(others) >= 1 && keyset_count(others) <= KEYSET_MAX + 1);
    }
    return 0;
}
