/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/engine_mem.h"

#include "lib/ensure.h"

#include <stdlib.h>

struct mem_row {
    struct bytes key, value; /* in one allocation, at key.p */
};

struct mem_table {
    struct mem_row *rows;
    size_t count, cap;
};

struct mem_undo {
    enum table table;
    struct mem_row row; /* as it was; value.p NULL: it was not there, and only the key is here */
};

struct mem {
    struct engine base;
    struct txn txn;
    bool open, writing;
    struct mem_table tables[TABLE_COUNT];
    struct mem_undo *undo;
    size_t undo_count, undo_cap;
    struct mem_faults faults;
};

static const struct engine_ops mem_ops;

static struct mem *mem_of(struct txn *t)
{
    return (struct mem *)((char *)t - offsetof(struct mem, txn));
}

static int compare(struct bytes a, struct bytes b)
{
    int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* The place of a key, or of the first one above it. */
static size_t place_of(const struct mem_table *t, struct bytes key, bool *there)
{
    size_t from = 0, to = t->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int c = compare(t->rows[middle].key, key);
        if (c == 0) {
            *there = true;
            return middle;
        }
        if (c < 0)
            from = middle + 1;
        else
            to = middle;
    }
    *there = false;
    return from;
}

static struct mem_row row_new(struct bytes key, struct bytes value)
{
    char *p = malloc(key.n + value.n + 1);
    ENSURE(p != NULL);
    memcpy(p, key.p, key.n);
    if (value.n > 0)
        memcpy(p + key.n, value.p, value.n);
    return (struct mem_row){{p, key.n}, {p + key.n, value.n}};
}

static void row_free(struct mem_row *row)
{
    free((void *)(uintptr_t)row->key.p);
}

static void insert(struct mem_table *t, size_t at, struct mem_row row)
{
    if (t->count == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->rows = realloc(t->rows, t->cap * sizeof *t->rows);
        ENSURE(t->rows != NULL);
    }
    memmove(t->rows + at + 1, t->rows + at, (t->count++ - at) * sizeof *t->rows);
    t->rows[at] = row;
}

static void take_out(struct mem_table *t, size_t at)
{
    memmove(t->rows + at, t->rows + at + 1, (--t->count - at) * sizeof *t->rows);
}

static void remember(struct mem *m, enum table table, struct mem_row row)
{
    if (m->undo_count == m->undo_cap) {
        m->undo_cap = m->undo_cap ? m->undo_cap * 2 : 64;
        m->undo = realloc(m->undo, m->undo_cap * sizeof *m->undo);
        ENSURE(m->undo != NULL);
    }
    m->undo[m->undo_count++] = (struct mem_undo){table, row};
}

static enum err mem_begin(struct engine *e, bool write, struct txn **txn)
{
    struct mem *m = (struct mem *)e;
    ENSURE(!m->open);
    m->open = true;
    m->writing = write;
    *txn = &m->txn;
    return ERR_OK;
}

static void mem_abort(struct txn *t)
{
    struct mem *m = mem_of(t);
    while (m->undo_count > 0) {
        struct mem_undo *u = &m->undo[--m->undo_count];
        struct mem_table *table = &m->tables[u->table];
        bool there;
        size_t at = place_of(table, u->row.key, &there);
        if (there) {
            row_free(&table->rows[at]);
            take_out(table, at);
        }
        if (u->row.value.p)
            insert(table, at, u->row);
        else
            row_free(&u->row);
    }
    m->open = m->writing = false;
}

static enum err mem_again(struct txn *t)
{
    ENSURE(!mem_of(t)->writing);
    return ERR_OK;
}

static enum err mem_commit(struct txn *t)
{
    struct mem *m = mem_of(t);
    enum err e = m->faults.next_commit;
    m->faults.next_commit = ERR_OK;
    if (e && !m->faults.done_anyway) {
        mem_abort(t);
        return e;
    }
    m->faults.done_anyway = false;
    for (size_t i = 0; i < m->undo_count; i++)
        row_free(&m->undo[i].row);
    m->undo_count = 0;
    m->open = m->writing = false;
    m->faults.commits++;
    return e;
}

static enum err mem_get(struct txn *t, enum table table, struct bytes key, struct bytes *value)
{
    struct mem_table *rows = &mem_of(t)->tables[table];
    bool there;
    size_t at = place_of(rows, key, &there);
    if (!there)
        return ERR_NOT_FOUND;
    *value = rows->rows[at].value;
    return ERR_OK;
}

static enum err mem_put(struct txn *t, enum table table, struct bytes key, struct bytes value,
                        bool append)
{
    struct mem *m = mem_of(t);
    struct mem_table *rows = &m->tables[table];
    bool there;
    size_t at = place_of(rows, key, &there);
    ENSURE(m->writing);
    if (append && (there || at != rows->count))
        return ERR_WORLD;
    if (m->faults.used_bytes + key.n + value.n > m->faults.map_bytes)
        return ERR_FULL;
    m->faults.used_bytes += key.n + value.n; /* as in LMDB: never less for what is replaced */
    struct mem_row row = row_new(key, value);
    if (there) {
        remember(m, table, rows->rows[at]);
        rows->rows[at] = row;
    } else {
        struct mem_row none = row_new(key, (struct bytes){0});
        none.value.p = NULL;
        remember(m, table, none);
        insert(rows, at, row);
    }
    return ERR_OK;
}

static enum err mem_del(struct txn *t, enum table table, struct bytes key)
{
    struct mem *m = mem_of(t);
    bool there;
    size_t at = place_of(&m->tables[table], key, &there);
    ENSURE(m->writing);
    if (!there)
        return ERR_NOT_FOUND;
    remember(m, table, m->tables[table].rows[at]);
    take_out(&m->tables[table], at);
    return ERR_OK;
}

/* The cursor is the number of the row, and one more: NULL is the beginning. */
static enum err mem_walk(struct walk *w, struct bytes *key, struct bytes *value)
{
    const struct mem_table *t = &mem_of(w->txn)->tables[w->table];
    bool up = w->way == WALK_up, there = false;
    size_t at;
    if (w->cursor)
        at = (size_t)(uintptr_t)w->cursor - 1 + (up ? 1 : SIZE_MAX);
    else if (w->from.n == 0)
        at = up ? 0 : t->count - 1;
    else
        at = place_of(t, w->from, &there) - (up || there ? 0 : 1);
    if (at >= t->count)
        return ERR_NOT_FOUND;
    *key = t->rows[at].key;
    *value = t->rows[at].value;
    w->cursor = (void *)(uintptr_t)(at + 1);
    return ERR_OK;
}

static void mem_walk_end(struct walk *w)
{
    (void)w;
}

static enum err mem_grow(struct engine *e)
{
    ((struct mem *)e)->faults.map_bytes *= 2;
    return ERR_OK;
}

static enum err mem_room(struct engine *e, uint64_t bytes)
{
    return ((struct mem *)e)->faults.free_bytes >= bytes ? ERR_OK : ERR_NO_SPACE;
}

static struct engine_stats mem_stats(struct engine *e)
{
    return (struct engine_stats){.map_bytes = ((struct mem *)e)->faults.map_bytes};
}

static void mem_close(struct engine *e)
{
    struct mem *m = (struct mem *)e;
    engine_mem_crash(e);
    for (int i = 0; i < TABLE_COUNT; i++) {
        for (size_t row = 0; row < m->tables[i].count; row++)
            row_free(&m->tables[i].rows[row]);
        free(m->tables[i].rows);
    }
    free(m->undo);
    buf_fini(&m->txn.scratch);
    free(m);
}

struct engine *engine_mem_new(void)
{
    struct mem *m = calloc(1, sizeof *m);
    ENSURE(m != NULL);
    m->base.ops = &mem_ops;
    m->txn.ops = &mem_ops;
    m->faults = (struct mem_faults){.free_bytes = UINT64_MAX, .map_bytes = UINT64_MAX};
    return &m->base;
}

struct mem_faults *engine_mem_faults(struct engine *e)
{
    return &((struct mem *)e)->faults;
}

void engine_mem_crash(struct engine *e)
{
    struct mem *m = (struct mem *)e;
    if (m->open)
        mem_abort(&m->txn);
}

static const struct engine_ops mem_ops = {
    .close = mem_close,
    .begin = mem_begin,
    .grow = mem_grow,
    .room = mem_room,
    .stats = mem_stats,
    .get = mem_get,
    .put = mem_put,
    .del = mem_del,
    .again = mem_again,
    .commit = mem_commit,
    .abort = mem_abort,
    .walk = mem_walk,
    .walk_end = mem_walk_end,
};
