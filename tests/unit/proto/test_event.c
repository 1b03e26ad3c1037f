/* SPDX-License-Identifier: Apache-2.0 */
/* event: the exact text of each event, by kind of entry and by type of notification. */
#include "tests/unit/edge.h"

#include "lib/json.h"
#include "proto/event.h"
#include "proto/id.h"
#include "proto/items.h"
#include "proto/types.h"

#define B(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
#define AT 1795445100123
#define AT_TEXT "2026-11-23T14:45:00.123Z"
#define ID_42 "01M84DW3JV000000000000001A"
#define CONTENT(type) "{\"type\":\"" type "\",\"title\":\"Hi\",\"data\":{\"n\":1}}"

/* Two ids: positions 42 and 43, made at AT. */
#define FRESH "\"seen\":false,\"archived\":false,\"snoozed_until\":null,"

static struct bytes two_ids(void)
{
    static uint8_t ids[2 * ID_SIZE];
    id_make(AT, 42, ids);
    id_make(AT, 43, ids + ID_SIZE);
    return (struct bytes){(char *)ids, sizeof ids};
}

static void check(const struct msg_entry *e, const char *event, const char *payload)
{
    struct buf out;
    buf_init(&out, FRAME_MAX);
    assert_bytes(event, event_write(&out, e), bytes_of(event));
    assert_bytes(event, buf_all(&out), bytes_of(payload));
    assert_true(json_valid(buf_all(&out)));
    buf_fini(&out);
}

static void created_of_each_type(void **state)
{
    (void)state;
    struct msg_entry e = {.seq = 42,
                          .prev = 41,
                          .topic = B("user:ann:notifications"),
                          .kind = ENTRY_created,
                          .at_ms = AT,
                          .unread = 3,
                          .pos = 42};
    e.type = TYPE_activity;
    e.content = BYTES(CONTENT("activity"));
    check(&e, "notification:new",
          "{\"notification\":{\"id\":\"" ID_42 "\",\"pos\":42,\"rev\":42,\"inserted_at\":\"" AT_TEXT
          "\",\"read_at\":null,\"expires_at\":null," FRESH "\"type\":\"activity\",\"title\":\"Hi\","
          "\"data\":{\"n\":1}},\"unread_count\":3,\"unseen_count\":0,\"seq\":42,\"prev\":41}");
    e.type = TYPE_alert;
    e.content = BYTES(CONTENT("alert"));
    e.expires_ms = AT + 60000;
    e.prev = 0;
    check(&e, "notification:new",
          "{\"notification\":{\"id\":\"" ID_42 "\",\"pos\":42,\"rev\":42,\"inserted_at\":\"" AT_TEXT
          "\",\"read_at\":null,\"expires_at\":\"2026-11-23T14:46:00.123Z\"," FRESH
          "\"type\":\"alert\","
          "\"title\":\"Hi\",\"data\":{\"n\":1}},\"unread_count\":3,\"unseen_count\":0,\"seq\":42,"
          "\"prev\":0}");
    e.type = TYPE_system; /* pull only: that there is something, and not what */
    e.content = BYTES(CONTENT("system"));
    check(&e, "notifications:changes",
          "{\"changes\":[{\"op\":\"created\",\"id\":\"" ID_42 "\",\"type\":\"system\"}],"
          "\"unread_count\":3,\"unseen_count\":0,\"seq\":42,\"prev\":0}");
}

static void read_and_expired(void **state)
{
    (void)state;
    struct msg_entry e = {.seq = 44, .prev = 43, .kind = ENTRY_read, .at_ms = AT, .unread = 1};
    e.ids = two_ids();
    e.op_id = BYTES("op \"1\"");
    check(&e, "notification:read",
          "{\"ids\":[\"" ID_42 "\",\"01M84DW3JV000000000000001B\"],\"at\":\"" AT_TEXT
          "\",\"by\":{\"op_id\":\"op "
          "\\\"1\\\"\"},\"unread_count\":1,\"unseen_count\":0,\"seq\":44,\"prev\":43}");
    e.ids.n = ID_SIZE;
    e.op_id = (struct bytes){0};
    check(&e, "notification:read",
          "{\"ids\":[\"" ID_42 "\"],\"at\":\"" AT_TEXT
          "\",\"unread_count\":1,\"unseen_count\":0,\"seq\":44,\"prev\":43}");
    e.kind = ENTRY_expired;
    check(&e, "notification:expired",
          "{\"ids\":[\"" ID_42 "\"],\"at\":\"" AT_TEXT
          "\",\"unread_count\":1,\"unseen_count\":0,\"seq\":44,\"prev\":43}");
}

static void all_read(void **state)
{
    (void)state;
    struct msg_entry e = {.seq = 45, .prev = 44, .kind = ENTRY_all_read, .at_ms = AT, .pos = 42};
    check(&e, "notifications:all_read",
          "{\"up_to\":42,\"at\":\"" AT_TEXT
          "\",\"unread_count\":0,\"unseen_count\":0,\"seq\":45,\"prev\":44}");
    e.op_id = BYTES("x");
    check(&e, "notifications:all_read",
          "{\"up_to\":42,\"at\":\"" AT_TEXT
          "\",\"by\":{\"op_id\":\"x\"},\"unread_count\":0,\"unseen_count\":0,"
          "\"seq\":45,\"prev\":44}");
}

static void items(void **state)
{
    (void)state;
    struct msg_item item = {.pos = 42,
                            .at_ms = AT,
                            .rev = 44,
                            .type = TYPE_activity,
                            .read_ms = AT + 1000,
                            .content = B(CONTENT("activity"))};
    struct buf out;
    buf_init(&out, 1000);
    item_write(&out, &item);
    assert_bytes("read", buf_all(&out),
                 BYTES("{\"id\":\"" ID_42 "\",\"pos\":42,\"rev\":44,\"inserted_at\":\"" AT_TEXT
                       "\",\"read_at\":\"2026-11-23T14:45:01.123Z\",\"expires_at\":null," FRESH
                       "\"type\":\"activity\",\"title\":\"Hi\",\"data\":{\"n\":1}}"));
    buf_fini(&out);
}

/* An item on its own, in a list of one. */
static struct mp_list list_of_item(const struct msg_item *item)
{
    static char room[1000];
    struct buf list = {.p = room, .cap = sizeof room, .max = sizeof room};
    msg_write(&list, &(struct msg){.id = MSG_item, .item = *item});
    return list_of(&list, 1);
}

/* Whatever became of it since, its id is the one that it was born with. */
static void an_item_that_moved(void **state)
{
    (void)state;
    struct msg_item item = {.pos = 50,
                            .at_ms = AT,
                            .rev = 50,
                            .type = TYPE_activity,
                            .birth = 42,
                            .flags = ITEM_seen | ITEM_archived,
                            .until_ms = AT + 1000,
                            .content = B(CONTENT("activity"))};
    struct msg_entry e = {.seq = 50,
                          .prev = 44,
                          .kind = ENTRY_resurfaced,
                          .at_ms = AT,
                          .unread = 3,
                          .unseen = 1,
                          .type = TYPE_activity,
                          .pos = 50,
                          .items = list_of_item(&item)};
#define MOVED                                                                                      \
    "{\"notification\":{\"id\":\"" ID_42 "\",\"pos\":50,\"rev\":50,\"inserted_at\":\"" AT_TEXT     \
    "\",\"read_at\":null,\"expires_at\":null,\"seen\":true,\"archived\":true,\"snoozed_until\":"   \
    "\"2026-11-23T14:45:01.123Z\",\"type\":\"activity\",\"title\":\"Hi\",\"data\":{\"n\":1}}"
#define STATE "\"unread_count\":3,\"unseen_count\":1,\"seq\":50,\"prev\":44}"
    check(&e, "notification:new", MOVED ",\"resurfaced\":true," STATE);
    e.kind = ENTRY_updated;
    check(&e, "notification:updated", MOVED ",\"fields\":[]," STATE);
    e.what = 1 << FIELD_NO_title | 1 << FIELD_NO_pos;
    check(&e, "notification:updated", MOVED ",\"fields\":[\"title\",\"pos\"]," STATE);
    e.type = TYPE_system;
    check(&e, "notifications:changes",
          "{\"changes\":[{\"op\":\"updated\",\"id\":\"" ID_42 "\",\"type\":\"system\"}]," STATE);
    e.kind = ENTRY_resurfaced;
    check(&e, "notifications:changes",
          "{\"changes\":[{\"op\":\"resurfaced\",\"id\":\"" ID_42 "\",\"type\":\"system\"}]," STATE);
}

/* What is done to items, in as many words as it takes. */
static void marks(void **state)
{
    (void)state;
    static char tallies[200];
    struct buf list = {.p = tallies, .cap = sizeof tallies, .max = sizeof tallies};
    struct msg_entry e = {.seq = 50, .prev = 44, .at_ms = AT, .unread = 3, .unseen = 1, .pos = 42};
    e.ids = (struct bytes){two_ids().p, ID_SIZE};
#define IDS "{\"ids\":[\"" ID_42 "\"],\"at\":\"" AT_TEXT "\","
#define UP_TO "{\"up_to\":42,\"at\":\"" AT_TEXT "\","
    static const struct {
        enum entry_kind kind;
        const char *event;
    } rows[] = {
        {ENTRY_unread, "notification:unread"},
        {ENTRY_seen, "notification:seen"},
        {ENTRY_archived, "notification:archived"},
        {ENTRY_unarchived, "notification:unarchived"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        e.kind = rows[i].kind;
        check(&e, rows[i].event, IDS STATE);
    }
    e.kind = ENTRY_removed;
    check(&e, "notification:removed", IDS "\"reason\":\"deleted\"," STATE);
    e.what = REMOVED_retracted;
    check(&e, "notification:removed", IDS "\"reason\":\"retracted\"," STATE);
    e.kind = ENTRY_recounted;
    check(&e, "notifications:changes", "{\"changes\":[]," STATE);
    e.kind = ENTRY_snoozed;
    e.until_ms = AT + 1000;
    check(&e, "notification:snoozed", IDS "\"until\":\"2026-11-23T14:45:01.123Z\"," STATE);
    e.kind = ENTRY_all_seen;
    check(&e, "notifications:all_seen", UP_TO STATE);
    e.ids = (struct bytes){0};
    e.kind = ENTRY_all_archived;
    check(&e, "notifications:all_archived", UP_TO "\"only_read\":true," STATE);
    e.what = 0;
    check(&e, "notifications:all_archived", UP_TO "\"only_read\":false," STATE);
    e.kind = ENTRY_all_read;
    e.category = BYTES("a\"b");
    msg_write(&list, &(struct msg){.id = MSG_tally, .tally = {B("a\"b"), 0, 0}});
    msg_write(&list, &(struct msg){.id = MSG_tally, .tally = {B("work"), 2, 1}});
    e.tallies = list_of(&list, 2);
    e.ids = (struct bytes){0};
    check(&e, "notifications:all_read",
          UP_TO "\"category\":\"a\\\"b\",\"by_category\":{\"a\\\"b\":{\"unread\":0,\"unseen\":0},"
                "\"work\":{\"unread\":2,\"unseen\":1}}," STATE);
}

/* Its user wants it unread, which who marked all did not know. */
static void all_but_some(void **state)
{
    (void)state;
    struct msg_entry e = {
        .seq = 50, .prev = 44, .kind = ENTRY_all_read, .at_ms = AT, .unread = 1, .pos = 43};
    e.ids = (struct bytes){two_ids().p, ID_SIZE};
    check(&e, "notifications:all_read",
          "{\"up_to\":43,\"at\":\"" AT_TEXT "\",\"except\":[\"" ID_42
          "\"],\"unread_count\":1,\"unseen_count\":0,\"seq\":50,\"prev\":44}");
}

/* The item of a created entry: what the snapshot has of it, too. */
static void an_entry_is_the_item_that_it_brought(void **state)
{
    (void)state;
    struct msg_entry e = {.seq = 43,
                          .kind = ENTRY_created,
                          .at_ms = AT,
                          .unread = 3,
                          .type = TYPE_alert,
                          .pos = 42,
                          .expires_ms = AT + 1,
                          .content = B(CONTENT("alert"))};
    struct msg_item item = item_of(&e);
    assert_int_equal(item.pos, 42);
    assert_int_equal(item.rev, 43);
    assert_int_equal(item.at_ms, AT);
    assert_int_equal(item.type, TYPE_alert);
    assert_int_equal(item.expires_ms, AT + 1);
    assert_int_equal(item.read_ms, 0);
    assert_bytes("content", item.content, e.content);
}

static void the_longest_entries_fit(void **state)
{
    (void)state;
    static uint8_t ids[IDS_MAX * ID_SIZE];
    for (uint64_t i = 0; i < IDS_MAX; i++)
        id_make((UINT64_C(1) << 48) - 1, UINT64_MAX - i, ids + i * ID_SIZE);
    static char op_id[KEY_MAX];
    memset(op_id, 1, sizeof op_id); /* six characters each, as \u0001 */
    struct msg_entry e = {.seq = UINT64_MAX,
                          .prev = UINT64_MAX,
                          .kind = ENTRY_read,
                          .at_ms = AT,
                          .unread = UINT64_MAX};
    e.ids = (struct bytes){(char *)ids, sizeof ids};
    e.op_id = (struct bytes){op_id, sizeof op_id};
    struct buf out;
    buf_init(&out, CONTENT_MAX);
    event_write(&out, &e);
    assert_false(out.overflowed);
    assert_true(json_valid(buf_all(&out)));
    buf_fini(&out);
}

static void times_and_lists(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    time_write(&out, 0);
    ids_write(&out, (struct bytes){0});
    time_write(&out, AT);
    assert_bytes("all", buf_all(&out), BYTES("null[]\"" AT_TEXT "\""));
    buf_fini(&out);
}

/* A message is what was published, with ours behind it. */
static void messages(void **state)
{
    (void)state;
    struct msg_entry e = {.seq = 42,
                          .prev = 41,
                          .topic = B("channel:7"),
                          .kind = ENTRY_message,
                          .at_ms = AT,
                          .event = B("message.create"),
                          .user = B("ann"),
                          .content = B("{\"body\":\"hi\"}")};
    check(&e, "message.create",
          "{\"body\":\"hi\",\"seq\":42,\"prev\":41,\"at\":\"" AT_TEXT "\",\"from\":\"ann\"}");
    e.user = (struct bytes){0};
    e.content = BYTES("{}");
    check(&e, "message.create", "{\"seq\":42,\"prev\":41,\"at\":\"" AT_TEXT "\",\"from\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages),
        cmocka_unit_test(created_of_each_type),
        cmocka_unit_test(read_and_expired),
        cmocka_unit_test(all_read),
        cmocka_unit_test(items),
        cmocka_unit_test(an_item_that_moved),
        cmocka_unit_test(marks),
        cmocka_unit_test(all_but_some),
        cmocka_unit_test(an_entry_is_the_item_that_it_brought),
        cmocka_unit_test(the_longest_entries_fit),
        cmocka_unit_test(times_and_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
