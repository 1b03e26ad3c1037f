/* SPDX-License-Identifier: Apache-2.0 */
/* token: what signs and verifies, and each way not to be let in. */
#include "tests/unit/edge.h"

#include "lib/base64.h"
#include "lib/secret.h"
#include "proto/token.h"

#define SECRET BYTES("0123456789abcdef0123456789abcdef0123456789a")
#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { NOW = 1795445100 };

static struct arena scratch;
static struct edge edge;

static int make(void **state)
{
    (void)state;
    arena_init(&scratch, 64 * 1024);
    edge = edge_new(2 * TOKEN_MAX);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    arena_fini(&scratch);
    edge_free(&edge);
    return 0;
}

/* A token of any header and any claims, signed right. */
static struct bytes sign(struct buf *out, struct bytes header, struct bytes claims)
{
    uint8_t signature[MAC_SIZE];
    buf_reset(out);
    base64url_write(out, header);
    buf_byte(out, '.');
    base64url_write(out, claims);
    mac(SECRET, buf_all(out), signature);
    buf_byte(out, '.');
    base64url_write(out, (struct bytes){(char *)signature, sizeof signature});
    return buf_all(out);
}

static const struct token_rules anyone = {"", "", 0, UINT64_MAX};

static const char *read_by(struct token *t, struct bytes text, const struct token_rules *rules,
                           uint64_t now_s)
{
    struct keyset *keys = keyset_new(SECRET);
    arena_reset(&scratch);
    const char *why = token_read(t, edge_put(&edge, text), keys, rules, now_s, &scratch);
    keyset_free(&keys);
    return why;
}

static const char *read_at(struct token *t, struct bytes text, struct bytes secret, uint64_t now_s)
{
    struct keyset *keys = keyset_new(secret);
    arena_reset(&scratch);
    const char *why = token_read(t, edge_put(&edge, text), keys, &anyone, now_s, &scratch);
    keyset_free(&keys);
    return why;
}

/* For tables: "" instead of NULL. */
static const char *verdict(struct token *t, struct bytes text)
{
    const char *why = read_at(t, text, SECRET, NOW);
    return why ? why : "";
}

static void round_trips(void **state)
{
    (void)state;
    static const struct token table[] = {
        {.sub = "ann", .exp_s = NOW + 60},
        {.role = ROLE_service, .exp_s = NOW + 1},
        {.role = ROLE_admin, .exp_s = NOW + 1, .iat_s = NOW - 5, .jti = "a-1"},
        {.sub = "\xc3\xa9-\xf0\x9f\x98\x80",
         .exp_s = UINT64_C(1) << 53,
         .topics = "user:ann:notifications",
         .publish = "user:ann:notifications"},
        {.sub = "bob", .exp_s = NOW + 60, .topics = "room:7,room:*,project:x", .publish = "room:7"},
    };
    struct buf out;
    buf_init(&out, TOKEN_MAX);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct token got;
        buf_reset(&out);
        token_write(&out, SECRET, &table[i], &anyone);
        assert_string_equal(verdict(&got, buf_all(&out)), "");
        assert_string_equal(got.sub, table[i].sub);
        assert_int_equal(got.role, table[i].role);
        assert_int_equal(got.exp_s, table[i].exp_s);
        assert_int_equal(got.iat_s, table[i].iat_s);
        assert_string_equal(got.jti, table[i].jti);
        assert_string_equal(got.topics, table[i].topics);
        assert_string_equal(got.publish, table[i].publish);
    }
    buf_fini(&out);
}

/* As made by another implementation (Python's hmac and base64). */
static void a_token_of_others(void **state)
{
    (void)state;
    static const char text[] =
        "eyJ0eXAiOiAiSldUIiwgImFsZyI6ICJIUzI1NiJ9.eyJzdWIiOiAiYW5uIiwgImV4cCI6IDE3OTU0NDg"
        "3MDAsICJuYW1lIjogIlx1MDBlOSJ9.x6a-1maAOCndyMt0H7xZ_CRsDbS-Apn2OINZRcyzgpY";
    struct token t;
    assert_string_equal(verdict(&t, bytes_of(text)), "");
    assert_string_equal(t.sub, "ann");
    assert_int_equal(t.role, ROLE_user);
    assert_int_equal(t.exp_s, NOW + 3600);
}

/* Padding and the other alphabet are other texts of the same token. */
static void is_written_in_one_way(void **state)
{
    (void)state;
    struct buf out;
    struct token t = {.sub = "ann", .exp_s = NOW + 60};
    buf_init(&out, TOKEN_MAX);
    token_write(&out, SECRET, &t, &anyone);
    assert_string_equal(verdict(&t, buf_all(&out)), "");
    buf_byte(&out, '=');
    assert_string_equal(verdict(&t, buf_all(&out)), "malformed");
    out.n--;
    for (char *p = out.p; p < out.p + out.n; p++) {
        const char was = *p;
        *p = was == '-' ? '+' : was == '_' ? '/' : was;
        assert_string_equal(verdict(&t, buf_all(&out)), *p == was ? "" : "malformed");
        *p = was;
    }
    buf_fini(&out);
}

static void time_runs_out(void **state)
{
    (void)state;
    struct buf out;
    struct token t = {.sub = "ann", .exp_s = NOW, .topics = ""};
    buf_init(&out, TOKEN_MAX);
    token_write(&out, SECRET, &t, &anyone);
    assert_null(read_at(&t, buf_all(&out), SECRET, NOW - 1));
    assert_string_equal(read_at(&t, buf_all(&out), SECRET, NOW), "expired");
    assert_string_equal(read_at(&t, buf_all(&out), SECRET, UINT64_MAX), "expired");
    buf_fini(&out);
}

static void every_changed_byte_is_noticed(void **state)
{
    (void)state;
    struct buf out;
    struct token t = {.sub = "ann", .exp_s = NOW + 60, .topics = "room:7"};
    buf_init(&out, TOKEN_MAX);
    token_write(&out, SECRET, &t, &anyone);
    for (size_t i = 0; i < out.n; i++)
        for (unsigned bit = 1; bit < 256; bit <<= 1) {
            out.p[i] ^= (char)bit;
            assert_string_not_equal(verdict(&t, buf_all(&out)), "");
            out.p[i] ^= (char)bit;
        }
    for (size_t n = 0; n < out.n; n++)
        assert_string_not_equal(verdict(&t, (struct bytes){out.p, n}), "");
    assert_string_equal(verdict(&t, buf_all(&out)), "");
    assert_string_equal(read_at(&t, buf_all(&out), BYTES("another secret of thirty-two byte"), NOW),
                        "signature");
    buf_fini(&out);
}

static void what_a_header_may_ask(void **state)
{
    (void)state;
    static const struct {
        const char *header, *want;
    } table[] = {
        {HS256, ""},
        {"{\"alg\":\"HS256\"}", ""},
        {" { \"typ\" : \"JWT\" , \"kid\" : \"any\" , \"\\u0061lg\" : \"HS\\u003256\" } ", ""},
        {"{\"alg\":\"none\"}", "algorithm"},
        {"{\"alg\":\"None\"}", "algorithm"},
        {"{\"alg\":\"\"}", "algorithm"},
        {"{\"alg\":null}", "algorithm"},
        {"{\"alg\":\"HS384\"}", "algorithm"},
        {"{\"alg\":\"HS512\"}", "algorithm"},
        {"{\"alg\":\"RS256\"}", "signature"},
        {"{\"alg\":\"ES256\"}", "signature"},
        {"{\"alg\":\"EdDSA\"}", "signature"},
        {"{\"alg\":\"HS256\",\"kid\":1}", "algorithm"},
        {"{\"alg\":\"hs256\"}", "algorithm"},
        {"{\"alg\":[\"HS256\"]}", "algorithm"},
        {"{\"alg\":\"HS256\",\"alg\":\"none\"}", "algorithm"},
        {"{}", "algorithm"},
        {"[]", "algorithm"},
        {"\"HS256\"", "algorithm"},
        {"", "algorithm"},
        {"{\"alg\":\"HS256\"", "algorithm"},
        {"{\"alg\":\"HS256\"} x", "algorithm"},
        {"{\"alg\":\"HS256\",\"crit\":[\"x\"],\"x\":1}", "algorithm"},
        {"{\"alg\":\"HS256\",\"crit\":[]}", "algorithm"},
        {"{\"alg\":\"HS256\",\"crit\":null}", "algorithm"},
        {"{\"alg\":\"none\",\"alg\":\"HS256\"}", "algorithm"},
        {"{\"alg\":\"HS256\",\"\\u0061lg\":\"HS256\"}", "algorithm"},
        {"{\"alg\":\"HS256\",\"kid\":\"a\",\"kid\":\"b\"}", "algorithm"},
        {"{\"alg\":\"HS256\",\"b64\":false}", "algorithm"},
        {"{\"alg\":\"HS256\",\"b64\":true}", ""},
        {"{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"eA\"},\"jku\":\"http://127.0.0.1/\","
         "\"x5u\":\"http://127.0.0.1/\",\"kid\":\"../../etc/passwd\"}",
         ""}, /* a key that a token brings is none of ours */
    };
    struct buf out;
    buf_init(&out, TOKEN_MAX);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct token t;
        const char *got = verdict(&t, sign(&out, bytes_of(table[i].header),
                                           BYTES("{\"sub\":\"ann\",\"exp\":1795445160}")));
        if (strcmp(got, table[i].want) != 0)
            fail_msg("%s: \"%s\", want \"%s\"", table[i].header, got, table[i].want);
    }
    buf_fini(&out);
}

static void claims_table(void **state)
{
    (void)state;
#define EXP ",\"exp\":1795445160}"
    static const struct {
        struct bytes claims;
        const char *want, *sub, *topics;
        enum token_role role;
    } table[] = {
        {BYTES("{\"sub\":\"ann\"" EXP), "", "ann", "", ROLE_user},
        {BYTES(" { \"sub\" : \"\\u0061nn\" , \"exp\" : 1795445160 } "), "", "ann", "", ROLE_user},
        {BYTES("{\"sub\":\"ann\",\"role\":\"user\"" EXP), "", "ann", "", ROLE_user},
        {BYTES("{\"role\":\"service\"" EXP), "", "", "", ROLE_service},
        {BYTES("{\"role\":\"admin\"" EXP), "", "", "", ROLE_admin},
        {BYTES("{\"role\":\"service\",\"sub\":\"back end\"" EXP), "", "back end", "", ROLE_service},
        {BYTES("{\"sub\":\"ann\",\"iss\":\"x\",\"aud\":[\"y\"],\"iat\":1.5,\"z\":{\"sub\":"
               "\"bob\"}" EXP),
         "", "ann", "", ROLE_user},
        {BYTES("{\"sub\":\"ann\",\"topics\":[]" EXP), "", "ann", "", ROLE_user},
        {BYTES("{\"sub\":\"ann\",\"topics\":[\"room:7\", \"room:*\"]" EXP), "", "ann",
         "room:7,room:*", ROLE_user},
        {BYTES("{\"sub\":\"ann\",\"exp\":1795445160.75}"), "", "ann", "", ROLE_user},

        {BYTES("{\"sub\":\"ann\"}"), "expired", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"exp\":0}"), "expired", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"exp\":1795445099.99}"), "expired", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"exp\":\"1795445160\"}"), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"exp\":null}"), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"exp\":-1}"), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"exp\":17954451.60e2}"), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"exp\":1e99}"), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"exp\":99999999999999999999}"), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"bob\",\"sub\":\"ann\"" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"\\u0073ub\":\"ann\"" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"exp\":1" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"role\":\"user\",\"role\":\"admin\"" EXP), "claims", NULL, NULL,
         0},
        {BYTES("{\"sub\":\"ann\",\"jti\":\"a\",\"jti\":\"b\"" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"x\":1,\"x\":2" EXP), "", "ann", "", ROLE_user},
        {BYTES("{\"exp\":1795445160}"), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"\"" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":1" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":null" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"a b\"" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"a:b\"" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\\u0000\"" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\\u0000mallory\"" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"role\":\"root\"" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"publish\":\"x\"" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"nbf\":\"soon\"" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"jti\":1" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"role\":\"Service\"" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"role\":null" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"topics\":\"room:7\"" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"topics\":[1]" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"topics\":[\"a,b\"]" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"topics\":[\"a\\u0000b\"]" EXP), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"exp\":1795445160"), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"ann\",\"exp\":1795445160} {}"), "claims", NULL, NULL, 0},
        {BYTES("[\"ann\"]"), "claims", NULL, NULL, 0},
        {BYTES("null"), "claims", NULL, NULL, 0},
        {BYTES(""), "claims", NULL, NULL, 0},
        {BYTES("{\"sub\":\"\xff\"" EXP), "claims", NULL, NULL, 0},
    };
    struct buf out;
    buf_init(&out, TOKEN_MAX);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct token t;
        const char *got = verdict(&t, sign(&out, BYTES(HS256), table[i].claims));
        if (strcmp(got, table[i].want) != 0)
            fail_msg("%s: \"%s\", want \"%s\"", table[i].claims.p, got, table[i].want);
        if (*got)
            continue;
        CHECK(table[i].claims.p, strcmp(t.sub, table[i].sub) == 0);
        CHECK(table[i].claims.p, strcmp(t.topics, table[i].topics) == 0);
        CHECK(table[i].claims.p, t.role == table[i].role);
    }
    buf_fini(&out);
}

static void names_and_topics_have_a_most(void **state)
{
    (void)state;
    struct buf out, claims;
    struct token t;
    buf_init(&out, TOKEN_MAX);
    buf_init(&claims, TOKEN_MAX);
    for (size_t n = USER_MAX - 1; n <= USER_MAX + 1; n++) {
        buf_reset(&claims);
        buf_format(&claims, "{\"sub\":\"%0*d\"" EXP, (int)n, 0);
        assert_string_equal(verdict(&t, sign(&out, BYTES(HS256), buf_all(&claims))),
                            n <= USER_MAX ? "" : "claims");
    }
    /* Two topics, the comma between them and a NUL behind: to the last byte, and one more. */
    for (int n = TOKEN_TOPICS - 5; n <= TOKEN_TOPICS - 2; n++) {
        buf_reset(&claims);
        buf_format(&claims, "{\"sub\":\"ann\",\"topics\":[\"%0*d\",\"x\"]" EXP, n, 0);
        bool fits = n + 3 <= TOKEN_TOPICS;
        assert_string_equal(verdict(&t, sign(&out, BYTES(HS256), buf_all(&claims))),
                            fits ? "" : "claims");
        assert_int_equal(strlen(t.topics), fits ? n + 2 : n);
    }
    buf_fini(&claims);
    buf_fini(&out);
}

/* Who made it and for whom; from when until when, by clocks that differ. */
static void rules_table(void **state)
{
    (void)state;
    static const struct token_rules ours = {"https://id.example", "belfry", 0, UINT64_MAX};
    static const struct token_rules lenient = {"", "", 30, 3600};
    static const struct {
        const struct token_rules *rules;
        struct bytes claims;
        const char *want;
    } table[] = {
        {&ours, BYTES("{\"sub\":\"ann\",\"iss\":\"https://id.example\",\"aud\":\"belfry\"" EXP),
         ""},
        {&ours,
         BYTES("{\"sub\":\"ann\",\"iss\":\"https://id.example\",\"aud\":[\"x\",\"belfry\"]" EXP),
         ""},
        {&ours, BYTES("{\"sub\":\"ann\",\"iss\":\"https://id.example\",\"aud\":[]" EXP),
         "audience"},
        {&ours, BYTES("{\"sub\":\"ann\",\"iss\":\"https://id.example\",\"aud\":\"belfry2\"" EXP),
         "audience"},
        {&ours, BYTES("{\"sub\":\"ann\",\"iss\":\"https://id.example\",\"aud\":{\"belfry\":1}" EXP),
         "audience"},
        {&ours, BYTES("{\"sub\":\"ann\",\"iss\":\"https://id.example\"" EXP), "audience"},
        {&ours, BYTES("{\"sub\":\"ann\",\"aud\":\"belfry\"" EXP), "issuer"},
        {&ours, BYTES("{\"sub\":\"ann\",\"iss\":\"http://id.example\",\"aud\":\"belfry\"" EXP),
         "issuer"},
        {&anyone, BYTES("{\"sub\":\"ann\",\"iss\":1,\"aud\":2" EXP), ""},
        {&anyone, BYTES("{\"sub\":\"ann\",\"nbf\":1795445100" EXP), ""},
        {&anyone, BYTES("{\"sub\":\"ann\",\"nbf\":1795445101" EXP), "early"},
        {&lenient, BYTES("{\"sub\":\"ann\",\"nbf\":1795445130" EXP), ""},
        {&lenient, BYTES("{\"sub\":\"ann\",\"nbf\":1795445131" EXP), "early"},
        {&lenient, BYTES("{\"sub\":\"ann\",\"exp\":1795445071}"), ""},
        {&lenient, BYTES("{\"sub\":\"ann\",\"exp\":1795445070}"), "expired"},
        {&lenient, BYTES("{\"sub\":\"ann\",\"exp\":0}"), "expired"},
        {&lenient, BYTES("{\"sub\":\"ann\"}"), "expired"},
        {&lenient, BYTES("{\"sub\":\"ann\",\"exp\":1795448700}"), ""},
        {&lenient, BYTES("{\"sub\":\"ann\",\"exp\":1795448701}"), "lifetime"},
        {&lenient, BYTES("{\"sub\":\"ann\",\"iat\":1795445000,\"exp\":1795448600}"), ""},
        {&lenient, BYTES("{\"sub\":\"ann\",\"iat\":1795445000,\"exp\":1795448601}"), "lifetime"},
        {&lenient, BYTES("{\"sub\":\"ann\",\"iat\":1795445130" EXP), ""},
        {&lenient, BYTES("{\"sub\":\"ann\",\"iat\":1795445131" EXP), "early"},
        {&lenient, BYTES("{\"sub\":\"ann\",\"iat\":1895445000,\"exp\":1895448600}"), "early"},
    };
    struct buf out;
    buf_init(&out, TOKEN_MAX);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct token t;
        const char *got = read_by(&t, sign(&out, BYTES(HS256), table[i].claims), table[i].rules,
                                  NOW);
        if (strcmp(got ? got : "", table[i].want) != 0)
            fail_msg("%s: \"%s\", want \"%s\"", table[i].claims.p, got, table[i].want);
    }
    struct token t = {.sub = "ann", .exp_s = NOW + 1}, back;
    buf_reset(&out);
    token_write(&out, SECRET, &t, &ours); /* what we write we take */
    assert_null(read_by(&back, buf_all(&out), &ours, NOW));
    assert_int_equal(back.exp_s, NOW + 1);
    assert_null(read_by(&back, buf_all(&out), &lenient, NOW));
    assert_int_equal(back.exp_s, NOW + 31);
    buf_fini(&out);
}

static void texts_that_are_no_token(void **state)
{
    (void)state;
    static const char *const table[] = {
        "",
        ".",
        "..",
        "...",
        "a",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "eyJ9.e30",
        "e30.e30.*",
        "*.e30.e30",
        "e30.*.e30",
        "e30 .e30.e30",
        "e30.e30.e30=x",
        "Bearer e30.e30.e30",
        "\xff.\xff.\xff",
    };
    struct token t;
    for (size_t i = 0; i < COUNT(table); i++) {
        const char *got = verdict(&t, bytes_of(table[i]));
        if (strcmp(got, "malformed") != 0 && strcmp(got, "algorithm") != 0)
            fail_msg("\"%s\": \"%s\"", table[i], got);
    }
    static char longest[TOKEN_MAX + 1];
    memset(longest, 'A', sizeof longest);
    longest[4] = longest[8] = '.';
    assert_string_equal(verdict(&t, (struct bytes){longest, sizeof longest}), "malformed");
}

/* When the arena is full nobody is let in. */
static void no_room_is_no_entry(void **state)
{
    (void)state;
    struct buf out;
    struct token t = {.sub = "ann", .exp_s = NOW + 60, .topics = "room:7"};
    buf_init(&out, TOKEN_MAX);
    token_write(&out, SECRET, &t, &anyone);
    struct keyset *keys = keyset_new(SECRET);
    for (size_t room = 0; room < 150; room++) {
        struct arena small;
        arena_init(&small, room);
        const char *why = token_read(&t, buf_all(&out), keys, &anyone, NOW, &small);
        assert_true(why != NULL || !small.overflowed);
        arena_fini(&small);
    }
    keyset_free(&keys);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(a_token_of_others),
        cmocka_unit_test(is_written_in_one_way),
        cmocka_unit_test(time_runs_out),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(what_a_header_may_ask),
        cmocka_unit_test(claims_table),
        cmocka_unit_test(rules_table),
        cmocka_unit_test(names_and_topics_have_a_most),
        cmocka_unit_test(texts_that_are_no_token),
        cmocka_unit_test(no_room_is_no_entry),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
