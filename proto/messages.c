/* SPDX-License-Identifier: Apache-2.0 */
/* Encode and decode walk the table of fields beside the struct: a number is 8 bytes, a str or bin a
 * struct bytes, a list a struct mp_list, and all of them are aligned alike, so that the next member
 * starts where this one ends. The static assertions hold the compiler to it. */
#include "proto/messages.h"

#include "lib/ensure.h"

#define FIELD(type, name, limit, doc) {FIELD_##type, #name, doc, limit},
#define FIELD_TABLE(id, name, FIELDS, doc)                                                         \
    static const struct msg_field fields_of_##name[] = {FIELDS(FIELD)};
MESSAGES(FIELD_TABLE)

#define COUNT(type, name, limit, doc) +1
#define SHAPE(id, name, FIELDS, doc)                                                               \
    {MSG_##name, #name, doc, fields_of_##name, (uint32_t)(0 FIELDS(COUNT))},
const struct msg_shape msg_shapes[] = {MESSAGES(SHAPE)};
const size_t msg_shape_count = sizeof msg_shapes / sizeof *msg_shapes;

#define SIZE(type, name, limit, doc) +sizeof(mp_field_##type)
#define NO_PADDING(id, name, FIELDS, doc)                                                          \
    _Static_assert(sizeof(struct msg_##name) == 0 FIELDS(SIZE), #name " has no padding");
MESSAGES(NO_PADDING)

enum { BY_ID_MAX = 192 };
#define SMALL_ID(id, name, FIELDS, doc) _Static_assert((id) < BY_ID_MAX, "a table by id");
MESSAGES(SMALL_ID)

/* The place of each message's row. */
#define ROW(id, name, FIELDS, doc) ROW_##name,
enum { MESSAGES(ROW) };
#define BY_ID(id, name, FIELDS, doc) [id] = &msg_shapes[ROW_##name],
static const struct msg_shape *const by_id[BY_ID_MAX] = {MESSAGES(BY_ID)};

static const struct msg_shape *shape_of(uint64_t id)
{
    return id < BY_ID_MAX ? by_id[id] : NULL;
}

static struct bytes within(struct mp_in *in, struct bytes b, uint64_t limit)
{
    if (b.n > limit)
        in->ok = false;
    return b;
}

static struct mp_list read_list(struct mp_in *in, uint64_t limit)
{
    uint32_t count = mp_array(in);
    if (count > limit)
        in->ok = false;
    const uint8_t *from = in->p;
    for (uint32_t i = 0; i < count && in->ok; i++)
        mp_skip(in);
    return (struct mp_list){{(const char *)from, (size_t)(in->p - from)}, count};
}

bool msg_read(struct mp_in *in, struct msg *m)
{
    if (!in->ok || mp_end(in))
        return false;
    uint32_t n = mp_array(in);
    uint64_t id = mp_u64(in);
    const struct msg_shape *shape = shape_of(id);
    if (!in->ok || !shape || n < shape->count + 1) {
        in->ok = false;
        return false;
    }
    m->id = shape->id;
    char *at = (char *)&m->entry; /* all members of the union start there */
    for (const struct msg_field *f = shape->fields; f < shape->fields + shape->count; f++) {
        switch (f->type) {
        case FIELD_u64:
            *(uint64_t *)(void *)at = mp_u64(in);
            at += sizeof(uint64_t);
            break;
        case FIELD_str:
            *(struct bytes *)(void *)at = within(in, mp_str(in), f->limit);
            at += sizeof(struct bytes);
            break;
        case FIELD_bin:
            *(struct bytes *)(void *)at = within(in, mp_bin(in), f->limit);
            at += sizeof(struct bytes);
            break;
        case FIELD_list:
            *(struct mp_list *)(void *)at = read_list(in, f->limit);
            at += sizeof(struct mp_list);
            break;
        }
    }
    for (uint32_t i = shape->count + 1; i < n && in->ok; i++)
        mp_skip(in); /* fields of a later version */
    return in->ok;
}

void msg_write(struct buf *out, const struct msg *m)
{
    const struct msg_shape *shape = shape_of(m->id);
    ENSURE(shape != NULL);
    size_t from = out->n;
    mp_put_array(out, shape->count + 1);
    mp_put_u64(out, m->id);
    const char *at = (const char *)&m->entry;
    for (const struct msg_field *f = shape->fields; f < shape->fields + shape->count; f++) {
        switch (f->type) {
        case FIELD_u64:
            mp_put_u64(out, *(const uint64_t *)(const void *)at);
            at += sizeof(uint64_t);
            break;
        case FIELD_str:
        case FIELD_bin: {
            struct bytes b = *(const struct bytes *)(const void *)at;
            ENSURE(b.n <= f->limit);
            if (f->type == FIELD_str)
                mp_put_str(out, b);
            else
                mp_put_bin(out, b);
            at += sizeof(struct bytes);
            break;
        }
        case FIELD_list: {
            struct mp_list list = *(const struct mp_list *)(const void *)at;
            ENSURE(list.count <= f->limit);
            mp_put_array(out, list.count);
            buf_bytes(out, list.raw);
            at += sizeof(struct mp_list);
            break;
        }
        }
    }
    if (out->overflowed)
        out->n = from; /* half a message would spoil those before it */
}

const char *msg_name(uint64_t id)
{
    const struct msg_shape *shape = shape_of(id);
    return shape ? shape->name : "unknown";
}
