/* SPDX-License-Identifier: Apache-2.0 */
/* json: what RFC 8259 and RFC 3629 accept and refuse, walking, strings, compact writing, and
 * jansson's opinion on the same texts.
 *
 * Where jansson differs, oracle() says so: it has no number beyond a double, nests deeper than we
 * do, refuses \u0000 unless told, and takes a NUL byte for the end of the text. The same key twice,
 * which RFC 8259 leaves open, both accept. */
#include "tests/unit/edge.h"

#include "lib/json.h"

/* jansson has a json_string() too; it does not call it itself, and neither do we. */
#define json_string jansson_string
#include <jansson.h>
#undef json_string

#define DEEP4(x) x x x x
#define DEEP16(x) DEEP4(DEEP4(x))
#define DEEP64(x) DEEP4(DEEP16(x))

static const struct row {
    const char *name;
    struct bytes text;
    bool want;
} rows[] = {
    {"object", BYTES("{}"), true},
    {"array", BYTES("[]"), true},
    {"true", BYTES("true"), true},
    {"false", BYTES("false"), true},
    {"null", BYTES("null"), true},
    {"string", BYTES("\"a\""), true},
    {"empty string", BYTES("\"\""), true},
    {"zero", BYTES("0"), true},
    {"minus zero", BYTES("-0"), true},
    {"number with all parts", BYTES("-12.034e+56"), true},
    {"number with E-", BYTES("1E-2"), true},
    {"white space of all four kinds", BYTES(" \t\n\r[ \t\n\r1 \t\n\r, \t\n\r2 \t\n\r] \t\n\r"),
     true},
    {"nested", BYTES("{\"a\":[{\"b\":{}},[],[[]]],\"c\":\"d\"}"), true},
    {"the same key twice", BYTES("{\"a\":1,\"a\":2}"), true},
    {"every escape", BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\""), true},
    {"escaped NUL", BYTES("\"\\u0000\""), true},
    {"DEL", BYTES("\"\x7f\""), true},
    {"long plain string", BYTES("\"0123456789abcdef0123456789abcdef\""), true},
    {"quote at each place of eight", BYTES("[\"1234567\",\"123456\",\"12345\",\"1234\"]"), true},
    {"huge number", BYTES("123456789012345678901234567890"), true},
    {"number beyond a double", BYTES("1e999"), true},

    {"nothing", BYTES(""), false},
    {"only white space", BYTES(" \n"), false},
    {"two values", BYTES("1 2"), false},
    {"two objects", BYTES("{}{}"), false},
    {"comma at the end of an array", BYTES("[1,]"), false},
    {"comma at the end of an object", BYTES("{\"a\":1,}"), false},
    {"comma at the start", BYTES("[,1]"), false},
    {"two commas", BYTES("[1,,2]"), false},
    {"no comma", BYTES("[1 2]"), false},
    {"only a comma", BYTES("[,]"), false},
    {"unclosed array", BYTES("[1"), false},
    {"unclosed array behind a comma", BYTES("[1,"), false},
    {"unclosed object", BYTES("{\"a\":1"), false},
    {"unopened", BYTES("]"), false},
    {"mismatched", BYTES("[1}"), false},
    {"key without quotes", BYTES("{a:1}"), false},
    {"key in single quotes", BYTES("{'a':1}"), false},
    {"number as a key", BYTES("{1:1}"), false},
    {"no colon", BYTES("{\"a\" 1}"), false},
    {"no value", BYTES("{\"a\":}"), false},
    {"only a key", BYTES("{\"a\"}"), false},
    {"comment", BYTES("[1/**/]"), false},
    {"unclosed string", BYTES("\"abc"), false},
    {"string of one quote", BYTES("\""), false},
    {"ends in a backslash", BYTES("\"\\"), false},
    {"ends in \\u", BYTES("\"\\u"), false},
    {"ends in \\u12", BYTES("\"\\u12"), false},
    {"unknown escape", BYTES("\"\\x41\""), false},
    {"escaped NUL byte", BYTES("\"\\\0\""), false},
    {"\\u with a letter", BYTES("\"\\u12g4\""), false},
    {"\\U", BYTES("\"\\U0041\""), false},
    {"lone high surrogate", BYTES("\"\\ud83d\""), false},
    {"lone low surrogate", BYTES("\"\\ude00\""), false},
    {"two high surrogates", BYTES("\"\\ud83d\\ud83d\""), false},
    {"high surrogate and a letter", BYTES("\"\\ud83d\\u0041\""), false},
    {"high surrogate cut", BYTES("\"\\ud83d\\ude"), false},
    {"newline in a string", BYTES("\"a\nb\""), false},
    {"tab in a string", BYTES("\"a\tb\""), false},
    {"0x1f in a string", BYTES("\"\x1f\""), false},
    {"0x1f behind seven letters", BYTES("\"1234567\x1f\""), false},
    {"NUL in a string", BYTES("\"\0\""), false},
    {"NUL", BYTES("\0"), false},
    {"NUL behind a value", BYTES("1\0"), false},
    {"byte order mark", BYTES("\xef\xbb\xbf{}"), false},
    {"form feed as white space", BYTES("\f1"), false},
    {"no-break space as white space",
     BYTES("\xc2\xa0"
           "1"),
     false},
    {"leading zero", BYTES("01"), false},
    {"minus and leading zero", BYTES("-01"), false},
    {"plus", BYTES("+1"), false},
    {"only a minus", BYTES("-"), false},
    {"minus and a letter", BYTES("-a"), false},
    {"no digits before the point", BYTES(".5"), false},
    {"no digits behind the point", BYTES("1."), false},
    {"no digits in the exponent", BYTES("1e"), false},
    {"no digits behind the exponent's sign", BYTES("1e+"), false},
    {"hexadecimal", BYTES("0x10"), false},
    {"NaN", BYTES("NaN"), false},
    {"Infinity", BYTES("Infinity"), false},
    {"True", BYTES("True"), false},
    {"tru", BYTES("tru"), false},
    {"nul", BYTES("nul"), false},
    {"truex", BYTES("truex"), false},
    {"fals in an array", BYTES("[fals]"), false},

    {"64 arrays", BYTES(DEEP64("[") DEEP64("]")), true},
    {"64 arrays around a number", BYTES(DEEP64("[") "1" DEEP64("]")), true},
    {"65 arrays", BYTES("[" DEEP64("[") DEEP64("]") "]"), false},
    {"64 objects", BYTES(DEEP64("{\"a\":") "1" DEEP64("}")), true},
    {"65 objects", BYTES("{\"a\":" DEEP64("{\"a\":") "1" DEEP64("}") "}"), false},
    {"100,000 brackets", {NULL, 100000}, false}, /* filled in by the test */
};

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

#define COUNT(array) (sizeof(array) / sizeof *(array))

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

static const char *const corpus[] = {
    "{\"to\":\"ann\",\"type\":\"activity\",\"title\":\"New "
    "message\",\"data\":{\"n\":[1,2.5e3,-0]}}",
    "[\"1\",\"2\",\"user:ann:notifications\",\"phx_join\",{\"since\":12,\"epoch\":1700000000000}]",
    "{\"a\":\"\\u00e9\\ud83d\\ude00 caf\xc3\xa9 "
    "\xf0\x9f\x98\x80\\n\\\"\\\\\\/\",\"b\":[true,false,null]}",
    " [ 0 , -1.5 , 1e10 , \"x\" , { \"k\" : [ ] , \"l\" : { } } ] ",
    "\"plain text of more than eight bytes, then \\t an escape and more than eight bytes again\"",
};

static size_t mutate(uint64_t *seed, char *text, size_t n, size_t room)
{
    static const char bytes[] = "{}[]:,\"\\ue0189.+-tfn \n\x00\x1f\x80\xbf\xc2\xe0\xed\xf0\xf4\xff";
    for (size_t times = 1 + dice_below(seed, 3); times > 0; times--) {
        size_t at = n > 0 ? dice_below(seed, n) : 0;
        switch (dice_below(seed, 4)) {
        case 0: /* another byte */
            if (n > 0)
                text[at] = bytes[dice_below(seed, sizeof bytes - 1)];
            break;
        case 1: /* one more */
            if (n < room) {
                memmove(text + at + 1, text + at, n - at);
                text[at] = bytes[dice_below(seed, sizeof bytes - 1)];
                n++;
            }
            break;
        case 2: /* some less */
            if (n > 0) {
                size_t less = 1 + dice_below(seed, n - at < 4 ? n - at : 4);
                memmove(text + at, text + at + less, n - at - less);
                n -= less;
            }
            break;
        case 3: /* cut */
            if (dice_below(seed, 8) == 0)
                n = at;
            break;
        }
    }
    return n;
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
        cmocka_unit_test(accepts_and_refuses_as_rfc_8259_says),
        cmocka_unit_test(utf8_alone_and_in_a_string),
        cmocka_unit_test(every_start_of_utf8),
        cmocka_unit_test(every_byte_at_every_place_of_a_string),
        cmocka_unit_test(jansson_agrees_on_the_tables),
        cmocka_unit_test(jansson_agrees_on_mutations),
        cmocka_unit_test(walks_an_object),
        cmocka_unit_test(walks_an_array),
        cmocka_unit_test(walking_agrees_with_checking),
        cmocka_unit_test(a_failed_walk_stays_failed),
        cmocka_unit_test(undoes_escapes),
        cmocka_unit_test(kinds_and_numbers),
        cmocka_unit_test(keys_that_are_long_or_escaped),
        cmocka_unit_test(writes_strings_that_read_back),
        cmocka_unit_test(writes_compactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
