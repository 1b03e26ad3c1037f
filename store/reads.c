/* SPDX-License-Identifier: Apache-2.0 */
#include "store/reads.h"

#include "lib/ensure.h"
#include "proto/event.h"
#include "proto/topic.h"
#include "store/broadcast.h"
#include "store/history.h"
#include "store/inbox.h"
#include "store/log.h"
#include "store/record.h"
#include "store/refuse.h"

/* What the head of an answer and of its list may take. */
enum { HEAD_BYTES = 4096, HEADS_SCAN = 4096 };
#define LIST_BYTES (READ_BYTES - HEAD_BYTES)

bool read_fits(const struct reads *r, size_t content)
{
    return r->list->n + content + HEAD_BYTES <= LIST_BYTES;
}

void refuse_read(const struct reads *r, const struct msg *m, enum err e)
{
    answer_refused(r->out, m, e);
}

/* An entry of a list; that of a merged broadcast with its body. OK, FULL, NOT_FOUND or WORLD. */
static enum err add_entry(const struct reads *r, struct bytes raw)
{
    struct mp_in in = mp_over(raw);
    struct msg m;
    struct msg_entry broadcast;
    if (!msg_read(&in, &m) || m.entry.body == 0) {
        buf_bytes(r->list, raw);
    } else {
        enum err e = broadcast_body(r->txn, m.entry.body, &broadcast);
        if (e)
            return e;
        m.entry.content = broadcast.content;
        msg_write(r->list, &m);
    }
    return r->list->overflowed || r->list->n > LIST_BYTES ? ERR_FULL : ERR_OK;
}

/* Follow the chain back from the head. The entries lie in the transaction until it ends. What is
 * too old is not told; what is too many for a page is, while the log has it. */
static enum err find_chain(const struct reads *r, struct bytes topic, const struct topic_row *row,
                           uint64_t since, struct bytes raw[CHANGES_MAX], uint32_t *count)
{
    size_t bytes = 0;
    uint64_t at = row->head;
    if (since < row->gone)
        return ERR_TOO_OLD;
    while (at > since) {
        struct msg_entry entry;
        if (*count == CHANGES_MAX)
            return ERR_TOO_OLD;
        enum err e = log_get(r->txn, at, &entry, &raw[*count]);
        if (e)
            return r->txn->failed ? r->txn->failed : ERR_TOO_OLD;
        bytes += raw[(*count)++].n;
        if (bytes > LIST_BYTES || !bytes_equal(entry.topic, topic) || entry.prev >= at ||
            !entry_told(&entry) || /* one snapshot tells of all that came so */
            history_over(row, entry.at_ms, r->now_ms))
            return ERR_TOO_OLD;
        at = entry.prev;
    }
    return at == since ? ERR_OK : ERR_TOO_OLD;
}

bool read_since(const struct reads *r, const struct msg_since *m)
{
    struct bytes raw[CHANGES_MAX];
    uint32_t count = 0;
    struct topic_row inbox;
    struct msg a = {.id = MSG_changes, .changes = {.req = m->req, .topic = m->topic}};
    enum err e = read_allowed(r, m->topic, m->member);
    if (!e)
        e = topic_load(r->txn, m->topic, &inbox);
    struct bytes user;
    if (!e && topic_user(m->topic, &user) && inbox_behind(&inbox, r->now_ms, r->broadcast))
        return false;
    if (e) {
        struct msg request = {.id = MSG_since, .since = *m};
        refuse_read(r, &request, e);
        return true;
    }
    if ((m->epoch != 0 && m->epoch != r->epoch) || m->since > inbox.head)
        e = ERR_TOO_OLD;
    else
        e = find_chain(r, m->topic, &inbox, m->since, raw, &count);
    buf_reset(r->list);
    for (uint32_t i = count; !e && i > 0; i--)
        if (add_entry(r, raw[i - 1]))
            e = ERR_TOO_OLD;
    if (e) {
        buf_reset(r->list);
        count = 0;
    }
    a.changes.status = e;
    a.changes.head = inbox.head;
    a.changes.epoch = r->epoch;
    a.changes.now_ms = r->now_ms;
    a.changes.unread = counts_unread(&inbox.counts);
    a.changes.unseen = inbox.counts.unseen;
    a.changes.entries = list_of(r->list, count);
    msg_write(r->out, &a);
    return true;
}

struct bytes head_name(const void *thing)
{
    return ((const struct msg_head *)thing)->topic;
}

/* The topics that changed, each with its newest seq of the part of the log that was looked at. */
struct heads {
    struct msg_head head[CHANGES_MAX];
    uint32_t count;
    uint64_t to;
};

static bool hear(const struct reads *r, struct heads *h, const struct msg_entry *entry)
{
    struct msg_head *head = map_get(r->seen, entry->topic);
    if (!head && h->count == CHANGES_MAX)
        return false;
    if (!head) {
        head = &h->head[h->count++];
        head->topic = entry->topic;
        map_put(r->seen, head);
    }
    head->seq = entry->seq;
    h->to = entry->seq;
    return true;
}

/* Where an entry is damaged nobody can say which topic changed. One that is not there was a message
 * that its topic keeps no longer: that topic's head is above it, and is told by then. */
static enum err find_heads(const struct reads *r, uint64_t from, struct heads *h)
{
    struct key at = key1(from + 1);
    struct bytes key, value, raw;
    struct msg_entry entry;
    struct walk w;
    enum err e = ERR_OK;
    h->count = 0;
    h->to = from;
    map_clear(r->seen);
    walk_open(&w, r->txn, TABLE_log, WALK_up, key_bytes(&at));
    for (int n = 0; n < HEADS_SCAN && walk_next(&w, &key, &value); n++) {
        e = log_read(r->txn, key, value, &entry, &raw) ? ERR_TOO_OLD : ERR_OK;
        if (e || !hear(r, h, &entry))
            break;
    }
    walk_close(&w);
    return r->txn->failed ? r->txn->failed : e;
}

void read_heads(const struct reads *r, const struct msg_heads_since *m)
{
    static _Thread_local struct heads h; /* 24 KB that need not be on the stack */
    uint64_t newest = 0;
    h.count = 0;
    enum err e = log_head(r->txn, &newest) ? ERR_OK : r->txn->failed;
    h.to = newest;
    if (!e && m->from != UINT64_MAX)
        e = m->from <= newest ? find_heads(r, m->from, &h) : ERR_TOO_OLD;
    if (e) {
        h.count = 0;
        h.to = newest;
    }
    buf_reset(r->list);
    for (uint32_t i = 0; i < h.count; i++)
        msg_write(r->list, &(struct msg){.id = MSG_head, .head = h.head[i]});
    struct msg a = {.id = MSG_heads,
                    .heads = {.req = m->req,
                              .status = e,
                              .from = m->from,
                              .to = h.to,
                              .topics = list_of(r->list, h.count)}};
    msg_write(r->out, &a);
}

uint64_t read_tail(const struct reads *r, const struct follower *f, uint64_t head, uint64_t count)
{
    uint64_t from = f->pushed;
    struct key at = key1(from + 1);
    struct bytes key, value, raw;
    struct msg_entry entry;
    uint32_t entries = 0;
    uint64_t to = from;
    struct walk w;
    buf_reset(r->list);
    walk_open(&w, r->txn, TABLE_log, WALK_up, key_bytes(&at));
    while (to < head && to - from < count && entries < CHANGES_MAX && walk_next(&w, &key, &value)) {
        if (r->list->n + value.n + CONTENT_MAX > LIST_BYTES)
            break;
        to = key_number(key, 0);
        /* A damaged entry is left out: its readers meet the hole in the chain, and sync. */
        if (log_read(r->txn, key, value, &entry, &raw) == ERR_OK && add_entry(r, raw) == ERR_OK)
            entries++;
    }
    walk_close(&w);
    struct msg tail = {
        .id = MSG_tail,
        .tail = {.from = from, .to = to, .entries = list_of(r->list, entries), .asked = f->asked}};
    msg_write(r->out, &tail);
    return to;
}
