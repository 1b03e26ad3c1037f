/* SPDX-License-Identifier: Apache-2.0 */
/* What an inbox is asked: a page of it, one item, its counts. */
#include "store/categories.h"
#include "store/inbox.h"
#include "store/log.h"
#include "store/reads.h"
#include "store/record.h"

#include "proto/topic.h"
#include "proto/types.h"

/* A page of what fits a filter looks at so many rows at most: it may be short, or empty, and says
 * where to go on. */
enum { SCAN_MAX = 2000 };

/* An inbox that is being read. */
struct view {
    const struct reads *r;
    struct topic in;
    struct category room[CATEGORIES_MAX];
};

/* OK, LATER when something is due first, INVALID or WORLD. */
static enum err view_open(struct view *v, const struct reads *r, struct bytes user)
{
    char name[TOPIC_MAX + 1];
    if (!user_valid(user))
        return ERR_INVALID;
    size_t n = topic_of_user(user, name);
    v->r = r;
    v->in = (struct topic){.name = {name, n}};
    enum err e = topic_load(r->txn, v->in.name, &v->in.row);
    v->in.name = (struct bytes){0}; /* of our stack */
    if (!e && inbox_behind(&v->in.row, r->now_ms, r->broadcast))
        return ERR_LATER;
    return e ? e : categories_load(r->txn, &v->in, v->room);
}

/* One item of a page, behind the others in the list. */
static enum err add_item(const struct view *v, const struct item *item)
{
    struct msg m = {.id = MSG_item};
    enum err e = item_tell(v->r->txn, &v->in, item, &m.item);
    if (!e)
        e = item_body(v->r->txn, item, &m.item.content);
    if (!e)
        msg_write(v->r->list, &m);
    return e;
}

static bool fits(const struct view *v, const struct msg_snapshot *m, const struct item *item)
{
    const struct category *c = m->category.n > 0 ? category_named(&v->in, m->category) : NULL;
    if (m->status != 0 && item_is_read(&v->in, item) != (m->status == 2))
        return false;
    if (m->place == PLACE_archive && (item->row.flags & ITEM_archived) == 0)
        return false;
    if (m->place == PLACE_snoozed && (item->row.flags & ITEM_snoozed) == 0)
        return false;
    if (m->type != 0 && item->row.type != m->type - 1)
        return false;
    return m->category.n == 0 || (c && item->row.category == c->no);
}

/* Newest first, below `before`; or oldest first, above it. `next`: where the page behind begins, 0 when there
 * is none. */
static enum err add_page(const struct view *v, const struct msg_snapshot *m, uint32_t *count,
                         uint64_t *next)
{
    const struct reads *r = v->r;
    enum table table = m->place == PLACE_inbox ? TABLE_index : TABLE_aside;
    struct key from = m->oldest_first ? key2(v->in.row.no, m->before + 1)
                                      : key2(v->in.row.no, m->before ? m->before - 1 : UINT64_MAX);
    struct bytes key, value;
    struct walk w;
    enum err e = ERR_OK;
    uint64_t last = 0, limit = m->limit < PAGE_MAX ? m->limit : PAGE_MAX;
    walk_open(&w, r->txn, table, m->oldest_first ? WALK_up : WALK_down, key_bytes(&from));
    for (unsigned n = 0; !e && walk_next(&w, &key, &value) && key_number(key, 0) == v->in.row.no;
         n++) {
        struct item item;
        if (*count == limit || n == SCAN_MAX || !read_fits(r, CONTENT_MAX)) {
            *next = last;
            break;
        }
        e = item_read(r->txn, table, key, value, &item);
        last = key_number(key, 1);
        if (e || !fits(v, m, &item))
            continue;
        e = add_item(v, &item);
        ++*count;
    }
    walk_close(&w);
    return e ? e : r->txn->failed;
}

/* Every stored type, and every category that has an item. */
static void tallies(const struct view *v, struct buf *list, struct msg_inbox *a)
{
    uint32_t types = 0, categories = 0;
    struct msg m = {.id = MSG_tally};
    for (unsigned type = 0; type < TYPE_COUNT; type++) {
        if (!type_row(type)->stored)
            continue;
        m.tally = (struct msg_tally){.name = bytes_of(type_row(type)->name),
                                     .unread = v->in.row.counts.unread[type]};
        msg_write(list, &m);
        types++;
    }
    size_t n = list->n;
    for (const struct category *c = v->in.categories; c; c = c->next, categories++) {
        m.tally = (struct msg_tally){.name = c->name,
                                     .unread = counts_unread(&c->row.counts),
                                     .unseen = c->row.counts.unseen};
        msg_write(list, &m);
    }
    a->by_type = (struct mp_list){{list->p, n}, types};
    a->by_category = (struct mp_list){{list->p + n, list->n - n}, categories};
}

/* The answer, with the items that are in the list. */
static void tell(const struct view *v, struct msg_inbox *a, uint32_t count)
{
    const struct reads *r = v->r;
    char room[(CATEGORIES_MAX + TYPES_MAX) * (CATEGORY_MAX + 32)];
    struct buf list = {.p = room, .cap = sizeof room, .max = sizeof room};
    struct msg m = {.id = MSG_inbox};
    tallies(v, &list, a);
    a->seq = v->in.row.head;
    a->unread = counts_unread(&v->in.row.counts);
    a->unseen = v->in.row.counts.unseen;
    a->epoch = r->epoch;
    a->now_ms = r->now_ms;
    a->items = list_of(r->list, count);
    m.inbox = *a;
    msg_write(r->out, &m);
}

bool read_snapshot(const struct reads *r, const struct msg_snapshot *m)
{
    struct view v;
    struct msg request = {.id = MSG_snapshot, .snapshot = *m};
    struct msg_inbox a = {.req = m->req};
    uint32_t count = 0;
    enum err e = view_open(&v, r, m->user);
    if (e == ERR_LATER)
        return false;
    buf_reset(r->list);
    if (!e && (m->place >= PLACE_COUNT || m->status > 2 || m->type > TYPE_COUNT))
        e = ERR_INVALID;
    if (!e && m->limit > 0 && v.in.row.items > 0)
        e = add_page(&v, m, &count, &a.next);
    if (!e && !log_head(r->txn, &a.log_seq))
        e = r->txn->failed;
    if (e)
        refuse_read(r, &request, e);
    else
        tell(&v, &a, count);
    return true;
}

bool read_item(const struct reads *r, const struct msg_get *m)
{
    struct view v;
    struct item item;
    struct msg request = {.id = MSG_get, .get = *m};
    struct msg_inbox a = {.req = m->req};
    enum err e = m->id.n == ID_SIZE ? view_open(&v, r, m->user) : ERR_INVALID;
    if (e == ERR_LATER)
        return false;
    buf_reset(r->list);
    if (!e)
        e = item_of_id(r->txn, &v.in.row, (const uint8_t *)m->id.p, &item);
    if (!e)
        e = add_item(&v, &item);
    if (e)
        refuse_read(r, &request, e);
    else
        tell(&v, &a, 1);
    return true;
}
