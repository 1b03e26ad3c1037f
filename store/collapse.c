/* SPDX-License-Identifier: Apache-2.0 */
#include "store/collapse.h"

#include "lib/ensure.h"
#include "lib/hash.h"
#include "proto/topic.h"
#include "store/idem.h"
#include "store/record.h"

uint64_t collapse_hash(struct bytes key)
{
    uint64_t hash = key.n > 0 ? hash64(key, 0) : 0;
    return key.n > 0 && hash == 0 ? 1 : hash;
}

bool collapse_find(struct work *w, const struct topic *in, struct bytes key, struct item *item)
{
    struct key row = key2(in->row.no, collapse_hash(key));
    struct bytes text;
    uint64_t birth;
    return key.n > 0 && in->row.no != 0 &&
           record_get(w->txn, TABLE_collapse, key_bytes(&row), &birth, 1, &text) == ERR_OK &&
           bytes_equal(text, key) && item_born(w->txn, &in->row, birth, item) == ERR_OK;
}

void collapse_put(struct work *w, const struct topic *in, struct bytes key, uint64_t birth)
{
    struct key row = key2(in->row.no, collapse_hash(key));
    record_put(w->txn, TABLE_collapse, key_bytes(&row), &birth, 1, key);
}

void collapse_let_go(struct work *w, const struct topic *in, const struct item *item)
{
    struct key row = key2(in->row.no, item->row.collapse);
    struct bytes text;
    uint64_t birth;
    if (item->row.collapse != 0 &&
        record_get(w->txn, TABLE_collapse, key_bytes(&row), &birth, 1, &text) == ERR_OK &&
        birth == item_birth(item))
        txn_del(w->txn, TABLE_collapse, key_bytes(&row));
}

/* -- dedupe ----------------------------------------------------------------------------------- */

/* As the key of a request, but whatever else it brings: the meaning is the same. */
static struct idem_key key_of(const struct topic *in, struct bytes key)
{
    struct idem_key k = {.action = (uint64_t)MSG_create | UINT64_C(1) << 32,
                         .key = key,
                         .body_hash = BYTES("................")};
    ENSURE(topic_user(in->name, &k.user));
    return k;
}

bool dedupe_find(struct work *w, const struct topic *in, struct bytes key, uint8_t id[ID_SIZE])
{
    char room[200];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    struct idem_key k = key_of(in, key);
    struct msg first;
    if (idem_repeat(w, &k, 0, &out) != ERR_OK)
        return false;
    struct mp_in read = mp_over(buf_all(&out));
    if (!msg_read(&read, &first) || first.id != MSG_created)
        return false;
    id_make(first.created.at_ms, first.created.first_seq, id);
    return true;
}

void dedupe_put(struct work *w, const struct topic *in, struct bytes key, const uint8_t id[ID_SIZE])
{
    char room[200];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    struct idem_key k = key_of(in, key);
    struct msg first = {.id = MSG_created,
                        .created = {.first_seq = id_pos(id), .count = 1, .at_ms = id_at_ms(id)}};
    idem_answer(w, &k, &first, &out);
}
