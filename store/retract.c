/* SPDX-License-Identifier: Apache-2.0 */
#include "store/retract.h"

#include "lib/log.h"
#include "proto/event.h"
#include "proto/id.h"
#include "store/broadcast.h"
#include "store/inbox.h"
#include "store/log.h"
#include "store/schedule.h"

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
static enum err let_go(struct work *w, const struct msg_entry *entry, uint64_t birth)
{
    char name[TOPIC_MAX];
    struct topic *in;
    struct item item;
    uint64_t taken = entry->kind == ENTRY_created ? 0 : entry->seq;
    memcpy(name, entry->topic.p, entry->topic.n);
    enum err e = inbox_open(w, (struct bytes){name, entry->topic.n}, &in);
    if (!e)
        e = item_born(w->txn, &in->row, birth, &item);
    if (!e && item.row.taken != taken)
        return ERR_NOT_FOUND;
    if (!e)
        e = inbox_remove(w, in, birth, REMOVED_retracted);
    if (e == ERR_WORLD && !w->txn->failed)
        log_line("store.retract pos=%llu error=\"the inbox is damaged\"",
                 (unsigned long long)birth);
    return e;
}

/* Of the create whose first one has this position: `at_ms` is when it was; 0: whenever. */
static uint64_t let_all_go(struct work *w, uint64_t first, uint64_t at_ms)
{
    uint64_t count = 0;
    for (uint64_t nth = 0; nth < USERS_MAX && !w->txn->failed; nth++) {
        struct msg_entry e;
        struct bytes raw;
        bool its = log_get(w->txn, first + nth, &e, &raw) == ERR_OK && e.nth == nth &&
                   (at_ms == 0 || e.at_ms == at_ms);
        uint64_t birth = its ? birth_of(&e) : 0;
        count += birth != 0 && let_go(w, &e, birth) == ERR_OK;
    }
    return count;
}

enum err publish_retract(struct work *w, struct bytes id, uint64_t *count)
{
    const uint8_t *p = (const uint8_t *)id.p;
    uint64_t first;
    *count = 0;
    enum err e = schedule_cancel(w, id);
    if (e == ERR_NOT_FOUND)
        e = broadcast_retract(w, id);
    if (e != ERR_NOT_FOUND)
        return e;
    e = schedule_delivered(w, id, &first);
    if (e == ERR_OK)
        *count = let_all_go(w, first, 0);
    else if (e == ERR_NOT_FOUND)
        *count = let_all_go(w, id_pos(p), id_at_ms(p));
    else
        return e;
    if (w->txn->failed)
        return w->txn->failed;
    return *count > 0 ? ERR_OK : ERR_NOT_FOUND;
}
