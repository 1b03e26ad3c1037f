/* SPDX-License-Identifier: Apache-2.0 */
/* R20: one write for many; each inbox merges it when it is touched, and its counts are exact. */
#include "store/broadcast.h"
#include "tests/unit/store/items.h"
#include "tests/unit/store/topics.h"

static struct msg_created broadcast(struct desk *d, const char *topic, uint64_t expires_ms,
                                    bool new_too)
{
    struct buf none;
    buf_init(&none, 16);
    struct msg m = create_of(&none, 0);
    m.create.topic = bytes_of(topic);
    m.create.all = topic[0] == '\0';
    m.create.new_too = new_too;
    m.create.expires_ms = expires_ms;
    struct msg a = ask(d, m);
    buf_fini(&none);
    assert_int_equal(a.created.status, ERR_OK);
    assert_int_equal(a.created.count, 0);
    return a.created;
}

static struct msg_created to_all(struct desk *d)
{
    return broadcast(d, "", 0, false);
}

static void member(struct desk *d, const char *user, bool add)
{
    struct buf users;
    buf_init(&users, 200);
    mp_put_str(&users, bytes_of(user));
    assert_int_equal(member_change(d, ROOM, add, &users, 1).changed, 1);
    buf_fini(&users);
}

static uint64_t has(struct desk *d, const char *user)
{
    return snapshot(d, user, 0, 1).unread;
}

static enum err retract(struct desk *d, const struct msg_created *what)
{
    char id[ID_SIZE];
    id_at(what->at_ms, what->first_seq, id);
    struct msg a = ask(d, (struct msg){.id = MSG_unpublish, .unpublish = {.id = {id, sizeof id}}});
    return (enum err)a.unpublished.status;
}

static void R20_one_write_and_each_inbox_merges_it(void **state)
{
    struct desk *d = *state;
    uint64_t old = create_one(d, "ann", TYPE_activity, 0);
    assert_int_equal(has(d, "bob"), 0); /* he has looked: he is known */
    uint64_t index = rows_of(d, TABLE_index), head = d->requests.state.head;
    struct msg_created b = to_all(d);
    assert_int_equal(b.first_seq, head + 1);
    assert_int_equal(d->requests.state.head, head + 1);
    assert_int_equal(rows_of(d, TABLE_index), index);
    d->now.wall_ms += 5000;

    struct msg_changes ch = since(d, "ann", old, 0);
    struct msg_entry e[4];
    assert_int_equal(ch.status, ERR_OK);
    assert_int_equal(entries_of(ch.entries, e, 4), 1);
    assert_int_equal(e[0].kind, ENTRY_created);
    assert_int_equal(e[0].prev, old);
    assert_int_equal(e[0].unread, 2);
    assert_true(bytes_equal(e[0].content, CONTENT));
    assert_int_equal(e[0].born_ms, b.at_ms);
    assert_int_equal(ch.head, e[0].seq);

    struct msg_item items[4];
    struct msg_inbox in = snapshot(d, "bob", 0, 10);
    assert_int_equal(in.unread, 1);
    assert_int_equal(items_of(&in, items, 4), 1);
    assert_int_equal(items[0].at_ms, b.at_ms);
    assert_true(bytes_equal(items[0].content, CONTENT));
    assert_int_equal(has(d, "bob"), 1); /* once */
    assert_int_equal(d->counts[COUNT_merged].value, 2);
    assert_int_equal(recount(d, NULL), 0);
}

static void R20_any_touch_merges_first(void **state)
{
    struct desk *d = *state;
    create_one(d, "ann", TYPE_activity, 0);
    create_one(d, "bob", TYPE_activity, 0);
    to_all(d);
    uint64_t pos = create_one(d, "ann", TYPE_activity, 0);
    assert_int_equal(has(d, "ann"), 3);
    struct msg_inbox in = snapshot(d, "ann", pos, 10);
    struct msg_item items[4];
    assert_int_equal(items_of(&in, items, 4), 2); /* the broadcast came before it */
    struct msg_changed c = mark_all(d, "bob", UINT64_MAX, "");
    assert_int_equal(c.unread, 0);
    assert_int_equal(c.up_to, c.seq - 1);
    assert_int_equal(recount(d, NULL), 0);
}

static void R20_who_comes_later_does_not_get_it_unless_asked(void **state)
{
    struct desk *d = *state;
    to_all(d);
    assert_int_equal(has(d, "new"), 0);
    create_one(d, "newer", TYPE_activity, 0);
    assert_int_equal(has(d, "newer"), 1);
    broadcast(d, "", 0, true);
    assert_int_equal(has(d, "new"), 1);
    assert_int_equal(has(d, "newest"), 1); /* asked */
    to_all(d);
    assert_int_equal(has(d, "newest"), 2);
    assert_int_equal(recount(d, NULL), 0);
}

static void R20_a_topics_members_of_that_moment(void **state)
{
    struct desk *d = *state;
    member(d, "ann", true); /* known to nobody but the topic */
    member(d, "bob", true);
    publish(d, ROOM, 5, 0); /* memberships count from the log's position on */
    broadcast(d, "room:7", 0, false);
    member(d, "bob", false); /* what was his before stays his */
    publish(d, ROOM, 5, 0);
    member(d, "carl", true);
    broadcast(d, "room:8", 0, false);
    assert_int_equal(has(d, "ann"), 1);
    assert_int_equal(has(d, "bob"), 1);
    assert_int_equal(has(d, "carl"), 0);
    assert_int_equal(has(d, "dora"), 0);
    publish(d, ROOM, 5, 0);
    broadcast(d, "room:7", 0, false);
    assert_int_equal(has(d, "ann"), 2);
    assert_int_equal(has(d, "bob"), 1);
    assert_int_equal(has(d, "carl"), 1);
    assert_int_equal(recount(d, NULL), 0);
}

static void a_member_since_that_very_moment_gets_it(void **state)
{
    struct desk *d = *state;
    member(d, "ann", true);
    broadcast(d, "room:7", 0, false);
    assert_int_equal(has(d, "ann"), 1);
}

static void its_end_comes_for_who_merged_and_who_did_not(void **state)
{
    struct desk *d = *state;
    create_one(d, "ann", TYPE_activity, 0);
    create_one(d, "bob", TYPE_activity, 0);
    broadcast(d, "", d->now.wall_ms + 1000, false);
    assert_int_equal(has(d, "ann"), 2);
    d->now.wall_ms += 1000;
    assert_int_equal(has(d, "ann"), 1);
    assert_int_equal(has(d, "bob"), 1);
    assert_int_equal(rows_of(d, TABLE_merged), 0);
    assert_int_equal(recount(d, NULL), 0);
}

static void R19_what_is_retracted_goes_and_does_not_come(void **state)
{
    struct desk *d = *state;
    uint64_t old = create_one(d, "ann", TYPE_activity, 0);
    create_one(d, "bob", TYPE_activity, 0);
    struct msg_created b = to_all(d);
    assert_int_equal(has(d, "ann"), 2);
    uint64_t at = since(d, "ann", old, 0).head;
    assert_int_equal(retract(d, &b), ERR_OK);
    assert_int_equal(retract(d, &b), ERR_NOT_FOUND);
    struct msg_entry e[4];
    struct msg_changes ch = since(d, "ann", at, 0);
    assert_int_equal(entries_of(ch.entries, e, 4), 1);
    assert_int_equal(e[0].kind, ENTRY_removed);
    assert_int_equal(e[0].what, REMOVED_retracted);
    assert_int_equal(e[0].unread, 1);
    assert_int_equal(has(d, "bob"), 1);
    assert_int_equal(rows_of(d, TABLE_merged), 0);
    assert_int_equal(recount(d, NULL), 0);
}

/* ann has it, bob has not had it yet: one write, and each is told what it is now. */
static void R20_other_content_is_one_write_too(void **state)
{
    struct desk *d = *state;
    create_one(d, "ann", TYPE_activity, 0);
    create_one(d, "bob", TYPE_activity, 0);
    struct msg_created b = to_all(d);
    assert_int_equal(has(d, "ann"), 2);
    mark_all(d, "ann", b.first_seq + 10, "");
    uint64_t at = since(d, "ann", 0, 0).head, head = d->requests.state.head;
    assert_int_equal(retitle(d, &b, "{\"title\":\"one\"}").count, 0);
    assert_int_equal(d->requests.state.head, head + 1);
    struct msg_revise two = {.what = SAYS(category),
                             .content = BYTES("{\"category\":\"work\"}"),
                             .category = BYTES("work")};
    assert_int_equal(revise_ask(d, &b, two).status, ERR_OK);
    struct msg_entry e[4];
    struct msg_changes ch = since(d, "ann", at, 0);
    assert_int_equal(entries_of(ch.entries, e, 4), 1); /* the newest of the two */
    assert_int_equal(e[0].kind, ENTRY_updated);
    assert_int_equal(e[0].unread, 0);
    const char *want = "{\"type\":\"activity\",\"title\":\"one\",\"category\":\"work\"}";
    assert_says(d, "ann", want);
    assert_says(d, "bob", want);
    assert_int_equal(newest_of(d, "bob").kind, ENTRY_created); /* never as it was */
    assert_int_equal(has(d, "bob"), 2);
    struct msg_inbox in = snapshot(d, "bob", 0, 1);
    assert_int_equal(tally_in(in.by_category, "work").unread, 1);
    assert_int_equal(recount(d, NULL), 0);
    assert_int_equal(retitle(d, &b, "{\"title\":\"two\"}").status, ERR_OK);
    assert_says(d, "bob", "{\"type\":\"activity\",\"title\":\"two\",\"category\":\"work\"}");
    struct msg_revise end = {.what = SAYS(expires_at), .expires_ms = d->now.wall_ms + 1};
    assert_int_equal(revise_ask(d, &b, end).status, ERR_INVALID);
    assert_int_equal(retract(d, &b), ERR_OK);
    assert_int_equal(retitle(d, &b, "{\"title\":\"late\"}").status, ERR_NOT_FOUND);
    assert_int_equal(has(d, "ann") + has(d, "bob"), 0 + 1);
    assert_int_equal(rows_of(d, TABLE_merged), 0);
    assert_int_equal(recount(d, NULL), 0);
}

/* ann is away until its row is kept no more, and the log is trimmed up to behind it. */
static void R20_other_content_reaches_who_was_away(void **state)
{
    struct desk *d = *state;
    d->limits.broadcasts = 3;
    d->limits.log_bytes = 1;
    desk_stop(d);
    desk_start(d);
    create_one(d, "ann", TYPE_activity, 0);
    struct msg_created b = to_all(d);
    assert_int_equal(has(d, "ann"), 2);
    retitle(d, &b, "{\"title\":\"one\"}");
    retitle(d, &b, "{\"title\":\"two\"}");
    to_all(d), to_all(d), to_all(d);
    for (int i = 0; i < 600; i++)
        create_one(d, "zoe", TYPE_activity, 0);
    notifier_keeps(d);
    create_one(d, "zoe", TYPE_activity, 0);
    create_one(d, "zoe", TYPE_activity, 0);
    assert_true(d->requests.state.meta.trimmed > b.first_seq + 5);
    assert_int_equal(recount(d, NULL), 0);
    struct msg_inbox in = snapshot(d, "ann", 0, 10);
    struct msg_item items[10];
    assert_int_equal(items_of(&in, items, 10), 2 + 3);
    assert_int_equal(items[3].at_ms, b.at_ms);
    assert_true(bytes_is(items[3].content, "{\"type\":\"activity\",\"title\":\"two\"}"));
    assert_int_equal(in.unread, 5);
    assert_int_equal(recount(d, NULL), 0);
    uint64_t rows = rows_of(d, TABLE_broadcasts), entries = rows_of(d, TABLE_log);
    char id[ID_SIZE];
    id_at(items[3].at_ms, items[3].birth ? items[3].birth : items[3].pos, id);
    struct msg_mark gone = {.user = BYTES("ann"),
                            .what = MARK_delete,
                            .ids = {id, ID_SIZE},
                            .observed_seq = UINT64_MAX,
                            .body_hash = HASH_A};
    assert_int_equal(ask(d, (struct msg){.id = MSG_mark, .mark = gone}).changed.status, ERR_OK);
    assert_int_equal(rows_of(d, TABLE_broadcasts), rows - 1); /* with its two entries */
    assert_int_equal(rows_of(d, TABLE_log), entries + 1 - 2);
    assert_int_equal(recount(d, NULL), 0);
}

/* Beyond the limit the oldest gives way; what it brought before stays, with its body. */
static void so_many_are_kept(void **state)
{
    struct desk *d = *state;
    d->limits.broadcasts = 3;
    desk_stop(d);
    desk_start(d);
    create_one(d, "ann", TYPE_activity, 0);
    create_one(d, "bob", TYPE_activity, 0);
    struct msg_created first = to_all(d);
    assert_int_equal(has(d, "ann"), 2);
    for (int i = 0; i < 4; i++)
        to_all(d);
    assert_int_equal(rows_of(d, TABLE_broadcasts), 4); /* three, and the one that ann has */
    assert_int_equal(recount(d, NULL), 0);
    assert_int_equal(has(d, "bob"), 1 + 3);
    assert_int_equal(has(d, "ann"), 2 + 3);
    assert_int_equal(recount(d, NULL), 0);
    struct msg_item items[10];
    struct msg_inbox in = snapshot(d, "ann", 0, 10);
    assert_int_equal(items_of(&in, items, 10), 5);
    assert_int_equal(items[3].at_ms, first.at_ms);
    assert_int_equal(retract(d, &first), ERR_OK);
    to_all(d), to_all(d), to_all(d), to_all(d); /* the retraction itself gives way */
    assert_int_equal(has(d, "ann"), 1 + 3 + 3); /* and is heeded all the same */
    assert_int_equal(recount(d, NULL), 0);
}

static void a_body_stays_while_somebody_has_it(void **state)
{
    struct desk *d = *state;
    d->limits.broadcasts = 1;
    d->limits.log_bytes = 1;
    desk_stop(d);
    desk_start(d);
    create_one(d, "ann", TYPE_activity, 0);
    broadcast(d, "", d->now.wall_ms + 90000, false);
    assert_int_equal(has(d, "ann"), 2);
    to_all(d);
    for (int i = 0; i < 600; i++)
        create_one(d, "bob", TYPE_activity, 0);
    notifier_keeps(d);
    create_one(d, "bob", TYPE_activity, 0);
    create_one(d, "bob", TYPE_activity, 0);
    assert_true(d->requests.state.meta.trimmed > 300);
    struct msg_item items[4];
    struct msg_inbox in = snapshot(d, "ann", 0, 10);
    assert_int_equal(items_of(&in, items, 4), 3);
    assert_int_equal(recount(d, NULL), 0);
    assert_int_equal(rows_of(d, TABLE_broadcasts), 2);
    d->now.wall_ms += 90000;
    assert_int_equal(has(d, "ann"), 2);
    assert_int_equal(rows_of(d, TABLE_broadcasts), 1); /* nobody has it, and nobody will */
    assert_int_equal(recount(d, NULL), 0);
}

static void scheduled_and_repeated_and_restarted(void **state)
{
    struct desk *d = *state;
    struct buf none;
    buf_init(&none, 16);
    create_one(d, "ann", TYPE_activity, 0);
    struct msg m = create_of(&none, 0);
    m.create.all = 1;
    m.create.key = BYTES("k");
    m.create.deliver_ms = d->now.wall_ms + 10;
    struct msg a = ask(d, m);
    assert_int_equal(ask(d, m).created.first_seq, a.created.first_seq);
    assert_int_equal(has(d, "ann"), 1);
    d->now.wall_ms += 10;
    ask(d, (struct msg){.id = MSG_expire});
    desk_stop(d);
    desk_start(d);
    assert_int_equal(has(d, "ann"), 2);
    m.create.topic = ROOM; /* two audiences */
    m.create.key = BYTES("l");
    assert_int_equal(ask(d, m).created.status, ERR_INVALID);
    m.create.all = 0;
    m.create.topic = BYTES("user:ann:notifications");
    assert_int_equal(ask(d, m).created.status, ERR_INVALID);
    buf_fini(&none);
    assert_int_equal(recount(d, NULL), 0);
}

/* What was missed is more than an answer takes: bodies are not in the chain, but in what is told of it. */
static void R10_too_large_an_answer_is_a_full_sync(void **state)
{
    struct desk *d = *state;
    static char large[CONTENT_MAX];
    memset(large, 'x', sizeof large);
    large[0] = '{';
    large[sizeof large - 1] = '}';
    struct buf none = {0};
    struct msg m = create_of(&none, 0);
    m.create.all = 1;
    m.create.content = (struct bytes){large, sizeof large};
    create_one(d, "ann", TYPE_activity, 0);
    for (unsigned n = 1; n <= 70; n++) {
        assert_int_equal(ask(d, m).created.status, ERR_OK);
        struct msg_changes told = since(d, "ann", 1, 0);
        assert_true(told.status == ERR_OK ? told.entries.count == n : told.status == ERR_TOO_OLD);
        assert_int_equal(told.status == ERR_OK, n < 64); /* of 32 KiB, below 2 MiB */
        assert_true(d->out[0].n <= READ_BYTES);
    }
}

static void the_recount_looks_at_them(void **state)
{
    struct desk *d = *state;
    uint64_t no = create_one(d, "ann", TYPE_activity, 0);
    struct msg_created b = to_all(d);
    assert_int_equal(has(d, "ann"), 2);
    plant(d, TOPIC_BROADCASTS, offsetof(struct topic_row, items), 1);
    assert_int_equal(recount(d, "items"), 1);
    plant(d, TOPIC_BROADCASTS, offsetof(struct topic_row, items), (uint64_t)-1);
    struct key key = key2(no, b.first_seq);
    put_raw(d, TABLE_merged, key_bytes(&key), (struct bytes){0});
    assert_int_equal(recount(d, "broadcast's item"), 1);
    assert_int_equal(recount(d, "merged broadcasts"), 1);
    assert_int_equal(recount(d, "items of broadcasts"), 1);
}

/* What is due was written before, and may have failed. */
static void the_map_may_be_full_at_any_point_of_a_merge(void **state)
{
    struct desk *d = *state;
    struct mem_faults *disk = engine_mem_faults(d->engine);
    unsigned n = 0;
    for (uint64_t room = 0; room < 1500; room += 15) {
        create_one(d, "ann", TYPE_activity, d->now.wall_ms + 10);
        to_all(d);
        d->now.wall_ms += 10;
        disk->map_bytes = disk->used_bytes + room;
        assert_int_equal(has(d, "ann"), ++n);
    }
    assert_int_equal(recount(d, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_BOTH(R20_one_write_and_each_inbox_merges_it),
        OVER_BOTH(R20_any_touch_merges_first),
        OVER_BOTH(R20_who_comes_later_does_not_get_it_unless_asked),
        OVER_BOTH(R20_a_topics_members_of_that_moment),
        OVER_BOTH(a_member_since_that_very_moment_gets_it),
        OVER_BOTH(its_end_comes_for_who_merged_and_who_did_not),
        OVER_BOTH(R19_what_is_retracted_goes_and_does_not_come),
        OVER_BOTH(R20_other_content_is_one_write_too),
        OVER_BOTH(R20_other_content_reaches_who_was_away),
        OVER_BOTH(so_many_are_kept),
        OVER_BOTH(a_body_stays_while_somebody_has_it),
        OVER_BOTH(scheduled_and_repeated_and_restarted),
        OVER_BOTH(R10_too_large_an_answer_is_a_full_sync),
        OVER_BOTH(the_recount_looks_at_them),
        cmocka_unit_test_setup_teardown(the_map_may_be_full_at_any_point_of_a_merge, setup_mem,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
