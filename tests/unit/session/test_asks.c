/* SPDX-License-Identifier: Apache-2.0 */
/* Requests over a real socket to a peer that answers, is late, dies and returns. Each waiter is told
 * once. Time is data: no deadline is waited for. */
#include "tests/unit/edge.h"

#include "lib/clock.h"
#include "lib/loop.h"
#include "session/asks.h"

enum { PATIENCE_MS = 20000, TTL_MS = 5000, WAITERS = ASKS_MAX + 10, T0 = 1000 };

static struct told {
    unsigned times;
    enum err e;
    bool answered; /* with a message */
    uint64_t next_in_ms;
} told[WAITERS];

static struct world {
    char folder[32], endpoint[64];
    void *ctx, *router;
    struct asks *asks;
    uint64_t asked, failed;
    uint64_t now_ms;
    struct buf out;      /* the peer's, being written */
    uint8_t peer_id[16]; /* of our DEALER, as the peer sees it */
    size_t peer_id_n;
} w;

/* ---- the peer ---- */

static void peer_start(void)
{
    w.router = sock_new(w.ctx, ZMQ_ROUTER, 0);
    assert_int_equal(zmq_bind(w.router, w.endpoint), 0);
}

static void peer_die(void)
{
    zmq_close(w.router);
    w.router = NULL;
}

static void turn(void)
{
    asks_flush(w.asks);
    asks_read(w.asks, w.now_ms);
}

static void wait_for(bool (*true_now)(void))
{
    uint64_t end_ms = clock_ms() + PATIENCE_MS;
    turn();
    while (!true_now()) {
        zmq_pollitem_t on[LINK_POLL];
        asks_poll(w.asks, on);
        assert_true(clock_ms() < end_ms);
        loop_wait(on, LINK_POLL, end_ms, clock_ms());
        turn();
    }
}

static bool up(void)
{
    return asks_up(w.asks);
}

static bool down(void)
{
    return !asks_up(w.asks);
}

/* What the peer has read: the next message for it, waited for. */
static struct peer_in {
    zmq_msg_t part;
    struct mp_in in;
    bool open;
} got;

static void peer_part(void)
{
    zmq_pollitem_t on = {.socket = w.router, .events = ZMQ_POLLIN};
    loop_wait(&on, 1, clock_ms() + PATIENCE_MS, clock_ms());
    assert_true(sock_read(w.router, &got.part));
    assert_true(zmq_msg_size(&got.part) <= sizeof w.peer_id);
    w.peer_id_n = zmq_msg_size(&got.part);
    memcpy(w.peer_id, zmq_msg_data(&got.part), w.peer_id_n);
    assert_true(zmq_msg_more(&got.part));
    assert_true(sock_read(w.router, &got.part));
    assert_false(zmq_msg_more(&got.part));
    got.in = mp_over(sock_bytes(&got.part));
}

static struct msg peer_read(void)
{
    struct msg m;
    turn();
    if (mp_end(&got.in))
        peer_part();
    assert_true(msg_read(&got.in, &m));
    return m;
}

/* Nothing has reached the peer, though everything before it has: a telling behind it shows that. */
static void assert_peer_reads_nothing(void)
{
    struct msg end = {.id = MSG_poll_gone, .poll_gone = {.req = 4711}};
    ask_tell(w.asks, &end);
    struct msg m = peer_read();
    assert_int_equal(m.id, MSG_poll_gone);
    assert_true(mp_end(&got.in));
}

static void peer_send(struct bytes bytes)
{
    assert_true(sock_send(w.router, (struct bytes){(char *)w.peer_id, w.peer_id_n}, ZMQ_SNDMORE));
    assert_true(sock_send(w.router, bytes, 0));
}

static void answer_put(uint64_t req, uint64_t status, uint64_t value)
{
    struct msg m = {.id = MSG_expired,
                    .expired = {.req = req, .status = status, .next_in_ms = value}};
    msg_write(&w.out, &m);
}

static void answers_send(void)
{
    peer_send(buf_all(&w.out));
    buf_reset(&w.out);
}

/* ---- who asks ---- */

static void done(struct ask_waiter waiter, const struct msg *answer, enum err e)
{
    struct told *t = &told[waiter.tag];
    t->times++;
    t->e = e;
    t->answered = answer != NULL;
    t->next_in_ms = answer ? answer->expired.next_in_ms : 0;
    assert_ptr_equal(waiter.about, t);
}

static uint64_t ask_one(unsigned who, bool again)
{
    struct msg m = {.id = MSG_expire};
    struct ask_waiter waiter = {done, NULL, &told[who], who};
    told[who] = (struct told){0};
    return ask(w.asks, &m, w.now_ms, TTL_MS, again, waiter);
}

static unsigned watched;
static bool told_it(void)
{
    return told[watched].times > 0;
}

static void wait_told(unsigned who)
{
    watched = who;
    wait_for(told_it);
}

static void assert_told(unsigned who, enum err e)
{
    if (told[who].times != 1 || told[who].e != e)
        fail_msg("waiter %u: told %u times, last %s", who, told[who].times, err_name(told[who].e));
    assert_int_equal(told[who].answered, e == ERR_OK || e == ERR_CONFLICT || e == ERR_PROTOCOL);
}

static int open_world(void **state)
{
    (void)state;
    w = (struct world){.now_ms = T0, .ctx = zmq_ctx_new()};
    strcpy(w.folder, "/tmp/b-XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    snprintf(w.endpoint, sizeof w.endpoint, "ipc://%s/s", w.folder);
    buf_init(&w.out, FRAME_MAX);
    zmq_msg_init(&got.part);
    got.in = mp_over(BYTES(""));
    w.asks = asks_new(w.ctx, w.endpoint, &w.asked, &w.failed);
    return 0;
}

static int open_world_with_peer(void **state)
{
    open_world(state);
    peer_start();
    wait_for(up);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    asks_free(&w.asks);
    assert_null(w.asks);
    if (w.router)
        zmq_close(w.router);
    zmq_msg_close(&got.part);
    zmq_ctx_term(w.ctx);
    buf_fini(&w.out);
    unlink(w.endpoint + strlen("ipc://"));
    return rmdir(w.folder);
}

/* ---- the tests ---- */

static void each_answer_finds_its_waiter(void **state)
{
    (void)state;
    uint64_t numbers[3];
    for (unsigned i = 0; i < 3; i++)
        numbers[i] = ask_one(i, i == 1);
    for (unsigned i = 0; i < 3; i++) {
        struct msg m = peer_read();
        assert_int_equal(m.id, MSG_expire);
        assert_true(m.expire.req == numbers[i]);
        assert_int_equal(m.expire.ttl_ms, TTL_MS);
    }
    assert_true(mp_end(&got.in)); /* a turn's requests are one message */
    for (unsigned i = 3; i-- > 0;)
        answer_put(numbers[i], i == 2 ? ERR_CONFLICT : ERR_OK, 100 + i);
    answers_send();
    wait_told(0);
    assert_told(0, ERR_OK);
    assert_told(1, ERR_OK);
    assert_told(2, ERR_CONFLICT);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(told[i].next_in_ms, 100 + i);
    assert_int_equal(w.asked, 3);
    assert_int_equal(w.failed, 0);
    assert_true(asks_deadline_ms(w.asks) == LOOP_NEVER);
}

static void a_second_answer_and_one_to_nobody_are_ignored(void **state)
{
    (void)state;
    uint64_t number = ask_one(0, true);
    peer_read();
    answer_put(0, ERR_OK, 0);
    answer_put(number + 1, ERR_OK, 0);
    answer_put(number ^ (UINT64_C(1) << 40), ERR_OK, 0);
    answer_put(UINT64_MAX, ERR_OK, 0);
    answer_put(number, ERR_OK, 1);
    answer_put(number, ERR_CONFLICT, 2);
    answers_send();
    wait_told(0);
    assert_told(0, ERR_OK);
    assert_int_equal(told[0].next_in_ms, 1);
}

static void what_is_no_answer_is_an_answer_to_nobody(void **state)
{
    (void)state;
    uint64_t first = ask_one(0, true), second = ask_one(1, true);
    peer_read();
    peer_read();
    answer_put(first, 200, 0); /* a status that we do not know */
    buf_text(&w.out, "\xc1 garbage");
    answers_send();
    peer_send(BYTES(""));
    peer_send(BYTES("\x91"));
    wait_told(0);
    assert_told(0, ERR_PROTOCOL);
    answer_put(second, ERR_OK, 0);
    answers_send();
    wait_told(1);
    assert_told(1, ERR_OK);
}

static void after_the_deadline_nobody_knows(void **state)
{
    (void)state;
    uint64_t first = ask_one(0, true), second = ask_one(1, false);
    peer_read();
    peer_read();
    assert_true(asks_deadline_ms(w.asks) <= T0 + 100);
    w.now_ms = T0 + TTL_MS - 1;
    turn();
    assert_int_equal(told[0].times + told[1].times, 0);
    w.now_ms = T0 + TTL_MS + 100; /* deadlines are looked at every 50 ms */
    turn();
    assert_told(0, ERR_UNKNOWN);
    assert_told(1, ERR_UNKNOWN);
    assert_int_equal(w.failed, 2);

    /* Their slots are taken by others: late answers find nobody. */
    uint64_t third = ask_one(2, true), fourth = ask_one(3, true);
    assert_true(third != first && third != second && fourth != first && fourth != second);
    peer_read();
    peer_read();
    answer_put(first, ERR_OK, 1);
    answer_put(second, ERR_OK, 2);
    answer_put(third, ERR_OK, 3);
    answers_send();
    wait_told(2);
    assert_told(0, ERR_UNKNOWN);
    assert_told(1, ERR_UNKNOWN);
    assert_told(2, ERR_OK);
    assert_int_equal(told[2].next_in_ms, 3);
    assert_int_equal(told[3].times, 0);
}

/* What never left can be asked again without a doubt. */
static void without_a_peer_it_is_later(void **state)
{
    (void)state;
    ask_one(0, true);
    ask_one(1, false);
    turn();
    w.now_ms = T0 + TTL_MS + 100;
    turn();
    assert_told(0, ERR_LATER);
    assert_told(1, ERR_LATER);
    ask_one(2, true); /* those that time out are not asked when it comes */
    ask_one(3, false);
    peer_start();
    wait_for(up);
    struct msg m = peer_read();
    answer_put(m.expire.req, ERR_OK, 0);
    m = peer_read();
    answer_put(m.expire.req, ERR_OK, 0);
    assert_peer_reads_nothing();
    answers_send();
    wait_told(2);
    assert_told(2, ERR_OK);
    assert_told(3, ERR_OK);
}

static void the_peer_dies_and_returns(void **state)
{
    (void)state;
    uint64_t again = ask_one(0, true);
    ask_one(1, false);
    peer_read();
    peer_read();
    peer_die();
    wait_for(down);
    assert_int_equal(told[0].times, 0); /* it waits */
    assert_told(1, ERR_UNKNOWN);        /* done, or not */
    uint64_t while_away = ask_one(2, false), while_away_again = ask_one(3, true);
    turn();
    peer_start();
    wait_for(up);
    bool seen[3] = {false};
    for (unsigned i = 0; i < 3; i++) {
        struct msg m = peer_read();
        seen[0] = seen[0] || m.expire.req == again;
        seen[1] = seen[1] || m.expire.req == while_away;
        seen[2] = seen[2] || m.expire.req == while_away_again;
        answer_put(m.expire.req, ERR_OK, 0);
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    assert_peer_reads_nothing();
    answers_send();
    wait_told(0);
    assert_told(0, ERR_OK);
    assert_told(1, ERR_UNKNOWN);
    assert_told(2, ERR_OK);
    assert_told(3, ERR_OK);
}

/* It had the request once: that it did not return in time does not undo what it may have done. */
static void the_peer_dies_and_does_not_return(void **state)
{
    (void)state;
    ask_one(0, true);
    peer_read();
    peer_die();
    wait_for(down);
    w.now_ms = T0 + TTL_MS + 100;
    turn();
    assert_told(0, ERR_UNKNOWN);
}

static void the_peer_dies_many_times(void **state)
{
    (void)state;
    uint64_t number = ask_one(0, true);
    for (unsigned life = 0; life < 5; life++) {
        struct msg m = peer_read();
        assert_true(m.expire.req == number);
        peer_die();
        wait_for(down);
        peer_start();
        wait_for(up);
    }
    peer_read();
    answer_put(number, ERR_OK, 0);
    answers_send();
    wait_told(0);
    assert_told(0, ERR_OK);
    assert_int_equal(w.asked, 1);
}

static void cancelled_is_never_told(void **state)
{
    (void)state;
    uint64_t answered = ask_one(0, true), late = ask_one(1, true), lost = ask_one(2, false);
    ask_cancel(w.asks, 0);
    ask_cancel(w.asks, UINT64_MAX);
    ask_cancel(w.asks, answered ^ (UINT64_C(1) << 20)); /* its slot, another generation */
    for (unsigned i = 0; i < 3; i++)
        peer_read();
    ask_cancel(w.asks, answered);
    ask_cancel(w.asks, answered);
    ask_cancel(w.asks, late);
    ask_cancel(w.asks, lost);
    uint64_t other = ask_one(3, true);
    peer_read();
    answer_put(answered, ERR_OK, 0);
    answer_put(other, ERR_OK, 0);
    answers_send();
    wait_told(3);
    assert_told(3, ERR_OK);
    peer_die();
    wait_for(down);
    w.now_ms = T0 + TTL_MS + 100;
    turn();
    assert_true(asks_deadline_ms(w.asks) == LOOP_NEVER); /* nothing is kept */
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(told[i].times, 0);
}

static void a_telling_is_lost_when_the_peer_is_away(void **state)
{
    (void)state;
    struct msg m = {.id = MSG_poll_gone, .poll_gone = {.req = 1, .slot = 2}};
    ask_tell(w.asks, &m);
    m = peer_read();
    assert_int_equal(m.poll_gone.slot, 2);
    peer_die();
    wait_for(down);
    ask_tell(w.asks, &m);
    turn();
    peer_start();
    wait_for(up);
    assert_peer_reads_nothing();
}

static unsigned told_from, told_to;
static bool all_of_them(void)
{
    for (unsigned i = told_from; i < told_to; i++)
        if (told[i].times == 0)
            return false;
    return true;
}

static void more_than_the_most_is_told_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ASKS_MAX; i++)
        assert_true(ask_one(i, i % 2 == 0) != 0);
    assert_int_equal(w.failed, 0);
    assert_int_equal(ask_one(ASKS_MAX, true), 0);
    assert_told(ASKS_MAX, ERR_LATER);
    assert_int_equal(w.failed, 1);
    assert_int_equal(w.asked, ASKS_MAX);
    peer_start();
    wait_for(up);
    for (unsigned i = 0; i < ASKS_MAX; i++) {
        struct msg m = peer_read();
        answer_put(m.expire.req, ERR_OK, 0);
    }
    answers_send();
    told_from = 0;
    told_to = ASKS_MAX;
    wait_for(all_of_them);
    for (unsigned i = 0; i < ASKS_MAX; i++)
        assert_told(i, ERR_OK);
    assert_true(ask_one(ASKS_MAX + 1, true) != 0); /* there is room again */
}

static void the_most_is_as_it_was_set(void **state)
{
    (void)state;
    asks_most(w.asks, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_true(ask_one(i, true) != 0);
    assert_int_equal(ask_one(3, true), 0);
    assert_told(3, ERR_LATER);
    assert_int_equal(w.failed, 1);
}

/* More bytes than a turn may send: they follow, and none twice. */
static void more_than_a_turn_can_carry(void **state)
{
    (void)state;
    enum { COUNT = 100, BODY = 100000 };
    static char body[BODY];
    static unsigned seen[COUNT];
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < COUNT; i++) {
        struct msg m = {.id = MSG_poll, .poll = {.slot = i, .body = {body, BODY}}};
        struct ask_waiter waiter = {done, NULL, &told[i], i};
        told[i] = (struct told){0};
        ask(w.asks, &m, w.now_ms, TTL_MS, i % 2 == 0, waiter);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        struct msg m = peer_read();
        assert_int_equal(m.id, MSG_poll);
        assert_int_equal(m.poll.body.n, BODY);
        seen[m.poll.slot]++;
        answer_put(m.poll.req, ERR_OK, 0);
    }
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(seen[i], 1);
    assert_peer_reads_nothing();
    answers_send();
    told_from = 0;
    told_to = COUNT;
    wait_for(all_of_them);
}

/* From within done(): the slot is free already, and the table may grow under it. */
static void ask_more(struct ask_waiter waiter, const struct msg *answer, enum err e)
{
    (void)answer;
    (void)e;
    unsigned who = (unsigned)waiter.tag;
    told[who].times++;
    told[who].e = e;
    for (unsigned i = 0; i < 100; i++)
        ask_one(100 + who * 100 + i, true);
}

static void a_waiter_may_ask_again_when_told(void **state)
{
    (void)state;
    uint64_t numbers[4];
    for (unsigned i = 0; i < 4; i++) {
        struct msg m = {.id = MSG_expire};
        struct ask_waiter waiter = {ask_more, NULL, NULL, i};
        told[i] = (struct told){0};
        numbers[i] = ask(w.asks, &m, w.now_ms, i == 1 ? 100 : TTL_MS, i != 2, waiter);
        peer_read();
    }
    answer_put(numbers[0], ERR_OK, 0);
    answers_send();
    wait_told(0);
    w.now_ms += 200;
    turn(); /* the deadline of the second */
    assert_int_equal(told[1].e, ERR_UNKNOWN);
    peer_die();
    wait_for(down); /* the third may have been done */
    assert_int_equal(told[2].e, ERR_UNKNOWN);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(told[i].times, 1);
    assert_int_equal(told[3].times, 0);
    peer_start();
    wait_for(up);
    for (unsigned i = 0; i < 301; i++) {
        struct msg m = peer_read();
        answer_put(m.expire.req, ERR_OK, 0);
    }
    answers_send();
    told_from = 100;
    told_to = 400;
    wait_for(all_of_them);
    for (unsigned i = 100; i < 400; i++)
        assert_told(i, ERR_OK);
}

static void at_the_end_all_are_told(void **state)
{
    (void)state;
    ask_one(0, true);
    ask_one(1, false);
    uint64_t cancelled = ask_one(2, true);
    ask_cancel(w.asks, cancelled);
    turn();
    asks_free(&w.asks);
    assert_told(0, ERR_UNKNOWN);
    assert_told(1, ERR_UNKNOWN);
    assert_int_equal(told[2].times, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world_with_peer, close_world)
#define TEST_ALONE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_answer_finds_its_waiter),
        TEST(a_second_answer_and_one_to_nobody_are_ignored),
        TEST(what_is_no_answer_is_an_answer_to_nobody),
        TEST(after_the_deadline_nobody_knows),
        TEST_ALONE(without_a_peer_it_is_later),
        TEST(the_peer_dies_and_returns),
        TEST(the_peer_dies_and_does_not_return),
        TEST(the_peer_dies_many_times),
        TEST(cancelled_is_never_told),
        TEST(a_telling_is_lost_when_the_peer_is_away),
        TEST_ALONE(more_than_the_most_is_told_at_once),
        TEST_ALONE(the_most_is_as_it_was_set),
        TEST(more_than_a_turn_can_carry),
        TEST(a_waiter_may_ask_again_when_told),
        TEST(at_the_end_all_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
