/* SPDX-License-Identifier: Apache-2.0 */
/* What a client is shown of its inbox: the exact JSON. */
#include "tests/unit/edge.h"

#include "lib/json.h"
#include "proto/id.h"
#include "proto/types.h"
#include "session/live/inbox.h"

#define NOW UINT64_C(1795445122123) /* 2026-11-23T14:45:22.123Z */
#define HELLO "{\"type\":\"activity\",\"title\":\"Hello\",\"body\":null,\"data\":{}}"

static struct buf out, list;

static int open_all(void **state)
{
    (void)state;
    buf_init(&out, TEXT_MAX);
    buf_init(&list, FRAME_MAX);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    buf_fini(&out);
    buf_fini(&list);
    return 0;
}

static int anew(void **state)
{
    (void)state;
    buf_reset(&out);
    buf_reset(&list);
    return 0;
}

/* Compares and begins anew; in `want`, ' stands for ". */
static void assert_out(const char *want)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    buf_text(&text, want);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\'')
            text.p[i] = '"';
    assert_bytes("json", buf_all(&out), buf_all(&text));
    assert_true(json_valid(buf_all(&out)));
    buf_fini(&text);
    buf_reset(&out);
}

static void put_item(uint64_t pos, uint64_t read_ms, uint64_t expires_ms)
{
    struct msg m = {.id = MSG_item,
                    .item = {.pos = pos,
                             .at_ms = NOW - 1000,
                             .rev = pos + 1,
                             .type = TYPE_activity,
                             .read_ms = read_ms,
                             .expires_ms = expires_ms,
                             .content = BYTES(HELLO)}};
    msg_write(&list, &m);
}

static struct msg_inbox inbox_of(uint32_t items, uint64_t next)
{
    return (struct msg_inbox){.seq = 9,
                              .unread = 2,
                              .log_seq = 50,
                              .epoch = 7,
                              .now_ms = NOW,
                              .next = next,
                              .items = list_of(&list, items)};
}

#define FRESH "'seen':false,'archived':false,'snoozed_until':null,"
#define ITEM_5                                                                                     \
    "{'id':'01M84DWR330000000000000005','pos':5,'rev':6,'inserted_at':'2026-11-23T14:45:21.123Z'," \
    "'read_at':'2026-11-23T14:45:22.123Z','expires_at':'2026-11-23T14:45:23.123Z'," FRESH          \
    "'type':'activity','title':'Hello','body':null,'data':{}}"
#define ITEM_3                                                                                     \
    "{'id':'01M84DWR330000000000000003','pos':3,'rev':4,'inserted_at':'2026-11-23T14:45:21.123Z'," \
    "'read_at':null,'expires_at':null," FRESH                                                      \
    "'type':'activity','title':'Hello','body':null,'data':{}}"
#define STAMP "'seq':9,'epoch':7,'server_time':'2026-11-23T14:45:22.123Z'}"

static void an_empty_inbox(void **state)
{
    (void)state;
    struct msg_inbox inbox = inbox_of(0, 0);
    inbox.unread = inbox.seq = 0;
    inbox_write_page(&out, &inbox);
    assert_out(
        "{'unread_count':0,'unseen_count':0,'notifications':[],'next':null,'seq':0,'epoch':7,"
        "'server_time':'2026-11-23T14:45:22.123Z'}");
    inbox_write_sync(&out, &inbox);
    assert_out(
        "{'count':0,'unread_count':0,'unseen_count':0,'recent':[],'next':null,'seq':0,'epoch':7,"
        "'server_time':'2026-11-23T14:45:22.123Z'}");
    assert_int_equal(inbox_shown(&inbox), 0);
}

static void a_page_and_a_sync(void **state)
{
    (void)state;
    put_item(5, NOW, NOW + 1000);
    put_item(3, 0, 0);
    struct msg_inbox inbox = inbox_of(2, 3);
    inbox_write_page(&out, &inbox);
    assert_out("{'unread_count':2,'unseen_count':0,'notifications':[" ITEM_5 "," ITEM_3
               "],'next':3," STAMP);
    inbox_write_sync(&out, &inbox);
    assert_out("{'count':2,'unread_count':2,'unseen_count':0,'recent':[" ITEM_5 "," ITEM_3
               "],'next':3," STAMP);
    inbox_write_count(&out, &inbox);
    assert_out("{'unread_count':2,'unseen_count':0,'by_type':{},'by_category':{},'seq':9,"
               "'epoch':7}");
    static char room[400];
    struct buf tallies = {.p = room, .cap = sizeof room, .max = sizeof room};
    msg_write(&tallies, &(struct msg){.id = MSG_tally, .tally = {BYTES("alert"), 2, 0}});
    msg_write(&tallies, &(struct msg){.id = MSG_tally, .tally = {BYTES("a\"b"), 1, 1}});
    inbox.by_type = inbox.by_category = list_of(&tallies, 2);
    inbox_write_count(&out, &inbox);
    assert_out("{'unread_count':2,'unseen_count':0,'by_type':{'alert':2,'a\\'b':1},"
               "'by_category':{'alert':{'unread':2,'unseen':0},'a\\'b':{'unread':1,'unseen':1}},"
               "'seq':9,'epoch':7}");
    inbox.by_type = (struct mp_list){{NULL, 0}, 0};
    inbox_write_one(&out, &inbox);
    assert_out(
        "{'notification':" ITEM_5 ",'unread_count':2,'unseen_count':0,"
        "'by_category':{'alert':{'unread':2,'unseen':0},'a\\'b':{'unread':1,'unseen':1}}," STAMP);
    assert_int_equal(inbox_shown(&inbox), 5);
}

static void numbers_are_whole_up_to_2_53(void **state)
{
    (void)state;
    struct msg_inbox inbox = inbox_of(0, UINT64_C(1) << 53);
    inbox.seq = inbox.epoch = inbox.unread = UINT64_C(1) << 53;
    inbox_write_page(&out, &inbox);
    assert_out("{'unread_count':9007199254740992,'unseen_count':0,'notifications':[],'next':"
               "9007199254740992,"
               "'seq':9007199254740992,'epoch':9007199254740992,"
               "'server_time':'2026-11-23T14:45:22.123Z'}");
}

static void put_entry(uint64_t seq, enum entry_kind kind, enum notification_type type, uint64_t pos)
{
    uint8_t id[ID_SIZE];
    id_make(NOW - 1000, 3, id);
    struct bytes ids = {(char *)id, kind == ENTRY_read || kind == ENTRY_expired ? ID_SIZE : 0};
    struct msg m = {.id = MSG_entry,
                    .entry = {.seq = seq,
                              .prev = seq - 1,
                              .topic = BYTES("user:ann:notifications"),
                              .kind = kind,
                              .at_ms = NOW - 1000,
                              .unread = seq % 3,
                              .type = type,
                              .pos = pos,
                              .content = kind == ENTRY_created ? BYTES(HELLO) : BYTES(""),
                              .ids = ids,
                              .op_id = kind == ENTRY_read ? BYTES("o\"1") : BYTES("")}};
    msg_write(&list, &m);
}

static void what_was_missed(void **state)
{
    (void)state;
    put_entry(10, ENTRY_created, TYPE_activity, 10);
    put_entry(11, ENTRY_read, TYPE_transient, 0);
    put_entry(12, ENTRY_created, TYPE_system, 12);
    put_entry(13, ENTRY_all_read, TYPE_transient, 99);
    put_entry(14, ENTRY_expired, TYPE_transient, 0);
    struct msg_changes changes = {.topic = BYTES("user:ann:notifications"),
                                  .head = 14,
                                  .epoch = 7,
                                  .now_ms = NOW,
                                  .unread = 1,
                                  .entries = list_of(&list, 5)};
    assert_int_equal(changes_shown(&changes), 12); /* not what all_read names */
    inbox_write_changes(&out, &changes, 9);
    assert_out(
        "{'resumed':true,'changes':["
        "{'event':'notification:new','payload':{'notification':{'id':'01M84DWR33000000000000000A',"
        "'pos':10,'rev':10,'inserted_at':'2026-11-23T14:45:21.123Z','read_at':null,"
        "'expires_at':null," FRESH "'type':'activity','title':'Hello','body':null,'data':{}},"
        "'unread_count':1,'unseen_count':0,'seq':10,'prev':9}},"
        "{'event':'notification:read','payload':{'ids':['01M84DWR330000000000000003'],"
        "'at':'2026-11-23T14:45:21.123Z','by':{'op_id':'o\\'1'},'unread_count':2,'unseen_count':0,'"
        "seq':11,"
        "'prev':10}},"
        "{'event':'notifications:changes','payload':{'changes':[{'op':'created',"
        "'id':'01M84DWR33000000000000000C','type':'system'}],'unread_count':0,'unseen_count':0,'"
        "seq':12,"
        "'prev':11}},"
        "{'event':'notifications:all_read','payload':{'up_to':99,"
        "'at':'2026-11-23T14:45:21.123Z','unread_count':1,'unseen_count':0,'seq':13,'prev':12}},"
        "{'event':'notification:expired','payload':{'ids':['01M84DWR330000000000000003'],"
        "'at':'2026-11-23T14:45:21.123Z','unread_count':2,'unseen_count':0,'seq':14,'prev':13}}"
        "],'unread_count':1,'unseen_count':0,'seq':14,'epoch':7,'server_time':'2026-11-23T14:45:22."
        "123Z'}");

    inbox_write_changes(&out, &changes, 13); /* what the client has is left out */
    assert_out("{'resumed':true,'changes':[{'event':'notification:expired','payload':{'ids':["
               "'01M84DWR330000000000000003'],'at':'2026-11-23T14:45:21.123Z','unread_count':2,'"
               "unseen_count':0,"
               "'seq':14,'prev':13}}],'unread_count':1,'unseen_count':0,'seq':14,'epoch':7,"
               "'server_time':'2026-11-23T14:45:22.123Z'}");
    inbox_write_changes(&out, &changes, 14);
    assert_out("{'resumed':true,'changes':[],'unread_count':1,'unseen_count':0,'seq':14,'epoch':7,"
               "'server_time':'2026-11-23T14:45:22.123Z'}");
}

static void answers_to_markings(void **state)
{
    (void)state;
    uint8_t ids[2 * ID_SIZE];
    id_make(NOW - 1000, 3, ids);
    id_make(NOW - 1000, 5, ids + ID_SIZE);
    struct msg_changed changed = {.seq = 9,
                                  .unread = 2,
                                  .up_to = 8,
                                  .changed = {(char *)ids, ID_SIZE},
                                  .unknown = {(char *)ids, 2 * ID_SIZE}};
    inbox_write_marked(&out, &changed);
    assert_out("{'changed':['01M84DWR330000000000000003'],'unknown':["
               "'01M84DWR330000000000000003','01M84DWR330000000000000005'],'unread_count':2,'"
               "unseen_count':0,"
               "'seq':9}");
    inbox_write_all_marked(&out, &changed);
    assert_out("{'up_to':8,'unread_count':2,'unseen_count':0,'seq':9}");
    changed.changed.n = changed.unknown.n = 0;
    inbox_write_marked(&out, &changed);
    assert_out("{'changed':[],'unknown':[],'unread_count':2,'unseen_count':0,'seq':9}");
}

/* The largest page and the largest list of changes that the store can answer with. */
static void the_largest_fit(void **state)
{
    (void)state;
    static char content[CONTENT_MAX];
    memset(content, '1', sizeof content);
    memcpy(content, "{\"n\":", 5);
    content[sizeof content - 1] = '}';
    struct msg m = {.id = MSG_item, .item = {.pos = 1, .content = {content, sizeof content}}};
    for (int i = 0; i < PAGE_MAX; i++)
        msg_write(&list, &m);
    assert_false(list.overflowed);
    struct msg_inbox inbox = inbox_of(PAGE_MAX, 1);
    inbox_write_sync(&out, &inbox);
    assert_false(out.overflowed);
    assert_true(json_valid(buf_all(&out)));
    buf_reset(&out);
    buf_reset(&list);
    m = (struct msg){.id = MSG_entry,
                     .entry = {.seq = 2, .kind = ENTRY_created, .type = TYPE_alert, .pos = 2}};
    m.entry.content = (struct bytes){content, sizeof content};
    uint32_t n = 0;
    for (; list.n + sizeof content + 200 < FRAME_MAX; n++)
        msg_write(&list, &m);
    struct msg_changes changes = {.head = 2, .entries = list_of(&list, n)};
    inbox_write_changes(&out, &changes, 1);
    assert_false(out.overflowed);
    assert_true(json_valid(buf_all(&out)));
}

#define TEST(name) cmocka_unit_test_setup(name, anew)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_inbox),  TEST(a_page_and_a_sync),   TEST(numbers_are_whole_up_to_2_53),
        TEST(what_was_missed), TEST(answers_to_markings), TEST(the_largest_fit),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
