/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 at random moments, under writers with many requests on their way: what was acknowledged is
 * there, once; what was not is there once or not at all, and a repeat tells which. SEED=n replays the
 * moments, as far as the machine does. */
#include "tests/unit/store/process.h"

enum { ROUNDS = 12, WRITERS = 4, IN_FLIGHT = 16, USERS = 7, KEYS_MAX = 200000 };

struct world {
    struct process process;
    struct asker writers[WRITERS];
    uint64_t acknowledged[KEYS_MAX]; /* the seq by key; 0: not yet */
    uint64_t keys, done, dice;
};

static struct world w;

static uint64_t roll(uint64_t sides)
{
    w.dice ^= w.dice << 13;
    w.dice ^= w.dice >> 7;
    w.dice ^= w.dice << 17;
    return w.dice % sides;
}

/* The same key asks for the same, whenever it asks; req is the key. */
static void send_key(struct asker *a, uint64_t key)
{
    char user[20], text[30];
    snprintf(user, sizeof user, "u%llu", (unsigned long long)(key % USERS));
    snprintf(text, sizeof text, "key-%llu", (unsigned long long)key);
    struct msg m = create_for(user, text);
    m.create.req = key;
    asker_send(a, &m);
}

/* All answers that are there; how many. */
static unsigned hear(struct asker *a)
{
    unsigned n = 0;
    struct msg m;
    while (sock_read(a->dealer, &a->part)) {
        struct mp_in in = mp_over(sock_bytes(&a->part));
        for (; msg_read(&in, &m); n++) {
            assert_int_equal(m.id, MSG_created);
            assert_int_equal(m.created.status, ERR_OK);
            assert_true(m.created.req < w.keys);
            uint64_t *seq = &w.acknowledged[m.created.req];
            assert_true(*seq == 0 || *seq == m.created.first_seq); /* the same answer for ever */
            w.done += *seq == 0;
            *seq = m.created.first_seq;
        }
        assert_true(in.ok);
    }
    return n;
}

static void wait_for_answers(uint64_t until_ms)
{
    zmq_pollitem_t on[WRITERS];
    for (int i = 0; i < WRITERS; i++)
        on[i] = (zmq_pollitem_t){.socket = w.writers[i].dealer, .events = ZMQ_POLLIN};
    loop_wait(on, WRITERS, until_ms, clock_ms());
}

/* Write until the moment comes. */
static void write_until(uint64_t until_ms)
{
    for (int i = 0; i < WRITERS; i++)
        for (int k = 0; k < IN_FLIGHT; k++)
            send_key(&w.writers[i], w.keys++);
    while (clock_ms() < until_ms) {
        wait_for_answers(until_ms);
        for (int i = 0; i < WRITERS; i++)
            for (unsigned n = hear(&w.writers[i]); n > 0 && w.keys < KEYS_MAX; n--)
                send_key(&w.writers[i], w.keys++);
    }
}

/* Ask again for everything, acknowledged or not. */
static void ask_again(uint64_t from)
{
    uint64_t until = clock_ms() + PATIENCE_MS;
    for (uint64_t key = from; key < w.keys; key++)
        send_key(&w.writers[key % WRITERS], key);
    while (w.done < w.keys) {
        assert_true(clock_ms() < until);
        wait_for_answers(until);
        for (int i = 0; i < WRITERS; i++)
            hear(&w.writers[i]);
    }
}

static void compare(void)
{
    uint64_t unread = 0, newest = 0;
    struct asker a = asker_new(&w.process);
    for (int i = 0; i < USERS; i++) {
        char user[20];
        snprintf(user, sizeof user, "u%d", i);
        unread += ask_inbox(&a, user, 0, 0).unread;
        newest = ask_inbox(&a, user, 0, 0).log_seq;
    }
    assert_int_equal(unread, w.keys);
    assert_int_equal(newest, w.keys); /* no position was given twice, none is empty */
    assert_int_equal(ask_check(&a), USERS);
    asker_free(&a);
}

static void what_was_acknowledged_is_there_once(void **state)
{
    (void)state;
    const char *text = getenv("SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : (uint64_t)getpid() * 2654435761 + clock_ms();
    print_message("SEED=%llu\n", (unsigned long long)seed);
    w.dice = seed | 1;
    process_open(&w.process, NULL);
    assert_true(process_start(&w.process));
    for (int i = 0; i < WRITERS; i++)
        w.writers[i] = asker_new(&w.process);
    uint64_t in_the_air = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t from = w.keys;
        write_until(clock_ms() + 5 + roll(60));
        assert_int_equal(process_end(&w.process, SIGKILL, NULL, 0), 1000 + SIGKILL);
        in_the_air += w.keys - w.done;
        assert_true(process_start(&w.process));
        for (int i = 0; i < WRITERS; i++)
            asker_again(&w.writers[i]);
        ask_again(from);
        compare();
    }
    print_message("keys=%llu unanswered when killed=%llu\n", (unsigned long long)w.keys,
                  (unsigned long long)in_the_air);
    assert_true(in_the_air > 0); /* else it was never killed at work */
    for (int i = 0; i < WRITERS; i++)
        asker_free(&w.writers[i]);
    process_close(&w.process);
}

/* -- a fan-out -------------------------------------------------------------------------------- */

enum { MEMBERS = 3000, FANOUT_KILLS = 20, PAGE = 20 };

static void make_members(struct asker *a)
{
    struct buf users;
    char name[20];
    buf_init(&users, 100000);
    for (unsigned from = 0; from < MEMBERS;) {
        unsigned n = 0;
        buf_reset(&users);
        for (; n < USERS_MAX && from < MEMBERS; n++, from++) {
            snprintf(name, sizeof name, "m%u", from);
            mp_put_str(&users, bytes_of(name));
        }
        struct msg m = {
            .id = MSG_member,
            .member = {.topic = BYTES("room:7"), .add = 1, .users = list_of(&users, n)}};
        assert_int_equal(asker_ask(a, m).membered.changed, n);
    }
    buf_fini(&users);
}

static void begin_fanout(struct asker *a, uint64_t source)
{
    struct msg m = {.id = MSG_fanout,
                    .fanout = {.source = source,
                               .topic = BYTES("room:7"),
                               .author = BYTES("m7"),
                               .type = TYPE_activity,
                               .content = BYTES("{\"title\":\"New\"}")}};
    assert_int_equal(asker_ask(a, m).fanned.status, ERR_OK);
}

/* Page after page until the moment comes, then it is killed with one on its way. True: all done. */
static bool step_until(struct asker *a, uint64_t source, uint64_t until_ms)
{
    struct msg m = {.id = MSG_fanout_step, .fanout_step = {.source = source, .limit = PAGE}};
    while (clock_ms() < until_ms)
        if (asker_ask(a, m).fanned.done)
            return true;
    asker_send(a, &m);
    return false;
}

static void a_fan_out_goes_on_where_it_was(void **state)
{
    (void)state;
    struct process p;
    uint64_t kills = 0, fanouts = 0;
    process_open(&p, NULL);
    assert_true(process_start(&p));
    struct asker a = asker_new(&p);
    make_members(&a);
    while (kills < FANOUT_KILLS) {
        struct msg m = asker_ask(&a, (struct msg){.id = MSG_publish,
                                                  .publish = {.topic = BYTES("room:7"),
                                                              .event = BYTES("message.create"),
                                                              .payload = BYTES("{}"),
                                                              .history = 10}});
        uint64_t source = m.published.seq;
        fanouts++;
        for (bool done = false; !done;) {
            begin_fanout(&a, source);
            done = step_until(&a, source,
                              kills < FANOUT_KILLS ? clock_ms() + roll(40) : UINT64_MAX);
            if (done)
                break;
            assert_int_equal(process_end(&p, SIGKILL, NULL, 0), 1000 + SIGKILL);
            kills++;
            assert_true(process_start(&p));
            asker_again(&a);
        }
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        char name[20];
        snprintf(name, sizeof name, "m%u", i);
        assert_int_equal(ask_inbox(&a, name, 0, 0).unread, i == 7 ? 0 : fanouts);
    }
    ask_check(&a);
    print_message("fan-outs=%llu kills=%llu\n", (unsigned long long)fanouts,
                  (unsigned long long)kills);
    asker_free(&a);
    process_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_was_acknowledged_is_there_once),
                                       cmocka_unit_test(a_fan_out_goes_on_where_it_was)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
