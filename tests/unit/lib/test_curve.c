/* SPDX-License-Identifier: Apache-2.0 */
/* curve over real tcp:// sockets: who has the key speaks, whoever has another one, or none, gets nothing and
 * is counted. Strangers are sockets of a context of their own, set up by hand. */
#include "lib/clock.h"
#include "lib/curve.h"
#include "lib/hub.h"
#include "lib/link.h"
#include "lib/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { OUT_MAX = 1 << 20, PATIENCE_MS = 20000, SILENCE_MS = 300, KEY_TEXT = 41 };

static char folder[64], file[80], endpoint[64];
static char secret[KEY_TEXT], public[KEY_TEXT]; /* the installation's, as a thief has them */

static void *ctx;
static struct hub hub;

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/curve.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/key", folder);
    assert_true(curve_make(file));
    assert_null(curve_load(file));
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    assert_int_equal(fread(secret, 1, KEY_TEXT - 1, f), KEY_TEXT - 1);
    fclose(f);
    assert_int_equal(zmq_curve_public(public, secret), 0);
    ctx = zmq_ctx_new();
    curve_open(ctx);
    hub_open(&hub, ctx, "tcp://127.0.0.1:*", OUT_MAX);
    size_t n = sizeof endpoint;
    assert_int_equal(zmq_getsockopt(hub.router, ZMQ_LAST_ENDPOINT, endpoint, &n), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hub_close(&hub);
    zmq_ctx_term(ctx); /* ends the thread that knows the key */
    unlink(file);
    return rmdir(folder);
}

/* Hears what comes, and answers it. */
static unsigned echo(uint64_t ms)
{
    unsigned heard = 0;
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    for (uint64_t end_ms = clock_ms() + ms; clock_ms() < end_ms;) {
        zmq_pollitem_t on = {.socket = hub.router, .events = ZMQ_POLLIN};
        struct hub_peer from;
        zmq_poll(&on, 1, 10);
        while (hub_read(&hub, &from, &msg)) {
            buf_bytes(hub_out(&hub, &from), sock_bytes(&msg));
            heard++;
        }
        hub_flush(&hub);
    }
    zmq_msg_close(&msg);
    return heard;
}

static void one_of_ours_speaks(void)
{
    struct link link;
    zmq_msg_t msg;
    bool answered = false;
    zmq_msg_init(&msg);
    link_open(&link, ctx, endpoint, OUT_MAX);
    for (uint64_t end_ms = clock_ms() + PATIENCE_MS; !answered && clock_ms() < end_ms;) {
        if (link_change(&link) == LINK_up)
            buf_text(link_out(&link), "hello");
        link_flush(&link);
        echo(5);
        answered = link_read(&link, &msg);
    }
    assert_true(answered);
    assert_memory_equal(zmq_msg_data(&msg), "hello", 5);
    zmq_msg_close(&msg);
    link_close(&link);
}

static void key(void *sock, int option, const char *text)
{
    assert_int_equal(zmq_setsockopt(sock, option, text, KEY_TEXT), 0);
}

/* A stranger says something, again and again, for SILENCE_MS: `server` is the key that it takes us to have; its
 * own is fresh. */
static void says_nothing(const char *server)
{
    void *other = zmq_ctx_new();
    void *dealer = zmq_socket(other, ZMQ_DEALER);
    int none = 0;
    char theirs[KEY_TEXT], own[KEY_TEXT], answer[16];
    zmq_setsockopt(dealer, ZMQ_LINGER, &none, sizeof none);
    if (server) {
        assert_int_equal(zmq_curve_keypair(theirs, own), 0);
        key(dealer, ZMQ_CURVE_SERVERKEY, server);
        key(dealer, ZMQ_CURVE_PUBLICKEY, theirs);
        key(dealer, ZMQ_CURVE_SECRETKEY, own);
    }
    assert_int_equal(zmq_connect(dealer, endpoint), 0);
    zmq_send(dealer, "let me in", 9, ZMQ_DONTWAIT);
    assert_int_equal(echo(SILENCE_MS), 0);
    assert_int_equal(zmq_recv(dealer, answer, sizeof answer, ZMQ_DONTWAIT), -1);
    one_of_ours_speaks();
    zmq_close(dealer);
    zmq_ctx_term(other);
}

static void ours_and_strangers(void **state)
{
    (void)state;
    char other[KEY_TEXT], its[KEY_TEXT];
    uint64_t before = curve_refused();
    one_of_ours_speaks();
    says_nothing(NULL); /* knows nothing of keys */
    assert_int_equal(zmq_curve_keypair(other, its), 0);
    says_nothing(other); /* takes us for somebody else */
    assert_int_equal(curve_refused(), before);
    says_nothing(public); /* knows us, and has a key of its own */
    uint64_t now = curve_refused();
    assert_true(now > before);
    one_of_ours_speaks();
    assert_int_equal(curve_refused(), now);
}

/* We do not speak with a server that only pretends. */
static void a_server_with_another_key(void **state)
{
    (void)state;
    char other[KEY_TEXT], its[KEY_TEXT], at[64];
    size_t n = sizeof at;
    int one = 1, none = 0;
    void *theirs = zmq_ctx_new();
    void *router = zmq_socket(theirs, ZMQ_ROUTER);
    assert_int_equal(zmq_curve_keypair(other, its), 0);
    zmq_setsockopt(router, ZMQ_LINGER, &none, sizeof none);
    assert_int_equal(zmq_setsockopt(router, ZMQ_CURVE_SERVER, &one, sizeof one), 0);
    key(router, ZMQ_CURVE_SECRETKEY, its);
    assert_int_equal(zmq_bind(router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, at, &n), 0);
    struct link link;
    link_open(&link, ctx, at, OUT_MAX);
    for (uint64_t end_ms = clock_ms() + SILENCE_MS; clock_ms() < end_ms; usleep(5000))
        assert_int_equal(link_change(&link), LINK_same);
    link_close(&link);
    zmq_close(router);
    zmq_ctx_term(theirs);
}

static void files_of_keys(void **state)
{
    (void)state;
    char path[96];
    struct stat is;
    snprintf(path, sizeof path, "%s/other", folder);
    assert_non_null(strstr(curve_load(path), "No such file"));
    assert_true(curve_make(path));
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0600);
    assert_false(curve_make(path)); /* never over one that is there */
    assert_int_equal(errno, EEXIST);
    static const char *const wrong[] = {"", "short\n", "0123456789012345678901234567890123456789x",
                                        "\"123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        FILE *f = fopen(path, "w");
        fputs(wrong[i], f);
        fclose(f);
        const char *why = curve_load(path);
        assert_non_null(why);
        assert_non_null(strstr(why, "it is no key"));
    }
    unlink(path);
    assert_null(curve_load(file));
}

static void which_endpoints(void **state)
{
    (void)state;
    assert_true(curve_needed("tcp://10.0.0.1:7001"));
    assert_true(curve_needed("tcp://[fd00::1]:7001"));
    assert_false(curve_needed("ipc:///tmp/x"));
    assert_false(curve_needed(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ours_and_strangers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_with_another_key, setup, teardown),
        cmocka_unit_test_setup_teardown(files_of_keys, setup, teardown),
        cmocka_unit_test(which_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
