/* SPDX-License-Identifier: Apache-2.0 */
/* meta.h -- what the store is: one row, made with it, without which it does not serve.
 *
 * Errors  meta_open() gives WORLD when the row or the log's newest entry cannot be read, INVALID
 *         when another version of Belfry wrote it; it has logged why. */
#pragma once

#include "store/engine.h"

struct meta {
    uint64_t format;      /* of all tables */
    uint64_t epoch;       /* wall clock when it was made: another epoch, another history */
    uint64_t notifier;    /* the notifier has published everything up to here */
    uint64_t trimmed;     /* up to here the log has only what is still needed: trim.h */
    uint64_t revoked;     /* number of the newest revocation: revoke.h */
    uint64_t revocations; /* that are kept */
    uint64_t forgot_s;    /* when those that are over were looked for last */
};

/* What a store goes on from. */
struct state {
    struct meta meta;
    uint64_t head;      /* of the log */
    uint64_t at_ms;     /* of its newest entry: no later one says an earlier time */
    uint64_t bytes;     /* of all entries that it ever had */
    uint64_t broadcast; /* the newest one */
};

enum err meta_open(struct engine *e, uint64_t now_ms, struct state *state);

/* This is an older copy of the history that clients know: a new epoch, so that none of them goes on
 * from a seq that now means something else. */
enum err meta_renew(struct engine *e, uint64_t now_ms, struct state *state);

/* OK, NOT_FOUND or WORLD. */
enum err meta_load(struct txn *t, struct meta *meta);
void meta_put(struct txn *t, const struct meta *meta);
