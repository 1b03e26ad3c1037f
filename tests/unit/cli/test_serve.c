/* SPDX-License-Identifier: Apache-2.0 */
/* belfry serve with the real programs: what it restarts, what it leaves down, what its listening
 * socket does meanwhile, how it ends. The programs are links in a folder of the test's, so that one
 * can be swapped for a script between two starts of it. */
#include "lib/clock.h"
#include "tests/lib/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, LOOK_MS = 20, PATH = 128 };

static struct world {
    char folder[32], data[PATH], bin[PATH];
    char ready[PATH]; /* the line that serve printed */
    pid_t serve;
    int port;
} w;

static int shell(const char *format, ...)
{
    char command[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void until(const char *what, bool (*true_now)(const char *), const char *arg)
{
    uint64_t end_ms = clock_ms() + PATIENCE_MS;
    while (!true_now(arg)) {
        if (clock_ms() > end_ms)
            fail_msg("in vain: %s", what);
        usleep(LOOK_MS * 1000);
    }
}
#define UNTIL(true_now, arg) until(#true_now " " #arg, true_now, arg)

static void program_link(const char *program)
{
    char path[512];
    process_path(program, path);
    shell("ln -sfn \"$(realpath %s)\" %s/%s", path, w.bin, program);
}

static void program_script(const char *program, const char *script)
{
    shell("rm %s/%s && printf '#!/bin/sh\\n%%s\\n' '%s' >%s/new && chmod +x %s/new && mv %s/new "
          "%s/%s",
          w.bin, program, script, w.bin, w.bin, w.bin, w.bin, program);
}

/* Its standard output up to the first newline; empty when it ended before. */
static void read_line(int fd)
{
    size_t n = 0;
    uint64_t end_ms = clock_ms() + PATIENCE_MS;
    zmq_pollitem_t on = {.fd = fd, .events = ZMQ_POLLIN};
    while (n < sizeof w.ready - 1 && clock_ms() < end_ms) {
        if (zmq_poll(&on, 1, 100) < 1)
            continue;
        if (read(fd, w.ready + n, 1) < 1 || w.ready[n] == '\n')
            break;
        n++;
    }
    w.ready[n] = '\0';
}

static void serve_start(void)
{
    int out[2];
    assert_int_equal(pipe(out), 0);
    w.serve = fork();
    if (w.serve == 0) {
        char path[PATH + 8];
        snprintf(path, sizeof path, "%s/belfry", w.bin);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        execl(path, path, "serve", "--data", w.data, "--listen", "127.0.0.1:0", "--sessions", "1",
              (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    read_line(out[0]);
    close(out[0]);
    if (sscanf(w.ready, "belfry ready http://127.0.0.1:%d", &w.port) != 1)
        fail_msg("not ready: \"%s\"", w.ready);
}

static int setup(void **state)
{
    (void)state;
    static const char *const programs[] = {"belfry-store", "belfry-broker", "belfry-notifier",
                                           "belfry-session"};
    char path[512];
    snprintf(w.folder, sizeof w.folder, "/tmp/serve.XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    snprintf(w.data, sizeof w.data, "%s/d", w.folder);
    snprintf(w.bin, sizeof w.bin, "%s/bin", w.folder);
    assert_int_equal(mkdir(w.bin, 0700), 0);
    process_path("belfry", path);
    assert_int_equal(shell("cp %s %s/", path, w.bin), 0); /* the others are beside this one */
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        program_link(programs[i]);
    serve_start();
    return 0;
}

/* TERM: everything drains, and nothing is left. */
static int teardown(void **state)
{
    (void)state;
    assert_int_equal(process_end(w.serve), 0);
    assert_int_equal(shell("test -e %s/run/address", w.data), 1);
    assert_int_equal(shell("%s/belfry status --data %s >/dev/null", w.bin, w.data), 2);
    folder_remove(w.folder);
    return 0;
}

/* -- what status says -- */

static json_t *status_of(const char *role)
{
    char command[512];
    snprintf(command, sizeof command, "%s/belfry status --json --data %s", w.bin, w.data);
    FILE *f = popen(command, "r");
    json_t *all = json_loadf(f, 0, NULL);
    pclose(f);
    assert_non_null(all);
    json_t *one, *found = NULL;
    size_t i;
    json_array_foreach(json_object_get(all, "processes"), i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "role")), role) == 0)
            found = json_incref(one);
    }
    json_decref(all);
    assert_non_null(found);
    return found;
}

static long long number_of(const char *role, const char *key)
{
    json_t *one = status_of(role), *value = json_object_get(one, key);
    long long n = json_is_integer(value) ? json_integer_value(value) : json_is_true(value);
    json_decref(one);
    return n;
}

static long long before; /* a pid, or a tally */

static bool is_another_process(const char *role)
{
    long long pid = number_of(role, "pid");
    return pid > 1 && pid != before;
}

static bool is_down(const char *role)
{
    return !number_of(role, "alive");
}

static bool is_refused(const char *role)
{
    return number_of(role, "refused") && is_down(role);
}

static bool has_three_restarts_more(const char *role)
{
    return number_of(role, "restarts") >= before + 3;
}

static bool notify_works(const char *user)
{
    return shell("%s/belfry notify %s Hello --data '{\"n\":1}' --data %s >/dev/null 2>&1", w.bin,
                 user, w.data) == 0;
}

static bool check_is_clean(const char *ignored)
{
    (void)ignored;
    return shell("%s/belfry check --data %s >/dev/null", w.bin, w.data) == 0;
}

/* -- the tests -- */

static void restarts_whom_death_took(void **state)
{
    (void)state;
    static const char *const roles[] = {"store", "broker", "notifier", "session.0"};
    UNTIL(notify_works, "ann");
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        before = number_of(roles[i], "pid");
        assert_int_equal(number_of(roles[i], "restarts"), 0);
        kill((pid_t)before, SIGKILL);
        UNTIL(is_another_process, roles[i]);
        assert_int_equal(number_of(roles[i], "restarts"), 1);
        UNTIL(notify_works, "ann");
    }
    assert_int_equal(number_of("serve", "pid"), w.serve);
    UNTIL(check_is_clean, "");
}

static void backs_off_and_comes_back(void **state)
{
    (void)state;
    before = 0;
    program_script("belfry-notifier", "exit 111");
    kill((pid_t)number_of("notifier", "pid"), SIGKILL);
    UNTIL(has_three_restarts_more, "notifier");
    assert_true(is_down("notifier"));
    program_link("belfry-notifier");
    UNTIL(is_another_process, "notifier");
}

static void refused_stays_down(void **state)
{
    (void)state;
    program_script("belfry-notifier", "exit 100");
    kill((pid_t)number_of("notifier", "pid"), SIGKILL);
    UNTIL(is_refused, "notifier");
    long long restarts = number_of("notifier", "restarts");
    UNTIL(notify_works, "ann"); /* the others go on */
    assert_true(is_refused("notifier"));
    assert_int_equal(number_of("notifier", "restarts"), restarts);
}

static int connected(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)w.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void connects_wait_for_a_dead_session(void **state)
{
    (void)state;
    enum { MANY = 20 };
    static const char ask[] = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    char script[1024], real[4096], path[512];
    process_path("belfry-session", path);
    assert_non_null(realpath(path, real));
    /* exec keeps the pid, for which the socket is meant */
    snprintf(script, sizeof script, "while [ ! -e %s/go ]; do sleep 0.02; done\nexec %.500s \"$@\"",
             w.folder, real);
    program_script("belfry-session", script);
    kill((pid_t)number_of("session.0", "pid"), SIGKILL);
    UNTIL(is_down, "session.0");
    int fds[MANY];
    for (int i = 0; i < MANY; i++) {
        fds[i] = connected();
        assert_int_equal(write(fds[i], ask, sizeof ask - 1), sizeof ask - 1);
    }
    shell("touch %s/go", w.folder);
    for (int i = 0; i < MANY; i++) {
        char answer[16] = "";
        struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
        setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        assert_true(read(fds[i], answer, sizeof answer - 1) > 12);
        assert_memory_equal(answer, "HTTP/1.1 200", 12);
        close(fds[i]);
    }
}

static bool is_gone(const char *pid)
{
    return kill((pid_t)atoi(pid), 0) != 0 && errno == ESRCH;
}

static void killed_itself_it_takes_all_along(void **state)
{
    (void)state;
    char store[16], session[16];
    snprintf(store, sizeof store, "%lld", number_of("store", "pid"));
    snprintf(session, sizeof session, "%lld", number_of("session.0", "pid"));
    process_kill(w.serve);
    UNTIL(is_gone, session);
    UNTIL(is_gone, store);
    serve_start();
    UNTIL(notify_works, "ann");
}

static void only_one_here(void **state)
{
    (void)state;
    assert_int_equal(shell("timeout 10 %s/belfry serve --data %s --listen 127.0.0.1:0 2>/dev/null",
                           w.bin, w.data),
                     111);
    /* SO_REUSEPORT would let them share the port */
    assert_int_equal(
        shell("timeout 10 %s/belfry serve --data %s/other --listen 127.0.0.1:%d 2>/dev/null", w.bin,
              w.folder, w.port),
        111);
    assert_int_equal(
        shell("timeout 10 %s/belfry serve --dev --data %s/other --listen 0.0.0.0:0 2>/dev/null",
              w.bin, w.folder),
        100);
    assert_int_equal(
        shell("timeout 10 %s/belfry serve --data %s/other --listen nonsense 2>/dev/null", w.bin,
              w.folder),
        100);
}

static void the_shell_speaks_to_it(void **state)
{
    (void)state;
    assert_int_equal(shell("test \"$(cat %s/run/address)\" = http://127.0.0.1:%d", w.data, w.port),
                     0);
    assert_int_equal(shell("%s/belfry notify ann t --type nonsense --data %s 2>&1 | grep -q type",
                           w.bin, w.data),
                     0);
    assert_int_equal(
        shell("%s/belfry notify ann t --type nonsense --data %s 2>/dev/null", w.bin, w.data), 1);
    assert_int_equal(shell("%s/belfry notify 'a b' t --data %s 2>/dev/null", w.bin, w.data), 1);
    /* two lines: the token, and what it opens */
    assert_int_equal(
        shell("%s/belfry notify zoe 'Zoe'\\''s' --data %s >/dev/null && "
              "curl -sf -H \"Authorization: Bearer $(%s/belfry token --user zoe --data %s)\" "
              "http://127.0.0.1:%d/api/notifications/count | grep -q '\"unread_count\":1'",
              w.bin, w.data, w.bin, w.data, w.port),
        0);
    assert_int_equal(
        shell("%s/belfry check --data %s | grep -q '^checked 1 inboxes, .*: 0 drifts$'", w.bin,
              w.data),
        0);
    assert_int_equal(
        shell("%s/belfry status --data %s | grep -q '^session.0 .* up$'", w.bin, w.data), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_shell_speaks_to_it),
        TEST(restarts_whom_death_took),
        TEST(refused_stays_down),
        TEST(backs_off_and_comes_back),
        TEST(only_one_here),
        TEST(connects_wait_for_a_dead_session),
        TEST(killed_itself_it_takes_all_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
