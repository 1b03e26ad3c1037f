/* SPDX-License-Identifier: Apache-2.0 */
#include "store/record.h"

#include "lib/ensure.h"
#include "lib/hash.h"
#include "lib/log.h"
#include "proto/limits.h"
#include "proto/mp.h"

#include <stdio.h>

enum { SUM_SIZE = 4, RECORD_MAX = FRAME_MAX };

static void put_number(uint8_t *to, uint64_t n)
{
    for (int i = 7; i >= 0; i--, n >>= 8)
        to[i] = (uint8_t)n;
}

struct key key1(uint64_t a)
{
    struct key k = {.n = 8};
    put_number(k.p, a);
    return k;
}

struct key key2(uint64_t a, uint64_t b)
{
    struct key k = key1(a);
    put_number(k.p + 8, b);
    k.n = 16;
    return k;
}

struct key key3(uint64_t a, uint64_t b, uint64_t c)
{
    struct key k = key2(a, b);
    put_number(k.p + 16, c);
    k.n = 24;
    return k;
}

uint64_t key_number(struct bytes key, unsigned i)
{
    if (key.n < 8 * (i + 1))
        return 0;
    uint64_t n = 0;
    for (unsigned at = 8 * i; at < 8 * (i + 1); at++)
        n = n << 8 | (uint8_t)key.p[at];
    return n;
}

static uint32_t sum_of(enum table table, struct bytes key, struct bytes value)
{
    return (uint32_t)hash64(value, hash64(key, (uint64_t)table));
}

struct buf *record_begin(struct txn *t)
{
    if (t->scratch.max == 0)
        buf_init(&t->scratch, RECORD_MAX);
    buf_reset(&t->scratch);
    return &t->scratch;
}

void record_end(struct txn *t, enum table table, struct bytes key, bool append)
{
    struct buf *b = &t->scratch;
    uint32_t sum = sum_of(table, key, buf_all(b));
    uint8_t bytes[SUM_SIZE] = {(uint8_t)sum, (uint8_t)(sum >> 8), (uint8_t)(sum >> 16),
                               (uint8_t)(sum >> 24)};
    buf_add(b, bytes, sizeof bytes);
    ENSURE(!b->overflowed);
    if (append)
        txn_append(t, table, key, buf_all(b));
    else
        txn_put(t, table, key, buf_all(b));
}

void record_put(struct txn *t, enum table table, struct bytes key, const void *numbers,
                unsigned count, struct bytes rest)
{
    struct buf *b = record_begin(t);
    const uint64_t *n = numbers;
    while (rest.n == 0 && count > 0 && n[count - 1] == 0)
        count--;
    for (unsigned i = 0; i < count; i++)
        mp_put_u64(b, n[i]);
    buf_bytes(b, rest);
    record_end(t, table, key, false);
}

/* A key as text: a topic as it is, numbers with slashes between. */
static const char *key_text(enum table table, struct bytes key, char out[80])
{
    if (table == TABLE_topics || table == TABLE_meta || table == TABLE_members ||
        table == TABLE_users || table == TABLE_joined || table == TABLE_prefs ||
        table == TABLE_revoked)
        return log_safe(key);
    size_t at = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < key.n / 8 && i < 3; i++) {
        int n = snprintf(out + at, 80 - at, "%s%llu", i ? "/" : "",
                         (unsigned long long)key_number(key, i));
        ENSURE(n > 0 && (size_t)n < 80 - at);
        at += (size_t)n;
    }
    return out;
}

enum err record_damaged(struct txn *t, enum table table, struct bytes key)
{
    char text[80];
    t->damaged++;
    log_line("store.damaged table=%s key=%s", table_name(table), key_text(table, key, text));
    return ERR_WORLD;
}

enum err record_read(struct txn *t, enum table table, struct bytes key, struct bytes value,
                     void *numbers, unsigned count, struct bytes *rest)
{
    if (value.n < SUM_SIZE)
        return record_damaged(t, table, key);
    value.n -= SUM_SIZE;
    const uint8_t *kept = (const uint8_t *)value.p + value.n;
    uint32_t sum = (uint32_t)kept[0] | (uint32_t)kept[1] << 8 | (uint32_t)kept[2] << 16 |
                   (uint32_t)kept[3] << 24;
    if (sum != sum_of(table, key, value))
        return record_damaged(t, table, key);
    struct mp_in in = mp_over(value);
    uint64_t *n = numbers;
    for (unsigned i = 0; i < count; i++)
        n[i] = mp_end(&in) ? 0 : mp_u64(&in);
    if (!in.ok || (!rest && !mp_end(&in)))
        return record_damaged(t, table, key);
    if (rest)
        *rest = (struct bytes){(const char *)in.p, (size_t)(in.end - in.p)};
    return ERR_OK;
}

enum err record_get(struct txn *t, enum table table, struct bytes key, void *numbers,
                    unsigned count, struct bytes *rest)
{
    struct bytes value;
    enum err e = txn_get(t, table, key, &value);
    return e ? e : record_read(t, table, key, value, numbers, count, rest);
}
