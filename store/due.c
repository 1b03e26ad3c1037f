/* SPDX-License-Identifier: Apache-2.0 */
#include "store/due.h"

#include "store/inbox.h"
#include "store/record.h"

/* Items whose time has come: some end, some wake. A row of TABLE_expiry without its item, or of
 * another time, is nobody's. */
struct due {
    unsigned rows, ends;
    struct {
        uint64_t ms;
        struct item item;
        enum { DUE_ends, DUE_wakes, DUE_nobody } what;
    } row[IDS_MAX];
};

/* A walk gives times and positions: what they are is looked up when it is over. */
static enum err find_rows(struct work *w, const struct topic *in, struct due *due)
{
    struct key from = key3(in->row.no, 0, 0);
    struct bytes key, value;
    struct walk walk;
    enum err e = ERR_OK;
    due->rows = due->ends = 0;
    walk_open(&walk, w->txn, TABLE_expiry, WALK_up, key_bytes(&from));
    while (!e && due->rows < IDS_MAX && walk_next(&walk, &key, &value) &&
           key_number(key, 0) == in->row.no && key_number(key, 1) <= w->now_ms) {
        due->row[due->rows].ms = key_number(key, 1);
        due->row[due->rows++].item.pos = key_number(key, 2);
        e = record_read(w->txn, TABLE_expiry, key, value, NULL, 0, NULL);
    }
    walk_close(&walk);
    return e ? e : w->txn->failed;
}

/* Everything is read before anything is written. */
static enum err find_due(struct work *w, const struct topic *in, struct due *due)
{
    enum err e = find_rows(w, in, due);
    for (unsigned i = 0; !e && i < due->rows; i++) {
        struct item *item = &due->row[i].item;
        struct bytes body;
        e = item_at(w->txn, &in->row, item->pos, item);
        bool theirs = !e && item_timer(item) == due->row[i].ms;
        bool ends = theirs && item->row.expires_ms != 0 && item->row.expires_ms <= w->now_ms;
        due->row[i].what = ends ? DUE_ends : theirs ? DUE_wakes : DUE_nobody;
        due->ends += ends;
        if (due->row[i].what == DUE_wakes)
            e = item_body(w->txn, item, &body);
        if (e == ERR_NOT_FOUND)
            e = ERR_OK;
    }
    return e;
}

static void end_all(struct work *w, struct topic *in, const struct due *due)
{
    uint8_t *to = (uint8_t *)w->ids[0];
    for (unsigned i = 0; i < due->rows; i++) {
        if (due->row[i].what != DUE_ends)
            continue;
        item_id(&due->row[i].item, to);
        to += ID_SIZE;
        item_recount(in, &due->row[i].item, NULL);
    }
    topic_append(w, in,
                 &(struct msg_entry){.kind = ENTRY_expired,
                                     .ids = {w->ids[0], (size_t)due->ends * ID_SIZE}});
    for (unsigned i = 0; i < due->rows; i++)
        if (due->row[i].what == DUE_ends)
            item_rewrite(w, in, &due->row[i].item, NULL);
    w->tally.expired += due->ends;
}

/* Its next timer is another one's, or nobody's. */
static void forget_timer(struct work *w, struct topic *in, uint64_t ms, uint64_t pos)
{
    struct key key = key3(in->row.no, ms, pos);
    txn_del(w->txn, TABLE_expiry, key_bytes(&key));
    item_timers_found(w, in);
}

enum err inbox_do_due(struct work *w, struct topic *in)
{
    static _Thread_local struct due due; /* 120 KB that need not be on the stack */
    while (inbox_due(&in->row, w->now_ms)) {
        enum err e = find_due(w, in, &due);
        if (e)
            return e;
        w->due += due.rows;
        if (due.ends > 0)
            end_all(w, in, &due);
        for (unsigned i = 0; i < due.rows; i++) {
            if (due.row[i].what == DUE_wakes)
                inbox_wake(w, in, &due.row[i].item, (struct bytes){0});
            else if (due.row[i].what == DUE_nobody)
                forget_timer(w, in, due.row[i].ms, due.row[i].item.pos);
        }
        item_timers_found(w, in);
        in->dirty = true;
    }
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
    uint64_t from = w->due;
    struct bytes key, value;
    struct walk walk;
    topics_flush(w); /* the table is as the inboxes say */
    walk_open(&walk, w->txn, TABLE_due, WALK_up, (struct bytes){0});
    while (walk_next(&walk, &key, &value) && key_number(key, 0) <= w->now_ms) {
        struct key at = key2(key_number(key, 0), key_number(key, 1));
        if (!expire_inbox(w, key, value))
            strays[stray++] = at;
        if (stray == STRAYS || ++inboxes == EXPIRE_MAX || w->due - from >= EXPIRE_MAX)
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
