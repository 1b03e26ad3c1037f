/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/phoenix.h"

#include "lib/json.h"

static void ref(struct buf *out, struct bytes text)
{
    if (text.n > 0)
        json_write_string(out, text);
    else
        buf_text(out, "null");
}

void phoenix_write(struct buf *out, const struct phoenix *m)
{
    buf_byte(out, '[');
    ref(out, m->join_ref);
    buf_byte(out, ',');
    ref(out, m->ref);
    buf_byte(out, ',');
    json_write_string(out, m->topic);
    buf_byte(out, ',');
    json_write_string(out, m->event);
    buf_byte(out, ',');
    buf_bytes(out, m->payload);
    buf_byte(out, ']');
}

/* A string without its quotes, or null as nothing. */
static bool text_of(struct bytes value, bool may_be_null, struct bytes *out)
{
    *out = (struct bytes){0};
    if (json_kind(value) == 'n')
        return may_be_null;
    if (json_kind(value) != '"')
        return false;
    *out = (struct bytes){value.p + 1, value.n - 2};
    return true;
}

bool phoenix_read(struct bytes text, struct phoenix *m)
{
    struct json in = json_over(text);
    struct bytes part[5], more;
    json_enter(&in, '[');
    for (int i = 0; i < 5; i++)
        if (!json_element(&in, &part[i]))
            return false;
    if (json_element(&in, &more) || !json_end(&in))
        return false;
    m->payload = part[4];
    return text_of(part[0], true, &m->join_ref) && text_of(part[1], true, &m->ref) &&
           text_of(part[2], false, &m->topic) && text_of(part[3], false, &m->event) &&
           json_kind(part[4]) == '{';
}

bool phoenix_ok(struct bytes payload, struct bytes *response)
{
    *response = field(payload, "response");
    return bytes_is(field(payload, "status"), "\"ok\"");
}

struct bytes field(struct bytes object, const char *name)
{
    struct json in = json_over(object);
    struct bytes key, value;
    if (object.n == 0)
        return (struct bytes){0};
    json_enter(&in, '{');
    while (json_member(&in, &key, &value))
        if (json_key_is(key, name))
            return value;
    return (struct bytes){0};
}

bool field_u64(struct bytes object, const char *name, uint64_t *out)
{
    struct bytes value = field(object, name);
    return value.n > 0 && json_u64(value, out);
}
