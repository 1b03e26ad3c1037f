/* SPDX-License-Identifier: Apache-2.0 */
/* topic, id, types: names that are allowed, where they travel, and the table of the types. */
#include "tests/unit/edge.h"

#include "proto/id.h"
#include "proto/topic.h"
#include "proto/types.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct {
    const char *name;
    struct bytes text;
    bool user, topic;
} names[] = {
    {"a letter", BYTES("a"), true, true},
    {"letters, digits, marks", BYTES("Ann.B-c_d@example+1/x=y"), true, true},
    {"UTF-8", BYTES("\xc3\xa9l\xc3\xa8ve-\xf0\x9f\x98\x80"), true, true},
    {"colon", BYTES("room:7"), false, true},
    {"inbox", BYTES("user:ann:notifications"), false, true},
    {"only a colon", BYTES(":"), false, true},
    {"empty", BYTES(""), false, false},
    {"space", BYTES("a b"), false, false},
    {"comma", BYTES("a,b"), false, false},
    {"quote", BYTES("a\"b"), false, false},
    {"backslash", BYTES("a\\b"), false, false},
    {"newline", BYTES("a\n"), false, false},
    {"NUL", BYTES("a\0b"), false, false},
    {"NUL alone", BYTES("\0"), false, false},
    {"escape", BYTES("\x1b[31m"), false, false},
    {"DEL", BYTES("a\x7f"), false, false},
    {"not UTF-8", BYTES("a\xff"), false, false},
    {"overlong UTF-8", BYTES("a\xc0\xaf"), false, false},
    {"cut UTF-8", BYTES("a\xe2\x82"), false, false},
};

static void names_of_users_and_topics(void **state)
{
    (void)state;
    struct edge edge = edge_new(1000);
    for (size_t i = 0; i < COUNT(names); i++) {
        struct bytes at = edge_put(&edge, names[i].text);
        CHECK(names[i].name, user_valid(at) == names[i].user);
        CHECK(names[i].name, topic_valid(at) == names[i].topic);
    }
    char longest[TOPIC_MAX + 1];
    memset(longest, 'x', sizeof longest);
    assert_true(user_valid((struct bytes){longest, USER_MAX}));
    assert_false(user_valid((struct bytes){longest, USER_MAX + 1}));
    assert_true(topic_valid((struct bytes){longest, TOPIC_MAX}));
    assert_false(topic_valid((struct bytes){longest, TOPIC_MAX + 1}));
    edge_free(&edge);
}

static void the_topic_of_a_user(void **state)
{
    (void)state;
    char topic[TOPIC_MAX + 1], longest[USER_MAX];
    struct bytes user;
    assert_int_equal(topic_of_user(BYTES("ann"), topic), 22);
    assert_string_equal(topic, "user:ann:notifications");
    assert_true(topic_user(bytes_of(topic), &user));
    assert_bytes("user", user, BYTES("ann"));
    memset(longest, 'x', sizeof longest);
    size_t n = topic_of_user((struct bytes){longest, sizeof longest}, topic);
    assert_int_equal(n, strlen(topic));
    assert_true(topic_valid((struct bytes){topic, n}));
    assert_true(topic_user((struct bytes){topic, n}, &user));
    assert_int_equal(user.n, USER_MAX);
}

static void topics_that_are_no_inbox(void **state)
{
    (void)state;
    static const char *const table[] = {
        "",
        "user",
        "user:",
        "user:ann",
        "user::notifications",
        ":notifications",
        "user:notifications",
        "user:ann:notification",
        "user:ann:notificationsx",
        "user:ann:notifications:",
        "xuser:ann:notifications",
        "User:ann:notifications",
        "user:ann:x:notifications",
        "user:a b:notifications",
        "user:ann:notifications ",
        "users:ann:notifications",
    };
    struct edge edge = edge_new(100);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct bytes user;
        CHECK(table[i], !topic_user(edge_put(&edge, bytes_of(table[i])), &user));
    }
    edge_free(&edge);
}

/* Where a topic travels must be the same in every process, of every version. */
static void buckets_are_stable(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        uint16_t bucket;
    } table[] = {
        {"user:ann:notifications", 0x5e1},
        {"room:7", 0xce3},
        {"room:70", 0x9fb},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        if (topic_bucket(bytes_of(table[i].topic)) != table[i].bucket)
            fail_msg("%s is in bucket 0x%x", table[i].topic,
                     topic_bucket(bytes_of(table[i].topic)));
    char key[BUS_KEY];
    bus_key(0x0abc, key);
    assert_memory_equal(key, "T\x0a\xbc", BUS_KEY);
}

/* A prefix of a key is never another key: all of a bucket have three bytes. The whole name decides. */
static void whole_names_only(void **state)
{
    (void)state;
    assert_int_not_equal(topic_bucket(BYTES("room:7")), topic_bucket(BYTES("room:70")));
    /* Two topics of one bucket, found by trying: they share a key and must be told apart by name. */
    char one[32] = "room:0", two[32];
    for (unsigned i = 1;; i++) {
        snprintf(two, sizeof two, "room:%u", i);
        if (topic_bucket(bytes_of(two)) == topic_bucket(bytes_of(one)))
            break;
    }
    char a[BUS_KEY], b[BUS_KEY];
    bus_key(topic_bucket(bytes_of(one)), a);
    bus_key(topic_bucket(bytes_of(two)), b);
    assert_memory_equal(a, b, BUS_KEY);
    assert_false(bytes_is(bytes_of(two), one));
}

static void buckets_are_even(void **state)
{
    (void)state;
    static unsigned count[TOPIC_BUCKETS];
    for (unsigned i = 0; i < 40 * TOPIC_BUCKETS; i++) {
        char topic[64];
        snprintf(topic, sizeof topic, "user:%u:notifications", i);
        uint16_t bucket = topic_bucket(bytes_of(topic));
        assert_true(bucket < TOPIC_BUCKETS);
        count[bucket]++;
    }
    for (unsigned i = 0; i < TOPIC_BUCKETS; i++)
        assert_in_range(count[i], 8, 90); /* 40, give or take five times its spread and more */
}

static struct bytes text_of_id(struct buf *out, uint64_t at_ms, uint64_t pos)
{
    uint8_t id[ID_SIZE];
    buf_reset(out);
    id_make(at_ms, pos, id);
    id_write(out, id);
    return buf_all(out);
}

static void ids_are_ulids(void **state)
{
    (void)state;
    static const struct {
        uint64_t at_ms, pos;
        const char *text;
    } table[] = {
        {0, 0, "00000000000000000000000000"},
        {0, 1, "00000000000000000000000001"},
        {0, 32, "00000000000000000000000010"},
        {1469918176385, 0, "01ARYZ6S410000000000000000"}, /* the time of the ULID page's example */
        {(UINT64_C(1) << 48) - 1, UINT64_MAX, "7ZZZZZZZZZ000FZZZZZZZZZZZZ"},
        {1795445100123, 42, "01M84DW3JV000000000000001A"},
    };
    struct buf out;
    buf_init(&out, 100);
    struct edge edge = edge_new(100);
    for (size_t i = 0; i < COUNT(table); i++) {
        uint8_t id[ID_SIZE];
        assert_bytes("text", text_of_id(&out, table[i].at_ms, table[i].pos),
                     bytes_of(table[i].text));
        CHECK(table[i].text, id_read(edge_put(&edge, buf_all(&out)), id));
        CHECK(table[i].text, id_at_ms(id) == table[i].at_ms && id_pos(id) == table[i].pos);
    }
    edge_free(&edge);
    buf_fini(&out);
}

/* The text sorts by time, then by position: so does whoever lists them. */
static void ids_sort_as_they_were_made(void **state)
{
    (void)state;
    struct buf a, b;
    buf_init(&a, 100);
    buf_init(&b, 100);
    uint64_t seed = dice_seed();
    for (unsigned turn = 0; turn < 100000; turn++) {
        uint64_t at = dice(&seed) >> 16, pos = dice(&seed), later = at, behind = pos;
        if (turn % 2 == 0 && at + 1 < UINT64_C(1) << 48) {
            later = at + 1 + dice_below(&seed, (size_t)((UINT64_C(1) << 48) - at - 1));
            behind = dice(&seed);
        } else if (pos < UINT64_MAX) {
            behind = pos + 1 + dice_below(&seed, (size_t)(UINT64_MAX - pos));
        }
        struct bytes first = text_of_id(&a, at, pos), second = text_of_id(&b, later, behind);
        assert_true(memcmp(first.p, second.p, ID_TEXT) < 0);
        uint8_t id[ID_SIZE];
        assert_true(id_read(first, id));
        assert_true(id_at_ms(id) == at && id_pos(id) == pos);
    }
    buf_fini(&a);
    buf_fini(&b);
}

static void ids_that_are_not_ours(void **state)
{
    (void)state;
    static const struct bytes table[] = {
        BYTES(""),
        BYTES("0000000000000000000000000"),   /* a letter less */
        BYTES("000000000000000000000000000"), /* a letter more */
        BYTES("80000000000000000000000000"),  /* beyond 128 bits */
        BYTES("0000000000000000000000000I"),
        BYTES("0000000000000000000000000L"),
        BYTES("0000000000000000000000000O"),
        BYTES("0000000000000000000000000U"),
        BYTES("0000000000000000000000000-"),
        BYTES("0000000000000000000000000a"),
        BYTES("0000000000000000000000000\0"),
        BYTES("0000000000000000000000000\xff"),
        BYTES("\xff"
              "0000000000000000000000000"),
        BYTES("01ARYZ6S41TSV4RRFFQ69G5FAV"), /* a ULID, but not made by us */
        BYTES("00000000000010000000000000"), /* one of the two bytes of zero is not */
    };
    struct edge edge = edge_new(100);
    for (size_t i = 0; i < COUNT(table); i++) {
        uint8_t id[ID_SIZE];
        if (id_read(edge_put(&edge, table[i]), id))
            fail_msg("%.*s", (int)table[i].n, table[i].p);
        CHECK(table[i].p, id_read_any(edge_put(&edge, table[i]), id) == (i + 2 >= COUNT(table)));
    }
    edge_free(&edge);
}

/* The table of the design, once more by hand: a cell that changes must change here, too. */
static void types_are_what_the_table_says(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned number;
        bool push, stored, counted;
        const char *event;
    } table[] = {
        {"transient", 0, true, false, false, "notification:transient"},
        {"toast", 1, true, false, false, "notification:toast"},
        {"activity", 2, true, true, true, "notification:new"},
        {"alert", 3, true, true, true, "notification:new"},
        {"system", 4, false, true, false, "notifications:changes"},
    };
    assert_int_equal(COUNT(table), TYPE_COUNT);
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct type_row *row = type_row(table[i].number);
        CHECK(table[i].name, type_named(bytes_of(table[i].name)) == table[i].number);
        CHECK(table[i].name, strcmp(row->name, table[i].name) == 0);
        CHECK(table[i].name, row->push == table[i].push);
        CHECK(table[i].name, row->stored == table[i].stored);
        CHECK(table[i].name, row->counted == table[i].counted);
        CHECK(table[i].name, strcmp(row->event, table[i].event) == 0);
    }
    assert_int_equal(type_named(BYTES("")), TYPE_COUNT);
    assert_int_equal(type_named(BYTES("Alert")), TYPE_COUNT);
    assert_int_equal(type_named(BYTES("alerts")), TYPE_COUNT);
    assert_int_equal(type_named(BYTES("aler")), TYPE_COUNT);
    assert_int_equal(type_named(BYTES("alert\0")), TYPE_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_users_and_topics),
        cmocka_unit_test(the_topic_of_a_user),
        cmocka_unit_test(topics_that_are_no_inbox),
        cmocka_unit_test(buckets_are_stable),
        cmocka_unit_test(whole_names_only),
        cmocka_unit_test(buckets_are_even),
        cmocka_unit_test(ids_are_ulids),
        cmocka_unit_test(ids_sort_as_they_were_made),
        cmocka_unit_test(ids_that_are_not_ours),
        cmocka_unit_test(types_are_what_the_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
