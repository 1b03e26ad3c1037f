/* SPDX-License-Identifier: Apache-2.0 */
#include "store/trim.h"

#include "store/broadcast.h"
#include "store/items.h"
#include "store/log.h"
#include "store/record.h"
#include "store/schedule.h"

/* The cursor moves when so many entries may be passed, and at most so far in one commit. */
enum { TRIM_LEAST = 256, TRIM_MOST = 512 };

static bool over(const struct work *w, const struct msg_entry *e)
{
    const struct limits *l = &w->limits;
    bool old = l->log_ms != 0 && w->at_ms > e->at_ms && w->at_ms - e->at_ms >= l->log_ms;
    return old || (l->log_bytes != 0 && w->state.bytes - e->log_bytes > l->log_bytes);
}

/* A damaged row keeps it. */
static bool needed(struct work *w, const struct topic_row *row, const struct msg_entry *e)
{
    struct broadcast_row broadcast;
    if (e->seq == row->head || e->kind == ENTRY_message)
        return true;
    if (e->kind == ENTRY_scheduled)
        return schedule_waits(w->txn, e) != ERR_NOT_FOUND;
    if (e->kind == ENTRY_broadcast)
        return broadcast_load(w->txn, e->seq, &broadcast, NULL) != ERR_NOT_FOUND;
    if (e->kind == ENTRY_revised)
        return broadcast_holds(w->txn, e) != ERR_NOT_FOUND;
    return item_has_body(w->txn, row, e) != ERR_NOT_FOUND;
}

/* The first entry from `seq` on that can be read; false: there is none. */
static bool entry_from(struct work *w, uint64_t seq, struct msg_entry *e)
{
    struct key from = key1(seq);
    struct bytes key, value, raw;
    struct walk walk;
    bool there = false;
    walk_open(&walk, w->txn, TABLE_log, WALK_up, key_bytes(&from));
    while (!there && walk_next(&walk, &key, &value))
        there = log_read(w->txn, key, value, e, &raw) == ERR_OK;
    walk_close(&walk);
    return there;
}

/* Those that may be passed from the cursor on: how many are to be deleted, and how far it gets. */
static unsigned find(struct work *w, uint64_t seqs[TRIM_MOST], uint64_t *to)
{
    struct key from = key1(*to + 1);
    struct bytes key, value, raw;
    struct msg_entry e;
    struct topic_row row;
    struct walk walk;
    unsigned n = 0;
    walk_open(&walk, w->txn, TABLE_log, WALK_up, key_bytes(&from));
    for (unsigned looked = 0; looked < TRIM_MOST && walk_next(&walk, &key, &value); looked++) {
        uint64_t seq = key_number(key, 0);
        if (seq > w->state.meta.notifier)
            break;
        bool read = log_read(w->txn, key, value, &e, &raw) == ERR_OK;
        if (read && !over(w, &e))
            break;
        if (read && topic_load(w->txn, e.topic, &row) == ERR_OK && !needed(w, &row, &e))
            seqs[n++] = seq;
        *to = seq;
    }
    walk_close(&walk);
    return n;
}

void log_trim(struct work *w)
{
    uint64_t seqs[TRIM_MOST], to = w->state.meta.trimmed;
    struct msg_entry e;
    if (to + TRIM_LEAST > w->state.meta.notifier || (!w->limits.log_ms && !w->limits.log_bytes))
        return;
    if (!entry_from(w, to + TRIM_LEAST, &e) || !over(w, &e))
        return;
    unsigned n = find(w, seqs, &to);
    for (unsigned i = 0; i < n; i++) {
        struct key key = key1(seqs[i]);
        txn_del(w->txn, TABLE_log, key_bytes(&key));
    }
    if (to == w->state.meta.trimmed)
        return;
    w->state.meta.trimmed = to;
    meta_put(w->txn, &w->state.meta);
    w->tally.trimmed += n;
}

void log_let_go(struct work *w, const struct topic_row *row, uint64_t seq)
{
    struct msg_entry e;
    struct bytes raw;
    if (seq == 0 || seq > w->state.meta.trimmed || log_get(w->txn, seq, &e, &raw) ||
        needed(w, row, &e))
        return;
    struct key key = key1(seq);
    txn_del(w->txn, TABLE_log, key_bytes(&key));
    w->tally.trimmed++;
}
