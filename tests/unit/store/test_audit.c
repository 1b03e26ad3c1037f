/* SPDX-License-Identifier: Apache-2.0 */
/* The auditor: each kind of count that is wrong is found, told, counted, and put right. */
#include "store/audit.h"
#include "store/categories.h"
#include "store/collapse.h"
#include "store/check.h"
#include "tests/unit/store/desk.h"
#include "tests/unit/store/items.h"

#include <pthread.h>

#define ANN "user:ann:notifications"

static void start(struct desk *d)
{
    d->requests.audit.every_ms = 100;
}

/* One whole round, and the commit of what it found. Gives how many drifts. */
static uint64_t round_of(struct desk *d)
{
    struct audit *a = &d->requests.audit;
    uint64_t before = d->counts[COUNT_count_mismatch].value;
    do {
        d->now.ms = audit_due_ms(a);
        desk_commit(d);
    } while (a->after.n > 0);
    desk_commit(d);
    return d->counts[COUNT_count_mismatch].value - before;
}

static void plant_category(struct desk *d, uint64_t no, size_t offset, uint64_t more)
{
    struct txn *t = NULL;
    struct category_row row;
    struct key key = key2(no, 1);
    struct bytes name;
    char copy[CATEGORY_MAX];
    requests_rest(&d->requests);
    assert_int_equal(engine_write(d->engine, &t), ERR_OK);
    assert_int_equal(record_get(t, TABLE_categories, key_bytes(&key), &row, FIELDS_OF(row), &name),
                     ERR_OK);
    memcpy(copy, name.p, name.n);
    *(uint64_t *)(void *)((char *)&row + offset) += more;
    record_put(t, TABLE_categories, key_bytes(&key), &row, FIELDS_OF(row),
               (struct bytes){copy, name.n});
    assert_int_equal(txn_commit(&t), ERR_OK);
}

static void marked(struct desk *d, enum mark what, uint64_t pos, uint64_t until_ms)
{
    char id[ID_SIZE];
    id_at(d->now.wall_ms, pos, id);
    struct msg_mark m = mark_of("ann", what, (struct bytes){id, sizeof id});
    m.until_ms = until_ms;
    assert_int_equal(mark_ask(d, m).status, ERR_OK);
}

/* An inbox with something of everything; gives its number. */
static uint64_t furnish(struct desk *d)
{
    uint64_t born = d->now.wall_ms, pos[5];
    for (int i = 0; i < 5; i++)
        pos[i] = create_in(d, "ann", i ? "work" : "home");
    all_ask(d, all_of("ann", MARK_read, pos[1]));
    marked(d, MARK_unread, pos[0], 0);
    marked(d, MARK_archive, pos[2], 0);
    marked(d, MARK_snooze, pos[3], born + 5000);
    marked(d, MARK_unsnooze, pos[3], 0);
    marked(d, MARK_snooze, pos[4], born + 900000);
    create_one(d, "ann", TYPE_alert, 0);
    create_one(d, "ann", TYPE_system, 0);
    assert_int_equal(recount(d, NULL), 0);
    return pos[0];
}

/* What is told of the last change. */
static struct msg_entry newest(struct desk *d, uint64_t seq, uint64_t *changes)
{
    struct msg_entry e[2];
    struct msg_changes c = since(d, "ann", seq, d->requests.state.meta.epoch);
    assert_int_equal(c.status, ERR_OK);
    *changes = entries_of(c.entries, e, 2);
    return e[0];
}

static void expect_repair(struct desk *d, const struct msg_inbox *was)
{
    uint64_t repaired = d->counts[COUNT_repaired].value, changes;
    assert_true(round_of(d) > 0);
    assert_int_equal(d->counts[COUNT_repaired].value, repaired + 1);
    struct msg_inbox is = snapshot(d, "ann", 0, 0);
    assert_int_equal(is.unread, was->unread);
    assert_int_equal(is.unseen, was->unseen);
    struct msg_entry e = newest(d, was->seq, &changes);
    assert_int_equal(changes, 1);
    assert_int_equal(e.kind, ENTRY_recounted);
    assert_int_equal(e.prev, was->seq);
    assert_int_equal(e.unread, was->unread);
    assert_int_equal(e.unseen, was->unseen);
    assert_int_equal(recount(d, NULL), 0);
    assert_int_equal(round_of(d), 0);
    assert_int_equal(d->counts[COUNT_repaired].value, repaired + 1);
}

static void each_count_of_an_inbox_is_put_right(void **state)
{
    struct desk *d = *state;
    furnish(d);
    start(d);
    assert_int_equal(round_of(d), 0);
    static const size_t rows[] = {offsetof(struct topic_row, items),
                                  offsetof(struct topic_row, counts.unread[TYPE_activity]),
                                  offsetof(struct topic_row, counts.unread[TYPE_alert]),
                                  offsetof(struct topic_row, counts.unread[TYPE_system]),
                                  offsetof(struct topic_row, counts.unseen),
                                  offsetof(struct topic_row, categories),
                                  offsetof(struct topic_row, aside),
                                  offsetof(struct topic_row, snoozed),
                                  offsetof(struct topic_row, moved),
                                  offsetof(struct topic_row, unread_set),
                                  offsetof(struct topic_row, next_expiry_ms)};
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) {
        struct msg_inbox was = snapshot(d, "ann", 0, 0);
        requests_rest(&d->requests);
        plant(d, ANN, rows[i / 2], i % 2 ? UINT64_MAX : 1); /* too few, too many */
        expect_repair(d, &was);
    }
}

static void each_count_of_a_category_is_put_right(void **state)
{
    struct desk *d = *state;
    uint64_t no = furnish(d), changes;
    start(d);
    static const size_t rows[] = {
        offsetof(struct category_row, items),
        offsetof(struct category_row, counts.unread[TYPE_activity]),
        offsetof(struct category_row, counts.unseen),
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct msg_inbox was = snapshot(d, "ann", 0, 0);
        plant_category(d, no, rows[i], 3);
        expect_repair(d, &was);
        assert_int_equal(newest(d, was.seq, &changes).tallies.count, 1);
    }
}

static void members_and_messages_are_counted_too(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 100);
    mp_put_str(&users, BYTES("ann"));
    mp_put_str(&users, BYTES("bob"));
    struct msg m = {.id = MSG_member,
                    .member = {.topic = BYTES("room:7"), .users = list_of(&users, 2), .add = 1}};
    assert_int_equal(ask(d, m).membered.status, ERR_OK);
    m = (struct msg){.id = MSG_publish,
                     .publish = {.topic = BYTES("room:7"),
                                 .event = BYTES("said"),
                                 .payload = BYTES("{}"),
                                 .history = 10,
                                 .body_hash = HASH_A}};
    assert_int_equal(ask(d, m).published.status, ERR_OK);
    start(d);
    uint64_t head = d->requests.state.head;
    plant(d, "room:7", offsetof(struct topic_row, members), 5);
    plant(d, "room:7", offsetof(struct topic_row, items), 7);
    assert_int_equal(round_of(d), 2);
    assert_int_equal(recount(d, NULL), 0);
    assert_int_equal(d->requests.state.head, head); /* nobody is told: nobody is shown them */
    buf_fini(&users);
}

/* What was counted is not what is there any more: it is counted again. */
static void a_change_in_between_comes_first(void **state)
{
    struct desk *d = *state;
    furnish(d);
    start(d);
    plant(d, ANN, offsetof(struct topic_row, counts.unread[TYPE_activity]), 2);
    d->now.ms = audit_due_ms(&d->requests.audit);
    struct check_job *j = requests_to_check(&d->requests, d->now);
    assert_non_null(j);
    assert_null(requests_to_check(&d->requests, d->now)); /* one page at a time */
    check_job_run(j, d->engine);
    create_one(d, "ann", TYPE_activity, 0); /* meanwhile */
    uint64_t head = d->requests.state.head;
    requests_checked(&d->requests, j, d->now);
    desk_commit(d);
    assert_true(d->counts[COUNT_count_mismatch].value > 0);
    assert_int_equal(d->counts[COUNT_repaired].value, 0);
    assert_int_equal(d->requests.state.head, head);
    while (d->requests.audit.after.n > 0)
        round_of(d);
    round_of(d);
    assert_int_equal(d->counts[COUNT_repaired].value, 1);
    assert_int_equal(recount(d, NULL), 0);
}

/* What cannot be read cannot be counted. */
static void of_a_damaged_inbox_nothing_is_put_right(void **state)
{
    struct desk *d = *state;
    uint64_t one = create_one(d, "ann", TYPE_activity, 0);
    create_one(d, "ann", TYPE_activity, 0);
    start(d);
    struct key item = key2(one, one);
    damage(d, TABLE_index, key_bytes(&item));
    assert_true(round_of(d) > 0);
    assert_int_equal(d->counts[COUNT_repaired].value, 0);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 2);
}

static void it_takes_its_time(void **state)
{
    struct desk *d = *state;
    struct audit *a = &d->requests.audit;
    char user[16];
    assert_int_equal(audit_due_ms(a), UINT64_MAX); /* off */
    assert_null(requests_to_check(&d->requests, d->now));
    for (int i = 0; i < AUDIT_PAGE; i++) {
        snprintf(user, sizeof user, "u%d", i);
        create_one(d, user, TYPE_activity, 0);
    }
    start(d);
    uint64_t from = d->now.ms, pages = 1;
    desk_commit(d);
    for (; a->after.n > 0; pages++) {
        assert_int_equal(a->due_ms - d->now.ms, 100);
        d->now.ms = a->due_ms - 1;
        assert_null(requests_to_check(&d->requests, d->now));
        d->now.ms++;
        desk_commit(d);
    }
    assert_in_range(pages, 2, 6);
    assert_int_equal(d->counts[COUNT_audited].value, AUDIT_PAGE);
    assert_int_equal(a->due_ms, from + 100 * AUDIT_ROUND);
    for (int i = 0; i < 3 * AUDIT_PAGE; i++) /* a large inbox */
        create_one(d, "a", TYPE_activity, 0);
    d->now.ms = a->due_ms;
    desk_commit(d);
    assert_in_range(a->due_ms - d->now.ms, 300, 1000);
}

/* Who asks for a check is answered as well, and who waits for the map does not wait for either. */
static void *grow(void *engine)
{
    assert_int_equal(engine_grow(engine), ERR_OK);
    return NULL;
}

static void a_map_that_grows_ends_the_page(void **state)
{
    struct desk *d = *state;
    struct txn *t = NULL;
    struct bytes key, value;
    struct walk w;
    pthread_t thread;
    create_one(d, "ann", TYPE_activity, 0);
    requests_rest(&d->requests);
    assert_int_equal(engine_read(d->engine, &t), ERR_OK);
    t->gives_way = true;
    assert_int_equal(pthread_create(&thread, NULL, grow, d->engine), 0);
    uint64_t until_ms = clock_ms() + 20000;
    while (!t->failed && clock_ms() < until_ms) {
        walk_open(&w, t, TABLE_log, WALK_up, (struct bytes){0});
        walk_next(&w, &key, &value);
        walk_close(&w);
    }
    assert_int_equal(t->failed, ERR_LATER);
    txn_abort(&t);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(recount(d, NULL), 0);
}

/* An answer that is LATER is looked at by nobody. */
static void a_page_that_ended_is_counted_again(void **state)
{
    struct desk *d = *state;
    struct msg m = {.id = MSG_checked, .checked = {.status = ERR_LATER, .inboxes = 3}};
    char list[] = "\x98\x04\xa1"
                  "a\xa6unseen\x03\x02\x09\x00\x07";
    create_one(d, "ann", TYPE_activity, 0);
    start(d);
    struct check_job *j = requests_to_check(&d->requests, d->now);
    m.checked.drifts = (struct mp_list){{list, sizeof list - 1}, 1};
    buf_reset(&j->answer);
    msg_write(&j->answer, &m);
    requests_checked(&d->requests, j, d->now);
    assert_int_equal(d->counts[COUNT_count_mismatch].value, 0);
    assert_int_equal(d->counts[COUNT_audited].value, 0);
    assert_null(requests_to_commit(&d->requests));
    assert_int_equal(audit_due_ms(&d->requests.audit), d->now.ms + 100);
}

/* ---- a large inbox, in several transactions ---- */

/* Between two of them somebody writes, so many times. */
static struct {
    const struct engine_ops *real;
    struct engine_ops ops;
    struct desk *desk;
    void (*write)(struct desk *d);
    unsigned writes, times;
} amid;

static enum err amid_begin(struct engine *e, bool write, struct txn **txn)
{
    enum err err = amid.real->begin(e, write, txn);
    if (!err)
        (*txn)->ops = &amid.ops;
    return err;
}

static enum err amid_again(struct txn *t)
{
    if (amid.times++ < amid.writes)
        amid.write(amid.desk);
    return amid.real->again(t);
}

static void one_more(struct desk *d)
{
    create_one(d, "ann", TYPE_activity, 0);
}

static void erase_her(struct desk *d)
{
    ask(d, (struct msg){.id = MSG_erase, .erase = {.user = BYTES("ann")}});
}

static uint32_t count_amid(struct desk *d, unsigned writes, void (*write)(struct desk *d))
{
    struct check_job j;
    struct msg m = {.id = MSG_check, .check = {.limit = 500}};
    requests_rest(&d->requests);
    amid.real = d->engine->ops;
    amid.ops = *amid.real;
    amid.ops.begin = amid_begin;
    amid.ops.again = amid_again;
    amid.desk = d;
    amid.write = write;
    amid.writes = writes;
    amid.times = 0;
    d->engine->ops = &amid.ops;
    check_job_init(&j);
    msg_write(&j.request, &m);
    check_job_run(&j, d->engine);
    struct mp_in in = mp_over(buf_all(&j.answer));
    assert_true(msg_read(&in, &m));
    assert_int_equal(m.checked.status, ERR_OK);
    uint32_t drifts = m.checked.drifts.count;
    check_job_fini(&j);
    requests_rest(&d->requests);
    d->engine->ops = amid.real;
    return drifts;
}

static void fill(struct desk *d, unsigned items)
{
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, BYTES("ann"));
    struct msg m = create_of(&users, 1);
    for (unsigned i = 0; i < items; i++) {
        desk_send(d, 0, &m);
        if (i % 500 == 499 || i + 1 == items) {
            desk_commit(d);
            desk_clear(d);
        }
    }
    buf_fini(&users);
}

/* An item is two records: of the index, and of the log. */
static void a_large_inbox_holds_no_moment_for_long(void **state)
{
    struct desk *d = *state;
    fill(d, RECOUNT_SLICE + 100);
    assert_int_equal(count_amid(d, 0, one_more), 0);
    assert_int_equal(amid.times, 2);
    assert_int_equal(count_amid(d, 1, one_more), 0); /* begun anew: its counts are of one moment */
    assert_int_equal(amid.times, 3);
    assert_int_equal(count_amid(d, 1000, one_more), 0); /* at last it is read in one */
    assert_int_equal(amid.times, RECOUNT_TRIES);
    plant(d, "user:ann:notifications", offsetof(struct topic_row, items), 1);
    assert_int_equal(count_amid(d, 0, one_more), 1);
    assert_int_equal(count_amid(d, 1, one_more), 1);  /* told once */
    assert_int_equal(count_amid(d, 1, erase_her), 0); /* it is not there any more */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_BOTH(each_count_of_an_inbox_is_put_right),
        OVER_BOTH(each_count_of_a_category_is_put_right),
        OVER_BOTH(members_and_messages_are_counted_too),
        OVER_BOTH(a_change_in_between_comes_first),
        OVER_BOTH(of_a_damaged_inbox_nothing_is_put_right),
        OVER_BOTH(it_takes_its_time),
        cmocka_unit_test_setup_teardown(a_map_that_grows_ends_the_page, setup_lmdb, teardown),
        OVER_BOTH(a_page_that_ended_is_counted_again),
        cmocka_unit_test_setup_teardown(a_large_inbox_holds_no_moment_for_long, setup_lmdb,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
