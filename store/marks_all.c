/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to all items up to a pos: reading, seeing, archiving. */
#include "store/marks.h"

#include "store/categories.h"
#include "store/record.h"

/* -- reading all ------------------------------------------------------------------------------ */

/* What a mark of all takes out of the counts: of the inbox at 0, of a category at its number. */
struct takes {
    struct counts of[CATEGORIES_MAX + 1];
    uint64_t up_to, category; /* 0: of all */
    uint64_t observed_seq;
    uint64_t goes[MARK_UNREAD_MAX]; /* positions of items marked as unread that it takes back */
    unsigned go;
    struct bytes stay; /* ids of those that it does not, in w->ids */
};

static bool concerns(const struct takes *t, const struct item *i)
{
    return t->category == 0 || i->row.category == t->category;
}

static void add(struct counts *c, const struct item *i, bool unseen, int64_t by)
{
    c->unread[i->row.type] += (uint64_t)by;
    c->unseen += unseen ? (uint64_t)by : 0;
}

/* One item more that it takes, or one that is in the counts and stays. */
static void take(struct takes *t, const struct topic *in, const struct item *i, int64_t by)
{
    bool unseen = item_is_unseen(in, i);
    add(&t->of[0], i, unseen, by);
    if (category_of(in, i->row.category))
        add(&t->of[i->row.category], i, unseen, by);
}

/* Those that their user marked as unread stand in a table of their own. Some stay so; those that do
 * not are changed one by one, and are no more in what the mark takes. */
static enum err take_back(struct work *w, const struct topic *in, struct takes *t, bool whole)
{
    struct key from = key2(in->row.no, 0);
    struct bytes key, value;
    struct walk walk;
    enum err e = ERR_OK;
    if (in->row.unread_set == 0)
        return ERR_OK;
    walk_open(&walk, w->txn, TABLE_unread, WALK_up, key_bytes(&from));
    while (!e && walk_next(&walk, &key, &value) && key_number(key, 0) == in->row.no &&
           key_number(key, 1) <= t->up_to) {
        struct item i;
        e = item_at(w->txn, &in->row, key_number(key, 1), &i);
        if (e == ERR_NOT_FOUND)
            e = record_damaged(w->txn, TABLE_unread, key);
        if (e || !concerns(t, &i))
            continue;
        if (whole && item_counts(&i))
            take(t, in, &i, -1);
        if (i.row.unread_seq <= t->observed_seq && t->go < MARK_UNREAD_MAX) {
            t->goes[t->go++] = i.pos;
        } else if (t->stay.n < sizeof w->ids[0]) {
            item_id(&i, (uint8_t *)w->ids[0] + t->stay.n);
            t->stay = (struct bytes){w->ids[0], t->stay.n + ID_SIZE};
        }
    }
    walk_close(&walk);
    return e ? e : w->txn->failed;
}

/* All of the inbox, or of a category, is in the counts. */
static void take_whole(const struct topic *in, struct takes *t)
{
    if (t->category == 0)
        t->of[0] = in->row.counts;
    for (const struct category *c = in->categories; c; c = c->next)
        if (t->category == 0 || t->category == c->no)
            t->of[c->no] = c->row.counts;
    if (t->category != 0)
        t->of[0] = t->of[t->category];
}

/* What lies below the highest mark is read already. */
static enum err take_some(struct work *w, const struct topic *in, struct takes *t, uint64_t above)
{
    struct key from = key2(in->row.no, above + 1);
    struct bytes key, value;
    struct item i;
    struct walk walk;
    enum err e = ERR_OK;
    walk_open(&walk, w->txn, TABLE_index, WALK_up, key_bytes(&from));
    while (!e && walk_next(&walk, &key, &value) && key_number(key, 0) == in->row.no &&
           key_number(key, 1) <= t->up_to) {
        e = item_read(w->txn, TABLE_index, key, value, &i);
        bool its = !e && concerns(t, &i) && (i.row.flags & ITEM_unread) == 0;
        if (its && item_counts(&i) && !item_is_read(in, &i))
            take(t, in, &i, 1);
    }
    walk_close(&walk);
    return e ? e : w->txn->failed;
}

static bool any(const struct counts *c)
{
    static const struct counts none;
    return memcmp(c, &none, sizeof none) != 0;
}

static void subtract(struct counts *from, const struct counts *c)
{
    uint64_t *n = (uint64_t *)(void *)from;
    const uint64_t *by = (const uint64_t *)(const void *)c;
    for (unsigned i = 0; i < FIELDS_OF(*c); i++)
        n[i] = n[i] > by[i] ? n[i] - by[i] : 0; /* as in items.c: never below zero */
}

static void taken_away(struct topic *in, const struct takes *t)
{
    subtract(&in->row.counts, &t->of[0]);
    for (struct category *c = in->categories; c; c = c->next) {
        if (!any(&t->of[c->no]))
            continue;
        subtract(&c->row.counts, &t->of[c->no]);
        c->dirty = c->untold = true;
    }
    in->dirty = true;
}

/* What was marked as unread becomes read by itself: its mark may lie below it. */
static void read_back(struct work *w, struct topic *in, const struct takes *t)
{
    for (unsigned n = 0; n < t->go; n++) {
        struct item item, after;
        if (item_at(w->txn, &in->row, t->goes[n], &item))
            continue; /* it was read a moment ago, from the same moment */
        after = item;
        after.row.read_ms = w->at_ms;
        after.row.rev = w->state.head + 1;
        after.row.flags &= ~(uint64_t)ITEM_unread;
        item_recount(in, &item, &after);
        item_rewrite(w, in, &item, &after);
    }
}

/* The mark itself, under the entry that tells of it. */
static void put_mark(struct work *w, struct topic *in, struct category *c, uint64_t up_to)
{
    struct mark_row mark = {.at_ms = w->at_ms, .seq = in->row.head};
    struct key key = c ? key3(in->row.no, c->no, up_to) : key2(in->row.no, up_to);
    in->row.evict_from = 0; /* what it made read may lie anywhere below */
    record_put(w->txn, c ? TABLE_category_marks : TABLE_marks, key_bytes(&key), &mark,
               FIELDS_OF(mark), (struct bytes){0});
}

static enum err find_taken(struct work *w, const struct topic *in, struct takes *t, uint64_t above)
{
    bool whole = t->up_to >= in->row.newest_pos;
    memset(t->of, 0, sizeof t->of);
    t->go = 0;
    t->stay = (struct bytes){0};
    enum err e = ERR_OK;
    if (whole)
        take_whole(in, t);
    else if (t->up_to > above)
        e = take_some(w, in, t, above);
    return e ? e : take_back(w, in, t, whole);
}

static enum err read_all(struct work *w, struct topic *in, const struct msg_mark_all *m,
                         uint64_t up_to)
{
    static _Thread_local struct takes t; /* 80 KB that need not be on the stack */
    struct category *c = m->category.n > 0 ? category_named(in, m->category) : NULL;
    if (m->category.n > 0 && !c)
        return ERR_OK; /* no item has it */
    t.up_to = up_to;
    t.category = c ? c->no : 0;
    t.observed_seq = m->observed_seq;
    uint64_t above = in->row.read_upto;
    if (c && c->row.read_upto > above)
        above = c->row.read_upto;
    enum err e = find_taken(w, in, &t, above);
    bool rises = up_to > above; /* which tells of what is aside, too, though it is in no count */
    if (e || (t.go == 0 && !rises))
        return e; /* everything below is read already */
    read_back(w, in, &t);
    taken_away(in, &t);
    if (rises && c)
        c->row.read_upto = up_to;
    else if (rises)
        in->row.read_upto = up_to;
    if (c)
        c->dirty = true;
    topic_append(w, in,
                 &(struct msg_entry){.kind = ENTRY_all_read,
                                     .pos = up_to,
                                     .op_id = m->op_id,
                                     .category = m->category,
                                     .ids = t.stay});
    if (rises)
        put_mark(w, in, c, up_to);
    return ERR_OK;
}

/* -- seeing all ------------------------------------------------------------------------------- */

static enum err see_some(struct work *w, const struct topic *in, struct takes *t)
{
    struct key from = key2(in->row.no, in->row.seen_upto + 1);
    struct bytes key, value;
    struct item i;
    struct walk walk;
    enum err e = ERR_OK;
    walk_open(&walk, w->txn, TABLE_index, WALK_up, key_bytes(&from));
    while (!e && walk_next(&walk, &key, &value) && key_number(key, 0) == in->row.no &&
           key_number(key, 1) <= t->up_to) {
        e = item_read(w->txn, TABLE_index, key, value, &i);
        if (e || !item_counts(&i) || !item_is_unseen(in, &i))
            continue;
        t->of[0].unseen++;
        if (category_of(in, i.row.category))
            t->of[i.row.category].unseen++;
    }
    walk_close(&walk);
    return e ? e : w->txn->failed;
}

static void see_whole(const struct topic *in, struct takes *t)
{
    t->of[0].unseen = in->row.counts.unseen;
    for (const struct category *c = in->categories; c; c = c->next)
        t->of[c->no].unseen = c->row.counts.unseen;
}

static enum err see_all(struct work *w, struct topic *in, const struct msg_mark_all *m,
                        uint64_t up_to)
{
    static _Thread_local struct takes t;
    enum err e = ERR_OK;
    if (up_to <= in->row.seen_upto)
        return ERR_OK;
    memset(t.of, 0, sizeof t.of);
    t.up_to = up_to;
    if (up_to >= in->row.newest_pos)
        see_whole(in, &t);
    else
        e = see_some(w, in, &t);
    if (e)
        return e;
    taken_away(in, &t);
    in->row.seen_upto = up_to;
    topic_append(w, in,
                 &(struct msg_entry){.kind = ENTRY_all_seen, .pos = up_to, .op_id = m->op_id});
    return ERR_OK;
}

/* -- archiving all ---------------------------------------------------------------------------- */

enum { SLICE = 256 };

/* Items of the inbox from `*from` on, up to `up_to`, that are to be archived. `*from`: where the next
 * slice begins; 0: that was all. */
static enum err find_slice(struct work *w, const struct topic *in, const struct msg_mark_all *m,
                           uint64_t up_to, uint64_t *from, struct item items[SLICE], unsigned *n)
{
    struct key at = key2(in->row.no, *from);
    struct bytes key, value;
    struct walk walk;
    enum err e = ERR_OK;
    *n = 0;
    walk_open(&walk, w->txn, TABLE_index, WALK_up, key_bytes(&at));
    *from = 0;
    while (!e && walk_next(&walk, &key, &value) && key_number(key, 0) == in->row.no &&
           key_number(key, 1) <= up_to) {
        if (*n == SLICE) {
            *from = key_number(key, 1);
            break;
        }
        e = item_read(w->txn, TABLE_index, key, value, &items[*n]);
        *n += !e && (m->only_read == 0 || item_is_read(in, &items[*n]));
    }
    walk_close(&walk);
    return e ? e : w->txn->failed;
}

static enum err archive_all(struct work *w, struct topic *in, const struct msg_mark_all *m,
                            uint64_t up_to)
{
    struct item items[SLICE];
    unsigned n;
    uint64_t from = 1, some = 0;
    do { /* all of it can be read */
        enum err e = find_slice(w, in, m, up_to, &from, items, &n);
        if (e)
            return e;
        some += n;
    } while (from > 0);
    if (some == 0)
        return ERR_OK;
    from = 1;
    do {
        if (find_slice(w, in, m, up_to, &from, items, &n))
            break;
        for (unsigned i = 0; i < n; i++) {
            struct item after = items[i];
            after.row.flags |= ITEM_archived;
            after.row.rev = w->state.head + 1;
            item_recount(in, &items[i], &after);
            item_rewrite(w, in, &items[i], &after);
        }
    } while (from > 0);
    topic_append(
        w, in,
        &(struct msg_entry){
            .kind = ENTRY_all_archived, .pos = up_to, .op_id = m->op_id, .what = m->only_read});
    return ERR_OK;
}

enum err inbox_mark_all(struct work *w, struct topic *in, const struct msg_mark_all *m,
                        uint64_t *up_to)
{
    *up_to = m->up_to > in->row.newest_pos ? in->row.newest_pos : m->up_to;
    if (*up_to == 0)
        return ERR_OK;
    switch (m->what) {
    case MARK_read:
        return read_all(w, in, m, *up_to);
    case MARK_seen:
        return see_all(w, in, m, *up_to);
    case MARK_archive:
        return archive_all(w, in, m, *up_to);
    default:
        return ERR_INVALID;
    }
}
