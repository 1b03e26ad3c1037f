/* SPDX-License-Identifier: Apache-2.0 */
#include "session/actions/listing.h"

#include "lib/json.h"
#include "proto/items.h"
#include "proto/types.h"

const char *const listing_filters[] = {"status", "archived", "snoozed", "type", "category"};

static bool read_status(struct msg_snapshot *page, struct bytes text, struct problem *why)
{
    static const char *const names[] = {"all", "unread", "read"};
    for (page->status = 0; page->status < 3; page->status++)
        if (bytes_is(text, names[page->status]))
            return true;
    return problem_set(why, "status", "must be unread, read or all");
}

static bool read_place(struct msg_snapshot *page, enum item_place place, struct bytes text,
                       struct problem *why)
{
    const char *name = place == PLACE_archive ? "archived" : "snoozed";
    bool yes = bytes_is(text, "true") || bytes_is(text, "1");
    if (!yes && !bytes_is(text, "false") && !bytes_is(text, "0"))
        return problem_set(why, name, "must be true or false");
    if (yes && page->place != PLACE_inbox && page->place != place)
        return problem_set(why, name,
                           place == PLACE_archive ? "and snoozed exclude each other"
                                                  : "and archived exclude each other");
    if (yes)
        page->place = place;
    return true;
}

static bool read_type(struct msg_snapshot *page, struct bytes text, struct problem *why)
{
    enum notification_type type = type_named(text);
    page->type = (uint64_t)type + 1;
    return (type < TYPE_COUNT && type_row(type)->stored) ||
           problem_set(why, "type", "must be activity, alert or system");
}

bool listing_filter(struct msg_snapshot *page, const char *name, struct bytes text,
                    struct problem *why)
{
    if (strcmp(name, "status") == 0)
        return read_status(page, text, why);
    if (strcmp(name, "archived") == 0)
        return read_place(page, PLACE_archive, text, why);
    if (strcmp(name, "snoozed") == 0)
        return read_place(page, PLACE_snoozed, text, why);
    if (strcmp(name, "type") == 0)
        return read_type(page, text, why);
    page->category = text;
    return (text.n > 0 && text.n <= CATEGORY_MAX) ||
           problem_set(why, "category", "must be text of 1 to 64 bytes");
}

/* A filter as text, whether it came as text or as true or false. */
static bool as_text(struct bytes value, struct arena *scratch, struct bytes *text)
{
    *text = value;
    return json_kind(value) == 't' || json_kind(value) == 'f' || json_string(value, scratch, text);
}

/* One filter, as a page of HTTP has it in its address. */
static bool read_filter(struct msg_snapshot *page, const char *name, struct bytes value,
                        struct arena *scratch, struct problem *why)
{
    struct bytes text;
    if (value.n == 0)
        return true;
    return as_text(value, scratch, &text) ? listing_filter(page, name, text, why)
                                          : problem_set(why, name, "must be text");
}

bool listing_read(struct msg_snapshot *page, struct bytes json, struct arena *scratch,
                  struct problem *why)
{
    if (!field_object(json, why))
        return false;
    struct bytes before = {0}, limit = {0}, filters[LISTING_FILTERS] = {0};
    struct json_place places[2 + LISTING_FILTERS] = {{"before", &before}, {"limit", &limit}};
    for (size_t i = 0; i < LISTING_FILTERS; i++)
        places[2 + i] = (struct json_place){listing_filters[i], &filters[i]};
    if (!fields_read(json, FIELDS(places),
                     "before, limit, status, archived, snoozed, type, category", why) ||
        (before.n > 0 && !field_number(before, &page->before, "before", why)) ||
        (limit.n > 0 && !field_number(limit, &page->limit, "limit", why)))
        return false;
    for (size_t i = 0; i < LISTING_FILTERS; i++)
        if (!read_filter(page, listing_filters[i], filters[i], scratch, why))
            return false;
    if (page->limit < 1 || page->limit > PAGE_MAX)
        return problem_set(why, "limit", "must be from 1 to 100");
    return true;
}
