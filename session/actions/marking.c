/* SPDX-License-Identifier: Apache-2.0 */
#include "session/actions/marking.h"

#include "lib/json.h"
#include "proto/id.h"

#include <stdio.h>

#define SNOOZE_MAX_MS (UINT64_C(366) * 86400 * 1000)

static bool is_name(struct bytes text, const char *name)
{
    return name[0] != '\0' && bytes_is(text, name);
}

static bool named(struct bytes text, struct marking *k, bool path)
{
    for (unsigned what = 0; what < MARK_COUNT; what++) {
        const struct mark_names *names = &mark_names[what];
        k->what = (enum mark)what;
        k->by_ids = is_name(text, path ? names->path : names->push);
        k->all = is_name(text, path ? names->all_path : names->all_push);
        if (k->by_ids || k->all)
            return true;
    }
    return false;
}

bool marking_pushed(struct bytes event, struct marking *k)
{
    return named(event, k, false);
}

bool marking_path(struct bytes path, struct marking *k)
{
    return named(path, k, true);
}

/* The members, as they came. */
struct draft {
    struct bytes id, ids, until, up_to, category, only_read, op_id, observed_seq;
};

static bool read_draft(struct draft *d, struct bytes json, bool batch, const char *allowed,
                       struct problem *why)
{
    const struct json_place places[] = {{"id", &d->id},
                                        {"ids", &d->ids},
                                        {"until", &d->until},
                                        {"up_to", &d->up_to},
                                        {"category", &d->category},
                                        {"only_read", &d->only_read},
                                        {"op_id", &d->op_id},
                                        {"observed_seq", &d->observed_seq},
                                        {batch ? "op" : "user", NULL}};
    return fields_read(json, FIELDS(places), allowed, why);
}

static const char *allowed_of(const struct marking *k, bool by_ids)
{
    if (k->by_ids && k->all)
        return "ids or up_to, op_id, observed_seq";
    if (by_ids)
        return k->what == MARK_snooze ? "ids, until, op_id, observed_seq"
                                      : "ids, op_id, observed_seq";
    return k->what == MARK_archive ? "up_to, only_read, op_id, observed_seq"
                                   : "up_to, category, op_id, observed_seq";
}

const char *marking_allowed(const struct marking *k)
{
    return allowed_of(k, k->by_ids);
}

/* A member that others may have, but this one not. */
static bool fits(const struct marking *k, bool by_ids, const struct draft *d, struct problem *why)
{
    const struct {
        const char *name;
        struct bytes value;
        bool may;
    } members[] = {{"\"id\"", d->id, by_ids},
                   {"\"ids\"", d->ids, by_ids},
                   {"\"until\"", d->until, by_ids && k->what == MARK_snooze},
                   {"\"up_to\"", d->up_to, !by_ids},
                   {"\"category\"", d->category, !by_ids && k->what == MARK_read},
                   {"\"only_read\"", d->only_read, !by_ids && k->what == MARK_archive}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (members[i].value.n > 0 && !members[i].may)
            return problem_unknown(why, bytes_of(members[i].name), allowed_of(k, by_ids));
    return true;
}

/* Of another maker, too: the store finds nothing under it, and it is unknown as any that has gone. */
static bool read_id(struct bytes value, uint8_t *id, const char *field, struct arena *scratch,
                    struct problem *why)
{
    struct bytes text;
    return (json_string(value, scratch, &text) && id_read_any(text, id)) ||
           problem_set(why, field, "must be the id of a notification: 26 letters and digits");
}

static bool read_ids(struct bytes value, struct bytes *out, struct arena *scratch,
                     struct problem *why)
{
    struct json in = json_over(value);
    struct bytes element;
    uint8_t *ids = NULL;
    size_t n = 0;
    if (json_kind(value) == '[')
        ids = arena_alloc(scratch, (size_t)IDS_MAX * ID_SIZE);
    if (!ids)
        return problem_set(why, "ids", "must be a list of up to 1000 ids");
    json_enter(&in, '[');
    while (json_element(&in, &element)) {
        char field[24];
        snprintf(field, sizeof field, "ids[%zu]", n);
        if (n == IDS_MAX)
            return problem_set(why, "ids", "must be a list of up to 1000 ids");
        if (!read_id(element, ids + n * ID_SIZE, field, scratch, why))
            return false;
        n++;
    }
    *out = (struct bytes){(char *)ids, n * ID_SIZE};
    return n > 0 || problem_set(why, "ids", "must name at least one id");
}

static bool read_one_or_more(const struct draft *d, struct bytes *out, struct arena *scratch,
                             struct problem *why)
{
    if (d->id.n > 0 && d->ids.n > 0)
        return problem_set(why, "id", "and ids exclude each other");
    if (d->ids.n > 0)
        return read_ids(d->ids, out, scratch, why);
    if (d->id.n == 0)
        return problem_set(why, "ids", "must be there");
    uint8_t *id = arena_alloc(scratch, ID_SIZE);
    *out = (struct bytes){(char *)id, ID_SIZE};
    return id ? read_id(d->id, id, "id", scratch, why) : problem_set(why, "", "is too large");
}

/* Whether it has come already the store looks: this may be a repeat, whose answer stands. */
static bool read_until(struct bytes value, uint64_t wall_ms, uint64_t *ms, struct arena *scratch,
                       struct problem *why)
{
    if (value.n == 0)
        return problem_set(why, "until", "must be there: a time");
    if (!field_time(value, ms, "until", scratch, why))
        return false;
    return *ms <= wall_ms + SNOOZE_MAX_MS || problem_set(why, "until", "must be at most a year on");
}

static bool read_by_ids(struct msg_mark *a, const struct draft *d, const struct marker *by,
                        struct arena *scratch, struct problem *why)
{
    return read_one_or_more(d, &a->ids, scratch, why) &&
           (a->what != MARK_snooze ||
            read_until(d->until, by->wall_ms, &a->until_ms, scratch, why));
}

static bool read_all(struct msg_mark_all *a, const struct draft *d, struct arena *scratch,
                     struct problem *why)
{
    char kind = d->only_read.n > 0 ? json_kind(d->only_read) : 'f';
    a->only_read = kind == 't';
    if (kind != 't' && kind != 'f')
        return problem_set(why, "only_read", "must be true or false");
    if (d->up_to.n > 0 && !field_number(d->up_to, &a->up_to, "up_to", why))
        return false;
    return d->category.n == 0 || field_category(d->category, &a->category, scratch, why);
}

/* What every write may carry. */
static bool read_common(const struct draft *d, struct bytes *op_id, uint64_t *observed_seq,
                        struct arena *scratch, struct problem *why)
{
    *observed_seq = UINT64_MAX;
    return (d->op_id.n == 0 || field_text(d->op_id, op_id, "op_id", scratch, why)) &&
           (d->observed_seq.n == 0 ||
            field_number(d->observed_seq, observed_seq, "observed_seq", why));
}

bool marking_read(struct msg *m, const struct marking *k, const struct marker *by,
                  struct bytes json, struct arena *scratch, struct problem *why)
{
    struct draft d = {0};
    if (!field_object(json, why) || !read_draft(&d, json, by->batch, marking_allowed(k), why))
        return false;
    bool by_ids = k->by_ids && (!k->all || d.ids.n > 0 || d.id.n > 0);
    if (!fits(k, by_ids, &d, why))
        return false;
    struct bytes hash = fingerprint(json, scratch);
    bool good;
    if (by_ids) {
        *m = (struct msg){.id = MSG_mark,
                          .mark = {.user = by->user, .what = k->what, .body_hash = hash}};
        good = read_by_ids(&m->mark, &d, by, scratch, why) &&
               read_common(&d, &m->mark.op_id, &m->mark.observed_seq, scratch, why);
    } else {
        *m = (struct msg){
            .id = MSG_mark_all,
            .mark_all = {.user = by->user, .what = k->what, .up_to = by->shown, .body_hash = hash}};
        good = read_all(&m->mark_all, &d, scratch, why) &&
               read_common(&d, &m->mark_all.op_id, &m->mark_all.observed_seq, scratch, why);
    }
    return good && (!scratch->overflowed || problem_set(why, "", "is too large"));
}

/* "All" would be another all the second time: it may have been done, and more have come since. */
bool marking_repeats(const struct msg *m)
{
    return m->id != MSG_mark_all || m->mark_all.up_to != UP_TO_NEWEST || m->mark_all.op_id.n > 0;
}

bool marking_refused(enum err e, struct problem *why)
{
    if (e == ERR_TOO_OLD)
        problem_set(why, "until", "must be in the future");
    else if (e == ERR_FULL)
        problem_set(why, "ids",
                    "are too many: an inbox has at most 1000 snoozed items, and 1000 "
                    "that were marked as unread");
    return e == ERR_TOO_OLD || e == ERR_FULL;
}
