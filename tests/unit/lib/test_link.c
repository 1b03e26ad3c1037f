/* SPDX-License-Identifier: Apache-2.0 */
/* hub and link over real ipc sockets: coming and going, batches, full buffers, and the lock on an
 * endpoint. */
#include "tests/unit/edge.h"

#include "lib/clock.h"
#include "lib/hub.h"
#include "lib/link.h"
#include "lib/loop.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { OUT_MAX = 1 << 20, PATIENCE_MS = 20000 };

static char folder[32], endpoint[6 + SOCK_PATH_MAX + 2];

struct pair {
    void *ctx;
    struct hub hub;
    struct link link;
    zmq_msg_t msg;
};

static void pair_open(struct pair *p)
{
    p->ctx = zmq_ctx_new();
    hub_open(&p->hub, p->ctx, endpoint, OUT_MAX);
    link_open(&p->link, p->ctx, endpoint, OUT_MAX);
    zmq_msg_init(&p->msg);
}

static void pair_close(struct pair *p)
{
    zmq_msg_close(&p->msg);
    link_close(&p->link);
    hub_close(&p->hub);
    zmq_ctx_term(p->ctx);
}

/* Wait for a change of the link, which must be this one. */
static void expect_change(struct link *l, enum link_change want)
{
    uint64_t until = clock_ms() + PATIENCE_MS;
    enum link_change got = LINK_same;
    while ((got = link_change(l)) == LINK_same && clock_ms() < until) {
        zmq_pollitem_t on[LINK_POLL];
        link_poll(l, on);
        loop_wait(on, LINK_POLL, until, clock_ms());
    }
    assert_int_equal(got, want);
}

static void wait_readable(void *sock)
{
    zmq_pollitem_t on = {.socket = sock, .events = ZMQ_POLLIN};
    loop_wait(&on, 1, clock_ms() + PATIENCE_MS, clock_ms());
    assert_int_equal(on.revents, ZMQ_POLLIN);
}

static void expect_at_hub(struct pair *p, struct hub_peer *from, const char *want)
{
    wait_readable(p->hub.router);
    assert_true(hub_read(&p->hub, from, &p->msg));
    assert_bytes("at hub", sock_bytes(&p->msg), bytes_of(want));
}

static void expect_at_link(struct pair *p, const char *want)
{
    wait_readable(p->link.dealer);
    assert_true(link_read(&p->link, &p->msg));
    assert_bytes("at link", sock_bytes(&p->msg), bytes_of(want));
}

static void a_turn_is_one_message_each_way(void **state)
{
    (void)state;
    struct pair p;
    struct hub_peer from;
    pair_open(&p);
    assert_int_equal(link_flush(&p.link), ERR_UNKNOWN); /* not there yet */
    expect_change(&p.link, LINK_up);
    assert_int_equal(link_flush(&p.link), ERR_OK); /* nothing to send */
    buf_text(link_out(&p.link), "one,");
    buf_text(link_out(&p.link), "two,");
    buf_text(link_out(&p.link), "three");
    assert_int_equal(link_flush(&p.link), ERR_OK);
    assert_int_equal(link_out(&p.link)->n, 0);
    expect_at_hub(&p, &from, "one,two,three");
    assert_false(hub_read(&p.hub, &from, &p.msg));

    buf_text(hub_out(&p.hub, &from), "four,");
    buf_text(hub_out(&p.hub, &from), "five");
    assert_false(link_read(&p.link, &p.msg)); /* not before the flush */
    hub_flush(&p.hub);
    hub_flush(&p.hub); /* nothing twice */
    expect_at_link(&p, "four,five");
    assert_false(link_read(&p.link, &p.msg));
    assert_int_equal(link_change(&p.link), LINK_same);
    assert_int_equal(p.hub.dropped, 0);
    pair_close(&p);
}

static void answers_reach_who_asked(void **state)
{
    (void)state;
    struct pair p;
    struct link other;
    struct hub_peer first, second;
    pair_open(&p);
    link_open(&other, p.ctx, endpoint, OUT_MAX);
    expect_change(&p.link, LINK_up);
    expect_change(&other, LINK_up);
    buf_text(link_out(&p.link), "a");
    assert_int_equal(link_flush(&p.link), ERR_OK);
    expect_at_hub(&p, &first, "a");
    buf_text(link_out(&other), "b");
    assert_int_equal(link_flush(&other), ERR_OK);
    expect_at_hub(&p, &second, "b");
    assert_false(hub_same(&first, &second));
    buf_text(hub_out(&p.hub, &second), "to b,");
    buf_text(hub_out(&p.hub, &first), "to a");
    buf_text(hub_out(&p.hub, &second), "again");
    hub_flush(&p.hub);
    expect_at_link(&p, "to a");
    wait_readable(other.dealer);
    assert_true(link_read(&other, &p.msg));
    assert_bytes("other", sock_bytes(&p.msg), BYTES("to b,again"));

    /* One that has gone loses its answers; nobody else does. */
    link_close(&other);
    uint64_t until = clock_ms() + PATIENCE_MS;
    while (p.hub.dropped == 0 && clock_ms() < until) {
        buf_text(hub_out(&p.hub, &second), "gone?");
        hub_flush(&p.hub);
        struct hub_peer nobody;
        hub_read(&p.hub, &nobody, &p.msg); /* lets libzmq see the disconnect */
    }
    assert_true(p.hub.dropped > 0);
    buf_text(hub_out(&p.hub, &first), "still here");
    hub_flush(&p.hub);
    expect_at_link(&p, "still here");
    pair_close(&p);
}

static void a_full_turn_is_sent_or_counted(void **state)
{
    (void)state;
    struct pair p;
    struct hub_peer from;
    static char chunk[1000];
    memset(chunk, 'x', sizeof chunk);
    pair_open(&p);
    expect_change(&p.link, LINK_up);
    buf_text(link_out(&p.link), "hello");
    assert_int_equal(link_flush(&p.link), ERR_OK);
    expect_at_hub(&p, &from, "hello");

    /* Over half of out_max the share leaves by itself, so that many answers fit in a turn. */
    size_t sent = 0, got = 0;
    for (int i = 0; i < 4000; i++) {
        buf_add(hub_out(&p.hub, &from), chunk, sizeof chunk);
        sent += sizeof chunk;
    }
    hub_flush(&p.hub);
    while (got < sent) {
        wait_readable(p.link.dealer);
        assert_true(link_read(&p.link, &p.msg));
        assert_true(zmq_msg_size(&p.msg) <= OUT_MAX);
        got += zmq_msg_size(&p.msg);
    }
    assert_int_equal(got, sent);
    assert_int_equal(p.hub.dropped, 0);

    /* Half of out_max may wait, and the largest answer has room behind it. */
    static char largest[OUT_MAX];
    buf_add(hub_out(&p.hub, &from), largest, OUT_MAX / 2);
    buf_add(hub_out(&p.hub, &from), largest, OUT_MAX);
    hub_flush(&p.hub);
    wait_readable(p.link.dealer);
    assert_true(link_read(&p.link, &p.msg));
    assert_int_equal(zmq_msg_size(&p.msg), OUT_MAX / 2 + OUT_MAX);
    assert_int_equal(p.hub.dropped, 0);

    /* One answer that is too long for all of it is dropped whole, and counted. */
    struct buf *out = hub_out(&p.hub, &from);
    buf_text(out, "kept");
    while (!out->overflowed)
        buf_add(out, chunk, sizeof chunk);
    buf_cut(out, 4);
    out->overflowed = true; /* as msg_write() leaves it */
    hub_flush(&p.hub);
    assert_int_equal(p.hub.dropped, 1);
    expect_at_link(&p, "kept");

    /* The link tells its own overflow. */
    while (!link_out(&p.link)->overflowed)
        buf_add(link_out(&p.link), chunk, sizeof chunk);
    assert_int_equal(link_flush(&p.link), ERR_OK);
    assert_false(link_out(&p.link)->overflowed);
    pair_close(&p);
}

/* A peer that reads nothing: LATER, the bytes stay, and they leave when it reads again. */
static void behind_says_later(void **state)
{
    (void)state;
    struct pair p;
    struct hub_peer from;
    static char chunk[1000];
    pair_open(&p);
    expect_change(&p.link, LINK_up);
    enum err e = ERR_OK;
    for (unsigned turn = 0; e == ERR_OK && turn < 200000; turn++) {
        buf_add(link_out(&p.link), chunk, sizeof chunk);
        e = link_flush(&p.link);
    }
    assert_int_equal(e, ERR_LATER);
    assert_int_equal(link_out(&p.link)->n, sizeof chunk);
    while (!link_out(&p.link)->overflowed) /* what gathers has a bound, too */
        buf_add(link_out(&p.link), chunk, sizeof chunk);
    assert_true(link_out(&p.link)->n <= OUT_MAX);
    uint64_t until = clock_ms() + PATIENCE_MS;
    while ((e = link_flush(&p.link)) == ERR_LATER && clock_ms() < until)
        while (hub_read(&p.hub, &from, &p.msg)) {
        }
    assert_int_equal(e, ERR_OK);
    pair_close(&p);
}

/* A hub in a process of its own that answers with what it is asked: this program again, because a
 * fork must not go on with our ZeroMQ context. */
_Noreturn static void echo(const char *at)
{
    static struct hub hub;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    hub_open(&hub, zmq_ctx_new(), at, OUT_MAX);
    for (;;) {
        struct hub_peer from;
        zmq_pollitem_t on = {.socket = hub.router, .events = ZMQ_POLLIN};
        loop_wait(&on, 1, LOOP_NEVER, 0);
        while (hub_read(&hub, &from, &msg))
            buf_bytes(hub_out(&hub, &from), sock_bytes(&msg));
        hub_flush(&hub);
    }
}

static pid_t echo_start(void)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl("/proc/self/exe", "echo", endpoint, (char *)NULL);
        _exit(1);
    }
    return child;
}

static void killed_and_back(void **state)
{
    (void)state;
    void *ctx = zmq_ctx_new();
    struct link l;
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    link_open(&l, ctx, endpoint, OUT_MAX);
    for (int life = 0; life < 5; life++) {
        buf_text(link_out(&l), "lost");
        assert_int_equal(link_flush(&l), ERR_UNKNOWN); /* not kept for the next life */
        pid_t peer = echo_start();
        expect_change(&l, LINK_up);
        char text[32];
        snprintf(text, sizeof text, "life %d", life);
        buf_text(link_out(&l), text);
        assert_int_equal(link_flush(&l), ERR_OK);
        wait_readable(l.dealer);
        assert_true(link_read(&l, &msg));
        assert_bytes("echo", sock_bytes(&msg), bytes_of(text));
        kill(peer, SIGKILL);
        waitpid(peer, NULL, 0);
        expect_change(&l, LINK_down);
        assert_int_equal(l.up, false);
    }
    zmq_msg_close(&msg);
    link_close(&l);
    zmq_ctx_term(ctx);
}

/* When it was down and up again before anybody looked, both are told, in order. */
static void down_and_up_are_both_told(void **state)
{
    (void)state;
    void *ctx = zmq_ctx_new();
    struct link l;
    link_open(&l, ctx, endpoint, OUT_MAX);
    pid_t peer = echo_start();
    expect_change(&l, LINK_up);
    kill(peer, SIGKILL);
    waitpid(peer, NULL, 0);
    peer = echo_start();
    /* The monitor's own socket is only looked at, so that the changes wait in it. */
    void *other_ctx = zmq_ctx_new();
    struct link other;
    link_open(&other, other_ctx, endpoint, OUT_MAX);
    expect_change(&other, LINK_up);
    buf_text(link_out(&l), "asked of the one that died");
    expect_change(&l, LINK_down);
    assert_int_equal(link_out(&l)->n, 0);
    expect_change(&l, LINK_up);
    kill(peer, SIGKILL);
    waitpid(peer, NULL, 0);
    link_close(&other);
    link_close(&l);
    zmq_ctx_term(other_ctx);
    zmq_ctx_term(ctx);
}

static void an_endpoint_has_one_binder(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p);
    int status;
    pid_t second = echo_start();
    assert_int_equal(waitpid(second, &status, 0), second);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_again);
    expect_change(&p.link, LINK_up); /* the first one was not robbed */
    pair_close(&p);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char keep[sizeof endpoint];
    memcpy(keep, endpoint, sizeof endpoint);
    char *end = endpoint + strlen(endpoint);
    memset(end, 'x', (size_t)(endpoint + sizeof endpoint - 1 - end));
    endpoint[sizeof endpoint - 1] = '\0';
    int status;
    waitpid(echo_start(), &status, 0);
    memcpy(endpoint, keep, sizeof endpoint);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_refused);
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/belfry-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* A fresh endpoint for each test: a lock lasts as long as the process that took it. */
static int make_endpoint(void **state)
{
    (void)state;
    static unsigned turn;
    snprintf(endpoint, sizeof endpoint, "ipc://%s/%u", folder, turn++);
    return 0;
}

static int drop_endpoint(void **state)
{
    (void)state;
    char name[sizeof endpoint + 8];
    snprintf(name, sizeof name, "%s.lock", endpoint + strlen("ipc://"));
    unlink(endpoint + strlen("ipc://"));
    unlink(name);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_endpoint, drop_endpoint)

int main(int argc, char **argv)
{
    if (argc == 2)
        echo(argv[1]);
    const struct CMUnitTest tests[] = {
        TEST(a_turn_is_one_message_each_way),
        TEST(answers_reach_who_asked),
        TEST(a_full_turn_is_sent_or_counted),
        TEST(behind_says_later),
        TEST(killed_and_back),
        TEST(down_and_up_are_both_told),
        TEST(an_endpoint_has_one_binder),
        TEST(a_path_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
