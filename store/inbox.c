/* SPDX-License-Identifier: Apache-2.0 */
#include "store/inbox.h"

#include "lib/ensure.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "store/broadcast.h"
#include "store/categories.h"
#include "store/collapse.h"
#include "store/due.h"
#include "store/log.h"
#include "store/marks.h"
#include "store/prefs.h"

bool inbox_takes(uint64_t type, struct bytes content)
{
    return type < TYPE_COUNT && type_row(type)->stored && content.n > 2 && content.p[0] == '{' &&
           content.p[content.n - 1] == '}';
}

enum err inbox_open(struct work *w, struct bytes topic, struct topic **inbox)
{
    enum err e = topic_open(w, topic, inbox);
    if (!e && (*inbox)->row.categories > 0 && !(*inbox)->categories)
        e = categories_open(w, *inbox);
    if (!e)
        e = inbox_do_due(w, *inbox);
    return e ? e : broadcast_merge(w, *inbox);
}

enum err inbox_of_user(struct work *w, struct bytes user, struct topic **inbox)
{
    char topic[TOPIC_MAX + 1];
    if (!user_valid(user))
        return ERR_INVALID;
    size_t n = topic_of_user(user, topic);
    return inbox_open(w, (struct bytes){topic, n}, inbox);
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
