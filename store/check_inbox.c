/* SPDX-License-Identifier: Apache-2.0 */
/* An inbox, recounted. */
#include "store/check.h"

#include "proto/event.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "store/broadcast.h"
#include "store/categories.h"
#include "store/items.h"
#include "store/log.h"
#include "store/prefs.h"
#include "store/record.h"

/* What there must be rows of. */
struct found {
    struct recount *c;
    struct topic in; /* with the categories as they are kept */
    struct category room[CATEGORIES_MAX];
    struct category_row categories[CATEGORIES_MAX + 1]; /* by number, recounted */
    uint64_t reads;                                     /* items with a row in `read` */
    uint64_t timers, next_ms;
    uint64_t merged; /* items that came from broadcasts */
    uint64_t collapses;
};

static void row_of(struct found *f, enum table table, struct key key, const char *what)
{
    struct bytes rest;
    if (record_get(f->c->r->txn, table, key_bytes(&key), NULL, 0, &rest))
        drift(f->c, what, key_number(key_bytes(&key), 1), 0);
}

static void moved_row(struct found *f, const struct item *i)
{
    struct key key = key2(f->c->kept.no, item_birth(i));
    uint64_t pos = 0;
    record_get(f->c->r->txn, TABLE_moved, key_bytes(&key), &pos, 1, NULL);
    drift(f->c, "where an item has moved", pos, i->pos);
}

/* Its body is in the log, and is the body of this one. */
static void body(struct found *f, const struct item *i)
{
    struct msg_entry e;
    struct msg_item told;
    struct bytes raw;
    bool good = log_get(f->c->r->txn, item_content(i), &e, &raw) == ERR_OK &&
                (e.kind == ENTRY_broadcast || bytes_equal(e.topic, f->c->topic));
    if (good && e.kind == ENTRY_imported)
        good = e.pos == item_birth(i) && e.born_ms == i->row.at_ms;
    else if (good && e.kind == ENTRY_created)
        good = e.pos == item_birth(i) && (e.born_ms ? e.born_ms : e.at_ms) == i->row.at_ms;
    else if (good && e.kind == ENTRY_broadcast)
        good = e.seq == i->row.broadcast && e.at_ms == i->row.at_ms;
    else if (good)
        good = entry_item(&e, &told);
    if (!good)
        drift(f->c, "item without its entry", i->pos, 0);
}

/* An item that a broadcast became is known as its. */
static void merged(struct found *f, const struct item *i)
{
    struct key key = key2(f->c->kept.no, i->row.broadcast);
    uint64_t birth = 0;
    f->merged++;
    record_get(f->c->r->txn, TABLE_merged, key_bytes(&key), &birth, 1, NULL);
    drift(f->c, "broadcast's item", birth, item_birth(i));
}

/* Read by itself: it may have a row, where items are evicted. */
static void read_row(struct found *f, const struct item *i)
{
    struct key key = key2(f->c->kept.no, i->pos);
    struct bytes value;
    f->reads += txn_get(f->c->r->txn, TABLE_read, key_bytes(&key), &value) == ERR_OK;
}

static bool read_now(const struct found *f, const struct item *i)
{
    const struct category *c = category_of(&f->in, i->row.category);
    uint64_t own_mark = c ? c->row.read_upto : 0;
    if (i->row.read_ms != 0)
        return true;
    return (i->row.flags & ITEM_unread) == 0 &&
           (i->pos <= f->c->kept.read_upto || i->pos <= own_mark);
}

static void count(struct found *f, const struct item *i)
{
    uint64_t hidden = ITEM_archived | ITEM_snoozed | ITEM_muted;
    struct counts *mine = &f->categories[i->row.category].counts;
    if ((i->row.flags & hidden) || read_now(f, i))
        return;
    bool unseen = type_row(i->row.type)->counted && (i->row.flags & ITEM_seen) == 0 &&
                  i->pos > f->c->kept.seen_upto;
    f->c->found.counts.unread[i->row.type]++;
    f->c->found.counts.unseen += unseen;
    mine->unread[i->row.type]++;
    mine->unseen += unseen;
}

/* What arrives under its key is to find it. */
static void collapse_row(struct found *f, const struct item *i)
{
    struct key key = key2(f->c->kept.no, i->row.collapse);
    struct bytes text;
    uint64_t birth = 0;
    f->collapses++;
    record_get(f->c->r->txn, TABLE_collapse, key_bytes(&key), &birth, 1, &text);
    drift(f->c, "item of a collapse_key", birth, item_birth(i));
}

static void look(struct found *f, const struct item *i)
{
    struct topic_row *found = &f->c->found;
    found->snoozed += (i->row.flags & ITEM_snoozed) != 0;
    found->moved += i->row.birth != 0;
    found->unread_set += (i->row.flags & ITEM_unread) != 0;
    f->categories[i->row.category].items++;
    if (i->row.category != 0 && !category_of(&f->in, i->row.category))
        drift(f->c, "item of no category", i->row.category, 0);
    if (i->row.birth != 0)
        moved_row(f, i);
    if (i->row.collapse != 0)
        collapse_row(f, i);
    if (i->row.flags & ITEM_unread)
        row_of(f, TABLE_unread, key2(f->c->kept.no, i->pos), "unread row");
    if (i->row.read_ms != 0 && item_table(i) == TABLE_index)
        read_row(f, i);
    else if (item_table(i) == TABLE_index && i->pos < f->c->kept.evict_from && read_now(f, i))
        drift(f->c, "item that eviction passes by", f->c->kept.evict_from, i->pos);
    uint64_t timer_ms = item_timer(i);
    if (timer_ms != 0) {
        f->timers++;
        if (f->next_ms == 0 || timer_ms < f->next_ms)
            f->next_ms = timer_ms;
        row_of(f, TABLE_expiry, key3(f->c->kept.no, timer_ms, i->pos), "expiry row");
    }
    if (i->row.broadcast != 0)
        merged(f, i);
    count(f, i);
    body(f, i);
}

static void count_item(struct found *f, enum table table, struct bytes key, struct bytes value)
{
    struct recount *c = f->c;
    struct item item;
    c->items++;
    c->found.items++;
    c->found.aside += table == TABLE_aside;
    if (item_read(c->r->txn, table, key, value, &item))
        drift(c, "damaged item", key_number(key, 1), 0);
    else if (item_table(&item) != table)
        drift(c, "item in the wrong place", item.pos, item.row.flags);
    else
        look(f, &item);
}

/* False: the inbox has changed meanwhile. */
static bool count_items(struct found *f, enum table table)
{
    struct recount *c = f->c;
    uint64_t pos = 0;
    bool more;
    do {
        struct key from = key2(c->kept.no, pos + 1);
        struct bytes key, value;
        struct walk w;
        more = false;
        walk_open(&w, c->r->txn, table, WALK_up, key_bytes(&from));
        while (!more && walk_next(&w, &key, &value) && key_number(key, 0) == c->kept.no) {
            pos = key_number(key, 1);
            count_item(f, table, key, value);
            more = recount_due(c);
        }
        walk_close(&w);
        if (more && !recount_again(c))
            return false;
    } while (more);
    return true;
}

/* Rows whose key begins as this one; the number behind that in the last of them. */
static uint64_t rows(struct found *f, enum table table, struct key begins, uint64_t *last)
{
    struct bytes key, value;
    struct walk w;
    uint64_t n = 0;
    *last = 0;
    walk_open(&w, f->c->r->txn, table, WALK_up, key_bytes(&begins));
    while (walk_next(&w, &key, &value) && key.n > begins.n &&
           memcmp(key.p, begins.p, begins.n) == 0) {
        n++;
        *last = key_number(key, (unsigned)(begins.n / 8));
    }
    walk_close(&w);
    return n;
}

static void count_rows(struct found *f)
{
    struct recount *c = f->c;
    struct key no = key1(c->kept.no);
    uint64_t last;
    struct bytes topic;
    drift(c, "expiry rows", rows(f, TABLE_expiry, no, &last), f->timers);
    c->found.next_expiry_ms = f->next_ms;
    drift(c, "unread rows", rows(f, TABLE_unread, no, &last), c->found.unread_set);
    drift(c, "read rows", rows(f, TABLE_read, no, &last), f->reads);
    drift(c, "rows of collapse_keys", rows(f, TABLE_collapse, no, &last), f->collapses);
    drift(c, "moved rows", rows(f, TABLE_moved, no, &last), c->found.moved);
    drift(c, "merged broadcasts", rows(f, TABLE_merged, no, &last), f->merged);
    rows(f, TABLE_marks, no, &last);
    drift(c, "highest mark", c->kept.read_upto, last);
    struct key due = key2(c->kept.next_expiry_ms, c->kept.no);
    if (c->kept.next_expiry_ms != 0 &&
        (record_get(c->r->txn, TABLE_due, key_bytes(&due), NULL, 0, &topic) ||
         !bytes_equal(topic, c->topic)))
        drift(c, "due row", c->kept.next_expiry_ms, 0);
}

/* `first`: the number in the row that its counts begin with. */
static void compare_counts(struct recount *c, const struct pair *pair, size_t first)
{
    const uint64_t *kept = pair->kept, *found = pair->found;
    drift(c, "unread", counts_unread((const void *)(kept + first)),
          counts_unread((const void *)(found + first)));
    for (size_t type = 0; type < TYPES_MAX; type++)
        compare_number(c, pair, "unread of a type", first + NUMBER(struct counts, unread) + type);
    compare_number(c, pair, "unseen", first + NUMBER(struct counts, unseen));
}

static void compare_categories(struct found *f)
{
    struct recount *c = f->c;
    uint64_t last, loaded = 0;
    for (const struct category *mine = f->in.categories; mine; mine = mine->next, loaded++) {
        struct pair of = {mine->no, &mine->row, &f->categories[mine->no]};
        compare_number(c, &of, "items of a category", NUMBER(struct category_row, items));
        compare_counts(c, &of, NUMBER(struct category_row, counts));
        rows(f, TABLE_category_marks, key2(c->kept.no, mine->no), &last);
        drift(c, "highest mark of a category", mine->row.read_upto, last);
    }
    for (unsigned no = 1; no <= CATEGORIES_MAX; no++)
        c->found.categories += f->categories[no].items > 0;
    drift(c, "category rows", rows(f, TABLE_categories, key1(c->kept.no), &last), loaded);
}

static void compare(struct found *f)
{
    static const struct {
        const char *what;
        size_t number;
    } numbers[] = {{"categories", NUMBER(struct topic_row, categories)},
                   {"next expiry", NUMBER(struct topic_row, next_expiry_ms)},
                   {"items aside", NUMBER(struct topic_row, aside)},
                   {"snoozed items", NUMBER(struct topic_row, snoozed)},
                   {"items that have moved", NUMBER(struct topic_row, moved)},
                   {"items marked as unread", NUMBER(struct topic_row, unread_set)}};
    struct pair own = {.kept = &f->c->kept, .found = &f->c->found};
    compare_counts(f->c, &own, NUMBER(struct topic_row, counts));
    compare_categories(f);
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
        compare_number(f->c, &own, numbers[i].what, numbers[i].number);
    drift(f->c, "newest item", f->c->kept.newest_pos, f->c->found.newest_pos);
}

/* Preferences stand where the row says so. */
static void find_prefs(struct recount *c)
{
    struct bytes user, value;
    struct prefs p;
    if (!topic_user(c->topic, &user))
        return;
    bool there = txn_get(c->r->txn, TABLE_prefs, user, &value) == ERR_OK;
    drift(c, "preferences", c->kept.prefs, there);
    drift(c, "damaged preferences", 0, prefs_load(c->r->txn, user, &p) != ERR_OK);
}

void recount_inbox(struct recount *c)
{
    struct found f = {.c = c, .in = {.row = c->kept}};
    find_prefs(c);
    if (categories_load(c->r->txn, &f.in, f.room))
        drift(c, "damaged category", 1, 0);
    if (!count_items(&f, TABLE_index) || !count_items(&f, TABLE_aside))
        return;
    count_rows(&f);
    follow_chain(c);
    if (!c->moved)
        compare(&f);
}
