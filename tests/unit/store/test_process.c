/* SPDX-License-Identifier: Apache-2.0 */
/* The real program: every request over its socket, group commit by the count, its bounds, how it
 * starts and how it leaves. */
#include "tests/unit/store/process.h"

#include "store/engine_lmdb.h"

static int setup(void **state)
{
    struct process *p = test_calloc(1, sizeof *p);
    process_open(p, NULL);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    process_close(*state);
    unsetenv("BELFRY_STORE_QUEUE");
    unsetenv("BELFRY_STORE_MAP_MB");
    test_free(*state);
    return 0;
}

static void every_request_is_answered(void **state)
{
    struct process *p = *state;
    assert_true(process_start(p));
    struct asker a = asker_new(p), notifier = asker_new(p);
    struct msg m = asker_ask(&a, create_for("ann", "key"));
    assert_int_equal(m.id, MSG_created);
    assert_int_equal(m.created.status, ERR_OK);
    assert_int_equal(m.created.first_seq, 1);
    uint8_t id[ID_SIZE];
    id_make(m.created.at_ms, 1, id);
    assert_int_equal(asker_ask(&a, create_for("ann", "key")).created.first_seq, 1);
    assert_int_equal(asker_ask(&a, create_for("ann", "")).created.first_seq, 2);
    struct msg_inbox in = ask_inbox(&a, "ann", 0, 10);
    assert_int_equal(in.unread, 2);
    assert_int_equal(in.items.count, 2);
    assert_int_equal(in.log_seq, 2);
    m = asker_ask(&a, (struct msg){.id = MSG_mark,
                                   .mark = {.observed_seq = UINT64_MAX,
                                            .user = BYTES("ann"),
                                            .ids = {(const char *)id, ID_SIZE}}});
    assert_int_equal(m.id, MSG_changed);
    assert_int_equal(m.changed.changed.n, ID_SIZE);
    assert_int_equal(m.changed.unread, 1);
    m = asker_ask(&a, (struct msg){.id = MSG_mark_all,
                                   .mark_all = {.observed_seq = UINT64_MAX,
                                                .user = BYTES("ann"),
                                                .up_to = UINT64_MAX}});
    assert_int_equal(m.id, MSG_changed);
    assert_int_equal(m.changed.up_to, 2);
    assert_int_equal(m.changed.seq, 4);
    m = asker_ask(&a,
                  (struct msg){.id = MSG_since,
                               .since = {.topic = BYTES("user:ann:notifications"), .since = 1}});
    assert_int_equal(m.id, MSG_changes);
    assert_int_equal(m.changes.entries.count, 3);
    m = asker_ask(&a, (struct msg){.id = MSG_heads_since});
    assert_int_equal(m.id, MSG_heads);
    assert_int_equal(m.heads.to, 4);
    assert_int_equal(m.heads.topics.count, 1);
    m = asker_ask(&a, (struct msg){.id = MSG_expire});
    assert_int_equal(m.id, MSG_expired);
    assert_int_equal(m.expired.next_in_ms, UINT64_MAX);
    assert_int_equal(ask_check(&a), 1);

    struct msg follow = {.id = MSG_follow, .follow = {.after = UINT64_MAX, .window = 100}};
    asker_send(&notifier, &follow);
    struct mp_in tail = asker_wait(&notifier);
    assert_true(msg_read(&tail, &m));
    assert_int_equal(m.id, MSG_tail);
    assert_int_equal(m.tail.from, 0);
    assert_int_equal(m.tail.to, 4);
    assert_int_equal(m.tail.entries.count, 4);
    struct msg followed = {.id = MSG_followed, .followed = {.to = 4, .keep = 1}};
    asker_send(&notifier, &followed);
    asker_ask(&a, create_for("bob", ""));
    tail = asker_wait(&notifier);
    assert_true(msg_read(&tail, &m));
    assert_int_equal(m.tail.from, 4);
    assert_int_equal(m.tail.to, 5);
    assert_int_equal(counter_of(p, "log_head"), 5);
    assert_int_equal(counter_of(p, "notifier_seq"), 4);
    assert_int_equal(counter_of(p, "idem_repeats"), 1);

    char said[4000];
    assert_int_equal(process_end(p, SIGTERM, said, sizeof said), EXIT_drained);
    assert_true(process_start(p)); /* and all of it is there */
    asker_again(&a);
    asker_again(&notifier);
    assert_int_equal(ask_inbox(&a, "ann", 0, 10).unread, 0);
    assert_int_equal(ask_inbox(&a, "bob", 0, 10).unread, 1);
    asker_send(&notifier, &follow);
    tail = asker_wait(&notifier);
    assert_true(msg_read(&tail, &m));
    assert_int_equal(m.tail.from, 4); /* the kept position */
    asker_free(&a);
    asker_free(&notifier);
}

static struct msg topic_request(enum msg_id id)
{
    static struct buf users;
    static char room[300];
    struct msg m = {.id = id};
    users = (struct buf){.p = room, .cap = sizeof room, .max = sizeof room};
    mp_put_str(&users, BYTES("ann"));
    mp_put_str(&users, BYTES("bob"));
    switch (id) {
    case MSG_publish:
        m.publish = (struct msg_publish){.topic = BYTES("room:7"),
                                         .event = BYTES("message.create"),
                                         .payload = BYTES("{}"),
                                         .user = BYTES("ann"),
                                         .members_only = 1,
                                         .history = 10};
        break;
    case MSG_history:
        m.history = (struct msg_history){.topic = BYTES("room:7"), .limit = 10};
        break;
    case MSG_member:
        m.member = (struct msg_member){
            .topic = BYTES("room:7"), .add = 1, .users = list_of(&users, 2)};
        break;
    case MSG_members:
        m.members = (struct msg_members){.topic = BYTES("room:7"), .limit = 10};
        break;
    case MSG_fanout:
        m.fanout = (struct msg_fanout){.source = 1,
                                       .topic = BYTES("room:7"),
                                       .author = BYTES("ann"),
                                       .type = TYPE_activity,
                                       .content = BYTES("{\"title\":\"New\"}")};
        break;
    case MSG_fanout_step:
        m.fanout_step = (struct msg_fanout_step){.source = 1, .limit = 10};
        break;
    case MSG_seen:
        m.seen.user = BYTES("ann");
        break;
    case MSG_user:
        m.user.user = BYTES("ann");
        break;
    default:
        break;
    }
    return m;
}

static void every_request_of_topics_is_answered(void **state)
{
    struct process *p = *state;
    assert_true(process_start(p));
    struct asker a = asker_new(p);
    assert_int_equal(asker_ask(&a, topic_request(MSG_publish)).published.status, ERR_FORBIDDEN);
    struct msg m = asker_ask(&a, topic_request(MSG_member));
    assert_int_equal(m.id, MSG_membered);
    assert_int_equal(m.membered.changed, 2);
    m = asker_ask(&a, topic_request(MSG_publish));
    assert_int_equal(m.id, MSG_published);
    assert_int_equal(m.published.seq, 1);
    m = asker_ask(&a, topic_request(MSG_fanout));
    assert_int_equal(m.id, MSG_fanned);
    assert_int_equal(m.fanned.status, ERR_OK);
    m = asker_ask(&a, topic_request(MSG_fanouts));
    assert_int_equal(m.id, MSG_fanout_list);
    assert_int_equal(m.fanout_list.fanouts.count, 1);
    m = asker_ask(&a, topic_request(MSG_seen));
    assert_int_equal(m.id, MSG_user_info);
    uint64_t seen_ms = m.user_info.seen_ms;
    assert_true(seen_ms > 0);
    char said[4000];
    assert_int_equal(process_end(p, SIGKILL, said, sizeof said), 1000 + SIGKILL);
    assert_true(process_start(p)); /* and all of it is there */
    asker_again(&a);
    m = asker_ask(&a, topic_request(MSG_history));
    assert_int_equal(m.id, MSG_page);
    assert_int_equal(m.page.seq, 1);
    assert_int_equal(m.page.entries.count, 1);
    m = asker_ask(&a, topic_request(MSG_members));
    assert_int_equal(m.id, MSG_member_list);
    assert_int_equal(m.member_list.users.count, 2);
    m = asker_ask(&a, topic_request(MSG_fanout_step));
    assert_int_equal(m.fanned.made, 1);
    assert_int_equal(m.fanned.done, 1);
    m = asker_ask(&a, topic_request(MSG_user));
    assert_int_equal(m.user_info.seen_ms, seen_ms);
    assert_int_equal(ask_inbox(&a, "bob", 0, 10).unread, 1);
    assert_int_equal(ask_inbox(&a, "ann", 0, 10).unread, 0);
    assert_int_equal(counter_of(p, "fanned"), 1);
    assert_int_equal(ask_check(&a), 3); /* ann has looked, too */
    asker_free(&a);
}

static void askers_share_commits(void **state)
{
    enum { ASKERS = 64, EACH = 30 };
    struct process *p = *state;
    static struct asker a[ASKERS];
    static unsigned left[ASKERS];
    zmq_pollitem_t on[ASKERS];
    assert_true(process_start(p));
    for (int i = 0; i < ASKERS; i++) {
        a[i] = asker_new(p);
        on[i] = (zmq_pollitem_t){.socket = a[i].dealer, .events = ZMQ_POLLIN};
        left[i] = EACH;
        struct msg m = create_for(i % 2 ? "ann" : "bob", "");
        asker_send(&a[i], &m);
    }
    for (unsigned done = 0; done < ASKERS * EACH;) { /* each asks again when it is answered */
        loop_wait(on, ASKERS, LOOP_NEVER, 0);
        for (int i = 0; i < ASKERS; i++) {
            if (!on[i].revents || !sock_read(a[i].dealer, &a[i].part))
                continue;
            struct mp_in in = mp_over(sock_bytes(&a[i].part));
            struct msg m;
            assert_true(msg_read(&in, &m));
            assert_int_equal(m.created.status, ERR_OK);
            done++;
            m = create_for(i % 2 ? "ann" : "bob", "");
            if (--left[i] > 0)
                asker_send(&a[i], &m);
        }
    }
    uint64_t writes = counter_of(p, "writes"), commits = counter_of(p, "commits");
    print_message("writes=%llu commits=%llu batch_max=%llu sync_us=%llu\n",
                  (unsigned long long)writes, (unsigned long long)commits,
                  (unsigned long long)counter_of(p, "batch_max"),
                  (unsigned long long)counter_of(p, "sync_us"));
    assert_int_equal(writes, ASKERS * EACH);
    assert_true(commits * 4 <= writes);
    assert_int_equal(ask_inbox(&a[0], "ann", 0, 0).unread, ASKERS * EACH / 2);
    assert_int_equal(ask_check(&a[0]), 2);
    for (int i = 0; i < ASKERS; i++)
        asker_free(&a[i]);
}

static void a_full_queue_says_later(void **state)
{
    enum { COUNT = 2000 };
    struct process *p = *state;
    setenv("BELFRY_STORE_QUEUE", "16", 1);
    assert_true(process_start(p));
    struct asker a = asker_new(p);
    struct msg m;
    buf_reset(&a.out);
    for (uint64_t i = 1; i <= COUNT; i++) { /* in one part: they arrive in one turn */
        m = create_for("ann", "");
        m.create.req = i;
        msg_write(&a.out, &m);
    }
    assert_true(sock_send(a.dealer, buf_all(&a.out), 0));
    uint64_t good = 0, later = 0;
    while (good + later < COUNT) {
        struct mp_in in = asker_wait(&a);
        while (msg_read(&in, &m)) {
            assert_true(m.created.status == ERR_OK || m.created.status == ERR_LATER);
            ++*(m.created.status == ERR_OK ? &good : &later);
        }
        assert_true(in.ok);
    }
    assert_int_equal(good, 16);
    assert_int_equal(counter_of(p, "refused_full"), later);
    assert_int_equal(ask_inbox(&a, "ann", 0, 0).unread, good);
    asker_free(&a);
}

static void the_map_grows_by_itself(void **state)
{
    enum { PARTS = 30, EACH = 500 };
    struct process *p = *state;
    setenv("BELFRY_STORE_MAP_MB", "1", 1);
    assert_true(process_start(p));
    struct asker a = asker_new(p), reader = asker_new(p);
    struct msg m;
    for (int part = 0; part < PARTS; part++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", part);
        buf_reset(&a.out);
        m = create_for(user, "");
        for (int i = 0; i < EACH; i++)
            msg_write(&a.out, &m);
        assert_true(sock_send(a.dealer, buf_all(&a.out), 0));
        uint64_t answers = 0;
        while (answers < EACH) {
            ask_inbox(&reader, "u0", 0, 50); /* reads go on meanwhile */
            struct mp_in in = asker_wait(&a);
            for (; msg_read(&in, &m); answers++)
                assert_int_equal(m.created.status, ERR_OK);
        }
    }
    assert_int_equal(ask_check(&a), PARTS);
    for (int part = 0; part < PARTS; part++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", part);
        assert_int_equal(ask_inbox(&a, user, 0, 0).unread, EACH);
    }
    char said[8000];
    assert_int_equal(process_end(p, SIGTERM, said, sizeof said), EXIT_drained);
    assert_non_null(strstr(said, "engine.grow map_mb=2"));
    assert_true(process_start(p)); /* with a map smaller than what is there */
    asker_again(&a);
    assert_int_equal(ask_inbox(&a, "u3", 0, 0).unread, EACH);
    assert_int_equal(asker_ask(&a, create_for("u3", "")).created.status, ERR_OK);
    asker_free(&a);
    asker_free(&reader);
}

static void term_answers_what_it_took(void **state)
{
    struct process *p = *state;
    assert_true(process_start(p));
    struct asker a = asker_new(p);
    struct msg m;
    asker_ask(&a, create_for("ann", ""));
    buf_reset(&a.out);
    for (int i = 0; i < 3000; i++) {
        m = create_for("ann", "");
        msg_write(&a.out, &m);
    }
    assert_true(sock_send(a.dealer, buf_all(&a.out), 0));
    while (counter_of(p, "waiting") == 0 && counter_of(p, "log_head") == 1)
        usleep(100); /* until it has them */
    char said[4000];
    assert_int_equal(process_end(p, SIGTERM, said, sizeof said), EXIT_drained);
    uint64_t answers = 0;
    while (answers < 3000) {
        struct mp_in in = asker_wait(&a);
        for (; msg_read(&in, &m); answers++)
            assert_int_equal(m.created.status, ERR_OK);
    }
    asker_free(&a);
}

static void there_is_one_store_to_a_folder(void **state)
{
    struct process *p = *state;
    char said[4000];
    assert_true(process_start(p));
    struct process second = *p;
    assert_false(process_start(&second));
    assert_int_equal(process_end(&second, 0, said, sizeof said), EXIT_again);
    struct asker a = asker_new(p);
    assert_int_equal(asker_ask(&a, create_for("ann", "")).created.status, ERR_OK);
    asker_free(&a);
}

static void without_its_first_record_it_stays_down(void **state)
{
    struct process *p = *state;
    char said[4000];
    assert_true(process_start(p));
    struct asker a = asker_new(p);
    asker_ask(&a, create_for("ann", ""));
    asker_free(&a);
    process_end(p, SIGTERM, said, sizeof said);
    enum err why;
    struct engine *e = engine_lmdb_open(paths_of(&p->settings).db, 1 << 20, &why);
    struct txn *t = NULL;
    assert_int_equal(engine_write(e, &t), ERR_OK);
    txn_put(t, TABLE_meta, BYTES("store"), BYTES("\1\2\3\4\5\6\7\10"));
    assert_int_equal(txn_commit(&t), ERR_OK);
    engine_close(&e);
    assert_false(process_start(p));
    assert_int_equal(process_end(p, 0, said, sizeof said), EXIT_refused);
    assert_non_null(strstr(said, "table=meta key=store"));
}

int main(void)
{
#define WITH_PROCESS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_PROCESS(every_request_is_answered),
        WITH_PROCESS(every_request_of_topics_is_answered),
        WITH_PROCESS(askers_share_commits),
        WITH_PROCESS(a_full_queue_says_later),
        WITH_PROCESS(the_map_grows_by_itself),
        WITH_PROCESS(term_answers_what_it_took),
        WITH_PROCESS(there_is_one_store_to_a_folder),
        WITH_PROCESS(without_its_first_record_it_stays_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
