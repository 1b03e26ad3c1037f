/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of an inbox, asked of the whole core by its messages, over memory and over LMDB. */
#include "tests/unit/store/desk.h"

static void a_create_reaches_each_user(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, bytes_of("ann"));
    mp_put_str(&users, bytes_of("bob"));
    mp_put_str(&users, bytes_of("cy"));
    struct msg a = ask(d, create_of(&users, 3));
    assert_int_equal(a.created.status, ERR_OK);
    assert_int_equal(a.created.first_seq, 1);
    assert_int_equal(a.created.count, 3);
    assert_int_equal(a.created.at_ms, d->now.wall_ms);
    const char *names[] = {"ann", "bob", "cy"};
    for (uint64_t i = 0; i < 3; i++) {
        struct msg_item item;
        struct msg_inbox in = snapshot(d, names[i], 0, 10);
        assert_int_equal(in.unread, 1);
        assert_int_equal(in.seq, i + 1);
        assert_int_equal(in.log_seq, 3);
        assert_int_equal(in.next, 0);
        assert_int_equal(in.epoch, 1700000000000);
        assert_int_equal(items_of(&in, &item, 1), 1);
        assert_int_equal(item.pos, i + 1);
        assert_int_equal(item.rev, i + 1);
        assert_int_equal(item.at_ms, d->now.wall_ms);
        assert_int_equal(item.read_ms, 0);
        assert_true(bytes_equal(item.content, CONTENT));
    }
    struct msg_inbox none = snapshot(d, "dan", 0, 10);
    assert_int_equal(none.status, ERR_OK);
    assert_int_equal(none.seq + none.unread + none.items.count, 0);
    buf_fini(&users);
    assert_int_equal(recount(d, NULL), 0);
}

static void what_is_not_allowed_is_refused_whole(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, bytes_of("ann"));
    mp_put_str(&users, bytes_of("ann"));
    assert_int_equal(ask(d, create_of(&users, 2)).created.status, ERR_INVALID); /* named twice */
    struct msg m = create_of(&users, 1);
    users.n = 4; /* one of them */
    m.create.users = list_of(&users, 1);
    m.create.type = TYPE_toast; /* not stored */
    assert_int_equal(ask(d, m).created.status, ERR_INVALID);
    m.create.type = TYPE_COUNT;
    assert_int_equal(ask(d, m).created.status, ERR_INVALID);
    m.create.type = TYPE_activity;
    m.create.content = BYTES("{}");
    assert_int_equal(ask(d, m).created.status, ERR_INVALID);
    m.create.content = CONTENT;
    m.create.users = (struct mp_list){{"", 0}, 0};
    assert_int_equal(ask(d, m).created.status, ERR_INVALID);
    buf_reset(&users);
    mp_put_str(&users, bytes_of("a:b"));
    m.create.users = list_of(&users, 1);
    assert_int_equal(ask(d, m).created.status, ERR_INVALID);
    assert_int_equal(mark_read(d, "ann", BYTES("short"), "", HASH_A).status, ERR_INVALID);
    assert_int_equal(snapshot(d, "a b", 0, 1).status, ERR_INVALID);
    buf_fini(&users);
    assert_int_equal(snapshot(d, "ann", 0, 1).log_seq, 0);
}

static void reading_counts_once(void **state)
{
    struct desk *d = *state;
    uint64_t one = create_one(d, "ann", TYPE_activity, 0);
    uint64_t two = create_one(d, "ann", TYPE_alert, 0);
    uint64_t other = create_one(d, "bob", TYPE_alert, 0);
    uint64_t created_ms = d->now.wall_ms;
    char ids[5 * ID_SIZE];
    id_at(created_ms, two, ids);
    id_at(created_ms, two, ids + ID_SIZE);         /* twice */
    id_at(created_ms, other, ids + 2 * ID_SIZE);   /* another's */
    id_at(created_ms + 1, one, ids + 3 * ID_SIZE); /* never was */
    id_at(created_ms, 99, ids + 4 * ID_SIZE);      /* not yet */
    d->now.wall_ms += 500;
    struct msg_changed c = mark_read(d, "ann", (struct bytes){ids, sizeof ids}, "", HASH_A);
    assert_int_equal(c.status, ERR_OK);
    assert_int_equal(c.seq, 4);
    assert_int_equal(c.unread, 1);
    assert_true(bytes_equal(c.changed, (struct bytes){ids, ID_SIZE}));
    assert_true(bytes_equal(c.unknown, (struct bytes){ids + 2 * ID_SIZE, 3 * ID_SIZE}));
    c = mark_read(d, "ann", (struct bytes){ids, ID_SIZE}, "", HASH_A);
    assert_int_equal(c.seq, 4); /* nothing changed: no entry */
    assert_int_equal(c.unread, 1);
    assert_int_equal(c.changed.n + c.unknown.n, 0);
    struct msg_item items[2];
    struct msg_inbox in = snapshot(d, "ann", 0, 10);
    assert_int_equal(items_of(&in, items, 2), 2);
    assert_int_equal(items[0].pos, two);
    assert_int_equal(items[0].read_ms, created_ms + 500);
    assert_int_equal(items[0].rev, 4);
    assert_int_equal(items[1].read_ms, 0);
    assert_int_equal(snapshot(d, "bob", 0, 0).unread, 1);
    assert_int_equal(recount(d, NULL), 0);
}

static void marking_all_leaves_what_is_above(void **state)
{
    struct desk *d = *state;
    uint64_t pos[5];
    char id[ID_SIZE];
    uint64_t from_ms = d->now.wall_ms;
    for (int i = 0; i < 5; i++)
        pos[i] = create_one(d, "ann", TYPE_activity, 0);
    id_at(from_ms, pos[1], id);
    d->now.wall_ms = from_ms + 1000;
    mark_read(d, "ann", (struct bytes){id, ID_SIZE}, "", HASH_A);
    d->now.wall_ms = from_ms + 2000;
    struct msg_changed c = mark_all(d, "ann", pos[2], "");
    assert_int_equal(c.up_to, pos[2]);
    assert_int_equal(c.unread, 2);
    uint64_t first_mark = c.seq;
    c = mark_all(d, "ann", pos[1], ""); /* lower than before: nothing becomes read */
    assert_int_equal(c.seq, first_mark);
    assert_int_equal(c.unread, 2);
    d->now.wall_ms = from_ms + 3000;
    c = mark_all(d, "ann", UINT64_MAX, "");
    assert_int_equal(c.up_to, pos[4]);
    assert_int_equal(c.unread, 0);
    uint64_t last_mark = c.seq;
    c = mark_all(d, "ann", 999999, ""); /* as far as there is anything */
    assert_int_equal(c.up_to, pos[4]);
    assert_int_equal(c.seq, last_mark);
    uint64_t later = create_one(d, "ann", TYPE_activity, 0);
    struct msg_item items[6];
    struct msg_inbox in = snapshot(d, "ann", 0, 10);
    assert_int_equal(in.unread, 1);
    assert_int_equal(items_of(&in, items, 6), 6);
    assert_int_equal(items[0].pos, later);
    const uint64_t read_ms[] = {0, 3000, 3000, 2000, 1000, 2000}; /* newest first */
    for (int i = 0; i < 6; i++)
        assert_int_equal(items[i].read_ms, read_ms[i] ? from_ms + read_ms[i] : 0);
    assert_int_equal(items[1].rev, last_mark);
    assert_int_equal(items[3].rev, first_mark);
    id_at(from_ms, pos[4], id); /* read by the mark already */
    c = mark_read(d, "ann", (struct bytes){id, ID_SIZE}, "", HASH_A);
    assert_int_equal(c.changed.n + c.unknown.n, 0);
    assert_int_equal(recount(d, NULL), 0);
}

static void a_system_item_does_not_count_and_can_be_read(void **state)
{
    struct desk *d = *state;
    uint64_t pos = create_one(d, "ann", TYPE_system, 0);
    uint64_t second = create_one(d, "ann", TYPE_system, 0);
    char id[ID_SIZE];
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 0);
    id_at(d->now.wall_ms, pos, id);
    struct msg_changed c = mark_read(d, "ann", (struct bytes){id, ID_SIZE}, "", HASH_A);
    assert_int_equal(c.changed.n, ID_SIZE);
    assert_int_equal(c.unread, 0);
    uint64_t head = c.seq;
    c = mark_all(d, "ann", pos, ""); /* that one is read already, but the mark rises */
    assert_int_equal(c.seq, head + 1);
    c = mark_all(d, "ann", pos, "");
    assert_int_equal(c.seq, head + 1);
    c = mark_all(d, "ann", UINT64_MAX, "");
    assert_int_equal(c.up_to, second);
    assert_int_equal(c.seq, head + 2); /* it was unread, though not counted */
    assert_int_equal(recount(d, NULL), 0);
}

static void nothing_expired_is_ever_counted(void **state)
{
    struct desk *d = *state;
    uint64_t from_ms = d->now.wall_ms;
    uint64_t one = create_one(d, "ann", TYPE_activity, from_ms + 1000);
    create_one(d, "ann", TYPE_activity, 0);
    create_one(d, "ann", TYPE_system, from_ms + 1000);
    create_one(d, "ann", TYPE_activity, from_ms + 5000);
    d->now.wall_ms = from_ms + 999;
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 3);
    d->now.wall_ms = from_ms + 1000;
    struct msg_inbox in = snapshot(d, "ann", 0, 10); /* nobody asked to expire */
    assert_int_equal(in.unread, 2);
    assert_int_equal(in.items.count, 2);
    assert_int_equal(in.seq, 5);
    assert_int_equal(d->counts[COUNT_expired].value, 2);
    struct msg_entry entries[5];
    struct msg_changes ch = since(d, "ann", 4, 0);
    assert_int_equal(entries_of(ch.entries, entries, 5), 1);
    assert_int_equal(entries[0].kind, ENTRY_expired);
    assert_int_equal(entries[0].ids.n, 2 * ID_SIZE);
    assert_int_equal(entries[0].unread, 2);
    char id[ID_SIZE];
    id_at(from_ms, one, id);
    struct msg_changed c = mark_read(d, "ann", (struct bytes){id, ID_SIZE}, "", HASH_A);
    assert_int_equal(c.unknown.n, ID_SIZE);
    d->now.wall_ms = from_ms + 6000;
    ch = since(d, "ann", 5, 0); /* a read of the log expires too */
    assert_int_equal(ch.unread, 1);
    assert_int_equal(ch.entries.count, 1);
    assert_int_equal(recount(d, NULL), 0);
}

static void expire_says_when_to_ask_again(void **state)
{
    struct desk *d = *state;
    uint64_t from_ms = d->now.wall_ms;
    struct msg expire = {.id = MSG_expire};
    assert_int_equal(ask(d, expire).expired.next_in_ms, UINT64_MAX);
    create_one(d, "ann", TYPE_activity, from_ms + 1000);
    create_one(d, "ann", TYPE_activity, from_ms + 300);
    create_one(d, "bob", TYPE_activity, from_ms + 2000);
    assert_int_equal(ask(d, expire).expired.next_in_ms, 300);
    d->now.wall_ms = from_ms + 300;
    assert_int_equal(ask(d, expire).expired.next_in_ms, 700);
    assert_int_equal(d->counts[COUNT_expired].value, 1);
    d->now.wall_ms = from_ms + 1500;
    assert_int_equal(ask(d, expire).expired.next_in_ms, 500);
    d->now.wall_ms = from_ms + 500; /* the clock steps back: nothing comes twice */
    assert_int_equal(ask(d, expire).expired.next_in_ms, 1500);
    assert_int_equal(d->counts[COUNT_expired].value, 2);
    d->now.wall_ms = from_ms + 3600000;
    assert_int_equal(ask(d, expire).expired.next_in_ms, UINT64_MAX);
    assert_int_equal(d->counts[COUNT_expired].value, 3);
    assert_int_equal(snapshot(d, "bob", 0, 10).items.count, 0);
    assert_int_equal(recount(d, NULL), 0);
}

static void many_expire_in_slices(void **state)
{
    struct desk *d = *state;
    uint64_t from_ms = d->now.wall_ms;
    struct buf users;
    buf_init(&users, 10000);
    mp_put_str(&users, bytes_of("ann"));
    struct msg m = create_of(&users, 1);
    m.create.expires_ms = from_ms + 10;
    desk_clear(d);
    for (int i = 0; i < 2500; i++) {
        desk_send(d, 1, &m);
        if (i % 500 == 499)
            desk_commit(d);
    }
    buf_reset(&users);
    for (int i = 0; i < 900; i++) {
        char name[16];
        snprintf(name, sizeof name, "user%d", i);
        mp_put_str(&users, bytes_of(name));
    }
    m = create_of(&users, 900);
    m.create.expires_ms = from_ms + 10;
    assert_int_equal(ask(d, m).created.status, ERR_OK);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 2500);
    d->now.wall_ms += 10;
    unsigned asked = 0;
    while (ask(d, (struct msg){.id = MSG_expire}).expired.next_in_ms == 0)
        asked++;
    assert_true(asked > 0);
    assert_int_equal(d->counts[COUNT_expired].value, 3400);
    struct msg_entry entries[3];
    struct msg_changes ch = since(d, "ann", 2500, 0);
    assert_int_equal(entries_of(ch.entries, entries, 3), 3); /* at most 1,000 ids each */
    assert_int_equal(entries[2].unread, 0);
    assert_int_equal(recount(d, NULL), 0);
    buf_fini(&users);
}

static void a_repeat_changes_nothing_and_answers_the_same(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, bytes_of("ann"));
    struct msg m = create_of(&users, 1);
    m.create.key = BYTES("key-1");
    struct msg first = ask(d, m);
    d->now.wall_ms += 23 * 3600 * 1000;
    struct msg again = ask(d, m);
    assert_int_equal(again.created.status, ERR_OK);
    assert_int_equal(again.created.first_seq, first.created.first_seq);
    assert_int_equal(again.created.at_ms, first.created.at_ms);
    assert_int_equal(d->counts[COUNT_idem_repeats].value, 1);
    m.create.body_hash = HASH_B;
    assert_int_equal(ask(d, m).created.status, ERR_CONFLICT);
    m.create.body_hash = BYTES("short");
    assert_int_equal(ask(d, m).created.status, ERR_INVALID);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 1);

    char id[ID_SIZE];
    id_at(first.created.at_ms, first.created.first_seq, id);
    struct bytes ids = {id, ID_SIZE};
    struct msg_changed c = mark_read(d, "ann", ids, "op-1", HASH_A);
    assert_int_equal(c.changed.n, ID_SIZE);
    uint64_t seq = c.seq;
    create_one(d, "ann", TYPE_activity, 0);
    c = mark_read(d, "ann", ids, "op-1", HASH_A);
    assert_int_equal(c.changed.n, ID_SIZE); /* the first answer, at its seq */
    assert_int_equal(c.seq, seq);
    assert_int_equal(c.unread, 0);
    assert_int_equal(mark_read(d, "ann", ids, "op-1", HASH_B).status, ERR_CONFLICT);
    assert_int_equal(mark_read(d, "bob", ids, "op-1", HASH_B).status, ERR_OK); /* another's key */
    c = mark_all(d, "ann", UINT64_MAX, "op-2");
    seq = c.seq;
    create_one(d, "ann", TYPE_activity, 0);
    c = mark_all(d, "ann", UINT64_MAX, "op-2"); /* does not reach what came since */
    assert_int_equal(c.seq, seq);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 1);
    struct msg_entry entries[9];
    unsigned n = entries_of(since(d, "ann", 0, 0).entries, entries, 9);
    assert_true(bytes_is(entries[n - 2].op_id, "op-2"));
    buf_fini(&users);
    assert_int_equal(recount(d, NULL), 0);
}

static void a_repeat_after_its_end_answers_the_same(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, bytes_of("ann"));
    struct msg m = create_of(&users, 1);
    m.create.key = BYTES("key-1");
    m.create.expires_ms = d->now.wall_ms + 10;
    struct msg first = ask(d, m);
    assert_int_equal(first.created.status, ERR_OK);
    d->now.wall_ms += 10;
    struct msg again = ask(d, m);
    assert_int_equal(again.created.status, ERR_OK);
    assert_int_equal(again.created.first_seq, first.created.first_seq);
    m.create.key = BYTES("key-2"); /* nothing was done with this one, and nothing is */
    assert_int_equal(ask(d, m).created.status, ERR_TOO_OLD);
    m.create.expires_ms++;
    assert_int_equal(ask(d, m).created.status, ERR_OK);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 1);
    buf_fini(&users);
    assert_int_equal(recount(d, NULL), 0);
}

static void in_one_commit_a_repeat_is_one_too(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, bytes_of("ann"));
    struct msg m = create_of(&users, 1);
    m.create.key = BYTES("key-1");
    desk_clear(d);
    for (uint8_t peer = 0; peer < 4; peer++)
        desk_send(d, peer, &m);
    desk_commit(d);
    for (uint8_t peer = 0; peer < 4; peer++) {
        struct msg a;
        assert_true(desk_next(d, peer, &a));
        assert_int_equal(a.created.first_seq, 1);
    }
    assert_int_equal(d->counts[COUNT_commits].value, 1);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 1);
    buf_fini(&users);
}

static void old_keys_are_forgotten(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, bytes_of("ann"));
    struct msg m = create_of(&users, 1);
    char key[16];
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        m.create.key = bytes_of(key);
        ask(d, m);
    }
    assert_int_equal(rows_of(d, TABLE_idem), 100);
    d->now.wall_ms += UINT64_C(3) * 24 * 3600 * 1000;
    for (int i = 0; i < 5; i++)
        create_one(d, "ann", TYPE_activity, 0);
    assert_int_equal(rows_of(d, TABLE_idem), 0);
    m.create.key = BYTES("key-7");
    assert_int_equal(ask(d, m).created.first_seq, 106); /* a new one, so long after */
    buf_fini(&users);
}

static void keys_are_known_as_long_as_was_said(void **state)
{
    struct desk *d = *state;
    const uint64_t hour_ms = 3600000;
    desk_stop(d);
    d->limits.remember_ms = 7 * 24 * hour_ms;
    desk_start(d);
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, bytes_of("ann"));
    struct msg m = create_of(&users, 1);
    m.create.key = BYTES("key");
    ask(d, m);
    for (int day = 1; day <= 7; day++) { /* commits, each of which forgets something */
        d->now.wall_ms += 24 * hour_ms;
        create_one(d, "bob", TYPE_activity, 0);
        assert_int_equal(ask(d, m).created.first_seq, 1);
    }
    d->now.wall_ms += 25 * hour_ms;
    assert_int_equal(ask(d, m).created.first_seq, 9);
    buf_fini(&users);
}

static void time_never_goes_back_in_the_log(void **state)
{
    struct desk *d = *state;
    create_one(d, "ann", TYPE_activity, 0);
    d->now.wall_ms -= 3600000;
    create_one(d, "ann", TYPE_activity, 0);
    desk_stop(d); /* also over a restart */
    desk_start(d);
    create_one(d, "ann", TYPE_activity, 0);
    struct msg_entry entries[3];
    assert_int_equal(entries_of(since(d, "ann", 0, 0).entries, entries, 3), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(entries[i].seq, i + 1);
        assert_int_equal(entries[i].prev, i);
        assert_int_equal(entries[i].at_ms, 1700000000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_BOTH(a_create_reaches_each_user),
        OVER_BOTH(what_is_not_allowed_is_refused_whole),
        OVER_BOTH(reading_counts_once),
        OVER_BOTH(marking_all_leaves_what_is_above),
        OVER_BOTH(a_system_item_does_not_count_and_can_be_read),
        {"R12: nothing that has ended is ever counted (memory)", nothing_expired_is_ever_counted,
         setup_mem, teardown, NULL},
        {"R12: nothing that has ended is ever counted (LMDB)", nothing_expired_is_ever_counted,
         setup_lmdb, teardown, NULL},
        OVER_BOTH(expire_says_when_to_ask_again),
        OVER_BOTH(many_expire_in_slices),
        OVER_BOTH(a_repeat_changes_nothing_and_answers_the_same),
        OVER_BOTH(a_repeat_after_its_end_answers_the_same),
        OVER_BOTH(in_one_commit_a_repeat_is_one_too),
        OVER_BOTH(old_keys_are_forgotten),
        OVER_BOTH(keys_are_known_as_long_as_was_said),
        OVER_BOTH(time_never_goes_back_in_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
