/* SPDX-License-Identifier: Apache-2.0 */
/* Topics with history: what is published is kept, paged, recovered, and cut; over both engines. */
#include "tests/unit/store/topics.h"

static void a_message_is_an_entry_of_the_log(void **state)
{
    struct desk *d = *state;
    create_one(d, "ann", TYPE_activity, 0);
    struct msg a = ask(d, publish_of(ROOM, 10, 0));
    assert_int_equal(a.published.status, ERR_OK);
    assert_int_equal(a.published.seq, 2);
    assert_int_equal(a.published.at_ms, d->now.wall_ms);
    create_one(d, "ann", TYPE_activity, 0);
    assert_int_equal(publish(d, ROOM, 10, 0), 4);
    struct msg_entry e[2];
    struct msg_changes ch = topic_since(d, ROOM, 0, BYTES(""));
    assert_int_equal(ch.status, ERR_OK);
    assert_int_equal(ch.head, 4);
    assert_int_equal(entries_of(ch.entries, e, 2), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(e[i].seq, 2 + 2 * i);
        assert_int_equal(e[i].prev, 2 * i);
        assert_int_equal(e[i].kind, ENTRY_message);
        assert_int_equal(e[i].at_ms, d->now.wall_ms);
        assert_true(bytes_equal(e[i].topic, ROOM));
        assert_true(bytes_is(e[i].event, "message.create"));
        assert_true(bytes_is(e[i].user, "ann"));
        assert_true(bytes_equal(e[i].content, PAYLOAD));
        assert_int_equal(e[i].unread, 0);
    }
    struct msg_page page = history(d, ROOM, 0, 10, BYTES(""));
    assert_int_equal(page.status, ERR_OK);
    assert_int_equal(page.seq, 4);
    assert_int_equal(page.epoch, 1700000000000);
    assert_int_equal(page.now_ms, d->now.wall_ms);
    assert_int_equal(page.next, 0);
    assert_int_equal(page.entries.count, 2);
    page = history(d, ROOM, 0, 0, BYTES("")); /* only where it stands */
    assert_int_equal(page.seq, 4);
    assert_int_equal(page.entries.count, 0);
    page = history(d, BYTES("room:none"), 0, 10, BYTES(""));
    assert_int_equal(page.status, ERR_OK);
    assert_int_equal(page.seq, 0);
    assert_int_equal(topic_since(d, BYTES("room:none"), 0, BYTES("")).status, ERR_OK);
    assert_int_equal(snapshot(d, "ann", 0, 10).items.count, 2); /* and the inbox is as it was */
    assert_int_equal(recount(d, NULL), 0);
}

static void what_is_not_allowed_is_refused(void **state)
{
    struct desk *d = *state;
    struct msg good = publish_of(ROOM, 10, 0), m = good;
#define REFUSED(field, value)                                                                      \
    m = good;                                                                                      \
    m.publish.field = (value);                                                                     \
    assert_int_equal(ask(d, m).published.status, ERR_INVALID)
    REFUSED(topic, BYTES(""));
    REFUSED(topic, BYTES("a b"));
    REFUSED(topic, BYTES("user:ann:notifications"));
    REFUSED(event, BYTES(""));
    REFUSED(payload, BYTES("[]"));
    REFUSED(payload, BYTES("{"));
    REFUSED(history, 0);
    REFUSED(user, BYTES("a:b"));
    m = good;
    m.publish.key = BYTES("key");
    m.publish.body_hash = BYTES("short");
    assert_int_equal(ask(d, m).published.status, ERR_INVALID);
    m = good;
    m.publish.members_only = 1;
    assert_int_equal(ask(d, m).published.status, ERR_FORBIDDEN);
    m.publish.user = BYTES("");
    assert_int_equal(ask(d, m).published.status, ERR_INVALID);
    assert_int_equal(history(d, BYTES("a b"), 0, 1, BYTES("")).status, ERR_INVALID);
    assert_int_equal(history(d, BYTES("user:ann:notifications"), 0, 1, BYTES("")).status,
                     ERR_INVALID);
    assert_int_equal(history(d, ROOM, 0, 1, BYTES("a b")).status, ERR_INVALID);
    assert_int_equal(topic_since(d, BYTES(""), 0, BYTES("")).status, ERR_INVALID);
    assert_int_equal(d->requests.state.head, 0);
    m = good;
    m.publish.payload = BYTES("{}");
    m.publish.user = BYTES("");
    assert_int_equal(ask(d, m).published.status, ERR_OK);
}

static void a_page_goes_backwards_while_new_ones_come(void **state)
{
    struct desk *d = *state;
    uint64_t seqs[PAGE_MAX], expected = 0, pages = 0, seen = 0;
    for (int i = 0; i < 250; i++) {
        expected = publish(d, ROOM, 1000, 0);
        create_one(d, "ann", TYPE_activity, 0);
    }
    for (uint64_t before = 0; pages == 0 || before != 0; pages++) {
        struct msg_page page = history(d, ROOM, before, pages ? 40 : 1000, BYTES(""));
        unsigned n = seqs_of(&page, seqs);
        before = page.next;
        for (unsigned i = 0; i < n; i++, expected -= 2, seen++)
            assert_int_equal(seqs[i], expected);
        publish(d, ROOM, 1000, 0);
    }
    assert_int_equal(seen, 250);
    assert_int_equal(pages, 1 + 4); /* 100, then 40 each */
    assert_int_equal(recount(d, NULL), 0);
}

static void a_page_of_large_messages_is_cut(void **state)
{
    struct desk *d = *state;
    static char large[CONTENT_MAX];
    memset(large, 'x', sizeof large);
    large[0] = '{';
    large[sizeof large - 1] = '}';
    struct msg m = publish_of(ROOM, 200, 0);
    m.publish.payload = (struct bytes){large, sizeof large};
    for (int i = 0; i < 100; i++)
        assert_int_equal(ask(d, m).published.status, ERR_OK);
    unsigned messages = 0, pages = 0;
    for (uint64_t before = 0; pages == 0 || before != 0; pages++) {
        struct msg_page page = history(d, ROOM, before, 100, BYTES(""));
        assert_true(d->out[0].n <= READ_BYTES);
        messages += page.entries.count;
        before = page.next;
    }
    assert_int_equal(messages, 100);
    assert_int_equal(pages, 2);
}

/* Shown: 3; in the log until the notifier's position has passed them: all. */
static void only_so_many_are_shown_and_the_notifier_misses_none(void **state)
{
    struct desk *d = *state;
    uint64_t seqs[PAGE_MAX];
    for (int i = 0; i < 10; i++)
        publish(d, ROOM, 3, 0);
    struct msg_page page = history(d, ROOM, 0, 100, BYTES(""));
    assert_int_equal(seqs_of(&page, seqs), 3);
    assert_int_equal(seqs[2], 8);
    assert_int_equal(page.next, 0);
    page = history(d, ROOM, 8, 100, BYTES(""));
    assert_int_equal(page.entries.count, 0);
    assert_int_equal(rows_of(d, TABLE_log), 10);
    assert_int_equal(topic_since(d, ROOM, 2, BYTES("")).entries.count, 8); /* a burst heals */
    assert_int_equal(recount(d, NULL), 0);
    notifier_keeps(d);
    publish(d, ROOM, 3, 0);
    assert_int_equal(rows_of(d, TABLE_log), 3);
    assert_int_equal(rows_of(d, TABLE_index), 3);
    assert_int_equal(d->counts[COUNT_cut].value, 8);
    page = history(d, ROOM, 0, 100, BYTES(""));
    assert_int_equal(seqs_of(&page, seqs), 3);
    assert_int_equal(seqs[0], 11);
    assert_int_equal(seqs[2], 9);
    assert_int_equal(topic_since(d, ROOM, 8, BYTES("")).status, ERR_OK); /* the last that is gone */
    assert_int_equal(topic_since(d, ROOM, 8, BYTES("")).entries.count, 3);
    assert_int_equal(topic_since(d, ROOM, 7, BYTES("")).status, ERR_TOO_OLD);
    assert_int_equal(topic_since(d, ROOM, 0, BYTES("")).status, ERR_TOO_OLD);
    assert_int_equal(topic_since(d, ROOM, 0, BYTES("")).head, 11);
    assert_int_equal(recount(d, NULL), 0);
}

static void what_piled_up_goes_a_few_with_each(void **state)
{
    struct desk *d = *state;
    for (int i = 0; i < 100; i++)
        publish(d, ROOM, 1000, 0);
    notifier_keeps(d);
    publish(d, ROOM, 5, 0); /* the configuration says less now */
    assert_int_equal(history(d, ROOM, 0, 100, BYTES("")).entries.count, 5);
    assert_int_equal(rows_of(d, TABLE_log), 101 - 8);
    assert_int_equal(recount(d, NULL), 0);
    for (int i = 0; i < 20; i++) {
        publish(d, ROOM, 5, 0);
        assert_int_equal(history(d, ROOM, 0, 100, BYTES("")).entries.count, 5);
        notifier_keeps(d);
    }
    publish(d, ROOM, 5, 0);
    assert_int_equal(rows_of(d, TABLE_log), 5);
    assert_int_equal(rows_of(d, TABLE_index), 5);
    assert_int_equal(recount(d, NULL), 0);
    publish(d, ROOM, 1000, 0); /* and more again: what is cut does not come back */
    assert_int_equal(history(d, ROOM, 0, 100, BYTES("")).entries.count, 6);
    assert_int_equal(recount(d, NULL), 0);
}

static void nothing_is_shown_that_is_too_old(void **state)
{
    struct desk *d = *state;
    uint64_t seqs[PAGE_MAX], from_ms = d->now.wall_ms;
    for (uint64_t i = 0; i < 10; i++) { /* one each second */
        d->now.wall_ms = from_ms + 1000 * i;
        publish(d, ROOM, 100, 5000);
    }
    struct msg_page page = history(d, ROOM, 0, 100, BYTES(""));
    assert_int_equal(seqs_of(&page, seqs), 5); /* at 4 s it is 5 s old: it is not shown */
    assert_int_equal(seqs[4], 6);
    assert_int_equal(topic_since(d, ROOM, 5, BYTES("")).entries.count, 5);
    assert_int_equal(topic_since(d, ROOM, 4, BYTES("")).status, ERR_TOO_OLD);
    d->now.wall_ms += 2500; /* it is cut when it is read, too */
    page = history(d, ROOM, 0, 2, BYTES(""));
    assert_int_equal(seqs_of(&page, seqs), 2);
    assert_int_equal(page.next, 9);
    page = history(d, ROOM, 9, 2, BYTES(""));
    assert_int_equal(seqs_of(&page, seqs), 1);
    assert_int_equal(page.next, 0);
    assert_int_equal(topic_since(d, ROOM, 7, BYTES("")).entries.count, 3);
    assert_int_equal(topic_since(d, ROOM, 6, BYTES("")).status, ERR_TOO_OLD);
    d->now.wall_ms += 3600000;
    page = history(d, ROOM, 0, 100, BYTES(""));
    assert_int_equal(page.entries.count, 0);
    assert_int_equal(page.seq, 10);
    assert_int_equal(topic_since(d, ROOM, 10, BYTES("")).status, ERR_OK);
    assert_int_equal(topic_since(d, ROOM, 9, BYTES("")).status, ERR_TOO_OLD);
    notifier_keeps(d);
    publish(d, ROOM, 100, 5000);
    publish(d, ROOM, 100, 5000);
    assert_int_equal(rows_of(d, TABLE_log), 2);
    assert_int_equal(history(d, ROOM, 0, 100, BYTES("")).entries.count, 2);
    assert_int_equal(recount(d, NULL), 0);
    d->now.wall_ms -= 7200000; /* a clock that steps back makes nothing old */
    publish(d, ROOM, 100, 5000);
    assert_int_equal(history(d, ROOM, 0, 100, BYTES("")).entries.count, 3);
    assert_int_equal(recount(d, NULL), 0);
}

/* Each topic that changed is told, though most of its entries are gone. */
static void heads_and_tails_pass_over_the_holes(void **state)
{
    struct desk *d = *state;
    uint64_t room = 0, inbox = 0;
    for (int i = 0; i < 300; i++) {
        room = publish(d, ROOM, 2, 0);
        if (i % 10 == 5)
            inbox = create_one(d, "ann", TYPE_activity, 0);
        if (i % 7 == 0)
            notifier_keeps(d);
    }
    assert_true(rows_of(d, TABLE_log) < 50);
    for (uint64_t from = 0; from <= room; from += 17) {
        uint64_t found_room = 0, found_inbox = 0, at = from;
        do {
            struct msg a = ask(d, (struct msg){.id = MSG_heads_since, .heads_since = {.from = at}});
            assert_int_equal(a.heads.status, ERR_OK);
            struct mp_in in = list_in(a.heads.topics);
            struct msg m;
            while (msg_read(&in, &m))
                *(bytes_equal(m.head.topic, ROOM) ? &found_room : &found_inbox) = m.head.seq;
            at = a.heads.to;
        } while (at < room);
        assert_int_equal(at, room);
        assert_int_equal(found_room, from < room ? room : 0);
        assert_int_equal(found_inbox, from < inbox ? inbox : 0);
    }
    desk_clear(d);
    desk_send(d, 1, &(struct msg){.id = MSG_follow, .follow = {.window = 10}});
    desk_commit(d);
    uint64_t to = 0;
    while (to < room) {
        struct msg m;
        assert_true(desk_next(d, 1, &m));
        assert_int_equal(m.id, MSG_tail);
        assert_int_equal(m.tail.from, to);
        assert_true(m.tail.entries.count <= 10);
        to = m.tail.to;
        desk_clear(d);
        desk_send(d, 1, &(struct msg){.id = MSG_followed, .followed = {to, 0}});
        desk_commit(d);
    }
    assert_int_equal(to, room);
}

static void a_repeated_publish_changes_nothing(void **state)
{
    struct desk *d = *state;
    struct msg m = publish_of(ROOM, 10, 0);
    m.publish.key = BYTES("key-1");
    struct msg first = ask(d, m);
    publish(d, ROOM, 10, 0);
    d->now.wall_ms += 3600000;
    struct msg again = ask(d, m);
    assert_int_equal(again.id, MSG_published);
    assert_int_equal(again.published.status, ERR_OK);
    assert_int_equal(again.published.seq, first.published.seq);
    assert_int_equal(again.published.at_ms, first.published.at_ms);
    assert_int_equal(d->requests.state.head, 2);
    assert_int_equal(d->counts[COUNT_idem_repeats].value, 1);
    m.publish.body_hash = HASH_B;
    assert_int_equal(ask(d, m).published.status, ERR_CONFLICT);
    m.publish.user = BYTES("bob"); /* another's key */
    assert_int_equal(ask(d, m).published.seq, 3);
    desk_clear(d);
    m.publish.key = BYTES("key-2");
    for (uint8_t peer = 0; peer < 4; peer++)
        desk_send(d, peer, &m);
    desk_commit(d);
    for (uint8_t peer = 0; peer < 4; peer++) {
        assert_true(desk_next(d, peer, &again));
        assert_int_equal(again.published.seq, 4);
    }
    desk_stop(d);
    desk_start(d);
    assert_int_equal(ask(d, m).published.seq, 4);
    assert_int_equal(recount(d, NULL), 0);
}

static void a_damaged_message_is_not_shown(void **state)
{
    struct desk *d = *state;
    for (int i = 0; i < 5; i++)
        publish(d, ROOM, 10, 0);
    struct key key = key1(3);
    damage(d, TABLE_log, key_bytes(&key));
    assert_int_equal(history(d, ROOM, 0, 2, BYTES("")).status, ERR_OK);
    assert_int_equal(history(d, ROOM, 0, 3, BYTES("")).status, ERR_WORLD);
    assert_int_equal(topic_since(d, ROOM, 3, BYTES("")).status, ERR_OK);
    assert_int_equal(topic_since(d, ROOM, 2, BYTES("")).status, ERR_TOO_OLD);
    notifier_keeps(d);
    publish(d, ROOM, 2, 0); /* it goes when there are too many */
    assert_int_equal(history(d, ROOM, 0, 3, BYTES("")).status, ERR_OK);
    assert_int_equal(recount(d, NULL), 0);
}

static void the_recount_finds_what_is_planted(void **state)
{
    struct desk *d = *state;
    for (int i = 0; i < 6; i++)
        publish(d, ROOM, 3, 0);
    notifier_keeps(d);
    publish(d, ROOM, 3, 0);
    publish(d, BYTES("room:8"), 3, 0);
    member_one(d, ROOM, true, "ann");
    member_one(d, ROOM, true, "bob");
    member_one(d, BYTES("room:empty"), true, "ann"); /* members, and no message */
    assert_int_equal(recount(d, NULL), 0);
    static const struct {
        const char *what;
        size_t offset;
    } rows[] = {
        {"items", offsetof(struct topic_row, items)},
        {"chain broken at", offsetof(struct topic_row, head)},
        {"members", offsetof(struct topic_row, members)},
        {"items", offsetof(struct topic_row, cut)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        plant(d, "room:7", rows[i].offset, 1);
        assert_true(recount(d, rows[i].what) > 0);
        plant(d, "room:7", rows[i].offset, UINT64_MAX); /* one less again */
        assert_int_equal(recount(d, NULL), 0);
    }
    plant(d, "room:7", offsetof(struct topic_row, gone), UINT64_MAX);
    assert_true(recount(d, NULL) > 0);
    plant(d, "room:7", offsetof(struct topic_row, gone), 1);
    plant(d, "room:8", offsetof(struct topic_row, gone), 1); /* though nothing of it is */
    assert_int_equal(recount(d, "deleted up to"), 1);
    plant(d, "room:8", offsetof(struct topic_row, gone), UINT64_MAX);
    plant(d, "room:empty", offsetof(struct topic_row, members), 1);
    assert_int_equal(recount(d, "members"), 1);
    plant(d, "room:empty", offsetof(struct topic_row, members), UINT64_MAX);
    struct key log = key1(6), item = key2(1, 6);
    put_raw(d, TABLE_log, key_bytes(&log), (struct bytes){0}); /* a message that nobody deleted */
    assert_true(recount(d, "item without its entry") > 0);
    put_raw(d, TABLE_index, key_bytes(&item), (struct bytes){0});
    assert_true(recount(d, NULL) > 0);
    put_raw(d, TABLE_members, BYTES("room:7\0bob"), (struct bytes){0});
    assert_int_equal(recount(d, "members"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_BOTH(a_message_is_an_entry_of_the_log),
        OVER_BOTH(what_is_not_allowed_is_refused),
        OVER_BOTH(a_page_goes_backwards_while_new_ones_come),
        OVER_BOTH(a_page_of_large_messages_is_cut),
        OVER_BOTH(only_so_many_are_shown_and_the_notifier_misses_none),
        OVER_BOTH(what_piled_up_goes_a_few_with_each),
        OVER_BOTH(nothing_is_shown_that_is_too_old),
        OVER_BOTH(heads_and_tails_pass_over_the_holes),
        OVER_BOTH(a_repeated_publish_changes_nothing),
        OVER_BOTH(a_damaged_message_is_not_shown),
        OVER_BOTH(the_recount_finds_what_is_planted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
