/* SPDX-License-Identifier: Apache-2.0 */
#include "store/categories.h"

#include "lib/ensure.h"
#include "store/record.h"

static enum err read_row(struct txn *t, struct bytes key, struct bytes value, struct category *c)
{
    *c = (struct category){.no = key_number(key, 1)};
    enum err e = record_read(t, TABLE_categories, key, value, &c->row, FIELDS_OF(c->row), &c->name);
    bool good = !e && c->name.n > 0 && c->name.n <= CATEGORY_MAX && c->no <= CATEGORIES_MAX;
    return e || good ? e : record_damaged(t, TABLE_categories, key);
}

/* One after the other into `next()`s memory. */
static enum err load(struct txn *t, struct topic *in, struct category *(*next)(void *of), void *of)
{
    struct key from = key2(in->row.no, 0);
    struct bytes key, value;
    struct walk walk;
    enum err e = ERR_OK;
    in->categories = NULL;
    if (in->row.categories == 0)
        return ERR_OK;
    walk_open(&walk, t, TABLE_categories, WALK_up, key_bytes(&from));
    while (!e && walk_next(&walk, &key, &value) && key_number(key, 0) == in->row.no) {
        struct category read, *c;
        e = read_row(t, key, value, &read);
        if (e)
            break;
        c = next(of);
        *c = read;
        c->next = in->categories;
        in->categories = c;
    }
    walk_close(&walk);
    return e ? e : t->failed;
}

static struct category *next_in_room(void *of)
{
    struct category **room = of;
    return (*room)++;
}

enum err categories_load(struct txn *t, struct topic *in, struct category room[CATEGORIES_MAX])
{
    return load(t, in, next_in_room, &room);
}

static struct category *next_in_arena(void *of)
{
    struct work *w = of;
    struct category *c = arena_alloc(&w->arena, sizeof *c);
    ENSURE(c != NULL); /* the weight of a commit bounds them */
    return c;
}

static void keep_name(struct work *w, struct category *c)
{
    char *text = arena_text(&w->arena, c->name);
    ENSURE(text != NULL);
    c->name.p = text;
}

enum err categories_open(struct work *w, struct topic *in)
{
    enum err e = load(w->txn, in, next_in_arena, w);
    for (struct category *c = in->categories; !e && c; c = c->next)
        keep_name(w, c);
    return e;
}

struct category *category_of(const struct topic *in, uint64_t no)
{
    struct category *c = no == 0 ? NULL : in->categories;
    while (c && c->no != no)
        c = c->next;
    return c;
}

struct category *category_named(const struct topic *in, struct bytes name)
{
    struct category *c = in->categories;
    while (c && !bytes_equal(c->name, name))
        c = c->next;
    return c && c->row.items > 0 ? c : NULL;
}

/* One that no item has, to be used again. */
static struct category *unused(const struct topic *in)
{
    struct category *c = in->categories;
    while (c && c->row.items > 0)
        c = c->next;
    return c;
}

bool category_fits(const struct topic *in, struct bytes name)
{
    return name.n == 0 || category_named(in, name) || in->row.categories < CATEGORIES_MAX;
}

/* Its marks go with it: another one may get its number. */
static void forget(struct work *w, const struct topic *in, const struct category *c)
{
    enum { SLICE = 64 };
    struct key from = key3(in->row.no, c->no, 0), old[SLICE], row = key2(in->row.no, c->no);
    for (unsigned n = SLICE; n == SLICE;) {
        struct bytes key, value;
        struct walk walk;
        n = 0;
        walk_open(&walk, w->txn, TABLE_category_marks, WALK_up, key_bytes(&from));
        while (n < SLICE && walk_next(&walk, &key, &value) && key_number(key, 0) == in->row.no &&
               key_number(key, 1) == c->no)
            old[n++] = key3(in->row.no, c->no, key_number(key, 2));
        walk_close(&walk);
        for (unsigned i = 0; i < n; i++)
            txn_del(w->txn, TABLE_category_marks, key_bytes(&old[i]));
    }
    txn_del(w->txn, TABLE_categories, key_bytes(&row));
}

struct category *category_make(struct work *w, struct topic *in, struct bytes name)
{
    struct category *c = category_named(in, name);
    if (c)
        return c;
    if (in->row.categories >= CATEGORIES_MAX)
        return NULL;
    c = unused(in);
    if (c && c->dirty) {
        forget(w, in, c);
    } else if (!c) {
        uint64_t no = 1;
        while (category_of(in, no))
            no++;
        c = next_in_arena(w);
        *c = (struct category){.next = in->categories, .no = no};
        in->categories = c;
    }
    c->row = (struct category_row){0};
    c->name = name;
    keep_name(w, c);
    return c;
}

uint32_t categories_tell(struct topic *in, struct buf *list)
{
    uint32_t n = 0;
    for (struct category *c = in->categories; c; c = c->next) {
        if (!c->untold)
            continue;
        c->untold = false;
        struct msg m = {.id = MSG_tally,
                        .tally = {.name = c->name,
                                  .unread = counts_unread(&c->row.counts),
                                  .unseen = c->row.counts.unseen}};
        msg_write(list, &m);
        n++;
    }
    return n;
}

void categories_flush(struct work *w, struct topic *in)
{
    for (struct category *c = in->categories; c; c = c->next) {
        struct key key = key2(in->row.no, c->no);
        if (c->dirty && c->row.items == 0)
            forget(w, in, c);
        else if (c->dirty)
            record_put(w->txn, TABLE_categories, key_bytes(&key), &c->row, FIELDS_OF(c->row),
                       c->name);
        c->dirty = false;
    }
}
