/* SPDX-License-Identifier: Apache-2.0 */
/* origin: which pages may talk to us. */
#include "session/http/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void table(void **state)
{
    (void)state;
    static const struct {
        const char *list, *origin, *host;
        bool want;
    } rows[] = {
        {"", NULL, "a.example", true},
        {"", "https://a.example", "a.example", true},
        {"", "http://A.example:81", "a.example:4000", true},
        {"", "http://[::1]:81", "[::1]:4000", true},
        {"", "http://[::1]:81", "[::2]:4000", false},
        {"", "https://b.example", "a.example", false},
        {"", "null", "a.example", false},
        {"", "https://a.example.evil.example", "a.example", false},
        {"", "https://a.example", NULL, false},
        {"https://b.example", "https://b.example", "a", true},
        {"https://b.example", "https://B.Example", "a", true},
        {"https://b.example", "https://b.example:443", "a", true},
        {"https://b.example", "https://b.example:444", "a", false},
        {"https://b.example", "http://b.example", "a", false},
        {"https://b.example:444", "https://b.example:444", "a", true},
        {"https://b.example:444", "https://b.example", "a", false},
        {"//b.example", "https://b.example:444", "a", true},
        {"//b.example", "http://b.example", "a", true},
        {"//b.example", "http://xb.example", "a", false},
        {"//b.example:80", "http://b.example", "a", true},
        {"//b.example:888", "http://b.example", "a", false},
        {"//*.b.example", "https://b.example", "a", true},
        {"//*.b.example", "https://x.y.b.example:7", "a", true},
        {"//*.b.example", "https://xb.example", "a", false},
        {"//*.b.example", "https://b.example.evil", "a", false},
        {"https://*.b.example", "http://x.b.example", "a", false},
        {"x://y, //b.example", "https://b.example", "a", true},
        {"//b.example,//c.example", "https://c.example", "a", true},
        {"//b.example", "https://b.example/path", "a", false},
        {"//b.example", "https://b.example@evil", "a", false},
        {"//b.example", "//b.example", "a", false},
        {"//b.example", "b.example", "a", false},
        {"//b.example", "", "a", false},
        {"*", "https://anything", "a", true},
        {"*", "null", "a", true},
        {"//b", "https://*.b", "a", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (origin_allowed(rows[i].list, rows[i].origin, rows[i].host) != rows[i].want)
            fail_msg("\"%s\": %s at %s", rows[i].list, rows[i].origin, rows[i].host);
}

static void lists(void **state)
{
    (void)state;
    static const struct {
        const char *list, *bad;
    } rows[] = {
        {"", NULL},
        {"*", NULL},
        {"https://a.example, //b:1,//*.c", NULL},
        {"https://a.example,b.example", "b.example"},
        {"https://", "https://"},
        {"https://a.example/", "https://a.example/"},
        {"https://a:port", "https://a:port"},
        {"https://a b", "b"},
        {"//*", "//*"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes bad = {0};
        bool good = origins_valid(rows[i].list, &bad);
        if (good != !rows[i].bad || (!good && !bytes_is(bad, rows[i].bad)))
            fail_msg("\"%s\": %.*s", rows[i].list, (int)bad.n, bad.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table), cmocka_unit_test(lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
