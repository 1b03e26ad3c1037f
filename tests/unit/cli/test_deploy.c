/* SPDX-License-Identifier: Apache-2.0 */
/* deploy/: the run and finish scripts under a loop that does what runsv does, and the systemd units
 * under systemd's own eye. */
#include "lib/clock.h"
#include "tests/lib/process.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, LOOK_MS = 20, SERVICES = 5 };

static const char *const services[SERVICES] = {"store", "broker", "notifier", "hook", "session.0"};

static char folder[32], bin[4096];
static pid_t loops[SERVICES];

static int shell(const char *format, ...)
{
    char command[8192];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static unsigned free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    close(fd);
    return ntohs(at.sin_port);
}

static int setup(void **state)
{
    (void)state;
    char path[512];
    process_path(".", path);
    assert_non_null(realpath(path, bin));
    snprintf(folder, sizeof folder, "/tmp/deploy.XXXXXX");
    assert_non_null(mkdtemp(folder));
    setenv("BELFRY_BIN", bin, 1); /* the scripts take it too */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unsetenv("BELFRY_CONFIG");
    folder_remove(folder);
    return 0;
}

static void configure(const char *more)
{
    char file[64];
    snprintf(file, sizeof file, "%s/conf", folder);
    FILE *f = fopen(file, "w");
    fprintf(f, "listen = \"127.0.0.1:%u\"\ndata = \"%s/d\"\nsessions = 1\n%s", free_port(), folder,
            more);
    fclose(f);
    setenv("BELFRY_CONFIG", file, 1);
}

/* As runsv: run, then finish with how it ended, and again; 125 of finish ends it, as with s6. */
static pid_t supervise(const char *service)
{
    static const char loop[] = "trap 'kill -TERM $pid; wait $pid; exit $?' TERM\n"
                               "while :; do\n"
                               "    ./run & pid=$!\n"
                               "    wait $pid; code=$?\n"
                               "    ./finish $code 0 || [ $? != 125 ] || exit 125\n"
                               "done\n";
    char from[32], into[64];
    snprintf(from, sizeof from, "%.*s", (int)strcspn(service, "."), service);
    snprintf(into, sizeof into, "%s/%s", folder, service);
    assert_int_equal(shell("cp -r deploy/supervise/%s %s", from, into), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (chdir(into) == 0)
            execl("/bin/sh", "sh", "-c", loop, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void until_it_serves(void)
{
    uint64_t end_ms = clock_ms() + PATIENCE_MS;
    while (shell("%s/belfry notify ann Hello >/dev/null 2>&1", bin) != 0) {
        assert_true(clock_ms() < end_ms);
        usleep(LOOK_MS * 1000);
    }
}

static void run_and_finish(void **state)
{
    (void)state;
    configure("hook\n    join = \"http://127.0.0.1:9/join\"\n");
    for (int i = 0; i < SERVICES; i++)
        loops[i] = supervise(services[i]);
    until_it_serves();
    for (int i = 0; i < SERVICES; i++) {
        char what[256];
        snprintf(what, sizeof what,
                 "%s/belfry status --json | grep -o '\"%s\",\"alive\":true,\"pid\":[0-9]*'",
                 "\"$BELFRY_BIN\"", services[i]);
        assert_int_equal(shell("kill -9 $(%s | grep -o '[0-9]*$')", what), 0);
        until_it_serves();
    }
    assert_int_equal(shell("%s/belfry check", bin), 0);
    for (int i = SERVICES - 1; i >= 0; i--)
        assert_int_equal(process_end(loops[i]), 0);
}

static void a_wrong_setting_stays_down(void **state)
{
    (void)state;
    configure("store\n    queue = 1\n"); /* below its least */
    for (int i = 0; i < SERVICES; i++)
        loops[i] = supervise(services[i]);
    for (int i = 0; i < SERVICES; i++) {
        int status;
        waitpid(loops[i], &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 125);
    }
}

/* s6 hands a pipe as descriptor 3 and waits for a newline there. */
static void ready_for_s6(void **state)
{
    (void)state;
    configure("");
    assert_int_equal(shell("cd deploy/supervise/broker && test $(cat notification-fd) = 3 && "
                           "{ ./run 3>&1 >/dev/null & pid=$!; echo $pid >%s/pid; } | head -c 1 | "
                           "od -An -tx1 | grep -q 0a && kill $(cat %s/pid)",
                           folder, folder),
                     0);
}

static void units_are_right(void **state)
{
    (void)state;
    if (shell("command -v systemd-analyze >/dev/null") != 0) {
        print_message("systemd-analyze is not here: the units are not checked\n");
        return;
    }
    assert_int_equal(shell("for unit in deploy/systemd/*.service deploy/systemd/*.socket "
                           "deploy/systemd/*.target; do sed \"s|/usr/bin/|%s/|\" $unit "
                           ">%s/${unit##*/}; done",
                           bin, folder),
                     0);
    /* It says what is unknown or wrong, and leaves with 0 all the same. */
    assert_int_equal(shell("cd %s && systemd-analyze verify ./*.service ./*.socket ./*.target "
                           ">said 2>&1 && cat said && ! test -s said",
                           folder),
                     0);
}

/* As far as it can be seen from the file: 0 is nothing exposed, 10 everything. */
static void units_expose_little(void **state)
{
    (void)state;
    if (shell("systemd-analyze security --help 2>/dev/null | grep -q -e --offline") != 0) {
        print_message("systemd-analyze is not here, or too old: the units are not judged\n");
        return;
    }
    assert_int_equal(shell("cp deploy/systemd/* %s", folder), 0);
    assert_int_equal(shell("cd %s && for unit in *.service; do systemd-analyze security "
                           "--offline=yes --threshold=20 --no-pager ./$unit >said 2>&1 || "
                           "{ tail -1 said; exit 1; }; done",
                           folder),
                     0);
    /* And so they do with the drop-in for who speaks with another machine. */
    assert_int_equal(shell("cd %s && sed -i '/^\\[Service\\]/r tcp.conf' *.service && "
                           "for unit in *.service; do sed -i '/^PrivateNetwork=yes/d' $unit && "
                           "grep -q AF_NETLINK $unit && systemd-analyze security --offline=yes "
                           "--threshold=20 --no-pager ./$unit >said 2>&1 || "
                           "{ tail -1 said; exit 1; }; done",
                           folder),
                     0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(run_and_finish),  TEST(a_wrong_setting_stays_down), TEST(ready_for_s6),
        TEST(units_are_right), TEST(units_expose_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
