/* SPDX-License-Identifier: Apache-2.0 */
/* An inbox, recounted. */
#include "store/check.h"

#include "proto/topic.h"
#include "proto/types.h"
#include "store/broadcast.h"
#include "store/inbox.h"
#include "store/record.h"

/* An item that a broadcast became has its body there, and is known as its. */
static void find_broadcast(struct recount *c, uint64_t pos, const struct item_row *item)
{
    struct key key = key2(c->kept.no, item->broadcast);
    struct msg_entry entry;
    uint64_t merged = 0;
    c->merged++;
    if (broadcast_body(c->r->txn, item->broadcast, &entry) || entry.at_ms != item->at_ms)
        drift(c, "item without its entry", pos, 0);
    if (record_get(c->r->txn, TABLE_merged, key_bytes(&key), &merged, 1, NULL) || merged != pos)
        drift(c, "broadcast's item", merged, pos);
}

/* Rows of merged broadcasts: as many as such items. */
static void count_merged(struct recount *c)
{
    struct key from = key2(c->kept.no, 0);
    struct bytes key, value;
    struct walk w;
    uint64_t rows = 0;
    walk_open(&w, c->r->txn, TABLE_merged, WALK_up, key_bytes(&from));
    while (walk_next(&w, &key, &value) && key_number(key, 0) == c->kept.no)
        rows++;
    walk_close(&w);
    drift(c, "merged broadcasts", rows, c->merged);
}

static void count_items(struct recount *c)
{
    struct key from = key2(c->kept.no, 0);
    struct bytes key, value;
    struct item_row item;
    struct walk w;
    walk_open(&w, c->r->txn, TABLE_index, WALK_up, key_bytes(&from));
    while (walk_next(&w, &key, &value) && key_number(key, 0) == c->kept.no) {
        uint64_t pos = key_number(key, 1);
        c->items++;
        c->found.items++;
        if (record_read(c->r->txn, TABLE_index, key, value, &item, FIELDS_OF(item), NULL) ||
            item.type >= TYPE_COUNT) {
            drift(c, "damaged item", pos, 0);
            continue;
        }
        if (item.read_ms == 0 && pos > c->kept.read_upto && !(item.flags & ITEM_muted)) {
            c->found.counts.unread[item.type]++;
            c->found.counts.unseen += type_row(item.type)->counted;
        }
        if (item.expires_ms != 0) {
            c->expiries++;
            if (c->found.next_expiry_ms == 0 || item.expires_ms < c->found.next_expiry_ms)
                c->found.next_expiry_ms = item.expires_ms;
        }
        if (item.broadcast == 0)
            find_entry(c, pos, item.at_ms, ENTRY_created);
        else
            find_broadcast(c, pos, &item);
    }
    walk_close(&w);
}

static void count_expiries(struct recount *c)
{
    struct key from = key3(c->kept.no, 0, 0);
    struct bytes key, value, topic;
    struct walk w;
    uint64_t rows = 0, first = 0;
    walk_open(&w, c->r->txn, TABLE_expiry, WALK_up, key_bytes(&from));
    while (walk_next(&w, &key, &value) && key_number(key, 0) == c->kept.no)
        if (rows++ == 0)
            first = key_number(key, 1);
    walk_close(&w);
    drift(c, "expiry rows", rows, c->expiries);
    drift(c, "first expiry row", first, c->found.next_expiry_ms);
    if (c->kept.next_expiry_ms == 0)
        return;
    struct key due = key2(c->kept.next_expiry_ms, c->kept.no);
    if (record_get(c->r->txn, TABLE_due, key_bytes(&due), NULL, 0, &topic) ||
        !bytes_equal(topic, c->topic))
        drift(c, "due row", c->kept.next_expiry_ms, 0);
}

/* The highest mark. */
static void find_marks(struct recount *c)
{
    struct key from = key2(c->kept.no, UINT64_MAX);
    struct bytes key, value;
    struct walk w;
    walk_open(&w, c->r->txn, TABLE_marks, WALK_down, key_bytes(&from));
    if (walk_next(&w, &key, &value) && key_number(key, 0) == c->kept.no)
        c->found.read_upto = key_number(key, 1);
    walk_close(&w);
}

/* Preferences stand where the row says so. */
static void find_prefs(struct recount *c)
{
    struct bytes user;
    struct prefs p;
    if (!topic_user(c->topic, &user))
        return;
    enum err e = prefs_load(c->r->txn, user, &p);
    struct bytes value;
    bool there = txn_get(c->r->txn, TABLE_prefs, user, &value) == ERR_OK;
    drift(c, "preferences", c->kept.prefs, there);
    drift(c, "damaged preferences", 0, e != ERR_OK);
}

void recount_inbox(struct recount *c)
{
    find_prefs(c);
    find_marks(c);
    count_items(c);
    count_expiries(c);
    count_merged(c);
    follow_chain(c);
    drift(c, "unread", counts_unread(&c->kept.counts), counts_unread(&c->found.counts));
    for (unsigned type = 0; type < TYPES_MAX; type++)
        drift(c, "unread of a type", c->kept.counts.unread[type], c->found.counts.unread[type]);
    drift(c, "unseen", c->kept.counts.unseen, c->found.counts.unseen);
    drift(c, "next expiry", c->kept.next_expiry_ms, c->found.next_expiry_ms);
    drift(c, "highest mark", c->kept.read_upto, c->found.read_upto);
    drift(c, "newest item", c->kept.newest_pos, c->found.newest_pos);
}
