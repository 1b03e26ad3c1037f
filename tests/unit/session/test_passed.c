/* SPDX-License-Identifier: Apache-2.0 */
/* When a process is past a position of the log: it has heard of everything up to there, and the store has answered
 * what was asked after that. Over a real socket to a store that answers when it is told to. */
#include "tests/unit/edge.h"

#include "lib/clock.h"
#include "session/asks.h"
#include "session/live/heads.h"
#include "session/live/live.h"
#include "session/live/passed.h"

enum { PATIENCE_MS = 10000, T0 = 1000 };

static struct world {
    char folder[32], endpoint[64];
    void *ctx, *store;
    struct settings settings;
    struct session s;
    struct counter counts[COUNT_COUNT];
    uint64_t asked, failed;
} w;

static struct {
    unsigned times;
    bool all;
} told;

static void done(void *about, bool all)
{
    (void)about;
    told.times++;
    told.all = all;
}

static void turn(void)
{
    asks_read(w.s.store, w.s.now_ms);
    heads_tick(&w.s);
    passed_tick(&w.s);
    asks_flush(w.s.store);
}

static void wait_for(bool (*true_now)(void))
{
    uint64_t end_ms = clock_ms() + PATIENCE_MS;
    for (turn(); !true_now(); turn()) {
        zmq_pollitem_t on[LINK_POLL];
        asks_poll(w.s.store, on);
        assert_true(clock_ms() < end_ms);
        zmq_poll(on, LINK_POLL, 10);
    }
}

static bool the_store_is_asked(void)
{
    zmq_pollitem_t on = {.socket = w.store, .events = ZMQ_POLLIN};
    return zmq_poll(&on, 1, 0) > 0;
}

static bool the_log_is_known(void)
{
    return heads_past(&w.s, 10);
}

static bool it_is_told(void)
{
    return told.times > 0;
}

/* The next question to the store, answered: the log ends at `to`. */
static void store_answers(uint64_t to, enum err status)
{
    zmq_msg_t from, part;
    struct msg m;
    wait_for(the_store_is_asked);
    zmq_msg_init(&from);
    zmq_msg_init(&part);
    assert_true(sock_read(w.store, &from));
    assert_true(sock_read(w.store, &part));
    struct mp_in in = mp_over(sock_bytes(&part));
    assert_true(msg_read(&in, &m));
    assert_int_equal(m.id, MSG_heads_since);
    assert_true(mp_end(&in));
    struct msg answer = {.id = MSG_heads,
                         .heads = {.req = m.heads_since.req, .status = status, .to = to}};
    struct buf out;
    buf_init(&out, BATCH_MAX);
    msg_write(&out, &answer);
    assert_true(sock_send(w.store, sock_bytes(&from), ZMQ_SNDMORE));
    assert_true(sock_send(w.store, buf_all(&out), 0));
    buf_fini(&out);
    zmq_msg_close(&from);
    zmq_msg_close(&part);
}

static int setup(void **state)
{
    (void)state;
    w = (struct world){.ctx = zmq_ctx_new(), .settings = {.request_ms = 1000, .sessions = 1}};
    w.s = (struct session){.settings = &w.settings, .counts = w.counts, .now_ms = T0};
    strcpy(w.folder, "/tmp/b-passed-XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    snprintf(w.endpoint, sizeof w.endpoint, "ipc://%s/store", w.folder);
    w.store = sock_new(w.ctx, ZMQ_ROUTER, 0);
    assert_int_equal(zmq_bind(w.store, w.endpoint), 0);
    w.s.store = asks_new(w.ctx, w.endpoint, &w.asked, &w.failed);
    heads_new(&w.s);
    live_new(&w.s);
    told.times = 0;
    store_answers(10, ERR_OK);
    wait_for(the_log_is_known);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    passed_stop(&w.s);
    asks_free(&w.s.store);
    live_free(&w.s.live);
    heads_free(&w.s.heads);
    zmq_close(w.store);
    zmq_ctx_term(w.ctx);
    unlink(w.endpoint + strlen("ipc://"));
    return rmdir(w.folder);
}

static void what_was_heard_of_is_past_when_the_store_has_answered(void **state)
{
    (void)state;
    passed_everywhere(&w.s, 10, done, NULL);
    wait_for(the_store_is_asked);
    assert_int_equal(told.times, 0);
    store_answers(10, ERR_OK);
    wait_for(it_is_told);
    assert_true(told.all);
}

static void what_was_not_is_waited_for(void **state)
{
    (void)state;
    passed_everywhere(&w.s, 20, done, NULL);
    turn();
    assert_int_equal(w.asked, 1); /* what the log's end is, at the start */
    heads_heard(&w.s, &(struct msg_heads){.from = 10, .to = 20});
    wait_for(the_store_is_asked);
    assert_int_equal(told.times, 0);
    store_answers(20, ERR_OK);
    wait_for(it_is_told);
    assert_true(told.all);
}

static void a_store_that_cannot_say_is_asked_again(void **state)
{
    (void)state;
    passed_everywhere(&w.s, 10, done, NULL);
    store_answers(10, ERR_WORLD);
    wait_for(the_store_is_asked);
    assert_int_equal(told.times, 0);
    store_answers(10, ERR_OK);
    wait_for(it_is_told);
    assert_true(told.all);
}

static void after_a_while_the_answer_is_no(void **state)
{
    (void)state;
    passed_everywhere(&w.s, 30, done, NULL);
    w.s.now_ms += PASS_MS - 1;
    turn();
    assert_int_equal(told.times, 0);
    w.s.now_ms++;
    turn();
    assert_int_equal(told.times, 1);
    assert_false(told.all);
}

static void more_than_may_wait_are_told_no_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PASS_MAX; i++)
        passed_everywhere(&w.s, 30, done, NULL);
    turn();
    assert_int_equal(told.times, 0);
    passed_everywhere(&w.s, 30, done, NULL);
    turn();
    assert_int_equal(told.times, 1);
    assert_false(told.all);
    passed_stop(&w.s);
    assert_int_equal(told.times, PASS_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_STORE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        WITH_STORE(what_was_heard_of_is_past_when_the_store_has_answered),
        WITH_STORE(what_was_not_is_waited_for),
        WITH_STORE(a_store_that_cannot_say_is_asked_again),
        WITH_STORE(after_a_while_the_answer_is_no),
        WITH_STORE(more_than_may_wait_are_told_no_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
