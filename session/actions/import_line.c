/* SPDX-License-Identifier: Apache-2.0 */
#include "session/actions/import_line.h"

#include "lib/json.h"
#include "proto/items.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "session/actions/draft.h"
#include "session/api/preferences.h"

#define OLDEST_MS UINT64_C(631152000000) /* 1990 */
#define AHEAD_MS 60000                   /* clocks differ */
#define YEAR_MS (UINT64_C(366) * 86400 * 1000)

void import_room_init(struct import_room *r)
{
    buf_init(&r->content, 2 * CONTENT_MAX);
    for (int i = 0; i < 2; i++)
        buf_init(&r->lists[i], MUTES_MAX * (TOPIC_MAX + 5));
}

void import_room_fini(struct import_room *r)
{
    buf_fini(&r->content);
    for (int i = 0; i < 2; i++)
        buf_fini(&r->lists[i]);
}

/* ---- members ---- */

static bool read_flag(struct bytes value, const char *name, uint64_t flag, uint64_t *flags,
                      struct problem *why)
{
    if (field_given(value) && json_kind(value) == 't')
        *flags |= flag;
    return !field_given(value) || json_kind(value) == 't' || json_kind(value) == 'f' ||
           problem_set(why, name, "must be true or false");
}

struct span {
    uint64_t least_ms, most_ms;
    const char *says;
};

static bool read_time(struct bytes value, const char *name, const struct span *span, uint64_t *ms,
                      struct arena *scratch, struct problem *why)
{
    if (!field_given(value))
        return true;
    return field_time(value, ms, name, scratch, why) &&
           ((*ms >= span->least_ms && *ms <= span->most_ms) || problem_set(why, name, span->says));
}

/* What is not there is refused as a null is. */
static struct bytes or_null(struct bytes value)
{
    return value.n > 0 ? value : BYTES("null");
}

/* ---- a notification ---- */

struct row {
    struct draft draft;
    struct bytes user, id, inserted_at, read_at, seen, archived, snoozed_until, muted, quiet;
};

static bool read_row(struct row *r, struct bytes json, bool with_user, struct problem *why)
{
    const struct json_place places[] = {{"id", &r->id},
                                        {"type", &r->draft.type},
                                        {"title", &r->draft.title},
                                        {"body", &r->draft.body},
                                        {"data", &r->draft.data},
                                        {"category", &r->draft.category},
                                        {"inserted_at", &r->inserted_at},
                                        {"read_at", &r->read_at},
                                        {"seen", &r->seen},
                                        {"archived", &r->archived},
                                        {"snoozed_until", &r->snoozed_until},
                                        {"expires_at", &r->draft.expires_at},
                                        {"muted", &r->muted},
                                        {"quiet", &r->quiet},
                                        {"pos", NULL}, /* of where it stood */
                                        {"rev", NULL},
                                        {"user", &r->user}};
    return fields_read(json, places, sizeof places / sizeof *places - !with_user,
                       with_user
                           ? "user, id, type, title, body, data, category, inserted_at, read_at, "
                             "seen, archived, snoozed_until, expires_at, muted, quiet"
                           : "id, type, title, body, data, category, inserted_at, read_at, seen, "
                             "archived, snoozed_until, expires_at, muted, quiet",
                       why);
}

static bool read_times(struct msg_import_item *m, const struct row *r, uint64_t wall_ms,
                       struct arena *scratch, struct problem *why)
{
    const struct span past = {OLDEST_MS, wall_ms + AHEAD_MS, "must be from 1990 to now"};
    const struct span year = {OLDEST_MS, wall_ms + YEAR_MS, "must be at most a year on"};
    const struct span decade = {OLDEST_MS, wall_ms + 10 * YEAR_MS, "must be at most ten years on"};
    return read_time(r->inserted_at, "inserted_at", &past, &m->at_ms, scratch, why) &&
           read_time(r->read_at, "read_at", &past, &m->read_ms, scratch, why) &&
           read_time(r->snoozed_until, "snoozed_until", &year, &m->until_ms, scratch, why) &&
           read_time(r->draft.expires_at, "expires_at", &decade, &m->expires_ms, scratch, why);
}

static bool read_flags(struct msg_import_item *m, const struct row *r, struct problem *why)
{
    return read_flag(r->seen, "seen", ITEM_seen, &m->flags, why) &&
           read_flag(r->archived, "archived", ITEM_archived, &m->flags, why) &&
           read_flag(r->muted, "muted", ITEM_muted, &m->flags, why) &&
           read_flag(r->quiet, "quiet", ITEM_quiet, &m->flags, why) &&
           (!(m->flags & ITEM_archived) || m->until_ms == 0 ||
            problem_set(why, "archived", "and snoozed_until exclude each other"));
}

static bool read_type(struct msg_import_item *m, struct bytes type, struct arena *scratch,
                      struct problem *why)
{
    return (draft_type(type, &m->type, scratch, why) && type_row(m->type)->stored) ||
           problem_set(why, "type", "must be activity, alert or system");
}

static bool read_item(struct msg *m, const struct row *r, uint64_t wall_ms,
                      struct import_room *room, struct arena *scratch, struct problem *why)
{
    struct msg_import_item *item = &m->import_item;
    m->id = MSG_import_item;
    if (!field_user(or_null(r->user), &item->user, "user", scratch, why) ||
        !field_text(or_null(r->id), &item->id, "id", scratch, why) ||
        !read_type(item, r->draft.type, scratch, why) ||
        !read_times(item, r, wall_ms, scratch, why) || !read_flags(item, r, why) ||
        (field_given(r->draft.category) &&
         !field_category(r->draft.category, &item->category, scratch, why)) ||
        !draft_write(&room->content, &r->draft, item->type, item->category, scratch, why))
        return false;
    item->content = buf_all(&room->content);
    return true;
}

/* ---- what an export has besides ---- */

static bool read_member(struct msg *m, struct bytes user, struct bytes topic,
                        const struct settings *settings, struct import_room *room,
                        struct arena *scratch, struct problem *why)
{
    m->id = MSG_member;
    m->member.add = 1;
    if (!field_user(or_null(user), &user, "user", scratch, why))
        return false;
    if (!json_string(or_null(topic), scratch, &m->member.topic) || !topic_valid(m->member.topic) ||
        !class_of(settings->classes, settings->classes_n, m->member.topic))
        return problem_set(why, "topic", "no class of topics in the configuration matches it");
    buf_reset(&room->lists[0]);
    mp_put_str(&room->lists[0], user);
    m->member.users = list_of(&room->lists[0], 1);
    return true;
}

struct export_line {
    struct bytes user, notification, topic, preferences;
};

static bool read_export(struct export_line *x, struct bytes json, struct problem *why)
{
    const struct json_place places[] = {{"kind", NULL},
                                        {"user", &x->user},
                                        {"notification", &x->notification},
                                        {"topic", &x->topic},
                                        {"preferences", &x->preferences},
                                        {"last_seen_at", NULL}, /* of the user: not taken over */
                                        {"exported_at", NULL},
                                        {"memberships", NULL}, /* of the end */
                                        {"notifications", NULL}};
    return fields_read(
        json, FIELDS(places),
        "kind, and what an export has with it: user, notification, topic, preferences", why);
}

static bool export_line(struct msg *m, struct bytes json, struct bytes kind,
                        const struct settings *settings, uint64_t wall_ms, struct import_room *room,
                        struct arena *scratch, struct problem *why)
{
    struct export_line x = {0};
    struct row row = {0};
    if (!read_export(&x, json, why))
        return false;
    if (bytes_is(kind, "notification")) {
        if (x.notification.n == 0 || json_kind(x.notification) != '{')
            return problem_set(why, "notification", "must be there: an object");
        if (!read_row(&row, x.notification, false, why))
            return false;
        row.user = x.user;
        return read_item(m, &row, wall_ms, room, scratch, why);
    }
    if (bytes_is(kind, "membership"))
        return read_member(m, x.user, x.topic, settings, room, scratch, why);
    if (bytes_is(kind, "preferences")) {
        struct bytes user;
        return field_user(or_null(x.user), &user, "user", scratch, why) &&
               preferences_read(m, user, or_null(x.preferences), room->lists, scratch, why);
    }
    return bytes_is(kind, "user") || bytes_is(kind, "end") ||
           problem_set(why, "kind",
                       "must be notification, membership, preferences, user or end; or absent");
}

bool import_line(struct msg *m, struct bytes json, const struct settings *settings,
                 uint64_t wall_ms, struct import_room *room, struct arena *scratch,
                 struct problem *why)
{
    struct bytes value = {0}, kind = {0};
    const struct json_place places[] = {{"kind", &value}};
    struct row row = {0};
    *m = (struct msg){0};
    if (!field_object(json, why) || !fields_read(json, FIELDS(places), NULL, why))
        return false;
    if (value.n > 0)
        json_string(value, scratch, &kind);
    bool good = value.n > 0 ? export_line(m, json, kind, settings, wall_ms, room, scratch, why)
                            : read_row(&row, json, true, why) &&
                                  read_item(m, &row, wall_ms, room, scratch, why);
    return good && (!scratch->overflowed || problem_set(why, "", "is too large"));
}
