/* SPDX-License-Identifier: Apache-2.0 */
/* Store, broker and notifier for real, and a listener that knows what a session knows: under a
 * stream of creates, notifier, broker and store are killed at random moments. Whatever was lost on
 * the way must show: as a broadcast whose `prev` is not what we have, as a head that is newer, or as
 * heads that do not begin where the last ones ended. Then the listener asks the store, as a session
 * does. Soon after the last create it must know the newest seq of every topic.
 * SEED=n repeats the moments. */
#include "lib/clock.h"
#include "lib/link.h"
#include "proto/messages.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "tests/lib/process.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { USERS = 20, CREATES = 3000, KILLS = 15, HEAL_MS = 2000, WAIT_MS = 20000 };
enum { DEALER, MONITOR, SUB, ON };

static struct world {
    char folder[32], data[48];
    void *ctx, *sub;
    struct link store;
    pid_t pids[3];
    uint64_t next_create, waiting; /* answers under way */
    uint64_t newest[USERS];        /* as the store acknowledged it */
    uint64_t have[USERS];          /* as a session would have it */
    uint64_t heads_to;
    bool asked; /* heads_since under way */
    uint64_t casts, holes, newer, breaks;
} w;

static const char *const programs[] = {"belfry-store", "belfry-broker", "belfry-notifier"};

static unsigned user_of(struct bytes topic)
{
    struct bytes user;
    unsigned i;
    assert_true(topic_user(topic, &user));
    assert_int_equal(sscanf(user.p, "u%u:", &i), 1);
    assert_in_range(i, 0, USERS - 1);
    return i;
}

/* The log was read: all of the topic up to `seq` is known. */
static void heal(unsigned user, uint64_t seq)
{
    if (seq > w.have[user])
        w.have[user] = seq;
}

static void create(void)
{
    struct buf users;
    char name[8];
    buf_init(&users, 64);
    snprintf(name, sizeof name, "u%u", (unsigned)(w.next_create % USERS));
    mp_put_str(&users, bytes_of(name));
    char key[24];
    snprintf(key, sizeof key, "key-%u", (unsigned)w.next_create);
    msg_write(link_out(&w.store),
              &(struct msg){.id = MSG_create,
                            .create = {.req = w.next_create,
                                       .ttl_ms = WAIT_MS,
                                       .users = list_of(&users, 1),
                                       .type = TYPE_activity,
                                       .content = BYTES("{\"type\":\"activity\",\"title\":\"x\"}"),
                                       .key = bytes_of(key),
                                       .body_hash = BYTES("0123456789abcdef")}});
    buf_fini(&users);
}

/* One at a time, and again after the store was away: the key makes that harmless. */
static void next_create(void)
{
    if (w.store.up && w.next_create < CREATES && !w.waiting) {
        create();
        w.waiting = 1;
    }
}

static void heads_since(void)
{
    if (!w.store.up || w.asked)
        return;
    w.asked = true;
    msg_write(
        link_out(&w.store),
        &(struct msg){.id = MSG_heads_since,
                      .heads_since = {.req = CREATES + 1, .ttl_ms = WAIT_MS, .from = w.heads_to}});
}

static void take_topics(struct mp_list topics, uint64_t *count)
{
    struct mp_in in = list_in(topics);
    struct msg m;
    while (msg_read(&in, &m)) {
        unsigned user = user_of(m.head.topic);
        if (m.head.seq > w.have[user])
            ++*count;
        heal(user, m.head.seq);
    }
}

static void answer(const struct msg *m)
{
    if (m->id == MSG_created) {
        assert_int_equal(m->created.status, ERR_OK);
        assert_int_equal(m->created.req, w.next_create);
        w.newest[w.next_create % USERS] = m->created.first_seq;
        w.next_create++;
        w.waiting = 0;
    } else if (m->id == MSG_heads) {
        assert_int_equal(m->heads.status, ERR_OK);
        uint64_t ignored = 0;
        take_topics(m->heads.topics, &ignored);
        w.heads_to = m->heads.to > w.heads_to ? m->heads.to : w.heads_to;
        w.asked = false;
    }
}

static void broadcast(const struct msg_broadcast *b)
{
    unsigned user = user_of(b->topic);
    if (b->seq <= w.have[user])
        return; /* twice */
    w.casts++;
    if (b->prev != w.have[user])
        w.holes++;
    heal(user, b->seq);
}

static void heads(const struct msg_heads *h)
{
    take_topics(h->topics, &w.newer);
    if (h->from > w.heads_to) {
        w.breaks++;
        heads_since(); /* again with the next ones, until it is answered */
    } else if (h->to > w.heads_to) {
        w.heads_to = h->to;
    }
}

static void heard(struct bytes part)
{
    size_t key = part.p[0] == BUS_TOPIC ? BUS_KEY : 1;
    struct mp_in in = mp_over((struct bytes){part.p + key, part.n - key});
    struct msg m;
    while (msg_read(&in, &m)) {
        if (m.id == MSG_broadcast)
            broadcast(&m.broadcast);
        else if (m.id == MSG_heads)
            heads(&m.heads);
    }
    assert_true(in.ok);
}

static void turn(void)
{
    zmq_pollitem_t on[ON] = {[SUB] = {.socket = w.sub, .events = ZMQ_POLLIN}};
    link_poll(&w.store, on);
    next_create();
    link_flush(&w.store);
    zmq_poll(on, ON, 10);
    zmq_msg_t part;
    zmq_msg_init(&part);
    while (link_change(&w.store) != LINK_same) {
        w.waiting = 0;
        w.asked = false;
    }
    while (link_read(&w.store, &part)) {
        struct mp_in in = mp_over(sock_bytes(&part));
        struct msg m;
        while (msg_read(&in, &m))
            answer(&m);
    }
    while (sock_read(w.sub, &part))
        heard(sock_bytes(&part));
    zmq_msg_close(&part);
}

static bool knows_all(void)
{
    return memcmp(w.have, w.newest, sizeof w.have) == 0;
}

static void open_all(void)
{
    snprintf(w.folder, sizeof w.folder, "/tmp/crash.XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    snprintf(w.data, sizeof w.data, "%s/d", w.folder);
    /* All at once: none needs another to be there first. */
    for (int i = 0; i < 3; i++)
        w.pids[i] = process_start(programs[i], w.data);
    char endpoint[100];
    w.ctx = zmq_ctx_new();
    w.sub = sock_new(w.ctx, ZMQ_SUB, 100000);
    sock_set(w.sub, ZMQ_SNDHWM, 0);
    zmq_setsockopt(w.sub, ZMQ_SUBSCRIBE, "T", 1);
    zmq_setsockopt(w.sub, ZMQ_SUBSCRIBE, "H", 1);
    snprintf(endpoint, sizeof endpoint, "ipc://%s/run/broker/out", w.data);
    sock_connect(w.sub, endpoint);
    snprintf(endpoint, sizeof endpoint, "ipc://%s/run/store/socket", w.data);
    link_open(&w.store, w.ctx, endpoint, BATCH_MAX);
}

static void close_all(void)
{
    link_close(&w.store);
    zmq_close(w.sub);
    zmq_ctx_term(w.ctx);
    for (int i = 2; i >= 0; i--)
        assert_int_equal(process_end(w.pids[i]), 0);
    folder_remove(w.folder);
}

static void nothing_is_lost_for_good(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)atoi(given) : (unsigned)getpid();
    print_message("SEED=%u\n", seed);
    srand(seed);
    open_all();
    uint64_t worst_ms = 0;
    for (int kills = 1; kills <= KILLS; kills++) {
        uint64_t until = w.next_create + (unsigned)rand() % (CREATES / KILLS / 2) + 1;
        uint64_t stuck_ms = clock_ms() + WAIT_MS;
        while (w.next_create < until) {
            turn();
            assert_true(clock_ms() < stuck_ms);
        }
        int victim = kills % 3;
        process_kill(w.pids[victim]);
        /* With luck it was between publishing and sending: stop, so that nothing later tells. */
        w.pids[victim] = process_start(programs[victim], w.data);
        while (w.waiting) {
            turn();
            assert_true(clock_ms() < stuck_ms + WAIT_MS);
        }
        uint64_t from_ms = clock_ms(), creates = w.next_create;
        while (!knows_all()) {
            w.waiting = 1; /* nothing new meanwhile */
            turn();
            if (clock_ms() > from_ms + HEAL_MS)
                fail_msg("not healed after %d kills, %s last", kills, programs[victim]);
        }
        assert_int_equal(w.next_create, creates);
        w.waiting = 0;
        uint64_t took_ms = clock_ms() - from_ms;
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
    }
    print_message("%llu creates, %llu heard live; lost and found: %llu by prev, %llu by a head, "
                  "%llu by heads that do not meet; healed after %llu ms at worst\n",
                  (unsigned long long)w.next_create, (unsigned long long)w.casts,
                  (unsigned long long)w.holes, (unsigned long long)w.newer,
                  (unsigned long long)w.breaks, (unsigned long long)worst_ms);
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_lost_for_good)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
