/* SPDX-License-Identifier: Apache-2.0 */
/* engine.h -- where the store's bytes lie: ordered tables of keys and values, and transactions.
 *
 * The idea: the rules of the store (log, inbox, idem, ...) are written over these few calls, so
 * that the same rules run over LMDB, over memory in tests, and over a database server one day.
 *
 * Shape   a transaction sees one moment of all tables. One writes at a time, ENGINE_READERS read at a
 *         time; all may be in different threads and do not wait for each other. Keys are 1 to
 *         KEY_BYTES_MAX bytes, in the order of their bytes.
 * Owner   a key or value that is read is borrowed: until the next write in the same transaction,
 *         or its end.
 * Errors  NOT_FOUND is an answer. Any other error stays in txn->failed, so that a chain of writes
 *         has one check, and makes txn_commit() fail with it:
 *             FULL      the space set aside is used up: engine_grow(), and do it all again
 *             NO_SPACE  the disk is full
 *             WORLD     the disk or the database failed; the engine has logged what it knows */
#pragma once

#include "lib/buf.h"
#include "lib/err.h"

#define TABLES(X)                                                                                  \
    X(meta, "one row: format, epoch, the notifier's position")                                     \
    X(log, "seq -> entry")                                                                         \
    X(topics, "topic -> its row: head, counts, ...")                                               \
    X(index, "topic no, pos -> an item's state; topic no, seq -> a message's time")                \
    X(marks, "topic no, up_to -> a mark_all of what is read that changed something")               \
    X(idem, "day, hash of scope and key -> body_hash, answer")                                     \
    X(expiry, "topic no, ms, pos -> nothing: an item ends then, or its snoozing does")             \
    X(due, "ms, topic no -> topic: each inbox that has one of those, by its next one")             \
    X(members, "topic, NUL, user -> since when")                                                   \
    X(fanouts, "source, rule -> whose members, which notification, and how far")                   \
    X(users, "user -> last seen")                                                                  \
    X(scheduled, "deliver_ms, seq -> the create that waits for it")                                \
    X(broadcasts, "seq -> what it is, whom it is for, how many have it")                           \
    X(merged, "topic no, seq of a broadcast -> pos at birth of the item that it became")           \
    X(joined, "user, NUL, topic -> nothing: each membership from the other side")                  \
    X(erasures, "seq -> whom, and how far it is")                                                  \
    X(aside, "topic no, pos -> an item's state: archived or snoozed")                              \
    X(moved, "topic no, pos in the id -> the pos of an item that has moved")                       \
    X(unread, "topic no, pos -> nothing: an item that its user marked as unread")                  \
    X(categories, "topic no, number -> a category's counts, its mark, its name")                   \
    X(category_marks, "topic no, number, up_to -> a mark_all of one category")                     \
    X(collapse, "topic no, hash of a collapse_key -> pos at birth of its item, and the key")       \
    X(prefs, "user -> what they want to be told: prefs.h")                                         \
    X(revoked, "`j` and a jti, or `u` and a user -> until when which tokens are good no more")     \
    X(revoked_at, "number of a revocation -> its key in `revoked`")                                \
    X(delivered, "seq of what was scheduled -> where its notifications begin")                     \
    X(read, "topic no, pos -> nothing: an item that was read by itself, where items are evicted")  \
    X(imported, "topic no, hash of a name -> nothing: what was imported, whatever became of it")

/* A topic, a NUL and a user fit; LMDB takes 511. */
enum { KEY_BYTES_MAX = 340, ENGINE_READERS = 2 };

#define AS_TABLE(name, doc) TABLE_##name,
enum table { TABLES(AS_TABLE) TABLE_COUNT };
#undef AS_TABLE

/* Static. */
const char *table_name(enum table table);

struct engine {
    const struct engine_ops *ops;
};

struct txn {
    const struct engine_ops *ops;
    enum err failed;    /* the first failure, which stays */
    uint64_t writes;    /* so far: none, and there is nothing to commit */
    uint64_t damaged;   /* records met whose checksum was wrong */
    bool gives_way;     /* it reads, and may be ended with LATER when the space is to grow */
    struct buf scratch; /* for whoever encodes a record */
};

struct engine_stats {
    uint64_t map_bytes;     /* set aside */
    uint64_t sync_us_total; /* spent in commits, until they were on disk */
};

void engine_close(struct engine **slot); /* clears *slot; NULL is fine */
enum err engine_read(struct engine *e, struct txn **txn);
enum err engine_write(struct engine *e, struct txn **txn);

/* After FULL, with no transaction of the caller's open. */
enum err engine_grow(struct engine *e);

/* NO_SPACE when the disk has less than `bytes` free. */
enum err engine_room(struct engine *e, uint64_t bytes);
struct engine_stats engine_stats(struct engine *e);

enum err txn_get(struct txn *t, enum table table, struct bytes key, struct bytes *value);
void txn_put(struct txn *t, enum table table, struct bytes key, struct bytes value);
/* The key is above every one that is there: for a table that grows at its end. */
void txn_append(struct txn *t, enum table table, struct bytes key, struct bytes value);
/* No such key is fine. */
void txn_del(struct txn *t, enum table table, struct bytes key);
/* OK: it is on disk. Otherwise nothing of it is. Clears *slot. */
enum err txn_commit(struct txn **slot);
/* Also how a reading one ends. Clears *slot; NULL is fine. */
void txn_abort(struct txn **slot);
/* A reading one, of which no walk is open, sees the newest moment from here on. */
enum err txn_again(struct txn *t);

/* A walk over a table, from the key `from` or the one behind it in this direction; from the end
 * where `from` is empty. `from` is borrowed until walk_close(), and nothing may be written to this
 * table until then. */
enum walk_way { WALK_up, WALK_down };
struct walk {
    struct txn *txn;
    enum table table;
    enum walk_way way;
    struct bytes from;
    void *cursor; /* the engine's; NULL before the first step */
};
void walk_open(struct walk *w, struct txn *t, enum table table, enum walk_way way,
               struct bytes from);
/* False at the end, and on failure (txn->failed). */
bool walk_next(struct walk *w, struct bytes *key, struct bytes *value);
void walk_close(struct walk *w);

/* What an engine brings. */
struct engine_ops {
    void (*close)(struct engine *e);
    enum err (*begin)(struct engine *e, bool write, struct txn **txn);
    enum err (*grow)(struct engine *e);
    enum err (*room)(struct engine *e, uint64_t bytes);
    struct engine_stats (*stats)(struct engine *e);
    enum err (*get)(struct txn *t, enum table table, struct bytes key, struct bytes *value);
    enum err (*put)(struct txn *t, enum table table, struct bytes key, struct bytes value,
                    bool append);
    enum err (*del)(struct txn *t, enum table table, struct bytes key);
    enum err (*again)(struct txn *t);
    enum err (*commit)(struct txn *t); /* t is over, whatever it answers */
    void (*abort)(struct txn *t);
    enum err (*walk)(struct walk *w, struct bytes *key, struct bytes *value);
    void (*walk_end)(struct walk *w);
};
