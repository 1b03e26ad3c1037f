/* SPDX-License-Identifier: Apache-2.0 */
#include "session/actions/actions.h"

#include "lib/hash.h"
#include "lib/json.h"
#include "proto/items.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "session/actions/draft.h"
#include "session/live/view.h"

#include <stdio.h>

#define EXPIRES_MAX_S (UINT64_C(10) * 366 * 86400)
#define DELIVER_LATE_S UINT64_C(86400)
#define DELIVER_MAX_S (UINT64_C(366) * 86400)

bool action_resume(struct bytes json, struct resume *r, struct problem *why)
{
    *r = (struct resume){.since = VIEW_NOTHING};
    if (json_kind(json) != '{')
        return true; /* phoenix.js sends {} when the page gave nothing; others may send null */
    struct bytes since = {0}, epoch = {0}, have = {0};
    const struct json_place places[] = {{"since", &since}, {"epoch", &epoch}, {"have", &have}};
    if (!fields_read(json, FIELDS(places), NULL, why) ||
        (field_given(since) && !field_number(since, &r->since, "since", why)) ||
        (field_given(epoch) && !field_number(epoch, &r->epoch, "epoch", why)) ||
        (field_given(have) && !field_number(have, &r->have, "have", why)))
        return false;
    if (r->since == 0 && r->epoch == 0)
        r->since = VIEW_NOTHING;
    return true;
}

bool action_user(struct bytes json, struct bytes *user, struct arena *scratch, struct problem *why)
{
    struct bytes value = {0};
    const struct json_place places[] = {{"user", &value}};
    *user = (struct bytes){0};
    return field_object(json, why) && fields_read(json, FIELDS(places), NULL, why) &&
           (value.n == 0 || field_user(value, user, "user", scratch, why));
}

enum { SEEN_SLOTS = 2048 }; /* open addressing over hashes: at most USERS_MAX of them taken */
_Static_assert(SEEN_SLOTS >= 2 * USERS_MAX, "never full");

/* Keeps its hash; false: it is there already. */
static bool add_hash(uint64_t seen[SEEN_SLOTS], struct bytes user)
{
    uint64_t hash = hash64(user, (uintptr_t)seen) | 1; /* 0: free */
    size_t at = hash / 2 % SEEN_SLOTS;
    for (; seen[at]; at = (at + 1) % SEEN_SLOTS)
        if (seen[at] == hash)
            return false;
    seen[at] = hash;
    return true;
}

static bool read_users(struct buf *users, uint32_t *count, struct bytes list, struct arena *scratch,
                       struct problem *why)
{
    uint64_t seen[SEEN_SLOTS] = {0};
    struct json in = json_over(list);
    struct bytes value, user;
    json_enter(&in, '[');
    while (json_element(&in, &value)) {
        char field[24];
        snprintf(field, sizeof field, "to[%u]", *count);
        if (*count == USERS_MAX)
            return problem_set(why, "to", "must name 1 to 1000 users");
        if (!field_user(value, &user, field, scratch, why))
            return false;
        if (!add_hash(seen, user))
            return problem_set(why, field, "is there twice");
        mp_put_str(users, user);
        ++*count;
    }
    return *count > 0 || problem_set(why, "to", "must name 1 to 1000 users");
}

/* {"all":true,"include_new":..} or {"topic":".."}. */
static bool read_audience(struct msg_create *a, struct bytes to, struct arena *scratch,
                          struct problem *why)
{
    struct bytes all = {0}, include_new = {0}, topic = {0}, user;
    const struct json_place places[] = {
        {"all", &all}, {"include_new", &include_new}, {"topic", &topic}};
    if (!fields_read(to, FIELDS(places), "all, include_new; or topic", why))
        return false;
    a->all = all.n > 0;
    if (a->all && json_kind(all) != 't')
        return problem_set(why, "to.all", "must be true");
    a->new_too = include_new.n > 0 && json_kind(include_new) == 't';
    if (include_new.n > 0 && !a->new_too && json_kind(include_new) != 'f')
        return problem_set(why, "to.include_new", "must be true or false");
    if (topic.n > 0 && (!json_string(topic, scratch, &a->topic) || !topic_valid(a->topic) ||
                        topic_user(a->topic, &user)))
        return problem_set(why, "to.topic", "must be the name of a topic, and not of an inbox");
    if (a->topic.n > 0 && (a->all || a->new_too))
        return problem_set(why, a->all ? "to.all" : "to.include_new",
                           "and topic exclude each other");
    return a->all || a->topic.n > 0 || problem_set(why, "to", "must name all, or a topic");
}

static bool read_to(struct msg_create *a, struct bytes to, struct buf *users, struct arena *scratch,
                    struct problem *why)
{
    uint32_t count = 1;
    struct bytes user;
    buf_reset(users);
    if (to.n == 0)
        return problem_set(why, "to", "must be there: a user id, or a list of them");
    if (json_kind(to) == '{')
        return read_audience(a, to, scratch, why);
    if (json_kind(to) == '[') {
        count = 0;
        if (!read_users(users, &count, to, scratch, why))
            return false;
    } else {
        if (!field_user(to, &user, "to", scratch, why))
            return false;
        mp_put_str(users, user);
    }
    a->users = list_of(users, count);
    return true;
}

static bool may_broadcast(const struct msg_create *a, struct problem *why)
{
    return a->users.count > 0 || type_row(a->type)->stored ||
           problem_set(why, "to",
                       "all or a topic is for types that are kept: activity, alert, system");
}

/* They are looked for in one inbox after the other. */
static bool read_keys(struct msg_create *a, const struct draft *d, struct arena *scratch,
                      struct problem *why)
{
    const char *first = d->collapse.n > 0 ? "collapse_key" : "dedupe_key";
    if (d->collapse.n == 0 && d->dedupe.n == 0)
        return true;
    if (a->users.count == 0 || !type_row(a->type)->stored)
        return problem_set(why, first, "is for users by name, and types that are kept");
    return (d->collapse.n == 0 ||
            field_text(d->collapse, &a->collapse_key, "collapse_key", scratch, why)) &&
           (d->dedupe.n == 0 || field_text(d->dedupe, &a->dedupe_key, "dedupe_key", scratch, why));
}

/* The time may have come already, as when a request is sent again: then it is done now. */
static bool read_delivery(struct msg_create *a, struct bytes at, uint64_t wall_ms,
                          struct arena *scratch, struct problem *why)
{
    if (at.n == 0)
        return true;
    if (!type_row(a->type)->stored)
        return problem_set(why, "deliver_at",
                           "is for types that are kept: activity, alert, system");
    if (!field_time(at, &a->deliver_ms, "deliver_at", scratch, why))
        return false;
    bool sane = a->deliver_ms + DELIVER_LATE_S * 1000 >= wall_ms &&
                a->deliver_ms <= wall_ms + DELIVER_MAX_S * 1000;
    return sane || problem_set(why, "deliver_at",
                               "must be at most a year on, and at most a day ago: then it is now");
}

static bool read_expiry(struct msg_create *a, const struct draft *d, uint64_t wall_ms,
                        struct arena *scratch, struct problem *why)
{
    uint64_t seconds, from_ms = a->deliver_ms > wall_ms ? a->deliver_ms : wall_ms;
    if (d->expires_at.n > 0 && d->expires_in.n > 0)
        return problem_set(why, "expires_in", "and expires_at exclude each other");
    if (d->expires_at.n > 0) {
        if (!field_time(d->expires_at, &a->expires_ms, "expires_at", scratch, why))
            return false;
        /* With a key it may be a repetition, whose answer stands: the store looks. */
        uint64_t least_ms = a->key.n > 0 ? a->deliver_ms : from_ms;
        if (a->expires_ms <= least_ms || a->expires_ms > from_ms + EXPIRES_MAX_S * 1000)
            return problem_set(why, "expires_at",
                               "must be in the future, after deliver_at, at most ten years on");
    } else if (d->expires_in.n > 0) {
        if (!json_u64(d->expires_in, &seconds) || seconds < 1 || seconds > EXPIRES_MAX_S)
            return problem_set(why, "expires_in", "must be seconds, from 1 to ten years");
        a->expires_ms = from_ms + seconds * 1000;
    }
    return true;
}

bool action_create(struct msg *m, struct bytes json, struct bytes key, uint64_t wall_ms,
                   struct buf *users, struct buf *content, struct arena *scratch,
                   struct problem *why)
{
    *m = (struct msg){.id = MSG_create, .create = {.key = key}};
    struct draft d = {0};
    if (!field_object(json, why) || !draft_read(&d, json, why) ||
        !read_to(&m->create, d.to, users, scratch, why) ||
        !draft_type(d.type, &m->create.type, scratch, why) || !may_broadcast(&m->create, why) ||
        !read_delivery(&m->create, d.deliver_at, wall_ms, scratch, why) ||
        !read_expiry(&m->create, &d, wall_ms, scratch, why) ||
        !read_keys(&m->create, &d, scratch, why) ||
        (d.category.n > 0 && !field_category(d.category, &m->create.category, scratch, why)) ||
        !draft_write(content, &d, m->create.type, m->create.category, scratch, why))
        return false;
    m->create.content = buf_all(content);
    m->create.body_hash = fingerprint(json, scratch);
    return !scratch->overflowed || problem_set(why, "", "is too large");
}

/* ---- updates ---- */

/* What is to be other than it is. */
static bool read_changes(struct draft *d, struct bytes json, bool user, struct problem *why)
{
    const struct json_place places[] = {{"title", &d->title},
                                        {"body", &d->body},
                                        {"data", &d->data},
                                        {"category", &d->category},
                                        {"expires_at", &d->expires_at},
                                        {"expires_in", &d->expires_in},
                                        {"user", NULL}}; /* action_user()'s */
    if (!fields_read(json, places, sizeof places / sizeof *places - !user,
                     user ? UPDATE_MEMBERS : CHANGE_MEMBERS, why))
        return false;
    return d->title.n + d->body.n + d->data.n + d->category.n + d->expires_at.n + d->expires_in.n >
               0 ||
           problem_set(why, "", "must name what is to change");
}

static uint64_t take(struct bytes *of, struct bytes other, enum item_field field)
{
    if (other.n == 0)
        return 0;
    *of = other;
    return UINT64_C(1) << field;
}

static bool is_null(struct bytes value)
{
    return value.n > 0 && json_kind(value) == 'n';
}

/* An end, or none any more. */
static bool read_other_end(struct msg_create *c, const struct draft *changes, uint64_t wall_ms,
                           struct arena *scratch, struct problem *why)
{
    if (is_null(changes->expires_at) && changes->expires_in.n == 0) {
        c->expires_ms = 0;
        return true;
    }
    return read_expiry(c, changes, wall_ms, scratch, why);
}

bool action_update(struct msg *m, struct bytes json, const struct msg_item *old, uint64_t wall_ms,
                   struct buf *content, struct arena *scratch, struct problem *why)
{
    struct draft d = {0}, changes = {0};
    struct msg_create c = {.type = old->type,
                           .expires_ms = old->expires_ms,
                           .key = BYTES("an end that has passed the store refuses")};
    *m = (struct msg){.id = MSG_update, .update = {.rev = old->rev}};
    if (!field_object(json, why) || !read_changes(&changes, json, true, why) ||
        !draft_read(&d, old->content, why))
        return false;
    m->update.what = take(&d.title, changes.title, FIELD_NO_title) |
                     take(&d.body, changes.body, FIELD_NO_body) |
                     take(&d.data, changes.data, FIELD_NO_data) |
                     take(&d.category, changes.category, FIELD_NO_category);
    if (changes.expires_at.n + changes.expires_in.n > 0)
        m->update.what |= 1 << FIELD_NO_expires_at;
    bool category = d.category.n > 0 && !is_null(d.category);
    if (!read_other_end(&c, &changes, wall_ms, scratch, why) ||
        (category && !field_category(d.category, &c.category, scratch, why)) ||
        !draft_write(content, &d, c.type, c.category, scratch, why))
        return false;
    m->update.expires_ms = c.expires_ms;
    m->update.category = c.category;
    m->update.content = buf_all(content);
    return !scratch->overflowed || problem_set(why, "", "is too large");
}

/* What is said of a field, as a bit. */
static uint64_t said(struct bytes value, enum item_field field)
{
    return (uint64_t)(value.n > 0) << field;
}

bool action_revise(struct msg *m, struct bytes json, uint64_t wall_ms, struct buf *content,
                   struct arena *scratch, struct problem *why)
{
    struct draft d = {0};
    struct msg_create c = {.key = BYTES("an end that has passed the store refuses")};
    *m = (struct msg){.id = MSG_revise};
    if (!field_object(json, why) || !read_changes(&d, json, false, why) ||
        !read_other_end(&c, &d, wall_ms, scratch, why) ||
        (d.category.n > 0 && !is_null(d.category) &&
         !field_category(d.category, &c.category, scratch, why)) ||
        !draft_write_changes(content, &d, c.category, scratch, why))
        return false;
    m->revise.what = said(d.title, FIELD_NO_title) | said(d.body, FIELD_NO_body) |
                     said(d.data, FIELD_NO_data) | said(d.category, FIELD_NO_category) |
                     said(d.expires_at, FIELD_NO_expires_at) |
                     said(d.expires_in, FIELD_NO_expires_at);
    m->revise.expires_ms = c.expires_ms;
    m->revise.category = c.category;
    m->revise.content = buf_all(content);
    return !scratch->overflowed || problem_set(why, "", "is too large");
}
