/* SPDX-License-Identifier: Apache-2.0 */
#include "session/actions/draft.h"

#include "lib/json.h"
#include "proto/types.h"

#define TITLE_MAX 255
#define BODY_MAX 4096
#define DATA_MAX 16384

bool draft_read(struct draft *d, struct bytes json, struct problem *why)
{
    const struct json_place places[] = {{"to", &d->to},
                                        {"type", &d->type},
                                        {"title", &d->title},
                                        {"body", &d->body},
                                        {"data", &d->data},
                                        {"category", &d->category},
                                        {"collapse_key", &d->collapse},
                                        {"dedupe_key", &d->dedupe},
                                        {"expires_at", &d->expires_at},
                                        {"expires_in", &d->expires_in},
                                        {"deliver_at", &d->deliver_at}};
    return fields_read(json, FIELDS(places), DRAFT_MEMBERS, why);
}

bool draft_type(struct bytes type, uint64_t *out, struct arena *scratch, struct problem *why)
{
    struct bytes name;
    *out = TYPE_activity;
    if (type.n == 0)
        return true;
    *out = json_string(type, scratch, &name) ? type_named(name) : TYPE_COUNT;
    return *out < TYPE_COUNT ||
           problem_set(why, "type", "must be transient, toast, activity, alert or system");
}

static bool write_title(struct buf *out, struct bytes value, struct arena *scratch,
                        struct problem *why)
{
    struct bytes title;
    if (value.n == 0 || !json_string(value, scratch, &title) || title.n == 0 || title.n > TITLE_MAX)
        return problem_set(why, "title", "must be text of 1 to 255 bytes");
    json_write_string(out, title);
    return true;
}

static bool write_body(struct buf *out, struct bytes value, struct arena *scratch,
                       struct problem *why)
{
    struct bytes body;
    if (value.n == 0 || json_kind(value) == 'n') {
        buf_text(out, "null");
        return true;
    }
    if (!json_string(value, scratch, &body) || body.n > BODY_MAX)
        return problem_set(why, "body", "must be text of at most 4096 bytes");
    json_write_string(out, body);
    return true;
}

static bool write_data(struct buf *out, struct bytes value, struct problem *why)
{
    if (value.n == 0 || json_kind(value) == 'n') {
        buf_text(out, "{}");
        return true;
    }
    if (json_kind(value) != '{' || value.n > DATA_MAX)
        return problem_set(why, "data", "must be a JSON object of at most 16384 bytes");
    json_write_compact(out, value);
    return true;
}

static bool fits(const struct buf *out, struct problem *why)
{
    return out->n <= CONTENT_MAX ||
           problem_set(why, "", "is too large: at most 32768 bytes in all");
}

bool draft_write(struct buf *out, const struct draft *d, uint64_t type, struct bytes category,
                 struct arena *scratch, struct problem *why)
{
    buf_reset(out);
    buf_format(out, "{\"type\":\"%s\",\"title\":", type_row(type)->name);
    if (!write_title(out, d->title, scratch, why))
        return false;
    buf_text(out, ",\"body\":");
    if (!write_body(out, d->body, scratch, why))
        return false;
    buf_text(out, ",\"data\":");
    if (!write_data(out, d->data, why))
        return false;
    if (category.n > 0) {
        buf_text(out, ",\"category\":");
        json_write_string(out, category);
    }
    buf_byte(out, '}');
    return fits(out, why);
}

static void name(struct buf *out, const char *member)
{
    buf_format(out, "%s\"%s\":", out->n > 1 ? "," : "", member);
}

bool draft_write_changes(struct buf *out, const struct draft *d, struct bytes category,
                         struct arena *scratch, struct problem *why)
{
    buf_reset(out);
    buf_byte(out, '{');
    if (d->title.n > 0) {
        name(out, "title");
        if (!write_title(out, d->title, scratch, why))
            return false;
    }
    if (d->body.n > 0) {
        name(out, "body");
        if (!write_body(out, d->body, scratch, why))
            return false;
    }
    if (d->data.n > 0) {
        name(out, "data");
        if (!write_data(out, d->data, why))
            return false;
    }
    if (d->category.n > 0)
        name(out, "category");
    if (category.n > 0)
        json_write_string(out, category);
    else if (d->category.n > 0)
        buf_text(out, "null");
    buf_byte(out, '}');
    return fits(out, why);
}
