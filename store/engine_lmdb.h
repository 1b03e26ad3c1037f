/* SPDX-License-Identifier: Apache-2.0 */
/* engine_lmdb.h -- the tables in an LMDB environment: one folder, one writer.
 *
 * Shape   default flags (a commit that returned is on disk) and NOTLS, so that a reading
 *         transaction is renewed instead of made. Never WRITEMAP: a full disk would be a SIGBUS.
 * Growth  the map may only move while nobody reads: engine_grow() waits for the reading transaction
 *         to end, which is why the reader must end its own before it waits for anything.
 * Errors  engine_lmdb_open() logs what is wrong and gives NULL; `why` is WORLD when the disk failed, and a
 *         later try may go better, INVALID when somebody must do something.
 * Source  lmdb.h of 0.9.24; mdb_env_set_mapsize, mdb_txn_renew. */
#pragma once

#include "store/engine.h"

struct engine *engine_lmdb_open(const char *folder, uint64_t map_bytes, enum err *why);

/* Free the reader slots of processes that died while they read: they would pin old pages. */
void engine_lmdb_sweep(struct engine *e);

/* Write what the folder holds, as of one moment and without its free pages, to `fd`, while another process
 * uses it or not; pages that are freed meanwhile are not used again before it ends. NULL: done; else why not. */
const char *engine_lmdb_copy(const char *folder, int fd);
