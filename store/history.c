/* SPDX-License-Identifier: Apache-2.0 */
#include "store/history.h"

#include "store/record.h"

/* For each publish: rows to look at for what is not shown any more, and messages to delete. More
 * than one of these, so that what piled up goes too. */
enum { LOOK_MAX = 1000, DELETE_MAX = 8 };

/* A damaged row is not known to be old: it goes when there are too many. */
static bool too_old(const struct work *w, const struct topic_row *row, struct bytes key,
                    struct bytes value)
{
    struct message_row m;
    return row->keep_ms != 0 &&
           record_read(w->txn, TABLE_index, key, value, &m, FIELDS_OF(m), NULL) == ERR_OK &&
           history_over(row, m.at_ms, w->now_ms);
}

/* From when on messages are shown. */
static void cut(struct work *w, struct topic_row *row)
{
    if (row->items <= row->keep && row->keep_ms == 0)
        return;
    struct key from = key2(row->no, row->cut + 1);
    struct bytes key, value;
    struct walk walk;
    walk_open(&walk, w->txn, TABLE_index, WALK_up, key_bytes(&from));
    for (int n = 0; n < LOOK_MAX && walk_next(&walk, &key, &value); n++) {
        uint64_t seq = key_number(key, 1);
        if (key_number(key, 0) != row->no || seq == row->head)
            break;
        if (row->items <= row->keep && !too_old(w, row, key, value))
            break;
        row->cut = seq;
        if (row->items > 0)
            row->items--;
    }
    walk_close(&walk);
}

static void delete_some(struct work *w, struct topic_row *row)
{
    uint64_t seqs[DELETE_MAX], notifier = w->state.meta.notifier;
    uint64_t up_to = row->cut < notifier ? row->cut : notifier;
    unsigned n = 0;
    if (row->gone >= up_to)
        return;
    struct key from = key2(row->no, row->gone + 1);
    struct bytes key, value;
    struct walk walk;
    walk_open(&walk, w->txn, TABLE_index, WALK_up, key_bytes(&from));
    while (n < DELETE_MAX && walk_next(&walk, &key, &value) && key_number(key, 0) == row->no &&
           key_number(key, 1) <= up_to)
        seqs[n++] = key_number(key, 1);
    walk_close(&walk);
    for (unsigned i = 0; i < n; i++) {
        struct key item = key2(row->no, seqs[i]), entry = key1(seqs[i]);
        txn_del(w->txn, TABLE_index, key_bytes(&item));
        txn_del(w->txn, TABLE_log, key_bytes(&entry));
        row->gone = seqs[i];
    }
    w->tally.cut += n;
}

void history_add(struct work *w, struct topic *t, const struct msg_publish *m)
{
    struct message_row message = {.at_ms = w->at_ms};
    t->row.keep = m->history;
    t->row.keep_ms = m->history_ms;
    t->row.items++;
    topic_append(
        w, t,
        &(struct msg_entry){
            .kind = ENTRY_message, .event = m->event, .content = m->payload, .user = m->user});
    struct key key = key2(t->row.no, t->row.head);
    record_put(w->txn, TABLE_index, key_bytes(&key), &message, FIELDS_OF(message),
               (struct bytes){0});
    cut(w, &t->row);
    delete_some(w, &t->row);
}
