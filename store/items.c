/* SPDX-License-Identifier: Apache-2.0 */
#include "store/items.h"

#include "lib/ensure.h"
#include "proto/event.h"
#include "proto/types.h"
#include "store/broadcast.h"
#include "store/categories.h"
#include "store/collapse.h"
#include "store/log.h"
#include "store/record.h"
#include "store/trim.h"

uint64_t item_timer(const struct item *i)
{
    uint64_t ends_ms = i->row.expires_ms, wakes_ms = i->row.until_ms;
    if (ends_ms == 0 || wakes_ms == 0)
        return ends_ms + wakes_ms;
    return ends_ms < wakes_ms ? ends_ms : wakes_ms;
}

void item_id(const struct item *i, uint8_t out[ID_SIZE])
{
    id_make(i->row.at_ms, item_birth(i), out);
}

/* -- where they are --------------------------------------------------------------------------- */

enum err item_read(struct txn *t, enum table table, struct bytes key, struct bytes value,
                   struct item *item)
{
    item->pos = key_number(key, 1);
    enum err e = record_read(t, table, key, value, &item->row, FIELDS_OF(item->row), NULL);
    if (!e && (item->row.type >= TYPE_COUNT || item->row.category > CATEGORIES_MAX))
        return record_damaged(t, table, key);
    return e;
}

static enum err get(struct txn *t, enum table table, uint64_t no, uint64_t pos, struct item *item)
{
    struct key key = key2(no, pos);
    struct bytes value;
    enum err e = txn_get(t, table, key_bytes(&key), &value);
    return e ? e : item_read(t, table, key_bytes(&key), value, item);
}

enum err item_at(struct txn *t, const struct topic_row *row, uint64_t pos, struct item *item)
{
    enum err e = get(t, TABLE_index, row->no, pos, item);
    return e == ERR_NOT_FOUND && row->aside > 0 ? get(t, TABLE_aside, row->no, pos, item) : e;
}

enum err item_born(struct txn *t, const struct topic_row *row, uint64_t birth, struct item *item)
{
    enum err e = item_at(t, row, birth, item);
    if (e != ERR_NOT_FOUND || row->moved == 0)
        return e;
    struct key key = key2(row->no, birth);
    uint64_t pos;
    e = record_get(t, TABLE_moved, key_bytes(&key), &pos, 1, NULL);
    if (e)
        return e;
    e = item_at(t, row, pos, item);
    return e == ERR_NOT_FOUND ? record_damaged(t, TABLE_moved, key_bytes(&key)) : e;
}

enum err item_of_id(struct txn *t, const struct topic_row *row, const uint8_t *id,
                    struct item *item)
{
    uint8_t real[ID_SIZE];
    enum err e = item_born(t, row, id_pos(id), item);
    if (e)
        return e;
    item_id(item, real);
    return memcmp(real, id, ID_SIZE) == 0 ? ERR_OK : ERR_NOT_FOUND;
}

/* -- what they are ---------------------------------------------------------------------------- */

static uint64_t category_mark(const struct topic *in, const struct item *i)
{
    const struct category *c = category_of(in, i->row.category);
    return c ? c->row.read_upto : 0;
}

/* A mark covers it, and its user has not said otherwise since. */
static bool is_marked(const struct topic *in, const struct item *i)
{
    if (i->row.flags & ITEM_unread)
        return false;
    return i->pos <= in->row.read_upto || i->pos <= category_mark(in, i);
}

bool item_is_read(const struct topic *in, const struct item *i)
{
    return i->row.read_ms != 0 || is_marked(in, i);
}

bool item_is_unseen(const struct topic *in, const struct item *i)
{
    return type_row(i->row.type)->counted && (i->row.flags & ITEM_seen) == 0 &&
           i->pos > in->row.seen_upto && !item_is_read(in, i);
}

/* The first mark at or above a pos: in `marks` with two numbers before it, or one. */
static enum err find_mark(struct txn *t, enum table table, struct key from, struct mark_row *mark)
{
    struct bytes key, value;
    struct walk w;
    enum err e = ERR_WORLD;
    walk_open(&w, t, table, WALK_up, key_bytes(&from));
    bool there = walk_next(&w, &key, &value) && key.n == from.n &&
                 memcmp(key.p, from.p, from.n - 8) == 0;
    if (there)
        e = record_read(t, table, key, value, mark, FIELDS_OF(*mark), NULL);
    else if (!t->failed)
        record_damaged(t, table, key_bytes(&from)); /* the watermark says that there is one */
    walk_close(&w);
    return e;
}

/* The mark that made it read: of two the earlier. */
static enum err read_by_mark(struct txn *t, const struct topic *in, const struct item *i,
                             struct msg_item *told)
{
    struct mark_row marks[2] = {{0}, {0}};
    enum err e = ERR_OK;
    if (i->pos <= in->row.read_upto)
        e = find_mark(t, TABLE_marks, key2(in->row.no, i->pos), &marks[0]);
    if (!e && i->pos <= category_mark(in, i))
        e = find_mark(t, TABLE_category_marks, key3(in->row.no, i->row.category, i->pos),
                      &marks[1]);
    const struct mark_row *first = marks[0].seq == 0 ||
                                           (marks[1].seq != 0 && marks[1].seq < marks[0].seq)
                                       ? &marks[1]
                                       : &marks[0];
    told->read_ms = first->at_ms;
    if (first->seq > told->rev)
        told->rev = first->seq;
    return e;
}

enum err item_tell(struct txn *t, const struct topic *in, const struct item *i,
                   struct msg_item *told)
{
    bool seen = (i->row.flags & ITEM_seen) != 0 || i->pos <= in->row.seen_upto ||
                item_is_read(in, i);
    *told = (struct msg_item){.pos = i->pos,
                              .at_ms = i->row.at_ms,
                              .rev = i->row.rev,
                              .type = i->row.type,
                              .read_ms = i->row.read_ms,
                              .expires_ms = i->row.expires_ms,
                              .birth = i->row.birth,
                              .flags = i->row.flags | (seen ? ITEM_seen : 0),
                              .until_ms = i->row.until_ms};
    if (i->row.read_ms != 0 || !is_marked(in, i))
        return ERR_OK;
    return read_by_mark(t, in, i, told);
}

/* -- their bodies ----------------------------------------------------------------------------- */

enum err item_body(struct txn *t, const struct item *i, struct bytes *content)
{
    struct msg_entry e = {0};
    struct bytes raw;
    struct msg_item item = {0};
    enum err err = log_get(t, item_content(i), &e, &raw);
    bool whole = e.kind == ENTRY_created || e.kind == ENTRY_imported || e.kind == ENTRY_broadcast;
    bool good = !err && (whole || entry_item(&e, &item));
    struct key key = key1(item_content(i));
    if (err == ERR_NOT_FOUND || (!err && !good))
        return record_damaged(t, TABLE_log, key_bytes(&key)); /* the item says that it is there */
    if (good)
        *content = whole ? e.content : item.content;
    return err;
}

enum err item_has_body(struct txn *t, const struct topic_row *row, const struct msg_entry *e)
{
    struct item item = {0};
    struct msg_item was = {0};
    uint64_t birth = e->pos;
    if (e->kind == ENTRY_resurfaced || e->kind == ENTRY_updated)
        birth = !entry_item(e, &was) ? 0 : was.birth ? was.birth : was.pos;
    else if (e->kind != ENTRY_created && e->kind != ENTRY_imported)
        return ERR_NOT_FOUND;
    enum err err = item_born(t, row, birth, &item);
    bool first = e->kind == ENTRY_created && e->body == 0; /* tells which create it came from */
    bool its = first || item_content(&item) == e->seq || item.row.taken == e->seq;
    return err || its ? err : ERR_NOT_FOUND;
}

/* -- their changes ---------------------------------------------------------------------------- */

/* A count that is wrong already must not pass below zero: belfry check finds it, and a badge of 2^64
 * helps nobody. */
static void move(uint64_t *count, bool more, bool whether)
{
    if (whether && more)
        ++*count;
    else if (whether && *count > 0)
        --*count;
}

static void recount_category(struct topic *in, struct category *c, bool more)
{
    bool had = c->row.items > 0;
    move(&c->row.items, more, true);
    move(&in->row.categories, more, had != (c->row.items > 0));
    c->dirty = true;
}

static void recount(struct topic *in, const struct item *i, bool more)
{
    struct category *c = category_of(in, i->row.category);
    bool unread = item_counts(i) && !item_is_read(in, i);
    bool unseen = item_counts(i) && item_is_unseen(in, i);
    move(&in->row.counts.unread[i->row.type], more, unread);
    move(&in->row.counts.unseen, more, unseen);
    move(&in->row.items, more, true);
    move(&in->row.aside, more, item_table(i) == TABLE_aside);
    move(&in->row.snoozed, more, (i->row.flags & ITEM_snoozed) != 0);
    move(&in->row.moved, more, i->row.birth != 0);
    move(&in->row.unread_set, more, (i->row.flags & ITEM_unread) != 0);
    if (!c)
        return;
    move(&c->row.counts.unread[i->row.type], more, unread);
    move(&c->row.counts.unseen, more, unseen);
    c->untold = c->untold || unread;
    recount_category(in, c, more);
}

void item_recount(struct topic *in, const struct item *before, const struct item *after)
{
    if (after)
        recount(in, after, true);
    if (before)
        recount(in, before, false);
    if (after && after->pos > in->row.newest_pos)
        in->row.newest_pos = after->pos;
    in->dirty = true;
}

/* A row that stands for something of an item: there before, there after. */
static void row_moves(struct txn *t, enum table table, const struct key *before,
                      const struct key *after)
{
    if (before->n == after->n && memcmp(before->p, after->p, after->n) == 0)
        return;
    if (before->n > 0)
        txn_del(t, table, key_bytes(before));
    if (after->n > 0)
        record_put(t, table, key_bytes(after), NULL, 0, (struct bytes){0});
}

static struct key timer_key(const struct topic *in, const struct item *i)
{
    return i && item_timer(i) ? key3(in->row.no, item_timer(i), i->pos) : (struct key){.n = 0};
}

static struct key unread_key(const struct topic *in, const struct item *i)
{
    bool set = i && (i->row.flags & ITEM_unread);
    return set ? key2(in->row.no, i->pos) : (struct key){.n = 0};
}

static struct key read_key(const struct topic *in, const struct item *i)
{
    bool set = i && i->row.read_ms != 0 && item_table(i) == TABLE_index;
    return set ? key2(in->row.no, i->pos) : (struct key){.n = 0};
}

/* What evict.h looks for. */
static void reads(struct work *w, struct topic *in, const struct item *before,
                  const struct item *after)
{
    struct key was = read_key(in, before), is = read_key(in, after);
    if (w->limits.max_items == 0)
        is.n = 0;
    row_moves(w->txn, TABLE_read, &was, &is);
    if (after && after->pos < in->row.evict_from && item_is_read(in, after))
        in->row.evict_from = after->pos;
}

void item_timers_found(struct work *w, struct topic *in)
{
    struct key from = key3(in->row.no, 0, 0);
    struct bytes key, value;
    struct walk walk;
    walk_open(&walk, w->txn, TABLE_expiry, WALK_up, key_bytes(&from));
    bool there = walk_next(&walk, &key, &value) && key_number(key, 0) == in->row.no;
    in->row.next_expiry_ms = there ? key_number(key, 1) : 0;
    walk_close(&walk);
}

static void timers(struct work *w, struct topic *in, const struct item *before,
                   const struct item *after)
{
    struct key was = timer_key(in, before), is = timer_key(in, after);
    row_moves(w->txn, TABLE_expiry, &was, &is);
    if (is.n > 0 && (in->row.next_expiry_ms == 0 || item_timer(after) < in->row.next_expiry_ms))
        in->row.next_expiry_ms = item_timer(after);
    else if (was.n > 0 && item_timer(before) == in->row.next_expiry_ms)
        item_timers_found(w, in);
}

static void moved(struct work *w, struct topic *in, const struct item *before,
                  const struct item *after)
{
    const struct item *i = after ? after : before;
    struct key key = key2(in->row.no, item_birth(i));
    if (!after && before->row.birth != 0)
        txn_del(w->txn, TABLE_moved, key_bytes(&key));
    else if (after && after->row.birth != 0 && (!before || before->pos != after->pos))
        record_put(w->txn, TABLE_moved, key_bytes(&key), &after->pos, 1, (struct bytes){0});
}

void item_rewrite(struct work *w, struct topic *in, const struct item *before,
                  const struct item *after)
{
    ENSURE(before || after);
    struct key was = key2(in->row.no, before ? before->pos : 0);
    struct key is = key2(in->row.no, after ? after->pos : 0);
    bool leaves = before &&
                  (!after || before->pos != after->pos || item_table(before) != item_table(after));
    if (leaves)
        txn_del(w->txn, item_table(before), key_bytes(&was));
    if (after)
        record_put(w->txn, item_table(after), key_bytes(&is), &after->row, FIELDS_OF(after->row),
                   (struct bytes){0});
    timers(w, in, before, after);
    was = unread_key(in, before), is = unread_key(in, after);
    row_moves(w->txn, TABLE_unread, &was, &is);
    reads(w, in, before, after);
    moved(w, in, before, after);
    if (before && (!after || item_content(before) != item_content(after)))
        log_let_go(w, &in->row, item_content(before));
    if (before && (!after || before->row.taken != after->row.taken))
        log_let_go(w, &in->row, before->row.taken);
    if (before && !after)
        collapse_let_go(w, in, before);
    if (before && !after && item_content(before) != item_birth(before))
        log_let_go(w, &in->row, item_birth(before));
    if (before && !after && before->row.broadcast != 0)
        broadcast_let_go(w, in->row.no, before->row.broadcast);
}
