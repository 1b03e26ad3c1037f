/* SPDX-License-Identifier: Apache-2.0 */
/* Who left is told to a store, over a real socket: together, late, at once when there are many or the
 * process drains, and not when it was erased. Time is data. */
#include "tests/unit/edge.h"

#include "lib/clock.h"
#include "lib/hub.h"
#include "lib/loop.h"
#include "session/asks.h"
#include "session/seen.h"

enum { PATIENCE_MS = 20000, T0 = 1000 };

static struct world {
    char folder[32], endpoint[64];
    void *ctx;
    struct hub store;
    struct settings settings;
    struct session s;
    uint64_t asked, failed;
    zmq_msg_t part;
} w;

static void left(const char *user)
{
    seen_left(&w.s, bytes_of(user));
}

static void tick(uint64_t now_ms)
{
    w.s.now_ms = now_ms;
    seen_tick(&w.s);
    asks_flush(w.s.store);
}

/* The names that the store is told next, with a space behind each. */
static const char *told(void)
{
    static char names[200];
    struct hub_peer from;
    struct msg m;
    zmq_pollitem_t on = {.socket = w.store.router, .events = ZMQ_POLLIN};
    names[0] = '\0';
    loop_wait(&on, 1, clock_ms() + PATIENCE_MS, clock_ms());
    assert_true(hub_read(&w.store, &from, &w.part));
    struct mp_in in = mp_over(sock_bytes(&w.part));
    while (msg_read(&in, &m)) {
        assert_int_equal(m.id, MSG_seen);
        strncat(names, m.seen.user.p, m.seen.user.n);
        strcat(names, " ");
    }
    return names;
}

static void together_and_late(void **state)
{
    (void)state;
    left("ann");
    w.s.now_ms = T0 + 50;
    left("bob");
    assert_int_equal(seen_deadline_ms(&w.s), T0 + SEEN_MS);
    tick(T0 + SEEN_MS - 1);
    assert_int_equal(w.asked, 0);
    tick(T0 + SEEN_MS);
    assert_int_equal(w.asked, 2);
    assert_string_equal(told(), "ann bob ");
    assert_true(seen_deadline_ms(&w.s) == LOOP_NEVER);
    tick(T0 + 9 * SEEN_MS);
    assert_int_equal(w.asked, 2);
}

static void who_is_erased_is_not_told_of(void **state)
{
    (void)state;
    static const char *const who[] = {"bob", "ann", "bobby", "bob", "bo", "bob"};
    for (size_t i = 0; i < sizeof who / sizeof *who; i++)
        left(who[i]);
    seen_forget(&w.s, BYTES("bob"));
    seen_forget(&w.s, BYTES("nobody"));
    tick(T0 + SEEN_MS);
    assert_string_equal(told(), "ann bobby bo ");
}

static void at_once_when_the_process_drains(void **state)
{
    (void)state;
    left("ann");
    w.s.draining = true;
    tick(T0);
    assert_string_equal(told(), "ann ");
}

static void at_once_when_there_is_no_room(void **state)
{
    (void)state;
    char name[USER_MAX + 1];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    unsigned fit = SEEN_BYTES / sizeof name;
    for (unsigned i = 0; i < fit; i++)
        left(name);
    assert_int_equal(w.asked, 0);
    left(name);
    assert_int_equal(w.asked, fit);
}

static int setup(void **state)
{
    (void)state;
    w = (struct world){.folder = "/tmp/b-XXXXXX"};
    assert_non_null(mkdtemp(w.folder));
    snprintf(w.endpoint, sizeof w.endpoint, "ipc://%s/s", w.folder);
    w.ctx = zmq_ctx_new();
    hub_open(&w.store, w.ctx, w.endpoint, 1000);
    zmq_msg_init(&w.part);
    w.settings.request_ms = 1000;
    w.s = (struct session){.settings = &w.settings, .now_ms = T0};
    w.s.store = asks_new(w.ctx, w.endpoint, &w.asked, &w.failed);
    seen_new(&w.s);
    while (!asks_up(w.s.store)) {
        zmq_pollitem_t on[LINK_POLL];
        asks_poll(w.s.store, on);
        loop_wait(on, LINK_POLL, clock_ms() + PATIENCE_MS, clock_ms());
        asks_read(w.s.store, T0);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char path[80];
    seen_free(&w.s.seen);
    asks_free(&w.s.store);
    hub_close(&w.store);
    zmq_msg_close(&w.part);
    zmq_ctx_term(w.ctx);
    snprintf(path, sizeof path, "%s/s", w.folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/s.lock", w.folder);
    unlink(path);
    return rmdir(w.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(together_and_late, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_erased_is_not_told_of, setup, teardown),
        cmocka_unit_test_setup_teardown(at_once_when_the_process_drains, setup, teardown),
        cmocka_unit_test_setup_teardown(at_once_when_there_is_no_room, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
