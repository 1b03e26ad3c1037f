/* SPDX-License-Identifier: Apache-2.0 */
/* belfry init: what it makes can be started, is its owner's alone, and is never overwritten. */
#include "tests/lib/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

static char dir[64], said[8192];

static int make(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/init.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int drop(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static int belfry(const char *args)
{
    char path[512], command[1024];
    process_path("belfry", path);
    snprintf(command, sizeof command, "cd %s && %s %s 2>&1", dir, path, args);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    size_t n = fread(said, 1, sizeof said - 1, f);
    said[n] = '\0';
    int status = pclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static mode_t mode(const char *name)
{
    char path[256];
    struct stat is;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(stat(path, &is), 0);
    return is.st_mode & 0777;
}

static void all_is_made_and_only_the_owners(void **state)
{
    (void)state;
    static const char *const files[] = {"d/secrets/token.key", "d/secrets/api.key",
                                        "d/secrets/bus.key", "belfry.conf"};
    static const char *const folders[] = {"d", "d/secrets", "d/store", "d/run"};
    assert_int_equal(belfry("init --data d --listen 127.0.0.1:4444"), 0);
    assert_null(strstr(said, "kept     "));
    assert_non_null(strstr(said, "belfry serve --config belfry.conf"));
    for (int i = 0; i < 4; i++)
        assert_int_equal(mode(files[i]), 0600);
    for (int i = 0; i < 4; i++)
        assert_int_equal(mode(folders[i]), 0700);
    assert_int_equal(belfry("token --user ann --config belfry.conf"),
                     0); /* it is an installation */
    assert_int_equal(strncmp(said, "eyJ", 3), 0);
}

static void what_is_there_is_kept_and_shut(void **state)
{
    (void)state;
    char first[4096], path[256], file[256];
    assert_int_equal(belfry("init --data d"), 0);
    snprintf(path, sizeof path, "%s/d/secrets/api.key", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(first, 1, sizeof first, f);
    fclose(f);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(belfry("init --listen 127.0.0.1:5555"), 100);
    assert_non_null(strstr(said, "is not changed"));
    snprintf(file, sizeof file, "%s/d/secrets/bus.key", dir);
    assert_int_equal(truncate(file, 10), 0);
    assert_int_equal(belfry("init"), 100);
    assert_non_null(strstr(said, "bus.key: it is no key"));
    unlink(file);
    assert_int_equal(belfry("init"), 0);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(belfry("init"), 0); /* the folder that the file names */
    assert_null(strstr(said, "made     "));
    assert_non_null(strstr(said, "shut"));
    assert_int_equal(mode("d/secrets/api.key"), 0600);
    char again[4096];
    f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fread(again, 1, sizeof again, f), n);
    fclose(f);
    assert_memory_equal(again, first, n);
}

static void what_cannot_be_is_said(void **state)
{
    (void)state;
    assert_int_equal(belfry("init --data /proc/nothing"), 100);
    assert_non_null(strstr(said, "/proc/nothing"));
    assert_int_equal(belfry("init --listen x"), 100);
    assert_non_null(strstr(said, "--listen"));
    assert_int_equal(belfry("init more"), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_is_made_and_only_the_owners, make, drop),
        cmocka_unit_test_setup_teardown(what_is_there_is_kept_and_shut, make, drop),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_said, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
