/* SPDX-License-Identifier: Apache-2.0 */
/* The broker over real sockets: who gets what, when a subscription holds, and that a restart of
 * anybody needs nobody's help. The bus runs in this thread, turn by turn, so that what it has seen
 * can be looked at between; the last test kills the real program. */
#include "broker/bus.h"
#include "lib/clock.h"
#include "proto/messages.h"
#include "proto/topic.h"
#include "tests/lib/process.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { PATIENCE_MS = 10000, QUEUE = 50000 };

struct world {
    void *ctx;
    struct bus bus;
    struct counter count[BUS_COUNT];
    char folder[40], in[100], out[100];
};

static void bus_start(struct world *w, int queue)
{
    char file[120];
    snprintf(file, sizeof file, "%s/in.lock", w->folder);
    unlink(file); /* held for the life of a process, and here it is the same one again */
    snprintf(file, sizeof file, "%s/out.lock", w->folder);
    unlink(file);
    bus_open(&w->bus, w->ctx, w->in, w->out, queue);
    memset(w->count, 0, sizeof w->count);
    w->bus.count = w->count;
}

static void world_open(struct world *w, int queue)
{
    snprintf(w->folder, sizeof w->folder, "/tmp/bus.XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->in, sizeof w->in, "ipc://%s/in", w->folder);
    snprintf(w->out, sizeof w->out, "ipc://%s/out", w->folder);
    w->ctx = zmq_ctx_new();
    bus_start(w, queue);
}

static void world_close(struct world *w)
{
    zmq_ctx_term(w->ctx);
    folder_remove(w->folder);
}

static void *subscriber(struct world *w)
{
    void *s = sock_new(w->ctx, ZMQ_SUB, QUEUE);
    sock_set(s, ZMQ_SNDHWM, 0);
    sock_connect(s, w->out);
    return s;
}

static void subscribe(void *s, struct bytes key)
{
    assert_int_equal(zmq_setsockopt(s, ZMQ_SUBSCRIBE, key.p, key.n), 0);
}

/* Turn the bus until `s` has a message, and give its text. */
static const char *next(struct world *w, void *s, int patience_ms)
{
    static char text[256];
    uint64_t end_ms = clock_ms() + (uint64_t)patience_ms;
    while (clock_ms() < end_ms) {
        if (w->bus.in)
            bus_run(&w->bus, 1000);
        zmq_pollitem_t on[] = {{.socket = s, .events = ZMQ_POLLIN},
                               {.socket = w->bus.in, .events = ZMQ_POLLIN},
                               {.socket = w->bus.out, .events = ZMQ_POLLIN}};
        if (zmq_poll(on, w->bus.in ? 3 : 1, 5) < 1 || !on[0].revents)
            continue;
        int n = zmq_recv(s, text, sizeof text - 1, 0);
        assert_in_range(n, 0, sizeof text - 1);
        text[n] = '\0';
        return text;
    }
    return NULL;
}

/* The message is `confirmed {name}` under the key of that name. */
static bool confirms(const char *text, const char *key)
{
    size_t n = strlen(key);
    if (!text || strncmp(text, key, n) != 0)
        return false;
    struct mp_in in = mp_over(bytes_of(text + n));
    struct msg m;
    return msg_read(&in, &m) && m.id == MSG_confirmed && bytes_is(m.confirmed.name, key + 1);
}

static void wait_confirmed(struct world *w, void *s, const char *key)
{
    subscribe(s, bytes_of(key));
    assert_true(confirms(next(w, s, PATIENCE_MS), key));
}

/* A PUB that the bus has asked for everything: an XPUB, because it can tell. */
static void *publisher(struct world *w)
{
    void *p = sock_new(w->ctx, ZMQ_XPUB, 0);
    sock_connect(p, w->in);
    assert_string_equal(next(w, p, PATIENCE_MS), "\x01");
    return p;
}

static void publish(void *p, uint16_t bucket, const char *text)
{
    char part[64];
    bus_key(bucket, part);
    snprintf(part + BUS_KEY, sizeof part - BUS_KEY, "%s", text);
    assert_true(sock_send(p, (struct bytes){part, BUS_KEY + strlen(text)}, 0));
}

static void subscribe_bucket(void *s, uint16_t bucket)
{
    char key[BUS_KEY];
    bus_key(bucket, key);
    subscribe(s, (struct bytes){key, sizeof key});
}

static void whole_topics(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, QUEUE);
    void *s = subscriber(&w), *p = publisher(&w);
    uint16_t room7 = topic_bucket(BYTES("room:7")), room70 = topic_bucket(BYTES("room:70"));
    assert_int_not_equal(room7, room70);
    subscribe_bucket(s, room7);
    wait_confirmed(&w, s, "Zone");
    publish(p, room70, "room:70");
    publish(p, (uint16_t)(room7 ^ 0x0100), "same low byte");
    publish(p, (uint16_t)(room7 ^ 0x0001), "same high byte");
    publish(p, room7, "room:7");
    assert_string_equal(next(&w, s, PATIENCE_MS) + BUS_KEY, "room:7");
    zmq_close(s);
    zmq_close(p);
    bus_close(&w.bus);
    world_close(&w);
}

static void subscribe_all(void *s)
{
    for (unsigned i = 0; i < TOPIC_BUCKETS; i++)
        subscribe_bucket(s, (uint16_t)i);
}

/* Publish once to every bucket; all of them must come, in order. */
static void expect_all(struct world *w, void *p, void *s)
{
    char want[16];
    for (unsigned i = 0; i < TOPIC_BUCKETS; i++) {
        snprintf(want, sizeof want, "n%u", i);
        publish(p, (uint16_t)i, want);
    }
    for (unsigned i = 0; i < TOPIC_BUCKETS; i++) {
        const char *got = next(w, s, PATIENCE_MS);
        snprintf(want, sizeof want, "n%u", i);
        assert_non_null(got);
        assert_string_equal(got + BUS_KEY, want);
    }
}

static void every_bucket_holds(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, QUEUE);
    void *s = subscriber(&w), *p = publisher(&w);
    subscribe_all(s);
    subscribe(s, BYTES("Zall"));
    assert_true(confirms(next(&w, s, PATIENCE_MS), "Zall"));
    assert_int_equal(w.count[COUNT_subscribes].value, TOPIC_BUCKETS + 1);
    expect_all(&w, p, s);
    zmq_close(s);
    zmq_close(p);
    bus_close(&w.bus);
    world_close(&w);
}

/* After a restart of the broker libzmq subscribes again, in its own order: the confirmation must
 * still come behind everything that it vouches for. */
static void confirmed_last_after_restart(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, QUEUE);
    void *s = subscriber(&w), *p = publisher(&w);
    wait_confirmed(&w, s, "Zagain");
    subscribe(s, BYTES("H"));
    subscribe_all(s);
    bus_close(&w.bus);
    assert_null(next(&w, s, 50)); /* both ends notice */

    void *bare = sock_new(w.ctx, ZMQ_XPUB, 0); /* in the broker's place: what comes, in its order */
    assert_int_equal(zmq_bind(bare, w.out), 0);
    char key[16] = "";
    for (int i = 0; i < TOPIC_BUCKETS + 2; i++) {
        zmq_pollitem_t on[] = {{.socket = bare, .events = ZMQ_POLLIN},
                               {.socket = s, .events = ZMQ_POLLIN}};
        while (!on[0].revents) /* the subscriber's turns replay */
            assert_true(zmq_poll(on, 2, PATIENCE_MS) > 0);
        memset(key, 0, sizeof key);
        assert_true(zmq_recv(bare, key, sizeof key - 1, 0) > 1);
    }
    assert_string_equal(key + 1, "Zagain");
    zmq_close(bare);
    assert_null(next(&w, s, 50));

    bus_start(&w, QUEUE);
    while (w.count[COUNT_confirmed].value == 0)
        bus_run(&w.bus, 1000);
    assert_int_equal(w.count[COUNT_subscribes].value, TOPIC_BUCKETS + 2);
    assert_true(confirms(next(&w, s, PATIENCE_MS), "Zagain"));
    zmq_close(p);
    p = publisher(&w);
    expect_all(&w, p, s);
    zmq_close(s);
    zmq_close(p);
    bus_close(&w.bus);
    world_close(&w);
}

/* Up to the longest name; a longer one is nobody's of ours, and waits in vain. */
static void a_name_of_any_length_is_confirmed(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, QUEUE);
    void *s = subscriber(&w);
    char key[80];
    memset(key, 'Z', sizeof key);
    subscribe(s, (struct bytes){key, 66});
    for (size_t n = 2; n <= 65; n++) {
        key[n] = '\0';
        wait_confirmed(&w, s, key);
        key[n] = 'Z';
    }
    assert_int_equal(w.count[COUNT_confirmed].value, 64);
    zmq_close(s);
    bus_close(&w.bus);
    world_close(&w);
}

static void restarts_of_peers(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, QUEUE);
    void *s = subscriber(&w), *p = publisher(&w);
    subscribe_bucket(s, 7);
    wait_confirmed(&w, s, "Zsession.0");
    zmq_close(p);
    p = publisher(&w);
    publish(p, 7, "by the new publisher");
    assert_string_equal(next(&w, s, PATIENCE_MS) + BUS_KEY, "by the new publisher");

    void *other = subscriber(&w); /* the old one still there: the same name is confirmed again */
    subscribe_bucket(other, 7);
    wait_confirmed(&w, other, "Zsession.0");
    zmq_close(s);
    publish(p, 7, "to the new subscriber");
    assert_string_equal(next(&w, other, PATIENCE_MS) + BUS_KEY, "to the new subscriber");
    zmq_close(other);
    zmq_close(p);
    bus_close(&w.bus);
    world_close(&w);
}

static void a_slow_one_harms_nobody(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 100);
    void *slow = sock_new(w.ctx, ZMQ_SUB, 10), *s = subscriber(&w), *p = publisher(&w);
    sock_connect(slow, w.out);
    subscribe_bucket(slow, 7);
    wait_confirmed(&w, slow, "Zslow");
    subscribe_bucket(s, 7);
    wait_confirmed(&w, s, "Zquick");
    char text[51];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 20000; i++) {
        publish(p, 7, text);
        assert_non_null(next(&w, s, PATIENCE_MS));
    }
    int kept = 0;
    while (next(&w, slow, 20))
        kept++;
    assert_in_range(kept, 1, 19999); /* its own queue was full, and is bounded */
    zmq_close(slow);
    zmq_close(s);
    zmq_close(p);
    bus_close(&w.bus);
    world_close(&w);
}

static void killed_and_back(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, QUEUE);
    bus_close(&w.bus); /* the program takes its place */
    zmq_ctx_term(w.ctx);
    char data[60];
    snprintf(data, sizeof data, "%s/data", w.folder);
    pid_t pid = process_start("belfry-broker", data);
    w.ctx = zmq_ctx_new();
    snprintf(w.in, sizeof w.in, "ipc://%s/run/broker/in", data);
    snprintf(w.out, sizeof w.out, "ipc://%s/run/broker/out", data);
    void *s = subscriber(&w), *p = publisher(&w);
    subscribe_all(s);
    wait_confirmed(&w, s, "Zprogram");
    uint64_t worst_ms = 0;
    for (int round = 0; round < 5; round++) {
        process_kill(pid);
        uint64_t from_ms = clock_ms();
        pid = process_start("belfry-broker", data);
        assert_true(confirms(next(&w, s, PATIENCE_MS), "Zprogram"));
        publish(p, 99, "still here");
        const char *got;
        while ((got = next(&w, s, 5)) == NULL) /* the publisher may be the last to be back */
            publish(p, 99, "still here");
        assert_string_equal(got + BUS_KEY, "still here");
        uint64_t took_ms = clock_ms() - from_ms;
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
        while (next(&w, s, 20))
            ;
    }
    print_message("back %llu ms after its death, at worst of 5\n", (unsigned long long)worst_ms);
    assert_int_equal(process_end(pid), 0);
    zmq_close(s);
    zmq_close(p);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_topics),
        cmocka_unit_test(every_bucket_holds),
        cmocka_unit_test(restarts_of_peers),
        cmocka_unit_test(confirmed_last_after_restart),
        cmocka_unit_test(killed_and_back),
        cmocka_unit_test(a_slow_one_harms_nobody),
        cmocka_unit_test(a_name_of_any_length_is_confirmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
