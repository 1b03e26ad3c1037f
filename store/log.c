/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log.h"

#include "store/record.h"

size_t log_append(struct txn *t, const struct msg_entry *entry)
{
    struct key key = key1(entry->seq);
    struct msg m = {.id = MSG_entry, .entry = *entry};
    struct buf *b = record_begin(t);
    msg_write(b, &m);
    size_t n = b->n;
    record_end(t, TABLE_log, key_bytes(&key), true);
    return n;
}

enum err log_read(struct txn *t, struct bytes key, struct bytes value, struct msg_entry *entry,
                  struct bytes *raw)
{
    enum err e = record_read(t, TABLE_log, key, value, NULL, 0, raw);
    if (e)
        return e;
    struct mp_in in = mp_over(*raw);
    struct msg m;
    if (!msg_read(&in, &m) || m.id != MSG_entry || m.entry.seq != key_number(key, 0))
        return record_damaged(t, TABLE_log, key);
    *entry = m.entry;
    return ERR_OK;
}

enum err log_get(struct txn *t, uint64_t seq, struct msg_entry *entry, struct bytes *raw)
{
    struct key key = key1(seq);
    struct bytes value;
    enum err e = txn_get(t, TABLE_log, key_bytes(&key), &value);
    return e ? e : log_read(t, key_bytes(&key), value, entry, raw);
}

void log_forget_user(struct txn *t, uint64_t seq)
{
    struct key key = key1(seq);
    struct buf copy;
    struct bytes raw;
    struct msg m = {.id = MSG_entry};
    if (log_get(t, seq, &m.entry, &raw))
        return;
    buf_init(&copy, FRAME_MAX);
    m.entry.user = (struct bytes){0};
    msg_write(&copy, &m);
    buf_bytes(record_begin(t), buf_all(&copy));
    record_end(t, TABLE_log, key_bytes(&key), false);
    buf_fini(&copy);
}

bool log_head(struct txn *t, uint64_t *seq)
{
    struct walk w;
    struct bytes key, value;
    walk_open(&w, t, TABLE_log, WALK_down, (struct bytes){0});
    *seq = walk_next(&w, &key, &value) ? key_number(key, 0) : 0;
    walk_close(&w);
    return !t->failed;
}
