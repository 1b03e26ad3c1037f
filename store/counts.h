/* SPDX-License-Identifier: Apache-2.0 */
/* counts.h -- what the store counts, in DATA/run/store/count. */
#pragma once

#include "lib/counters.h"

#define STORE_COUNTERS(X)                                                                          \
    X(log_head, gauge, "newest position of the log")                                               \
    X(notifier_seq, gauge, "the notifier has published up to here")                                \
    X(commits, total, "transactions on disk")                                                      \
    X(writes, total, "actions committed")                                                          \
    X(batch_max, gauge, "most requests that shared a commit")                                      \
    X(waiting, gauge, "requests that wait for a commit")                                           \
    X(reads, total, "reads answered")                                                              \
    X(expired, total, "notifications that came to their end")                                      \
    X(cut, total, "messages deleted because their topic keeps fewer, or none so old")              \
    X(trimmed, total, "entries deleted from the old end of the log")                               \
    X(fanned, total, "notifications made for members of topics")                                   \
    X(delivered, total, "scheduled notifications whose time had come")                             \
    X(merged, total, "broadcasts that inboxes merged")                                             \
    X(forgotten, total, "broadcasts that whoever was away since gets no more: store/broadcasts")   \
    X(evicted, total, "notifications that gave way to newer ones: store/max_items")                \
    X(audited, total, "topics that the store has recounted by itself: store/audit_ms")             \
    X(count_mismatch, total, "wrong counts that it found: always 0, or tell us")                   \
    X(repaired, total, "topics whose counts it has put right")                                     \
    X(idem_repeats, total, "actions known by their key, answered as the first time")               \
    X(refused_full, total, "requests refused because the queue was full")                          \
    X(refused_space, total, "actions refused because the disk was full")                           \
    X(disk_full, gauge,                                                                            \
      "1 while the disk has less room than store/reserve_mb: writes are refused")                  \
    X(late, total, "requests dropped because whoever asked no longer waits")                       \
    X(malformed, total, "messages that were not ours")                                             \
    X(damaged, total, "records met whose checksum was wrong")                                      \
    X(dropped, total, "answers that a peer did not take")                                          \
    X(strangers, total, "connections over tcp:// refused for their key")                           \
    X(map_bytes, gauge, "address space set aside for the tables")                                  \
    X(sync_us, total, "microseconds spent in commits")

enum { STORE_COUNTERS(COUNTER_INDEX) COUNT_store };
