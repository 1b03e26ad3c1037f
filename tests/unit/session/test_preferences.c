/* SPDX-License-Identifier: Apache-2.0 */
/* Preferences as JSON: what is taken, what is refused and by which name, and that what is written is
 * what was read. */
#include "proto/types.h"
#include "session/api/preferences.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena scratch;
static struct buf lists[2], text, again;
static struct msg m;
static struct problem why;

/* ' stands for ". */
static bool reads(const char *json)
{
    char room[8192];
    size_t n = strlen(json);
    assert_true(n < sizeof room);
    for (size_t i = 0; i < n; i++)
        room[i] = json[i] == '\'' ? '"' : json[i];
    buf_reset(&text);
    buf_add(&text, room, n);
    arena_reset(&scratch);
    why = (struct problem){0};
    return preferences_read(&m, BYTES("ann"), buf_all(&text), lists, &scratch, &why);
}

static int make(void **state)
{
    (void)state;
    arena_init(&scratch, 1 << 20);
    buf_init(&lists[0], MUTES_MAX * (CATEGORY_MAX + 5));
    buf_init(&lists[1], MUTES_MAX * (TOPIC_MAX + 5));
    buf_init(&text, 1 << 20);
    buf_init(&again, 1 << 20);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    arena_fini(&scratch);
    buf_fini(&lists[0]);
    buf_fini(&lists[1]);
    buf_fini(&text);
    buf_fini(&again);
    return 0;
}

static void what_is_refused_and_where(void **state)
{
    static const struct {
        const char *json, *field; /* NULL: taken */
    } rows[] = {
        {"{}", NULL},
        {"{'user':'ann'}", NULL},
        {"{'mute':{}}", NULL},
        {"{'mute':{'types':['system','toast'],'categories':['a'],'topics':['b']}}", NULL},
        {"{'quiet_hours':null}", NULL},
        {"{'quiet_hours':{'from':'22:00','to':'07:00'}}", NULL},
        {"{'quiet_hours':{'from':'22:00','to':'07:00','time_zone':'UTC','allow':[]}}", NULL},
        {"", ""},
        {"[]", ""},
        {"{'mutes':{}}", "mutes"},
        {"{'mute':[]}", "mute"},
        {"{'mute':{'actors':[]}}", "actors"},
        {"{'mute':{'types':'alert'}}", "mute.types"},
        {"{'mute':{'types':['alarm']}}", "mute.types"},
        {"{'mute':{'types':[1]}}", "mute.types"},
        {"{'mute':{'categories':{}}}", "mute.categories"},
        {"{'mute':{'categories':['']}}", "mute.categories"},
        {"{'mute':{'topics':[null]}}", "mute.topics"},
        {"{'quiet_hours':[]}", "quiet_hours"},
        {"{'quiet_hours':{}}", "quiet_hours"},
        {"{'quiet_hours':{'from':'22:00'}}", "quiet_hours"},
        {"{'quiet_hours':{'from':'22:00','to':'22:00'}}", "quiet_hours"},
        {"{'quiet_hours':{'from':'24:00','to':'07:00'}}", "quiet_hours.from"},
        {"{'quiet_hours':{'from':'7:00','to':'07:00'}}", "quiet_hours.from"},
        {"{'quiet_hours':{'from':'22:00','to':'07:60'}}", "quiet_hours.to"},
        {"{'quiet_hours':{'from':'22:00','to':700}}", "quiet_hours.to"},
        {"{'quiet_hours':{'from':'22:00','to':'07:00','time_zone':'Mars'}}",
         "quiet_hours.time_zone"},
        {"{'quiet_hours':{'from':'22:00','to':'07:00','time_zone':'../passwd'}}",
         "quiet_hours.time_zone"},
        {"{'quiet_hours':{'from':'22:00','to':'07:00','allow':['x']}}", "quiet_hours.allow"},
        {"{'quiet_hours':{'from':'22:00','to':'07:00','days':[1]}}", "days"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool taken = reads(rows[i].json);
        print_message("%s: %s %s\n", rows[i].json, why.field, why.detail);
        assert_int_equal(taken, rows[i].field == NULL);
        if (rows[i].field)
            assert_string_equal(why.field, rows[i].field);
    }
}

static void a_hundred_of_each(void **state)
{
    (void)state;
    for (int n = MUTES_MAX; n <= MUTES_MAX + 1; n++) {
        char json[4096] = "{'mute':{'topics':[";
        for (int i = 0; i < n; i++)
            strcat(json, i ? ",'room'" : "'room'");
        strcat(json, "]}}");
        assert_int_equal(reads(json), n == MUTES_MAX);
    }
    assert_string_equal(why.field, "mute.topics");
}

static void what_is_written_is_what_was_read(void **state)
{
    static const char whole[] =
        "{\"mute\":{\"types\":[\"toast\",\"system\"],\"categories\":[\"promo\",\"a \\\"b\\\"\"],"
        "\"topics\":[\"channel:7\"]},\"quiet_hours\":{\"from\":\"22:05\",\"to\":\"07:00\","
        "\"time_zone\":\"Europe/Berlin\",\"allow\":[\"alert\"]}}";
    static const char none[] =
        "{\"mute\":{\"types\":[],\"categories\":[],\"topics\":[]},\"quiet_hours\":null}";
    (void)state;
    const char *texts[] = {whole, none};
    for (int i = 0; i < 2; i++) {
        assert_true(reads(texts[i]));
        struct msg_prefs_put *p = &m.prefs_put;
        struct msg_prefs back = {.types = p->types,
                                 .categories = p->categories,
                                 .topics = p->topics,
                                 .quiet = p->quiet,
                                 .from_min = p->from_min,
                                 .to_min = p->to_min,
                                 .zone = p->zone,
                                 .allow = p->allow};
        buf_reset(&again);
        preferences_write(&again, &back);
        assert_int_equal(again.n, strlen(texts[i]));
        assert_memory_equal(again.p, texts[i], again.n);
    }
}

static void alerts_are_allowed_unless_said(void **state)
{
    (void)state;
    assert_true(reads("{'quiet_hours':{'from':'22:00','to':'07:00'}}"));
    assert_int_equal(m.prefs_put.allow, 1u << TYPE_alert);
    assert_true(bytes_is(m.prefs_put.zone, "UTC"));
    assert_int_equal(m.prefs_put.from_min, 22 * 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused_and_where),
        cmocka_unit_test(a_hundred_of_each),
        cmocka_unit_test(what_is_written_is_what_was_read),
        cmocka_unit_test(alerts_are_allowed_unless_said),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
