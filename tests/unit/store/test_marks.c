/* SPDX-License-Identifier: Apache-2.0 */
/* What a user does to items, and what becomes of the counts. */
#include "tests/unit/store/items.h"

#include "store/collapse.h"

static struct bytes ids_at(uint64_t at_ms, const uint64_t *pos, unsigned n)
{
    static char ids[10][ID_SIZE];
    assert_true(n <= 10);
    for (unsigned i = 0; i < n; i++)
        id_at(at_ms, pos[i], ids[i]);
    return (struct bytes){ids[0], n * ID_SIZE};
}

static struct bytes id_of(uint64_t at_ms, uint64_t pos)
{
    return ids_at(at_ms, &pos, 1);
}

static void assert_bytes_are(struct bytes got, struct bytes want)
{
    assert_true(bytes_equal(got, want));
}

static void later(struct desk *d)
{
    d->now.wall_ms += 1000;
}

/* ---- reading and unreading ---- */

static void an_older_read_loses(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, one = create_one(d, "ann", TYPE_activity, 0);
    uint64_t two = create_one(d, "ann", TYPE_activity, 0);
    mark_ids(d, "ann", MARK_read, id_of(born, one));
    struct msg_changed c = mark_ids(d, "ann", MARK_unread, id_of(born, one));
    assert_int_equal(c.changed.n, ID_SIZE);
    assert_int_equal(c.unread, 2);
    uint64_t marked = c.seq;
    struct msg_mark m = mark_of("ann", MARK_read, id_of(born, one));
    m.observed_seq = marked - 1; /* who had not heard of it */
    c = mark_ask(d, m);
    assert_int_equal(c.status, ERR_OK);
    assert_int_equal(c.changed.n + c.unknown.n, 0);
    assert_int_equal(c.seq, marked);
    struct msg_mark_all all = all_of("ann", MARK_read, UINT64_MAX);
    all.observed_seq = marked - 1;
    c = all_ask(d, all);
    assert_int_equal(c.up_to, two);
    assert_int_equal(c.unread, 1); /* that one, though it lies below the mark */
    assert_bytes_are(newest_of(d, "ann").ids, id_of(born, one));
    assert_int_equal(recount(d, NULL), 0);
    struct msg_item items[2];
    struct msg_inbox in = snapshot(d, "ann", 0, 10);
    assert_int_equal(items_of(&in, items, 2), 2);
    assert_int_equal(items[1].read_ms, 0);
    assert_int_not_equal(items[0].read_ms, 0);
    all.observed_seq = marked;
    c = all_ask(d, all); /* who knows of it */
    assert_int_equal(c.unread, 0);
    assert_int_equal(rows_of(d, TABLE_unread), 0);
    assert_int_equal(recount(d, NULL), 0);
    c = mark_ids(d, "ann", MARK_unread, id_of(born, one)); /* below two marks */
    assert_int_equal(c.unread, 1);
    m.observed_seq = c.seq; /* who knows just of it */
    assert_int_equal(mark_ask(d, m).unread, 0);
    assert_int_equal(recount(d, NULL), 0);
}

static void watermarks_only_rise(void **state)
{
    struct desk *d = *state;
    uint64_t pos[4];
    for (int i = 0; i < 4; i++)
        pos[i] = create_one(d, "ann", TYPE_activity, 0);
    assert_int_equal(all_ask(d, all_of("ann", MARK_read, pos[2])).unread, 1);
    assert_int_equal(all_ask(d, all_of("ann", MARK_read, pos[0])).unread, 1); /* the older one */
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 1);
    create_one(d, "ann", TYPE_activity, 0);
    struct msg_changed c = all_ask(d, all_of("ann", MARK_seen, pos[3]));
    assert_int_equal(c.unseen, 1);
    uint64_t seq = c.seq;
    c = all_ask(d, all_of("ann", MARK_seen, pos[1]));
    assert_int_equal(c.unseen, 1);
    assert_int_equal(c.seq, seq); /* nothing to tell */
    assert_int_equal(recount(d, NULL), 0);
}

static void all_means_up_to(void **state)
{
    struct desk *d = *state;
    uint64_t one = create_one(d, "ann", TYPE_activity, 0);
    uint64_t two = create_one(d, "ann", TYPE_activity, 0); /* arrives while the user clicks */
    struct msg_changed c = all_ask(d, all_of("ann", MARK_read, one));
    assert_int_equal(c.up_to, one);
    assert_int_equal(c.unread, 1);
    c = all_ask(d, all_of("ann", MARK_seen, one));
    assert_int_equal(c.unseen, 1);
    c = all_ask(d, all_of("ann", MARK_archive, one));
    assert_int_equal(c.up_to, one);
    struct msg_item item;
    struct msg_inbox in = shown_at(d, "ann", PLACE_inbox);
    assert_int_equal(items_of(&in, &item, 1), 1);
    assert_int_equal(item.pos, two);
    uint64_t seq = c.seq;
    in = shown_at(d, "ann", PLACE_archive);
    assert_int_equal(items_of(&in, &item, 1), 1);
    assert_int_equal(item.rev, seq);                  /* it was changed by this */
    c = all_ask(d, all_of("ann", MARK_archive, one)); /* again: nothing */
    assert_int_equal(c.seq, seq);
    c = all_ask(d, all_of("ann", MARK_read, UINT64_MAX)); /* as it is when it arrives, and said */
    assert_int_equal(c.up_to, two);
    assert_int_equal(c.unread, 0);
    assert_int_equal(recount(d, NULL), 0);
}

static void repeats_answer_the_same(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, pos = create_one(d, "ann", TYPE_activity, 0);
    static const enum mark marks[] = {MARK_read,      MARK_unread, MARK_archive,
                                      MARK_unarchive, MARK_snooze, MARK_unsnooze};
    uint64_t seqs[6];
    for (int i = 0; i < 6; i++) {
        struct msg_mark m = mark_of("ann", marks[i], id_of(born, pos));
        m.op_id = BYTES("op"); /* the same of each: they are different actions */
        m.until_ms = marks[i] == MARK_snooze ? d->now.wall_ms + 60000 : 0;
        struct msg_changed c = mark_ask(d, m);
        assert_int_equal(c.status, ERR_OK);
        assert_int_equal(c.changed.n, ID_SIZE);
        seqs[i] = c.seq;
        assert_true(bytes_is(newest_of(d, "ann").op_id, "op"));
    }
    for (int i = 0; i < 6; i++) {
        struct msg_mark m = mark_of("ann", marks[i], id_of(born, pos));
        m.op_id = BYTES("op");
        m.until_ms = marks[i] == MARK_snooze ? d->now.wall_ms + 60000 : 0;
        assert_int_equal(mark_ask(d, m).seq, seqs[i]);
    }
    struct msg_mark_all all = all_of("ann", MARK_seen, UINT64_MAX);
    all.op_id = BYTES("op");
    struct msg_changed first = all_ask(d, all);
    create_one(d, "ann", TYPE_activity, 0);
    struct msg_changed again = all_ask(d, all);
    assert_int_equal(again.seq, first.seq);
    assert_int_equal(again.up_to, first.up_to);
    assert_int_equal(snapshot(d, "ann", 0, 0).unseen, 1);
    assert_int_equal(d->counts[COUNT_idem_repeats].value, 7);
    assert_int_equal(recount(d, NULL), 0);
}

static void the_count_is_what_a_recount_gives(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, pos[6];
    for (int i = 0; i < 6; i++)
        pos[i] = create_one(d, "ann", i == 5 ? TYPE_system : i % 2 ? TYPE_alert : TYPE_activity, 0);
    struct msg_inbox in = snapshot(d, "ann", 0, 0);
    assert_int_equal(in.unread, 5);
    assert_int_equal(in.unseen, 5);
    assert_int_equal(tally_in(in.by_type, "activity").unread, 3);
    assert_int_equal(tally_in(in.by_type, "alert").unread, 2);
    assert_int_equal(tally_in(in.by_type, "system").unread, 1);
    assert_int_equal(mark_ids(d, "ann", MARK_seen, ids_at(born, pos, 2)).unseen, 3);
    struct msg_changed c = mark_ids(d, "ann", MARK_archive, ids_at(born, pos, 1));
    assert_int_equal(c.unread, 4);
    assert_int_equal(c.unseen, 3);
    c = mark_ids(d, "ann", MARK_read, ids_at(born, pos + 1, 2)); /* a seen and an unseen one */
    assert_int_equal(c.unread, 2);
    assert_int_equal(c.unseen, 2);
    c = mark_ids(d, "ann", MARK_unread, ids_at(born, pos + 1, 2)); /* what was read is no news */
    assert_int_equal(c.unread, 4);
    assert_int_equal(c.unseen, 2);
    c = mark_ids(d, "ann", MARK_delete, ids_at(born, pos + 1, 2));
    assert_int_equal(c.unread, 2);
    c = mark_ids(d, "ann", MARK_unarchive, ids_at(born, pos, 1));
    assert_int_equal(c.unread, 3);
    in = snapshot(d, "ann", 0, 0);
    assert_int_equal(tally_in(in.by_type, "activity").unread, 2);
    assert_int_equal(tally_in(in.by_type, "alert").unread, 1);
    assert_int_equal(newest_of(d, "ann").unread, 3);
    assert_int_equal(newest_of(d, "ann").unseen, 2);
    assert_int_equal(recount(d, NULL), 0);
}

/* ---- the archive, and what is gone ---- */

static void the_archive_keeps(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, pos[5];
    for (int i = 0; i < 5; i++)
        pos[i] = create_one(d, "ann", TYPE_activity, 0);
    mark_ids(d, "ann", MARK_read, ids_at(born, pos, 2));
    struct msg_mark_all m = all_of("ann", MARK_archive, pos[3]);
    m.only_read = 1;
    struct msg_changed c = all_ask(d, m);
    assert_int_equal(c.unread, 3);
    assert_int_equal(shown_at(d, "ann", PLACE_archive).items.count, 2);
    assert_int_equal(shown_at(d, "ann", PLACE_inbox).items.count, 3);
    assert_int_equal(newest_of(d, "ann").kind, ENTRY_all_archived);
    assert_int_equal(newest_of(d, "ann").what, 1);
    m.only_read = 0;
    c = all_ask(d, m);
    assert_int_equal(c.unread, 1);
    struct msg_item items[4];
    struct msg_inbox in = shown_at(d, "ann", PLACE_archive);
    assert_int_equal(items_of(&in, items, 4), 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(items[i].pos, pos[3 - i]);
        assert_true(items[i].flags & ITEM_archived);
    }
    c = mark_ids(d, "ann", MARK_unarchive, ids_at(born, pos + 1, 2));
    assert_int_equal(c.unread, 2); /* one of them was read */
    assert_int_equal(newest_of(d, "ann").kind, ENTRY_unarchived);
    assert_int_equal(shown_at(d, "ann", PLACE_inbox).items.count, 3);
    assert_int_equal(recount(d, NULL), 0);
}

static void deleted_is_gone(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, pos[3];
    for (int i = 0; i < 3; i++)
        pos[i] = create_one(d, "ann", TYPE_activity, born + 60000);
    mark_ids(d, "ann", MARK_archive, ids_at(born, pos, 1));
    struct msg_changed c = mark_ids(d, "ann", MARK_delete, ids_at(born, pos, 2));
    assert_int_equal(c.changed.n, 2 * ID_SIZE);
    assert_int_equal(c.unread, 1);
    struct msg_entry e = newest_of(d, "ann");
    assert_int_equal(e.kind, ENTRY_removed);
    assert_int_equal(e.what, REMOVED_deleted);
    c = mark_ids(d, "ann", MARK_delete, ids_at(born, pos, 3));
    assert_int_equal(c.unknown.n, 2 * ID_SIZE); /* in `unknown`; the third is done */
    assert_int_equal(c.changed.n, ID_SIZE);
    assert_int_equal(rows_of(d, TABLE_index) + rows_of(d, TABLE_aside), 0);
    assert_int_equal(rows_of(d, TABLE_expiry) + rows_of(d, TABLE_due), 0);
    assert_int_equal(recount(d, NULL), 0);
}

/* ---- snoozing ---- */

static struct msg_changed snooze(struct desk *d, struct bytes ids, uint64_t until_ms)
{
    struct msg_mark m = mark_of("ann", MARK_snooze, ids);
    m.until_ms = until_ms;
    return mark_ask(d, m);
}

static void snoozed_leaves_and_returns(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, one = create_one(d, "ann", TYPE_activity, 0);
    create_one(d, "ann", TYPE_activity, 0);
    char id[ID_SIZE];
    id_at(born, one, id);
    later(d);
    mark_ids(d, "ann", MARK_seen,
             (struct bytes){id, ID_SIZE}); /* it comes back as news all the same */
    mark_ids(d, "ann", MARK_read, (struct bytes){id, ID_SIZE});
    struct msg_changed c = snooze(d, (struct bytes){id, ID_SIZE}, born + 60000);
    assert_int_equal(c.changed.n, ID_SIZE);
    assert_int_equal(c.unread, 1);
    assert_int_equal(shown_at(d, "ann", PLACE_inbox).items.count, 1);
    assert_int_equal(shown_at(d, "ann", PLACE_snoozed).items.count, 1);
    assert_int_equal(newest_of(d, "ann").until_ms, born + 60000);
    assert_int_equal(recount(d, NULL), 0);
    d->now.wall_ms = born + 60000;
    struct msg_item item;
    assert_int_equal(get_item(d, "ann", id, &item), ERR_OK); /* the same id */
    assert_true(item.pos > one + 1);
    assert_int_equal(item.birth, one);
    assert_int_equal(item.at_ms, born);
    assert_int_equal(item.read_ms + item.until_ms, 0);
    struct msg_inbox in = snapshot(d, "ann", 0, 0);
    assert_int_equal(in.unread, 2);
    assert_int_equal(in.unseen, 2);
    struct msg_entry e = newest_of(d, "ann");
    assert_int_equal(e.kind, ENTRY_resurfaced);
    assert_int_equal(e.pos, e.seq);
    assert_int_equal(recount(d, NULL), 0);
    later(d);
    c = mark_ids(d, "ann", MARK_read, (struct bytes){id, ID_SIZE});
    assert_int_equal(c.unread, 1);
    snooze(d, (struct bytes){id, ID_SIZE}, born + 90000); /* a second time */
    c = mark_ids(d, "ann", MARK_unsnooze, (struct bytes){id, ID_SIZE});
    assert_int_equal(c.unread, 2);
    assert_int_equal(rows_of(d, TABLE_moved), 1);
    c = mark_ids(d, "ann", MARK_unsnooze, (struct bytes){id, ID_SIZE});
    assert_int_equal(c.changed.n, 0);
    mark_ids(d, "ann", MARK_delete, (struct bytes){id, ID_SIZE});
    assert_int_equal(rows_of(d, TABLE_moved), 0);
    assert_int_equal(recount(d, NULL), 0);
}

static void what_ends_while_snoozed_ends(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, pos = create_one(d, "ann", TYPE_activity, born + 5000);
    snooze(d, id_of(born, pos), born + 3000);
    uint64_t two = create_one(d, "ann", TYPE_activity, born + 2000);
    snooze(d, id_of(born, two), born + 3000);
    d->now.wall_ms = born + 2000;
    assert_int_equal(ask(d, (struct msg){.id = MSG_expire}).expired.next_in_ms, 1000);
    assert_int_equal(shown_at(d, "ann", PLACE_snoozed).items.count, 1);
    struct msg_entry e = newest_of(d, "ann");
    assert_int_equal(e.kind, ENTRY_expired);
    assert_int_equal(e.prev, two + 1); /* its snoozing: it has not woken first */
    d->now.wall_ms = born + 3000;
    assert_int_equal(ask(d, (struct msg){.id = MSG_expire}).expired.next_in_ms, 2000);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 1);
    assert_int_equal(recount(d, NULL), 0);
    d->now.wall_ms = born + 5000;
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 0);
    assert_int_equal(snooze(d, id_of(born, pos), born + 9000).unknown.n, ID_SIZE);
    assert_int_equal(snooze(d, id_of(born, pos), born + 5000).status, ERR_TOO_OLD);
    assert_int_equal(recount(d, NULL), 0);
}

/* A wall clock that steps by an hour neither wakes an item twice nor skips it. */
static void a_step_of_the_clock_wakes_once(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, pos = create_one(d, "ann", TYPE_activity, 0);
    snooze(d, id_of(born, pos), born + 1800000);
    d->now.wall_ms += 3600000;
    uint64_t seq = snapshot(d, "ann", 0, 0).seq;
    assert_int_equal(newest_of(d, "ann").kind, ENTRY_resurfaced);
    d->now.wall_ms -= 3600000;
    assert_int_equal(snapshot(d, "ann", 0, 0).seq, seq);
    d->now.wall_ms += 3600000;
    assert_int_equal(snapshot(d, "ann", 0, 0).seq, seq);
    d->now.wall_ms -= 3600000; /* what is snoozed now wakes by the clock as it is now */
    assert_int_equal(snooze(d, id_of(born, pos), born + 1800000).status, ERR_OK);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 0);
    assert_int_equal(newest_of(d, "ann").kind, ENTRY_snoozed);
    d->now.wall_ms = born + 1800000;
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 1);
    assert_int_equal(newest_of(d, "ann").kind, ENTRY_resurfaced);
    assert_int_equal(recount(d, NULL), 0);
}

/* ---- categories ---- */

static void categories_have_counts(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, a = create_in(d, "ann", "work");
    create_in(d, "ann", "work");
    uint64_t b = create_in(d, "ann", "home");
    create_one(d, "ann", TYPE_activity, 0);
    struct msg_inbox in = snapshot(d, "ann", 0, 0);
    assert_int_equal(in.by_category.count, 2);
    assert_int_equal(tally_in(in.by_category, "work").unread, 2);
    assert_int_equal(tally_in(in.by_category, "work").unseen, 2);
    assert_int_equal(tally_in(in.by_category, "home").unread, 1);
    struct msg_mark_all m = all_of("ann", MARK_read, a);
    m.category = BYTES("work");
    later(d);
    assert_int_equal(all_ask(d, m).unread, 3);
    struct msg_entry e = newest_of(d, "ann");
    assert_true(bytes_is(e.category, "work"));
    assert_int_equal(e.tallies.count, 1); /* only what it touched */
    assert_int_equal(tally_in(e.tallies, "work").unread, 1);
    m.up_to = UINT64_MAX;
    assert_int_equal(all_ask(d, m).unread, 2);
    in = snapshot(d, "ann", 0, 0);
    assert_int_equal(tally_in(in.by_category, "work").unread, 0);
    assert_int_equal(tally_in(in.by_category, "home").unread, 1);
    struct msg_item item;
    char id[ID_SIZE];
    id_at(born, a, id);
    assert_int_equal(get_item(d, "ann", id, &item), ERR_OK);
    assert_int_equal(item.read_ms, born + 1000);
    assert_int_equal(recount(d, NULL), 0);
    m.category = BYTES("nothing has it");
    uint64_t seq = all_ask(d, m).seq;
    assert_int_equal(all_ask(d, all_of("ann", MARK_read, b)).unread, 1);
    assert_true(snapshot(d, "ann", 0, 0).seq > seq);
    assert_int_equal(recount(d, NULL), 0);
}

static void a_category_goes_with_its_last_item(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, pos[CATEGORIES_MAX];
    char name[20];
    for (unsigned i = 0; i < CATEGORIES_MAX; i++) {
        snprintf(name, sizeof name, "c%u", i);
        pos[i] = create_in(d, "ann", name);
    }
    struct msg_create one = {.type = TYPE_activity, .category = BYTES("one more")};
    uint64_t seq = snapshot(d, "ann", 0, 0).seq;
    assert_int_equal(create_with(d, "ann", one).status, ERR_FULL);
    assert_int_equal(snapshot(d, "ann", 0, 0).seq, seq); /* nothing is done */
    one.category = BYTES("c7");
    assert_int_equal(create_with(d, "ann", one).status, ERR_OK); /* it is there */
    struct msg_mark_all m = all_of("ann", MARK_read, UINT64_MAX);
    m.category = BYTES("c3");
    all_ask(d, m);
    assert_int_equal(rows_of(d, TABLE_category_marks), 1);
    mark_ids(d, "ann", MARK_delete, id_of(born, pos[3]));
    assert_int_equal(rows_of(d, TABLE_category_marks), 0);
    one.category = BYTES("one more");
    assert_int_equal(create_with(d, "ann", one).status, ERR_OK);
    struct msg_inbox in = snapshot(d, "ann", 0, 0);
    assert_int_equal(tally_in(in.by_category, "one more").unread, 1);
    assert_int_equal(in.by_category.count, CATEGORIES_MAX);
    assert_int_equal(recount(d, NULL), 0);
}

/* A category that empties and is made again in one commit keeps no mark of the other. */
static void a_number_is_used_again_at_once(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, pos = create_in(d, "ann", "old");
    struct msg_mark_all all = all_of("ann", MARK_read, UINT64_MAX);
    all.category = BYTES("old");
    all_ask(d, all);
    struct buf users;
    buf_init(&users, 100);
    mp_put_str(&users, BYTES("ann"));
    struct msg m = {.id = MSG_mark, .mark = mark_of("ann", MARK_delete, id_of(born, pos))};
    struct msg c = create_of(&users, 1);
    c.create.category = BYTES("new");
    desk_clear(d);
    desk_send(d, 0, &m);
    desk_send(d, 0, &c);
    desk_commit(d);
    struct msg_inbox in = snapshot(d, "ann", 0, 0);
    assert_int_equal(in.by_category.count, 1);
    assert_int_equal(tally_in(in.by_category, "new").unread, 1);
    assert_int_equal(recount(d, NULL), 0);
    buf_fini(&users);
}

/* ---- other content ---- */

static struct msg_changed update(struct desk *d, uint64_t born, uint64_t pos, struct msg_update m)
{
    m.user = BYTES("ann");
    m.id = id_of(born, pos);
    m.body_hash = HASH_A;
    struct msg a = ask(d, (struct msg){.id = MSG_update, .update = m});
    assert_int_equal(a.id, MSG_changed);
    return a.changed;
}

static void other_content_in_its_place(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, pos = create_in(d, "ann", "work");
    create_one(d, "ann", TYPE_activity, 0);
    mark_ids(d, "ann", MARK_read, id_of(born, pos));
    struct msg_item item;
    char id[ID_SIZE];
    id_at(born, pos, id);
    assert_int_equal(get_item(d, "ann", id, &item), ERR_OK);
    struct msg_update m = {.rev = item.rev,
                           .content = BYTES("{\"title\":\"other\"}"),
                           .category = BYTES("home"),
                           .expires_ms = born + 9000,
                           .what = 1 << FIELD_NO_title,
                           .op_id = BYTES("op")};
    struct msg_changed c = update(d, born, pos, m);
    assert_int_equal(c.status, ERR_OK);
    assert_int_equal(c.unread, 1); /* it is read, as it was */
    assert_int_equal(newest_of(d, "ann").kind, ENTRY_updated);
    assert_int_equal(newest_of(d, "ann").what, m.what);
    assert_int_equal(get_item(d, "ann", id, &item), ERR_OK);
    assert_true(bytes_equal(item.content, m.content));
    assert_int_equal(item.pos, pos);
    assert_int_equal(item.rev, c.seq);
    assert_int_not_equal(item.read_ms, 0);
    assert_int_equal(recount(d, NULL), 0);
    assert_int_equal(update(d, born, pos, m).seq, c.seq); /* a repeat */
    m.op_id = (struct bytes){0};
    assert_int_equal(update(d, born, pos, m).status, ERR_LATER); /* made of another */
    m.rev = item.rev;
    m.expires_ms = born;
    assert_int_equal(update(d, born, pos, m).status, ERR_TOO_OLD);
    m.what = UINT64_MAX;
    assert_int_equal(update(d, born, pos, m).status, ERR_INVALID);
    d->now.wall_ms = born + 9000; /* its new end */
    m.what = 0;
    assert_int_equal(update(d, born, pos, m).status, ERR_NOT_FOUND);
    assert_int_equal(rows_of(d, TABLE_categories), 0);
    assert_int_equal(recount(d, NULL), 0);
}

/* ---- what arrives more than once ---- */

static struct msg_created keyed(struct desk *d, const char *user, const char *collapse,
                                const char *dedupe)
{
    struct msg_created c = create_with(d, user,
                                       (struct msg_create){.type = TYPE_activity,
                                                           .collapse_key = bytes_of(collapse),
                                                           .dedupe_key = bytes_of(dedupe)});
    assert_int_equal(c.status, ERR_OK);
    return c;
}

static void the_newer_takes_the_place(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, one = keyed(d, "ann", "build", "").first_seq;
    create_one(d, "ann", TYPE_activity, 0);
    assert_int_equal(rows_of(d, TABLE_collapse), 1);
    later(d);
    struct msg_created c = keyed(d, "ann", "build", "");
    assert_int_equal(c.taken.p[0], TAKEN_collapsed);
    assert_bytes_are(c.ids, id_of(born, one)); /* the same id */
    struct msg_inbox in = snapshot(d, "ann", 0, 10);
    assert_int_equal(in.unread, 2); /* it does not rise */
    struct msg_item items[2];
    assert_int_equal(items_of(&in, items, 2), 2);
    assert_int_equal(items[0].pos, c.first_seq); /* a new pos */
    assert_int_equal(items[0].birth, one);
    struct msg_entry e = newest_of(d, "ann");
    assert_int_equal(e.kind, ENTRY_updated);
    assert_int_equal(e.what >> FIELD_NO_read_at & 1, 0);
    assert_int_equal(recount(d, NULL), 0);
    mark_ids(d, "ann", MARK_read, id_of(born, one));
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 1);
    keyed(d, "ann", "build", ""); /* it was read: unread once */
    assert_int_equal(newest_of(d, "ann").what >> FIELD_NO_read_at & 1, 1);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 2);
    struct msg_mark m = mark_of("ann", MARK_read, id_of(born, one));
    m.observed_seq = c.first_seq; /* of who saw the older one */
    assert_int_equal(mark_ask(d, m).changed.n, 0);
    mark_ids(d, "ann", MARK_archive, id_of(born, one));
    keyed(d, "ann", "build", ""); /* and back from the archive */
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 2);
    assert_int_equal(shown_at(d, "ann", PLACE_archive).items.count, 0);
    assert_int_equal(keyed(d, "bob", "build", "").taken.n, 0); /* another inbox */
    assert_int_equal(keyed(d, "ann", "deploy", "").taken.n, 0);
    assert_int_equal(recount(d, NULL), 0);
    mark_ids(d, "ann", MARK_delete, id_of(born, one));
    assert_int_equal(rows_of(d, TABLE_collapse), 2);
    assert_int_equal(keyed(d, "ann", "build", "").taken.n, 0);
    assert_int_equal(recount(d, NULL), 0);
}

/* Two keys of one hash (XXH3, of 9 to 16 bytes, multiplies two words: one of them is 0 here, in each the other):
 * the newer has the row, and keeps it when the older goes. No JSON text has them: they are not UTF-8. */
static void two_keys_of_one_hash(void **state)
{
    struct desk *d = *state;
    const char *const older = "\xb9\x39\x42\xea\x7b\x73\x82\x67\xd5\x9f\x3d\x80\x5c\xf9\x75\xae",
                      *newer = "\xb8\x1a\x07\x8d\xf2\xd8\x4f\x88\x3a\x52\x96\x09\x3b\xbc\x56\xaf";
    assert_int_equal(collapse_hash(bytes_of(older)), collapse_hash(bytes_of(newer)));
    uint64_t born = d->now.wall_ms, one = keyed(d, "ann", older, "").first_seq;
    uint64_t two = keyed(d, "ann", newer, "").first_seq;
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 2); /* they are two */
    mark_ids(d, "ann", MARK_delete, id_of(born, one));
    assert_int_equal(recount(d, NULL), 0);
    struct msg_created c = keyed(d, "ann", newer, "");
    assert_int_equal(c.taken.n, 1);
    assert_bytes_are(c.ids, id_of(born, two));
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 1);
    assert_int_equal(recount(d, NULL), 0);
}

static void the_first_stays(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, one = keyed(d, "ann", "", "order 7").first_seq;
    uint64_t seq = snapshot(d, "ann", 0, 0).seq;
    later(d);
    struct msg_created c = keyed(d, "ann", "", "order 7");
    assert_int_equal(c.taken.p[0], TAKEN_deduped);
    assert_bytes_are(c.ids, id_of(born, one));
    assert_int_equal(snapshot(d, "ann", 0, 0).seq, seq); /* nothing is done */
    mark_ids(d, "ann", MARK_delete, id_of(born, one));
    assert_int_equal(keyed(d, "ann", "", "order 7").taken.n, 1); /* whatever became of it */
    assert_int_equal(keyed(d, "bob", "", "order 7").taken.n, 0);
    d->now.wall_ms += 3 * d->limits.remember_ms; /* the window is over */
    assert_int_equal(keyed(d, "ann", "", "order 7").taken.n, 0);
    assert_int_equal(recount(d, NULL), 0);
}

/* Of several inboxes each has its own; those that are made have seqs one behind the other. */
static void each_inbox_by_itself(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, one = keyed(d, "bob", "", "k").first_seq;
    struct buf users;
    buf_init(&users, 100);
    mp_put_str(&users, BYTES("ann"));
    mp_put_str(&users, BYTES("bob"));
    mp_put_str(&users, BYTES("eve"));
    struct msg m = create_of(&users, 3);
    m.create.dedupe_key = BYTES("k");
    struct msg a = ask(d, m);
    static const char want[] = {TAKEN_made, TAKEN_deduped, TAKEN_made};
    assert_memory_equal(a.created.taken.p, want, 3);
    assert_memory_equal(a.created.ids.p + ID_SIZE, id_of(born, one).p, ID_SIZE);
    assert_int_equal(snapshot(d, "ann", 0, 0).seq, a.created.first_seq);
    assert_int_equal(snapshot(d, "eve", 0, 0).seq, a.created.first_seq + 1);
    assert_int_equal(snapshot(d, "bob", 0, 0).seq, one);
    m.create.all = 1;
    m.create.users = (struct mp_list){{NULL, 0}, 0};
    assert_int_equal(ask(d, m).created.status, ERR_INVALID); /* a broadcast looks in no inbox */
    assert_int_equal(recount(d, NULL), 0);
    buf_fini(&users);
}

/* ---- pages ---- */

static void pages_are_filtered(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, pos[6];
    for (int i = 0; i < 6; i++)
        pos[i] = i % 2 ? create_in(d, "ann", "work") : create_one(d, "ann", TYPE_alert, 0);
    mark_ids(d, "ann", MARK_read, ids_at(born, pos, 3));
    static const struct {
        struct msg_snapshot m;
        unsigned count;
    } rows[] = {
        {{.status = 1}, 3},
        {{.status = 2}, 3},
        {{.type = TYPE_alert + 1}, 3},
        {{.status = 1, .type = TYPE_alert + 1}, 1},
        {{.category = {"work", 4}}, 3},
        {{.category = {"work", 4}, .status = 2}, 1},
        {{.category = {"home", 4}}, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct msg_snapshot m = rows[i].m;
        m.user = BYTES("ann");
        m.limit = 10;
        assert_int_equal(page_of(d, m).items.count, rows[i].count);
        uint64_t found = 0;
        m.limit = 1; /* and page by page */
        do {
            struct msg_inbox in = page_of(d, m);
            found += in.items.count;
            m.before = in.next;
        } while (m.before > 0);
        assert_int_equal(found, rows[i].count);
    }
    struct msg_snapshot wrong = {.user = BYTES("ann"), .limit = 1, .status = 3};
    struct msg a = ask(d, (struct msg){.id = MSG_snapshot, .snapshot = wrong});
    assert_int_equal(a.inbox.status, ERR_INVALID);
}

/* What a page looks at has a bound: it says where to go on. */
static void a_page_looks_so_far_and_no_further(void **state)
{
    struct desk *d = *state;
    uint64_t first = create_in(d, "ann", "rare");
    struct buf users;
    buf_init(&users, 100);
    mp_put_str(&users, BYTES("ann"));
    struct msg m = create_of(&users, 1);
    desk_clear(d);
    for (int i = 0; i < 4500; i++) {
        desk_send(d, 1, &m);
        if (i % 500 == 499)
            desk_commit(d);
    }
    struct msg_snapshot s = {.user = BYTES("ann"), .limit = 10, .category = BYTES("rare")};
    unsigned pages = 0;
    struct msg_item item = {0};
    do {
        struct msg_inbox in = page_of(d, s);
        if (in.items.count > 0)
            items_of(&in, &item, 1);
        s.before = in.next;
        pages++;
    } while (s.before > 0);
    assert_int_equal(item.pos, first);
    assert_int_equal(pages, 3);
    buf_fini(&users);
}

/* ---- bounds, damage, recounts ---- */

static void what_may_be_snoozed_has_a_bound(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms;
    static char ids[IDS_MAX][ID_SIZE];
    for (uint64_t i = 0; i < MARK_SNOOZED_MAX; i++)
        id_at(born, create_one(d, "ann", TYPE_activity, 0), ids[i]);
    struct bytes all = {ids[0], sizeof ids};
    assert_int_equal(snooze(d, all, born + 10).status, ERR_OK);
    uint64_t one = create_one(d, "ann", TYPE_activity, 0);
    assert_int_equal(snooze(d, id_of(born, one), born + 10).status, ERR_FULL);
    assert_int_equal(snooze(d, all, born + 10).status, ERR_OK); /* they are so already */
    assert_int_equal(recount(d, NULL), 0);
    d->now.wall_ms = born + 10; /* and all wake at once */
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, MARK_SNOOZED_MAX + 1);
    assert_int_equal(recount(d, NULL), 0);
}

/* A repetition without an op_id changes nothing, and is not refused. */
static void what_may_be_marked_as_unread_has_a_bound(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms;
    static char ids[IDS_MAX][ID_SIZE];
    struct bytes all = {ids[0], sizeof ids}, less = {ids[0], sizeof ids - ID_SIZE};
    struct bytes last = {ids[IDS_MAX - 1], ID_SIZE};
    for (uint64_t i = 0; i < IDS_MAX; i++)
        id_at(born, create_one(d, "ann", TYPE_activity, 0), ids[i]);
    uint64_t more = create_one(d, "ann", TYPE_activity, 0);
    mark_all(d, "ann", more, "");
    assert_int_equal(mark_ids(d, "ann", MARK_unread, less).changed.n, less.n);
    assert_int_equal(mark_ids(d, "ann", MARK_unread, less).changed.n, 0);
    char twice[2 * ID_SIZE];
    memcpy(twice, last.p, ID_SIZE);
    memcpy(twice + ID_SIZE, last.p, ID_SIZE);
    assert_int_equal(mark_ids(d, "ann", MARK_unread, (struct bytes){twice, sizeof twice}).changed.n,
                     ID_SIZE);
    assert_int_equal(mark_ids(d, "ann", MARK_unread, all).changed.n, 0);
    struct msg_mark one = mark_of("ann", MARK_unread, id_of(born, more));
    assert_int_equal(mark_ask(d, one).status, ERR_FULL);
    assert_int_equal(recount(d, NULL), 0);
}

static void check_finds_each_drift(void **state)
{
    struct desk *d = *state;
    const char *topic = "user:ann:notifications";
    uint64_t born = d->now.wall_ms, pos[5];
    for (int i = 0; i < 5; i++)
        pos[i] = create_in(d, "ann", i ? "work" : "home");
    keyed(d, "ann", "build", "");
    all_ask(d, all_of("ann", MARK_read, pos[1]));
    mark_ids(d, "ann", MARK_unread, id_of(born, pos[0]));
    mark_ids(d, "ann", MARK_archive, id_of(born, pos[2]));
    snooze(d, id_of(born, pos[3]), born + 5000);
    mark_ids(d, "ann", MARK_unsnooze, id_of(born, pos[3]));
    snooze(d, id_of(born, pos[4]), born + 90000);
    assert_int_equal(recount(d, NULL), 0);
    static const struct {
        const char *what;
        size_t offset;
    } rows[] = {
        {"items aside", offsetof(struct topic_row, aside)},
        {"snoozed items", offsetof(struct topic_row, snoozed)},
        {"items that have moved", offsetof(struct topic_row, moved)},
        {"items marked as unread", offsetof(struct topic_row, unread_set)},
        {"categories", offsetof(struct topic_row, categories)},
        {"unseen", offsetof(struct topic_row, counts.unseen)},
        {"next expiry", offsetof(struct topic_row, next_expiry_ms)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        plant(d, topic, rows[i].offset, 1);
        assert_int_equal(recount(d, rows[i].what), 1);
        plant(d, topic, rows[i].offset, UINT64_MAX);
        assert_int_equal(recount(d, NULL), 0);
    }
    uint64_t no = pos[0];
    const struct {
        enum table table;
        struct key key;
    } lost[] = {{TABLE_unread, key2(no, pos[0])},
                {TABLE_moved, key2(no, pos[3])},
                {TABLE_aside, key2(no, pos[2])},
                {TABLE_categories, key2(no, 1)},
                {TABLE_collapse, key2(no, collapse_hash(BYTES("build")))},
                {TABLE_expiry, key3(no, born + 90000, pos[4])}};
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
        struct txn *t = NULL;
        struct bytes value;
        char copy[400];
        requests_rest(&d->requests);
        assert_int_equal(engine_read(d->engine, &t), ERR_OK);
        assert_int_equal(txn_get(t, lost[i].table, key_bytes(&lost[i].key), &value), ERR_OK);
        assert_true(value.n <= sizeof copy);
        memcpy(copy, value.p, value.n);
        size_t n = value.n;
        txn_abort(&t);
        put_raw(d, lost[i].table, key_bytes(&lost[i].key), (struct bytes){0});
        assert_true(recount(d, NULL) > 0);
        put_raw(d, lost[i].table, key_bytes(&lost[i].key), (struct bytes){copy, n});
        assert_int_equal(recount(d, NULL), 0);
    }
}

static void damage_refuses_the_whole(void **state)
{
    struct desk *d = *state;
    uint64_t born = d->now.wall_ms, pos[3];
    for (int i = 0; i < 3; i++)
        pos[i] = create_one(d, "ann", TYPE_activity, 0);
    struct key key = key2(pos[0], pos[1]);
    damage(d, TABLE_index, key_bytes(&key));
    uint64_t seq = pos[2];
    static const enum mark marks[] = {MARK_read, MARK_archive, MARK_delete, MARK_seen};
    for (int i = 0; i < 4; i++)
        assert_int_equal(mark_ask(d, mark_of("ann", marks[i], ids_at(born, pos, 3))).status,
                         ERR_WORLD);
    assert_int_equal(all_ask(d, all_of("ann", MARK_archive, UINT64_MAX)).status, ERR_WORLD);
    assert_int_equal(all_ask(d, all_of("ann", MARK_read, pos[1])).status, ERR_WORLD);
    assert_int_equal(all_ask(d, all_of("ann", MARK_seen, pos[1])).status, ERR_WORLD);
    assert_int_equal(snapshot(d, "ann", 0, 0).seq, seq);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 3);
    struct msg_mark_all wrong = all_of("ann", MARK_delete, UINT64_MAX);
    assert_int_equal(all_ask(d, wrong).status, ERR_INVALID);
    struct msg_mark unheard = mark_of("ann", MARK_COUNT, ids_at(born, pos, 1));
    assert_int_equal(mark_ask(d, unheard).status, ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE("R2: the count is what a recount gives", the_count_is_what_a_recount_gives),
        RULE("R4: all means up to a pos, which is said", all_means_up_to),
        RULE("R5: watermarks only rise", watermarks_only_rise),
        RULE("R6: an explicit unread beats an older read", an_older_read_loses),
        RULE("R7: a repeated op_id answers the same", repeats_answer_the_same),
        RULE("R12: what ends while it is snoozed ends", what_ends_while_snoozed_ends),
        RULE("R13: a step of the clock wakes an item once", a_step_of_the_clock_wakes_once),
        RULE("R14: snoozed leaves and returns", snoozed_leaves_and_returns),
        RULE("R11: under a dedupe_key the first stays", the_first_stays),
        RULE("R15: under a collapse_key the newer takes the place", the_newer_takes_the_place),
        RULE("R15: two keys of one hash are two", two_keys_of_one_hash),
        OVER_BOTH(other_content_in_its_place),
        OVER_BOTH(each_inbox_by_itself),
        OVER_BOTH(the_archive_keeps),
        OVER_BOTH(deleted_is_gone),
        OVER_BOTH(categories_have_counts),
        OVER_BOTH(a_category_goes_with_its_last_item),
        OVER_BOTH(a_number_is_used_again_at_once),
        OVER_BOTH(pages_are_filtered),
        OVER_BOTH(a_page_looks_so_far_and_no_further),
        OVER_BOTH(what_may_be_snoozed_has_a_bound),
        OVER_BOTH(what_may_be_marked_as_unread_has_a_bound),
        OVER_BOTH(check_finds_each_drift),
        OVER_BOTH(damage_refuses_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
