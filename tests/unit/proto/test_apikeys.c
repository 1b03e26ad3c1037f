/* SPDX-License-Identifier: Apache-2.0 */
/* apikeys: the file of keys, what it may say, and whose key is whose. */
#include "tests/unit/edge.h"

#include "proto/apikeys.h"

#define HASH "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define MADE "2026-11-25T10:00:00.000Z"
#define LINE(name) name " create,read " HASH " " MADE "\n"

static struct apikeys keys;

static const char *load(struct bytes text, unsigned *line)
{
    struct edge edge = edge_new(APIKEYS_BYTES);
    const char *why = apikeys_read(&keys, edge_put(&edge, text), line);
    edge_free(&edge);
    return why ? why : "";
}

static void what_a_file_may_say(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
        unsigned n, line;
    } table[] = {
        {"", "", 0, 0},
        {"\n# nobody\n\n", "", 0, 0},
        {LINE("shop"), "", 1, 0},
        {"# one\n" LINE("shop") LINE("shop-2"), "", 2, 0},
        {"shop create " HASH " " MADE, "", 1, 0}, /* without a last newline */
        {LINE("shop") LINE("shop"), "this name stands there twice", 0, 2},
        {LINE("sh.op"), "a name has 1 to 32 letters, digits, - and _", 0, 1},
        {LINE(""), "a name has 1 to 32 letters, digits, - and _", 0, 1},
        {LINE("a23456789012345678901234567890123"), "a name has 1 to 32 letters, digits, - and _",
         0, 1},
        {"shop write " HASH " " MADE, "scopes are create, publish, read, admin, comma between", 0,
         1},
        {"shop create, " HASH " " MADE, "", 1, 0},
        {"shop  " HASH " " MADE, "scopes are create, publish, read, admin, comma between", 0, 1},
        {"shop create 00 " MADE, "the third word must be 64 hexadecimal digits", 0, 1},
        {"shop create " HASH, "the fourth word must be a time", 0, 1},
        {"shop create " HASH " now", "the fourth word must be a time", 0, 1},
        {"shop", "scopes are create, publish, read, admin, comma between", 0, 1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        unsigned line = 0;
        const char *why = load(bytes_of(table[i].text), &line);
        if (strcmp(why, table[i].why) != 0 || keys.n != table[i].n ||
            (table[i].line && line != table[i].line))
            fail_msg("%s: \"%s\" at %u, %u keys", table[i].text, why, line, keys.n);
    }
}

static void a_file_comes_back(void **state)
{
    (void)state;
    struct apikeys made = {.n = APIKEYS_MAX};
    char texts[APIKEYS_MAX][APIKEY_TEXT];
    struct buf out;
    unsigned line;
    buf_init(&out, APIKEYS_BYTES);
    for (unsigned i = 0; i < APIKEYS_MAX; i++) {
        struct apikey *key = &made.list[i];
        snprintf(key->name, sizeof key->name, "%032u", i); /* the longest */
        key->scopes = i % SCOPE_all + 1;
        key->made_ms = 1795445100000 + i;
        apikey_make(key, texts[i]);
        assert_true(apikey_looks(bytes_of(texts[i])));
    }
    apikeys_write(&out, &made);
    assert_false(out.overflowed); /* the most that there can be fits a file */
    assert_string_equal(load(buf_all(&out), &line), "");
    assert_int_equal(keys.n, APIKEYS_MAX);
    for (unsigned i = 0; i < APIKEYS_MAX; i++) {
        const struct apikey *found = apikeys_find(&keys, bytes_of(texts[i]));
        assert_ptr_equal(found, &keys.list[i]);
        assert_int_equal(found->scopes, made.list[i].scopes);
        assert_int_equal(found->made_ms, made.list[i].made_ms);
        texts[i][10] ^= 1;
        assert_null(apikeys_find(&keys, bytes_of(texts[i])));
        assert_null(memmem(out.p, out.n, texts[i], 16)); /* the file does not tell a key */
    }
    buf_cut(&out, out.n - 1);
    buf_text(&out, "\n" LINE("one-more"));
    assert_string_equal(load(buf_all(&out), &line), "more than 64 keys");
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_file_may_say),
        cmocka_unit_test(a_file_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
