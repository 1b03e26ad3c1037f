/* SPDX-License-Identifier: Apache-2.0 */
/* What the notifier publishes, as a broker receives it. */
#include "lib/clock.h"
#include "lib/ensure.h"
#include "notifier/publish.h"
#include "proto/topic.h"
#include "proto/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void *ctx, *broker;
static struct publish p;
static char endpoint[64];

static void broker_open(void)
{
    broker = sock_new(ctx, ZMQ_XSUB, 1000);
    assert_int_equal(zmq_bind(broker, endpoint), 0);
    sock_send(broker, BYTES("\x01"), 0);
}

/* Turn both ends until the publisher says so. */
static void until_change(enum publish_change want)
{
    uint64_t end_ms = clock_ms() + 5000;
    enum publish_change change;
    while ((change = publish_change(&p)) != want) {
        assert_int_equal(change, PUBLISH_same);
        assert_true(clock_ms() < end_ms);
        zmq_pollitem_t on[] = {{.socket = p.xpub, .events = ZMQ_POLLIN},
                               {.socket = broker, .events = ZMQ_POLLIN}};
        zmq_poll(on, broker ? 2 : 1, 5);
    }
}

static int setup(void **state)
{
    (void)state;
    char folder[] = "/tmp/pub.XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(endpoint, sizeof endpoint, "ipc://%s/in", folder);
    ctx = zmq_ctx_new();
    broker_open();
    publish_open(&p, ctx, endpoint);
    until_change(PUBLISH_up);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char folder[64];
    publish_close(&p);
    zmq_close(broker);
    zmq_ctx_term(ctx);
    snprintf(folder, sizeof folder, "%s", endpoint + 6);
    remove(folder);
    *strrchr(folder, '/') = '\0';
    return remove(folder);
}

/* The next part; its messages are read by the caller. */
static struct bytes received(void)
{
    static char part[1 << 16];
    zmq_pollitem_t on = {.socket = broker, .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&on, 1, 5000), 1);
    int n = zmq_recv(broker, part, sizeof part, 0);
    assert_in_range(n, 1, sizeof part);
    return (struct bytes){part, (size_t)n};
}

static struct msg_entry created(const char *topic, uint64_t seq)
{
    return (struct msg_entry){.seq = seq,
                              .prev = seq - 1,
                              .topic = bytes_of(topic),
                              .kind = ENTRY_created,
                              .at_ms = 1000,
                              .unread = 1,
                              .type = TYPE_activity,
                              .pos = seq,
                              .content = BYTES("{\"type\":\"activity\",\"title\":\"t\"}")};
}

static void expect_broadcast(struct mp_in *in, const char *topic, uint64_t seq, uint64_t pos)
{
    struct msg m;
    assert_true(msg_read(in, &m));
    assert_int_equal(m.id, MSG_broadcast);
    assert_true(bytes_is(m.broadcast.topic, topic));
    assert_int_equal(m.broadcast.seq, seq);
    assert_int_equal(m.broadcast.prev, seq - 1);
    assert_int_equal(m.broadcast.pos, pos);
}

static struct mp_in bucket_part(const char *topic)
{
    char key[BUS_KEY];
    struct bytes part = received();
    bus_key(topic_bucket(bytes_of(topic)), key);
    assert_true(part.n > BUS_KEY);
    assert_memory_equal(part.p, key, BUS_KEY);
    return mp_over((struct bytes){part.p + BUS_KEY, part.n - BUS_KEY});
}

/* Another topic in the bucket of `topic`. */
static const char *neighbour(const char *topic)
{
    static char name[32];
    for (unsigned i = 0;; i++) {
        snprintf(name, sizeof name, "user:n%u:notifications", i);
        if (topic_bucket(bytes_of(name)) == topic_bucket(bytes_of(topic)))
            return name;
    }
}

static void a_message_for_each_bucket(void **state)
{
    (void)state;
    const char *ann = "user:ann:notifications", *bob = "user:bob:notifications";
    const char *near_ann = neighbour(ann);
    struct msg_entry entries[] = {created(ann, 1), created(bob, 2), created(near_ann, 3),
                                  created(ann, 4)};
    entries[3].kind = ENTRY_all_read;
    for (size_t i = 0; i < 4; i++)
        assert_true(publish_entry(&p, &entries[i]));
    struct notify_head head = {.seq = 4, .n = (uint16_t)strlen(ann)};
    memcpy(head.topic, ann, strlen(ann));
    publish_heads(&p, 0, 4, &head, 1);
    assert_int_equal(p.sent, 3);

    bool ann_first = topic_bucket(bytes_of(ann)) < topic_bucket(bytes_of(bob));
    for (int turn = 0; turn < 2; turn++) {
        bool anns = ann_first == (turn == 0);
        struct mp_in in = bucket_part(anns ? ann : bob);
        if (anns) {
            expect_broadcast(&in, ann, 1, 1);
            expect_broadcast(&in, near_ann, 3, 3);
            expect_broadcast(&in, ann, 4, 0);
        } else {
            expect_broadcast(&in, bob, 2, 2);
        }
        assert_true(mp_end(&in));
    }
    struct bytes part = received(); /* behind what they cover */
    assert_int_equal(part.p[0], BUS_HEADS);
    struct mp_in in = mp_over((struct bytes){part.p + 1, part.n - 1});
    struct msg m;
    assert_true(msg_read(&in, &m));
    assert_int_equal(m.id, MSG_heads);
    assert_int_equal(m.heads.from, 0);
    assert_int_equal(m.heads.to, 4);
    in = list_in(m.heads.topics);
    assert_true(msg_read(&in, &m));
    assert_true(m.id == MSG_head && m.head.seq == 4 && bytes_is(m.head.topic, ann));
}

static void more_than_a_turn_holds(void **state)
{
    (void)state;
    enum { MANY = 3 * PUBLISH_TURN + 7 };
    const char *ann = "user:ann:notifications";
    for (unsigned i = 1; i <= MANY; i++) {
        struct msg_entry e = created(ann, i);
        assert_true(publish_entry(&p, &e));
    }
    publish_flush(&p);
    uint64_t seq = 0;
    while (seq < MANY) {
        static char part[BATCH_MAX + BUS_KEY];
        zmq_pollitem_t on = {.socket = broker, .events = ZMQ_POLLIN};
        assert_int_equal(zmq_poll(&on, 1, 5000), 1);
        int n = zmq_recv(broker, part, sizeof part, 0);
        assert_in_range(n, BUS_KEY, sizeof part);
        struct mp_in in = mp_over((struct bytes){part + BUS_KEY, (size_t)n - BUS_KEY});
        while (!mp_end(&in))
            expect_broadcast(&in, ann, seq + 1, seq + 1), seq++;
    }
}

static void a_message_of_a_topic(void **state)
{
    (void)state;
    struct msg_entry e = {.seq = 8,
                          .prev = 7,
                          .topic = BYTES("room:a"),
                          .kind = ENTRY_message,
                          .at_ms = 1000,
                          .event = BYTES("say"),
                          .user = BYTES("ann"),
                          .content = BYTES("{\"text\":\"hi\"}")};
    assert_true(publish_entry(&p, &e));
    publish_flush(&p);
    struct mp_in in = bucket_part("room:a");
    struct msg m;
    assert_true(msg_read(&in, &m));
    assert_int_equal(m.id, MSG_broadcast);
    assert_true(bytes_is(m.broadcast.topic, "room:a"));
    assert_true(m.broadcast.seq == 8 && m.broadcast.prev == 7 && m.broadcast.pos == 0);
    assert_true(bytes_is(m.broadcast.event, "say"));
    assert_true(bytes_is(m.broadcast.payload,
                         "{\"text\":\"hi\",\"seq\":8,\"prev\":7,"
                         "\"at\":\"1970-01-01T00:00:01.000Z\",\"from\":\"ann\"}"));
    assert_true(m.broadcast.except.n == 0 && m.broadcast.binary == 0);
}

static void unknown_kinds_are_refused(void **state)
{
    (void)state;
    struct msg_entry good = created("user:ann:notifications", 1), e;
    e = good, e.kind = ENTRY_none, assert_false(publish_entry(&p, &e));
    e = good, e.kind = ENTRY_KIND_COUNT, assert_false(publish_entry(&p, &e));
    e = good, e.type = TYPE_COUNT, assert_false(publish_entry(&p, &e));
    e = good, e.content = BYTES("{}"), assert_false(publish_entry(&p, &e));
    e = good, e.at_ms = UINT64_MAX, assert_false(publish_entry(&p, &e));
    e = good, e.kind = ENTRY_read, e.ids = BYTES("short"), assert_false(publish_entry(&p, &e));
    assert_true(publish_entry(&p, &good));
    e = good, e.kind = ENTRY_message, assert_false(publish_entry(&p, &e)); /* no event */
    e.event = BYTES("phx_close"), assert_false(publish_entry(&p, &e));
    e.event = BYTES("say"), e.content = BYTES(""), assert_false(publish_entry(&p, &e));
}

static void the_broker_comes_and_goes(void **state)
{
    (void)state;
    zmq_close(broker);
    broker = NULL;
    until_change(PUBLISH_down);
    broker_open();
    until_change(PUBLISH_up);
    struct msg_entry e = created("user:ann:notifications", 1);
    publish_entry(&p, &e);
    publish_flush(&p);
    struct mp_in in = bucket_part("user:ann:notifications");
    expect_broadcast(&in, "user:ann:notifications", 1, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_message_for_each_bucket), TEST(more_than_a_turn_holds),
        TEST(a_message_of_a_topic),      TEST(unknown_kinds_are_refused),
        TEST(the_broker_comes_and_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
