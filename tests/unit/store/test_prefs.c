/* SPDX-License-Identifier: Apache-2.0 */
/* What users want to be told: muted, quiet, and counts that know. */
#include "store/prefs.h"
#include "tests/unit/store/topics.h"

#define MINUTE_MS (60 * 1000ull)
#define HOUR_MS (60 * MINUTE_MS)

static struct buf none; /* of no users */

static uint64_t bit(enum notification_type type)
{
    return UINT64_C(1) << type;
}

static enum err put(struct desk *d, const char *user, struct msg_prefs_put p)
{
    p.user = bytes_of(user);
    struct msg a = ask(d, (struct msg){.id = MSG_prefs_put, .prefs_put = p});
    assert_int_equal(a.id, MSG_prefs);
    return (enum err)a.prefs.status;
}

static struct mp_list one(struct buf *b, const char *text)
{
    buf_init(b, 300);
    mp_put_str(b, bytes_of(text));
    return list_of(b, 1);
}

static struct msg_created create_in(struct desk *d, const char *user, enum notification_type type,
                                    const char *category)
{
    struct buf users;
    struct msg m = create_of(&none, 0);
    m.create.users = one(&users, user);
    m.create.type = type;
    m.create.category = bytes_of(category);
    struct msg a = ask(d, m);
    buf_fini(&users);
    assert_int_equal(a.created.status, ERR_OK);
    return a.created;
}

static enum why_not why_of(const struct msg_created *c)
{
    return c->why_not.n == 0 ? WHY_none : (enum why_not)(unsigned char)c->why_not.p[0];
}

static enum why_not would(struct desk *d, const char *user, enum notification_type type,
                          const char *category)
{
    struct buf users;
    struct msg a = ask(d, (struct msg){.id = MSG_assess,
                                       .assess = {.users = one(&users, user),
                                                  .type = type,
                                                  .category = bytes_of(category)}});
    buf_fini(&users);
    assert_int_equal(a.id, MSG_assessed);
    assert_int_equal(a.assessed.status, ERR_OK);
    assert_int_equal(a.assessed.why_not.n, 1);
    return (enum why_not)(unsigned char)a.assessed.why_not.p[0];
}

static void muted_is_kept_and_counts_nothing(void **state)
{
    struct desk *d = *state;
    assert_int_equal(put(d, "ann", (struct msg_prefs_put){.types = bit(TYPE_alert)}), ERR_OK);
    create_one(d, "ann", TYPE_activity, 0);
    uint64_t rows = rows_of(d, TABLE_log);
    assert_int_equal(would(d, "ann", TYPE_alert, ""), WHY_type);
    assert_int_equal(rows_of(d, TABLE_log), rows); /* asking stores nothing */
    struct msg_created c = create_in(d, "ann", TYPE_alert, "");
    assert_int_equal(why_of(&c), WHY_type);
    assert_int_equal(c.muted_kept, 1);
    struct msg_inbox in = snapshot(d, "ann", 0, 10);
    struct msg_item items[4];
    assert_int_equal(in.unread, 1);
    assert_int_equal(items_of(&in, items, 4), 2);
    assert_int_equal(items[0].flags & ITEM_muted, ITEM_muted);
    assert_int_equal(items[1].flags, 0);
    struct msg_entry e[4];
    struct msg_changes ch = since(d, "ann", items[1].pos, 0);
    entries_of(ch.entries, e, 4);
    assert_int_equal(e[0].flags, ITEM_muted);
    assert_int_equal(e[0].unread, 1);
    assert_int_equal(recount(d, NULL), 0);
    c = create_in(d, "bob", TYPE_alert, ""); /* his are his own */
    assert_int_equal(why_of(&c), WHY_none);
}

static void or_not_kept_as_the_configuration_says(void **state)
{
    struct desk *d = *state;
    struct buf categories, users;
    d->limits.drop_muted = 1;
    desk_stop(d);
    desk_start(d);
    put(d, "ann", (struct msg_prefs_put){.categories = one(&categories, "promo")});
    struct msg m = create_of(&none, 0);
    one(&users, "zoe");
    mp_put_str(&users, BYTES("ann"));
    mp_put_str(&users, BYTES("bob"));
    m.create.users = list_of(&users, 3);
    m.create.category = BYTES("promo");
    m.create.key = BYTES("k");
    uint64_t head = d->requests.state.head;
    for (int again = 0; again < 2; again++) { /* a repetition says the same */
        struct msg a = ask(d, m);
        assert_int_equal(a.created.first_seq, head + 1);
        assert_int_equal(a.created.muted_kept, 0);
        assert_int_equal(a.created.why_not.n, 3);
        assert_int_equal(a.created.why_not.p[0], WHY_none);
        assert_int_equal(a.created.why_not.p[1], WHY_category);
        assert_int_equal(a.created.why_not.p[2], WHY_none);
    }
    assert_int_equal(d->requests.state.head, head + 2);
    assert_int_equal(snapshot(d, "ann", 0, 10).items.count, 0);
    assert_int_equal(snapshot(d, "bob", 0, 10).unread, 1);
    buf_fini(&categories);
    buf_fini(&users);
    assert_int_equal(recount(d, NULL), 0);
}

static void a_muted_topic(void **state)
{
    struct desk *d = *state;
    struct buf topics, users;
    put(d, "ann", (struct msg_prefs_put){.topics = one(&topics, "room:7")});
    mp_put_str(&topics, BYTES("x"));
    one(&users, "ann");
    member_change(d, ROOM, true, &users, 1);
    struct msg all = create_of(&none, 0);
    all.create.topic = ROOM;
    ask(d, all); /* a broadcast to it */
    assert_int_equal(snapshot(d, "ann", 0, 10).unread, 0);
    assert_int_equal(snapshot(d, "ann", 0, 10).items.count, 1);
    uint64_t seq = publish(d, ROOM, 5, 0); /* a fan-out of its messages */
    struct msg begin = {
        .id = MSG_fanout,
        .fanout = {
            .source = seq, .rule = 1, .topic = ROOM, .type = TYPE_activity, .content = CONTENT}};
    assert_int_equal(ask(d, begin).fanned.status, ERR_OK);
    ask(d,
        (struct msg){.id = MSG_fanout_step, .fanout_step = {.source = seq, .rule = 1, .limit = 9}});
    assert_int_equal(snapshot(d, "ann", 0, 10).unread, 0);
    assert_int_equal(snapshot(d, "ann", 0, 10).items.count, 2);
    buf_fini(&topics);
    buf_fini(&users);
    assert_int_equal(recount(d, NULL), 0);
}

/* 2023-11-14T22:13:20Z is the desk's first moment; in Berlin an hour more. */
static void quiet_hours_by_the_clocks_of_a_place(void **state)
{
    struct desk *d = *state;
    uint64_t midnight = d->now.wall_ms / (24 * HOUR_MS) * (24 * HOUR_MS);
    struct msg_prefs_put p = {.quiet = 1,
                              .from_min = 23 * 60,
                              .to_min = 7 * 60,
                              .zone = BYTES("Europe/Berlin"),
                              .allow = bit(TYPE_alert)};
    assert_int_equal(put(d, "ann", p), ERR_OK);
    static const struct {
        int64_t utc_min; /* from midnight UTC on */
        enum why_not why;
    } rows[] = {{22 * 60 - 1, WHY_none},    {22 * 60, WHY_quiet_hours},
                {24 * 60, WHY_quiet_hours}, {30 * 60 - 1, WHY_quiet_hours},
                {30 * 60, WHY_none},        {36 * 60, WHY_none}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        d->now.wall_ms = midnight + (uint64_t)rows[i].utc_min * MINUTE_MS;
        print_message("%lld\n", (long long)rows[i].utc_min);
        assert_int_equal(would(d, "ann", TYPE_activity, ""), rows[i].why);
        assert_int_equal(would(d, "ann", TYPE_toast, ""), rows[i].why);
        assert_int_equal(would(d, "ann", TYPE_alert, ""), WHY_none);
        struct msg_created c = create_in(d, "ann", TYPE_activity, "");
        assert_int_equal(why_of(&c), rows[i].why);
    }
    struct msg_inbox in = snapshot(d, "ann", 0, 10);
    struct msg_item items[10];
    assert_int_equal(in.unread, 6); /* quiet is counted */
    items_of(&in, items, 10);
    assert_int_equal(items[0].flags, 0);
    assert_int_equal(items[2].flags, ITEM_quiet);
    p.from_min = 60;
    p.to_min = 120; /* within a day */
    p.zone = BYTES("UTC");
    put(d, "ann", p);
    d->now.wall_ms = midnight + 60 * MINUTE_MS;
    assert_int_equal(would(d, "ann", TYPE_activity, ""), WHY_quiet_hours);
    d->now.wall_ms = midnight + 120 * MINUTE_MS;
    assert_int_equal(would(d, "ann", TYPE_activity, ""), WHY_none);
    assert_int_equal(recount(d, NULL), 0);
}

/* In Berlin the clocks go from 02:00 to 03:00 at 2026-03-29T01:00:00Z, and back at 2026-10-25T01:00:00Z. */
static void quiet_hours_when_the_clocks_change(void **state)
{
    enum { SPRING = 1774746000, AUTUMN = 1792890000, H = 3600 };
    static const struct {
        int64_t at_s;
        uint64_t from_min, to_min;
        enum why_not why;
    } rows[] = {
        {SPRING - 4 * H - 60, 22 * 60, 7 * 60, WHY_none}, /* a night of eight hours */
        {SPRING - 4 * H, 22 * 60, 7 * 60, WHY_quiet_hours},
        {SPRING + 4 * H - 60, 22 * 60, 7 * 60, WHY_quiet_hours},
        {SPRING + 4 * H, 22 * 60, 7 * 60, WHY_none},
        {SPRING - 60, 90, 150, WHY_quiet_hours}, /* to an hour that is not there */
        {SPRING, 90, 150, WHY_none},
        {SPRING - 60, 150, 210, WHY_none}, /* from one */
        {SPRING, 150, 210, WHY_quiet_hours},
        {AUTUMN - 5 * H - 60, 22 * 60, 7 * 60, WHY_none}, /* a night of ten */
        {AUTUMN - 5 * H, 22 * 60, 7 * 60, WHY_quiet_hours},
        {AUTUMN + 5 * H - 60, 22 * 60, 7 * 60, WHY_quiet_hours},
        {AUTUMN + 5 * H, 22 * 60, 7 * 60, WHY_none},
        {AUTUMN - 45 * 60, 135, 165, WHY_quiet_hours}, /* in an hour that is there twice */
        {AUTUMN - 15 * 60, 135, 165, WHY_none},
        {AUTUMN + 15 * 60, 135, 165, WHY_quiet_hours},
        {AUTUMN + 45 * 60, 135, 165, WHY_none},
    };
    struct desk *d = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct msg_prefs_put p = {.quiet = 1,
                                  .from_min = rows[i].from_min,
                                  .to_min = rows[i].to_min,
                                  .zone = BYTES("Europe/Berlin")};
        d->now.wall_ms = (uint64_t)rows[i].at_s * 1000;
        print_message("%zu\n", i);
        assert_int_equal(put(d, "ann", p), ERR_OK);
        assert_int_equal(would(d, "ann", TYPE_activity, ""), rows[i].why);
    }
}

static void what_was_put_is_got_and_taken_away(void **state)
{
    struct desk *d = *state;
    struct buf a, b;
    struct msg_prefs_put p = {.types = bit(TYPE_system),
                              .categories = one(&a, "promo"),
                              .topics = one(&b, "room:7"),
                              .quiet = 1,
                              .from_min = 1,
                              .to_min = 2,
                              .zone = BYTES("Asia/Tokyo"),
                              .allow = 3};
    put(d, "ann", p);
    desk_stop(d);
    desk_start(d);
    struct msg got = ask(d, (struct msg){.id = MSG_prefs_get, .prefs_get = {.user = BYTES("ann")}});
    assert_int_equal(got.prefs.types, p.types);
    assert_true(bytes_equal(got.prefs.categories.raw, p.categories.raw));
    assert_true(bytes_equal(got.prefs.topics.raw, p.topics.raw));
    assert_true(bytes_equal(got.prefs.zone, p.zone));
    assert_int_equal(got.prefs.to_min, 2);
    assert_int_equal(rows_of(d, TABLE_prefs), 1);
    put(d, "ann", (struct msg_prefs_put){0});
    assert_int_equal(rows_of(d, TABLE_prefs), 0);
    got = ask(d, (struct msg){.id = MSG_prefs_get, .prefs_get = {.user = BYTES("ann")}});
    assert_int_equal(got.prefs.types, 0);
    assert_int_equal(got.prefs.quiet, 0);
    buf_fini(&a);
    buf_fini(&b);
    assert_int_equal(recount(d, NULL), 0);
}

static void nonsense_is_refused(void **state)
{
    struct desk *d = *state;
    struct msg_prefs_put quiet = {.quiet = 1, .from_min = 1, .to_min = 2, .zone = BYTES("UTC")};
    assert_int_equal(put(d, "ann", quiet), ERR_OK);
    quiet.to_min = 1440;
    assert_int_equal(put(d, "ann", quiet), ERR_INVALID);
    quiet.to_min = 1;
    assert_int_equal(put(d, "ann", quiet), ERR_INVALID);
    quiet.to_min = 2;
    quiet.zone = BYTES("Mars/Base");
    assert_int_equal(put(d, "ann", quiet), ERR_INVALID);
    assert_int_equal(put(d, "ann", (struct msg_prefs_put){.types = 1 << 20}), ERR_INVALID);
    assert_int_equal(put(d, "a b", (struct msg_prefs_put){0}), ERR_INVALID);
}

/* Whoever asks: a name that is none ends nobody. */
static void would_anybody_of_no_name(void **state)
{
    struct desk *d = *state;
    char name[600];
    for (size_t n = 0; n <= sizeof name; n += 100) {
        struct buf users;
        buf_init(&users, 1000);
        memset(name, 'n', sizeof name);
        mp_put_str(&users, BYTES("ann"));
        mp_put_str(&users, (struct bytes){name, n});
        struct msg a = ask(
            d, (struct msg){.id = MSG_assess,
                            .assess = {.users = list_of(&users, 2), .type = TYPE_activity}});
        assert_int_equal(a.assessed.status, n == 100 ? ERR_OK : ERR_INVALID);
        buf_fini(&users);
    }
}

/* What cannot be read mutes nothing, and the recount finds it. */
static void a_damaged_row(void **state)
{
    struct desk *d = *state;
    put(d, "ann", (struct msg_prefs_put){.types = bit(TYPE_activity)});
    damage(d, TABLE_prefs, BYTES("ann"));
    struct msg_created c = create_in(d, "ann", TYPE_activity, "");
    assert_int_equal(why_of(&c), WHY_none);
    assert_int_equal(recount(d, "damaged preferences"), 1);
    put_raw(d, TABLE_prefs, BYTES("ann"), (struct bytes){0});
    assert_int_equal(recount(d, "preferences"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_BOTH(muted_is_kept_and_counts_nothing),
        OVER_BOTH(or_not_kept_as_the_configuration_says),
        OVER_BOTH(a_muted_topic),
        OVER_BOTH(quiet_hours_by_the_clocks_of_a_place),
        OVER_BOTH(quiet_hours_when_the_clocks_change),
        OVER_BOTH(what_was_put_is_got_and_taken_away),
        OVER_BOTH(nonsense_is_refused),
        OVER_BOTH(would_anybody_of_no_name),
        OVER_BOTH(a_damaged_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
