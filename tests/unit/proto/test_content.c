/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/content.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define OLD                                                                                        \
    "{\"type\":\"alert\",\"title\":\"a\",\"body\":null,\"data\":{\"title\":1},\"category\":"       \
    "\"work\"}"

static const struct {
    const char *old, *other, *want;
} rows[] = {
    {OLD, "{}", OLD},
    {OLD, "{\"title\":\"b\"}",
     "{\"type\":\"alert\",\"title\":\"b\",\"body\":null,\"data\":{\"title\":1},\"category\":"
     "\"work\"}"},
    {OLD, "{\"category\":null,\"data\":{}}",
     "{\"type\":\"alert\",\"title\":\"a\",\"body\":null,\"data\":{}}"},
    {OLD, "{\"body\":\"x\",\"category\":\"home\"}",
     "{\"type\":\"alert\",\"title\":\"a\",\"body\":\"x\",\"data\":{\"title\":1},\"category\":"
     "\"home\"}"},
    {"{\"title\":\"a\"}", "{\"category\":\"home\"}", "{\"title\":\"a\",\"category\":\"home\"}"},
    {"{\"title\":\"a\"}", "{\"category\":null}", "{\"title\":\"a\"}"},
    {"{\"category\":\"work\"}", "{\"category\":null}", "{}"},
};

static void what_is_named_is_other_and_the_rest_stays(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf_reset(&out);
        content_merge(&out, bytes_of(rows[i].old), bytes_of(rows[i].other));
        buf_byte(&out, '\0');
        assert_string_equal(out.p, rows[i].want);
    }
    buf_fini(&out);
}

static void what_does_not_fit_overflows(void **state)
{
    (void)state;
    char room[20];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    content_merge(&out, BYTES(OLD), BYTES("{}"));
    assert_true(out.overflowed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_named_is_other_and_the_rest_stays),
        cmocka_unit_test(what_does_not_fit_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
