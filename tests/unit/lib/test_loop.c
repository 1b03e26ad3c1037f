/* SPDX-License-Identifier: Apache-2.0 */
/* loop: the wait, signals as a descriptor, the word to the supervisor, and the exit codes. */
#include "tests/unit/edge.h"

#include "lib/clock.h"
#include "lib/loop.h"
#include "lib/sock.h"

#include <signal.h>
#include <sys/wait.h>

static void waits_until_something_comes(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    zmq_pollitem_t on = {.fd = ends[0], .events = ZMQ_POLLIN};
    uint64_t now = clock_ms();
    loop_wait(&on, 1, now, now); /* the deadline has come: only a look */
    loop_wait(&on, 1, 0, now);
    assert_int_equal(on.revents, 0);
    loop_wait(&on, 1, now + 30, now);
    assert_int_equal(on.revents, 0);
    assert_true(clock_ms() >= now + 30);
    assert_int_equal(write(ends[1], "x", 1), 1);
    loop_wait(&on, 1, LOOP_NEVER, now);
    assert_int_equal(on.revents, ZMQ_POLLIN);
    loop_wait(&on, 1, now + (UINT64_C(1) << 40), now); /* far beyond what zmq_poll() can count */
    assert_int_equal(on.revents, ZMQ_POLLIN);
    close(ends[0]);
    close(ends[1]);
}

/* A descriptor of ZeroMQ speaks once: what waits in its socket must be seen whatever took that word. */
static void a_message_that_waits_is_seen(void **state)
{
    (void)state;
    void *ctx = zmq_ctx_new(), *ours = sock_new(ctx, ZMQ_PAIR, 0),
         *theirs = sock_new(ctx, ZMQ_PAIR, 0);
    zmq_pollitem_t on = {.socket = ours, .events = ZMQ_POLLIN};
    zmq_msg_t part;
    zmq_msg_init(&part);
    sock_bind(ours, "inproc://test");
    sock_connect(theirs, "inproc://test");
    uint64_t now = clock_ms();
    loop_wait(&on, 1, now, now);
    loop_wait(&on, 1, now, now);
    assert_int_equal(on.revents, 0);
    for (int i = 0; i < 3; i++)
        assert_true(sock_send(theirs, BYTES("x"), 0));
    for (int i = 0; i < 4; i++) { /* not read: it is said again */
        loop_wait(&on, 1, LOOP_NEVER, now);
        assert_int_equal(on.revents, ZMQ_POLLIN);
    }
    for (int i = 0; i < 3; i++) { /* one of several is read */
        loop_wait(&on, 1, LOOP_NEVER, now);
        assert_int_equal(on.revents, ZMQ_POLLIN);
        assert_true(sock_read(ours, &part));
    }
    loop_wait(&on, 1, now, now);
    assert_int_equal(on.revents, 0);
    assert_true(sock_send(theirs, BYTES("x"), 0));
    assert_true(sock_send(ours, BYTES("y"), 0)); /* takes the word */
    assert_true(sock_read(theirs, &part));
    loop_wait(&on, 1, LOOP_NEVER, now);
    assert_int_equal(on.revents, ZMQ_POLLIN);
    zmq_msg_close(&part);
    zmq_close(ours);
    zmq_close(theirs);
    zmq_ctx_term(ctx);
}

static void signals_become_readable(void **state)
{
    (void)state;
    sigset_t before;
    sigprocmask(SIG_BLOCK, NULL, &before);
    int fd = signals_take();
    kill(getpid(), SIGTERM);
    zmq_pollitem_t on = {.fd = fd, .events = ZMQ_POLLIN};
    loop_wait(&on, 1, clock_ms() + 10000, clock_ms());
    assert_int_equal(on.revents, ZMQ_POLLIN);
    char info[128];
    assert_true(read(fd, info, sizeof info) > 0);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1); /* SIGPIPE does not end us */
    close(ends[1]);
    close(fd);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static void readiness_is_one_newline(void **state)
{
    (void)state;
    int ends[2];
    char got[2];
    assert_int_equal(pipe(ends), 0);
    ready_tell(ends[1]);
    assert_int_equal(read(ends[0], got, 2), 1);
    assert_int_equal(got[0], '\n');
    assert_int_equal(read(ends[0], got, 2), 0); /* and closed */
    close(ends[0]);
    ready_tell(-1);
}

static void exit_codes(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        int ends[2], status;
        char line[100] = "";
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            dup2(ends[1], STDERR_FILENO);
            if (i == 0)
                refuse("conf.wrong name=%s", "x");
            try_again("store.locked");
        }
        close(ends[1]);
        ssize_t n = read(ends[0], line, sizeof line - 1);
        assert_true(n > 0);
        close(ends[0]);
        waitpid(child, &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), i == 0 ? 100 : 111);
        assert_string_equal(line, i == 0 ? "conf.wrong name=x\n" : "store.locked\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_until_something_comes),
        cmocka_unit_test(a_message_that_waits_is_seen),
        cmocka_unit_test(signals_become_readable),
        cmocka_unit_test(readiness_is_one_newline),
        cmocka_unit_test(exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
