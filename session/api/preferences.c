/* SPDX-License-Identifier: Apache-2.0 */
#include "session/api/preferences.h"

#include "lib/json.h"
#include "lib/zone.h"
#include "proto/items.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "session/api/api.h"
#include "session/asks.h"

#include <stdio.h>

/* ---- reading ---- */

static bool read_types(struct bytes value, const char *field, uint64_t *bits, struct arena *scratch,
                       struct problem *why)
{
    struct json in = json_over(value);
    struct bytes element, name;
    *bits = 0;
    if (json_kind(value) != '[')
        return problem_set(why, field, "must be a list of types");
    json_enter(&in, '[');
    while (json_element(&in, &element)) {
        enum notification_type type = json_string(element, scratch, &name) ? type_named(name)
                                                                           : TYPE_COUNT;
        if (type == TYPE_COUNT)
            return problem_set(why, field,
                               "must name types: transient, toast, activity, alert, system");
        *bits |= UINT64_C(1) << type;
    }
    return true;
}

static bool read_texts(struct bytes value, const char *field, size_t max, struct buf *lists,
                       struct mp_list *list, struct arena *scratch, struct problem *why)
{
    struct json in = json_over(value);
    struct bytes element, text;
    char says[80];
    list->count = 0;
    buf_reset(lists);
    snprintf(says, sizeof says, "must be a list of up to %d texts of 1 to %zu bytes", MUTES_MAX,
             max);
    if (json_kind(value) != '[')
        return problem_set(why, field, says);
    json_enter(&in, '[');
    while (json_element(&in, &element)) {
        if (list->count == MUTES_MAX || !json_string(element, scratch, &text) || text.n == 0 ||
            text.n > max)
            return problem_set(why, field, says);
        mp_put_str(lists, text);
        list->count++;
    }
    *list = list_of(lists, list->count);
    return true;
}

static bool read_mute(struct bytes value, struct msg_prefs_put *p, struct buf lists[2],
                      struct arena *scratch, struct problem *why)
{
    struct bytes types = {0}, categories = {0}, topics = {0};
    const struct json_place places[] = {
        {"types", &types}, {"categories", &categories}, {"topics", &topics}};
    if (json_kind(value) != '{')
        return problem_set(why, "mute", "must be an object: types, categories, topics");
    return fields_read(value, FIELDS(places), "types, categories, topics", why) &&
           (types.n == 0 || read_types(types, "mute.types", &p->types, scratch, why)) &&
           (categories.n == 0 || read_texts(categories, "mute.categories", CATEGORY_MAX, &lists[0],
                                            &p->categories, scratch, why)) &&
           (topics.n == 0 ||
            read_texts(topics, "mute.topics", TOPIC_MAX, &lists[1], &p->topics, scratch, why));
}

/* "22:00" */
static bool read_minute(struct bytes value, const char *field, uint64_t *minute,
                        struct arena *scratch, struct problem *why)
{
    struct bytes t;
    bool good = json_string(value, scratch, &t) && t.n == 5 && t.p[2] == ':';
    for (int i = 0; good && i < 5; i++)
        good = i == 2 || (t.p[i] >= '0' && t.p[i] <= '9');
    if (good) {
        unsigned hour = (unsigned)((t.p[0] - '0') * 10 + t.p[1] - '0');
        unsigned min = (unsigned)((t.p[3] - '0') * 10 + t.p[4] - '0');
        *minute = hour * 60 + min;
        good = hour < 24 && min < 60;
    }
    return good || problem_set(why, field, "must be a time of the day like 22:00");
}

static bool zone_known(struct bytes value, struct bytes *name, struct arena *scratch)
{
    if (!json_string(value, scratch, name))
        return false;
    struct zone *zone = zone_load(*name);
    bool known = zone != NULL;
    zone_free(&zone);
    return known;
}

static bool read_quiet(struct bytes value, struct msg_prefs_put *p, struct arena *scratch,
                       struct problem *why)
{
    struct bytes from = {0}, to = {0}, zone = {0}, allow = {0};
    const struct json_place places[] = {
        {"from", &from}, {"to", &to}, {"time_zone", &zone}, {"allow", &allow}};
    if (json_kind(value) == 'n')
        return true;
    if (json_kind(value) != '{')
        return problem_set(why, "quiet_hours", "must be an object: from, to, time_zone, allow");
    p->quiet = 1;
    p->zone = BYTES("UTC");
    p->allow = UINT64_C(1) << TYPE_alert;
    if (!fields_read(value, FIELDS(places), "from, to, time_zone, allow", why) ||
        (from.n > 0 && !read_minute(from, "quiet_hours.from", &p->from_min, scratch, why)) ||
        (to.n > 0 && !read_minute(to, "quiet_hours.to", &p->to_min, scratch, why)) ||
        (allow.n > 0 && !read_types(allow, "quiet_hours.allow", &p->allow, scratch, why)))
        return false;
    if (zone.n > 0 && !zone_known(zone, &p->zone, scratch))
        return problem_set(why, "quiet_hours.time_zone",
                           "must be the name of a time zone, like Europe/Berlin");
    return (from.n > 0 && to.n > 0 && p->from_min != p->to_min) ||
           problem_set(why, "quiet_hours", "must have from and to, and they must differ");
}

bool preferences_read(struct msg *m, struct bytes user, struct bytes json, struct buf lists[2],
                      struct arena *scratch, struct problem *why)
{
    *m = (struct msg){.id = MSG_prefs_put, .prefs_put = {.user = user}};
    struct bytes mute = {0}, quiet = {0};
    const struct json_place places[] = {{"mute", &mute}, {"quiet_hours", &quiet}, {"user", NULL}};
    if (!field_object(json, why) || !fields_read(json, FIELDS(places), PREFERENCES_MEMBERS, why) ||
        (mute.n > 0 && !read_mute(mute, &m->prefs_put, lists, scratch, why)) ||
        (quiet.n > 0 && !read_quiet(quiet, &m->prefs_put, scratch, why)))
        return false;
    return !scratch->overflowed || problem_set(why, "", "is too large");
}

/* ---- writing ---- */

static void write_types(struct buf *out, uint64_t bits)
{
    const char *mark = "[";
    for (unsigned type = 0; type < TYPE_COUNT; type++)
        if (bits >> type & 1) {
            buf_format(out, "%s\"%s\"", mark, type_row(type)->name);
            mark = ",";
        }
    buf_text(out, *mark == '[' ? "[]" : "]");
}

static void write_texts(struct buf *out, struct mp_list list)
{
    struct mp_in in = list_in(list);
    buf_byte(out, '[');
    for (uint32_t i = 0; i < list.count; i++) {
        if (i > 0)
            buf_byte(out, ',');
        json_write_string(out, mp_str(&in));
    }
    buf_byte(out, ']');
}

static void write_minute(struct buf *out, const char *key_and_colon, uint64_t minute)
{
    buf_format(out, "%s\"%02u:%02u\"", key_and_colon, (unsigned)(minute / 60),
               (unsigned)(minute % 60));
}

void preferences_write(struct buf *out, const struct msg_prefs *p)
{
    buf_text(out, "{\"mute\":{\"types\":");
    write_types(out, p->types);
    buf_text(out, ",\"categories\":");
    write_texts(out, p->categories);
    buf_text(out, ",\"topics\":");
    write_texts(out, p->topics);
    buf_text(out, "},\"quiet_hours\":");
    if (!p->quiet) {
        buf_text(out, "null}");
        return;
    }
    write_minute(out, "{\"from\":", p->from_min);
    write_minute(out, ",\"to\":", p->to_min);
    buf_text(out, ",\"time_zone\":");
    json_write_string(out, p->zone);
    buf_text(out, ",\"allow\":");
    write_types(out, p->allow);
    buf_text(out, "}}");
}

/* ---- HTTP ---- */

static void answered(struct ask_waiter w, const struct msg *answer, enum err e)
{
    if (e != ERR_OK || answer->id != MSG_prefs) {
        api_error(w.s, w.about, e == ERR_OK ? ERR_PROTOCOL : e);
        return;
    }
    struct buf out;
    buf_init(&out, TEXT_MAX);
    preferences_write(&out, &answer->prefs);
    http_answer(w.s, w.about, 200, "application/json", buf_all(&out), NULL);
    buf_fini(&out);
}

static void ask_for(struct session *s, struct request *r, struct msg *m)
{
    ask(s->store, m, s->now_ms, s->settings->request_ms, true,
        (struct ask_waiter){answered, s, r, 0});
}

void preferences_get(struct session *s, struct request *r)
{
    struct who who;
    struct msg m = {.id = MSG_prefs_get};
    if (api_authorised(s, r, &who) &&
        api_about(s, r, &who, request_query(r, "user"), &m.prefs_get.user))
        ask_for(s, r, &m);
}

void preferences_put(struct session *s, struct request *r)
{
    struct who who;
    struct bytes user = {0};
    struct problem why = {0};
    struct buf lists[2];
    struct msg m;
    if (!api_body_about(s, r, &user, &who))
        return;
    buf_init(&lists[0], MUTES_MAX * (CATEGORY_MAX + 5));
    buf_init(&lists[1], MUTES_MAX * (TOPIC_MAX + 5));
    if (preferences_read(&m, user, request_body(r), lists, &s->scratch, &why))
        ask_for(s, r, &m);
    else
        http_problem(s, r, 400, why.field, why.detail);
    buf_fini(&lists[0]);
    buf_fini(&lists[1]);
}
