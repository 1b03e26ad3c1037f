/* SPDX-License-Identifier: Apache-2.0 */
/* What a client or a back end may ask: every field absent, of a wrong type, at its bound and over
 * it; and what then goes to the store. */
#include "tests/unit/edge.h"

#include "proto/types.h"
#include "session/actions/actions.h"
#include "session/live/inbox.h"
#include "session/actions/listing.h"
#include "session/actions/marking.h"
#include "session/live/view.h"

#include <stdarg.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW UINT64_C(1795445122123) /* 2026-11-23T14:45:22.123Z */
#define TEN_YEARS_S (UINT64_C(10) * 366 * 86400)
#define ID "01M84HBW0X0000000000000001"

static struct arena scratch;
static struct buf users, content, text;
static struct msg m;
static struct problem why;

static int open_all(void **state)
{
    (void)state;
    arena_init(&scratch, 2 << 20);
    buf_init(&users, USERS_MAX * (USER_MAX + 5));
    buf_init(&content, 2 * CONTENT_MAX);
    buf_init(&text, 4 << 20);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    arena_fini(&scratch);
    buf_fini(&users);
    buf_fini(&content);
    buf_fini(&text);
    return 0;
}

/* `text` anew. In a format, ' stands for ". */
static struct bytes json(const char *format, ...) __attribute__((format(printf, 1, 2)));
static struct bytes json(const char *format, ...)
{
    static char room[1 << 20];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(room, sizeof room, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof room);
    for (char *p = room; *p; p++)
        if (*p == '\'')
            *p = '"';
    buf_reset(&text);
    buf_add(&text, room, (size_t)n);
    return buf_all(&text);
}

static char *repeated(const char *what, size_t times)
{
    static char room[4][300000];
    static unsigned turn;
    char *out = room[turn++ % 4];
    size_t n = strlen(what);
    assert_true(n * times < sizeof room[0]);
    for (size_t i = 0; i < times; i++)
        memcpy(out + i * n, what, n);
    out[n * times] = '\0';
    return out;
}

static bool create(struct bytes request)
{
    arena_reset(&scratch);
    why = (struct problem){"", ""};
    return action_create(&m, request, BYTES("key"), NOW, &users, &content, &scratch, &why);
}

static bool create_plain(struct bytes request)
{
    arena_reset(&scratch);
    why = (struct problem){"", ""};
    return action_create(&m, request, (struct bytes){0}, NOW, &users, &content, &scratch, &why);
}

static bool mark(const char *push, struct bytes request)
{
    struct marking k;
    struct marker by = {BYTES("ann"), 77, NOW, false};
    arena_reset(&scratch);
    why = (struct problem){"", ""};
    assert_true(marking_pushed(bytes_of(push), &k));
    return marking_read(&m, &k, &by, request, &scratch, &why);
}

static bool mark_read(struct bytes request)
{
    return mark("mark_read", request);
}

static bool mark_all(struct bytes request)
{
    return mark("mark_all_read", request);
}

static bool mark_seen(struct bytes request)
{
    return mark("mark_seen", request);
}

static bool archive_all(struct bytes request)
{
    return mark("archive_all", request);
}

static bool snooze(struct bytes request)
{
    return mark("snooze", request);
}

static bool list(struct bytes request)
{
    arena_reset(&scratch);
    why = (struct problem){"", ""};
    m = (struct msg){.id = MSG_snapshot, .snapshot = {.user = BYTES("ann"), .limit = INBOX_PAGE}};
    return listing_read(&m.snapshot, request, &scratch, &why);
}

typedef bool (*action)(struct bytes request);

/* field NULL: it is good. */
static void expect(const char *name, bool good, const char *field)
{
    if (good != (field == NULL))
        fail_msg("%s: %s %s: %s", name, good ? "taken" : "refused", why.field, why.detail);
    if (field && strcmp(why.field, field) != 0)
        fail_msg("%s: the field is \"%s\", not \"%s\" (%s)", name, why.field, field, why.detail);
    if (field && why.detail[0] == '\0')
        fail_msg("%s: no detail", name);
}

static const struct {
    action run;
    const char *request, *field;
} table[] = {
    {create, "{'to':'ann','title':'t'}", NULL},
    {create, "{'to':['ann','bob'],'title':'t','type':'alert','body':'b','data':{'a':1}}", NULL},
    {create, "", ""},
    {create, "{", ""},
    {create, "[]", ""},
    {create, "null", ""},
    {create, "'ann'", ""},
    {create, "{'to':'ann','title':'t'} x", ""},
    {create, "{'title':'t'}", "to"},
    {create, "{'to':null,'title':'t'}", "to"},
    {create, "{'to':7,'title':'t'}", "to"},
    {create, "{'to':{},'title':'t'}", "to"},
    {create, "{'to':'','title':'t'}", "to"},
    {create, "{'to':'a b','title':'t'}", "to"},
    {create, "{'to':'a:b','title':'t'}", "to"},
    {create, "{'to':'a\\u0000','title':'t'}", "to"},
    {create, "{'to':[],'title':'t'}", "to"},
    {create, "{'to':['ann',7],'title':'t'}", "to[1]"},
    {create, "{'to':['ann',['bob']],'title':'t'}", "to[1]"},
    {create, "{'to':['ann',''],'title':'t'}", "to[1]"},
    {create, "{'to':['ann','bob','ann'],'title':'t'}", "to[2]"},
    {create, "{'to':['ann','\\u0061nn'],'title':'t'}", "to[1]"},
    {create, "{'to':'ann'}", "title"},
    {create, "{'to':'ann','title':null}", "title"},
    {create, "{'to':'ann','title':7}", "title"},
    {create, "{'to':'ann','title':''}", "title"},
    {create, "{'to':'ann','title':['t']}", "title"},
    {create, "{'to':'ann','title':'t','type':'toast'}", NULL},
    {create, "{'to':'ann','title':'t','type':'transient'}", NULL},
    {create, "{'to':'ann','title':'t','type':'system'}", NULL},
    {create, "{'to':'ann','title':'t','type':'Activity'}", "type"},
    {create, "{'to':'ann','title':'t','type':''}", "type"},
    {create, "{'to':'ann','title':'t','type':3}", "type"},
    {create, "{'to':'ann','title':'t','type':null}", "type"},
    {create, "{'to':'ann','title':'t','body':null}", NULL},
    {create, "{'to':'ann','title':'t','body':''}", NULL},
    {create, "{'to':'ann','title':'t','body':7}", "body"},
    {create, "{'to':'ann','title':'t','body':{}}", "body"},
    {create, "{'to':'ann','title':'t','data':null}", NULL},
    {create, "{'to':'ann','title':'t','data':{}}", NULL},
    {create, "{'to':'ann','title':'t','data':[]}", "data"},
    {create, "{'to':'ann','title':'t','data':'x'}", "data"},
    {create, "{'to':'ann','title':'t','expires_in':1}", NULL},
    {create, "{'to':'ann','title':'t','expires_in':0}", "expires_in"},
    {create, "{'to':'ann','title':'t','expires_in':-1}", "expires_in"},
    {create, "{'to':'ann','title':'t','expires_in':1.5}", "expires_in"},
    {create, "{'to':'ann','title':'t','expires_in':'60'}", "expires_in"},
    {create, "{'to':'ann','title':'t','expires_in':316224000}", NULL},
    {create, "{'to':'ann','title':'t','expires_in':316224001}", "expires_in"},
    {create, "{'to':'ann','title':'t','expires_in':99999999999999999999}", "expires_in"},
    {create, "{'to':'ann','title':'t','expires_at':'2026-11-23T14:45:22.124Z'}", NULL},
    {create_plain, "{'to':'ann','title':'t','expires_at':'2026-11-23T14:45:22.123Z'}",
     "expires_at"},
    {create_plain, "{'to':'ann','title':'t','expires_at':'2026-11-23T15:45:22.123+01:00'}",
     "expires_at"},
    /* With a key it may be a repetition: the store looks. */
    {create, "{'to':'ann','title':'t','expires_at':'2026-11-23T14:45:22.123Z'}", NULL},
    {create, "{'to':'ann','title':'t','expires_at':'2036-11-30T14:45:22.123Z'}", NULL},
    {create, "{'to':'ann','title':'t','expires_at':'2036-11-30T14:45:22.124Z'}", "expires_at"},
    {create, "{'to':'ann','title':'t','expires_at':'tomorrow'}", "expires_at"},
    {create, "{'to':'ann','title':'t','expires_at':1795445123}", "expires_at"},
    {create, "{'to':'ann','title':'t','expires_at':'2027-01-01T00:00:00Z','expires_in':5}",
     "expires_in"},
    {create, "{'to':'ann','title':'t','deliver_at':'2026-11-23T14:45:23Z'}", NULL},
    {create, "{'to':'ann','title':'t','deliver_at':'2026-11-22T14:45:22.123Z'}", NULL},
    {create, "{'to':'ann','title':'t','deliver_at':'2026-11-22T14:45:22.122Z'}", "deliver_at"},
    {create, "{'to':'ann','title':'t','deliver_at':'2027-11-24T14:45:22.123Z'}", NULL},
    {create, "{'to':'ann','title':'t','deliver_at':'2027-11-24T14:45:22.124Z'}", "deliver_at"},
    {create, "{'to':'ann','title':'t','deliver_at':60}", "deliver_at"},
    {create, "{'to':{'all':true},'title':'t'}", NULL},
    {create, "{'to':{'all':true,'include_new':true},'title':'t'}", NULL},
    {create, "{'to':{'topic':'room:7'},'title':'t'}", NULL},
    {create, "{'to':{},'title':'t'}", "to"},
    {create, "{'to':{'all':false},'title':'t'}", "to.all"},
    {create, "{'to':{'include_new':true},'title':'t'}", "to"},
    {create, "{'to':{'all':true,'include_new':1},'title':'t'}", "to.include_new"},
    {create, "{'to':{'all':true,'topic':'room:7'},'title':'t'}", "to.all"},
    {create, "{'to':{'topic':'room:7','include_new':true},'title':'t'}", "to.include_new"},
    {create, "{'to':{'topic':'user:ann:notifications'},'title':'t'}", "to.topic"},
    {create, "{'to':{'topic':'store broadcasts'},'title':'t'}", "to.topic"},
    {create, "{'to':{'users':['ann']},'title':'t'}", "users"},
    {create, "{'to':{'all':true},'title':'t','type':'toast'}", "to"},
    {create, "{'to':'ann','title':'t','type':'toast','deliver_at':'2026-11-23T14:45:23Z'}",
     "deliver_at"},
    {create,
     "{'to':'ann','title':'t','deliver_at':'2026-12-01T00:00:00Z','expires_at':'2026-12-01T00:00:"
     "00Z'"
     "}",
     "expires_at"},
    {create, "{'to':'ann','title':'t','colour':1}", "colour"},
    {create, "{'to':'ann','title':'t','collapse_key':'a','dedupe_key':'b'}", NULL},
    {create, "{'to':'ann','title':'t','collapse_key':''}", "collapse_key"},
    {create, "{'to':'ann','title':'t','dedupe_key':7}", "dedupe_key"},
    {create, "{'to':{'all':true},'title':'t','collapse_key':'a'}", "collapse_key"},
    {create, "{'to':'ann','title':'t','type':'toast','dedupe_key':'a'}", "dedupe_key"},
    {create, "{'to':'ann','title':'t','category':'work'}", NULL},
    {create, "{'to':'ann','title':'t','category':''}", "category"},
    {create, "{'to':'ann','title':'t','category':null}", "category"},
    {create,
     "{'to':'ann','title':'t','category':'"
     "0123456789012345678901234567890123456789012345678901234567890123'}",
     NULL},
    {create,
     "{'to':'ann','title':'t','category':'"
     "01234567890123456789012345678901234567890123456789012345678901234'}",
     "category"},
    {create, "{'to':'ann','title':'t','user':'ann'}", "user"},
    {create, "{'to':'ann','title':'t','':1}", ""},
    {create, "{'to':'ann','title':'t','op_id':'x'}", "op_id"},
    {create, "{'to':'ann','title':'t','a\\nb\xc3\xa9':1}", "a?nb??"},

    {mark_read, "{'ids':['" ID "']}", NULL},
    {mark_read, "{'ids':['" ID "'],'op_id':'x','user':'ann'}", NULL},
    {mark_read, "{}", "ids"},
    {mark_read, "", ""},
    {mark_read, "[]", ""},
    {mark_read, "{'ids':null}", "ids"},
    {mark_read, "{'ids':'" ID "'}", "ids"},
    {mark_read, "{'ids':{}}", "ids"},
    {mark_read, "{'ids':[]}", "ids"},
    {mark_read, "{'ids':[1]}", "ids[0]"},
    {mark_read, "{'ids':['" ID "',null]}", "ids[1]"},
    {mark_read, "{'ids':['01M84HBW0X000000000000000']}", "ids[0]"},
    {mark_read, "{'ids':['01M84HBW0X00000000000000011']}", "ids[0]"},
    {mark_read, "{'ids':['81M84HBW0X0000000000000001']}", "ids[0]"},
    {mark_read, "{'ids':['01M84HBW0XU000000000000001']}", "ids[0]"},
    {mark_read, "{'ids':['01M84HBW0X1000000000000001']}", NULL}, /* none of ours: unknown */
    {mark_read, "{'ids':['" ID "'],'op_id':''}", "op_id"},
    {mark_read, "{'ids':['" ID "'],'op_id':7}", "op_id"},
    {mark_read, "{'ids':['" ID "'],'op_id':null}", "op_id"},
    {mark_read, "{'ids':['" ID "'],'up_to':7}", "up_to"},
    {mark_read, "{'ids':['" ID "'],'until':'2026-12-01T00:00:00Z'}", "until"},
    {mark_read, "{'ids':['" ID "'],'observed_seq':7}", NULL},
    {mark_read, "{'ids':['" ID "'],'observed_seq':-7}", "observed_seq"},
    {mark_read, "{'id':'" ID "'}", NULL},
    {mark_read, "{'id':'x'}", "id"},
    {mark_read, "{'id':'" ID "','ids':['" ID "']}", "id"},
    {mark_read, "{'ids':['" ID "'],'colour':1}", "colour"},

    {mark_all, "{}", NULL},
    {mark_all, "{'up_to':0}", NULL},
    {mark_all, "{'up_to':9007199254740992,'op_id':'x','user':'ann'}", NULL},
    {mark_all, "null", ""},
    {mark_all, "{'up_to':9007199254740993}", "up_to"},
    {mark_all, "{'up_to':-1}", "up_to"},
    {mark_all, "{'up_to':1.0}", "up_to"},
    {mark_all, "{'up_to':1e3}", "up_to"},
    {mark_all, "{'up_to':'7'}", "up_to"},
    {mark_all, "{'up_to':null}", "up_to"},
    {mark_all, "{'op_id':{}}", "op_id"},
    {mark_all, "{'ids':[]}", "ids"},
    {mark_all, "{'category':'work','observed_seq':7}", NULL},
    {mark_all, "{'category':''}", "category"},
    {mark_all, "{'category':null}", "category"},
    {mark_all, "{'only_read':true}", "only_read"},

    {mark_seen, "{}", NULL},
    {mark_seen, "{'up_to':7}", NULL},
    {mark_seen, "{'ids':['" ID "']}", NULL},
    {mark_seen, "{'ids':['" ID "'],'up_to':7}", "up_to"},
    {mark_seen, "{'category':'work'}", "category"},
    {archive_all, "{'up_to':7,'only_read':true}", NULL},
    {archive_all, "{'only_read':1}", "only_read"},
    {archive_all, "{'category':'work'}", "category"},

    {snooze, "{'ids':['" ID "'],'until':'2026-12-01T00:00:00Z'}", NULL},
    {snooze, "{'id':'" ID "','until':'2020-12-01T00:00:00Z'}",
     NULL}, /* a repeat? the store looks */
    {snooze, "{'ids':['" ID "']}", "until"},
    {snooze, "{'ids':['" ID "'],'until':7}", "until"},
    {snooze, "{'ids':['" ID "'],'until':'tomorrow'}", "until"},
    {snooze, "{'ids':['" ID "'],'until':'2027-11-25T00:00:00Z'}", "until"},

    {list, "{}", NULL},
    {list, "{'before':9,'limit':1}", NULL},
    {list, "{'limit':100}", NULL},
    {list, "{'limit':0}", "limit"},
    {list, "{'limit':101}", "limit"},
    {list, "{'limit':-1}", "limit"},
    {list, "{'limit':'9'}", "limit"},
    {list, "{'before':'9'}", "before"},
    {list, "{'before':null}", "before"},
    {list, "{'after':9}", "after"},
    {list, "{'status':'unread','archived':true,'type':'alert','category':'work'}", NULL},
    {list, "{'status':'all','snoozed':true,'archived':false}", NULL},
    {list, "{'status':'seen'}", "status"},
    {list, "{'status':1}", "status"},
    {list, "{'status':true}", "status"},
    {list, "{'archived':'yes'}", "archived"},
    {list, "{'archived':null}", "archived"},
    {list, "{'archived':true,'snoozed':true}", "snoozed"},
    {list, "{'snoozed':true,'archived':true}", "snoozed"},
    {list, "{'type':'toast'}", "type"},
    {list, "{'type':'nonsense'}", "type"},
    {list, "{'category':''}", "category"},
    {list, "[]", ""},
};

static void every_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++)
        expect(table[i].request, table[i].run(json("%s", table[i].request)), table[i].field);
}

static void an_unknown_field_is_told_with_what_is_allowed(void **state)
{
    (void)state;
    assert_false(create(json("{'to':'ann','titel':'t'}")));
    assert_string_equal(why.field, "titel");
    assert_string_equal(why.detail, "is not known; allowed: to, type, title, body, data, "
                                    "category, expires_at, expires_in, deliver_at, collapse_key, "
                                    "dedupe_key");
    assert_false(create(json("{'%s':1}", repeated("k", 5000))));
    assert_int_equal(strlen(why.field), 40);
}

static void what_is_marked_goes_to_the_store(void **state)
{
    (void)state;
    struct marking k;
    expect("seen", mark_seen(json("{'id':'" ID "','observed_seq':5}")), NULL);
    assert_int_equal(m.id, MSG_mark);
    assert_int_equal(m.mark.what, MARK_seen);
    assert_int_equal(m.mark.observed_seq, 5);
    expect("seen", mark_seen(json("{}")), NULL);
    assert_int_equal(m.id, MSG_mark_all);
    assert_int_equal(m.mark_all.up_to, 77);
    assert_true(m.mark_all.observed_seq == UINT64_MAX);
    expect("archive", archive_all(json("{'up_to':7,'only_read':true}")), NULL);
    assert_int_equal(m.mark_all.what, MARK_archive);
    assert_int_equal(m.mark_all.only_read, 1);
    assert_false(marking_pushed(BYTES(""), &k)); /* what cannot be done to all has no name */
    assert_false(marking_pushed(BYTES("mark-read"), &k));
    assert_true(marking_path(BYTES("mark-all-read"), &k));
    assert_true(k.what == MARK_read && k.all && !k.by_ids);
    assert_false(marking_path(BYTES("count"), &k));
}

/* A name with escapes is the same name. */
static void names_are_compared_as_json(void **state)
{
    (void)state;
    expect("escaped", create(json("{'t\\u006f':'ann','\\u0074itle':'t'}")), NULL);
    expect("case", create(json("{'To':'ann','title':'t'}")), "To");
}

static void sizes_at_the_bound_and_over(void **state)
{
    (void)state;
    expect("user 128", create(json("{'to':'%s','title':'t'}", repeated("u", 128))), NULL);
    expect("user 129", create(json("{'to':'%s','title':'t'}", repeated("u", 129))), "to");
    expect("title 255", create(json("{'to':'ann','title':'%s'}", repeated("t", 255))), NULL);
    expect("title 256", create(json("{'to':'ann','title':'%s'}", repeated("t", 256))), "title");
    /* It is the text that counts, not how it is escaped. */
    expect("title 255 escaped", create(json("{'to':'ann','title':'%s'}", repeated("\\u0074", 255))),
           NULL);
    expect("title 256 in UTF-8",
           create(json("{'to':'ann','title':'%s'}", repeated("\xc3\xa9", 128))), "title");
    expect("body 4096", create(json("{'to':'ann','title':'t','body':'%s'}", repeated("b", 4096))),
           NULL);
    expect("body 4097", create(json("{'to':'ann','title':'t','body':'%s'}", repeated("b", 4097))),
           "body");
    size_t around = strlen("{'x':''}");
    expect(
        "data 16384",
        create(json("{'to':'ann','title':'t','data':{'x':'%s'}}", repeated("d", 16384 - around))),
        NULL);
    expect(
        "data 16385",
        create(json("{'to':'ann','title':'t','data':{'x':'%s'}}", repeated("d", 16385 - around))),
        "data");
    expect("op_id 255", mark_read(json("{'ids':['" ID "'],'op_id':'%s'}", repeated("o", KEY_MAX))),
           NULL);
    expect("op_id 256",
           mark_read(json("{'ids':['" ID "'],'op_id':'%s'}", repeated("o", KEY_MAX + 1))), "op_id");
    expect("1000 ids", mark_read(json("{'ids':[%s'" ID "']}", repeated("'" ID "',", 999))), NULL);
    assert_int_equal(m.mark.ids.n, 1000 * 16);
    expect("1001 ids", mark_read(json("{'ids':[%s'" ID "']}", repeated("'" ID "',", 1000))), "ids");
}

/* Control characters are six bytes each in JSON: every part is in bounds, all together are not. */
static void the_content_as_a_whole_has_a_bound(void **state)
{
    (void)state;
    char *body = repeated("\\u0001", 4096), *data = repeated("d", 16384 - 8);
    expect("all of it",
           create(json("{'to':'ann','title':'t','body':'%s','data':{'x':'%s'}}", body, data)), "");
    /* {"type":"activity","title":"t","body":"","data":{"x":""}} are 57 bytes. */
    size_t left = CONTENT_MAX - 57 - 4096 * 6;
    expect("at the bound",
           create(json("{'to':'ann','title':'t','body':'%s','data':{'x':'%s'}}", body,
                       repeated("d", left))),
           NULL);
    assert_int_equal(m.create.content.n, CONTENT_MAX);
    expect("over it",
           create(json("{'to':'ann','title':'t','body':'%s','data':{'x':'%s'}}", body,
                       repeated("d", left + 1))),
           "");
}

static struct bytes to_many(unsigned n, int twice)
{
    buf_reset(&text);
    buf_text(&text, "{\"title\":\"t\",\"to\":[");
    for (unsigned i = 0; i < n; i++)
        buf_format(&text, "%s\"u%u\"", i ? "," : "", (int)i == twice ? 0 : i);
    buf_text(&text, "]}");
    return buf_all(&text);
}

static void a_thousand_users_each_once(void **state)
{
    (void)state;
    expect("1000", create(to_many(1000, -1)), NULL);
    assert_int_equal(m.create.users.count, 1000);
    struct mp_in in = list_in(m.create.users);
    char name[16];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "u%u", i);
        assert_bytes("in order", mp_str(&in), bytes_of(name));
    }
    assert_true(in.ok && mp_end(&in));
    expect("1001", create(to_many(1001, -1)), "to");
    expect("the last one twice", create(to_many(1000, 999)), "to[999]");
    buf_reset(&text);
    buf_text(&text, "{\"title\":\"t\",\"to\":[");
    for (unsigned i = 0; i < 1000; i++)
        buf_format(&text, "%s\"%0128u\"", i ? "," : "", i);
    buf_text(&text, "]}");
    expect("the longest", create(buf_all(&text)), NULL);
    assert_false(users.overflowed);
}

/* The content is written anew, compact and in one order; title and body as text, data as it came. */
static void the_content_is_exact(void **state)
{
    (void)state;
    static const struct {
        const char *request, *content;
    } rows[] = {
        {"{'to':'a','title':'t'}", "{'type':'activity','title':'t','body':null,'data':{}}"},
        {" { 'data' : { 'b' : [ 1 , 2.50 ] , 'a' : null } , 'body' : 'x' , 'title' : 'T' , 'to' : "
         "'a' , 'type' : 'alert' } ",
         "{'type':'alert','title':'T','body':'x','data':{'b':[1,2.50],'a':null}}"},
        {"{'to':'a','title':'\\u0041\\/\\u00e9','body':'\\n'}",
         "{'type':'activity','title':'A/\xc3\xa9','body':'\\n','data':{}}"},
        {"{'to':'a','title':'\\u0000\\ud83d\\ude00','data':{'k\\u0041':'\\/ '}}",
         "{'type':'activity','title':'\\u0000\xf0\x9f\x98\x80','body':null,'data':{'k\\u0041':'\\/ "
         "'}}"},
        {"{'to':'a','title':'t','data':{'n':12345678901234567890.10,'n':1E-7}}",
         "{'type':'activity','title':'t','body':null,'data':{'n':12345678901234567890.10,'n':1E-7}"
         "}"},
        {"{'category':'w\\u006frk','to':'a','title':'t'}",
         "{'type':'activity','title':'t','body':null,'data':{},'category':'work'}"},
        {"{'to':'a','title':'t','data':{'a':1,'a':2}}", /* carried as it came */
         "{'type':'activity','title':'t','body':null,'data':{'a':1,'a':2}}"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        expect(rows[i].request, create(json("%s", rows[i].request)), NULL);
        struct bytes got = m.create.content; /* in `content`, which json() leaves alone */
        assert_bytes(rows[i].request, got, json("%s", rows[i].content));
    }
}

static void what_the_store_is_asked(void **state)
{
    (void)state;
    expect("create", create(json("{'to':'ann','title':'t','type':'alert','expires_in':60}")), NULL);
    assert_int_equal(m.id, MSG_create);
    assert_int_equal(m.create.type, TYPE_alert);
    assert_int_equal(m.create.expires_ms, NOW + 60000);
    assert_bytes("key", m.create.key, BYTES("key"));
    assert_int_equal(m.create.users.count, 1);
    assert_int_equal(m.create.body_hash.n, 16);
    expect("time",
           create(json("{'to':'ann','title':'t','expires_at':'2027-01-01T01:00:00+01:00'}")), NULL);
    assert_int_equal(m.create.expires_ms, UINT64_C(1798761600000));
    expect(
        "ten years",
        create(json("{'to':'ann','title':'t','expires_in':%llu}", (unsigned long long)TEN_YEARS_S)),
        NULL);
    assert_int_equal(m.create.expires_ms, NOW + TEN_YEARS_S * 1000);
    expect("none", create(json("{'to':'ann','title':'t'}")), NULL);
    assert_int_equal(m.create.expires_ms, 0);

    expect("mark_read", mark_read(json("{'ids':['" ID "','" ID "'],'op_id':'o\\u0031'}")), NULL);
    assert_int_equal(m.id, MSG_mark);
    assert_bytes("user", m.mark.user, BYTES("ann"));
    assert_bytes("op_id", m.mark.op_id, BYTES("o1"));
    assert_int_equal(m.mark.ids.n, 32);
    char room[40];
    struct buf hex = {.p = room, .cap = sizeof room, .max = sizeof room};
    hex_write(&hex, (struct bytes){m.mark.ids.p, 16});
    assert_bytes("id", buf_all(&hex), BYTES("01a20915f01d00000000000000000001"));

    expect("all shown", mark_all(json("{}")), NULL);
    assert_int_equal(m.id, MSG_mark_all);
    assert_int_equal(m.mark_all.up_to, 77); /* what this client was shown */
    expect("up to", mark_all(json("{'up_to':5}")), NULL);
    assert_int_equal(m.mark_all.up_to, 5);

    expect("list", list(json("{}")), NULL);
    assert_int_equal(m.id, MSG_snapshot);
    assert_int_equal(m.snapshot.limit, INBOX_PAGE);
    assert_int_equal(m.snapshot.before, 0);
    expect("page", list(json("{'before':9,'limit':3}")), NULL);
    assert_int_equal(m.snapshot.limit, 3);
    assert_int_equal(m.snapshot.before, 9);
}

/* Everything that passes can be encoded: msg_write() breaks on a field over its limit. */
static void the_largest_can_be_sent(void **state)
{
    (void)state;
    struct buf wire;
    buf_init(&wire, FRAME_MAX);
    a_thousand_users_each_once(state); /* leaves the longest names in m */
    msg_write(&wire, &m);
    expect("ids",
           mark_read(json("{'ids':[%s'" ID "'],'op_id':'%s'}", repeated("'" ID "',", 999),
                          repeated("o", KEY_MAX))),
           NULL);
    msg_write(&wire, &m);
    assert_false(wire.overflowed);
    struct mp_in in = mp_over(buf_all(&wire));
    struct msg read;
    assert_true(msg_read(&in, &read) && read.id == MSG_create && read.create.users.count == 1000);
    assert_true(msg_read(&in, &read) && read.id == MSG_mark && read.mark.ids.n == 16000);
    buf_fini(&wire);
}

/* The hash of what `run` read: the same for the same request, however it is spaced. */
static struct bytes hash_of(action run, const char *request)
{
    static uint8_t kept[2][16];
    static unsigned turn;
    uint8_t *to = kept[turn++ % 2];
    expect(request, run(json("%s", request)), NULL);
    struct bytes hash = run == create      ? m.create.body_hash
                        : run == mark_read ? m.mark.body_hash
                                           : m.mark_all.body_hash;
    assert_int_equal(hash.n, 16);
    memcpy(to, hash.p, 16);
    return (struct bytes){(char *)to, 16};
}

static void the_hash_is_of_the_content(void **state)
{
    (void)state;
    static const struct {
        action run;
        const char *a, *b;
        bool same;
    } rows[] = {
        {create, "{'to':'a','title':'t'}", "{'to':'a','title':'t'}", true},
        {create, "{'to':'a','title':'t'}", " {\n\t'to' : 'a' ,\r\n 'title' : 't' } ", true},
        {create, "{'to':['a','b'],'title':'t'}", "{'to':[ 'a', 'b' ],'title':'t'}", true},
        {create, "{'to':'a','title':'t'}", "{'to':'a','title':'T'}", false},
        {create, "{'to':'a','title':'t'}", "{'to':'b','title':'t'}", false},
        {create, "{'to':'a','title':'t'}", "{'to':['a'],'title':'t'}", false},
        {create, "{'to':'a','title':'a b'}", "{'to':'a','title':'ab'}", false},
        {create, "{'to':'a','title':'t'}", "{'to':'a','title':'t','data':{}}", false},
        {create, "{'to':'a','title':'t','data':{'n':1}}", "{'to':'a','title':'t','data':{'n':1.0}}",
         false},
        {create, "{'to':'a','title':'t','expires_in':5}", "{'to':'a','title':'t','expires_in':6}",
         false},
        {mark_read, "{'ids':['" ID "']}", "{ 'ids' : [ '" ID "' ] }", true},
        {mark_read, "{'ids':['" ID "']}", "{'ids':['" ID "'],'op_id':'x'}", false},
        {mark_all, "{'up_to':5}", "{ 'up_to': 5 }", true},
        {mark_all, "{'up_to':5}", "{'up_to':6}", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes a = hash_of(rows[i].run, rows[i].a), b = hash_of(rows[i].run, rows[i].b);
        if (bytes_equal(a, b) != rows[i].same)
            fail_msg("%s and %s: %s", rows[i].a, rows[i].b,
                     rows[i].same ? "differ" : "are the same");
    }
}

static void since_and_epoch(void **state)
{
    (void)state;
    static const struct {
        const char *request, *field;
        uint64_t since, epoch, have;
    } rows[] = {
        {"{'since':5,'epoch':7,'have':80}", NULL, 5, 7, 80},
        {"{'have':80}", NULL, VIEW_NOTHING, 0, 80},
        {"{'have':-1}", "have", 0, 0, 0},
        {"{'have':'many'}", "have", 0, 0, 0},
        {"{}", NULL, VIEW_NOTHING, 0, 0},
        {"null", NULL, VIEW_NOTHING, 0, 0},
        {"[]", NULL, VIEW_NOTHING, 0, 0},
        {"'x'", NULL, VIEW_NOTHING, 0, 0},
        {"{'since':5,'epoch':7}", NULL, 5, 7, 0},
        {"{'since':9007199254740992,'epoch':9007199254740992}", NULL, UINT64_C(1) << 53,
         UINT64_C(1) << 53, 0},
        {"{'since':null,'epoch':null}", NULL, VIEW_NOTHING, 0, 0},
        {"{'since':5}", NULL, 5, 0, 0},
        {"{'since':0,'epoch':7}", NULL, 0, 7, 0},
        {"{'since':0}", NULL, VIEW_NOTHING, 0, 0},
        {"{'epoch':7}", NULL, VIEW_NOTHING, 7, 0},
        {"{'mine':[1],'since':5,'epoch':7}", NULL, 5, 7, 0},
        {"{'since':'5'}", "since", 0, 0, 0},
        {"{'since':-5}", "since", 0, 0, 0},
        {"{'since':9007199254740993}", "since", 0, 0, 0},
        {"{'epoch':{}}", "epoch", 0, 0, 0},
        {"{'epoch':true}", "epoch", 0, 0, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct resume r = {1, 1, 1};
        why = (struct problem){"", ""};
        expect(rows[i].request, action_resume(json("%s", rows[i].request), &r, &why),
               rows[i].field);
        CHECK(rows[i].request, rows[i].field || r.since == rows[i].since);
        CHECK(rows[i].request, rows[i].field || r.epoch == rows[i].epoch);
        CHECK(rows[i].request, rows[i].field || r.have == rows[i].have);
    }
}

static void the_user_that_a_service_names(void **state)
{
    (void)state;
    static const struct {
        const char *request, *field, *user;
    } rows[] = {
        {"{}", NULL, ""},
        {"{'ids':[1],'user':'ann'}", NULL, "ann"},
        {"{'user':'\\u0061nn'}", NULL, "ann"},
        {"{'user':''}", "user", ""},
        {"{'user':7}", "user", ""},
        {"{'user':null}", "user", ""},
        {"{'user':'a b'}", "user", ""},
        {"[]", "", ""},
        {"", "", ""},
        {"{'user':'ann'", "", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes user;
        why = (struct problem){"", ""};
        arena_reset(&scratch);
        expect(rows[i].request, action_user(json("%s", rows[i].request), &user, &scratch, &why),
               rows[i].field);
        if (!rows[i].field)
            assert_bytes(rows[i].request, user, bytes_of(rows[i].user));
    }
}

static bool resume(struct bytes request)
{
    struct resume r;
    why = (struct problem){"", ""};
    return action_resume(request, &r, &why);
}

static bool user(struct bytes request)
{
    struct bytes name;
    arena_reset(&scratch);
    why = (struct problem){"", ""};
    return action_user(request, &name, &scratch, &why);
}

static bool revise(struct bytes request)
{
    arena_reset(&scratch);
    why = (struct problem){"", ""};
    return action_revise(&m, request, NOW, &content, &scratch, &why);
}

static bool update(struct bytes request)
{
    static const struct msg_item old = {.content = BYTES("{\"title\":\"t\"}")};
    arena_reset(&scratch);
    why = (struct problem){"", ""};
    return action_update(&m, request, &old, NOW, &content, &scratch, &why);
}

/* Whichever of the two would count, somebody would have meant the other. */
static void a_member_that_is_there_twice(void **state)
{
    (void)state;
    static const struct {
        action run;
        const char *names[12];
    } rows[] = {
        {create,
         {"to", "type", "title", "body", "data", "category", "expires_at", "expires_in",
          "deliver_at", "collapse_key", "dedupe_key"}},
        {update, {"title", "body", "data", "category", "expires_at", "expires_in"}},
        {revise, {"title", "body", "data", "category", "expires_at", "expires_in"}},
        {mark_read, {"id", "ids", "until", "up_to", "category", "only_read", "op_id"}},
        {snooze, {"observed_seq", "user"}},
        {list, {"before", "limit", "status", "archived", "snoozed", "type", "category"}},
        {resume, {"since", "epoch", "have"}},
        {user, {"user"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t k = 0; rows[i].names[k]; k++) {
            const char *name = rows[i].names[k];
            expect(name, rows[i].run(json("{'%s':1,'%s':null}", name, name)), name);
            assert_string_equal(why.detail, "is there twice");
        }
    expect("escaped", create(json("{'to':'a','title':'t','t\\u0069tle':'t'}")), "title");
    expect("of an audience", create(json("{'to':{'all':true,'all':true},'title':'t'}")), "all");
}

/* What does not fit in the turn's memory is refused, and nothing is written beyond it. */
static void a_full_arena_is_an_answer(void **state)
{
    (void)state;
    struct arena small;
    struct marking k;
    struct marker by = {BYTES("ann"), 77, NOW, false};
    assert_true(marking_pushed(BYTES("mark_read"), &k));
    for (size_t cap = 0; cap < 20000; cap += 997) {
        arena_init(&small, cap);
        bool good = marking_read(&m, &k, &by, json("{'ids':['" ID "'],'op_id':'a\\nb'}"), &small,
                                 &why);
        assert_int_equal(good, cap > 16000 + 64);
        arena_fini(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field),
        cmocka_unit_test(an_unknown_field_is_told_with_what_is_allowed),
        cmocka_unit_test(what_is_marked_goes_to_the_store),
        cmocka_unit_test(names_are_compared_as_json),
        cmocka_unit_test(sizes_at_the_bound_and_over),
        cmocka_unit_test(the_content_as_a_whole_has_a_bound),
        cmocka_unit_test(a_thousand_users_each_once),
        cmocka_unit_test(the_content_is_exact),
        cmocka_unit_test(what_the_store_is_asked),
        cmocka_unit_test(the_largest_can_be_sent),
        cmocka_unit_test(the_hash_is_of_the_content),
        cmocka_unit_test(since_and_epoch),
        cmocka_unit_test(the_user_that_a_service_names),
        cmocka_unit_test(a_member_that_is_there_twice),
        cmocka_unit_test(a_full_arena_is_an_answer),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
