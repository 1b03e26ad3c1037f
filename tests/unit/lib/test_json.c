/* SPDX-License-Identifier: Apache-2.0 */
/* json: what RFC 8259 and RFC 3629 accept and refuse, and jansson's opinion on the same texts.
 *
 * Where jansson differs, oracle() says so: it has no number beyond a double, nests deeper than we
 * do, refuses \u0000 unless told, and takes a NUL byte for the end of the text. The same key twice,
 * which RFC 8259 leaves open, both accept. */
#include "tests/unit/lib/json_texts.h"

#include "lib/json.h"

/* jansson has a json_string() too; it does not call it itself, and neither do we. */
#define json_string jansson_string
#include <jansson.h>
#undef json_string

static const struct row utf8_rows[] = {
    {"ASCII", BYTES("abc"), true},
    {"nothing", BYTES(""), true},
    {"first of two bytes, U+0080", BYTES("\xc2\x80"), true},
    {"last of two bytes, U+07FF", BYTES("\xdf\xbf"), true},
    {"first of three, U+0800", BYTES("\xe0\xa0\x80"), true},
    {"U+D7FF", BYTES("\xed\x9f\xbf"), true},
    {"U+E000", BYTES("\xee\x80\x80"), true},
    {"U+FFFF", BYTES("\xef\xbf\xbf"), true},
    {"first of four, U+10000", BYTES("\xf0\x90\x80\x80"), true},
    {"last, U+10FFFF", BYTES("\xf4\x8f\xbf\xbf"), true},
    {"overlong slash in two", BYTES("\xc0\xaf"), false},
    {"overlong in two, U+007F", BYTES("\xc1\xbf"), false},
    {"overlong in three, U+07FF", BYTES("\xe0\x9f\xbf"), false},
    {"overlong in four, U+FFFF", BYTES("\xf0\x8f\xbf\xbf"), false},
    {"surrogate U+D800", BYTES("\xed\xa0\x80"), false},
    {"surrogate U+DFFF", BYTES("\xed\xbf\xbf"), false},
    {"beyond U+10FFFF", BYTES("\xf4\x90\x80\x80"), false},
    {"0xf5", BYTES("\xf5\x80\x80\x80"), false},
    {"0xff", BYTES("\xff"), false},
    {"continuation alone", BYTES("\x80"), false},
    {"one of two", BYTES("\xc3"), false},
    {"two of three", BYTES("\xe2\x82"), false},
    {"three of four", BYTES("\xf0\x9f\x98"), false},
    {"second of two is ASCII", BYTES("\xc3\x28"), false},
    {"third of three is ASCII", BYTES("\xe2\x82\x28"), false},
    {"fourth of four is ASCII", BYTES("\xf0\x9f\x98\x28"), false},
    {"cut behind text", BYTES("abcdefg\xe2\x82"), false},
};

/* The row's text at the edge of what can be read. */
static struct bytes text_of(const struct edge *edge, const struct row *row)
{
    if (row->text.p)
        return edge_put(edge, row->text);
    char *brackets = edge->start + edge->size - row->text.n;
    memset(brackets, '[', row->text.n);
    return (struct bytes){brackets, row->text.n};
}

static void accepts_and_refuses_as_rfc_8259_says(void **state)
{
    (void)state;
    struct edge edge = edge_new(100000);
    for (const struct row *row = rows; row < rows + COUNT(rows); row++)
        CHECK(row->name, json_valid(text_of(&edge, row)) == row->want);
    edge_free(&edge);
}

static void utf8_alone_and_in_a_string(void **state)
{
    (void)state;
    struct edge edge = edge_new(100);
    for (const struct row *row = utf8_rows; row < utf8_rows + COUNT(utf8_rows); row++) {
        CHECK(row->name, utf8_valid(edge_put(&edge, row->text)) == row->want);
        char quoted[64];
        int n = snprintf(quoted, sizeof quoted, "\"%.*s\"", (int)row->text.n, row->text.p);
        CHECK(row->name,
              json_valid(edge_put(&edge, (struct bytes){quoted, (size_t)n})) == row->want);
    }
    edge_free(&edge);
}

/* Each first byte with each second, alone and with two continuations behind: as a slow reader of
 * RFC 3629 has it. */
static bool slow_utf8(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t more = p[i] < 0x80 ? 0 : p[i] >= 0xf0 ? 3 : p[i] >= 0xe0 ? 2 : 1;
        static const unsigned firsts[] = {0, 0x80, 0x800, 0x10000};
        unsigned code = more == 0 ? p[i] : p[i] & (0x3fu >> more);
        if ((p[i] >= 0x80 && p[i] < 0xc0) || p[i] >= 0xf8 || i + more >= n)
            return false;
        for (size_t k = 1; k <= more; k++) {
            if ((p[i + k] & 0xc0) != 0x80)
                return false;
            code = code << 6 | (p[i + k] & 0x3fu);
        }
        if (code < firsts[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return false;
        i += more + 1;
    }
    return true;
}

static void every_start_of_utf8(void **state)
{
    (void)state;
    struct edge edge = edge_new(8);
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++)
            for (size_t n = 1; n <= 4; n++) {
                unsigned char text[] = {(unsigned char)a, (unsigned char)b, 0x80, 0xbf};
                struct bytes at = edge_put(&edge, (struct bytes){(char *)text, n});
                if (utf8_valid(at) != slow_utf8(text, n))
                    fail_msg("%02x %02x, %zu bytes", a, b, n);
            }
    edge_free(&edge);
}

/* The plain run of eight bytes at a time must stop at each byte that is not plain, wherever. */
static void every_byte_at_every_place_of_a_string(void **state)
{
    (void)state;
    struct edge edge = edge_new(64);
    for (unsigned byte = 0; byte < 256; byte++)
        for (size_t place = 0; place < 17; place++) {
            char text[20];
            memset(text, 'x', sizeof text);
            text[0] = text[18] = '"';
            text[place + 1] = (char)byte;
            bool want = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
            if (json_valid(edge_put(&edge, (struct bytes){text, 19})) != want)
                fail_msg("byte %02x at %zu", byte, place);
        }
    edge_free(&edge);
}

/* jansson's answer, or -1 where it may differ. */
static int oracle(struct bytes text)
{
    json_error_t error;
    json_t *value = json_loadb(text.p ? text.p : "", text.n,
                               JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    json_decref(value);
    if (value)
        return memchr(text.p, '\0', text.n) ? -1 : 1; /* it takes a NUL byte for the end */
    enum json_error_code code = json_error_code(&error);
    if (code == json_error_numeric_overflow || code == json_error_stack_overflow)
        return -1; /* a number beyond a double; its own depth of 2048 */
    return 0;
}

static void compare(const char *name, struct bytes text)
{
    int want = oracle(text);
    bool got = json_valid(text);
    if (want >= 0 && got != (want == 1))
        fail_msg("%s: we say %d, jansson %d: \"%.*s\"", name, got, want, (int)text.n, text.p);
}

static void jansson_agrees_on_the_tables(void **state)
{
    (void)state;
    struct edge edge = edge_new(200);
    for (const struct row *row = rows; row < rows + COUNT(rows); row++)
        if (row->text.n < 130) /* those nested deeper than we allow are only ours */
            compare(row->name, edge_put(&edge, row->text));
    edge_free(&edge);
}

static void jansson_agrees_on_mutations(void **state)
{
    (void)state;
    struct edge edge = edge_new(400);
    uint64_t seed = dice_seed();
    unsigned accepted = 0;
    for (unsigned turn = 0; turn < 100000; turn++) {
        const char *from = corpus[dice_below(&seed, COUNT(corpus))];
        char text[300];
        size_t n = strlen(from);
        memcpy(text, from, n);
        n = mutate(&seed, text, n, sizeof text);
        struct bytes at = edge_put(&edge, (struct bytes){text, n});
        compare("mutation", at);
        accepted += json_valid(at);
    }
    assert_in_range(accepted, 5000, 95000); /* the dice give enough of both */
    edge_free(&edge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_and_refuses_as_rfc_8259_says),
        cmocka_unit_test(utf8_alone_and_in_a_string),
        cmocka_unit_test(every_start_of_utf8),
        cmocka_unit_test(every_byte_at_every_place_of_a_string),
        cmocka_unit_test(jansson_agrees_on_the_tables),
        cmocka_unit_test(jansson_agrees_on_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
