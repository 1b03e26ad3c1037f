/* SPDX-License-Identifier: Apache-2.0 */
/* Of an erased user nothing stays: every row of every table is searched for the name, and for what stands
 * for it: the number of its inbox, and, in what is remembered, a hash of it. */
#include "lib/hash.h"
#include "tests/unit/store/items.h"
#include "tests/unit/store/topics.h"

#define NAME "marie-curie"
#define INBOX "user:" NAME ":notifications"

/* Rows whose key or value has the name in it. */
static unsigned traces(struct desk *d, const char *name)
{
    struct txn *t = NULL;
    unsigned found = 0;
    requests_rest(&d->requests);
    assert_int_equal(engine_read(d->engine, &t), ERR_OK);
    for (unsigned table = 0; table < TABLE_COUNT; table++) {
        struct walk w;
        struct bytes key, value;
        walk_open(&w, t, (enum table)table, WALK_up, (struct bytes){0});
        while (walk_next(&w, &key, &value)) {
            bool there = memmem(key.p, key.n, name, strlen(name)) ||
                         (value.n > 0 && memmem(value.p, value.n, name, strlen(name)));
            if (there)
                print_message("%s in %s\n", name, table_name((enum table)table));
            found += there;
        }
        walk_close(&w);
    }
    txn_abort(&t);
    return found;
}

/* The short name of the inbox, in many tables; 0: it has none. */
static uint64_t number_of(struct desk *d, const char *inbox)
{
    struct txn *t = NULL;
    struct topic_row row;
    requests_rest(&d->requests);
    assert_int_equal(engine_read(d->engine, &t), ERR_OK);
    assert_int_equal(topic_load(t, bytes_of(inbox), &row), ERR_OK);
    txn_abort(&t);
    return row.no;
}

/* Rows of this table that are of the inbox with this number, or remember what NAME did. */
static unsigned nameless(struct desk *d, enum table table, uint64_t no)
{
    struct txn *t = NULL;
    struct walk w;
    struct bytes key, value;
    unsigned found = 0;
    requests_rest(&d->requests);
    assert_int_equal(engine_read(d->engine, &t), ERR_OK);
    walk_open(&w, t, table, WALK_up, (struct bytes){0});
    while (walk_next(&w, &key, &value))
        if (key.n >= 16)
            found += table == TABLE_idem  ? key_number(key, 1) == hash64(BYTES(NAME), 0)
                     : table == TABLE_due ? key_number(key, 1) == no
                                          : key_number(key, 0) == no;
    walk_close(&w);
    txn_abort(&t);
    return found;
}

static void nothing_is_left(struct desk *d, uint64_t no)
{
    assert_int_not_equal(no, 0);
    assert_int_equal(traces(d, NAME), 0);
    for (unsigned table = 0; table < TABLE_COUNT; table++) {
        unsigned n = nameless(d, (enum table)table, no);
        if (n > 0)
            print_message("%u of the inbox in %s\n", n, table_name((enum table)table));
        assert_int_equal(n, 0);
    }
}

static uint64_t erase(struct desk *d, const char *user)
{
    struct msg a = ask(d, (struct msg){.id = MSG_erase, .erase = {.user = bytes_of(user)}});
    assert_int_equal(a.id, MSG_erasing);
    assert_int_equal(a.erasing.status, ERR_OK);
    assert_int_equal(a.erasing.done, 0);
    return a.erasing.erasure;
}

static bool done(struct desk *d, uint64_t erasure)
{
    struct msg a = ask(d, (struct msg){.id = MSG_erasure, .erasure = {.erasure = erasure}});
    assert_int_equal(a.id, MSG_erasing);
    assert_int_equal(a.erasing.erasure, erasure);
    return a.erasing.done;
}

/* What the notifier does until nothing is left; starts the process again each `restart` times. */
static unsigned work_off(struct desk *d, unsigned restart)
{
    unsigned times = 0;
    struct msg a;
    do {
        notifier_keeps(d);
        a = ask(d, (struct msg){.id = MSG_expire});
        if (restart && ++times % restart == 0) {
            desk_stop(d);
            desk_start(d);
        }
        assert_true(times < 1000);
    } while (a.expired.next_in_ms == 0);
    return times;
}

static void member(struct desk *d, const char *topic, const char *user)
{
    struct buf users;
    buf_init(&users, 200);
    mp_put_str(&users, bytes_of(user));
    assert_int_equal(member_change(d, bytes_of(topic), true, &users, 1).status, ERR_OK);
    buf_fini(&users);
}

static void speak(struct desk *d, const char *topic, const char *user, unsigned times)
{
    struct msg m = publish_of(bytes_of(topic), 1000, 0);
    m.publish.user = bytes_of(user);
    for (unsigned i = 0; i < times; i++)
        assert_int_equal(ask(d, m).published.status, ERR_OK);
}

/* A life: of everything some. */
static void live(struct desk *d, const char *user, unsigned items)
{
    char id[ID_SIZE], topic[20];
    struct buf users;
    buf_init(&users, 400);
    for (unsigned i = 0; i < items; i++)
        create_one(d, user, TYPE_activity, i % 3 ? 0 : d->now.wall_ms + 100000000);
    id_at(d->now.wall_ms, create_one(d, user, TYPE_alert, 0), id);
    mark_read(d, user, (struct bytes){id, sizeof id}, "op-1", HASH_A);
    mark_all(d, user, UINT64_MAX, "op-2");
    create_one(d, user, TYPE_system, 0);
    for (int i = 0; i < 70; i++) {
        snprintf(topic, sizeof topic, "club:%d", i);
        member(d, topic, user);
    }
    member(d, "room:7", user);
    speak(d, "room:7", user, 5);
    speak(d, "room:7", "bob", 5);
    ask(d, (struct msg){.id = MSG_seen, .seen = {.user = bytes_of(user)}});
    mp_put_str(&users, BYTES("bob"));
    mp_put_str(&users, bytes_of(user));
    struct msg later = create_of(&users, 2);
    later.create.deliver_ms = d->now.wall_ms + 5000;
    ask(d, later);
    buf_reset(&users);
    mp_put_str(&users, BYTES("bob"));
    later.create.users = list_of(&users, 1);
    ask(d, later);
    buf_reset(&users);
    mp_put_str(&users, bytes_of(user));
    later.create.users = list_of(&users, 1);
    ask(d, later);
    buf_reset(&users);
    struct msg all = create_of(&users, 0);
    all.create.all = 1;
    ask(d, all);
    snapshot(d, user, 0, 10);
    buf_fini(&users);
}

static void nothing_stays(void **state)
{
    struct desk *d = *state;
    live(d, NAME, 50);
    live(d, "carl", 5);
    assert_true(traces(d, NAME) > 100);
    uint64_t bobs = snapshot(d, "bob", 0, 1).unread, messages = rows_of(d, TABLE_log);
    uint64_t no = number_of(d, INBOX), erasure = erase(d, NAME);
    assert_int_equal(rows_of(d, TABLE_erasures), 1);
    assert_false(done(d, erasure));
    work_off(d, 3);
    assert_true(done(d, erasure));
    nothing_is_left(d, no);
    assert_int_equal(rows_of(d, TABLE_erasures), 0);
    assert_true(rows_of(d, TABLE_log) < messages);
    assert_int_equal(snapshot(d, "bob", 0, 1).unread, bobs);
    assert_int_equal(recount(d, NULL), 0);

    struct msg_page page = history(d, ROOM, 0, 100, (struct bytes){0}); /* what was said stays */
    struct msg_entry e[PAGE_MAX];
    unsigned n = entries_of(page.entries, e, PAGE_MAX), unnamed = 0;
    for (unsigned i = 0; i < n; i++)
        unnamed += e[i].user.n == 0;
    assert_int_equal(n, 20);
    assert_int_equal(unnamed, 5);
    d->now.wall_ms += 5000; /* what waited for both comes to bob only */
    work_off(d, 0);
    assert_int_equal(snapshot(d, "bob", 0, 1).unread, bobs + 2 + 2);
    assert_int_equal(traces(d, NAME), 0);
    assert_int_equal(recount(d, NULL), 0);
}

static uint64_t one_more(struct desk *d, char id[ID_SIZE], struct msg_create m)
{
    m.type = TYPE_activity;
    struct msg_created c = create_with(d, NAME, m);
    assert_int_equal(c.status, ERR_OK);
    id_at(d->now.wall_ms, c.first_seq, id);
    return c.first_seq;
}

static void do_to(struct desk *d, enum mark what, const char id[ID_SIZE])
{
    struct msg_mark m = mark_of(NAME, what, (struct bytes){id, ID_SIZE});
    m.until_ms = what == MARK_snooze ? d->now.wall_ms + 60000 : 0;
    m.op_id = BYTES("op");
    struct msg_changed c = mark_ask(d, m);
    assert_int_equal(c.status, ERR_OK);
    assert_int_equal(c.changed.n, ID_SIZE);
}

static void import_one(struct desk *d)
{
    struct buf line;
    buf_init(&line, FRAME_MAX);
    msg_write(&line, &(struct msg){.id = MSG_import_item,
                                   .import_item = {.user = BYTES(NAME),
                                                   .id = BYTES("old-1"),
                                                   .type = TYPE_activity,
                                                   .at_ms = d->now.wall_ms - 1000,
                                                   .content = CONTENT}});
    struct msg a = ask(d, (struct msg){.id = MSG_import, .import.lines = list_of(&line, 1)});
    assert_int_equal(a.imported.status, ERR_OK);
    buf_fini(&line);
}

/* Whatever an inbox can have a row for. */
static void live_in_every_way(struct desk *d)
{
    char id[6][ID_SIZE];
    struct buf nobody;
    import_one(d);
    ask(d, (struct msg){.id = MSG_prefs_put,
                        .prefs_put = {.user = BYTES(NAME), .types = UINT64_C(1) << TYPE_toast}});
    assert_int_equal(rows_of(d, TABLE_prefs), 1);
    for (int i = 0; i < 5; i++)
        one_more(d, id[i], (struct msg_create){0});
    mark_all(d, NAME, one_more(d, id[5], (struct msg_create){.category = BYTES("news")}), "op-1");
    do_to(d, MARK_unread, id[0]);
    do_to(d, MARK_archive, id[1]);
    do_to(d, MARK_snooze, id[2]);
    do_to(d, MARK_unsnooze, id[2]);
    do_to(d, MARK_snooze, id[3]);
    one_more(d, id[4], (struct msg_create){.expires_ms = d->now.wall_ms + 100000});
    do_to(d, MARK_read, id[4]);
    uint64_t last = one_more(d, id[5], (struct msg_create){.category = BYTES("news")});
    struct msg_mark_all news = all_of(NAME, MARK_read, last);
    news.category = BYTES("news");
    assert_int_equal(all_ask(d, news).status, ERR_OK);
    one_more(d, id[5], (struct msg_create){.collapse_key = BYTES("c"), .dedupe_key = BYTES("d")});
    buf_init(&nobody, 10);
    struct msg all = create_of(&nobody, 0);
    all.create.all = 1;
    ask(d, all);
    buf_fini(&nobody);
    snapshot(d, NAME, 0, 10);
}

static void of_every_kind_nothing_stays(void **state)
{
    static const enum table kinds[] = {
        TABLE_index,      TABLE_marks,          TABLE_idem,     TABLE_expiry,  TABLE_due,
        TABLE_merged,     TABLE_aside,          TABLE_moved,    TABLE_unread,  TABLE_read,
        TABLE_categories, TABLE_category_marks, TABLE_collapse, TABLE_imported};
    struct desk *d = *state;
    d->limits.max_items = 1000; /* only with it there are rows in `read` */
    desk_stop(d);
    desk_start(d);
    live(d, "carl", 5);
    live_in_every_way(d);
    uint64_t no = number_of(d, INBOX);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (nameless(d, kinds[i], no) == 0)
            fail_msg("it should have something in %s", table_name(kinds[i]));
    erase(d, NAME);
    work_off(d, 2);
    nothing_is_left(d, no);
    assert_int_equal(recount(d, NULL), 0);
}

static void the_inbox_is_gone_at_once(void **state)
{
    struct desk *d = *state;
    uint64_t pos = create_one(d, NAME, TYPE_activity, d->now.wall_ms + 1000);
    erase(d, NAME);
    struct msg_changes ch = since(d, NAME, pos, 0);
    assert_int_equal(ch.status, ERR_TOO_OLD);
    assert_int_equal(ch.head, 0);
    struct msg_inbox in = snapshot(d, NAME, 0, 10);
    assert_int_equal(in.unread, 0);
    assert_int_equal(in.items.count, 0);
    d->now.wall_ms += 2000;
    work_off(d, 0); /* its end comes for nothing */
    assert_int_equal(recount(d, NULL), 0);
}

/* Somebody of the same name who comes meanwhile keeps what is theirs. */
static void a_new_user_of_that_name_is_another(void **state)
{
    struct desk *d = *state;
    live(d, NAME, 20);
    uint64_t old = number_of(d, INBOX), first = erase(d, NAME);
    create_one(d, NAME, TYPE_activity, 0);
    speak(d, "room:9", NAME, 1);
    work_off(d, 1);
    assert_true(done(d, first));
    struct msg_inbox in = snapshot(d, NAME, 0, 10);
    assert_int_equal(in.unread, 1);
    assert_int_equal(in.items.count, 1);
    assert_int_equal(recount(d, NULL), 0);
    uint64_t new = number_of(d, INBOX), second = erase(d, NAME);
    assert_true(second > first);
    assert_int_equal(erase(d, NAME), second); /* one that is under way goes on */
    work_off(d, 0);
    nothing_is_left(d, old);
    nothing_is_left(d, new);
}

static void it_waits_for_the_notifier(void **state)
{
    struct desk *d = *state;
    create_one(d, NAME, TYPE_activity, 0);
    uint64_t erasure = erase(d, NAME);
    for (int i = 0; i < 20; i++)
        ask(d, (struct msg){.id = MSG_expire});
    assert_false(done(d, erasure));
    ask(d, (struct msg){.id = MSG_seen, .seen = {.user = BYTES(NAME)}}); /* nobody notes it */
    notifier_keeps(d);
    for (int i = 0; i < 3; i++)
        ask(d, (struct msg){.id = MSG_expire});
    assert_true(done(d, erasure));
    assert_int_equal(traces(d, NAME), 0);
}

static void it_takes_many_commits(void **state)
{
    struct desk *d = *state;
    live(d, NAME, 2500);
    uint64_t no = number_of(d, INBOX);
    erase(d, NAME);
    unsigned times = work_off(d, 2);
    assert_true(times > 10);
    nothing_is_left(d, no);
    assert_int_equal(recount(d, NULL), 0);
}

/* How far the one that is under way is in what it goes through; false: there is none. */
static bool how_far(struct desk *d, uint64_t *at)
{
    struct txn *t = NULL;
    struct walk w;
    struct bytes key, value, user;
    uint64_t row[3];
    assert_int_equal(engine_read(d->engine, &t), ERR_OK);
    walk_open(&w, t, TABLE_erasures, WALK_up, (struct bytes){0});
    bool there = walk_next(&w, &key, &value);
    if (there)
        assert_int_equal(record_read(t, TABLE_erasures, key, value, row, 3, &user), ERR_OK);
    walk_close(&w);
    txn_abort(&t);
    *at = there ? row[2] : *at;
    return there;
}

/* Of a log in which they spoke now and then it looks at so much at once, not at all of it. */
static void their_words_are_found_in_many_commits(void **state)
{
    struct desk *d = *state;
    uint64_t at = 0;
    for (unsigned i = 0; i < 8; i++) {
        speak(d, "room:1", NAME, 1);
        speak(d, "room:2", "bob", 999);
    }
    erase(d, NAME);
    notifier_keeps(d);
    while (how_far(d, &at))
        ask(d, (struct msg){.id = MSG_expire});
    assert_true(at >= 3000 && at <= 5000);
    assert_int_equal(traces(d, NAME), 0);
}

/* Many at once share a commit only as far as their memberships and answers may go. */
static void many_at_once_are_not_one_commit(void **state)
{
    struct desk *d = *state;
    char user[16];
    for (unsigned i = 0; i < 10; i++) {
        snprintf(user, sizeof user, "u%u", i);
        desk_send(d, 1, &(struct msg){.id = MSG_erase, .erase = {.user = bytes_of(user)}});
    }
    uint64_t commits = d->counts[COUNT_commits].value;
    desk_commit(d);
    assert_int_equal(d->counts[COUNT_commits].value - commits, 2);
}

/* A create for one user, which waits. */
static void schedule(struct desk *d, const char *user, uint64_t deliver_ms)
{
    struct buf users;
    buf_init(&users, 200);
    mp_put_str(&users, bytes_of(user));
    struct msg later = create_of(&users, 1);
    later.create.deliver_ms = deliver_ms;
    assert_int_equal(ask(d, later).created.status, ERR_OK);
    buf_fini(&users);
}

/* More than it looks at at once, all for nine o'clock. */
static void many_wait_for_the_same_moment(void **state)
{
    struct desk *d = *state;
    for (int i = 0; i < 450; i++)
        schedule(d, i % 100 ? "bob" : NAME, d->now.wall_ms + 3600000);
    schedule(d, NAME, d->now.wall_ms + 7200000);
    uint64_t erasure = erase(d, NAME);
    work_off(d, 0);
    assert_true(done(d, erasure));
    assert_int_equal(traces(d, NAME), 0);
    assert_int_equal(rows_of(d, TABLE_scheduled), 445);
    assert_int_equal(recount(d, NULL), 0);
}

/* Its time comes before the erasing gets there. */
static void what_was_scheduled_before_makes_no_new_user(void **state)
{
    struct desk *d = *state;
    schedule(d, NAME, d->now.wall_ms + 1000);
    erase(d, NAME);
    d->now.wall_ms += 1000;
    work_off(d, 0);
    assert_int_equal(traces(d, NAME), 0);
    assert_int_equal(recount(d, NULL), 0);
}

static void what_is_scheduled_for_the_new_user_stays(void **state)
{
    struct desk *d = *state;
    schedule(d, NAME, d->now.wall_ms + 5000);
    uint64_t first = erase(d, NAME);
    schedule(d, NAME, d->now.wall_ms + 5000);
    create_one(d, NAME, TYPE_activity, 0);
    uint64_t second = erase(d, NAME);
    assert_int_equal(erase(d, NAME), second); /* not the first, which is done before */
    schedule(d, NAME, d->now.wall_ms + 5000);
    work_off(d, 0);
    assert_true(done(d, first) && done(d, second));
    assert_int_equal(rows_of(d, TABLE_scheduled), 1);
    d->now.wall_ms += 5000;
    work_off(d, 0);
    assert_int_equal(snapshot(d, NAME, 0, 10).unread, 1);
    assert_int_equal(recount(d, NULL), 0);
}

/* With a dedupe_key: what became of it. */
static enum taken once(struct desk *d, const char *user)
{
    struct buf users;
    buf_init(&users, 200);
    mp_put_str(&users, bytes_of(user));
    struct msg m = create_of(&users, 1);
    m.create.dedupe_key = BYTES("order 7");
    struct msg a = ask(d, m);
    assert_int_equal(a.created.status, ERR_OK);
    buf_fini(&users);
    return a.created.taken.n > 0 ? (enum taken)a.created.taken.p[0] : TAKEN_made;
}

static void what_was_remembered_is_forgotten_at_once(void **state)
{
    struct desk *d = *state;
    assert_int_equal(once(d, NAME), TAKEN_made);
    mark_all(d, NAME, UINT64_MAX, "op-1");
    erase(d, NAME);
    assert_int_equal(once(d, NAME), TAKEN_made); /* of another user now, who has not had it */
    mark_all(d, NAME, UINT64_MAX, "op-1");
    assert_int_equal(snapshot(d, NAME, 0, 10).unread, 0);
    create_one(d, NAME, TYPE_activity, 0);
    work_off(d, 1);
    assert_int_equal(once(d, NAME), TAKEN_deduped); /* and what came since is remembered */
    mark_all(d, NAME, UINT64_MAX, "op-1");
    assert_int_equal(snapshot(d, NAME, 0, 10).unread, 1);
}

static void who_is_no_user_is_refused(void **state)
{
    struct desk *d = *state;
    struct msg a = ask(d, (struct msg){.id = MSG_erase, .erase = {.user = BYTES("a b")}});
    assert_int_equal(a.erasing.status, ERR_INVALID);
    uint64_t other = create_one(d, "ann", TYPE_activity, 0), erasure = erase(d, "ann");
    const uint64_t never[] = {0, other, erasure + 1, 12345};
    for (unsigned i = 0; i < sizeof never / sizeof *never; i++) {
        a = ask(d, (struct msg){.id = MSG_erasure, .erasure = {.erasure = never[i]}});
        assert_int_equal(a.erasing.status, ERR_NOT_FOUND);
        assert_int_equal(a.erasing.done, 0);
    }
    work_off(d, 0);
    assert_true(done(d, erasure));
}

/* The commit has the inbox before it in its hands. */
static void what_comes_in_the_same_commit_is_a_new_inbox(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 100);
    mp_put_str(&users, BYTES("ann"));
    struct msg create = create_of(&users, 1), erase = {.id = MSG_erase};
    create.create.category = BYTES("work");
    erase.erase.user = BYTES("ann");
    desk_send(d, 0, &create);
    desk_commit(d);
    desk_send(d, 0, &create);
    desk_send(d, 0, &erase);
    desk_send(d, 0, &create);
    desk_commit(d);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 1);
    assert_int_equal(recount(d, NULL), 0);
    buf_fini(&users);
}

/* A fan-out that is under way has its author's name, and may be making the user's inbox. */
static void it_waits_for_what_was_begun(void **state)
{
    struct desk *d = *state;
    member(d, "room:7", NAME);
    member(d, "room:7", "bob");
    member(d, "room:7", "cleo");
    struct msg m = publish_of(ROOM, 1000, 0);
    m.publish.user = BYTES(NAME);
    uint64_t source = ask(d, m).published.seq;
    m = (struct msg){.id = MSG_fanout,
                     .fanout = {.source = source,
                                .topic = ROOM,
                                .author = BYTES(NAME),
                                .type = TYPE_activity,
                                .content = CONTENT}};
    assert_int_equal(ask(d, m).fanned.done, 0);
    m = (struct msg){.id = MSG_fanout_step, .fanout_step = {.source = source, .limit = 1}};
    assert_int_equal(ask(d, m).fanned.done, 0);
    uint64_t erasure = erase(d, NAME);
    for (int i = 0; i < 20; i++) { /* the notifier has passed it, and still is at it */
        notifier_keeps(d);
        ask(d, (struct msg){.id = MSG_expire});
    }
    assert_false(done(d, erasure));
    struct msg_fanned f;
    do
        f = ask(d, m).fanned;
    while (!f.done);
    work_off(d, 0);
    assert_true(done(d, erasure));
    assert_int_equal(traces(d, NAME), 0);
    assert_int_equal(snapshot(d, "bob", 0, 0).unread, 1);
    assert_int_equal(snapshot(d, "cleo", 0, 0).unread, 1);
    assert_int_equal(recount(d, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_BOTH(what_comes_in_the_same_commit_is_a_new_inbox),
        OVER_BOTH(nothing_stays),
        OVER_BOTH(of_every_kind_nothing_stays),
        OVER_BOTH(the_inbox_is_gone_at_once),
        OVER_BOTH(a_new_user_of_that_name_is_another),
        OVER_BOTH(it_waits_for_the_notifier),
        OVER_BOTH(it_takes_many_commits),
        cmocka_unit_test_setup_teardown(their_words_are_found_in_many_commits, setup_mem, teardown),
        OVER_BOTH(many_at_once_are_not_one_commit),
        OVER_BOTH(many_wait_for_the_same_moment),
        OVER_BOTH(what_was_scheduled_before_makes_no_new_user),
        OVER_BOTH(what_is_scheduled_for_the_new_user_stays),
        OVER_BOTH(what_was_remembered_is_forgotten_at_once),
        OVER_BOTH(who_is_no_user_is_refused),
        OVER_BOTH(it_waits_for_what_was_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
