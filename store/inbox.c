/* SPDX-License-Identifier: Apache-2.0 */
#include "store/inbox.h"

#include "lib/ensure.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "store/broadcast.h"
#include "store/categories.h"
#include "store/collapse.h"
#include "store/log.h"
#include "store/marks.h"
#include "store/prefs.h"
#include "store/record.h"

bool inbox_takes(uint64_t type, struct bytes content)
{
    return type < TYPE_COUNT && type_row(type)->stored && content.n > 2 && content.p[0] == '{' &&
           content.p[content.n - 1] == '}';
}

/* -- what is due ------------------------------------------------------------------------------ */

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

static enum err do_due(struct work *w, struct topic *in)
{
    static _Thread_local struct due due; /* 120 KB that need not be on the stack */
    while (inbox_due(&in->row, w->now_ms)) {
        enum err e = find_due(w, in, &due);
        if (e)
            return e;
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

enum err inbox_open(struct work *w, struct bytes topic, struct topic **inbox)
{
    enum err e = topic_open(w, topic, inbox);
    if (!e && (*inbox)->row.categories > 0 && !(*inbox)->categories)
        e = categories_open(w, *inbox);
    if (!e)
        e = do_due(w, *inbox);
    return e ? e : broadcast_merge(w, *inbox);
}

void inbox_know(struct work *w, struct topic *in)
{
    if (in->row.no != 0 || in->row.known != 0)
        return;
    in->row.known = w->state.head + 1;
    in->dirty = true;
}

/* -- arrivals --------------------------------------------------------------------------------- */

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

enum err inbox_remove(struct work *w, struct topic *in, uint64_t birth, enum removed_why why)
{
    struct item item;
    enum err e = item_born(w->txn, &in->row, birth, &item);
    if (e)
        return e;
    item_recount(in, &item, NULL);
    item_id(&item, (uint8_t *)w->ids[0]);
    topic_append(
        w, in,
        &(struct msg_entry){.kind = ENTRY_removed, .ids = {w->ids[0], ID_SIZE}, .what = why});
    item_rewrite(w, in, &item, NULL);
    return ERR_OK;
}

/* An entry with the item as it is from here on; its counts are right already. */
static void append_item(struct work *w, struct topic *in, const struct item *item,
                        struct msg_entry *e)
{
    struct msg told = {.id = MSG_item};
    char room[CONTENT_MAX + 256];
    struct buf list = {.p = room, .cap = sizeof room, .max = sizeof room};
    if (item_tell(w->txn, in, item, &told.item))
        told.item.read_ms = item->row.read_ms; /* a damaged mark: it was read, who knows when */
    told.item.content = e->content;
    msg_write(&list, &told);
    ENSURE(!list.overflowed);
    e->content = (struct bytes){0};
    e->items = list_of(&list, 1);
    e->type = item->row.type;
    e->pos = item->pos;
    e->expires_ms = item->row.expires_ms;
    topic_append(w, in, e);
}

/* The newer content stands in the place of the older: the same id, at a pos of its own, unread. */
static void take_place(struct work *w, struct topic *in, const struct arrival *a,
                       const struct item *old, struct item *item)
{
    uint64_t category = item->row.category, flags = item->row.flags, seq = w->state.head + 1;
    bool was_read = item_is_read(in, old);
    struct msg_entry e = {
        .kind = ENTRY_updated, .content = a->content, .nth = w->first ? seq - w->first : 0};
    e.what = 1 << FIELD_NO_title | 1 << FIELD_NO_body | 1 << FIELD_NO_data | 1 << FIELD_NO_pos;
    e.what |= (uint64_t)(old->row.type != a->type) << FIELD_NO_type;
    e.what |= (uint64_t)(old->row.category != category) << FIELD_NO_category;
    e.what |= (uint64_t)(old->row.expires_ms != a->expires_ms) << FIELD_NO_expires_at;
    e.what |= (uint64_t)was_read << FIELD_NO_read_at;
    *item = *old;
    item->pos = item->row.rev = item->row.content = item->row.unread_seq = seq;
    item->row.taken = seq;
    item->row.birth = item_birth(old);
    item->row.type = a->type;
    item->row.expires_ms = a->expires_ms;
    item->row.category = category;
    item->row.flags = flags;
    item->row.read_ms = item->row.until_ms = 0;
    item_recount(in, old, item);
    append_item(w, in, item, &e);
    item_rewrite(w, in, old, item);
}

static void take_new(struct work *w, struct topic *in, const struct arrival *a,
                     const struct item *item)
{
    item_recount(in, NULL, item);
    topic_append(w, in,
                 &(struct msg_entry){.kind = ENTRY_created,
                                     .type = a->type,
                                     .pos = item->pos,
                                     .expires_ms = a->expires_ms,
                                     .content = a->content,
                                     .body = a->content.n > 0 ? 0 : a->broadcast,
                                     .flags = item->row.flags,
                                     .nth = w->first ? item->pos - w->first : 0,
                                     .born_ms = a->born_ms});
    item_rewrite(w, in, NULL, item);
}

struct received inbox_arrive(struct work *w, struct topic *in, const struct arrival *a)
{
    struct received got = {.why = why_not(w, in, a)};
    struct item old;
    if (!inbox_keeps(w, got.why))
        return got;
    struct category *c = a->category.n > 0 ? category_make(w, in, a->category) : NULL;
    struct item item = {.pos = w->state.head + 1,
                        .row = {.at_ms = a->born_ms ? a->born_ms : w->at_ms,
                                .type = a->type,
                                .expires_ms = a->expires_ms,
                                .rev = w->state.head + 1,
                                .flags = flags_of(got.why),
                                .category = c ? c->no : 0,
                                .collapse = collapse_hash(a->collapse_key),
                                .content = a->broadcast && a->content.n > 0 ? w->state.head + 1 : 0,
                                .broadcast = a->broadcast}};
    if (collapse_find(w, in, a->collapse_key, &old)) {
        got.taken = TAKEN_collapsed;
        take_place(w, in, a, &old, &item);
    } else {
        take_new(w, in, a, &item);
        if (a->collapse_key.n > 0)
            collapse_put(w, in, a->collapse_key, item.pos);
    }
    item_id(&item, got.id);
    return got;
}

struct received inbox_create(struct work *w, struct topic *in, const struct msg_create *m)
{
    struct received got = {.taken = TAKEN_deduped};
    if (m->dedupe_key.n > 0 && dedupe_find(w, in, m->dedupe_key, got.id))
        return got;
    got = inbox_arrive(w, in,
                       &(struct arrival){.type = m->type,
                                         .expires_ms = m->expires_ms,
                                         .content = m->content,
                                         .category = m->category,
                                         .topic = m->topic,
                                         .collapse_key = m->collapse_key});
    if (m->dedupe_key.n > 0 && inbox_keeps(w, got.why))
        dedupe_put(w, in, m->dedupe_key, got.id);
    return got;
}

static enum err may_update(struct work *w, const struct topic *in, const struct msg_update *m,
                           struct item *item)
{
    struct msg_item told;
    if (m->id.n != ID_SIZE || m->what >> ITEM_FIELDS_COUNT)
        return ERR_INVALID;
    enum err e = item_of_id(w->txn, &in->row, (const uint8_t *)m->id.p, item);
    if (!e)
        e = item_tell(w->txn, in, item, &told);
    if (e)
        return e;
    if (!inbox_takes(item->row.type, m->content))
        return ERR_INVALID;
    if (told.rev != m->rev)
        return ERR_LATER;
    if (m->expires_ms != 0 && m->expires_ms <= w->now_ms)
        return ERR_TOO_OLD;
    return category_fits(in, m->category) ? ERR_OK : ERR_FULL;
}

enum err inbox_update(struct work *w, struct topic *in, const struct msg_update *m)
{
    struct item item;
    enum err e = may_update(w, in, m, &item);
    if (!e)
        inbox_put_content(w, in, &item, m);
    return e;
}

/* Another category has other marks: it stays as it was, read or not. Where as many as can be are marked as
 * unread, it is what the other one's marks say. */
static void keep_read(struct work *w, const struct topic *in, const struct item *before,
                      struct item *after)
{
    struct msg_item told;
    bool was_read = item_is_read(in, before);
    if (was_read == item_is_read(in, after))
        return;
    if (was_read)
        after->row.read_ms = item_tell(w->txn, in, before, &told) ? w->at_ms : told.read_ms;
    else if (in->row.unread_set < MARK_UNREAD_MAX)
        after->row.flags |= ITEM_unread;
}

void inbox_put_content(struct work *w, struct topic *in, const struct item *item,
                       const struct msg_update *m)
{
    struct category *c = m->category.n > 0 ? category_make(w, in, m->category) : NULL;
    struct item after = *item;
    struct msg_entry e = {
        .kind = ENTRY_updated, .op_id = m->op_id, .what = m->what, .content = m->content};
    after.row.rev = after.row.content = w->state.head + 1;
    after.row.expires_ms = m->expires_ms;
    after.row.category = c ? c->no : 0;
    keep_read(w, in, item, &after);
    item_recount(in, item, &after);
    append_item(w, in, &after, &e);
    item_rewrite(w, in, item, &after);
}

void inbox_wake(struct work *w, struct topic *in, const struct item *item, struct bytes op_id)
{
    struct item woken = *item;
    uint64_t seq = w->state.head + 1;
    struct msg_entry e = {.kind = ENTRY_resurfaced, .op_id = op_id};
    woken.pos = woken.row.rev = woken.row.content = woken.row.unread_seq = seq;
    woken.row.birth = item_birth(item);
    woken.row.flags &= ~(uint64_t)(ITEM_snoozed | ITEM_seen | ITEM_unread);
    woken.row.read_ms = woken.row.until_ms = 0;
    if (item_body(w->txn, item, &e.content)) /* it was read a moment ago, from the same moment */
        return;
    item_recount(in, item, &woken);
    append_item(w, in, &woken, &e);
    item_rewrite(w, in, item, &woken);
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
