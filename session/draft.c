/* SPDX-License-Identifier: Apache-2.0 */
#include "session/draft.h"

#include "lib/json.h"
#include "proto/types.h"

#define TITLE_MAX 255
#define BODY_MAX 4096
#define DATA_MAX 16384

bool draft_read(struct draft *d, struct bytes json, struct problem *why)
{
    struct json in = json_over(json);
    struct bytes key, value;
    json_enter(&in, '{');
    while (json_member(&in, &key, &value)) {
        if (json_key_is(key, "to"))
            d->to = value;
        else if (json_key_is(key, "type"))
            d->type = value;
        else if (json_key_is(key, "title"))
            d->title = value;
        else if (json_key_is(key, "body"))
            d->body = value;
        else if (json_key_is(key, "data"))
            d->data = value;
        else if (json_key_is(key, "category"))
            d->category = value;
        else if (json_key_is(key, "collapse_key"))
            d->collapse = value;
        else if (json_key_is(key, "dedupe_key"))
            d->dedupe = value;
        else if (json_key_is(key, "expires_at"))
            d->expires_at = value;
        else if (json_key_is(key, "expires_in"))
            d->expires_in = value;
        else if (json_key_is(key, "deliver_at"))
            d->deliver_at = value;
        else
            return problem_unknown(why, key,
                                   "to, type, title, body, data, category, expires_at, expires_in, "
                                   "deliver_at, collapse_key, dedupe_key");
    }
    return true;
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

bool draft_write(struct buf *out, const struct draft *d, uint64_t type, struct bytes category,
                 struct arena *scratch, struct problem *why)
{
    struct bytes title, body;
    if (d->title.n == 0 || !json_string(d->title, scratch, &title) || title.n == 0 ||
        title.n > TITLE_MAX)
        return problem_set(why, "title", "must be text of 1 to 255 bytes");
    buf_reset(out);
    buf_format(out, "{\"type\":\"%s\",\"title\":", type_row(type)->name);
    json_write_string(out, title);
    buf_text(out, ",\"body\":");
    if (d->body.n == 0 || json_kind(d->body) == 'n') {
        buf_text(out, "null");
    } else {
        if (!json_string(d->body, scratch, &body) || body.n > BODY_MAX)
            return problem_set(why, "body", "must be text of at most 4096 bytes");
        json_write_string(out, body);
    }
    buf_text(out, ",\"data\":");
    if (d->data.n == 0 || json_kind(d->data) == 'n') {
        buf_text(out, "{}");
    } else {
        if (json_kind(d->data) != '{' || d->data.n > DATA_MAX)
            return problem_set(why, "data", "must be a JSON object of at most 16384 bytes");
        json_write_compact(out, d->data);
    }
    if (category.n > 0) {
        buf_text(out, ",\"category\":");
        json_write_string(out, category);
    }
    buf_byte(out, '}');
    return out->n <= CONTENT_MAX ||
           problem_set(why, "", "is too large: at most 32768 bytes in all");
}
