/* SPDX-License-Identifier: Apache-2.0 */
/* R19: a publish is retracted from all who have it. */
#include "tests/unit/store/items.h"
#include "tests/unit/store/topics.h"

static struct msg_created create_for(struct desk *d, const char *const *names, uint32_t n)
{
    struct buf users;
    buf_init(&users, 1000);
    for (uint32_t i = 0; i < n; i++)
        mp_put_str(&users, bytes_of(names[i]));
    struct msg a = ask(d, create_of(&users, n));
    buf_fini(&users);
    assert_int_equal(a.id, MSG_created);
    assert_int_equal(a.created.status, ERR_OK);
    return a.created;
}

static struct msg_unpublished retract(struct desk *d, uint64_t at_ms, uint64_t seq)
{
    char id[ID_SIZE];
    id_at(at_ms, seq, id);
    struct msg a = ask(d, (struct msg){.id = MSG_unpublish, .unpublish = {.id = {id, sizeof id}}});
    assert_int_equal(a.id, MSG_unpublished);
    return a.unpublished;
}

static uint64_t has(struct desk *d, const char *user)
{
    return snapshot(d, user, 0, 0).unread;
}

static const char *const trio[] = {"ann", "bob", "cleo"};

static void all_of_it_and_nothing_else(void **state)
{
    struct desk *d = *state;
    create_for(d, trio, 3);
    struct msg_created mine = create_for(d, trio, 3);
    struct msg_created behind = create_for(d, trio, 1);
    assert_int_equal(retract(d, mine.at_ms, mine.first_seq + 1).status,
                     ERR_NOT_FOUND); /* not the first */
    assert_int_equal(retract(d, mine.at_ms + 1, mine.first_seq).status,
                     ERR_NOT_FOUND); /* made up */
    struct msg_unpublished done = retract(d, mine.at_ms, mine.first_seq);
    assert_int_equal(done.status, ERR_OK);
    assert_int_equal(done.count, 3);
    assert_int_equal(done.seq, d->requests.state.head);
    assert_int_equal(has(d, "ann"), 2);
    assert_int_equal(has(d, "bob"), 1);
    assert_int_equal(has(d, "cleo"), 1);
    struct msg_entry e = newest_of(d, "bob");
    assert_int_equal(e.kind, ENTRY_removed);
    assert_int_equal(e.what, REMOVED_retracted);
    assert_int_equal(e.unread, 1);
    assert_int_equal(retract(d, mine.at_ms, mine.first_seq).status, ERR_NOT_FOUND); /* once */
    assert_int_equal(retract(d, behind.at_ms, behind.first_seq).count, 1);
    assert_int_equal(has(d, "ann"), 1);
    assert_int_equal(recount(d, NULL), 0);
}

/* The first one is gone, by its user and from the log; another has moved, and its body with it. */
static void what_is_left_of_it(void **state)
{
    struct desk *d = *state;
    d->limits.log_bytes = 1;
    desk_stop(d);
    desk_start(d);
    create_one(d, "ann", TYPE_activity, 0);
    struct msg_created mine = create_for(d, trio, 3);
    char ids[2][ID_SIZE];
    id_at(mine.at_ms, mine.first_seq, ids[0]);
    id_at(mine.at_ms, mine.first_seq + 1, ids[1]);
    mark_ids(d, "ann", MARK_delete, (struct bytes){ids[0], ID_SIZE});
    struct msg_mark snooze = mark_of("bob", MARK_snooze, (struct bytes){ids[1], ID_SIZE});
    snooze.until_ms = d->now.wall_ms + 1000;
    assert_int_equal(mark_ask(d, snooze).status, ERR_OK);
    d->now.wall_ms += 1000;
    assert_int_equal(has(d, "bob"), 1); /* it has woken, at another pos */
    for (int i = 0; i < 600; i++)
        create_one(d, "zoe", TYPE_activity, 0);
    notifier_keeps(d);
    create_one(d, "zoe", TYPE_activity, 0);
    create_one(d, "zoe", TYPE_activity, 0);
    assert_true(d->requests.state.meta.trimmed > mine.first_seq + 10);
    assert_int_equal(recount(d, NULL), 0);
    assert_int_equal(retract(d, mine.at_ms, mine.first_seq).count, 2);
    assert_int_equal(has(d, "ann"), 1);
    assert_int_equal(has(d, "bob"), 0);
    assert_int_equal(has(d, "cleo"), 0);
    assert_int_equal(recount(d, NULL), 0);
}

static struct msg_created create_keyed(struct desk *d, const char *const *names, uint32_t n)
{
    struct buf users;
    buf_init(&users, 1000);
    for (uint32_t i = 0; i < n; i++)
        mp_put_str(&users, bytes_of(names[i]));
    struct msg m = create_of(&users, n);
    m.create.collapse_key = BYTES("room");
    struct msg a = ask(d, m);
    buf_fini(&users);
    assert_int_equal(a.created.status, ERR_OK);
    return a.created;
}

/* ann's and bob's take the place of an older one, ann's as the first of it. */
static void what_took_a_place_goes_whole(void **state)
{
    struct desk *d = *state;
    struct msg_created older = create_keyed(d, trio, 2);
    struct msg_created newer = create_keyed(d, trio, 3);
    char id[ID_SIZE];
    struct msg_item item;
    assert_int_equal(has(d, "ann") + has(d, "bob") + has(d, "cleo"), 3);
    assert_int_equal(retract(d, older.at_ms, older.first_seq).status,
                     ERR_NOT_FOUND); /* they are the newer one's */
    id_at(older.at_ms, older.first_seq + 1, id);
    struct msg_mark snooze = mark_of("bob", MARK_snooze, (struct bytes){id, ID_SIZE});
    snooze.until_ms = d->now.wall_ms + 1000;
    assert_int_equal(mark_ask(d, snooze).status, ERR_OK);
    assert_int_equal(get_item(d, "bob", id, &item), ERR_OK);
    d->now.wall_ms += 1000;
    assert_int_equal(has(d, "bob"), 1); /* it has woken, and its body with it */
    assert_int_equal(retract(d, newer.at_ms, newer.first_seq).count, 3);
    assert_int_equal(has(d, "ann") + has(d, "bob") + has(d, "cleo"), 0);
    assert_int_equal(retract(d, newer.at_ms, newer.first_seq).status, ERR_NOT_FOUND);
    assert_int_equal(recount(d, NULL), 0);
}

/* The older one keeps what nobody took; and a log that is trimmed forgets neither. */
static void what_was_taken_is_the_newer_ones(void **state)
{
    struct desk *d = *state;
    d->limits.log_bytes = 1;
    desk_stop(d);
    desk_start(d);
    struct msg_created first = create_keyed(d, trio, 3);
    struct msg_created second = create_keyed(d, trio, 2);
    struct msg_created third = create_keyed(d, trio, 1);
    char id[ID_SIZE];
    id_at(first.at_ms, first.first_seq, id);
    struct msg_mark snooze = mark_of("ann", MARK_snooze, (struct bytes){id, ID_SIZE});
    snooze.until_ms = d->now.wall_ms + 1000;
    assert_int_equal(mark_ask(d, snooze).status, ERR_OK);
    d->now.wall_ms += 1000;
    assert_int_equal(has(d, "ann"), 1); /* awake: its body is in another entry than the third's */
    for (int i = 0; i < 600; i++)
        create_one(d, "zoe", TYPE_activity, 0);
    notifier_keeps(d);
    create_one(d, "zoe", TYPE_activity, 0);
    create_one(d, "zoe", TYPE_activity, 0);
    assert_true(d->requests.state.meta.trimmed > third.first_seq + 10);
    assert_int_equal(retract(d, second.at_ms, second.first_seq).count, 1);
    assert_int_equal(has(d, "ann"), 1);
    assert_int_equal(has(d, "bob"), 0);
    assert_int_equal(retract(d, first.at_ms, first.first_seq).count, 1);
    assert_int_equal(has(d, "cleo"), 0);
    uint64_t entries = rows_of(d, TABLE_log);
    assert_int_equal(retract(d, third.at_ms, third.first_seq).count, 1);
    assert_int_equal(has(d, "ann"), 0);
    assert_int_equal(rows_of(d, TABLE_log),
                     entries - 2); /* its removal is one more, and three are gone */
    assert_int_equal(recount(d, NULL), 0);
}

#define SAYS_HELLO "{\"type\":\"activity\",\"title\":\"Hello\"}"
#define SAYS_OTHER "{\"type\":\"activity\",\"title\":\"other\"}"

/* Read or not as it is, wherever it is; and nothing else. */
static void all_of_it_has_other_content(void **state)
{
    struct desk *d = *state;
    create_for(d, trio, 2);
    struct msg_created mine = create_for(d, trio, 3);
    char id[ID_SIZE];
    id_at(mine.at_ms, mine.first_seq + 1, id);
    mark_ids(d, "bob", MARK_read, (struct bytes){id, ID_SIZE});
    id_at(mine.at_ms, mine.first_seq + 2, id);
    mark_ids(d, "cleo", MARK_archive, (struct bytes){id, ID_SIZE});
    struct msg_unpublished done = retitle(d, &mine, "{\"title\":\"other\"}");
    assert_int_equal(done.status, ERR_OK);
    assert_int_equal(done.count, 3);
    assert_int_equal(done.seq, d->requests.state.head);
    assert_says(d, "ann", SAYS_OTHER);
    assert_says(d, "bob", SAYS_OTHER);
    assert_int_equal(has(d, "ann"), 2);
    assert_int_equal(has(d, "bob"), 1);
    assert_int_equal(has(d, "cleo"), 0);
    struct msg_item item;
    assert_int_equal(get_item(d, "cleo", id, &item), ERR_OK);
    assert_true(bytes_is(item.content, SAYS_OTHER));
    struct msg_entry e = newest_of(d, "bob");
    assert_int_equal(e.kind, ENTRY_updated);
    assert_int_equal(e.what, SAYS(title));
    assert_int_equal(e.unread, 1);
    assert_true(entry_item(&e, &item));
    assert_true(item.read_ms != 0);
    assert_int_equal(item.rev, e.seq);
    assert_int_equal(retract(d, mine.at_ms, mine.first_seq).count, 3); /* it is known as before */
    assert_says(d, "ann", SAYS_HELLO);
    assert_int_equal(retitle(d, &mine, "{\"title\":\"late\"}").status, ERR_NOT_FOUND);
    assert_int_equal(recount(d, NULL), 0);
}

/* Of one alone the title was changed before; another was taken by a newer create. */
static void what_is_of_one_alone_stays(void **state)
{
    struct desk *d = *state;
    struct msg_created mine = create_keyed(d, trio, 3);
    create_keyed(d, trio + 1, 1);
    char id[ID_SIZE];
    struct msg_item item;
    id_at(mine.at_ms, mine.first_seq, id);
    assert_int_equal(get_item(d, "ann", id, &item), ERR_OK);
    struct msg_update m = {.user = BYTES("ann"),
                           .id = {id, ID_SIZE},
                           .rev = item.rev,
                           .content = BYTES("{\"type\":\"activity\",\"title\":\"for ann\"}"),
                           .what = SAYS(title),
                           .body_hash = HASH_A};
    assert_int_equal(ask(d, (struct msg){.id = MSG_update, .update = m}).changed.status, ERR_OK);
    struct msg_unpublished done = revise_ask(
        d, &mine,
        (struct msg_revise){.what = SAYS(category) | SAYS(expires_at),
                            .content = BYTES("{\"category\":\"work\"}"),
                            .category = BYTES("work"),
                            .expires_ms = d->now.wall_ms + 5000,
                            .key = BYTES("once")});
    assert_int_equal(done.count, 2);
    assert_says(d, "ann", "{\"type\":\"activity\",\"title\":\"for ann\",\"category\":\"work\"}");
    assert_says(d, "bob", SAYS_HELLO);
    uint64_t head = d->requests.state.head;
    done = revise_ask(d, &mine, (struct msg_revise){.what = SAYS(title), .key = BYTES("once")});
    assert_int_equal(done.count, 2); /* known by its key */
    assert_int_equal(d->requests.state.head, head);
    d->now.wall_ms += 5000;
    assert_int_equal(has(d, "ann") + has(d, "cleo"), 0);
    assert_int_equal(has(d, "bob"), 1);
    assert_int_equal(recount(d, NULL), 0);
}

static struct msg_revise into(const char *category)
{
    return (struct msg_revise){
        .what = SAYS(category), .content = BYTES("{}"), .category = bytes_of(category)};
}

/* What is read in a category by its mark stays so in another one, or in none; and what is unread stays so
 * where a mark lies above it, until the next one. */
static void in_another_category_it_stays_read_or_not(void **state)
{
    struct desk *d = *state;
    struct msg_created one = create_for(d, trio, 1), two = create_for(d, trio, 1);
    struct msg_item item;
    char id[ID_SIZE];
    id_at(one.at_ms, one.first_seq, id);
    create_in(d, "ann", "work");
    assert_int_equal(revise_ask(d, &one, into("work")).status, ERR_OK);
    struct msg_mark_all all = all_of("ann", MARK_read, UINT64_MAX);
    all.category = BYTES("work");
    uint64_t read_ms = d->now.wall_ms;
    assert_int_equal(all_ask(d, all).unread, 1);
    d->now.wall_ms += 1000;
    assert_int_equal(revise_ask(d, &one, into("home")).status, ERR_OK);
    assert_int_equal(get_item(d, "ann", id, &item), ERR_OK);
    assert_int_equal(item.read_ms, read_ms);
    assert_int_equal(has(d, "ann"), 1);
    assert_int_equal(revise_ask(d, &one, into("")).status, ERR_OK);
    assert_int_equal(has(d, "ann"), 1);
    assert_int_equal(revise_ask(d, &two, into("work")).status, ERR_OK);
    assert_int_equal(has(d, "ann"), 1);
    assert_int_equal(recount(d, NULL), 0);
    assert_int_equal(all_ask(d, all).unread, 0);
    assert_int_equal(recount(d, NULL), 0);
}

/* One inbox has no room for its category: then nobody's is changed. */
static void all_or_none(void **state)
{
    struct desk *d = *state;
    struct msg_created mine = create_for(d, trio, 2);
    for (int i = 0; i < CATEGORIES_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%d", i);
        create_in(d, "bob", name);
    }
    struct msg_revise m = {.what = SAYS(category),
                           .content = BYTES("{\"category\":\"one more\"}"),
                           .category = BYTES("one more")};
    assert_int_equal(revise_ask(d, &mine, m).status, ERR_FULL);
    assert_says(d, "ann", SAYS_HELLO);
    m = (struct msg_revise){.what = SAYS(expires_at), .expires_ms = d->now.wall_ms};
    assert_int_equal(revise_ask(d, &mine, m).status, ERR_TOO_OLD);
    assert_int_equal(revise_ask(d, &mine, (struct msg_revise){0}).status, ERR_INVALID);
    assert_int_equal(recount(d, NULL), 0);
}

/* To the last byte; and what would be one longer is refused, of each kind of publish. */
static void as_long_as_it_may_be(void **state)
{
    struct desk *d = *state;
    static const char before[] = "{\"type\":\"activity\",\"title\":\"", behind[] = "\"}";
    static char title[CONTENT_MAX + 16];
    struct buf none = {0}, users;
    buf_init(&users, 100);
    mp_put_str(&users, BYTES("ann"));
    struct msg waits = create_of(&users, 1), all = create_of(&none, 0);
    waits.create.deliver_ms = d->now.wall_ms + 1000;
    all.create.all = 1;
    struct msg_created publishes[] = {create_for(d, trio, 2), ask(d, waits).created,
                                      ask(d, all).created};
    buf_fini(&users);
    size_t room = CONTENT_MAX - (sizeof before - 1) - (sizeof behind - 1);
    for (int over = 0; over < 2; over++) {
        char *to = title + sprintf(title, "{\"title\":\"");
        memset(to, 'x', room + (size_t)over);
        strcpy(to + room + over, behind);
        for (size_t i = 0; i < sizeof publishes / sizeof *publishes; i++)
            assert_int_equal(retitle(d, &publishes[i], title).status, over ? ERR_FULL : ERR_OK);
    }
    struct msg_item item;
    struct msg_inbox in = page_of(d, (struct msg_snapshot){.user = BYTES("bob"), .limit = 1});
    assert_int_equal(items_of(&in, &item, 1), 1);
    assert_int_equal(item.content.n, CONTENT_MAX);
}

static void a_damaged_inbox_keeps_nobody_from_it(void **state)
{
    struct desk *d = *state;
    struct msg_created mine = create_for(d, trio, 3);
    damage(d, TABLE_topics, BYTES("user:bob:notifications"));
    assert_int_equal(retitle(d, &mine, "{\"title\":\"other\"}").count, 2);
    assert_says(d, "cleo", SAYS_OTHER);
    assert_int_equal(retract(d, mine.at_ms, mine.first_seq).count, 2);
    assert_int_equal(has(d, "ann"), 0);
    assert_int_equal(has(d, "cleo"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE("R19: all of a publish goes, and nothing else", all_of_it_and_nothing_else),
        RULE("R19: what is left of it goes, wherever it is", what_is_left_of_it),
        RULE("R15, R19: what took a place goes whole", what_took_a_place_goes_whole),
        RULE("R15, R19: what was taken is the newer one's", what_was_taken_is_the_newer_ones),
        RULE("R19: all of a publish has other content, and nothing else",
             all_of_it_has_other_content),
        RULE("R15, R19: what is of one alone stays", what_is_of_one_alone_stays),
        RULE("R19: in another category it stays read or not",
             in_another_category_it_stays_read_or_not),
        RULE("R19: all of a create are changed, or none", all_or_none),
        RULE("R19: other content is as long as it may be", as_long_as_it_may_be),
        RULE("R19: a damaged inbox keeps nobody from it", a_damaged_inbox_keeps_nobody_from_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
