/* SPDX-License-Identifier: Apache-2.0 */
/* inbox.h -- the rules of one user's notifications.
 *
 * Rules   counts change with the item, in one transaction; what is due expires before anything
 *         else is done or told; an action reads all it needs before it writes, so that a damaged
 *         record refuses that action and nothing is half done.
 * Read    an item is read by its own read_ms, or by the first mark at or above its pos. A mark is
 *         one row, however many items it covers: marking all costs nothing per item. */
#pragma once

#include "proto/messages.h"
#include "store/work.h"

struct inbox_row {
    uint64_t no;             /* seq of its first entry: its short name in other tables */
    uint64_t head;           /* seq of its newest entry */
    uint64_t unread;         /* items of counted types that are unread */
    uint64_t quiet;          /* items of other types that are unread */
    uint64_t newest_pos;     /* of the last item that arrived, there or not */
    uint64_t read_upto;      /* the highest mark; 0: none */
    uint64_t next_expiry_ms; /* of its items; 0: none ends */
    uint64_t items;
};

struct item_row {
    uint64_t at_ms;
    uint64_t type;
    uint64_t expires_ms; /* 0: never */
    uint64_t read_ms;    /* of its own reading; 0: none */
    uint64_t rev;        /* seq of its last change of its own */
};

struct mark_row {
    uint64_t at_ms;
    uint64_t seq;
};

struct inbox {
    struct bytes topic;
    struct inbox_row row; /* all zero: nothing ever arrived */
    uint64_t due_ms;      /* where it stands in TABLE_due; 0: nowhere */
    uint64_t action;      /* the last one that opened it */
    bool dirty;
};

/* The row of a topic, zeroes when there is none. OK or WORLD. */
enum err inbox_load(struct txn *t, struct bytes topic, struct inbox_row *row);

static inline bool inbox_due(const struct inbox_row *row, uint64_t now_ms)
{
    return row->next_expiry_ms != 0 && row->next_expiry_ms <= now_ms;
}

/* OK, NOT_FOUND or WORLD. */
enum err item_load(struct txn *t, uint64_t no, uint64_t pos, struct item_row *item);

/* When it was read and its last change, marks included. OK or WORLD. */
enum err item_read_at(struct txn *t, const struct inbox_row *inbox, uint64_t pos,
                      const struct item_row *item, uint64_t *read_ms, uint64_t *rev);

/* An inbox for this commit, with everything that is due expired. OK or WORLD. */
enum err inbox_open(struct work *w, struct bytes topic, struct inbox **inbox);

/* One notification arrives, at pos = its seq. */
void inbox_create(struct work *w, struct inbox *in, const struct msg_create *m);

/* `changed` and `unknown` are ids, back to back, in w->ids. OK or WORLD. */
enum err inbox_mark_read(struct work *w, struct inbox *in, const struct msg_mark_read *m,
                         struct bytes *changed, struct bytes *unknown);

/* `up_to`: all ones for the newest; then what it was done up to. OK or WORLD. */
enum err inbox_mark_all_read(struct work *w, struct inbox *in, uint64_t *up_to, struct bytes op_id);

/* Write what changed. */
void inbox_flush(struct work *w);

/* Expire what is due in any inbox, about EXPIRE_MAX items at most; flushes. `next_ms`: wall clock
 * of the next one, all ones for none. */
void inbox_expire_due(struct work *w, uint64_t *next_ms);
