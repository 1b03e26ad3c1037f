/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the store whose checksum is right, so that what stands behind it is met: an entry of the log,
 * numbers, the meta row. A row is read, or called damaged. */
#include "tests/fuzz/fuzz.h"

#include "store/log.h"
#include "store/meta.h"
#include "store/record.h"
#include "tests/lib/engine_mem.c" /* NOLINT(bugprone-suspicious-include): it is looked into */

enum { NUMBERS = 6 };

static void entry(struct txn *t, struct bytes row, uint64_t seq)
{
    struct msg_entry e;
    struct bytes raw;
    if (log_get(t, seq, &e, &raw) != ERR_OK)
        return;
    ENSURE(e.seq == seq && raw.n <= row.n);
}

static void numbers(struct txn *t, struct bytes key)
{
    uint64_t n[NUMBERS];
    struct bytes rest;
    record_get(t, TABLE_topics, key, n, NUMBERS, &rest);
    record_get(t, TABLE_topics, key, n, NUMBERS, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    uint8_t which = input_byte(&in) % 3;
    enum table table = which == 0 ? TABLE_log : which == 1 ? TABLE_topics : TABLE_meta;
    struct key key = key1(which == 0 ? input_byte(&in) : 1);
    struct engine *e = engine_mem_new();
    struct txn *t = NULL;
    struct meta meta;
    struct bytes row = input_rest(&in);
    ENSURE(engine_write(e, &t) == ERR_OK);
    buf_bytes(record_begin(t), row);
    record_end(t, table, which == 2 ? BYTES("meta") : key_bytes(&key), false);
    if (which == 0)
        entry(t, row, key_number(key_bytes(&key), 0));
    else if (which == 1)
        numbers(t, key_bytes(&key));
    else
        meta_load(t, &meta);
    txn_abort(&t);
    engine_close(&e);
    return 0;
}
