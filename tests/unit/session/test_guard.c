/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of tokens in a header, percent-encoding, and the names of long-poll sessions. */
#include "tests/unit/edge.h"

#include "session/http/guard.h"
#include "session/socket/polltoken.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A copy whose NUL is the last byte that can be read. */
static char *at_edge(const struct edge *e, const char *text)
{
    return (char *)(uintptr_t)edge_put(e, (struct bytes){text, strlen(text) + 1}).p;
}

static const struct {
    const char *value, *token;
    bool lists;
} lists[] = {
    {"Upgrade", "upgrade", true},
    {"keep-alive, Upgrade", "Upgrade", true},
    {"keep-alive,Upgrade", "Upgrade", true},
    {"Upgrade,keep-alive", "Upgrade", true},
    {" \tUPGRADE \t", "Upgrade", true},
    {",, ,Upgrade,,", "Upgrade", true},
    {"a ,\tUpgrade\t, b", "Upgrade", true},
    {"websocket", "websocket", true},
    {"upgraded", "Upgrade", false},
    {"Upgrad", "Upgrade", false},
    {"not-Upgrade", "Upgrade", false},
    {"Upgrade now", "Upgrade", false},
    {"keep-alive Upgrade", "Upgrade", false},
    {"\"Upgrade\"", "Upgrade", false},
    {"Upgrade;q=1", "Upgrade", false},
    {"", "Upgrade", false},
    {",", "Upgrade", false},
    {" ", "Upgrade", false},
};

static void a_header_lists_a_token(void **state)
{
    (void)state;
    struct edge edge = edge_new(100);
    for (size_t i = 0; i < COUNT(lists); i++)
        CHECK(lists[i].value,
              header_lists(at_edge(&edge, lists[i].value), lists[i].token) == lists[i].lists);
    assert_false(header_lists(NULL, "Upgrade"));
    edge_free(&edge);
}

static const struct {
    const char *text, *want;
} escapes[] = {
    {"", ""},
    {"/plain", "/plain"},
    {"a%20b", "a b"},
    {"%41%4a%4A%c3%A9", "AJJ\xc3\xa9"},
    {"%ff", "\xff"},
    {"%01", "\x01"},
    {"+", "+"},
    {"%00", "\x01"}, /* not "%00", which is what %2500 says */
    {"/app.js%00.png", "/app.js\x01.png"},
    {"%2500", "%00"}, /* once, not again */
    {"%25%30%30", "%00"},
    {"%%20", "\x01 "},
    {"%", "\x01"},
    {"%4", "\x01"
           "4"},
    {"a%", "a\x01"},
    {"%zz", "\x01zz"},
    {"%25zz", "%zz"},
    {"%4z", "\x01"
            "4z"},
    {"%z4", "\x01z4"},
    {"%-1", "\x01-1"},
    {"%+1", "\x01+1"},
    {"% 1", "\x01 1"},
    {"%0x41", "\x01"
              "0x41"},
    {"%2F..%2f", "/../"},
};

static void percent_encoding(void **state)
{
    (void)state;
    struct edge edge = edge_new(100);
    for (size_t i = 0; i < COUNT(escapes); i++) {
        char *text = at_edge(&edge, escapes[i].text);
        size_t n = guard_unescape(text);
        assert_bytes(escapes[i].text, (struct bytes){text, n}, bytes_of(escapes[i].want));
        CHECK(escapes[i].text, text[n] == '\0');
        CHECK(escapes[i].text, strlen(text) == n); /* never a NUL within */
    }
    edge_free(&edge);
}

/* Texts of the characters that matter: whatever becomes a name, without control characters, has whole
 * escapes only. So a name is written in one way, but for the case of its digits and needless escapes. */
static void no_two_texts_name_the_same(void **state)
{
    (void)state;
    static const char chars[] = "%%%0025fFz:";
    uint64_t dice = 88172645463325252u;
    unsigned names = 0;
    for (int round = 0; round < 200000; round++) {
        char given[9] = "", text[9];
        size_t whole = 0;
        for (size_t n = 0; n < 8; n++) {
            dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
            given[n] = chars[dice % sizeof chars]; /* its NUL too: a shorter text */
        }
        memcpy(text, given, sizeof text);
        guard_unescape(text);
        if (strpbrk(text, "\x01\x02\x05"))
            continue;
        for (const char *p = given; *p; p++)
            whole += *p == '%';
        CHECK(given, strlen(given) == strlen(text) + 2 * whole);
        names += whole > 0;
    }
    assert_true(names > 1000);
}

/* ---- poll tokens ---- */

#define KEY BYTES("0123456789012345678901234567890123456789abc")

static struct arena scratch;
static struct buf text;

static int open_all(void **state)
{
    (void)state;
    arena_init(&scratch, 4096);
    buf_init(&text, 4096);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    arena_fini(&scratch);
    buf_fini(&text);
    return 0;
}

static bool reads(struct bytes token, struct poll_token *t)
{
    arena_reset(&scratch);
    return poll_token_read(t, token, KEY, &scratch);
}

static const struct poll_token tokens[] = {
    {0, 0, 0, 0},
    {1, 2, 3, 4},
    {63, UINT32_MAX, UINT64_MAX, UINT64_MAX},
    {255, 0x01020304, UINT64_C(0x0102030405060708), UINT64_C(0x1112131415161718)},
};

static void a_token_comes_back_as_it_was(void **state)
{
    (void)state;
    struct edge edge = edge_new(100);
    for (size_t i = 0; i < COUNT(tokens); i++) {
        struct poll_token got = {9, 9, 9, 9};
        buf_reset(&text);
        poll_token_write(&text, &tokens[i], KEY);
        assert_int_equal(text.n, 3 + 50);
        assert_true(strspn(text.p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"
                                   "_") >= text.n); /* nothing that a URL would change */
        assert_true(reads(edge_put(&edge, buf_all(&text)), &got));
        assert_int_equal(got.owner, tokens[i].owner);
        assert_int_equal(got.slot, tokens[i].slot);
        assert_true(got.generation == tokens[i].generation);
        assert_true(got.cursor == tokens[i].cursor);
    }
    edge_free(&edge);
}

/* The other alphabet of base64 is another spelling of the same bytes, not another token. */
static char same_letter(char c)
{
    return (char)(c == '-' ? '+' : c == '_' ? '/' : c == '+' ? '-' : c == '/' ? '_' : c);
}

static void any_other_letter_is_refused(void **state)
{
    (void)state;
    struct poll_token got = {9, 9, 9, 9};
    for (size_t i = 0; i < COUNT(tokens); i++) {
        buf_reset(&text);
        poll_token_write(&text, &tokens[i], KEY);
        for (size_t at = 0; at < text.n; at++)
            for (unsigned byte = 0; byte < 256; byte++) {
                char was = text.p[at];
                if ((char)byte == was || (at >= 3 && (char)byte == same_letter(was)))
                    continue;
                text.p[at] = (char)byte;
                if (reads(buf_all(&text), &got))
                    fail_msg("byte %zu as %02x: taken", at, byte);
                text.p[at] = was;
            }
        assert_true(reads(buf_all(&text), &got));
    }
}

static void a_token_of_another_length_is_refused(void **state)
{
    (void)state;
    struct poll_token got;
    buf_reset(&text);
    poll_token_write(&text, &tokens[1], KEY);
    for (size_t n = 0; n < text.n; n++)
        assert_false(reads((struct bytes){text.p, n}, &got));
    static const char *const more[] = {"A", "AA", "AAAA", "!", "==="};
    size_t n = text.n;
    for (size_t i = 0; i < COUNT(more); i++) {
        buf_cut(&text, n);
        buf_text(&text, more[i]);
        CHECK(more[i], !reads(buf_all(&text), &got));
    }
    while (text.n < 4000)
        buf_byte(&text, 'A');
    assert_false(reads(buf_all(&text), &got));
}

static void a_token_under_another_key_is_refused(void **state)
{
    (void)state;
    struct poll_token got;
    buf_reset(&text);
    poll_token_write(&text, &tokens[1], BYTES("another secret of enough bytes, forty at least"));
    assert_false(reads(buf_all(&text), &got));
    buf_reset(&text);
    poll_token_write(&text, &tokens[1], KEY);
    struct arena none;
    arena_init(&none, 0);
    assert_false(poll_token_read(&got, buf_all(&text), KEY, &none)); /* no room to read it */
    arena_fini(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_lists_a_token),
        cmocka_unit_test(percent_encoding),
        cmocka_unit_test(no_two_texts_name_the_same),
        cmocka_unit_test(a_token_comes_back_as_it_was),
        cmocka_unit_test(any_other_letter_is_refused),
        cmocka_unit_test(a_token_of_another_length_is_refused),
        cmocka_unit_test(a_token_under_another_key_is_refused),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
