/* SPDX-License-Identifier: Apache-2.0 */
/* What stood somewhere else moves in: as it was, once, silently, and each line by itself. */
#include "tests/unit/store/items.h"

#define AT_2024 UINT64_C(1704067200000)

/* The lines of an import in the making. */
static struct buf lines;
static uint32_t count;

static void begin(void)
{
    buf_fini(&lines);
    buf_init(&lines, FRAME_MAX);
    count = 0;
}

static void add_line(struct msg m)
{
    msg_write(&lines, &m);
    count++;
}

static struct msg_import_item row(const char *user, const char *id)
{
    return (struct msg_import_item){.user = bytes_of(user),
                                    .id = bytes_of(id),
                                    .type = TYPE_activity,
                                    .at_ms = AT_2024,
                                    .content = CONTENT};
}

static void add_row(struct msg_import_item item)
{
    add_line((struct msg){.id = MSG_import_item, .import_item = item});
}

/* What became of each, as a text of digits. */
static const char *import(struct desk *d)
{
    static char became[IMPORT_MAX + 1];
    struct msg a = ask(d, (struct msg){.id = MSG_import, .import.lines = list_of(&lines, count)});
    assert_int_equal(a.id, MSG_imported);
    assert_int_equal(a.imported.status, ERR_OK);
    assert_int_equal(a.imported.done.n, count);
    for (uint32_t i = 0; i < count; i++)
        became[i] = (char)('0' + a.imported.done.p[i]);
    became[count] = '\0';
    return became;
}

static void as_it_was(void **state)
{
    struct desk *d = *state;
    struct msg_import_item read = row("ann", "1"), archived = row("ann", "2"),
                           snoozed = row("ann", "3"), woken = row("ann", "4"),
                           seen = row("ann", "5"), muted = row("ann", "6");
    read.read_ms = AT_2024 + 5;
    archived.flags = ITEM_archived;
    snoozed.until_ms = d->now.wall_ms + 5000;
    woken.until_ms = d->now.wall_ms - 5000;
    woken.read_ms = AT_2024 + 5;
    seen.flags = ITEM_seen;
    seen.category = BYTES("work");
    muted.flags = ITEM_muted;
    muted.expires_ms = d->now.wall_ms + 9000;
    begin();
    add_row(read), add_row(archived), add_row(snoozed);
    add_row(woken), add_row(seen), add_row(muted);
    assert_string_equal(import(d), "000000");

    struct msg_item items[PAGE_MAX];
    struct msg_inbox page = shown_at(d, "ann", PLACE_inbox);
    assert_int_equal(page.unread, 2); /* woken, seen */
    assert_int_equal(page.unseen, 1);
    assert_int_equal(tally_in(page.by_category, "work").unread, 1);
    assert_int_equal(items_of(&page, items, PAGE_MAX), 4);
    assert_int_equal(items[0].flags, ITEM_muted); /* the later line is the newer */
    assert_int_equal(items[1].flags, ITEM_seen);
    assert_int_equal(items[2].read_ms, 0);
    assert_int_equal(items[3].read_ms, AT_2024 + 5);
    for (int i = 0; i < 4; i++)
        assert_int_equal(items[i].at_ms, AT_2024);
    page = shown_at(d, "ann", PLACE_archive);
    assert_int_equal(page.items.count, 1);
    page = shown_at(d, "ann", PLACE_snoozed);
    assert_int_equal(page.items.count, 1);
    assert_int_equal(recount(d, NULL), 0);

    d->now.wall_ms += 5000; /* it wakes, and later the muted one ends */
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 3);
    d->now.wall_ms += 5000;
    page = shown_at(d, "ann", PLACE_inbox);
    assert_int_equal(page.items.count, 4);
    assert_int_equal(recount(d, NULL), 0);
}

/* Oldest first is how it is imported; and how an export asks. */
static void oldest_first_page_by_page(void **state)
{
    struct desk *d = *state;
    uint64_t pos[7], from = 0;
    for (int i = 0; i < 7; i++)
        pos[i] = create_one(d, "ann", TYPE_activity, 0);
    for (int i = 0; i < 7; i += 3) {
        struct msg_item items[PAGE_MAX];
        struct msg_inbox page = page_of(
            d, (struct msg_snapshot){
                   .user = BYTES("ann"), .oldest_first = 1, .before = from, .limit = 3});
        unsigned n = items_of(&page, items, PAGE_MAX);
        assert_int_equal(n, i < 6 ? 3 : 1);
        for (unsigned k = 0; k < n; k++)
            assert_int_equal(items[k].pos, pos[i + (int)k]);
        from = page.next;
    }
    assert_int_equal(from, 0);
}

/* Nobody is told of it among changes: who follows gets one snapshot. */
static void told_by_a_snapshot_only(void **state)
{
    struct desk *d = *state;
    uint64_t before = create_one(d, "ann", TYPE_activity, 0);
    begin();
    add_row(row("ann", "1")), add_row(row("ann", "2"));
    assert_string_equal(import(d), "00");
    uint64_t behind = create_one(d, "ann", TYPE_activity, 0);
    assert_int_equal(since(d, "ann", before, 0).status, ERR_TOO_OLD);
    struct msg_changes c = since(d, "ann", behind - 1, 0);
    assert_int_equal(c.status, ERR_OK); /* who has had the snapshot goes on */
    assert_int_equal(c.entries.count, 1);
    assert_int_equal(c.unread, 4);
}

static void once_whatever_became_of_it(void **state)
{
    struct desk *d = *state;
    char id[ID_SIZE];
    begin();
    add_row(row("ann", "1")), add_row(row("ann", "1")), add_row(row("bob", "1"));
    assert_string_equal(import(d), "010");
    assert_string_equal(import(d), "111");
    struct msg_item item;
    struct msg_inbox page = shown_at(d, "ann", PLACE_inbox);
    assert_int_equal(items_of(&page, &item, 1), 1);
    id_at(item.at_ms, item.pos, id);
    assert_int_equal(mark_ids(d, "ann", MARK_delete, (struct bytes){id, sizeof id}).changed.n,
                     ID_SIZE);
    desk_stop(d);
    desk_start(d);
    d->now.wall_ms += UINT64_C(90) * 24 * 3600 * 1000; /* longer than any key is remembered */
    assert_string_equal(import(d), "111");
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, 0);
    assert_int_equal(snapshot(d, "bob", 0, 0).unread, 1);
    assert_int_equal(recount(d, NULL), 0);
}

static void each_line_by_itself(void **state)
{
    struct desk *d = *state;
    char name[16];
    begin();
    for (int i = 0; i <= CATEGORIES_MAX; i++) {
        snprintf(name, sizeof name, "c%d", i);
        struct msg_import_item one = row("ann", name);
        one.category = bytes_of(name);
        add_row(one);
    }
    struct msg_import_item over = row("ann", "over");
    over.expires_ms = d->now.wall_ms;
    add_row(over);
    add_row(row("ann", "last"));
    const char *became = import(d);
    assert_int_equal(strspn(became, "0"), CATEGORIES_MAX);
    assert_string_equal(became + CATEGORIES_MAX, "320");
    assert_int_equal(snapshot(d, "ann", 0, 0).unread, CATEGORIES_MAX + 1);
    assert_int_equal(recount(d, NULL), 0);

    for (int n = 0; n <= MARK_SNOOZED_MAX; n += 250) {
        begin();
        for (int i = 0; i < 250; i++) {
            snprintf(name, sizeof name, "s%d", n + i);
            struct msg_import_item one = row("bob", name);
            one.until_ms = d->now.wall_ms + 5000;
            add_row(one);
        }
        became = import(d);
        assert_int_equal(became[0], n < MARK_SNOOZED_MAX ? '0' : '4');
        assert_int_equal(became[249], became[0]);
    }
    assert_int_equal(recount(d, NULL), 0);
}

static void a_damaged_inbox_is_said_and_no_other(void **state)
{
    struct desk *d = *state;
    create_one(d, "ann", TYPE_activity, 0);
    damage(d, TABLE_topics, BYTES("user:ann:notifications"));
    begin();
    add_row(row("ann", "1")), add_row(row("bob", "1"));
    assert_string_equal(import(d), "50");
}

static void memberships_and_preferences(void **state)
{
    struct desk *d = *state;
    struct buf users, muted;
    buf_init(&users, 100);
    buf_init(&muted, 100);
    mp_put_str(&users, BYTES("ann"));
    mp_put_str(&muted, BYTES("promo"));
    struct msg member = {.id = MSG_member,
                         .member = {.topic = BYTES("room:7"), .users = list_of(&users, 1)}};
    struct msg prefs = {.id = MSG_prefs_put,
                        .prefs_put = {.user = BYTES("ann"), .categories = list_of(&muted, 1)}};
    begin();
    add_line(member), add_line(prefs);
    assert_string_equal(import(d), "00");
    begin();
    prefs.prefs_put.categories.count = 0, prefs.prefs_put.categories.raw.n = 0;
    prefs.prefs_put.types = 1 << TYPE_system;
    add_line(member), add_line(prefs); /* what the user has said since stays */
    assert_string_equal(import(d), "11");
    struct msg a = ask(d, (struct msg){.id = MSG_prefs_get, .prefs_get.user = BYTES("ann")});
    assert_int_equal(a.prefs.types, 0);
    assert_int_equal(a.prefs.categories.count, 1);
    assert_int_equal(recount(d, NULL), 0);
    buf_fini(&users);
    buf_fini(&muted);
}

static void what_is_none_is_refused_whole(void **state)
{
    struct desk *d = *state;
    struct msg_import_item bad[] = {row("ann", "1"), row("ann", ""), row("a b", "1"),
                                    row("ann", "1"), row("ann", "1")};
    bad[0].type = TYPE_toast;
    bad[3].flags = ITEM_unread;
    bad[4].flags = ITEM_archived;
    bad[4].until_ms = d->now.wall_ms + 1;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        begin();
        add_row(row("bob", "1"));
        add_row(bad[i]);
        struct msg a = ask(d,
                           (struct msg){.id = MSG_import, .import.lines = list_of(&lines, count)});
        assert_int_equal(a.imported.status, ERR_INVALID);
    }
    assert_int_equal(snapshot(d, "bob", 0, 0).unread, 0);
    assert_int_equal(rows_of(d, TABLE_imported), 0);
}

/* R17: what is imported over the limit makes the older give way. */
static void within_the_size_of_an_inbox(void **state)
{
    struct desk *d = *state;
    char name[16];
    d->limits.max_items = 20;
    desk_stop(d);
    desk_start(d);
    begin();
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "%d", i);
        add_row(row("ann", name));
    }
    import(d);
    struct msg_inbox page = shown_at(d, "ann", PLACE_inbox);
    assert_int_equal(page.items.count, 20);
    assert_int_equal(page.unread, 20);
    assert_int_equal(recount(d, NULL), 0);
}

static void an_erased_user_leaves_no_names(void **state)
{
    struct desk *d = *state;
    struct msg a;
    begin();
    for (int i = 0; i < 3; i++)
        add_row(row("ann", i == 0 ? "a" : i == 1 ? "b" : "c"));
    add_row(row("bob", "a"));
    import(d);
    ask(d, (struct msg){.id = MSG_erase, .erase.user = BYTES("ann")});
    do {
        desk_clear(d);
        desk_send(d, 1,
                  &(struct msg){.id = MSG_followed,
                                .followed = {.to = d->requests.state.head, .keep = 1}});
        desk_commit(d);
        a = ask(d, (struct msg){.id = MSG_expire});
    } while (a.expired.next_in_ms == 0);
    assert_int_equal(rows_of(d, TABLE_imported), 1);
    assert_string_equal(import(d), "0001"); /* a new inbox */
    assert_int_equal(recount(d, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_BOTH(as_it_was),
        OVER_BOTH(oldest_first_page_by_page),
        OVER_BOTH(told_by_a_snapshot_only),
        OVER_BOTH(once_whatever_became_of_it),
        OVER_BOTH(each_line_by_itself),
        OVER_BOTH(a_damaged_inbox_is_said_and_no_other),
        OVER_BOTH(memberships_and_preferences),
        OVER_BOTH(what_is_none_is_refused_whole),
        RULE("R17: an import keeps to the size of an inbox", within_the_size_of_an_inbox),
        OVER_BOTH(an_erased_user_leaves_no_names),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_fini(&lines);
    return failed;
}
