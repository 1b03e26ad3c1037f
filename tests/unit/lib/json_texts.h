/* SPDX-License-Identifier: Apache-2.0 */
/* json_texts.h -- what the tests of json share: texts that are JSON and texts that are not, and some to
 * be changed by dice. */
#pragma once

#include "tests/unit/edge.h"

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

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* For mutate(). */
static const char *const corpus[] = {
    "{\"to\":\"ann\",\"type\":\"activity\",\"title\":\"New "
    "message\",\"data\":{\"n\":[1,2.5e3,-0]}}",
    "[\"1\",\"2\",\"user:ann:notifications\",\"phx_join\",{\"since\":12,\"epoch\":1700000000000}]",
    "{\"a\":\"\\u00e9\\ud83d\\ude00 caf\xc3\xa9 "
    "\xf0\x9f\x98\x80\\n\\\"\\\\\\/\",\"b\":[true,false,null]}",
    " [ 0 , -1.5 , 1e10 , \"x\" , { \"k\" : [ ] , \"l\" : { } } ] ",
    "\"plain text of more than eight bytes, then \\t an escape and more than eight bytes again\"",
};

static inline size_t mutate(uint64_t *seed, char *text, size_t n, size_t room)
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
