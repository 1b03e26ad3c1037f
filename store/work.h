/* SPDX-License-Identifier: Apache-2.0 */
/* work.h -- one commit in the making: its transaction, its time, and the topics it has touched.
 *
 * A topic that several actions of a commit touch is read once and written once: topic_open() looks
 * here first, topics_flush() writes what changed. Everything here dies with the commit. */
#pragma once

#include "lib/arena.h"
#include "lib/map.h"
#include "proto/limits.h"
#include "store/meta.h"

/* An action of this weight writes about as much as that many single notifications. A commit takes
 * actions up to WORK_WEIGHT, and one more: far below the 131,072 dirty pages where LMDB starts to
 * spill. */
enum { WORK_WEIGHT = 8192, EXPIRE_MAX = 1000, EXPIRE_WEIGHT = 2 * EXPIRE_MAX + USERS_MAX };

/* What the settings allow; of the log 0: no limit. */
struct limits {
    uint64_t reserve_bytes; /* of the disk, kept free */
    uint64_t remember_ms;   /* idempotency keys */
    uint64_t log_bytes;     /* of the log that can be read since a seq */
    uint64_t log_ms;        /* how old that may be */
    uint64_t scheduled;     /* creates that may wait for their time */
    uint64_t broadcasts;    /* kept for who has not merged them */
    uint64_t drop_muted;    /* 1: what is muted is not kept */
    uint64_t revocations;   /* kept until they are over */
    uint64_t max_items;     /* of an inbox; 0: no limit */
};

/* What one commit did, for the counters. */
struct tally {
    uint64_t writes;    /* actions that were committed */
    uint64_t expired;   /* items */
    uint64_t cut;       /* messages deleted from histories */
    uint64_t trimmed;   /* entries deleted from the log's old end */
    uint64_t fanned;    /* notifications that fan-outs made */
    uint64_t delivered; /* creates whose time had come */
    uint64_t merged;    /* broadcasts that became notifications */
    uint64_t forgotten; /* broadcasts that nobody new gets: they gave way to newer ones */
    uint64_t evicted;   /* items that gave way to newer ones */
    uint64_t repaired;  /* topics whose counts were wrong */
    uint64_t repeats;   /* actions known by their key, answered as the first time */
    uint64_t full;      /* refused: no space on the disk */
    uint64_t late;      /* dropped: whoever asked no longer waits */
    uint64_t damaged;   /* records with a wrong checksum */
};

struct zones;
struct work {
    struct txn *txn;
    struct state state; /* as it will be when this is committed */
    uint64_t now_ms;    /* wall clock */
    uint64_t at_ms;     /* of what is written: never before what is there */
    struct limits limits;
    uint64_t first;  /* seq of the first notification of the create at work; 0: none is */
    uint64_t action; /* number of the action at work, to find a user named twice */
    struct tally tally;
    uint64_t due;  /* items whose time had come */
    uint64_t kept; /* idempotency keys written */
    struct map topics;
    struct zones *zones;
    struct arena arena; /* of the topics */
    char ids[2][IDS_MAX * 16];
};
