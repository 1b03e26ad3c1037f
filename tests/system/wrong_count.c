/* SPDX-License-Identifier: Apache-2.0 */
/* wrong_count FOLDER USER MORE -- adds MORE to the unread counts of a user's inbox in the tables of FOLDER, as a
 * mistake of the store's would: the row is whole, its checksum is right, and what it says is wrong. */
#include "proto/topic.h"
#include "proto/types.h"
#include "store/engine_lmdb.h"
#include "store/record.h"
#include "store/topics.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAP_BYTES = 1 << 30 };

int main(int argc, char **argv)
{
    struct engine *engine;
    struct txn *txn;
    struct topic_row row;
    char room[TOPIC_MAX + 1];
    enum err e;
    if (argc != 4 || !(engine = engine_lmdb_open(argv[1], MAP_BYTES, &e)))
        return 1;
    struct bytes topic = {room, topic_of_user(bytes_of(argv[2]), room)};
    e = engine_write(engine, &txn);
    if (!e)
        e = topic_load(txn, topic, &row);
    if (e || row.no == 0)
        return 1;
    row.counts.unread[TYPE_activity] += strtoull(argv[3], NULL, 10);
    record_put(txn, TABLE_topics, topic, &row, FIELDS_OF(row), (struct bytes){0});
    e = txn_commit(&txn);
    engine_close(&engine);
    return e ? 1 : 0;
}
