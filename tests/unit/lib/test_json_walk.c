/* SPDX-License-Identifier: Apache-2.0 */
/* json: walking arrays and objects, strings and their escapes, numbers, and writing. */
#include "tests/unit/lib/json_texts.h"

#include "lib/json.h"

/* jansson has a json_string() too; it does not call it itself, and neither do we. */
#define json_string jansson_string
#include <jansson.h>
#undef json_string

static void walks_an_object(void **state)
{
    (void)state;
    struct edge edge = edge_new(200);
    struct json in = json_over(
        edge_put(&edge, BYTES(" { \"a\" : 1 , \"b\\u0063\" : [ 2 , { } ] , \"\" : \"x\" } ")));
    struct bytes key, value;
    json_enter(&in, '{');
    assert_true(json_member(&in, &key, &value));
    assert_bytes("key", key, BYTES("\"a\""));
    assert_bytes("value", value, BYTES("1"));
    assert_true(json_key_is(key, "a"));
    assert_false(json_key_is(key, "b"));
    assert_true(json_member(&in, &key, &value));
    assert_true(json_key_is(key, "bc"));
    assert_bytes("value", value, BYTES("[ 2 , { } ]"));
    assert_true(json_member(&in, &key, &value));
    assert_true(json_key_is(key, ""));
    assert_bytes("value", value, BYTES("\"x\""));
    assert_false(json_member(&in, &key, &value));
    assert_true(json_end(&in));
    edge_free(&edge);
}

static void walks_an_array(void **state)
{
    (void)state;
    struct json in = json_over(BYTES("[1,[],{\"a\":2}]"));
    struct bytes value;
    unsigned n = 0;
    json_enter(&in, '[');
    while (json_element(&in, &value))
        n++;
    assert_int_equal(n, 3);
    assert_bytes("last", value, BYTES("{\"a\":2}"));
    assert_true(json_end(&in));
}

/* Count the members, all the way down; false when the text is not what the walk expects. */
static bool walk(struct bytes text)
{
    struct json in = json_over(text);
    struct bytes key, value;
    while (in.p < in.end && strchr(" \t\n\r", *in.p) && *in.p)
        in.p++;
    if (in.p < in.end && *in.p == '{') {
        json_enter(&in, '{');
        while (json_member(&in, &key, &value))
            if (!walk(value))
                return false;
    } else if (in.p < in.end && *in.p == '[') {
        json_enter(&in, '[');
        while (json_element(&in, &value))
            if (!walk(value))
                return false;
    } else {
        json_value(&in);
    }
    return json_end(&in);
}

/* Walking is checking: it must accept what json_valid() accepts, and nothing else. */
static void walking_agrees_with_checking(void **state)
{
    (void)state;
    struct edge edge = edge_new(400);
    uint64_t seed = dice_seed();
    for (const struct row *row = rows; row < rows + COUNT(rows); row++)
        if (row->text.n < 130)
            CHECK(row->name, walk(edge_put(&edge, row->text)) == row->want);
    for (unsigned turn = 0; turn < 20000; turn++) {
        const char *from = corpus[dice_below(&seed, COUNT(corpus))];
        char text[300];
        size_t n = strlen(from);
        memcpy(text, from, n);
        n = mutate(&seed, text, n, sizeof text);
        struct bytes at = edge_put(&edge, (struct bytes){text, n});
        if (walk(at) != json_valid(at))
            fail_msg("walk and check differ: \"%.*s\"", (int)n, text);
    }
    edge_free(&edge);
}

static void a_failed_walk_stays_failed(void **state)
{
    (void)state;
    struct json in = json_over(BYTES("{\"a\":1,\"b\" 2,\"c\":3}"));
    struct bytes key, value;
    json_enter(&in, '{');
    assert_true(json_member(&in, &key, &value));
    assert_false(json_member(&in, &key, &value));
    assert_false(in.ok);
    assert_false(json_member(&in, &key, &value));
    assert_false(json_end(&in));
    in = json_over(BYTES("[1]"));
    json_enter(&in, '{');
    assert_false(in.ok);
    assert_false(json_element(&in, &value));
}

static void members_go_to_their_places(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool good;
        const char *a, *b, *other, *twice;
    } table[] = {
        {"{}", true, "", "", "", NULL},
        {" { \"a\" : 1 , \"b\" : [2] } ", true, "1", "[2]", "", NULL},
        {"{\"\\u0061\":1}", true, "1", "", "", NULL},
        {"{\"c\":1,\"d\":2,\"c\":3}", true, "", "", "\"c\"", NULL}, /* not ours to say */
        {"{\"a\":1,\"a\":2}", true, "2", "", "", "a"},
        {"{\"a\":1,\"\\u0061\":1}", true, "1", "", "", "a"},
        {"{\"b\":1,\"a\":2,\"b\":3,\"a\":4}", true, "4", "3", "", "b"},
        {"{\"n\":1,\"n\":1}", true, "", "", "", "n"}, /* without a place to go to */
        {"{\"a\":1", false, "", "", "", NULL},
        {"{\"a\":1} x", false, "1", "", "", NULL},
        {"[1]", false, "", "", "", NULL},
        {"", false, "", "", "", NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct bytes a = {0}, b = {0};
        const struct json_place places[] = {{"a", &a}, {"b", &b}, {"n", NULL}};
        struct json_members m = {.places = places, .count = 3};
        if (json_read(bytes_of(table[i].json), &m) != table[i].good || !bytes_is(a, table[i].a) ||
            !bytes_is(b, table[i].b) || !bytes_is(m.other, table[i].other))
            fail_msg("%s: \"%.*s\" \"%.*s\"", table[i].json, (int)a.n, a.p, (int)b.n, b.p);
        if (!m.twice || !table[i].twice)
            assert_ptr_equal(m.twice, table[i].twice);
        else
            assert_string_equal(m.twice, table[i].twice);
    }
}

static void undoes_escapes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct bytes value, want;
    } table[] = {
        {"plain", BYTES("\"abc\""), BYTES("abc")},
        {"empty", BYTES("\"\""), BYTES("")},
        {"short ones", BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), BYTES("\"\\/\b\f\n\r\t")},
        {"one byte", BYTES("\"\\u0041\""), BYTES("A")},
        {"NUL", BYTES("\"a\\u0000b\""), BYTES("a\0b")},
        {"two bytes", BYTES("\"\\u00E9\\u07ff\""), BYTES("\xc3\xa9\xdf\xbf")},
        {"three bytes", BYTES("\"\\u20ac\\uffff\""), BYTES("\xe2\x82\xac\xef\xbf\xbf")},
        {"pair", BYTES("\"\\ud83d\\ude00\\udbff\\udfff\""),
         BYTES("\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf")},
        {"mixed", BYTES("\"x\xc3\xa9\\ny\""), BYTES("x\xc3\xa9\ny")},
    };
    struct arena scratch;
    arena_init(&scratch, 1000);
    struct edge edge = edge_new(100);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct bytes got;
        CHECK(table[i].name, json_string(edge_put(&edge, table[i].value), &scratch, &got));
        assert_bytes(table[i].name, got, table[i].want);
    }
    struct bytes got;
    assert_false(json_string(BYTES("12"), &scratch, &got));
    struct arena small;
    arena_init(&small, 4);
    assert_false(json_string(BYTES("\"12345\\n\""), &small, &got));
    assert_true(small.overflowed);
    arena_fini(&small);
    arena_fini(&scratch);
    edge_free(&edge);
}

static void kinds_and_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        char kind;
        bool is_u64;
        uint64_t number;
    } table[] = {
        {"{}", '{', false, 0},
        {"[]", '[', false, 0},
        {"\"1\"", '"', false, 0},
        {"true", 't', false, 0},
        {"false", 'f', false, 0},
        {"null", 'n', false, 0},
        {"0", '0', true, 0},
        {"7", '0', true, 7},
        {"9007199254740992", '0', true, UINT64_C(1) << 53},
        {"9007199254740993", '0', false, 0},
        {"99999999999999999999999", '0', false, 0},
        {"-0", '0', false, 0},
        {"-1", '0', false, 0},
        {"1.0", '0', false, 0},
        {"1e3", '0', false, 0},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct bytes value = bytes_of(table[i].text);
        uint64_t n;
        CHECK(table[i].text, json_kind(value) == table[i].kind);
        CHECK(table[i].text, json_u64(value, &n) == table[i].is_u64);
        CHECK(table[i].text, !table[i].is_u64 || n == table[i].number);
    }
}

static void keys_that_are_long_or_escaped(void **state)
{
    (void)state;
    char key[2000];
    memset(key, 'a', sizeof key);
    key[0] = key[sizeof key - 1] = '"';
    assert_false(json_key_is((struct bytes){key, sizeof key}, "a"));
    memcpy(key + 1, "\\n", 2);
    assert_false(json_key_is((struct bytes){key, sizeof key}, "\n"));
    assert_true(json_key_is(BYTES("\"\\u0075ser\""), "user"));
    assert_false(json_key_is(BYTES("\"user\\u0000\""), "user"));
}

/* Every byte, written as a string, is read back as it was. */
static void writes_strings_that_read_back(void **state)
{
    (void)state;
    char text[0x80 + 8];
    for (int i = 0; i < 0x80; i++)
        text[i] = (char)i;
    memcpy(text + 0x80, "\xc3\xa9\xe2\x82\xac\xc2\x80z", 8);
    struct bytes want = {text, sizeof text};
    struct buf out;
    struct arena scratch;
    buf_init(&out, 4096);
    arena_init(&scratch, 4096);
    json_write_string(&out, want);
    assert_true(json_valid(buf_all(&out)));
    struct bytes got;
    assert_true(json_string(buf_all(&out), &scratch, &got));
    assert_bytes("read back", got, want);
    json_t *value = json_loadb(out.p, out.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_non_null(value);
    assert_bytes("jansson", (struct bytes){json_string_value(value), json_string_length(value)},
                 want);
    json_decref(value);
    buf_reset(&out);
    json_write_string(&out, BYTES("a\"b\\c/\n\x01\xc3\xa9"));
    assert_bytes("text", buf_all(&out), BYTES("\"a\\\"b\\\\c/\\n\\u0001\xc3\xa9\""));
    arena_fini(&scratch);
    buf_fini(&out);
}

static void writes_compactly(void **state)
{
    (void)state;
    static const struct {
        struct bytes value, want;
    } table[] = {
        {BYTES("{}"), BYTES("{}")},
        {BYTES("{ \"a b\" :\t[ 1 ,\n2 ] , \"c\" : \" \\\" d \" }"),
         BYTES("{\"a b\":[1,2],\"c\":\" \\\" d \"}")},
        {BYTES("\"  \\\\\""), BYTES("\"  \\\\\"")},
        {BYTES("[ true , null ,-1.50e+2]"), BYTES("[true,null,-1.50e+2]")},
    };
    struct buf out;
    buf_init(&out, 1000);
    struct edge edge = edge_new(100);
    for (size_t i = 0; i < COUNT(table); i++) {
        buf_reset(&out);
        json_write_compact(&out, edge_put(&edge, table[i].value));
        assert_bytes(table[i].want.p, buf_all(&out), table[i].want);
    }
    edge_free(&edge);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_an_object),
        cmocka_unit_test(walks_an_array),
        cmocka_unit_test(walking_agrees_with_checking),
        cmocka_unit_test(a_failed_walk_stays_failed),
        cmocka_unit_test(members_go_to_their_places),
        cmocka_unit_test(undoes_escapes),
        cmocka_unit_test(kinds_and_numbers),
        cmocka_unit_test(keys_that_are_long_or_escaped),
        cmocka_unit_test(writes_strings_that_read_back),
        cmocka_unit_test(writes_compactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
