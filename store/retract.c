/* SPDX-License-Identifier: Apache-2.0 */
#include "store/retract.h"

#include "lib/log.h"
#include "proto/content.h"
#include "proto/event.h"
#include "proto/id.h"
#include "store/broadcast.h"
#include "store/categories.h"
#include "store/idem.h"
#include "store/inbox.h"
#include "store/log.h"
#include "store/schedule.h"

/* -- whose they are --------------------------------------------------------------------------- */

/* What was published: where its first entry is, and when it was; at 0: whenever. */
struct publish {
    uint64_t first, at_ms;
};

/* What is to be done to one of them. */
typedef enum err (*each_fn)(struct work *w, struct topic *in, const struct item *item,
                            const struct msg_revise *how);

/* Where the item was born that this entry of a create brought, or took the place of; 0: it is no such entry. */
static uint64_t birth_of(const struct msg_entry *e)
{
    struct msg_item item;
    bool collapsed = e->kind == ENTRY_updated && (e->what >> FIELD_NO_pos & 1);
    if (e->kind == ENTRY_created && e->body == 0)
        return e->pos;
    if (!collapsed || !entry_item(e, &item))
        return 0;
    return item.birth ? item.birth : item.pos;
}

/* One of them, if it is what its inbox shows: a newer create may have taken its place. The topic is
 * copied, as what is read is borrowed. */
static enum err one(struct work *w, const struct msg_entry *entry, each_fn each,
                    const struct msg_revise *how)
{
    char name[TOPIC_MAX];
    struct topic *in;
    struct item item;
    uint64_t birth = birth_of(entry), taken = entry->kind == ENTRY_created ? 0 : entry->seq;
    if (birth == 0)
        return ERR_NOT_FOUND;
    memcpy(name, entry->topic.p, entry->topic.n);
    enum err e = inbox_open(w, (struct bytes){name, entry->topic.n}, &in);
    if (!e)
        e = item_born(w->txn, &in->row, birth, &item);
    if (!e)
        e = item.row.taken == taken ? each(w, in, &item, how) : ERR_NOT_FOUND;
    if (e == ERR_WORLD && !w->txn->failed)
        log_line("store.publish pos=%llu error=\"the inbox is damaged\"",
                 (unsigned long long)birth);
    return e;
}

/* All of a create, until one refuses. `count`: to how many it was done. */
static enum err all(struct work *w, const struct publish *p, each_fn each,
                    const struct msg_revise *how, uint64_t *count)
{
    enum err e = ERR_OK;
    *count = 0;
    for (uint64_t nth = 0; nth < USERS_MAX && !e && !w->txn->failed; nth++) {
        struct msg_entry entry;
        struct bytes raw;
        if (log_get(w->txn, p->first + nth, &entry, &raw) || entry.nth != nth ||
            (p->at_ms != 0 && entry.at_ms != p->at_ms))
            continue;
        e = one(w, &entry, each, how);
        *count += e == ERR_OK;
        if (e == ERR_NOT_FOUND || e == ERR_WORLD)
            e = ERR_OK;
    }
    return w->txn->failed ? w->txn->failed : e ? e : *count > 0 ? ERR_OK : ERR_NOT_FOUND;
}

/* By its id, or by that of what was scheduled and delivered as it. OK or WORLD. */
static enum err named(struct work *w, struct bytes id, struct publish *p)
{
    const uint8_t *bytes = (const uint8_t *)id.p;
    *p = (struct publish){id_pos(bytes), id_at_ms(bytes)};
    uint64_t first;
    enum err e = schedule_delivered(w, id, &first);
    if (!e)
        *p = (struct publish){.first = first};
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* -- what is done to them --------------------------------------------------------------------- */

static enum err let_go(struct work *w, struct topic *in, const struct item *item,
                       const struct msg_revise *how)
{
    (void)how;
    return inbox_remove(w, in, item_birth(item), REMOVED_retracted);
}

static enum err retract(struct work *w, struct bytes id, uint64_t *count)
{
    struct publish p;
    *count = 0;
    enum err e = schedule_cancel(w, id);
    if (e != ERR_NOT_FOUND)
        return e;
    e = named(w, id, &p);
    if (!e)
        e = broadcast_retract(w, p.first, p.at_ms);
    return e == ERR_NOT_FOUND ? all(w, &p, let_go, NULL, count) : e;
}

static bool says(const struct msg_revise *m, enum item_field field)
{
    return m->what >> field & 1;
}

/* What the item becomes, its content in `room`. OK, FULL or WORLD. */
static enum err becomes(struct work *w, const struct topic *in, const struct item *item,
                        const struct msg_revise *how, struct buf *room, struct msg_update *m)
{
    struct bytes old;
    const struct category *c = category_of(in, item->row.category);
    enum err e = item_body(w->txn, item, &old);
    if (e)
        return e;
    content_merge(room, old, how->content);
    *m = (struct msg_update){.what = how->what,
                             .content = buf_all(room),
                             .expires_ms = item->row.expires_ms,
                             .category = c ? c->name : (struct bytes){0}};
    if (says(how, FIELD_NO_expires_at))
        m->expires_ms = how->expires_ms;
    if (says(how, FIELD_NO_category))
        m->category = how->category;
    return room->overflowed || !category_fits(in, m->category) ? ERR_FULL : ERR_OK;
}

static enum err may_change(struct work *w, struct topic *in, const struct item *item,
                           const struct msg_revise *how)
{
    char bytes[CONTENT_MAX + 1];
    struct buf room = {.p = bytes, .cap = sizeof bytes, .max = sizeof bytes};
    struct msg_update m;
    return becomes(w, in, item, how, &room, &m);
}

static enum err change(struct work *w, struct topic *in, const struct item *item,
                       const struct msg_revise *how)
{
    char bytes[CONTENT_MAX + 1];
    struct buf room = {.p = bytes, .cap = sizeof bytes, .max = sizeof bytes};
    struct msg_update m;
    enum err e = becomes(w, in, item, how, &room, &m);
    if (!e)
        inbox_put_content(w, in, item, &m);
    return e;
}

static enum err revise(struct work *w, const struct msg_revise *m, uint64_t *count)
{
    struct publish p;
    *count = 0;
    if (m->id.n != ID_SIZE || m->what == 0 || m->what >> ITEM_FIELDS_COUNT || m->content.n < 2)
        return ERR_INVALID;
    if (m->expires_ms != 0 && m->expires_ms <= w->now_ms)
        return ERR_TOO_OLD;
    enum err e = schedule_revise(w, m);
    if (e != ERR_NOT_FOUND)
        return e;
    e = named(w, m->id, &p);
    if (!e)
        e = broadcast_revise(w, p.first, p.at_ms, m);
    if (e != ERR_NOT_FOUND)
        return e;
    e = all(w, &p, may_change, m, count); /* all of them, or none */
    return e ? e : all(w, &p, change, m, count);
}

/* -- the actions ------------------------------------------------------------------------------ */

static struct msg done(const struct work *w, uint64_t req, uint64_t count)
{
    return (struct msg){.id = MSG_unpublished,
                        .unpublished = {.req = req, .seq = w->state.head, .count = count}};
}

enum err do_unpublish(struct work *w, const struct msg_unpublish *m, struct buf *answer)
{
    uint64_t count;
    enum err e = m->id.n == ID_SIZE ? retract(w, m->id, &count) : ERR_INVALID;
    if (e)
        return e;
    struct msg a = done(w, m->req, count);
    msg_write(answer, &a);
    return ERR_OK;
}

enum err do_revise(struct work *w, const struct msg_revise *m, struct buf *answer)
{
    struct idem_key k = {.action = MSG_revise, .key = m->key, .body_hash = m->body_hash};
    uint64_t count;
    enum err e = idem_repeat(w, &k, m->req, answer);
    if (e != ERR_NOT_FOUND)
        return e;
    e = revise(w, m, &count);
    if (e)
        return e;
    struct msg a = done(w, m->req, count);
    idem_answer(w, &k, &a, answer);
    return ERR_OK;
}
