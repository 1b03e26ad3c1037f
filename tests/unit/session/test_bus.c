/* SPDX-License-Identifier: Apache-2.0 */
/* Our end towards the broker, over real sockets: a confirmation that is lost, as any message may be,
 * is asked for again; a view that waits for one asks the store for nothing; after long writing nothing is
 * read for a while, and then everything. */
#include "tests/unit/edge.h"

#include "lib/clock.h"
#include "lib/loop.h"
#include "proto/topic.h"
#include "session/asks.h"
#include "session/bus.h"
#include "session/live/live.h"

enum { PATIENCE_MS = 20000, BUCKET = 77 };

static struct world {
    char folder[32];
    void *ctx, *broker; /* XPUB: it shows what is subscribed to */
    struct settings settings;
    struct paths paths;
    struct counter counts[COUNT_COUNT];
    struct session s;
} w;

/* The next confirmation that is asked for: its number. */
static uint64_t next_asked(void)
{
    size_t name = strlen(bus_name(&w.s));
    zmq_msg_t part;
    zmq_msg_init(&part);
    for (;;) {
        zmq_pollitem_t on = {.socket = w.broker, .events = ZMQ_POLLIN};
        loop_wait(&on, 1, clock_ms() + PATIENCE_MS, clock_ms());
        assert_true(sock_read(w.broker, &part));
        struct bytes said = sock_bytes(&part);
        if (said.p[0] != 1 || said.p[1] != BUS_CONFIRM)
            continue;
        char digits[24] = "";
        memcpy(digits, said.p + name + 3, said.n - name - 3);
        zmq_msg_close(&part);
        return strtoull(digits, NULL, 10);
    }
}

static void confirm(uint64_t number)
{
    char room[200];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    char name[64];
    int n = snprintf(name, sizeof name, "%s.%llu", bus_name(&w.s), (unsigned long long)number);
    buf_byte(&out, BUS_CONFIRM);
    buf_add(&out, name, (size_t)n);
    msg_write(&out, &(struct msg){.id = MSG_confirmed, .confirmed = {.name = {name, (size_t)n}}});
    assert_true(sock_send(w.broker, buf_all(&out), 0));
}

static void read_until_held(uint16_t bucket)
{
    for (uint64_t end_ms = clock_ms() + PATIENCE_MS; bus_wait(&w.s, bucket) != 0;) {
        zmq_pollitem_t on[BUS_POLL];
        bus_poll(&w.s, on);
        assert_true(clock_ms() < end_ms);
        loop_wait(on, BUS_POLL, end_ms, clock_ms());
        bus_read(&w.s);
    }
}

static void a_lost_confirmation_is_asked_for_again(void **state)
{
    (void)state;
    uint64_t wanted = bus_want(&w.s, BUCKET);
    assert_int_equal(wanted, 1);
    bus_flush(&w.s);
    assert_int_equal(next_asked(), 1); /* and is never answered */
    w.s.now_ms += 499;
    bus_flush(&w.s);
    w.s.now_ms++;
    bus_flush(&w.s);
    assert_int_equal(next_asked(), 2);
    assert_int_equal(bus_wait(&w.s, BUCKET), 1);
    confirm(2); /* covers the first one */
    read_until_held(BUCKET);
    w.s.now_ms += 10000; /* nothing is asked for any more */
    bus_flush(&w.s);
    bus_want(&w.s, BUCKET + 1);
    bus_flush(&w.s);
    assert_int_equal(next_asked(), 3);
}

/* What is committed between a snapshot and its subscription is heard of by nobody. */
static void a_view_asks_for_its_snapshot_when_its_subscription_holds(void **state)
{
    (void)state;
    struct conn c = {.fd = -1, .closing = true};
    struct bytes topic = BYTES("user:ann:notifications");
    struct join join = {.topic = topic,
                        .join_ref = BYTES("\"1\""),
                        .ref = BYTES("\"1\""),
                        .resume = {.since = VIEW_NOTHING}};
    w.s.store = asks_new(w.ctx, w.paths.store, &w.counts[COUNT_asks].value,
                         &w.counts[COUNT_asks_failed].value);
    live_join(&w.s, &c, &join);
    bus_flush(&w.s);
    uint64_t number = next_asked();
    assert_int_equal(c.members->view.state, VIEW_joining);
    assert_int_equal(w.counts[COUNT_asks].value, 0);
    confirm(number);
    read_until_held(topic_bucket(topic));
    assert_int_equal(c.members->view.state, VIEW_mounting);
    assert_int_equal(w.counts[COUNT_asks].value, 1);
    live_leave_all(&w.s, &c);
    asks_free(&w.s.store);
}

/* Waits until what was said is there, without reading it. */
static void wait_for_message(void)
{
    zmq_pollitem_t on[BUS_POLL];
    bus_poll(&w.s, on);
    assert_non_null(on[0].socket);
    loop_wait(on, BUS_POLL, clock_ms() + PATIENCE_MS, clock_ms());
    assert_true(on[0].revents);
}

static void it_rests_after_long_writing(void **state)
{
    (void)state;
    zmq_pollitem_t on[BUS_POLL];
    bus_want(&w.s, BUCKET);
    bus_flush(&w.s);
    uint64_t number = next_asked();
    bus_rest(&w.s, 9);
    assert_true(bus_deadline_ms(&w.s) == LOOP_NEVER);
    confirm(number);
    wait_for_message();
    uint64_t from_ms = clock_ms();
    bus_rest(&w.s, 1000);
    uint64_t end_ms = bus_deadline_ms(&w.s);
    assert_in_range(end_ms - from_ms, 20, PATIENCE_MS);
    assert_true(end_ms <= clock_ms() + 20);
    w.s.now_ms = end_ms - 1;
    bus_read(&w.s);
    assert_int_equal(bus_wait(&w.s, BUCKET), number);
    bus_poll(&w.s, on); /* nor does it wake anybody */
    assert_null(on[0].socket);
    assert_int_equal(on[0].fd, -1);
    w.s.now_ms = end_ms;
    bus_read(&w.s);
    assert_int_equal(bus_wait(&w.s, BUCKET), 0);
    assert_true(bus_deadline_ms(&w.s) == LOOP_NEVER);
    bus_poll(&w.s, on);
    assert_non_null(on[0].socket);
}

static int setup(void **state)
{
    (void)state;
    w = (struct world){.folder = "/tmp/belfry-bus-XXXXXX"};
    assert_non_null(mkdtemp(w.folder));
    snprintf(w.paths.broker_in, sizeof w.paths.broker_in, "ipc://%s/in", w.folder);
    snprintf(w.paths.store, sizeof w.paths.store, "ipc://%s/store", w.folder);
    snprintf(w.paths.broker_out, sizeof w.paths.broker_out, "ipc://%s/out", w.folder);
    w.ctx = zmq_ctx_new();
    w.broker = sock_new(w.ctx, ZMQ_XPUB, 0);
    assert_int_equal(zmq_bind(w.broker, w.paths.broker_out), 0);
    w.s = (struct session){.settings = &w.settings, .counts = w.counts, .now_ms = 1000};
    live_new(&w.s);
    bus_new(&w.s, w.ctx, &w.paths);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bus_free(&w.s.bus);
    live_free(&w.s.live);
    zmq_close(w.broker);
    zmq_ctx_term(w.ctx);
    char path[64];
    snprintf(path, sizeof path, "%s/out", w.folder);
    unlink(path);
    return rmdir(w.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lost_confirmation_is_asked_for_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_view_asks_for_its_snapshot_when_its_subscription_holds,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(it_rests_after_long_writing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
