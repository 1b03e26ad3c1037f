/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/keyset.h"

#include "lib/base64.h"
#include "lib/ensure.h"
#include "lib/json.h"
#include "lib/secret.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, P256_SIZE = 32, ED25519_SIZE = 32 };

struct key {
    enum token_alg alg;
    char kid[KID_MAX + 1]; /* empty: none */
    EVP_PKEY *public;      /* RS256, ES256, EdDSA; owned */
    char *secret;          /* HS256; owned */
    size_t secret_n;
};

struct keyset {
    struct key own, keys[KEYSET_MAX];
    unsigned n;
};

#define AS_NAME(name, doc) #name,
static const char *const alg_names[] = {TOKEN_ALGS(AS_NAME)};

enum token_alg alg_of(struct bytes name)
{
    unsigned alg = 0;
    while (alg < ALG_COUNT && !bytes_is(name, alg_names[alg]))
        alg++;
    return (enum token_alg)alg;
}

static void key_drop(struct key *k)
{
    if (k->secret)
        explicit_bzero(k->secret, k->secret_n);
    free(k->secret);
    EVP_PKEY_free(k->public);
    *k = (struct key){0};
}

static bool secret_take(struct key *k, struct bytes secret)
{
    if (secret.n < SECRET_SIZE) /* RFC 7518, 3.2: as long as the hash, at least */
        return false;
    k->secret = malloc(secret.n);
    ENSURE(k->secret != NULL);
    memcpy(k->secret, secret.p, secret.n);
    k->secret_n = secret.n;
    return true;
}

struct keyset *keyset_new(struct bytes secret)
{
    struct keyset *k = calloc(1, sizeof *k);
    ENSURE(k != NULL);
    k->own.alg = ALG_HS256;
    ENSURE(secret_take(&k->own, secret));
    return k;
}

void keyset_free(struct keyset **slot)
{
    struct keyset *k = *slot;
    *slot = NULL;
    if (!k)
        return;
    for (unsigned i = 0; i < k->n; i++)
        key_drop(&k->keys[i]);
    key_drop(&k->own);
    free(k);
}

unsigned keyset_count(const struct keyset *k)
{
    return 1 + k->n;
}

/* -- reading a JWK ---------------------------------------------------------------------------- */

/* Its members as they came: text, or empty. */
struct jwk {
    struct bytes kty, use, alg, kid, crv, n, e, x, y, k;
};

static bool jwk_read(struct jwk *j, struct bytes text, struct arena *scratch)
{
    struct {
        const char *name;
        struct bytes *to;
    } const members[] = {{"kty", &j->kty}, {"use", &j->use}, {"alg", &j->alg}, {"kid", &j->kid},
                         {"crv", &j->crv}, {"n", &j->n},     {"e", &j->e},     {"x", &j->x},
                         {"y", &j->y},     {"k", &j->k}};
    struct json in = json_over(text);
    struct bytes key, value;
    *j = (struct jwk){0};
    json_enter(&in, '{');
    while (json_member(&in, &key, &value))
        for (size_t i = 0; i < sizeof members / sizeof *members; i++)
            if (json_key_is(key, members[i].name) && !json_string(value, scratch, members[i].to))
                return false;
    return json_end(&in);
}

/* A public key of this type from its parts. Takes `parts`. */
static EVP_PKEY *public_of(const char *type, OSSL_PARAM_BLD *parts)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(parts);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    ENSURE(params != NULL && ctx != NULL);
    if (EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(parts);
    ERR_clear_error();
    return key;
}

static EVP_PKEY *rsa_of(struct bytes n, struct bytes e)
{
    if (n.n == 0 || n.n > RSA_BITS_MAX / 8 + 1 || e.n == 0 || e.n > 8)
        return NULL;
    OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
    BIGNUM *modulus = BN_bin2bn((const uint8_t *)n.p, (int)n.n, NULL);
    BIGNUM *exponent = BN_bin2bn((const uint8_t *)e.p, (int)e.n, NULL);
    ENSURE(parts != NULL && modulus != NULL && exponent != NULL);
    ENSURE(OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_N, modulus) == 1);
    ENSURE(OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_E, exponent) == 1);
    EVP_PKEY *key = NULL;
    if (BN_num_bits(modulus) >= RSA_BITS_MIN && BN_is_odd(exponent) && !BN_is_one(exponent))
        key = public_of("RSA", parts);
    else
        OSSL_PARAM_BLD_free(parts);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

static EVP_PKEY *p256_of(struct bytes x, struct bytes y)
{
    uint8_t point[1 + 2 * P256_SIZE] = {4}; /* uncompressed */
    if (x.n != P256_SIZE || y.n != P256_SIZE)
        return NULL;
    memcpy(point + 1, x.p, P256_SIZE);
    memcpy(point + 1 + P256_SIZE, y.p, P256_SIZE);
    OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
    ENSURE(parts != NULL);
    ENSURE(OSSL_PARAM_BLD_push_utf8_string(parts, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1);
    ENSURE(OSSL_PARAM_BLD_push_octet_string(parts, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) ==
           1);
    return public_of("EC", parts);
}

static EVP_PKEY *ed25519_of(struct bytes x)
{
    if (x.n != ED25519_SIZE)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const uint8_t *)x.p, x.n);
}

/* What this kind of key is for; ALG_COUNT: nothing that we know. */
static enum token_alg jwk_alg(const struct jwk *j)
{
    enum token_alg alg = ALG_COUNT;
    if (bytes_is(j->kty, "oct"))
        alg = ALG_HS256;
    else if (bytes_is(j->kty, "RSA"))
        alg = ALG_RS256;
    else if (bytes_is(j->kty, "EC") && bytes_is(j->crv, "P-256"))
        alg = ALG_ES256;
    else if (bytes_is(j->kty, "OKP") && bytes_is(j->crv, "Ed25519"))
        alg = ALG_EdDSA;
    bool ours = (j->use.n == 0 || bytes_is(j->use, "sig")) &&
                (j->alg.n == 0 || alg_of(j->alg) == alg) && j->kid.n <= KID_MAX &&
                !memchr(j->kid.n ? j->kid.p : "", '\0', j->kid.n);
    return ours ? alg : ALG_COUNT;
}

static bool part(struct bytes text, struct arena *scratch, struct bytes *out)
{
    return base64_read(text, scratch, out);
}

/* False: not a key of ours. */
static bool key_make(struct key *k, const struct jwk *j, struct arena *scratch)
{
    struct bytes a, b;
    *k = (struct key){.alg = jwk_alg(j)};
    if (k->alg == ALG_COUNT)
        return false;
    memcpy(k->kid, j->kid.n ? j->kid.p : "", j->kid.n);
    if (k->alg == ALG_HS256)
        return part(j->k, scratch, &a) && secret_take(k, a);
    if (k->alg == ALG_RS256 && part(j->n, scratch, &a) && part(j->e, scratch, &b))
        k->public = rsa_of(a, b);
    if (k->alg == ALG_ES256 && part(j->x, scratch, &a) && part(j->y, scratch, &b))
        k->public = p256_of(a, b);
    if (k->alg == ALG_EdDSA && part(j->x, scratch, &a))
        k->public = ed25519_of(a);
    return k->public != NULL;
}

static const char *read_keys(struct keyset *fresh, struct bytes list, struct arena *scratch)
{
    struct json in = json_over(list);
    struct bytes element;
    struct jwk j;
    json_enter(&in, '[');
    while (json_element(&in, &element)) {
        struct key *k = &fresh->keys[fresh->n];
        if (!jwk_read(&j, element, scratch))
            return "a key is not an object of texts";
        if (fresh->n == KEYSET_MAX)
            return "it has more keys than 16";
        if (key_make(k, &j, scratch))
            fresh->n++;
        else
            key_drop(k);
    }
    return json_end(&in) ? NULL : "\"keys\" is not a list";
}

const char *keyset_load(struct keyset *k, struct bytes jwks, struct arena *scratch)
{
    static _Thread_local struct keyset fresh;
    struct json in = json_over(jwks);
    struct bytes key, value, list = {0};
    fresh = (struct keyset){0};
    json_enter(&in, '{');
    while (json_member(&in, &key, &value))
        if (json_key_is(key, "keys"))
            list = value;
    const char *why = json_end(&in) ? NULL : "it is not a JSON object";
    if (!why)
        why = list.n > 0 ? read_keys(&fresh, list, scratch) : "it has no \"keys\"";
    if (!why && fresh.n == 0)
        why = "none of its keys is for HS256, RS256, ES256 or EdDSA";
    struct keyset *over = why ? &fresh : k; /* whose keys are no longer wanted */
    for (unsigned i = 0; i < over->n; i++)
        key_drop(&over->keys[i]);
    if (why)
        return why;
    memcpy(k->keys, fresh.keys, sizeof k->keys);
    k->n = fresh.n;
    return NULL;
}

/* -- checking ---------------------------------------------------------------------------------- */

static bool digest_verify(const struct key *k, struct bytes message, struct bytes signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ENSURE(ctx != NULL);
    const EVP_MD *digest = k->alg == ALG_EdDSA ? NULL : EVP_sha256();
    bool good = EVP_DigestVerifyInit(ctx, NULL, digest, NULL, k->public) == 1 &&
                EVP_DigestVerify(ctx, (const uint8_t *)signature.p, signature.n,
                                 (const uint8_t *)message.p, message.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

/* RFC 7518, 3.4: R and S back to back; OpenSSL wants them in DER. */
static bool es256_verify(const struct key *k, struct bytes message, struct bytes signature)
{
    if (signature.n != 2 * P256_SIZE)
        return false;
    const uint8_t *p = (const uint8_t *)signature.p;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    ENSURE(pair != NULL);
    ENSURE(ECDSA_SIG_set0(pair, BN_bin2bn(p, P256_SIZE, NULL),
                          BN_bin2bn(p + P256_SIZE, P256_SIZE, NULL)) == 1);
    uint8_t *der = NULL;
    int n = i2d_ECDSA_SIG(pair, &der);
    ENSURE(n > 0);
    bool good = digest_verify(k, message, (struct bytes){(char *)der, (size_t)n});
    OPENSSL_free(der);
    ECDSA_SIG_free(pair);
    return good;
}

static bool hs256_verify(const struct key *k, struct bytes message, struct bytes signature)
{
    uint8_t want[MAC_SIZE];
    mac((struct bytes){k->secret, k->secret_n}, message, want);
    return secret_equal(signature, (struct bytes){(char *)want, sizeof want});
}

static bool key_verify(const struct key *k, struct bytes message, struct bytes signature)
{
    switch (k->alg) {
    case ALG_HS256:
        return hs256_verify(k, message, signature);
    case ALG_ES256:
        return es256_verify(k, message, signature);
    case ALG_RS256:
    case ALG_EdDSA:
        return digest_verify(k, message, signature);
    case ALG_COUNT:
        break;
    }
    return false;
}

static bool suits(const struct key *k, enum token_alg alg, struct bytes kid)
{
    return k->alg == alg && (k->kid[0] == '\0' || kid.n == 0 || bytes_is(kid, k->kid));
}

bool keyset_verify(const struct keyset *k, enum token_alg alg, struct bytes kid,
                   struct bytes message, struct bytes signature)
{
    if (suits(&k->own, alg, kid) && key_verify(&k->own, message, signature))
        return true;
    for (unsigned i = 0; i < k->n; i++)
        if (suits(&k->keys[i], alg, kid) && key_verify(&k->keys[i], message, signature))
            return true;
    return false;
}
