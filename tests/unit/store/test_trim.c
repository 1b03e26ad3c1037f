/* SPDX-License-Identifier: Apache-2.0 */
/* The log's old end: what goes, what stays, and what those are told who ask for it. */
#include "tests/unit/store/topics.h"

static bool has_entry(struct desk *d, uint64_t seq)
{
    struct txn *t = NULL;
    struct key key = key1(seq);
    struct bytes value;
    requests_rest(&d->requests);
    assert_int_equal(engine_read(d->engine, &t), ERR_OK);
    enum err e = txn_get(t, TABLE_log, key_bytes(&key), &value);
    txn_abort(&t);
    return e == ERR_OK;
}

/* Commits that change nothing else, until the cursor rests. */
static void trim_all(struct desk *d)
{
    uint64_t before;
    notifier_keeps(d);
    do {
        before = d->requests.state.meta.trimmed;
        ask(d, (struct msg){.id = MSG_seen, .seen = {.user = BYTES("zoe")}});
    } while (d->requests.state.meta.trimmed != before);
}

/* The old one is unread, then read one by one: entries of both kinds. */
static void fill(struct desk *d, const char *user, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char id[ID_SIZE];
        uint64_t pos = create_one(d, user, TYPE_activity, 0);
        id_at(d->now.wall_ms, pos, id);
        mark_read(d, user, (struct bytes){id, sizeof id}, "", HASH_A);
    }
}

static void old_entries_go_and_bodies_stay(void **state)
{
    struct desk *d = *state;
    d->limits.log_ms = 1000;
    desk_stop(d);
    desk_start(d);
    uint64_t first = create_one(d, "ann", TYPE_activity, 0);
    fill(d, "ann", 300);
    uint64_t middle = d->requests.state.head;
    d->now.wall_ms += 1000;
    fill(d, "ann", 10);
    trim_all(d);
    assert_true(has_entry(d, first));
    assert_false(has_entry(d, first + 2)); /* the first reading */
    assert_true(d->requests.state.meta.trimmed >= 512);
    assert_true(d->counts[COUNT_trimmed].value > 200);
    struct msg_changes ch = since(d, "ann", first, 0);
    assert_int_equal(ch.status, ERR_TOO_OLD);
    assert_int_equal(ch.head, d->requests.state.head);
    ch = since(d, "ann", middle, 0);
    assert_int_equal(ch.status, ERR_OK);
    assert_int_equal(ch.entries.count, 20);
    struct msg_item items[PAGE_MAX];
    struct msg_inbox in = snapshot(d, "ann", first + 1, 10); /* its body is where it was */
    assert_int_equal(items_of(&in, items, PAGE_MAX), 1);
    assert_true(bytes_equal(items[0].content, CONTENT));
    assert_int_equal(recount(d, NULL), 0);
}

static void too_much_goes_oldest_first(void **state)
{
    struct desk *d = *state;
    d->limits.log_bytes = 20000;
    desk_stop(d);
    desk_start(d);
    fill(d, "ann", 500);
    uint64_t bytes = d->requests.state.bytes;
    trim_all(d);
    assert_true(bytes > 60000);
    uint64_t rows = rows_of(d, TABLE_log) - 500; /* that are no bodies */
    assert_true(rows > 50 && rows < 500);
    assert_int_equal(recount(d, NULL), 0);
}

static void nothing_goes_that_was_not_published(void **state)
{
    struct desk *d = *state;
    d->limits.log_bytes = 1;
    desk_stop(d);
    desk_start(d);
    fill(d, "ann", 400);
    assert_int_equal(d->requests.state.meta.trimmed, 0);
    trim_all(d);
    assert_true(d->requests.state.meta.trimmed > 0);
}

/* Below the cursor: a body goes with its notification, a newest entry with the next. */
static void what_was_kept_goes_when_it_is_needed_no_more(void **state)
{
    struct desk *d = *state;
    d->limits.log_bytes = 1;
    desk_stop(d);
    desk_start(d);
    uint64_t ends = create_one(d, "ann", TYPE_activity, d->now.wall_ms + 5000);
    uint64_t only = create_one(d, "bob", TYPE_activity, d->now.wall_ms + 9000);
    uint64_t said = publish(d, ROOM, 5, 0);
    fill(d, "carl", 600);
    trim_all(d);
    assert_true(d->requests.state.meta.trimmed > said);
    assert_true(has_entry(d, ends) && has_entry(d, only) && has_entry(d, said));
    d->now.wall_ms += 5000;
    snapshot(d, "ann", 0, 1);
    assert_false(has_entry(d, ends));
    d->now.wall_ms += 5000;
    uint64_t next = create_one(d, "bob", TYPE_activity, 0);
    assert_false(has_entry(d, only));
    assert_true(has_entry(d, next));
    assert_int_equal(since(d, "bob", only, 0).status, ERR_OK); /* all after it is there */
    assert_int_equal(recount(d, NULL), 0);
}

static void a_restart_goes_on_from_the_cursor(void **state)
{
    struct desk *d = *state;
    d->limits.log_bytes = 1000;
    desk_stop(d);
    desk_start(d);
    fill(d, "ann", 400);
    trim_all(d);
    struct state before = d->requests.state;
    desk_stop(d);
    desk_start(d);
    assert_int_equal(d->requests.state.meta.trimmed, before.meta.trimmed);
    assert_int_equal(d->requests.state.bytes, before.bytes);
    fill(d, "ann", 300);
    trim_all(d);
    assert_true(d->requests.state.meta.trimmed > before.meta.trimmed);
    assert_int_equal(recount(d, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_BOTH(old_entries_go_and_bodies_stay),
        OVER_BOTH(too_much_goes_oldest_first),
        OVER_BOTH(nothing_goes_that_was_not_published),
        OVER_BOTH(what_was_kept_goes_when_it_is_needed_no_more),
        OVER_BOTH(a_restart_goes_on_from_the_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
