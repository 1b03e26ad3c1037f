/* SPDX-License-Identifier: Apache-2.0 */
/* Store, broker and notifier for real: messages become notifications for 2,000 members, and notifier
 * or store are killed at random points of it, again and again. Each member is notified exactly once
 * of each message, its author never. SEED=n repeats the moments. */
#include "lib/clock.h"
#include "lib/link.h"
#include "proto/messages.h"
#include "tests/lib/process.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MEMBERS = 2000, RUNS = 10, KILLS = 5, ROOMS = 2, WAIT_MS = 30000, ASKED_MAX = 500 };
enum { MESSAGES_MAX = RUNS * KILLS * ROOMS };
_Static_assert((int)MESSAGES_MAX <= (int)PAGE_MAX, "an inbox is read in one page");

static const char config[] = "topic\n"
                             "    pattern = \"room:{id}\"\n"
                             "    history = 100\n"
                             "rule\n"
                             "    event = say\n"
                             "    topic = \"room:{id}\"\n"
                             "    title = \"{from} in {id}\"\n";

static struct world {
    char folder[32], data[48], conf[48];
    void *ctx;
    struct link store;
    pid_t pids[3];
    uint64_t req, downs;
    uint64_t answers; /* of what was asked last */
    uint64_t failed;  /* of them */
    uint64_t changed;
    uint64_t left;          /* fan-outs that are not done */
    uint64_t have[MEMBERS]; /* notifications */
    uint64_t authored[MEMBERS];
    uint64_t published[MESSAGES_MAX];
    unsigned published_n;
    uint64_t first; /* number of the first one's request */
} w;

static const char *const programs[] = {"belfry-store", "belfry-broker", "belfry-notifier"};
enum { STORE, BROKER, NOTIFIER };

static void name_of(unsigned i, char out[16])
{
    snprintf(out, 16, "m%u", i);
}

/* Every item is of one of the messages, of none twice. */
static void take_inbox(const struct msg_inbox *m)
{
    unsigned member = (unsigned)(m->req - w.first);
    bool seen[MESSAGES_MAX] = {0};
    struct mp_in in = list_in(m->items);
    struct msg item;
    w.have[member] = m->items.count;
    while (msg_read(&in, &item)) {
        char content[512];
        unsigned long long seq;
        snprintf(content, sizeof content, "%.*s", (int)item.item.content.n, item.item.content.p);
        const char *at = strstr(content, "\"seq\":");
        assert_true(at && sscanf(at, "\"seq\":%llu", &seq) == 1);
        unsigned k = 0;
        while (k < w.published_n && w.published[k] != seq)
            k++;
        if (k == w.published_n || seen[k])
            fail_msg("m%u: %s: %s", member, k == w.published_n ? "of no message" : "twice",
                     content);
        seen[k] = true;
    }
}

static void answer(const struct msg *m)
{
    uint64_t status = ERR_OK;
    switch (m->id) {
    case MSG_membered:
        status = m->membered.status;
        w.changed += m->membered.changed;
        break;
    case MSG_published:
        status = m->published.status;
        if (status == ERR_OK)
            w.published[w.published_n++] = m->published.seq;
        break;
    case MSG_fanout_list:
        status = m->fanout_list.status;
        w.left = m->fanout_list.fanouts.count;
        break;
    case MSG_inbox:
        status = m->inbox.status;
        if (status == ERR_OK)
            take_inbox(&m->inbox);
        break;
    default:
        return;
    }
    w.answers++;
    w.failed += status != ERR_OK;
}

/* Until `wait_ms` from now, or `count` answers are there. */
static void turn_until(uint64_t count, uint64_t wait_ms)
{
    uint64_t until_ms = clock_ms() + wait_ms;
    zmq_msg_t part;
    zmq_msg_init(&part);
    while (w.answers < count && clock_ms() < until_ms) {
        zmq_pollitem_t on[LINK_POLL];
        link_poll(&w.store, on);
        link_flush(&w.store);
        zmq_poll(on, LINK_POLL, 1);
        enum link_change change;
        while ((change = link_change(&w.store)) != LINK_same)
            w.downs += change == LINK_down;
        while (link_read(&w.store, &part)) {
            struct mp_in in = mp_over(sock_bytes(&part));
            struct msg m;
            while (msg_read(&in, &m))
                answer(&m);
        }
    }
    zmq_msg_close(&part);
}

static void expect_answers(uint64_t count)
{
    turn_until(count, WAIT_MS);
    assert_int_equal(w.answers, count);
    assert_int_equal(w.failed, 0);
    w.answers = 0;
}

static void make_members(const char *room)
{
    w.changed = 0;
    for (unsigned from = 0; from < MEMBERS; from += USERS_MAX) {
        struct buf users;
        buf_init(&users, 1 << 16);
        for (unsigned i = from; i < from + USERS_MAX; i++) {
            char name[16];
            name_of(i, name);
            mp_put_str(&users, bytes_of(name));
        }
        msg_write(link_out(&w.store),
                  &(struct msg){.id = MSG_member,
                                .member = {.req = ++w.req,
                                           .ttl_ms = WAIT_MS,
                                           .topic = bytes_of(room),
                                           .add = 1,
                                           .users = list_of(&users, USERS_MAX)}});
        buf_fini(&users);
    }
    expect_answers(MEMBERS / USERS_MAX);
    assert_int_equal(w.changed, MEMBERS);
}

static void say(const char *room, unsigned author)
{
    char name[16];
    name_of(author, name);
    msg_write(link_out(&w.store), &(struct msg){.id = MSG_publish,
                                                .publish = {.req = ++w.req,
                                                            .ttl_ms = WAIT_MS,
                                                            .topic = bytes_of(room),
                                                            .event = BYTES("say"),
                                                            .payload = BYTES("{\"text\":\"hi\"}"),
                                                            .user = bytes_of(name),
                                                            .members_only = 1,
                                                            .history = 100}});
}

static void read_inboxes(void)
{
    w.first = w.req + 1;
    for (unsigned from = 0; from < MEMBERS; from += ASKED_MAX) {
        for (unsigned i = from; i < from + ASKED_MAX; i++) {
            char name[16];
            name_of(i, name);
            msg_write(link_out(&w.store), &(struct msg){.id = MSG_snapshot,
                                                        .snapshot = {.req = ++w.req,
                                                                     .ttl_ms = WAIT_MS,
                                                                     .user = bytes_of(name),
                                                                     .limit = PAGE_MAX}});
        }
        expect_answers(ASKED_MAX);
    }
}

static uint64_t notifications(void)
{
    uint64_t all = 0;
    read_inboxes();
    for (unsigned i = 0; i < MEMBERS; i++)
        all += w.have[i];
    return all;
}

static uint64_t fanouts_left(void)
{
    msg_write(link_out(&w.store),
              &(struct msg){.id = MSG_fanouts, .fanouts = {.req = ++w.req, .ttl_ms = WAIT_MS}});
    expect_answers(1);
    return w.left;
}

/* After it went `downs` times: what is asked of one that is gone is lost. */
static void store_is_back(uint64_t downs)
{
    uint64_t until_ms = clock_ms() + WAIT_MS;
    while ((!w.store.up || w.downs < downs) && clock_ms() < until_ms)
        turn_until(UINT64_MAX, 2);
    assert_true(w.store.up);
    assert_int_equal(w.downs, downs);
    w.answers = w.failed = 0;
}

static void open_all(void)
{
    char endpoint[100];
    snprintf(w.folder, sizeof w.folder, "/tmp/fan.XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    snprintf(w.data, sizeof w.data, "%s/d", w.folder);
    snprintf(w.conf, sizeof w.conf, "%s/f", w.folder);
    FILE *f = fopen(w.conf, "w");
    assert_non_null(f);
    fputs(config, f);
    fclose(f);
    setenv("BELFRY_CONFIG", w.conf, 1);
    for (int i = 0; i < 3; i++)
        w.pids[i] = process_start(programs[i], w.data);
    w.ctx = zmq_ctx_new();
    snprintf(endpoint, sizeof endpoint, "ipc://%s/run/store/socket", w.data);
    link_open(&w.store, w.ctx, endpoint, BATCH_MAX);
    store_is_back(0);
}

static void close_all(void)
{
    link_close(&w.store);
    zmq_ctx_term(w.ctx);
    for (int i = 2; i >= 0; i--)
        assert_int_equal(process_end(w.pids[i]), 0);
    folder_remove(w.folder);
}

/* A message in each room, unless there is enough to do. */
static void say_more(void)
{
    static const char *const rooms[ROOMS] = {"room:a", "room:b"};
    if (fanouts_left() > 0)
        return;
    for (int i = 0; i < ROOMS; i++) {
        unsigned author = (unsigned)rand() % MEMBERS;
        w.authored[author]++;
        say(rooms[i], author);
    }
    expect_answers(ROOMS);
}

/* At once, when a begin may be under way, or later, when pages are. True: some were for sure. */
static bool kill_one(void)
{
    bool at_once = rand() % 3 == 0, middle = false;
    int victim = rand() % (at_once ? 2 : 3) == 0 ? STORE : NOTIFIER;
    if (!at_once) {
        turn_until(UINT64_MAX, (uint64_t)(rand() % 25));
        middle = fanouts_left() > 0;
    }
    process_kill(w.pids[victim]);
    w.pids[victim] = process_start(programs[victim], w.data);
    store_is_back(w.downs + (victim == STORE));
    return middle;
}

static void expect_each_once(void)
{
    uint64_t until_ms = clock_ms() + WAIT_MS, want = (uint64_t)w.published_n * (MEMBERS - 1);
    while (notifications() < want && clock_ms() < until_ms)
        turn_until(UINT64_MAX, 20);
    for (unsigned i = 0; i < MEMBERS; i++)
        if (w.have[i] + w.authored[i] != w.published_n)
            fail_msg("of %u messages m%u has %llu and wrote %llu", w.published_n, i,
                     (unsigned long long)w.have[i], (unsigned long long)w.authored[i]);
}

static void each_member_once_and_the_author_never(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)atoi(given) : (unsigned)getpid();
    unsigned middle = 0;
    print_message("SEED=%u\n", seed);
    srand(seed);
    open_all();
    make_members("room:a");
    make_members("room:b");
    for (int run = 0; run < RUNS; run++) {
        for (int kills = 0; kills < KILLS; kills++) {
            say_more();
            middle += kill_one();
        }
        expect_each_once();
    }
    assert_int_equal(fanouts_left(), 0);
    /* The log again from the kept position, and nothing comes of it. */
    for (int again = 0; again < 2; again++) {
        process_kill(w.pids[NOTIFIER]);
        w.pids[NOTIFIER] = process_start(programs[NOTIFIER], w.data);
        assert_int_equal(process_end(w.pids[NOTIFIER]), 0);
        w.pids[NOTIFIER] = process_start(programs[NOTIFIER], w.data);
        expect_each_once();
    }
    print_message("%d kills, %u of them with a fan-out under way, %u messages\n", RUNS * KILLS,
                  middle, w.published_n);
    assert_true(middle > RUNS * KILLS / 4); /* else this tests nothing */
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_member_once_and_the_author_never)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
