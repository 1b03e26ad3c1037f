/* SPDX-License-Identifier: Apache-2.0 */
/* R17: an inbox keeps so many; the oldest that is read gives way, else the oldest. The model looks at the
 * whole inbox each time, and says who is next. */
#include "tests/unit/store/items.h"

#include <stdlib.h>

enum { MOST = 20, ROUNDS = 1500 };

struct seen {
    uint64_t pos, birth, at_ms;
    bool read, archived, snoozed;
};

static unsigned look(struct desk *d, enum item_place place, struct seen *to)
{
    struct msg_item items[PAGE_MAX];
    struct msg_inbox page = shown_at(d, "ann", place);
    unsigned n = items_of(&page, items, PAGE_MAX);
    for (unsigned i = 0; i < n; i++)
        to[i] = (struct seen){items[i].pos,
                              items[i].birth ? items[i].birth : items[i].pos,
                              items[i].at_ms,
                              items[i].read_ms != 0,
                              (items[i].flags & ITEM_archived) != 0,
                              (items[i].flags & ITEM_snoozed) != 0};
    return n;
}

static unsigned look_all(struct desk *d, struct seen *to)
{
    unsigned n = look(d, PLACE_inbox, to);
    n += look(d, PLACE_archive, to + n);
    return n + look(d, PLACE_snoozed, to + n);
}

/* Whose turn it is; NULL: nobody's. */
static const struct seen *next_to_go(const struct seen *all, unsigned n)
{
    const struct seen *done = NULL, *oldest = NULL;
    for (unsigned i = 0; i < n; i++) {
        const struct seen *one = &all[i];
        if (one->snoozed)
            continue;
        if ((one->read || one->archived) && (!done || one->pos < done->pos))
            done = one;
        if (!one->archived && (!oldest || one->pos < oldest->pos))
            oldest = one;
    }
    return done ? done : oldest;
}

static bool there(const struct seen *all, unsigned n, uint64_t birth)
{
    for (unsigned i = 0; i < n; i++)
        if (all[i].birth == birth)
            return true;
    return false;
}

/* One more, at the limit: who goes is who the model says. */
static void arrive(struct desk *d, struct seen *all, unsigned n)
{
    static const char *const categories[] = {"", "a", "b"};
    const struct seen *goes = n == MOST ? next_to_go(all, n) : NULL;
    struct seen after[3 * PAGE_MAX];
    struct msg_entry entries[8], *e;
    uint64_t head = snapshot(d, "ann", 0, 0).seq;
    uint64_t pos = create_in(d, "ann", categories[rand() % 3]);
    unsigned m = look_all(d, after);
    assert_int_equal(m, n < MOST ? n + 1 : MOST);
    assert_true(there(after, m, pos));
    if (!goes)
        return;
    assert_false(there(after, m, goes->birth));
    e = &entries[entries_of(since(d, "ann", head, 0).entries, entries, 8) - 1];
    char id[ID_SIZE];
    id_at(goes->at_ms, goes->birth, id);
    assert_int_equal(e->kind, ENTRY_removed);
    assert_int_equal(e->what, REMOVED_evicted);
    assert_memory_equal(e->ids.p, id, ID_SIZE);
}

static void act(struct desk *d, const struct seen *one)
{
    static const enum mark what[] = {MARK_read,   MARK_read,     MARK_unread,
                                     MARK_unread, MARK_archive,  MARK_unarchive,
                                     MARK_snooze, MARK_unsnooze, MARK_delete};
    struct msg_mark m = mark_of("ann", what[(unsigned)rand() % (sizeof what / sizeof *what)],
                                (struct bytes){0});
    char id[ID_SIZE];
    id_at(one->at_ms, one->birth, id);
    m.ids = (struct bytes){id, ID_SIZE};
    m.until_ms = d->now.wall_ms + 1000000;
    assert_int_equal(mark_ask(d, m).status, ERR_OK);
}

static void act_on_all(struct desk *d, const struct seen *one)
{
    struct msg_mark_all m = all_of("ann", MARK_read, one->pos);
    if (rand() % 2)
        m.category = rand() % 2 ? BYTES("a") : BYTES("b");
    if (rand() % 4 == 0)
        m.up_to = UINT64_MAX;
    assert_int_equal(all_ask(d, m).status, ERR_OK);
}

static void the_oldest_read_goes_else_the_oldest(void **state)
{
    struct desk *d = *state;
    struct seen all[3 * PAGE_MAX];
    d->commit.work.limits.max_items = MOST;
    for (unsigned seed = 1; seed <= 3; seed++) {
        srand(seed);
        for (unsigned i = 0; i < ROUNDS / 3; i++) {
            unsigned n = look_all(d, all), dice = (unsigned)rand() % 10;
            assert_true(n <= MOST);
            if (n == 0 || dice < 5)
                arrive(d, all, n);
            else if (dice < 9)
                act(d, &all[(unsigned)rand() % n]);
            else
                act_on_all(d, &all[(unsigned)rand() % n]);
        }
        assert_int_equal(recount(d, NULL), 0);
    }
}

/* It is in no count any more, in the commit that made it give way. */
static void the_counts_go_with_it(void **state)
{
    struct desk *d = *state;
    d->commit.work.limits.max_items = 3;
    for (int i = 0; i < 5; i++)
        create_one(d, "ann", TYPE_activity, 0);
    struct msg_inbox inbox = snapshot(d, "ann", 0, 0);
    assert_int_equal(inbox.unread, 3);
    assert_int_equal(newest_of(d, "ann").unread, 3);
    assert_int_equal(d->counts[COUNT_evicted].value, 2);
    assert_int_equal(recount(d, NULL), 0);
}

/* The limit was lowered: each arrival takes two with it, until it fits. */
static void a_lowered_limit_is_reached_by_and_by(void **state)
{
    struct desk *d = *state;
    struct seen all[3 * PAGE_MAX];
    for (int i = 0; i < 10; i++)
        create_one(d, "ann", TYPE_activity, 0);
    d->commit.work.limits.max_items = 5;
    for (unsigned want = 9; want > 5; want--) {
        create_one(d, "ann", TYPE_activity, 0);
        assert_int_equal(look_all(d, all), want);
    }
    create_one(d, "ann", TYPE_activity, 0);
    assert_int_equal(look_all(d, all), 5);
    assert_int_equal(recount(d, NULL), 0);
}

static void do_one(struct desk *d, enum mark what, uint64_t pos)
{
    char id[ID_SIZE];
    id_at(d->now.wall_ms, pos, id);
    assert_int_equal(mark_ids(d, "ann", what, (struct bytes){id, ID_SIZE}).changed.n, ID_SIZE);
}

static uint64_t oldest(struct desk *d)
{
    struct seen all[3 * PAGE_MAX];
    return all[look_all(d, all) - 1].pos;
}

/* What was put aside, and was passed by, is met when it is back. */
static void what_comes_back_is_met(void **state)
{
    struct desk *d = *state;
    uint64_t pos[5];
    struct seen all[3 * PAGE_MAX];
    d->commit.work.limits.max_items = 5;
    for (int i = 0; i < 5; i++)
        pos[i] = create_one(d, "ann", TYPE_activity, 0);
    all_ask(d, all_of("ann", MARK_read, pos[3]));
    do_one(d, MARK_unread, pos[0]);
    do_one(d, MARK_unread, pos[1]);
    create_one(d, "ann", TYPE_activity, 0); /* [2] goes */
    do_one(d, MARK_archive, pos[3]);
    do_one(d, MARK_read, pos[1]);
    create_one(d, "ann", TYPE_activity, 0); /* [1] goes, read by itself */
    do_one(d, MARK_unarchive, pos[3]);
    create_one(d, "ann", TYPE_activity,
               0); /* [3] goes, read by the mark; not [0], which is older */
    assert_int_equal(oldest(d), pos[0]);
    assert_false(there(all, look_all(d, all), pos[3]));
    assert_int_equal(recount(d, NULL), 0);
}

/* Broadcasts are arrivals too, and the seqs of a create for many stay neighbours. */
static void whatever_makes_it(void **state)
{
    struct desk *d = *state;
    struct buf users;
    d->commit.work.limits.max_items = 2;
    buf_init(&users, 100);
    mp_put_str(&users, BYTES("ann"));
    mp_put_str(&users, BYTES("bob"));
    for (int i = 0; i < 4; i++) {
        struct msg a = ask(d, create_of(&users, 2));
        char id[ID_SIZE];
        struct msg_item item;
        id_at(a.created.at_ms, a.created.first_seq + 1, id);
        assert_int_equal(get_item(d, "bob", id, &item), ERR_OK);
    }
    struct msg later = create_of(&users, 2);
    later.create.deliver_ms = d->now.wall_ms + 1000;
    assert_int_equal(ask(d, later).created.status, ERR_OK);
    d->now.wall_ms += 1000;
    assert_int_equal(ask(d, (struct msg){.id = MSG_expire}).expired.status, ERR_OK);
    assert_int_equal(snapshot(d, "bob", 0, 0).unread, 2);
    buf_reset(&users);
    for (int i = 0; i < 4; i++) {
        struct msg m = create_of(&users, 0);
        m.create.all = 1;
        assert_int_equal(ask(d, m).created.status, ERR_OK);
    }
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 2);
    assert_int_equal(recount(d, NULL), 0);
    buf_fini(&users);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE("R17: the oldest that is read goes, else the oldest",
             the_oldest_read_goes_else_the_oldest),
        RULE("R17: the counts change in the same commit", the_counts_go_with_it),
        RULE("R17: a lowered limit is reached by and by", a_lowered_limit_is_reached_by_and_by),
        RULE("R17: what comes back from the archive is met", what_comes_back_is_met),
        RULE("R17: creates for many and broadcasts", whatever_makes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
