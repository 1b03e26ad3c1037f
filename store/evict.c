/* SPDX-License-Identifier: Apache-2.0 */
#include "store/evict.h"

#include "store/categories.h"
#include "store/record.h"

/* The highest mark, of all or of a category. */
static uint64_t highest_mark(const struct topic *in)
{
    uint64_t pos = in->row.read_upto;
    for (const struct category *c = in->categories; c; c = c->next)
        if (c->row.read_upto > pos)
            pos = c->row.read_upto;
    return pos;
}

/* The first in this table from `from` on up to `most` that `is` so. */
static bool first(struct work *w, struct topic *in, enum table table, uint64_t from, uint64_t most,
                  bool (*is)(const struct topic *in, const struct item *i), struct item *item)
{
    struct key at = key2(in->row.no, from);
    struct bytes key, value;
    struct walk walk;
    bool found = false;
    walk_open(&walk, w->txn, table, WALK_up, key_bytes(&at));
    while (!found && walk_next(&walk, &key, &value) && key_number(key, 0) == in->row.no &&
           key_number(key, 1) <= most)
        found = item_read(w->txn, table, key, value, item) == ERR_OK && is(in, item);
    walk_close(&walk);
    return found;
}

static bool is_archived(const struct topic *in, const struct item *i)
{
    (void)in;
    return (i->row.flags & ITEM_archived) != 0;
}

static bool is_any(const struct topic *in, const struct item *i)
{
    (void)in;
    (void)i;
    return true;
}

/* By a mark: from there on the next search goes on. */
static bool first_marked(struct work *w, struct topic *in, struct item *item)
{
    uint64_t mark = highest_mark(in);
    bool found = mark >= in->row.evict_from &&
                 first(w, in, TABLE_index, in->row.evict_from, mark, item_is_read, item);
    if (found)
        in->row.evict_from = item->pos;
    else if (mark >= in->row.evict_from)
        in->row.evict_from = mark + 1;
    return found;
}

/* By itself. */
static bool first_read(struct work *w, struct topic *in, struct item *item)
{
    struct key at = key2(in->row.no, 0);
    struct bytes key, value;
    struct walk walk;
    walk_open(&walk, w->txn, TABLE_read, WALK_up, key_bytes(&at));
    bool there = walk_next(&walk, &key, &value) && key_number(key, 0) == in->row.no;
    uint64_t pos = there ? key_number(key, 1) : 0;
    walk_close(&walk);
    return there && item_at(w->txn, &in->row, pos, item) == ERR_OK;
}

static bool first_to_go(struct work *w, struct topic *in, struct item *item)
{
    struct item other;
    bool found = first_marked(w, in, item);
    if (first_read(w, in, &other) && (!found || other.pos < item->pos)) {
        *item = other;
        found = true;
    }
    if (in->row.aside > 0 && first(w, in, TABLE_aside, 0, UINT64_MAX, is_archived, &other) &&
        (!found || other.pos < item->pos)) {
        *item = other;
        found = true;
    }
    return found || first(w, in, TABLE_index, 0, UINT64_MAX, is_any, item);
}

void inbox_evict(struct work *w, struct topic *in)
{
    struct item item;
    for (int i = 0; i < EVICT_MOST; i++) {
        if (w->limits.max_items == 0 || in->row.items <= w->limits.max_items ||
            !first_to_go(w, in, &item) ||
            inbox_remove(w, in, item_birth(&item), REMOVED_evicted) != ERR_OK)
            return;
        w->tally.evicted++;
    }
}
