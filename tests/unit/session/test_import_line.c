/* SPDX-License-Identifier: Apache-2.0 */
/* A line of an import: what is taken as what, and what is refused by which name. */
#include "proto/items.h"
#include "session/actions/import_line.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW_MS UINT64_C(1795445100000) /* 2026-11-23 */

static struct arena scratch;
static struct buf text;
static struct import_room room;
static struct settings settings;
static struct msg m;
static struct problem why;

/* ' stands for ". */
static bool reads(const char *json)
{
    buf_reset(&text);
    for (const char *p = json; *p; p++)
        buf_byte(&text, *p == '\'' ? '"' : (uint8_t)*p);
    arena_reset(&scratch);
    why = (struct problem){0};
    return import_line(&m, buf_all(&text), &settings, NOW_MS, &room, &scratch, &why);
}

#define N "'user':'ann','id':'7','title':'t'"

static void what_is_refused_and_where(void **state)
{
    static const struct {
        const char *json, *field;
    } rows[] = {
        {"", ""},
        {"7", ""},
        {"{" N "", ""},
        {"{'id':'7','title':'t'}", "user"},
        {"{'user':'a b','id':'7','title':'t'}", "user"},
        {"{'user':'ann','title':'t'}", "id"},
        {"{'user':'ann','id':7,'title':'t'}", "id"},
        {"{'user':'ann','id':'','title':'t'}", "id"},
        {"{'user':'ann','id':'7'}", "title"},
        {"{" N ",'colour':1}", "colour"},
        {"{" N ",'to':'ann'}", "to"},
        {"{" N ",'type':'toast'}", "type"},
        {"{" N ",'type':'no'}", "type"},
        {"{" N ",'body':7}", "body"},
        {"{" N ",'data':[]}", "data"},
        {"{" N ",'category':''}", "category"},
        {"{" N ",'inserted_at':'yesterday'}", "inserted_at"},
        {"{" N ",'inserted_at':'1970-01-01T00:00:00Z'}", "inserted_at"},
        {"{" N ",'inserted_at':'2026-12-24T00:00:00Z'}", "inserted_at"},
        {"{" N ",'read_at':true}", "read_at"},
        {"{" N ",'read_at':'2027-01-01T00:00:00Z'}", "read_at"},
        {"{" N ",'expires_at':'2037-01-01T00:00:00Z'}", "expires_at"},
        {"{" N ",'snoozed_until':'2027-12-24T00:00:00Z'}", "snoozed_until"},
        {"{" N ",'archived':1}", "archived"},
        {"{" N ",'archived':true,'snoozed_until':'2026-12-24T00:00:00Z'}", "archived"},
        {"{" N ",'seen':'yes'}", "seen"},
        {"{'kind':'row'," N "}", "id"},
        {"{'kind':'row','user':'ann'}", "kind"},
        {"{'kind':7,'user':'ann'}", "kind"},
        {"{'kind':'notification','user':'ann'}", "notification"},
        {"{'kind':'notification','user':'ann','notification':[]}", "notification"},
        {"{'kind':'notification','user':'ann','notification':{'user':'bob'}}", "user"},
        {"{'kind':'notification','notification':{'id':'7','title':'t'}}", "user"},
        {"{'kind':'membership','user':'ann','topic':'other:1'}", "topic"},
        {"{'kind':'membership','user':'ann'}", "topic"},
        {"{'kind':'membership','topic':'room:1'}", "user"},
        {"{'kind':'preferences','user':'ann','preferences':{'sound':1}}", "sound"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_false(reads(rows[i].json));
        if (strcmp(why.field, rows[i].field) != 0)
            fail_msg("%s: %s, not %s: %s", rows[i].json, why.field, rows[i].field, why.detail);
        assert_true(why.detail[0] != '\0');
    }
}

static void a_row_of_a_table(void **state)
{
    (void)state;
    assert_true(reads("{" N "}"));
    assert_int_equal(m.id, MSG_import_item);
    assert_int_equal(m.import_item.at_ms, 0);
    assert_true(reads("{" N ",'type':'alert','body':null,'data':null,'category':null,"
                      "'inserted_at':'2024-01-01T00:00:00Z','read_at':'2024-01-02T00:00:00Z',"
                      "'seen':true,'archived':true,'snoozed_until':null,'expires_at':null,"
                      "'muted':false,'quiet':true}"));
    assert_true(bytes_is(m.import_item.user, "ann"));
    assert_true(bytes_is(m.import_item.id, "7"));
    assert_int_equal(m.import_item.at_ms, UINT64_C(1704067200000));
    assert_int_equal(m.import_item.read_ms, UINT64_C(1704153600000));
    assert_int_equal(m.import_item.flags, ITEM_seen | ITEM_archived | ITEM_quiet);
    assert_true(bytes_is(m.import_item.content,
                         "{\"type\":\"alert\",\"title\":\"t\",\"body\":null,\"data\":{}}"));
    assert_true(reads("{" N ",'expires_at':'2020-01-01T00:00:00Z'}")); /* over: the store says so */
}

static void what_an_export_printed(void **state)
{
    (void)state;
    assert_true(reads("{'kind':'user','user':'ann','last_seen_at':null,"
                      "'exported_at':'2026-11-23T00:00:00Z'}"));
    assert_int_equal(m.id, 0);
    assert_true(reads("{'kind':'end','memberships':1,'notifications':2}"));
    assert_int_equal(m.id, 0);
    assert_true(reads("{'kind':'membership','user':'ann','topic':'room:1'}"));
    assert_int_equal(m.id, MSG_member);
    assert_int_equal(m.member.users.count, 1);
    assert_true(reads("{'kind':'preferences','user':'ann','preferences':"
                      "{'mute':{'types':['system'],'categories':[],'topics':[]},"
                      "'quiet_hours':null}}"));
    assert_int_equal(m.id, MSG_prefs_put);
    assert_true(bytes_is(m.prefs_put.user, "ann"));
    assert_true(reads("{'kind':'notification','user':'ann','notification':{'id':'01HWS','pos':7,"
                      "'rev':9,'inserted_at':'2024-01-01T00:00:00.000Z','read_at':null,"
                      "'expires_at':null,'seen':false,'archived':false,'snoozed_until':null,"
                      "'type':'activity','title':'t','body':null,'data':{'a':1}}}"));
    assert_int_equal(m.id, MSG_import_item);
    assert_true(bytes_is(m.import_item.id, "01HWS"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused_and_where),
        cmocka_unit_test(a_row_of_a_table),
        cmocka_unit_test(what_an_export_printed),
    };
    arena_init(&scratch, 1 << 20);
    buf_init(&text, 1 << 20);
    import_room_init(&room);
    strcpy(settings.classes[0].pattern, "room:{id}");
    settings.classes_n = 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&scratch);
    buf_fini(&text);
    import_room_fini(&room);
    return failed;
}
