/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schedule.h"

#include "lib/log.h"
#include "proto/content.h"
#include "proto/id.h"
#include "proto/items.h"
#include "proto/topic.h"
#include "store/broadcast.h"
#include "store/erase.h"
#include "store/evict.h"
#include "store/log.h"
#include "store/record.h"
#include "store/trim.h"

static enum err open_own(struct work *w, struct topic **t)
{
    return topic_open(w, BYTES(TOPIC_SCHEDULED), t);
}

enum err schedule_add(struct work *w, const struct msg_create *m, uint64_t *seq)
{
    struct topic *own;
    enum err e = open_own(w, &own);
    if (e)
        return e;
    if (own->row.items >= w->limits.scheduled)
        return ERR_FULL;
    own->row.items++;
    topic_append(w, own, &(struct msg_entry){.kind = ENTRY_scheduled, .expires_ms = m->deliver_ms});
    *seq = own->row.head;
    struct msg kept = {.id = MSG_create, .create = *m};
    kept.create.key = kept.create.body_hash = (struct bytes){
        0}; /* its repetition is known by now */
    struct key key = key2(m->deliver_ms, *seq);
    msg_write(record_begin(w->txn), &kept);
    record_end(w->txn, TABLE_scheduled, key_bytes(&key), false);
    return ERR_OK;
}

enum err schedule_read(struct txn *t, struct bytes key, struct bytes value, struct msg_create *m)
{
    struct bytes raw;
    struct msg kept;
    enum err e = record_read(t, TABLE_scheduled, key, value, NULL, 0, &raw);
    if (e)
        return e;
    struct mp_in in = mp_over(raw);
    if (!msg_read(&in, &kept) || kept.id != MSG_create || !mp_end(&in))
        return record_damaged(t, TABLE_scheduled, key);
    *m = kept.create;
    return ERR_OK;
}

enum err schedule_waits(struct txn *t, const struct msg_entry *e)
{
    struct key key = key2(e->expires_ms, e->seq);
    struct bytes value;
    return txn_get(t, TABLE_scheduled, key_bytes(&key), &value);
}

/* The row is done with. */
static void drop(struct work *w, struct topic *own, const struct key *key)
{
    txn_del(w->txn, TABLE_scheduled, key_bytes(key));
    own->row.items -= own->row.items > 0;
    own->dirty = true;
    log_let_go(w, &own->row, key_number(key_bytes(key), 1));
}

/* The row of what this id names. OK; NOT_FOUND: it does not wait; WORLD. */
static enum err waiting(struct work *w, struct bytes id, struct key *key)
{
    struct msg_entry entry;
    struct bytes raw;
    const uint8_t *p = (const uint8_t *)id.p;
    enum err e = log_get(w->txn, id_pos(p), &entry, &raw);
    if (e)
        return e;
    if (entry.kind != ENTRY_scheduled || entry.at_ms != id_at_ms(p))
        return ERR_NOT_FOUND;
    *key = key2(entry.expires_ms, entry.seq);
    return schedule_waits(w->txn, &entry);
}

enum err schedule_cancel(struct work *w, struct bytes id)
{
    struct topic *own;
    struct key key;
    enum err e = waiting(w, id, &key);
    if (!e)
        e = open_own(w, &own);
    if (e)
        return e;
    drop(w, own, &key);
    topic_append(
        w, own,
        &(struct msg_entry){.kind = ENTRY_cancelled, .pos = key_number(key_bytes(&key), 1)});
    return ERR_OK;
}

/* The create as it is to be from here on; what it borrows is in `room`. OK, TOO_OLD or FULL. */
static enum err revised(struct msg_create *c, const struct msg_revise *m, struct buf *room)
{
    content_merge(room, c->content, m->content);
    c->content = buf_all(room);
    if (m->what >> FIELD_NO_category & 1)
        c->category = m->category;
    if (m->what >> FIELD_NO_expires_at & 1)
        c->expires_ms = m->expires_ms;
    bool over = c->expires_ms != 0 && c->expires_ms <= c->deliver_ms;
    return room->overflowed ? ERR_FULL : over ? ERR_TOO_OLD : ERR_OK;
}

enum err schedule_revise(struct work *w, const struct msg_revise *m)
{
    char bytes[CONTENT_MAX + 1];
    struct buf room = {.p = bytes, .cap = sizeof bytes, .max = sizeof bytes};
    struct msg kept = {.id = MSG_create};
    struct bytes value;
    struct key key;
    enum err e = waiting(w, m->id, &key);
    if (!e)
        e = txn_get(w->txn, TABLE_scheduled, key_bytes(&key), &value);
    if (!e)
        e = schedule_read(w->txn, key_bytes(&key), value, &kept.create);
    if (!e)
        e = revised(&kept.create, m, &room);
    if (e)
        return e;
    msg_write(record_begin(w->txn), &kept);
    record_end(w->txn, TABLE_scheduled, key_bytes(&key), false);
    return ERR_OK;
}

/* ---- making it ---- */

/* The inboxes, but damaged ones, and those of users who are being erased since `seq`: opening them takes
 * seqs, and the notifications are to be neighbours. */
static uint32_t open_all(struct work *w, const struct msg_create *m, uint64_t seq,
                         struct topic **inboxes)
{
    struct mp_in users = list_in(m->users);
    char topic[TOPIC_MAX + 1];
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->users.count && i < USERS_MAX; i++) {
        struct bytes user = mp_str(&users);
        size_t n = user_valid(user) ? topic_of_user(user, topic) : 0;
        if (n > 0 && erasing(w->txn, user, seq))
            continue;
        if (n > 0 && inbox_open(w, (struct bytes){topic, n}, &inboxes[count]) == ERR_OK)
            count++;
        else
            log_line("store.scheduled user=%s error=\"the inbox is damaged\"", log_safe(user));
    }
    return count;
}

struct delivered_row {
    uint64_t at_ms; /* of its id */
    uint64_t first; /* where its notifications begin */
};

/* The oldest gives way. */
static void forget_one(struct work *w, struct topic *own)
{
    struct bytes key, value;
    struct walk walk;
    walk_open(&walk, w->txn, TABLE_delivered, WALK_up, (struct bytes){0});
    bool there = walk_next(&walk, &key, &value);
    struct key at = key1(there ? key_number(key, 0) : 0);
    walk_close(&walk);
    txn_del(w->txn, TABLE_delivered, key_bytes(&at));
    own->row.keep -= own->row.keep > 0;
}

/* `id`: its seq and time. */
static void remember(struct work *w, struct topic *own, const struct msg_entry *id, uint64_t first)
{
    struct key key = key1(id->seq);
    struct delivered_row row = {id->at_ms, first};
    if (own->row.keep >= w->limits.scheduled)
        forget_one(w, own);
    record_put(w->txn, TABLE_delivered, key_bytes(&key), &row, FIELDS_OF(row), (struct bytes){0});
    own->row.keep++;
    own->dirty = true;
}

enum err schedule_delivered(struct work *w, struct bytes id, uint64_t *first)
{
    const uint8_t *p = (const uint8_t *)id.p;
    struct key key = key1(id_pos(p));
    struct delivered_row row;
    enum err e = record_get(w->txn, TABLE_delivered, key_bytes(&key), &row, FIELDS_OF(row), NULL);
    if (!e && row.at_ms != id_at_ms(p))
        e = ERR_NOT_FOUND;
    *first = e ? 0 : row.first;
    return e;
}

/* `m` is ours: writing moves what was read. */
static void deliver(struct work *w, struct topic *own, const struct msg_entry *id,
                    const struct msg_create *m)
{
    struct topic *inboxes[USERS_MAX];
    bool over = m->expires_ms != 0 && m->expires_ms <= w->now_ms;
    uint64_t seq;
    w->tally.delivered++;
    if (over)
        return;
    if (m->users.count == 0) {
        if (broadcast_add(w, m, &seq))
            log_line("store.scheduled error=\"the broadcasts cannot be read\"");
        else
            remember(w, own, id, seq);
        return;
    }
    uint32_t n = open_all(w, m, id->seq, inboxes);
    seq = w->first = w->state.head + 1;
    for (uint32_t i = 0; i < n; i++)
        inbox_create(w, inboxes[i], m);
    w->first = 0;
    if (w->state.head >= seq)
        remember(w, own, id, seq);
    for (uint32_t i = 0; i < n; i++)
        inbox_evict(w, inboxes[i]);
}

/* The first row, copied, if it is due; else when it is. */
static bool first_due(struct work *w, struct key *at, struct buf *copy, uint64_t *next_ms)
{
    struct bytes key, value;
    struct walk walk;
    buf_reset(copy);
    *next_ms = UINT64_MAX;
    walk_open(&walk, w->txn, TABLE_scheduled, WALK_up, (struct bytes){0});
    if (walk_next(&walk, &key, &value)) {
        *next_ms = key_number(key, 0);
        *at = key2(*next_ms, key_number(key, 1));
        buf_bytes(copy, value);
    }
    walk_close(&walk);
    return *next_ms <= w->now_ms;
}

void schedule_run_due(struct work *w, uint64_t *next_ms)
{
    struct topic *own;
    struct key key = {0};
    struct buf copy;
    struct msg_create m = {0};
    *next_ms = UINT64_MAX;
    if (open_own(w, &own) || own->row.items == 0)
        return;
    buf_init(&copy, FRAME_MAX);
    for (uint64_t made = 0; first_due(w, &key, &copy, next_ms) && made < EXPIRE_MAX;) {
        struct msg_entry id = {0};
        struct bytes raw;
        bool good = schedule_read(w->txn, key_bytes(&key), buf_all(&copy), &m) == ERR_OK;
        good = good && log_get(w->txn, key_number(key_bytes(&key), 1), &id, &raw) == ERR_OK;
        drop(w, own, &key);
        if (good)
            deliver(w, own, &id, &m);
        made += good && m.users.count > 0 ? m.users.count : 1;
    }
    buf_fini(&copy);
}

/* The users but this one, in `out`: how many; *there: it was among them. */
static uint32_t without(struct mp_list users, struct bytes user, struct buf *out, bool *there)
{
    struct mp_in in = list_in(users);
    uint32_t n = 0;
    *there = false;
    buf_reset(out);
    for (uint32_t i = 0; i < users.count; i++) {
        struct bytes one = mp_str(&in);
        bool same = bytes_equal(one, user);
        *there = *there || same;
        if (!same)
            mp_put_str(out, one);
        n += !same;
    }
    return n;
}

static void put_without(struct work *w, const struct key *key, const struct msg_create *m,
                        const struct buf *users, uint32_t count)
{
    struct msg kept = {.id = MSG_create, .create = *m};
    kept.create.users = list_of(users, count);
    msg_write(record_begin(w->txn), &kept);
    record_end(w->txn, TABLE_scheduled, key_bytes(key), false);
}

/* The row is copied: writing moves what was read. */
static void forget_in(struct work *w, struct topic *own, const struct key *key, struct bytes user,
                      struct bytes value, struct buf *users)
{
    struct msg_create m;
    bool there;
    if (schedule_read(w->txn, key_bytes(key), value, &m))
        return;
    uint32_t n = without(m.users, user, users, &there);
    if (there && n == 0)
        drop(w, own, key);
    else if (there)
        put_without(w, key, &m, users, n);
}

enum { FORGET_ROWS = 200 };

/* The next rows from `at` on, which becomes the last one: how many. */
static unsigned forget_some(struct work *w, struct topic *own, struct bytes user, uint64_t before,
                            struct key *at, struct buf room[2])
{
    struct key keys[FORGET_ROWS];
    struct bytes key, value;
    struct walk walk;
    unsigned n = 0;
    walk_open(&walk, w->txn, TABLE_scheduled, WALK_up, key_bytes(at));
    while (n < FORGET_ROWS && walk_next(&walk, &key, &value))
        keys[n++] = key2(key_number(key, 0), key_number(key, 1));
    walk_close(&walk);
    for (unsigned i = 0; i < n; i++) {
        *at = keys[i];
        buf_reset(&room[0]);
        if (key_number(key_bytes(at), 1) >= before ||
            txn_get(w->txn, TABLE_scheduled, key_bytes(at), &value) != ERR_OK)
            continue;
        buf_bytes(&room[0], value);
        forget_in(w, own, at, user, buf_all(&room[0]), &room[1]);
    }
    return n;
}

bool schedule_forget_user(struct work *w, struct bytes user, uint64_t before, uint64_t *at)
{
    struct key key = key2(*at, 0);
    struct buf room[2]; /* a row; its other users */
    struct topic *own;
    unsigned n;
    if (open_own(w, &own))
        return true;
    buf_init(&room[0], FRAME_MAX);
    buf_init(&room[1], FRAME_MAX);
    do
        n = forget_some(w, own, user, before, &key, room);
    while (n == FORGET_ROWS && key_number(key_bytes(&key), 0) == *at);
    *at = key_number(key_bytes(&key), 0);
    buf_fini(&room[0]);
    buf_fini(&room[1]);
    return n < FORGET_ROWS;
}
