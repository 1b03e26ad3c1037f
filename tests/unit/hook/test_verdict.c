/* SPDX-License-Identifier: Apache-2.0 */
/* verdict: what the application may say, and what is no answer. */
#include "tests/unit/edge.h"

#include "hook/verdict.h"

static char room[1 << 16];
static struct arena scratch = {.p = room, .cap = sizeof room};

static const char *read_one(struct verdict *v, enum hook_kind kind, const char *json)
{
    struct edge e = edge_new(strlen(json)); /* nothing is read behind its end */
    arena_reset(&scratch);
    const char *why = verdict_read(v, kind, edge_put(&e, bytes_of(json)), &scratch);
    edge_free(&e);
    return why;
}

static void what_it_says_counts(void **state)
{
    (void)state;
    struct verdict v;
    assert_null(read_one(&v, HOOK_connect,
                         "{\"allow\":true,\"user\":\"ann\",\"topics\":[\"a:{x}\",\"b\"],"
                         "\"expires_in\":60,\"cache_s\":3,\"other\":[1]}"));
    assert_true(v.allowed);
    assert_string_equal(v.user, "ann");
    assert_true(v.claims);
    assert_string_equal(v.topics, "a:{x},b");
    assert_string_equal(v.publish, "a:{x},b");
    assert_int_equal(v.lifetime_s, 60);
    assert_int_equal(v.cache_s, 3);
    assert_null(read_one(&v, HOOK_connect, "{\"allow\":true,\"topics\":[\"a\"],\"publish\":[]}"));
    assert_string_equal(v.publish, "");
    assert_null(read_one(&v, HOOK_connect, "{\"allow\":true,\"user\":null}"));
    assert_string_equal(v.user, "");
    assert_false(v.claims);
    assert_int_equal(v.lifetime_s, 0);
    assert_true(v.cache_s == UINT64_MAX);
    assert_null(read_one(&v, HOOK_join, "{\"reason\":\"full \\u00e9\",\"allow\":false}"));
    assert_false(v.allowed);
    assert_string_equal(v.reason, "full \xc3\xa9");
    assert_null(read_one(&v, HOOK_join, "{\"allow\":true,\"publish\":true,\"user\":7}"));
    assert_true(v.publishes);
    assert_string_equal(v.user, "");
}

static void anything_else_is_no_answer(void **state)
{
    (void)state;
    static const struct {
        enum hook_kind kind;
        const char *json, *why;
    } rows[] = {
        {HOOK_join, "", "JSON"},
        {HOOK_join, "[]", "JSON"},
        {HOOK_join, "{}", "allow"},
        {HOOK_join, "{\"allow\":true", "JSON"},
        {HOOK_join, "{\"allow\":true} x", "JSON"},
        {HOOK_join, "{\"allow\":1}", "allow"},
        {HOOK_join, "{\"allow\":\"true\"}", "allow"},
        {HOOK_join, "{\"allow\":null}", "allow"},
        {HOOK_join, "{\"allow\":false,\"allow\":true}", "allow is there twice"},
        {HOOK_join, "{\"allow\":true,\"publish\":[\"a\"]}", "publish"},
        {HOOK_join, "{\"allow\":true,\"cache_s\":-1}", "cache_s"},
        {HOOK_join, "{\"allow\":false,\"reason\":\"a\\nb\"}", "reason"},
        {HOOK_join, "{\"allow\":false,\"reason\":7}", "reason"},
        {HOOK_connect, "{\"allow\":true,\"user\":\"\"}", "user"},
        {HOOK_connect, "{\"allow\":true,\"user\":\"a b\"}", "user"},
        {HOOK_connect, "{\"allow\":true,\"user\":7}", "user"},
        {HOOK_connect, "{\"allow\":true,\"topics\":\"a\"}", "topics"},
        {HOOK_connect, "{\"allow\":true,\"topics\":[1]}", "topics"},
        {HOOK_connect, "{\"allow\":true,\"topics\":[\"a,b\"]}", "topics"},
        {HOOK_connect, "{\"allow\":true,\"topics\":[\"\"]}", "topics"},
        {HOOK_connect, "{\"allow\":true,\"publish\":[\"a\"]}", "publish"},
        {HOOK_connect, "{\"allow\":true,\"expires_in\":0}", "expires_in"},
        {HOOK_connect, "{\"allow\":true,\"expires_in\":1e9}", "expires_in"},
    };
    struct verdict v;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *why = read_one(&v, rows[i].kind, rows[i].json);
        if (!why || !strstr(why, rows[i].why))
            fail_msg("%s: %s", rows[i].json, why ? why : "taken");
    }
}

/* As many patterns as fit, and one more. */
static void claims_have_a_most(void **state)
{
    (void)state;
    struct verdict v;
    struct buf json;
    buf_init(&json, 4096);
    for (unsigned more = 0; more < 2; more++) {
        buf_reset(&json);
        buf_text(&json, "{\"allow\":true,\"topics\":[\"a\"");
        for (unsigned i = 0; i < 255 + more; i++)
            buf_text(&json, ",\"b\"");
        buf_text(&json, "]}");
        buf_byte(&json, '\0');
        const char *why = read_one(&v, HOOK_connect, json.p);
        assert_true(more ? why != NULL : why == NULL);
    }
    buf_fini(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says_counts),
        cmocka_unit_test(anything_else_is_no_answer),
        cmocka_unit_test(claims_have_a_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
