/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the store whose checksum is right, so that what stands behind it is met: 0 an entry of the log,
 * 1 numbers, 2 the meta row, from which a store begins; and 3 numbers with whatever checksum there is. A row is
 * read, or called damaged. */
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
    log_forget_user(t, seq);
    ENSURE(log_get(t, seq, &e, &raw) == ERR_OK && e.user.n == 0);
}

static void numbers(struct txn *t, struct bytes key)
{
    uint64_t n[NUMBERS];
    struct bytes rest;
    record_get(t, TABLE_topics, key, n, NUMBERS, &rest);
    record_get(t, TABLE_topics, key, n, NUMBERS, NULL);
}

static void begin(struct engine *e, struct txn **t)
{
    struct meta meta;
    struct state state;
    meta_load(*t, &meta);
    ENSURE(txn_commit(t) == ERR_OK);
    meta_open(e, 1700000000000, &state);
    ENSURE(engine_write(e, t) == ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    uint8_t which = input_byte(&in) % 4;
    enum table table = which == 0 ? TABLE_log : which == 2 ? TABLE_meta : TABLE_topics;
    struct key key = key1(which == 0 ? input_byte(&in) : 1);
    struct engine *e = engine_mem_new();
    struct txn *t = NULL;
    struct bytes row = input_rest(&in), at = which == 2 ? BYTES("store") : key_bytes(&key);
    ENSURE(engine_write(e, &t) == ERR_OK);
    if (which == 3) {
        txn_put(t, table, at, row);
    } else {
        buf_bytes(record_begin(t), row);
        record_end(t, table, at, false);
    }
    if (which == 0)
        entry(t, row, key_number(at, 0));
    else if (which == 2)
        begin(e, &t);
    else
        numbers(t, at);
    txn_abort(&t);
    engine_close(&e);
    return 0;
}
