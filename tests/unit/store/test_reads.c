/* SPDX-License-Identifier: Apache-2.0 */
/* Pages, the chain of a topic, the heads, the follower, the recount; over both engines. */
#include "tests/unit/store/items.h"

static void pages_reach_every_item_once(void **state)
{
    struct desk *d = *state;
    enum { COUNT = 250 };
    for (int i = 0; i < COUNT; i++) {
        create_one(d, "ann", TYPE_activity, 0);
        create_one(d, "bob", TYPE_activity, 0);
    }
    struct msg_item items[PAGE_MAX];
    uint64_t before = 0, expected = 2 * COUNT - 1, pages = 0;
    do {
        struct msg_inbox in = snapshot(d, "ann", before, 1000); /* more than a page may have */
        unsigned n = items_of(&in, items, PAGE_MAX);
        for (unsigned i = 0; i < n; i++, expected -= 2)
            assert_int_equal(items[i].pos, expected);
        before = in.next;
        pages++;
        assert_int_equal(in.unread, COUNT);
    } while (before != 0);
    assert_int_equal(pages, 3);
    assert_int_equal(expected, UINT64_MAX); /* one below 1, by two */
    struct msg_inbox in = snapshot(d, "ann", 7, 2);
    assert_int_equal(items_of(&in, items, 2), 2);
    assert_int_equal(items[0].pos, 5);
    assert_int_equal(in.next, 3);
    in = snapshot(d, "ann", 3, 5);
    assert_int_equal(in.items.count, 1);
    assert_int_equal(in.next, 0);
    assert_int_equal(snapshot(d, "ann", 1, 5).items.count, 0);
}

static void a_page_of_large_items_is_cut(void **state)
{
    struct desk *d = *state;
    static char large[CONTENT_MAX];
    memset(large, 'x', sizeof large);
    large[0] = '{';
    large[sizeof large - 1] = '}';
    struct buf users;
    buf_init(&users, 100);
    mp_put_str(&users, bytes_of("ann"));
    struct msg m = create_of(&users, 1);
    m.create.content = (struct bytes){large, sizeof large};
    for (int i = 0; i < 100; i++)
        ask(d, m);
    unsigned items = 0, pages = 0;
    for (uint64_t before = 0; pages == 0 || before != 0; pages++) {
        struct msg_inbox in = snapshot(d, "ann", before, 100);
        assert_true(d->out[0].n <= READ_BYTES);
        items += in.items.count;
        before = in.next;
    }
    assert_int_equal(items, 100);
    assert_int_equal(pages, 2);
    assert_int_equal(since(d, "ann", 60, 0).entries.count, 40);
    assert_int_equal(since(d, "ann", 0, 0).status, ERR_TOO_OLD); /* 3 MB */
    buf_fini(&users);
}

/* Counts of categories stand behind the items: with them, too, it is no longer than it may be. */
static void a_full_page_has_room_for_the_counts(void **state)
{
    struct desk *d = *state;
    static char text[CONTENT_MAX];
    char name[CATEGORY_MAX + 1];
    memset(text, 'x', sizeof text);
    text[0] = '{';
    struct msg_create large = {.type = TYPE_activity, .content = {text, sizeof text}};
    for (unsigned i = 0; i < CATEGORIES_MAX; i++) {
        snprintf(name, sizeof name, "%0*u", CATEGORY_MAX, i);
        create_in(d, "ann", name);
    }
    text[sizeof text - 1] = '}';
    for (unsigned i = 0; i < 64; i++)
        create_with(d, "ann", large);
    text[sizeof text - 1] = 'x';
    size_t most = 0;
    for (size_t filler = 20000; filler < CONTENT_MAX; filler += 200) {
        char id[ID_SIZE];
        text[filler - 1] = '}';
        large.content.n = filler;
        struct msg_created c = create_with(d, "ann", large);
        text[filler - 1] = 'x';
        id_at(c.at_ms, c.first_seq, id);
        snapshot(d, "ann", 0, 100);
        most = d->out[0].n > most ? d->out[0].n : most;
        mark_ids(d, "ann", MARK_delete, (struct bytes){id, ID_SIZE});
    }
    assert_true(most <= READ_BYTES);
    assert_true(most > READ_BYTES - 8192); /* else nothing was tried */
}

static void since_is_exact_or_too_old(void **state)
{
    struct desk *d = *state;
    uint64_t epoch = d->now.wall_ms;
    for (int i = 0; i < 5; i++) {
        create_one(d, "ann", TYPE_activity, 0); /* 1 3 5 7 9 */
        create_one(d, "bob", TYPE_activity, 0);
    }
    struct msg_entry entries[CHANGES_MAX];
    struct msg_changes ch = since(d, "ann", 3, epoch);
    assert_int_equal(ch.status, ERR_OK);
    assert_int_equal(ch.head, 9);
    assert_int_equal(ch.unread, 5);
    assert_int_equal(entries_of(ch.entries, entries, 9), 3);
    uint64_t prev = 3;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(entries[i].prev, prev);
        assert_int_equal(entries[i].unread, i + 3);
        prev = entries[i].seq;
    }
    assert_int_equal(prev, 9);
    assert_int_equal(since(d, "ann", 0, 0).entries.count, 5);
    ch = since(d, "ann", 9, epoch);
    assert_int_equal(ch.status, ERR_OK);
    assert_int_equal(ch.entries.count, 0);
    assert_int_equal(since(d, "ann", 4, epoch).status, ERR_TOO_OLD);  /* bob's */
    assert_int_equal(since(d, "ann", 11, epoch).status, ERR_TOO_OLD); /* not yet */
    ch = since(d, "ann", 3, epoch + 1);                               /* another history */
    assert_int_equal(ch.status, ERR_TOO_OLD);
    assert_int_equal(ch.epoch, epoch);
    assert_int_equal(ch.head, 9);
    assert_int_equal(since(d, "nobody", 0, epoch).status, ERR_OK);
    assert_int_equal(since(d, "nobody", 1, epoch).status, ERR_TOO_OLD);
    for (int i = 0; i < CHANGES_MAX - 4; i++)
        create_one(d, "ann", TYPE_activity, 0);
    assert_int_equal(since(d, "ann", 1, epoch).status, ERR_OK);
    assert_int_equal(since(d, "ann", 1, epoch).entries.count, CHANGES_MAX);
    assert_int_equal(since(d, "ann", 0, epoch).status, ERR_TOO_OLD); /* one more than fits */
}

static struct msg_heads heads(struct desk *d, uint64_t from)
{
    struct msg a = ask(d, (struct msg){.id = MSG_heads_since, .heads_since = {.from = from}});
    assert_int_equal(a.id, MSG_heads);
    return a.heads;
}

static void heads_tell_each_topic_that_changed(void **state)
{
    struct desk *d = *state;
    struct msg_heads h = heads(d, 0);
    assert_int_equal(h.status, ERR_OK);
    assert_int_equal(h.to, 0);
    for (int i = 0; i < 3; i++) {
        create_one(d, "ann", TYPE_activity, 0);
        create_one(d, "bob", TYPE_activity, 0);
    }
    h = heads(d, 3);
    assert_int_equal(h.from, 3);
    assert_int_equal(h.to, 6);
    assert_int_equal(h.topics.count, 2);
    struct mp_in in = list_in(h.topics);
    struct msg m;
    assert_true(msg_read(&in, &m));
    assert_true(bytes_is(m.head.topic, "user:bob:notifications"));
    assert_int_equal(m.head.seq, 6);
    assert_true(msg_read(&in, &m));
    assert_int_equal(m.head.seq, 5);
    assert_int_equal(heads(d, 6).topics.count, 0);
    assert_int_equal(heads(d, 7).status, ERR_TOO_OLD);
    assert_int_equal(heads(d, 7).to, 6);
    h = heads(d, UINT64_MAX);
    assert_int_equal(h.status, ERR_OK);
    assert_int_equal(h.to, 6);
    assert_int_equal(h.topics.count, 0);

    struct buf users; /* more topics than one answer has */
    for (int round = 0; round < 3; round++) {
        buf_init(&users, 20000);
        for (int i = 0; i < 500; i++) {
            char name[20];
            snprintf(name, sizeof name, "u%d", round * 500 + i);
            mp_put_str(&users, bytes_of(name));
        }
        ask(d, create_of(&users, 500));
        buf_fini(&users);
    }
    h = heads(d, 6);
    assert_int_equal(h.topics.count, CHANGES_MAX);
    assert_int_equal(h.to, 6 + CHANGES_MAX);
    h = heads(d, h.to);
    assert_int_equal(h.topics.count, 500);
    assert_int_equal(h.to, 1506);
    struct key key = key1(1000);
    damage(d, TABLE_log, key_bytes(&key)); /* nobody can say whose it was */
    assert_int_equal(heads(d, 600).status, ERR_TOO_OLD);
    assert_int_equal(heads(d, 1000).status, ERR_OK);
}

static unsigned tails(struct desk *d, uint8_t peer, uint64_t *from, uint64_t *to)
{
    struct msg m;
    unsigned entries = 0;
    bool any = false;
    while (desk_next(d, peer, &m)) {
        assert_int_equal(m.id, MSG_tail);
        assert_true(!any || m.tail.from == *to);
        if (!any)
            *from = m.tail.from;
        any = true;
        *to = m.tail.to;
        struct msg_entry entry[CHANGES_MAX];
        unsigned n = entries_of(m.tail.entries, entry, CHANGES_MAX);
        for (unsigned i = 0; i < n; i++)
            assert_int_equal(entry[i].seq, m.tail.to - n + i + 1);
        entries += n;
    }
    assert_true(any);
    return entries;
}

static void follow(struct desk *d, uint8_t peer, uint64_t after, uint64_t window)
{
    desk_clear(d);
    desk_send(d, peer,
              &(struct msg){.id = MSG_follow, .follow = {.after = after, .window = window}});
    desk_commit(d);
}

static void followed(struct desk *d, uint8_t peer, uint64_t to, uint64_t keep)
{
    desk_clear(d);
    desk_send(d, peer, &(struct msg){.id = MSG_followed, .followed = {to, keep}});
    desk_commit(d);
}

static void the_follower_gets_everything_within_its_window(void **state)
{
    struct desk *d = *state;
    uint64_t from, to;
    struct msg m;
    follow(d, 1, UINT64_MAX, 10);
    assert_int_equal(tails(d, 1, &from, &to), 0); /* where it stands */
    assert_int_equal(from, 0);
    assert_int_equal(to, 0);
    desk_clear(d);
    struct buf users;
    buf_init(&users, 100);
    mp_put_str(&users, bytes_of("ann"));
    struct msg create = create_of(&users, 1);
    for (int i = 0; i < 25; i++)
        desk_send(d, 0, &create);
    desk_commit(d);
    assert_int_equal(tails(d, 1, &from, &to), 10); /* the window, and no more */
    assert_int_equal(to, 10);
    followed(d, 1, 4, 0);
    assert_int_equal(tails(d, 1, &from, &to), 4);
    assert_int_equal(from, 10);
    followed(d, 1, 14, 1);
    assert_int_equal(tails(d, 1, &from, &to), 10);
    assert_int_equal(to, 24);
    followed(d, 2, 24, 1); /* who does not follow is not heard */
    assert_false(desk_next(d, 1, &m));
    followed(d, 1, 9999, 1); /* nor what was never pushed */
    assert_false(desk_next(d, 1, &m));
    desk_stop(d);
    desk_start(d); /* all that is kept is the position */
    follow(d, 3, UINT64_MAX, 1000);
    assert_int_equal(tails(d, 3, &from, &to), 11);
    assert_int_equal(from, 14);
    follow(d, 2, 20, 1000); /* a new one takes its place */
    assert_int_equal(tails(d, 2, &from, &to), 5);
    create_one(d, "ann", TYPE_activity, 0);
    assert_false(desk_next(d, 3, &m));
    assert_int_equal(tails(d, 2, &from, &to), 1);
    follow(d, 2, 9999, 1000); /* another history */
    assert_int_equal(tails(d, 2, &from, &to), 0);
    assert_int_equal(from, 26);
    buf_fini(&users);
}

static void keeping_the_position_shares_a_commit(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 100);
    mp_put_str(&users, bytes_of("ann"));
    struct msg create = create_of(&users, 1);
    create_one(d, "ann", TYPE_activity, 0);
    follow(d, 1, 0, 100);
    uint64_t commits = d->counts[COUNT_commits].value;
    desk_send(d, 0, &create);
    desk_send(d, 1, &(struct msg){.id = MSG_followed, .followed = {1, 1}});
    desk_send(d, 0, &create);
    desk_commit(d);
    assert_int_equal(d->counts[COUNT_commits].value, commits + 1);
    followed(d, 1, 1, 1); /* it has not moved */
    assert_int_equal(d->counts[COUNT_commits].value, commits + 1);
    buf_fini(&users);
}

static void the_recount_finds_what_is_planted(void **state)
{
    struct desk *d = *state;
    const char *topic = "user:bob:notifications";
    create_one(d, "ann", TYPE_activity, 0);
    uint64_t pos = create_one(d, "bob", TYPE_activity, d->now.wall_ms + 9000);
    create_one(d, "bob", TYPE_system, 0);
    mark_all(d, "bob", pos, "");
    create_one(d, "cy", TYPE_activity, 0);
    assert_int_equal(recount(d, NULL), 0);
    static const struct {
        const char *what;
        size_t offset;
    } rows[] = {
        {"unread", offsetof(struct topic_row, counts.unread[TYPE_activity])},
        {"unread of a type", offsetof(struct topic_row, counts.unread[TYPE_system])},
        {"unseen", offsetof(struct topic_row, counts.unseen)},
        {"items", offsetof(struct topic_row, items)},
        {"next expiry", offsetof(struct topic_row, next_expiry_ms)},
        {"newest item", offsetof(struct topic_row, newest_pos)},
        {"chain broken at", offsetof(struct topic_row, head)},
        {"highest mark", offsetof(struct topic_row, read_upto)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        plant(d, topic, rows[i].offset, 1);
        assert_int_equal(recount(d, rows[i].what), 1);
        plant(d, topic, rows[i].offset, UINT64_MAX); /* one less again */
        assert_int_equal(recount(d, NULL), 0);
    }
    struct key key = key2(2, 2); /* an item that nobody counts any more */
    put_raw(d, TABLE_index, key_bytes(&key), (struct bytes){0});
    assert_true(recount(d, NULL) > 0);
}

static void a_damaged_record_refuses_what_needs_it(void **state)
{
    struct desk *d = *state;
    uint64_t from_ms = d->now.wall_ms;
    uint64_t one = create_one(d, "ann", TYPE_activity, 0);
    uint64_t two = create_one(d, "ann", TYPE_activity, 0);
    create_one(d, "bob", TYPE_activity, from_ms + 1000);
    create_one(d, "cy", TYPE_activity, 0);
    struct key item = key2(one, one);
    damage(d, TABLE_index, key_bytes(&item));
    assert_int_equal(snapshot(d, "ann", 0, 10).status, ERR_WORLD);
    assert_int_equal(snapshot(d, "ann", 0, 1).status, ERR_OK); /* the other one is whole */
    char ids[2 * ID_SIZE];
    id_at(from_ms, two, ids);
    id_at(from_ms, one, ids + ID_SIZE);
    struct bytes both = {ids, sizeof ids};
    assert_int_equal(mark_read(d, "ann", both, "", HASH_A).status, ERR_WORLD);
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 2); /* nothing half done */
    both.n = ID_SIZE;
    assert_int_equal(mark_read(d, "ann", both, "", HASH_A).unread, 1);
    assert_true(d->counts[COUNT_damaged].value >= 2);

    damage(d, TABLE_topics, BYTES("user:bob:notifications"));
    assert_int_equal(snapshot(d, "bob", 0, 0).status, ERR_WORLD);
    d->now.wall_ms = from_ms + 1000;
    struct msg_expired e = ask(d, (struct msg){.id = MSG_expire}).expired;
    assert_int_equal(e.next_in_ms, UINT64_MAX); /* not asked for again and again */
    struct buf users;
    buf_init(&users, 100);
    mp_put_str(&users, bytes_of("cy"));
    mp_put_str(&users, bytes_of("bob"));
    assert_int_equal(ask(d, create_of(&users, 2)).created.status, ERR_WORLD);
    assert_int_equal(snapshot(d, "cy", 0, 0).unread, 1); /* refused whole */
    buf_fini(&users);

    create_one(d, "cy", TYPE_activity, 0);
    uint64_t head = create_one(d, "cy", TYPE_activity, 0);
    struct key entry = key1(head - 1);
    damage(d, TABLE_log, key_bytes(&entry));
    assert_int_equal(since(d, "cy", head - 1, 0).status, ERR_OK);
    assert_int_equal(since(d, "cy", 4, 0).status, ERR_TOO_OLD);
    uint64_t from, to;
    follow(d, 1, head - 2, 100); /* the tail goes on behind it */
    struct msg m;
    assert_true(desk_next(d, 1, &m));
    from = m.tail.from;
    to = m.tail.to;
    assert_int_equal(from, head - 2);
    assert_int_equal(to, head);
    assert_int_equal(m.tail.entries.count, 1);
}

static void a_row_in_the_wrong_place_is_damaged(void **state)
{
    struct desk *d = *state;
    create_one(d, "ann", TYPE_activity, 0);
    create_one(d, "bob", TYPE_activity, 0);
    struct txn *t = NULL;
    struct bytes value;
    char copy[200];
    assert_int_equal(engine_read(d->engine, &t), ERR_OK);
    assert_int_equal(txn_get(t, TABLE_topics, BYTES("user:ann:notifications"), &value), ERR_OK);
    memcpy(copy, value.p, value.n);
    size_t n = value.n;
    txn_abort(&t);
    put_raw(d, TABLE_topics, BYTES("user:bob:notifications"), (struct bytes){copy, n});
    assert_int_equal(snapshot(d, "bob", 0, 0).status, ERR_WORLD);
}

/* While a page of the recount is being counted, by whoever has it, others are answered. */
static void nobody_waits_for_a_recount(void **state)
{
    struct desk *d = *state;
    struct msg m, check = {.id = MSG_check, .check = {.req = 7, .limit = 10}};
    create_one(d, "ann", TYPE_activity, 0);
    desk_clear(d);
    desk_send(d, 0, &check);
    struct check_job *j = requests_to_check(&d->requests, d->now);
    assert_non_null(j);
    struct msg read = {.id = MSG_snapshot, .snapshot = {.req = 8, .user = BYTES("ann")}};
    desk_send(d, 1, &read);
    assert_true(desk_next(d, 1, &m));
    assert_int_equal(m.inbox.unread, 1);
    desk_send(d, 2, &check); /* one page at a time */
    assert_true(desk_next(d, 2, &m));
    assert_int_equal(m.checked.status, ERR_LATER);
    assert_null(requests_to_check(&d->requests, d->now));

    create_one(d, "bob", TYPE_activity, 0); /* and others write */
    requests_rest(&d->requests);
    check_job_run(j, d->engine);
    requests_checked(&d->requests, j, d->now);
    desk_clear(d);
    desk_send(d, 2, &check);
    desk_commit(d);
    assert_true(desk_next(d, 2, &m));
    assert_int_equal(m.checked.status, ERR_OK);
    assert_int_equal(m.checked.inboxes, 2);
    assert_int_equal(m.checked.drifts.count, 0);
}

static void without_its_first_record_it_does_not_start(void **state)
{
    struct desk *d = *state;
    struct state s;
    create_one(d, "ann", TYPE_activity, 0);
    uint64_t head = create_one(d, "ann", TYPE_activity, 0);
    assert_int_equal(meta_open(d->engine, 1, &s), ERR_OK);
    assert_int_equal(s.head, head);
    struct key key = key1(head);
    damage(d, TABLE_log, key_bytes(&key));
    assert_int_equal(meta_open(d->engine, 1, &s), ERR_WORLD);
    put_raw(d, TABLE_log, key_bytes(&key), (struct bytes){0});
    assert_int_equal(meta_open(d->engine, 1, &s), ERR_OK);
    damage(d, TABLE_meta, BYTES("store"));
    assert_int_equal(meta_open(d->engine, 1, &s), ERR_WORLD);
    put_raw(d, TABLE_meta, BYTES("store"), (struct bytes){0});
    assert_int_equal(meta_open(d->engine, 1, &s), ERR_WORLD); /* a log, but no word of whose */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_BOTH(pages_reach_every_item_once),
        OVER_BOTH(a_page_of_large_items_is_cut),
        cmocka_unit_test_setup_teardown(a_full_page_has_room_for_the_counts, setup_mem, teardown),
        RULE("R10: since is exact, or too old", since_is_exact_or_too_old),
        OVER_BOTH(heads_tell_each_topic_that_changed),
        OVER_BOTH(the_follower_gets_everything_within_its_window),
        OVER_BOTH(keeping_the_position_shares_a_commit),
        OVER_BOTH(the_recount_finds_what_is_planted),
        OVER_BOTH(a_damaged_record_refuses_what_needs_it),
        OVER_BOTH(a_row_in_the_wrong_place_is_damaged),
        OVER_BOTH(nobody_waits_for_a_recount),
        OVER_BOTH(without_its_first_record_it_does_not_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
