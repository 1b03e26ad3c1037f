/* SPDX-License-Identifier: Apache-2.0 */
#include "store/inbox.h"

#include "lib/ensure.h"
#include "proto/id.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "store/broadcast.h"
#include "store/log.h"
#include "store/prefs.h"
#include "store/record.h"
#include "store/trim.h"

bool inbox_takes(uint64_t type, struct bytes content)
{
    return type < TYPE_COUNT && type_row(type)->stored && content.n > 2 && content.p[0] == '{' &&
           content.p[content.n - 1] == '}';
}

enum err item_load(struct txn *t, uint64_t no, uint64_t pos, struct item_row *item)
{
    struct key key = key2(no, pos);
    enum err e = record_get(t, TABLE_index, key_bytes(&key), item, FIELDS_OF(*item), NULL);
    if (e == ERR_OK && item->type >= TYPE_COUNT)
        return record_damaged(t, TABLE_index, key_bytes(&key));
    return e;
}

enum err inbox_has_body(struct txn *t, uint64_t no, const struct msg_entry *e)
{
    struct item_row item;
    if (e->kind != ENTRY_created || e->body != 0)
        return ERR_NOT_FOUND;
    return item_load(t, no, e->pos, &item);
}

static void item_put(struct txn *t, uint64_t no, uint64_t pos, const struct item_row *item)
{
    struct key key = key2(no, pos);
    record_put(t, TABLE_index, key_bytes(&key), item, FIELDS_OF(*item), (struct bytes){0});
}

static bool is_read(const struct topic_row *inbox, uint64_t pos, const struct item_row *item)
{
    return item->read_ms != 0 || pos <= inbox->read_upto;
}

enum err item_read_at(struct txn *t, const struct topic_row *inbox, uint64_t pos,
                      const struct item_row *item, uint64_t *read_ms, uint64_t *rev)
{
    *read_ms = item->read_ms;
    *rev = item->rev;
    if (item->read_ms != 0 || pos > inbox->read_upto)
        return ERR_OK;
    struct key from = key2(inbox->no, pos);
    struct bytes key, value;
    struct mark_row mark;
    struct walk w;
    walk_open(&w, t, TABLE_marks, WALK_up, key_bytes(&from));
    enum err e = ERR_WORLD;
    if (walk_next(&w, &key, &value) && key_number(key, 0) == inbox->no)
        e = record_read(t, TABLE_marks, key, value, &mark, FIELDS_OF(mark), NULL);
    else if (!t->failed)
        record_damaged(t, TABLE_marks, key_bytes(&from)); /* read_upto says that there is one */
    walk_close(&w);
    if (e)
        return e;
    *read_ms = mark.at_ms;
    *rev = mark.seq;
    return ERR_OK;
}

/* A count that is wrong already must not pass below zero: belfry check finds it, and a badge of 2^64
 * helps nobody. */
static void less(uint64_t *count)
{
    if (*count > 0)
        --*count;
}

static bool in_counts(const struct item_row *item)
{
    return (item->flags & (ITEM_archived | ITEM_snoozed | ITEM_muted)) == 0;
}

static bool is_unseen(const struct topic_row *row, uint64_t pos, const struct item_row *item)
{
    return type_row(item->type)->counted && (item->flags & ITEM_seen) == 0 && pos > row->seen_upto;
}

/* An item leaves the counts that it is in, before it changes; and comes into those that it belongs
 * to, afterwards. */
static void uncount(struct topic_row *row, uint64_t pos, const struct item_row *item)
{
    if (!in_counts(item) || is_read(row, pos, item))
        return;
    less(&row->counts.unread[item->type]);
    if (is_unseen(row, pos, item))
        less(&row->counts.unseen);
}

static void count(struct topic_row *row, uint64_t pos, const struct item_row *item)
{
    if (!in_counts(item) || is_read(row, pos, item))
        return;
    row->counts.unread[item->type]++;
    row->counts.unseen += is_unseen(row, pos, item);
}

/* Items that come to their end together, and what that does to the row. */
struct ending {
    unsigned rows, ids;
    struct {
        uint64_t expires_ms, pos, broadcast;
    } row[IDS_MAX];
    struct topic_row after;
};

/* Take an item out of the counts. A row of TABLE_expiry without its item ends nothing. */
static enum err end_item(struct work *w, struct ending *end, uint64_t pos, uint64_t *broadcast)
{
    struct item_row item;
    enum err e = item_load(w->txn, end->after.no, pos, &item);
    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    if (e)
        return e;
    uncount(&end->after, pos, &item);
    if (end->after.items > 0)
        end->after.items--;
    id_make(item.at_ms, pos, (uint8_t *)w->ids[0] + end->ids++ * ID_SIZE);
    *broadcast = item.broadcast;
    return ERR_OK;
}

/* Its rows, and what has its body. */
static void drop_rows(struct work *w, const struct topic *in, uint64_t pos, uint64_t expires_ms,
                      uint64_t broadcast)
{
    struct key item = key2(in->row.no, pos), ends = key3(in->row.no, expires_ms, pos);
    txn_del(w->txn, TABLE_index, key_bytes(&item));
    if (expires_ms != 0)
        txn_del(w->txn, TABLE_expiry, key_bytes(&ends));
    log_let_go(w, &in->row, pos);
    if (broadcast != 0)
        broadcast_let_go(w, in->row.no, broadcast);
}

/* Find what is due, up to one entry full, and the time of the next one. */
static enum err find_due(struct work *w, const struct topic *in, struct ending *end)
{
    struct key from = key3(in->row.no, 0, 0);
    struct bytes key, value;
    struct walk walk;
    enum err e = ERR_OK;
    end->rows = end->ids = 0;
    end->after = in->row;
    end->after.next_expiry_ms = 0;
    walk_open(&walk, w->txn, TABLE_expiry, WALK_up, key_bytes(&from));
    while (!e && walk_next(&walk, &key, &value) && key_number(key, 0) == in->row.no) {
        uint64_t expires_ms = key_number(key, 1), pos = key_number(key, 2);
        if (expires_ms > w->now_ms || end->rows == IDS_MAX) {
            end->after.next_expiry_ms = expires_ms;
            break;
        }
        end->row[end->rows].expires_ms = expires_ms;
        end->row[end->rows].broadcast = 0;
        end->row[end->rows++].pos = pos;
        e = record_read(w->txn, TABLE_expiry, key, value, NULL, 0, NULL);
        if (!e)
            e = end_item(w, end, pos, &end->row[end->rows - 1].broadcast);
    }
    walk_close(&walk);
    return e ? e : w->txn->failed;
}

static enum err expire(struct work *w, struct topic *in)
{
    static _Thread_local struct ending end; /* 16 KB that need not be on the stack */
    while (inbox_due(&in->row, w->now_ms)) {
        enum err e = find_due(w, in, &end);
        if (e)
            return e;
        for (unsigned i = 0; i < end.rows; i++)
            drop_rows(w, in, end.row[i].pos, end.row[i].expires_ms, end.row[i].broadcast);
        in->row = end.after;
        in->dirty = true;
        if (end.ids > 0)
            topic_append(w, in,
                         &(struct msg_entry){.kind = ENTRY_expired,
                                             .ids = {w->ids[0], (size_t)end.ids * ID_SIZE}});
        w->tally.expired += end.ids;
    }
    return ERR_OK;
}

enum err inbox_open(struct work *w, struct bytes topic, struct topic **inbox)
{
    enum err e = topic_open(w, topic, inbox);
    if (!e)
        e = expire(w, *inbox);
    return e ? e : broadcast_merge(w, *inbox);
}

void inbox_know(struct work *w, struct topic *in)
{
    if (in->row.no != 0 || in->row.known != 0)
        return;
    in->row.known = w->state.head + 1;
    in->dirty = true;
}

static enum why_not why_not(struct work *w, const struct topic *in, const struct arrival *a)
{
    struct subject s = {a->type, a->category, a->topic};
    struct bytes user;
    if (!in->row.prefs || !topic_user(in->name, &user))
        return WHY_none;
    return prefs_why_not(w->txn, w->zones, user, &s, w->now_ms);
}

bool inbox_keeps(const struct work *w, enum why_not why)
{
    return !w->limits.drop_muted || why == WHY_none || why == WHY_quiet_hours;
}

static uint64_t flags_of(enum why_not why)
{
    return why == WHY_none ? 0 : why == WHY_quiet_hours ? ITEM_quiet : ITEM_muted;
}

enum why_not inbox_arrive(struct work *w, struct topic *in, const struct arrival *a)
{
    enum why_not why = why_not(w, in, a);
    if (!inbox_keeps(w, why))
        return why;
    uint64_t pos = w->state.head + 1;
    in->row.items++;
    in->row.newest_pos = pos;
    struct item_row item = {.at_ms = a->born_ms ? a->born_ms : w->at_ms,
                            .type = a->type,
                            .expires_ms = a->expires_ms,
                            .rev = pos,
                            .flags = flags_of(why),
                            .broadcast = a->body};
    count(&in->row, pos, &item);
    topic_append(w, in,
                 &(struct msg_entry){.kind = ENTRY_created,
                                     .type = a->type,
                                     .pos = pos,
                                     .expires_ms = a->expires_ms,
                                     .content = a->content,
                                     .body = a->body,
                                     .flags = item.flags,
                                     .born_ms = a->born_ms});
    item_put(w->txn, in->row.no, pos, &item);
    if (a->expires_ms == 0)
        return why;
    struct key key = key3(in->row.no, a->expires_ms, pos);
    record_put(w->txn, TABLE_expiry, key_bytes(&key), NULL, 0, (struct bytes){0});
    if (in->row.next_expiry_ms == 0 || a->expires_ms < in->row.next_expiry_ms)
        in->row.next_expiry_ms = a->expires_ms;
    return why;
}

enum why_not inbox_create(struct work *w, struct topic *in, const struct msg_create *m)
{
    return inbox_arrive(w, in,
                        &(struct arrival){.type = m->type,
                                          .expires_ms = m->expires_ms,
                                          .content = m->content,
                                          .category = m->category,
                                          .topic = m->topic});
}

/* When the next item ends, now that one is gone. */
static uint64_t first_end(struct work *w, uint64_t no)
{
    struct key from = key3(no, 0, 0);
    struct bytes key, value;
    struct walk walk;
    walk_open(&walk, w->txn, TABLE_expiry, WALK_up, key_bytes(&from));
    bool there = walk_next(&walk, &key, &value) && key_number(key, 0) == no;
    uint64_t ends_ms = there ? key_number(key, 1) : 0;
    walk_close(&walk);
    return ends_ms;
}

enum err inbox_remove(struct work *w, struct topic *in, uint64_t pos, enum removed_why why)
{
    struct item_row item;
    enum err e = item_load(w->txn, in->row.no, pos, &item);
    if (e)
        return e;
    uncount(&in->row, pos, &item);
    in->row.items -= in->row.items > 0;
    drop_rows(w, in, pos, item.expires_ms, item.broadcast);
    if (item.expires_ms != 0 && item.expires_ms == in->row.next_expiry_ms)
        in->row.next_expiry_ms = first_end(w, in->row.no);
    id_make(item.at_ms, pos, (uint8_t *)w->ids[0]);
    topic_append(
        w, in,
        &(struct msg_entry){.kind = ENTRY_removed, .ids = {w->ids[0], ID_SIZE}, .what = why});
    return ERR_OK;
}

/* OK, or NOT_FOUND when this inbox has no item of this id: an id tells the clock too. */
static enum err item_of_id(struct work *w, const struct topic *in, const uint8_t *id,
                           struct item_row *item)
{
    enum err e = item_load(w->txn, in->row.no, id_pos(id), item);
    if (e)
        return e;
    uint8_t real[ID_SIZE];
    id_make(item->at_ms, id_pos(id), real);
    return memcmp(real, id, ID_SIZE) == 0 ? ERR_OK : ERR_NOT_FOUND;
}

enum err inbox_mark(struct work *w, struct topic *in, const struct msg_mark *m,
                    struct bytes *changed, struct bytes *unknown)
{
    if (m->what != MARK_read)
        return ERR_INVALID;
    const uint8_t *ids = (const uint8_t *)m->ids.p;
    struct item_row item;
    for (size_t at = 0; at < m->ids.n; at += ID_SIZE) {
        enum err e = item_of_id(w, in, ids + at, &item);
        if (e && e != ERR_NOT_FOUND)
            return e;
    }
    *changed = (struct bytes){w->ids[0], 0};
    *unknown = (struct bytes){w->ids[1], 0};
    uint64_t seq = w->state.head + 1;
    for (size_t at = 0; at < m->ids.n; at += ID_SIZE) { /* read again: an id may be there twice */
        uint64_t pos = id_pos(ids + at);
        if (item_of_id(w, in, ids + at, &item)) {
            memcpy(w->ids[1] + unknown->n, ids + at, ID_SIZE);
            unknown->n += ID_SIZE;
        } else if (!is_read(&in->row, pos, &item)) {
            uncount(&in->row, pos, &item);
            item.read_ms = w->at_ms;
            item.rev = seq;
            item_put(w->txn, in->row.no, pos, &item);
            memcpy(w->ids[0] + changed->n, ids + at, ID_SIZE);
            changed->n += ID_SIZE;
        }
    }
    if (changed->n > 0)
        topic_append(w, in,
                     &(struct msg_entry){.kind = ENTRY_read, .ids = *changed, .op_id = m->op_id});
    return ERR_OK;
}

/* Of types that do not count too. */
static uint64_t unread_of_all(const struct counts *c)
{
    uint64_t n = 0;
    for (unsigned type = 0; type < TYPES_MAX; type++)
        n += c->unread[type];
    return n;
}

/* What stays unread when everything up to `up_to` is read. What lies below the highest mark is read
 * already: so each item is looked at once in its life, however often its user marks. */
static enum err count_after(struct work *w, const struct topic *in, uint64_t up_to,
                            struct topic_row *after)
{
    *after = in->row;
    if (up_to >= in->row.newest_pos) {
        after->counts = (struct counts){0};
        return ERR_OK;
    }
    struct key from = key2(in->row.no, in->row.read_upto + 1);
    struct bytes key, value;
    struct item_row item;
    struct walk walk;
    enum err e = ERR_OK;
    walk_open(&walk, w->txn, TABLE_index, WALK_up, key_bytes(&from));
    while (!e && walk_next(&walk, &key, &value) && key_number(key, 0) == in->row.no &&
           key_number(key, 1) <= up_to) {
        e = record_read(w->txn, TABLE_index, key, value, &item, FIELDS_OF(item), NULL);
        if (!e && item.type >= TYPE_COUNT)
            e = record_damaged(w->txn, TABLE_index, key);
        if (!e)
            uncount(after, key_number(key, 1), &item);
    }
    walk_close(&walk);
    return e ? e : w->txn->failed;
}

enum err inbox_mark_all(struct work *w, struct topic *in, const struct msg_mark_all *m,
                        uint64_t *up_to)
{
    if (m->what != MARK_read)
        return ERR_INVALID;
    *up_to = m->up_to > in->row.newest_pos ? in->row.newest_pos : m->up_to;
    if (*up_to <= in->row.read_upto || unread_of_all(&in->row.counts) == 0)
        return ERR_OK;
    struct topic_row after;
    enum err e = count_after(w, in, *up_to, &after);
    if (e)
        return e;
    if (unread_of_all(&after.counts) == unread_of_all(&in->row.counts))
        return ERR_OK; /* everything below was read one by one */
    in->row = after;
    in->row.read_upto = *up_to;
    topic_append(w, in,
                 &(struct msg_entry){.kind = ENTRY_all_read, .pos = *up_to, .op_id = m->op_id});
    struct mark_row mark = {.at_ms = w->at_ms, .seq = in->row.head};
    struct key key = key2(in->row.no, *up_to);
    record_put(w->txn, TABLE_marks, key_bytes(&key), &mark, FIELDS_OF(mark), (struct bytes){0});
    return ERR_OK;
}

/* One row of TABLE_due. False: it leads nowhere, and would be met again and again. The key is
 * borrowed only until the first write. */
static bool expire_inbox(struct work *w, struct bytes key, struct bytes value)
{
    uint64_t due_ms = key_number(key, 0), no = key_number(key, 1);
    struct bytes topic;
    struct topic *in;
    return record_read(w->txn, TABLE_due, key, value, NULL, 0, &topic) == ERR_OK && topic.n > 0 &&
           topic.n <= TOPIC_MAX && inbox_open(w, topic, &in) == ERR_OK && in->row.no == no &&
           in->due_ms == due_ms;
}

void inbox_expire_due(struct work *w, uint64_t *next_ms)
{
    enum { STRAYS = 16 };
    struct key strays[STRAYS];
    unsigned stray = 0, inboxes = 0;
    uint64_t from = w->tally.expired;
    struct bytes key, value;
    struct walk walk;
    topics_flush(w); /* the table is as the inboxes say */
    walk_open(&walk, w->txn, TABLE_due, WALK_up, (struct bytes){0});
    while (walk_next(&walk, &key, &value) && key_number(key, 0) <= w->now_ms) {
        struct key at = key2(key_number(key, 0), key_number(key, 1));
        if (!expire_inbox(w, key, value))
            strays[stray++] = at;
        if (stray == STRAYS || ++inboxes == EXPIRE_MAX || w->tally.expired - from >= EXPIRE_MAX)
            break;
    }
    walk_close(&walk);
    for (unsigned i = 0; i < stray; i++)
        txn_del(w->txn, TABLE_due, key_bytes(&strays[i]));
    topics_flush(w);
    walk_open(&walk, w->txn, TABLE_due, WALK_up, (struct bytes){0});
    *next_ms = walk_next(&walk, &key, &value) ? key_number(key, 0) : UINT64_MAX;
    walk_close(&walk);
}
