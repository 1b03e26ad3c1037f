/* SPDX-License-Identifier: Apache-2.0 */
/* record.h -- how a row looks: numbers in MessagePack, then bytes, then a checksum.
 *
 * Keys    one to three numbers of 8 bytes, big-endian, so that they sort as numbers; or names.
 * Sum     the last four bytes, little-endian: XXH3 over the rest, seeded by table and key, so that
 *         a row in the wrong place is found too. It is checked whenever a row is read.
 * Errors  a wrong one is logged with table and key, counted in txn->damaged, and told as WORLD;
 *         the transaction itself goes on (txn->failed is not touched). */
#pragma once

#include "store/engine.h"

struct key {
    uint8_t p[32];
    size_t n;
};
struct key key1(uint64_t a);
struct key key2(uint64_t a, uint64_t b);
struct key key3(uint64_t a, uint64_t b, uint64_t c);
static inline struct bytes key_bytes(const struct key *k)
{
    return (struct bytes){(const char *)k->p, k->n};
}
/* Number `i` of a key, 0 where it is too short for it. */
uint64_t key_number(struct bytes key, unsigned i);

/* A row of numbers is a struct of uint64_t only: FIELDS_OF gives how many. Where nothing stands behind
 * them, zeroes at the end are left out: what most rows do not need costs them nothing, and a row
 * from before a number was added reads as one that has it at 0. */
#define FIELDS_OF(row) (unsigned)(sizeof(row) / sizeof(uint64_t))

void record_put(struct txn *t, enum table table, struct bytes key, const void *numbers,
                unsigned count, struct bytes rest);

/* The same in two steps, for a record that is encoded straight into the buffer; `append` where its
 * key is above all others. */
struct buf *record_begin(struct txn *t);
void record_end(struct txn *t, enum table table, struct bytes key, bool append);

/* OK, NOT_FOUND or WORLD. `rest` may be NULL where there must be none. */
enum err record_get(struct txn *t, enum table table, struct bytes key, void *numbers,
                    unsigned count, struct bytes *rest);

/* A value that a walk gave. OK or WORLD. */
enum err record_read(struct txn *t, enum table table, struct bytes key, struct bytes value,
                     void *numbers, unsigned count, struct bytes *rest);

/* A row that says something impossible, though its checksum is right. */
enum err record_damaged(struct txn *t, enum table table, struct bytes key);
