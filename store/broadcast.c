/* SPDX-License-Identifier: Apache-2.0 */
#include "store/broadcast.h"

#include "proto/content.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "store/evict.h"
#include "store/inbox.h"
#include "store/log.h"
#include "store/members.h"
#include "store/record.h"
#include "store/trim.h"

static enum err open_own(struct work *w, struct topic **t)
{
    return topic_open(w, BYTES(TOPIC_BROADCASTS), t);
}

enum err broadcast_load(struct txn *t, uint64_t seq, struct broadcast_row *row, struct bytes *topic)
{
    struct key key = key1(seq);
    struct bytes rest;
    enum err e = record_get(t, TABLE_broadcasts, key_bytes(&key), row, FIELDS_OF(*row), &rest);
    if (!e && (row->type >= TYPE_COUNT || rest.n > TOPIC_MAX))
        e = record_damaged(t, TABLE_broadcasts, key_bytes(&key));
    if (!e && topic)
        *topic = rest;
    return e;
}

enum err broadcast_body(struct txn *t, uint64_t seq, struct msg_entry *entry)
{
    struct bytes raw;
    enum err e = log_get(t, seq, entry, &raw);
    return !e && entry->kind != ENTRY_broadcast ? ERR_NOT_FOUND : e;
}

enum err broadcast_holds(struct txn *t, const struct msg_entry *entry)
{
    struct broadcast_row row;
    enum err e = broadcast_load(t, entry->pos, &row, NULL);
    return !e && row.revised != entry->seq ? ERR_NOT_FOUND : e;
}

/* The entry that has its content as it is now. OK, NOT_FOUND or WORLD. */
static enum err content_of(struct txn *t, uint64_t seq, const struct broadcast_row *row,
                           struct msg_entry *entry)
{
    struct bytes raw;
    if (row->revised == 0)
        return broadcast_body(t, seq, entry);
    enum err e = log_get(t, row->revised, entry, &raw);
    return !e && entry->kind != ENTRY_revised ? ERR_NOT_FOUND : e;
}

static void put(struct work *w, uint64_t seq, const struct broadcast_row *row, struct bytes topic)
{
    struct key key = key1(seq);
    record_put(w->txn, TABLE_broadcasts, key_bytes(&key), row, FIELDS_OF(*row), topic);
}

/* What is read is borrowed until the next write. */
static struct bytes copied(char *room, struct bytes text)
{
    memcpy(room, text.n > 0 ? text.p : "", text.n);
    return (struct bytes){room, text.n};
}

/* Change what is there; the topic is borrowed, and copied. */
static void put_again(struct work *w, uint64_t seq, const struct broadcast_row *row,
                      struct bytes topic)
{
    char copy[TOPIC_MAX];
    put(w, seq, row, copied(copy, topic));
}

/* ---- who has it not merged will not get it, and nobody has it: it goes ---- */

static void drop(struct work *w, const struct topic_row *own, uint64_t seq,
                 const struct broadcast_row *row)
{
    struct key key = key1(seq);
    txn_del(w->txn, TABLE_broadcasts, key_bytes(&key));
    log_let_go(w, own, seq);
    log_let_go(w, own, row->revised);
}

/* The oldest that is kept for who comes later is no more. */
static void cut_oldest(struct work *w, struct topic_row *own)
{
    struct key from = key1(own->cut + 1);
    struct bytes key, value;
    struct broadcast_row row;
    struct walk walk;
    walk_open(&walk, w->txn, TABLE_broadcasts, WALK_up, key_bytes(&from));
    bool there = walk_next(&walk, &key, &value);
    uint64_t seq = there ? key_number(key, 0) : 0;
    walk_close(&walk);
    if (!there)
        return;
    own->cut = seq;
    own->items -= own->items > 0;
    if (broadcast_load(w->txn, seq, &row, NULL))
        return;
    w->tally.forgotten += row.retracts == 0 && row.revises == 0;
    if (row.items == 0)
        drop(w, own, seq, &row);
}

void broadcast_let_go(struct work *w, uint64_t no, uint64_t seq)
{
    struct key merged = key2(no, seq);
    struct broadcast_row row;
    struct bytes topic;
    struct topic *own;
    txn_del(w->txn, TABLE_merged, key_bytes(&merged));
    if (broadcast_load(w->txn, seq, &row, &topic) || open_own(w, &own))
        return; /* belfry check finds the count */
    row.items -= row.items > 0;
    if (row.items == 0 && seq <= own->row.cut)
        drop(w, &own->row, seq, &row);
    else
        put_again(w, seq, &row, topic);
}

/* ---- publishing ---- */

static void add(struct work *w, struct topic *own, struct msg_entry *entry,
                struct broadcast_row *row, struct bytes topic)
{
    if (own->row.items >= w->limits.broadcasts)
        cut_oldest(w, &own->row);
    own->row.items++;
    topic_append(w, own, entry);
    row->at_ms = w->at_ms;
    put(w, own->row.head, row, topic);
    w->state.broadcast = own->row.head;
}

enum err broadcast_add(struct work *w, const struct msg_create *m, uint64_t *seq)
{
    struct topic *own;
    enum err e = open_own(w, &own);
    if (e)
        return e;
    struct broadcast_row row = {.type = m->type,
                                .expires_ms = m->expires_ms,
                                .new_too = m->new_too,
                                .category = m->category.n > 0};
    add(w, own,
        &(struct msg_entry){.kind = ENTRY_broadcast,
                            .type = m->type,
                            .expires_ms = m->expires_ms,
                            .content = m->content,
                            .category = m->category},
        &row, m->topic);
    *seq = own->row.head;
    return ERR_OK;
}

static enum err find(struct work *w, uint64_t seq, uint64_t at_ms, struct broadcast_row *row,
                     struct bytes *topic)
{
    enum err e = broadcast_load(w->txn, seq, row, topic);
    if (e)
        return e;
    bool none = row->retracts || row->revises || row->retracted;
    return none || (at_ms != 0 && row->at_ms != at_ms) ? ERR_NOT_FOUND : ERR_OK;
}

enum err broadcast_retract(struct work *w, uint64_t seq, uint64_t at_ms)
{
    struct broadcast_row row;
    struct bytes topic;
    struct topic *own;
    enum err e = find(w, seq, at_ms, &row, &topic);
    if (!e)
        e = open_own(w, &own);
    if (e)
        return e;
    row.retracted = 1;
    put_again(w, seq, &row, topic);
    struct broadcast_row behind = {.retracts = seq};
    add(w, own, &(struct msg_entry){.kind = ENTRY_retracted, .pos = seq}, &behind,
        (struct bytes){0});
    return ERR_OK;
}

/* An entry of content as it is to be, in `room`. OK, FULL, NOT_FOUND or WORLD. */
static enum err revision(struct work *w, uint64_t seq, const struct broadcast_row *row,
                         const struct msg_revise *m, struct buf *room, struct msg_entry *entry)
{
    struct msg_entry now;
    enum err e = content_of(w->txn, seq, row, &now);
    if (e)
        return e;
    content_merge(room, now.content, m->content);
    *entry = (struct msg_entry){
        .kind = ENTRY_revised, .pos = seq, .what = m->what, .content = buf_all(room)};
    entry->category = m->what >> FIELD_NO_category & 1 ? m->category : now.category;
    return room->overflowed ? ERR_FULL : ERR_OK;
}

enum err broadcast_revise(struct work *w, uint64_t seq, uint64_t at_ms, const struct msg_revise *m)
{
    char bytes[CONTENT_MAX + 1], named[CATEGORY_MAX];
    struct buf room = {.p = bytes, .cap = sizeof bytes, .max = sizeof bytes};
    struct broadcast_row row;
    struct msg_entry entry;
    struct bytes topic;
    struct topic *own;
    enum err e = find(w, seq, at_ms, &row, &topic);
    if (!e && (m->what >> FIELD_NO_expires_at & 1))
        e = ERR_INVALID;
    if (!e)
        e = revision(w, seq, &row, m, &room, &entry);
    if (!e)
        e = open_own(w, &own);
    if (e)
        return e;
    uint64_t before = row.revised;
    entry.category = copied(named, entry.category);
    row.category = entry.category.n > 0;
    row.revised = w->state.head + 1;
    put_again(w, seq, &row, topic);
    struct broadcast_row behind = {.revises = seq};
    add(w, own, &entry, &behind, (struct bytes){0});
    log_let_go(w, &own->row, before);
    return ERR_OK;
}

/* ---- merging ---- */

/* What an inbox has before it: read first, as what is read is borrowed until the next write. */
struct ahead {
    uint64_t seq;
    struct broadcast_row row;
    bool member; /* of the topic it is for, since before it; or it is for all */
};
enum { AHEAD_MAX = 64 };

static bool is_member(struct txn *t, struct bytes topic, struct bytes user, uint64_t seq)
{
    uint64_t since;
    return member_since(t, topic, user, &since) == ERR_OK && since < seq;
}

static unsigned look_ahead(struct work *w, const struct topic *in, struct bytes user,
                           struct ahead ahead[AHEAD_MAX])
{
    struct key from = key1(in->row.merged + 1);
    struct bytes key, value, topic;
    struct walk walk;
    unsigned n = 0;
    walk_open(&walk, w->txn, TABLE_broadcasts, WALK_up, key_bytes(&from));
    while (n < AHEAD_MAX && walk_next(&walk, &key, &value)) {
        struct ahead *a = &ahead[n++];
        a->seq = key_number(key, 0);
        if (record_read(w->txn, TABLE_broadcasts, key, value, &a->row, FIELDS_OF(a->row), &topic) ||
            a->row.type >= TYPE_COUNT)
            a->row = (struct broadcast_row){.retracted = 1}; /* nobody can say what it was */
        a->member = topic.n == 0 || is_member(w->txn, topic, user, a->seq);
        if (topic.n == 0 && !a->row.retracts)
            a->member = a->row.new_too || topic_known(&in->row, w->state.head) <= a->seq;
    }
    walk_close(&walk);
    return n;
}

static void arrive(struct work *w, struct topic *in, const struct ahead *a)
{
    struct broadcast_row row = a->row;
    char room[TOPIC_MAX], named[CATEGORY_MAX], content[CONTENT_MAX];
    struct msg_entry entry = {0};
    struct bytes topic;
    if (row.retracted || (row.expires_ms != 0 && row.expires_ms <= w->now_ms) ||
        broadcast_load(w->txn, a->seq, &row, &topic) ||
        ((row.category || row.revised) && content_of(w->txn, a->seq, &row, &entry)))
        return;
    topic = copied(room, topic);
    entry.category = copied(named, entry.category);
    entry.content = copied(content, row.revised ? entry.content : (struct bytes){0});
    struct received got = inbox_arrive(w, in,
                                       &(struct arrival){.type = row.type,
                                                         .expires_ms = row.expires_ms,
                                                         .born_ms = row.at_ms,
                                                         .broadcast = a->seq,
                                                         .content = entry.content,
                                                         .category = entry.category,
                                                         .topic = topic});
    if (!inbox_keeps(w, got.why))
        return;
    row.items++;
    put(w, a->seq, &row, topic);
    struct key key = key2(in->row.no, a->seq);
    record_put(w->txn, TABLE_merged, key_bytes(&key), &in->row.newest_pos, 1, (struct bytes){0});
    inbox_evict(w, in);
    w->tally.merged++;
}

/* Its item of this broadcast, if it has one. */
static enum err forget(struct work *w, struct topic *in, uint64_t seq)
{
    struct key key = key2(in->row.no, seq);
    uint64_t pos;
    enum err e = record_get(w->txn, TABLE_merged, key_bytes(&key), &pos, 1, NULL);
    if (!e)
        e = inbox_remove(w, in, pos, REMOVED_retracted);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Its item of this broadcast has other content; unless a newer revision is behind this one, or it arrived
 * with it. */
static enum err change(struct work *w, struct topic *in, uint64_t seq, uint64_t revision)
{
    char content[CONTENT_MAX], named[CATEGORY_MAX];
    struct key key = key2(in->row.no, seq);
    struct broadcast_row row;
    struct msg_entry entry;
    struct item item;
    uint64_t pos;
    enum err e = broadcast_load(w->txn, seq, &row, NULL);
    if (!e && (row.retracted || row.revised != revision))
        return ERR_OK;
    if (!e)
        e = record_get(w->txn, TABLE_merged, key_bytes(&key), &pos, 1, NULL);
    if (!e && pos > revision)
        return ERR_OK;
    if (!e)
        e = item_born(w->txn, &in->row, pos, &item);
    if (!e)
        e = content_of(w->txn, seq, &row, &entry);
    if (e)
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    struct msg_update m = {.what = entry.what,
                           .content = copied(content, entry.content),
                           .category = copied(named, entry.category),
                           .expires_ms = item.row.expires_ms};
    inbox_put_content(w, in, &item, &m);
    return ERR_OK;
}

/* Its row would have been met among those that are kept no more. */
static bool missed(const struct broadcast_row *row, const struct topic *in, uint64_t cut)
{
    return row->revised > in->row.merged && row->revised <= cut;
}

/* It was away for longer than retractions and revisions are kept: each of its items is looked at. */
static enum err sweep(struct work *w, struct topic *in, uint64_t cut)
{
    uint64_t seqs[AHEAD_MAX], at = 0;
    struct broadcast_row rows[AHEAD_MAX], row;
    unsigned n;
    enum err e = ERR_OK;
    do {
        struct key from = key2(in->row.no, at + 1);
        struct bytes key, value;
        struct walk walk;
        unsigned looked = n = 0;
        walk_open(&walk, w->txn, TABLE_merged, WALK_up, key_bytes(&from));
        while (looked < AHEAD_MAX && walk_next(&walk, &key, &value) &&
               key_number(key, 0) == in->row.no) {
            at = key_number(key, 1);
            looked++;
            if (broadcast_load(w->txn, at, &row, NULL) == ERR_OK &&
                (row.retracted || missed(&row, in, cut))) {
                rows[n] = row;
                seqs[n++] = at;
            }
        }
        walk_close(&walk);
        for (unsigned i = 0; !e && i < n; i++)
            e = rows[i].retracted ? forget(w, in, seqs[i])
                                  : change(w, in, seqs[i], rows[i].revised);
        if (looked < AHEAD_MAX)
            break;
    } while (!e);
    return e ? e : w->txn->failed;
}

enum err broadcast_merge(struct work *w, struct topic *in)
{
    static _Thread_local struct ahead ahead[AHEAD_MAX];
    struct topic *own;
    struct bytes user;
    if (broadcast_merged(&in->row, w->state.broadcast) || !topic_user(in->name, &user))
        return ERR_OK;
    enum err e = open_own(w, &own);
    if (e)
        return e;
    if (in->row.no != 0 && in->row.merged < own->row.cut)
        e = sweep(w, in, own->row.cut);
    if (in->row.merged < own->row.cut)
        in->row.merged = own->row.cut;
    while (!e && in->row.merged < w->state.broadcast) {
        unsigned n = look_ahead(w, in, user, ahead);
        for (unsigned i = 0; !e && i < n; i++) {
            in->row.merged = ahead[i].seq;
            if (ahead[i].row.retracts)
                e = forget(w, in, ahead[i].row.retracts);
            else if (ahead[i].row.revises)
                e = change(w, in, ahead[i].row.revises, ahead[i].seq);
            else if (ahead[i].member)
                arrive(w, in, &ahead[i]);
        }
        if (n == 0)
            in->row.merged = w->state.broadcast;
    }
    in->dirty = true;
    return e ? e : w->txn->failed;
}
