/* SPDX-License-Identifier: Apache-2.0 */
/* disk.h -- what disk.so writes down: everything that happens to data.mdb, in its order. Until
 * it has this name it is new.mdb.
 *
 * Shape   a file that is only appended to: a row, then `n` bytes. The test appends its own rows
 *         (`heard`) to the same file, so that there is one order of all.
 *
 * By the environment of the process that loads it:
 *     DISK_TRACE   the file
 *     DISK_SYNC_US a sync takes so much longer, as on a slower disk
 *     DISK_FAULT   a file that the test makes: one word of DISK_FAULTS, which happens once */
#pragma once

#include <stdint.h>

#define DISK_ROWS(X)                                                                               \
    X(opened, "data: the file as the kernel shows it")                                             \
    X(written, "data, at `at`; `value` 1: it will be synced by itself (O_DSYNC)")                  \
    X(syncing, "what was written before is on its way to the disk")                                \
    X(synced, "and is there")                                                                      \
    X(written_synced, "the last `written` is on disk")                                             \
    X(sync_failed, "what was written may be on disk or not, and no later sync brings it there")    \
    X(named, "new.mdb is data.mdb now")                                                            \
    X(name_synced, "on disk too")                                                                  \
    X(heard, "by the test: action `at` was acknowledged with `value`")

#define AS_DISK_ROW(name, doc) DISK_##name,
enum disk_row_kind { DISK_ROWS(AS_DISK_ROW) DISK_ROW_COUNT };
#undef AS_DISK_ROW

/* The meta page is what LMDB writes with O_DSYNC: the moment of a commit. */
#define DISK_FAULTS(X)                                                                             \
    X(sync_eio, "fdatasync fails")                                                                 \
    X(meta_eio, "the meta page is written, and its sync fails")                                    \
    X(meta_die, "the meta page is written, and the process dies before it is on disk")

struct disk_row {
    uint32_t kind, n;
    uint64_t at, value;
};
