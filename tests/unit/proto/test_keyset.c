/* SPDX-License-Identifier: Apache-2.0 */
/* keyset: keys of others, and each way not to be one of them. The keys and tokens were made by
 * Node.js's crypto. */
#include "tests/unit/edge.h"

#include "lib/base64.h"
#include "lib/secret.h"
#include "proto/token.h"

enum { NOW = 1795445100 };
#define SECRET BYTES("0123456789abcdef0123456789abcdef0123456789a")

#define JWK_RS256 RSA_BY("AQAB")
#define RSA_BY(exponent)                                                                           \
    "{\"kty\":\"RSA\",\"n\":\"utFLANYYKgr_pTSLzeMzQtBeiX3cMluTYn-021a3as9zOHAidjpUnW"              \
    "hCHxH75qEPCa1S8f-R49zF-A5IuMvlcni38tvkYHxa0yajFY4DMYz6m_aVqAGE0nKTgR-kL0"                     \
    "jcFerjPiF9LgqPiScUfbJISS9Y-xEu2bLfxfQJJA5mIIoniITsQknIu52EafqC-dPkKUeujz"                     \
    "pa21ZAX9qWx56LQ-UuoipoEf5UyXkDEHMSVQtvkbKidzC_TQosf8A0-m043bbYbYX5LvBYQV"                     \
    "P8S9LGgdPD2Q72jDcd1Gz_Fx4OKZHKLEmzPmsc9ctUcmHExYRWmeKHf41AMrFQW6SxiVtJuw"                     \
    "\",\"e\":\"" exponent "\",\"kid\":\"rs256\",\"use\":\"sig\"}"
#define JWK_ES256                                                                                  \
    "{\"kty\":\"EC\",\"x\":\"uXyZLnbC7ozPfDn6-IqKn2_w4cCiikkxTFM04u0ECTI\",\"y\":\"AgZ-F"          \
    "ehm3ITLfeiXcmMg5ScRkfesCzXD--PTBZnC2Nk\",\"crv\":\"P-256\",\"kid\":\"es256\",\"use"           \
    "\":\"sig\"}"
#define JWK_EDDSA                                                                                  \
    "{\"crv\":\"Ed25519\",\"x\":\"z2JYII6fgbmrzZ8_YWw1A3e81UjJ8PhugBFOIn75ouA\",\"kty\""           \
    ":\"OKP\",\"kid\":\"eddsa\",\"use\":\"sig\"}"
#define TOKEN_RS256                                                                                \
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzMjU2In0.eyJzdWIiOiJhbm4iLCJleHAiOjE3OTU0"                     \
    "NDg3MDB9.VoJfvfP-o8aPCiPg9iPDT7C7cGzFvaq-0rfgWDR6fd5MuWOz8-CkYbdnJkdD4Tn"                     \
    "3uYlhBC6tf_ygtxVhigj2vTx6lDADvi8J7w22j4xnfQI6t6izM9VM4pVIQxJmpNGTNttF7ZA"                     \
    "2uMaJ5BfiaiLOaO_ytZfxjXwVFJiDCcv2NezXxfwrwUKFVA_SqlvAGPZsU6WolbafuC9DN2j"                     \
    "xJNVW6QMeu0Oq344Yhs1Ut0iphZNUYSiI7302A-FcieMiIEjm7umUV1_I_bvoEIDzFGZ7lEp"                     \
    "Llj3onKUQTuU_u794b7P9hkVb6AZNxkwsYmk8ZVcToASjX1QMx8xwyLqeOrZe_A"
#define TOKEN_ES256                                                                                \
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImVzMjU2In0.eyJzdWIiOiJhbm4iLCJleHAiOjE3OTU0"                     \
    "NDg3MDB9.lnYd8ArMEj3qz46nbwD_lODeWDnauRLlBHR4DDE_2pZ6tl7M5lVFjhJZP6mViSb"                     \
    "Wpipww4TT-Pb6iOxPB0_VkQ"
#define TOKEN_EDDSA                                                                                \
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkZHNhIn0.eyJzdWIiOiJhbm4iLCJleHAiOjE3OTU0"                     \
    "NDg3MDB9.VxfkGP1jutW6xz8AwjHPp5DtBWDArWKBZV9ZvKAmyYOQ7GOmkJSmWCC2WYWLP2h"                     \
    "RAOGgu8aK7VzJJHraJUC_DA"

static struct arena scratch;
static struct keyset *keys;
static const struct token_rules anyone = {"", "", 0, UINT64_MAX};

static int make(void **state)
{
    (void)state;
    arena_init(&scratch, 256 * 1024);
    keys = keyset_new(SECRET);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    keyset_free(&keys);
    arena_fini(&scratch);
    return 0;
}

static const char *load(const char *jwks)
{
    struct edge edge = edge_new(JWKS_MAX);
    arena_reset(&scratch);
    const char *why = keyset_load(keys, edge_put(&edge, bytes_of(jwks)), &scratch);
    edge_free(&edge);
    return why ? why : "";
}

static const char *verdict(const char *text)
{
    struct token t;
    arena_reset(&scratch);
    const char *why = token_read(&t, bytes_of(text), keys, &anyone, NOW, &scratch);
    if (!why)
        assert_string_equal(t.sub, "ann");
    return why ? why : "";
}

static void each_algorithm(void **state)
{
    (void)state;
    static const struct {
        const char *jwks, *token;
    } table[] = {
        {"{\"keys\":[" JWK_RS256 "]}", TOKEN_RS256},
        {"{\"keys\":[" JWK_ES256 "]}", TOKEN_ES256},
        {"{\"keys\":[" JWK_EDDSA "]}", TOKEN_EDDSA},
    };
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(load(table[i].jwks), "");
        assert_int_equal(keyset_count(keys), 2);
        for (unsigned k = 0; k < 3; k++) /* only the one whose key is there */
            assert_string_equal(verdict(table[k].token), i == k ? "" : "signature");
    }
    assert_string_equal(load("{\"keys\":[" JWK_RS256 "," JWK_ES256 "," JWK_EDDSA "]}"), "");
    for (unsigned k = 0; k < 3; k++)
        assert_string_equal(verdict(table[k].token), "");
}

static void every_changed_byte_of_a_signature(void **state)
{
    (void)state;
    static const char *const tokens[] = {TOKEN_RS256, TOKEN_ES256, TOKEN_EDDSA};
    assert_string_equal(load("{\"keys\":[" JWK_RS256 "," JWK_ES256 "," JWK_EDDSA "]}"), "");
    for (unsigned k = 0; k < 3; k++) {
        char text[TOKEN_MAX + 1];
        size_t n = strlen(tokens[k]), from = (size_t)(strrchr(tokens[k], '.') - tokens[k]) + 1;
        memcpy(text, tokens[k], n + 1);
        for (size_t i = from; i < n; i++) {
            text[i] = text[i] == 'A' ? 'B' : 'A';
            assert_string_not_equal(verdict(text), "");
            text[i] = tokens[k][i];
            char was = text[i];
            text[i] = '\0'; /* cut there */
            assert_string_not_equal(verdict(text), "");
            text[i] = was;
        }
    }
}

/* RFC 8725, 3.1: a public key is no secret. What signs HS256 with the bytes of one gets nowhere. */
/* The key of RS256 as servers write it down, which is what an attacker has. */
static const char rsa_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAutFLANYYKgr/pTSLzeMz\n"
                              "QtBeiX3cMluTYn+021a3as9zOHAidjpUnWhCHxH75qEPCa1S8f+R49zF+A5IuMvl\n"
                              "cni38tvkYHxa0yajFY4DMYz6m/aVqAGE0nKTgR+kL0jcFerjPiF9LgqPiScUfbJI\n"
                              "SS9Y+xEu2bLfxfQJJA5mIIoniITsQknIu52EafqC+dPkKUeujzpa21ZAX9qWx56L\n"
                              "Q+UuoipoEf5UyXkDEHMSVQtvkbKidzC/TQosf8A0+m043bbYbYX5LvBYQVP8S9LG\n"
                              "gdPD2Q72jDcd1Gz/Fx4OKZHKLEmzPmsc9ctUcmHExYRWmeKHf41AMrFQW6SxiVtJ\n"
                              "uwIDAQAB\n"
                              "-----END PUBLIC KEY-----\n";

/* A token of HS256 under this key; with its kid, or none. */
static void signed_with(struct buf *out, struct bytes key, const char *kid)
{
    uint8_t signature[MAC_SIZE];
    char header[60];
    snprintf(header, sizeof header,
             *kid ? "{\"alg\":\"HS256\",\"kid\":\"%s\"}" : "{\"alg\":\"HS256\"}", kid);
    buf_reset(out);
    base64url_write(out, bytes_of(header));
    buf_byte(out, '.');
    base64url_write(out, BYTES("{\"sub\":\"ann\",\"exp\":1795448700}"));
    mac(key, buf_all(out), signature);
    buf_byte(out, '.');
    base64url_write(out, (struct bytes){(char *)signature, sizeof signature});
    buf_byte(out, '\0');
}

/* What is public is no secret, in whatever form: `alg` does not say what a key is. */
static void a_public_key_signs_nothing(void **state)
{
    (void)state;
    static const char ed25519[] = JWK_EDDSA, rsa[] = JWK_RS256;
    const char *x = strstr(ed25519, "\"x\":\"") + 5, *n = strstr(rsa, "\"n\":\"") + 5;
    struct bytes x_text = {x, strcspn(x, "\"")}, n_text = {n, strcspn(n, "\"")}, x_raw = {0},
                 n_raw = {0}, der = {0};
    struct bytes pem = bytes_of(rsa_pem);
    struct arena kept;
    struct buf out, one_line;
    arena_init(&kept, 8192);
    buf_init(&out, TOKEN_MAX);
    buf_init(&one_line, sizeof rsa_pem);
    assert_string_equal(load("{\"keys\":[" JWK_EDDSA "," JWK_RS256 "]}"), "");
    for (const char *p = strchr(rsa_pem, '\n'); *p != '-'; p++)
        if (*p != '\n')
            buf_byte(&one_line, (uint8_t)*p);
    assert_true(base64_read(x_text, &kept, &x_raw) && base64_read(n_text, &kept, &n_raw) &&
                base64_read(buf_all(&one_line), &kept, &der));
    const struct bytes keys_tried[] = {
        x_text,        x_raw, bytes_of(ed25519),  n_text, n_raw,
        bytes_of(rsa), pem,   {pem.p, pem.n - 1}, der,    buf_all(&one_line)};
    static const char *const kids[] = {"", "eddsa", "rs256", "hs256"};
    signed_with(&out, SECRET, "");
    assert_string_equal(verdict(out.p), ""); /* it would be seen */
    for (size_t i = 0; i < sizeof keys_tried / sizeof *keys_tried; i++)
        for (size_t k = 0; k < sizeof kids / sizeof *kids; k++) {
            signed_with(&out, keys_tried[i], kids[k]);
            assert_string_equal(verdict(out.p), "signature");
        }
    buf_fini(&one_line);
    buf_fini(&out);
    arena_fini(&kept);
}

/* Two keys under one kid, as an issuer that forgot to rename may have them: each is tried. */
static void one_kid_of_two_keys(void **state)
{
    (void)state;
#define OTHER                                                                                      \
    "{\"crv\":\"Ed25519\",\"x\":\"6Clmd5-tVTIVRbfgLR5U00SUipIfl5dWdGEUjPnlOUE\",\"kty\":\"OKP\","  \
    "\"kid\":\"eddsa\"}"
    assert_string_equal(load("{\"keys\":[" JWK_EDDSA "," OTHER "]}"), "");
    assert_string_equal(verdict(TOKEN_EDDSA), "");
    assert_string_equal(load("{\"keys\":[" OTHER "," JWK_EDDSA "]}"), "");
    assert_string_equal(verdict(TOKEN_EDDSA), "");
    assert_string_equal(load("{\"keys\":[" OTHER "]}"), "");
    assert_string_equal(verdict(TOKEN_EDDSA), "signature");
}

static void what_a_jwks_may_be(void **state)
{
    (void)state;
    static const struct {
        const char *jwks, *want;
        unsigned count; /* of keys after it */
    } table[] = {
        {"{\"keys\":[" JWK_ES256 "]}", "", 2},
        {" { \"x\" : 1 , \"keys\" : [ " JWK_ES256 " , " JWK_EDDSA " ] } ", "", 3},
        {"{\"keys\":[" JWK_ES256 ",{\"kty\":\"EC\",\"crv\":\"P-384\"},{\"kty\":\"new\"}]}", "", 2},
        {"{\"keys\":[" JWK_ES256 ",{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}]}", "", 2}, /* too short */
        {"{\"keys\":[" JWK_ES256 ",{\"kty\":\"RSA\",\"n\":\"u8Q\",\"e\":\"AQAB\"}]}", "",
         2}, /* weak */
        {"{\"keys\":[" JWK_ES256 "," RSA_BY("AQ") "]}", "",
         2}, /* anybody signs with an exponent of 1 */
        {"{\"keys\":[" JWK_ES256 "," RSA_BY("AQAC") "]}", "", 2},
        {"{\"keys\":[" JWK_ES256 "," RSA_BY("Aw") "]}", "", 3},
        {"{\"keys\":[" JWK_ES256 ",{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}]}", "", 2},
        {"{\"keys\":[" JWK_ES256
         ",{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAA"
         "AAAAAAAAAAAAAAA\",\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}",
         "", 2}, /* not on the curve */
        {"{\"keys\":[{\"kty\":\"oct\",\"use\":\"enc\",\"k\":"
         "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}," JWK_ES256 "]}",
         "", 2},
        {"{\"keys\":[{\"kty\":\"oct\",\"alg\":\"RS256\",\"k\":"
         "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}," JWK_ES256 "]}",
         "", 2},
        {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}", "",
         2},

        {"", "it is not a JSON object", 2},
        {"[]", "it is not a JSON object", 2},
        {"{\"keys\":[" JWK_ES256 "]", "it is not a JSON object", 2},
        {"{}", "it has no \"keys\"", 2},
        {"{\"keys\":{}}", "\"keys\" is not a list", 2},
        {"{\"keys\":[1]}", "a key is not an object of texts", 2},
        {"{\"keys\":[{\"kty\":1}]}", "a key is not an object of texts", 2},
        {"{\"keys\":[]}", "none of its keys is for HS256, RS256, ES256 or EdDSA", 2},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *got = load(table[i].jwks);
        if (strcmp(got, table[i].want) != 0 || keyset_count(keys) != table[i].count)
            fail_msg("%s: \"%s\" with %u keys", table[i].jwks, got, keyset_count(keys));
    }
}

/* The last good one holds, to the last key; and the most that it may have. */
static void a_bad_file_changes_nothing(void **state)
{
    (void)state;
    struct buf many;
    assert_string_equal(load("{\"keys\":[" JWK_EDDSA "]}"), "");
    assert_string_not_equal(load("{\"keys\":[" JWK_ES256 ",1]}"), "");
    assert_string_equal(verdict(TOKEN_EDDSA), "");
    assert_string_equal(verdict(TOKEN_ES256), "signature");
    buf_init(&many, JWKS_MAX);
    for (int n = KEYSET_MAX; n <= KEYSET_MAX + 1; n++) {
        buf_reset(&many);
        buf_text(&many, "{\"keys\":[" JWK_EDDSA);
        for (int i = 1; i < n; i++)
            buf_text(&many, "," JWK_EDDSA);
        buf_text(&many, "]}");
        buf_byte(&many, '\0');
        assert_string_equal(load(many.p), n > KEYSET_MAX ? "it has more keys than 16" : "");
        assert_int_equal(keyset_count(keys), 1 + KEYSET_MAX);
    }
    buf_fini(&many);
}

static void kid_says_which(void **state)
{
    (void)state;
    const char *text = TOKEN_EDDSA;
    assert_string_equal(load("{\"keys\":[" JWK_EDDSA "]}"), "");
    const char *end = strrchr(text, '.');
    struct bytes message = {text, (size_t)(end - text)}, signature;
    arena_reset(&scratch);
    assert_true(base64_read(bytes_of(end + 1), &scratch, &signature));
    assert_true(keyset_verify(keys, ALG_EdDSA, BYTES("eddsa"), message, signature));
    assert_true(keyset_verify(keys, ALG_EdDSA, BYTES(""), message, signature));
    assert_false(keyset_verify(keys, ALG_EdDSA, BYTES("eddsa2"), message, signature));
    assert_false(keyset_verify(keys, ALG_ES256, BYTES("eddsa"), message, signature));
    assert_false(keyset_verify(keys, ALG_HS256, BYTES("eddsa"), message, signature));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_algorithm),
        cmocka_unit_test(every_changed_byte_of_a_signature),
        cmocka_unit_test(a_public_key_signs_nothing),
        cmocka_unit_test(what_a_jwks_may_be),
        cmocka_unit_test(a_bad_file_changes_nothing),
        cmocka_unit_test(kid_says_which),
        cmocka_unit_test(one_kid_of_two_keys),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
