/* SPDX-License-Identifier: Apache-2.0 */
#include "session/presence/presence_entry.h"

#include "lib/ensure.h"
#include "lib/json.h"

#include <stdlib.h>

_Static_assert(USER_MAX <= UINT8_MAX && PRESENCE_REF_MAX <= UINT8_MAX, "lengths fit");

struct presence_entry *entry_new(const struct msg_presence_entry *m, unsigned owner)
{
    struct presence_entry *e = calloc(1, sizeof *e + m->ref.n + m->prev.n + m->user.n + m->meta.n);
    ENSURE(e != NULL);
    e->ref_n = (uint8_t)m->ref.n;
    e->prev_n = (uint8_t)m->prev.n;
    e->user_n = (uint8_t)m->user.n;
    e->meta_n = (uint16_t)m->meta.n;
    e->owner = (uint8_t)owner;
    const struct bytes parts[] = {m->ref, m->prev, m->user, m->meta};
    char *to = e->text;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].n > 0)
            memcpy(to, parts[i].p, parts[i].n);
        to += parts[i].n;
    }
    return e;
}

struct bytes entry_ref(const struct presence_entry *e)
{
    return (struct bytes){e->text, e->ref_n};
}

struct msg entry_msg(const struct presence_entry *e)
{
    const char *prev = e->text + e->ref_n, *user = prev + e->prev_n, *meta = user + e->user_n;
    return (struct msg){.id = MSG_presence_entry,
                        .presence_entry = {.ref = entry_ref(e),
                                           .prev = {prev, e->prev_n},
                                           .user = {user, e->user_n},
                                           .meta = {meta, e->meta_n}}};
}

size_t entry_size(const struct presence_entry *e)
{
    enum { AROUND = 12 }; /* the marks and lengths of MessagePack */
    return (size_t)AROUND + e->ref_n + e->prev_n + e->user_n + e->meta_n;
}

void entries_add(struct entry_list *l, struct presence_entry *e)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 8;
        l->p = realloc(l->p, l->cap * sizeof *l->p);
        ENSURE(l->p != NULL);
    }
    l->p[l->n++] = e;
}

void entries_fini(struct entry_list *l)
{
    free(l->p);
    *l = (struct entry_list){0};
}

static int compare(struct bytes a, struct bytes b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int by_user(const void *a, const void *b)
{
    struct msg x = entry_msg(*(struct presence_entry *const *)a);
    struct msg y = entry_msg(*(struct presence_entry *const *)b);
    int order = compare(x.presence_entry.user, y.presence_entry.user);
    return order ? order : compare(x.presence_entry.ref, y.presence_entry.ref);
}

void entries_sort(struct entry_list *l)
{
    if (l->n > 1)
        qsort(l->p, l->n, sizeof(struct presence_entry *), by_user);
}

/* The meta of an entry: its refs in front of what the client gave. */
static void write_meta(struct buf *out, const struct msg_presence_entry *e)
{
    buf_text(out, "{\"phx_ref\":\"");
    buf_bytes(out, e->ref);
    if (e->prev.n > 0) {
        buf_text(out, "\",\"phx_ref_prev\":\"");
        buf_bytes(out, e->prev);
    }
    buf_byte(out, '"');
    if (e->meta.n > 2) { /* more than {} */
        buf_byte(out, ',');
        buf_add(out, e->meta.p + 1, e->meta.n - 1);
    } else {
        buf_byte(out, '}');
    }
}

void entries_write(struct buf *out, const struct entry_list *l)
{
    struct bytes user = {NULL, 0};
    buf_byte(out, '{');
    for (uint32_t i = 0; i < l->n; i++) {
        struct msg m = entry_msg(l->p[i]);
        if (i > 0 && bytes_equal(m.presence_entry.user, user)) {
            buf_byte(out, ',');
        } else {
            user = m.presence_entry.user;
            buf_text(out, i > 0 ? "]}," : "");
            json_write_string(out, user);
            buf_text(out, ":{\"metas\":[");
        }
        write_meta(out, &m.presence_entry);
    }
    buf_text(out, l->n > 0 ? "]}}" : "}");
}
