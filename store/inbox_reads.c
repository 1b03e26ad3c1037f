/* SPDX-License-Identifier: Apache-2.0 */
/* What an inbox is asked: a page of it, its counts. */
#include "store/reads.h"

#include "proto/topic.h"
#include "store/broadcast.h"
#include "store/inbox.h"
#include "store/log.h"
#include "store/record.h"

/* One item of a page, behind the others in r->list. */
static enum err add_item(const struct reads *r, const struct topic_row *inbox, struct bytes key,
                         struct bytes value)
{
    struct item_row row;
    uint64_t pos = key_number(key, 1);
    enum err e = record_read(r->txn, TABLE_index, key, value, &row, FIELDS_OF(row), NULL);
    struct msg m = {.id = MSG_item};
    if (!e)
        e = item_read_at(r->txn, inbox, pos, &row, &m.item.read_ms, &m.item.rev);
    struct msg_entry entry = {0};
    struct bytes raw;
    if (!e && row.broadcast != 0)
        e = broadcast_body(r->txn, row.broadcast, &entry);
    else if (!e)
        e = log_get(r->txn, pos, &entry, &raw);
    if (e == ERR_NOT_FOUND || (!e && row.broadcast == 0 && entry.kind != ENTRY_created))
        e = record_damaged(r->txn, TABLE_log, key); /* the index says that it is there */
    if (e)
        return e;
    m.item.pos = pos;
    m.item.at_ms = row.at_ms;
    m.item.type = row.type;
    m.item.expires_ms = row.expires_ms;
    m.item.flags = row.flags;
    m.item.content = entry.content;
    msg_write(r->list, &m);
    return ERR_OK;
}

/* Newest first, below `before`. `next`: where the page behind begins, 0 when there is none. */
static enum err add_page(const struct reads *r, const struct topic_row *inbox, uint64_t before,
                         uint64_t limit, uint32_t *count, uint64_t *next)
{
    struct key from = key2(inbox->no, before ? before - 1 : UINT64_MAX);
    struct bytes key, value;
    struct walk w;
    enum err e = ERR_OK;
    uint64_t last = 0;
    walk_open(&w, r->txn, TABLE_index, WALK_down, key_bytes(&from));
    while (!e && walk_next(&w, &key, &value) && key_number(key, 0) == inbox->no) {
        if (*count == limit || !read_fits(r, CONTENT_MAX)) {
            *next = last;
            break;
        }
        e = add_item(r, inbox, key, value);
        last = key_number(key, 1);
        ++*count;
    }
    walk_close(&w);
    return e ? e : r->txn->failed;
}

bool read_snapshot(const struct reads *r, const struct msg_snapshot *m)
{
    char topic[TOPIC_MAX + 1];
    struct msg request = {.id = MSG_snapshot, .snapshot = *m};
    if (!user_valid(m->user)) {
        refuse_read(r, &request, ERR_INVALID);
        return true;
    }
    size_t n = topic_of_user(m->user, topic);
    struct topic_row inbox;
    struct msg a = {.id = MSG_inbox, .inbox = {.req = m->req}};
    uint32_t count = 0;
    enum err e = topic_load(r->txn, (struct bytes){topic, n}, &inbox);
    if (!e && inbox_behind(&inbox, r->now_ms, r->broadcast))
        return false;
    buf_reset(r->list);
    if (!e && m->limit > 0 && inbox.items > 0)
        e = add_page(r, &inbox, m->before, m->limit < PAGE_MAX ? m->limit : PAGE_MAX, &count,
                     &a.inbox.next);
    if (!e && !log_head(r->txn, &a.inbox.log_seq))
        e = r->txn->failed;
    if (e) {
        refuse_read(r, &request, e);
        return true;
    }
    a.inbox.seq = inbox.head;
    a.inbox.unread = counts_unread(&inbox.counts);
    a.inbox.unseen = inbox.counts.unseen;
    a.inbox.epoch = r->epoch;
    a.inbox.now_ms = r->now_ms;
    a.inbox.items = list_of(r->list, count);
    msg_write(r->out, &a);
    return true;
}
