/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/content.h"

#include "lib/json.h"

/* Its value in this object; empty: it has none. */
static struct bytes value_of(struct bytes object, struct bytes name)
{
    struct json in = json_over(object);
    struct bytes key, value;
    json_enter(&in, '{');
    while (json_member(&in, &key, &value))
        if (bytes_equal(key, name))
            return value;
    return (struct bytes){0};
}

static void write_member(struct buf *out, struct bytes key, struct bytes value, bool *any)
{
    if (json_key_is(key, "category") && json_kind(value) == 'n')
        return;
    buf_byte(out, *any ? ',' : '{');
    buf_bytes(out, key);
    buf_byte(out, ':');
    buf_bytes(out, value);
    *any = true;
}

void content_merge(struct buf *out, struct bytes old, struct bytes other)
{
    struct json in = json_over(old);
    struct bytes key, value, mine;
    bool any = false;
    json_enter(&in, '{');
    while (json_member(&in, &key, &mine)) {
        value = value_of(other, key);
        write_member(out, key, value.n > 0 ? value : mine, &any);
    }
    in = json_over(other);
    json_enter(&in, '{');
    while (json_member(&in, &key, &value))
        if (value_of(old, key).n == 0)
            write_member(out, key, value, &any);
    buf_text(out, any ? "}" : "{}");
}
