/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/log.h"
#include "tests/unit/edge.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char file[] = "/tmp/belfry-log.XXXXXX";

static int quiet(void **state)
{
    (void)state;
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    close(fd);
    fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    close(fd);
    return 0;
}

static int tidy(void **state)
{
    (void)state;
    return unlink(file);
}

static void tail(struct buf *out)
{
    buf_init(out, 1 << 20);
    assert_true(log_tail(file, out));
    buf_byte(out, 0);
}

static void kept_with_their_time(void **state)
{
    (void)state;
    struct buf out;
    assert_true(log_keep(file));
    log_line("one id=%d", 1);
    log_line("two");
    tail(&out);
    assert_int_equal(out.p[23], 'Z');
    assert_non_null(strstr(out.p, "Z one id=1\n"));
    assert_non_null(strstr(out.p, "Z two\n"));
    buf_fini(&out);
}

static void opened_again_it_goes_on(void **state)
{
    (void)state;
    struct buf out;
    assert_true(log_keep(file));
    log_line("three");
    tail(&out);
    assert_non_null(strstr(out.p, "Z one id=1\n"));
    assert_non_null(strstr(out.p, "Z three\n"));
    buf_fini(&out);
}

static void the_oldest_go_and_no_line_is_half(void **state)
{
    (void)state;
    struct buf out;
    for (int i = 0; i < 5000; i++)
        log_line("line %d of many, with some words behind it", i);
    tail(&out);
    assert_true(out.n <= (64 << 10) + 1);
    assert_true(out.n > 60 << 10);
    assert_null(strstr(out.p, "one id=1"));
    assert_non_null(strstr(out.p, "line 4999 of"));
    assert_int_equal(out.p[23], 'Z');
    assert_int_equal(out.p[out.n - 2], '\n');
    buf_fini(&out);
}

static void another_file_is_refused(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 100);
    assert_false(log_tail("/etc/hostname", &out));
    assert_false(log_tail("/nowhere", &out));
    assert_int_equal(out.n, 0);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_with_their_time),
        cmocka_unit_test(opened_again_it_goes_on),
        cmocka_unit_test(the_oldest_go_and_no_line_is_half),
        cmocka_unit_test(another_file_is_refused),
    };
    return cmocka_run_group_tests(tests, quiet, tidy);
}
