/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/edge.h"

#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/belfry-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    unlink("short");
    return chdir("/") == 0 ? rmdir(folder) : -1;
}

/* The limit cuts the first write short, which has no errno; what is told is the reason. */
static void a_short_write_has_its_reason(void **state)
{
    (void)state;
    struct rlimit was, is;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    is = (struct rlimit){100, was.rlim_max};
    int fd = open("short", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    char text[150] = {0};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &is), 0);
    errno = 0;
    bool kept = file_keep(fd, (struct bytes){text, sizeof text});
    int why = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_false(kept);
    assert_int_equal(why, EFBIG);
    struct stat there;
    assert_int_equal(fstat(fd, &there), 0);
    assert_int_equal(there.st_size, 100);
    close(fd);
}

static void names_are_kept(void **state)
{
    (void)state;
    char whole[64];
    snprintf(whole, sizeof whole, "%s/short", folder);
    assert_true(file_keep_name("short"));
    assert_true(file_keep_name(whole));
    assert_true(file_keep_name("/short"));
    assert_false(file_keep_name("nowhere/short"));
    assert_int_equal(errno, ENOENT);
    static char path[8000];
    memset(path, 'a', sizeof path - 1);
    path[5000] = '/';
    assert_false(file_keep_name(path));
    assert_int_equal(errno, ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_write_has_its_reason),
        cmocka_unit_test(names_are_kept),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
