/* SPDX-License-Identifier: Apache-2.0 */
/* settings: the defaults hold their own bounds, the printed page loads, and every path of the longest
 * data folder fits, sockets included. */
#include "tests/unit/edge.h"

#include "lib/loop.h"
#include "proto/settings.h"

#include <sys/stat.h>
#include <sys/wait.h>

static void defaults_and_the_printed_page(void **state)
{
    (void)state;
    char file[] = "/tmp/belfry-XXXXXX";
    int fd = mkstemp(file);
    struct settings standard = {0}, printed = {0};
    struct buf page, why;
    buf_init(&page, 1 << 20);
    buf_init(&why, 4096);
    conf_print(&settings_table, &page);
    assert_int_equal(write(fd, page.p, page.n), (ssize_t)page.n);
    close(fd);
    bool good = conf_load(&settings_table, NULL, &standard, &why) &&
                conf_load(&settings_table, file, &printed, &why);
    unlink(file);
    if (!good)
        fail_msg("%.*s", (int)why.n, why.p);
    assert_memory_equal(&standard, &printed, sizeof standard);
    assert_string_equal(standard.listen, "127.0.0.1:4000");
    assert_int_equal(standard.dev, 0); /* never open by default */
    buf_fini(&why);
    buf_fini(&page);
}

/* What a child that runs `body` exits with. */
static int exit_of(void (*body)(void))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fclose(stderr);
        body();
        _exit(42);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct settings deepest;

static void bind_all(void)
{
    struct paths p = paths_of(&deepest);
    char session[ENDPOINT_SIZE];
    void *ctx = zmq_ctx_new();
    path_session(&deepest, 63, session);
    sock_bind(sock_new(ctx, ZMQ_ROUTER, 10), p.store);
    sock_bind(sock_new(ctx, ZMQ_XSUB, 10), p.broker_in);
    sock_bind(sock_new(ctx, ZMQ_XPUB, 10), p.broker_out);
    sock_bind(sock_new(ctx, ZMQ_ROUTER, 10), session);
}

static void the_longest_data_folder(void **state)
{
    (void)state;
    static const char *const roles[] = {"store", "broker", "notifier", "hook", "session.63"};
    char root[] = "/tmp/belfry-XXXXXX", folder[PATH_SIZE], counters[PATH_SIZE], command[256];
    assert_non_null(mkdtemp(root));
    struct buf why;
    buf_init(&why, 4096);
    assert_true(conf_load(&settings_table, NULL, &deepest, &why));
    char data[100];
    int n = snprintf(data, sizeof data, "%s/", root);
    memset(data + n, 'd', sizeof data - (size_t)n);
    data[86] = '\0';
    assert_false(conf_set(&settings_table, "data", data, "test", &deepest, &why));
    data[85] = '\0';
    assert_true(conf_set(&settings_table, "data", data, "test", &deepest, &why));
    paths_make(&deepest);
    paths_make(&deepest); /* again is fine */
    struct paths p = paths_of(&deepest);
    struct stat st;
    assert_int_equal(stat(p.run, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(p.db, &st), 0);
    n = snprintf(folder, sizeof folder, "%s/%s", p.run, roles[0]);
    assert_true(n > 0 && (size_t)n < sizeof folder);
    assert_int_equal(mkfifo(folder, 0600), 0); /* as a socket that an older one of us left */
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        role_open(&deepest, roles[i], folder);
        assert_int_equal(stat(folder, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0700);
        path_counters(&deepest, roles[i], counters);
    }
    assert_int_equal(exit_of(bind_all), 42);
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
    buf_fini(&why);
}

static void good_options(void)
{
    char *argv[] = {"x", "--data", "/tmp/d", "--ready-fd", "7", "--index", "3", NULL};
    struct start start = settings_start(7, argv);
    bool good = strcmp(start.settings.data, "/tmp/d") == 0 && start.ready_fd == 7 &&
                start.index == 3;
    char *none[] = {"x", NULL};
    start = settings_start(1, none);
    _exit(good && start.ready_fd == -1 && start.index == 0 ? 42 : 1);
}

static void no_value(void)
{
    char *argv[] = {"x", "--data", NULL};
    settings_start(2, argv);
}

static void no_option(void)
{
    char *argv[] = {"x", "--dta", "y", NULL};
    settings_start(3, argv);
}

static void no_number(void)
{
    char *argv[] = {"x", "--index", "3x", NULL};
    settings_start(3, argv);
}

static void no_config(void)
{
    char *argv[] = {"x", "--config", "/tmp/belfry-no-such-file", NULL};
    settings_start(3, argv);
}

static void bad_environment(void)
{
    char *argv[] = {"x", NULL};
    setenv("BELFRY_SESSIONS", "0", 1);
    settings_start(1, argv);
}

static void misspelt_environment(void)
{
    char *argv[] = {"x", NULL};
    setenv("BELFRY_SESION_IDLE_MS", "5000", 1);
    settings_start(1, argv);
}

static void environment_of_scripts(void)
{
    static const char *const known[] = {"BELFRY_CONFIG", "BELFRY_BIN", "BELFRY_AS",
                                        "BELFRY_ARTEFACTS"};
    char *argv[] = {"x", NULL};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        setenv(known[i], "/dev/null", 1);
    settings_start(1, argv);
    _exit(42);
}

static void options(void **state)
{
    (void)state;
    assert_int_equal(exit_of(good_options), 42);
    assert_int_equal(exit_of(no_value), EXIT_refused);
    assert_int_equal(exit_of(no_option), EXIT_refused);
    assert_int_equal(exit_of(no_number), EXIT_refused);
    assert_int_equal(exit_of(no_config), EXIT_refused);
    assert_int_equal(exit_of(bad_environment), EXIT_refused);
    assert_int_equal(exit_of(misspelt_environment), EXIT_refused);
    assert_int_equal(exit_of(environment_of_scripts), 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_and_the_printed_page),
        cmocka_unit_test(the_longest_data_folder),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
