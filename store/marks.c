/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to items by their ids. */
#include "store/marks.h"

static void mark_read(const struct work *w, const struct msg_mark *m, struct item *i)
{
    if (i->row.unread_seq > m->observed_seq)
        return; /* who asks did not know yet that its user wants it unread */
    i->row.read_ms = w->at_ms;
    i->row.flags &= ~(uint64_t)ITEM_unread;
}

static void mark_unread(const struct work *w, struct item *i)
{
    i->row.read_ms = 0;
    i->row.unread_seq = w->state.head + 1;
    i->row.flags |= ITEM_unread | ITEM_seen; /* it was read once: it is not news */
}

static void put_aside(struct item *i, uint64_t flag, uint64_t until_ms)
{
    i->row.flags &= ~(uint64_t)(ITEM_archived | ITEM_snoozed);
    i->row.flags |= flag;
    i->row.until_ms = until_ms;
}

/* What the item is afterwards. False: it is so already. */
static bool becomes(const struct work *w, const struct topic *in, const struct msg_mark *m,
                    struct item *i)
{
    struct item_row before = i->row;
    bool archived = (i->row.flags & ITEM_archived) != 0;
    switch ((enum mark)m->what) {
    case MARK_read:
        if (!item_is_read(in, i))
            mark_read(w, m, i);
        break;
    case MARK_unread:
        if (item_is_read(in, i))
            mark_unread(w, i);
        break;
    case MARK_seen:
        if (item_is_unseen(in, i))
            i->row.flags |= ITEM_seen;
        break;
    case MARK_archive:
        if (!archived)
            put_aside(i, ITEM_archived, 0);
        break;
    case MARK_unarchive:
        if (archived)
            put_aside(i, 0, 0);
        break;
    case MARK_snooze:
        put_aside(i, ITEM_snoozed, m->until_ms);
        break;
    case MARK_delete:
    case MARK_unsnooze:
    case MARK_COUNT:
        break; /* not by a change of the row */
    }
    return memcmp(&before, &i->row, sizeof before) != 0;
}

static struct msg_entry entry_of(const struct msg_mark *m)
{
    static const enum entry_kind kinds[MARK_COUNT] = {
        [MARK_read] = ENTRY_read,
        [MARK_unread] = ENTRY_unread,
        [MARK_seen] = ENTRY_seen,
        [MARK_archive] = ENTRY_archived,
        [MARK_unarchive] = ENTRY_unarchived,
        [MARK_delete] = ENTRY_removed,
        [MARK_snooze] = ENTRY_snoozed,
        [MARK_unsnooze] = ENTRY_resurfaced,
    };
    return (struct msg_entry){.kind = kinds[m->what],
                              .op_id = m->op_id,
                              .what = REMOVED_deleted,
                              .until_ms = m->what == MARK_snooze ? m->until_ms : 0};
}

/* One id. True: it is another one now. Rows are rewritten under the entry that follows; a waking has
 * an entry of its own. */
static bool mark_one(struct work *w, struct topic *in, const struct msg_mark *m,
                     const struct item *item)
{
    struct item after = *item;
    if (m->what == MARK_unsnooze) {
        if (item->row.flags & ITEM_snoozed)
            inbox_wake(w, in, item, m->op_id);
        return (item->row.flags & ITEM_snoozed) != 0;
    }
    bool gone = m->what == MARK_delete;
    if (!gone && !becomes(w, in, m, &after))
        return false;
    after.row.rev = w->state.head + 1;
    item_recount(in, item, gone ? NULL : &after);
    item_rewrite(w, in, item, gone ? NULL : &after);
    return true;
}

/* Is this id there twice, before `at`? Only asked where the bound is near. */
static bool named_before(const struct msg_mark *m, size_t at)
{
    for (size_t i = 0; i < at; i += ID_SIZE)
        if (memcmp(m->ids.p + i, m->ids.p + at, ID_SIZE) == 0)
            return true;
    return false;
}

/* How many it would add to those that are bounded: what is so already is none, nor what is unknown. */
static uint64_t added(struct work *w, const struct topic *in, const struct msg_mark *m)
{
    uint64_t n = 0;
    for (size_t at = 0; at < m->ids.n; at += ID_SIZE) {
        struct item item;
        if (item_of_id(w->txn, &in->row, (const uint8_t *)m->ids.p + at, &item))
            continue;
        bool adds = m->what == MARK_snooze ? (item.row.flags & ITEM_snoozed) == 0
                                           : item_is_read(in, &item);
        n += adds && !named_before(m, at);
    }
    return n;
}

static bool has_room(struct work *w, const struct topic *in, const struct msg_mark *m)
{
    bool snooze = m->what == MARK_snooze;
    uint64_t have = snooze ? in->row.snoozed : in->row.unread_set;
    uint64_t most = snooze ? MARK_SNOOZED_MAX : MARK_UNREAD_MAX;
    if ((!snooze && m->what != MARK_unread) || have + m->ids.n / ID_SIZE <= most)
        return true;
    return have + added(w, in, m) <= most;
}

static enum err may_mark(struct work *w, const struct topic *in, const struct msg_mark *m)
{
    const uint8_t *ids = (const uint8_t *)m->ids.p;
    struct item item;
    struct bytes body;
    if (m->what >= MARK_COUNT || m->ids.n % ID_SIZE != 0)
        return ERR_INVALID;
    if (m->what == MARK_snooze && m->until_ms <= w->now_ms)
        return ERR_TOO_OLD;
    if (!has_room(w, in, m))
        return ERR_FULL;
    for (size_t at = 0; at < m->ids.n; at += ID_SIZE) {
        enum err e = item_of_id(w->txn, &in->row, ids + at, &item);
        if (!e && m->what == MARK_unsnooze)
            e = item_body(w->txn, &item, &body);
        if (e && e != ERR_NOT_FOUND)
            return e;
    }
    return ERR_OK;
}

static void add_id(struct bytes *to, char *room, const uint8_t *id)
{
    memcpy(room + to->n, id, ID_SIZE);
    to->p = room;
    to->n += ID_SIZE;
}

enum err inbox_mark(struct work *w, struct topic *in, const struct msg_mark *m,
                    struct bytes *changed, struct bytes *unknown)
{
    const uint8_t *ids = (const uint8_t *)m->ids.p;
    struct item item;
    *changed = (struct bytes){w->ids[0], 0};
    *unknown = (struct bytes){w->ids[1], 0};
    enum err e = may_mark(w, in, m);
    if (e)
        return e;
    for (size_t at = 0; at < m->ids.n; at += ID_SIZE) { /* read again: an id may be there twice */
        if (item_of_id(w->txn, &in->row, ids + at, &item))
            add_id(unknown, w->ids[1], ids + at);
        else if (mark_one(w, in, m, &item))
            add_id(changed, w->ids[0], ids + at);
    }
    struct msg_entry entry = entry_of(m);
    entry.ids = *changed;
    if (changed->n > 0 && m->what != MARK_unsnooze)
        topic_append(w, in, &entry);
    return ERR_OK;
}
