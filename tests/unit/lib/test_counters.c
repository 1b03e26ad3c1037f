/* SPDX-License-Identifier: Apache-2.0 */
/* counters, log_line, log_safe, err. */
#include "tests/unit/edge.h"

#include "lib/clock.h"
#include "lib/counters.h"
#include "lib/err.h"
#include "lib/log.h"

#include <fcntl.h>
#include <sys/stat.h>

#define SAMPLE_COUNTERS(X)                                                                         \
    X(accepted, total, "connections that came")                                                    \
    X(open, gauge, "connections that are there")

static const struct counter list[] = {SAMPLE_COUNTERS(COUNTER_ROW)};
enum { SAMPLE_COUNTERS(COUNTER_INDEX) };

static char folder[32], file[64];

static void are_seen_by_a_reader(void **state)
{
    (void)state;
    struct counters mine, theirs;
    assert_true(counters_open(&mine, file, "session.0", list, 2));
    assert_true(counters_read(&theirs, file));
    assert_string_equal(theirs.head->role, "session.0");
    assert_int_equal(theirs.head->pid, getpid());
    assert_in_range(theirs.head->started_wall_ms, clock_wall_ms() - 10000, clock_wall_ms());
    assert_int_equal(theirs.head->count, 2);
    assert_string_equal(theirs.rows[COUNT_open].name, "open");
    assert_string_equal(theirs.rows[COUNT_open].help, "connections that are there");
    assert_int_equal(theirs.rows[COUNT_open].kind, COUNTER_gauge);
    assert_int_equal(theirs.rows[COUNT_accepted].kind, COUNTER_total);
    mine.rows[COUNT_accepted].value += 5;
    mine.head->beat_wall_ms = 77;
    assert_int_equal(theirs.rows[COUNT_accepted].value, 5);
    assert_int_equal(theirs.head->beat_wall_ms, 77);
    struct stat st;
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    /* The next life begins at zero; who still reads the old file keeps it. */
    counters_close(&mine);
    assert_true(counters_open(&mine, file, "session.0", list, 1));
    assert_int_equal(theirs.rows[COUNT_accepted].value, 5);
    counters_close(&theirs);
    assert_true(counters_read(&theirs, file));
    assert_int_equal(theirs.rows[COUNT_accepted].value, 0);
    assert_int_equal(theirs.head->count, 1);
    counters_close(&theirs);
    counters_close(&mine);
    assert_null(mine.head);
}

static void refuse_a_file_that_is_not_theirs(void **state)
{
    (void)state;
    struct counters c;
    assert_true(counters_open(&c, file, "store", list, 2));
    size_t size = sizeof *c.head + 2 * sizeof *c.rows;
    char whole[1024];
    assert_true(size <= sizeof whole);
    memcpy(whole, c.head, size);
    counters_close(&c);
    for (size_t n = 0; n <= size + 1; n++) {
        int fd = open(file, O_WRONLY | O_TRUNC);
        assert_int_equal(write(fd, whole, n), (ssize_t)n);
        close(fd);
        assert_int_equal(counters_read(&c, file), n == size);
        counters_close(&c);
    }
    whole[0] ^= 1; /* not our magic */
    int fd = open(file, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, whole, size), (ssize_t)size);
    close(fd);
    assert_false(counters_read(&c, file));
    unlink(file);
    assert_false(counters_read(&c, file));
    assert_false(counters_open(&c, "/tmp/belfry-no-such-folder/x", "store", list, 2));
}

/* What `body` writes to standard error. */
static size_t captured(void (*body)(void), char *out, size_t size)
{
    int ends[2], keep = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    body();
    dup2(keep, STDERR_FILENO);
    close(keep);
    close(ends[1]);
    ssize_t n = read(ends[0], out, size);
    close(ends[0]);
    assert_true(n >= 0);
    return (size_t)n;
}

static void say_short(void)
{
    log_line("store.open seq=%d path=%s", 7, "x");
}

static void say_long(void)
{
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_line("%s", text);
}

static void a_line_is_cut_at_1000_bytes(void **state)
{
    (void)state;
    char out[4000];
    size_t n = captured(say_short, out, sizeof out);
    assert_bytes("line", (struct bytes){out, n}, BYTES("store.open seq=7 path=x\n"));
    n = captured(say_long, out, sizeof out);
    assert_int_equal(n, 1000);
    assert_int_equal(out[998], 'x');
    assert_int_equal(out[999], '\n');
}

static void a_clients_bytes_are_shown_safely(void **state)
{
    (void)state;
    assert_string_equal(log_safe(BYTES("user:ann")), "user:ann");
    assert_string_equal(log_safe(BYTES("a b\n\x1b[31m\x7f\xc3\xa9\0z")), "a?b??[31m????z");
    assert_string_equal(log_safe((struct bytes){0}), "");
    char text[100];
    memset(text, 'y', sizeof text);
    assert_int_equal(strlen(log_safe((struct bytes){text, sizeof text})), 63);
    const char *one = log_safe(BYTES("1"));
    log_safe(BYTES("2"));
    log_safe(BYTES("3"));
    log_safe(BYTES("4"));
    assert_string_equal(one, "1");
}

static void errors_have_names(void **state)
{
    (void)state;
    assert_int_equal(ERR_OK, 0);
    assert_int_equal(ERR_UNKNOWN, 10); /* the numbers travel: append only */
    assert_string_equal(err_name(ERR_NO_SPACE), "NO_SPACE");
    for (unsigned e = 0; e < ERR_COUNT; e++)
        assert_true(strlen(err_text((enum err)e)) > 0);
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/belfry-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/count", folder);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_seen_by_a_reader),
        cmocka_unit_test(refuse_a_file_that_is_not_theirs),
        cmocka_unit_test(a_line_is_cut_at_1000_bytes),
        cmocka_unit_test(a_clients_bytes_are_shown_safely),
        cmocka_unit_test(errors_have_names),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
