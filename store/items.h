/* SPDX-License-Identifier: Apache-2.0 */
/* items.h -- the items of an inbox, one by one: where each is, what it is, and all that follows from
 * it in other tables and in the counts.
 *
 * The idea: a change of an item is the item before and the item after. From the two follow the
 * counts, the rows that time, unreadness, moving and categories need, and which body nobody needs any
 * more: said once, here, whatever the change is.
 * Where   `index` has what the inbox shows; `aside` what is archived or snoozed. An item stands at its
 *         pos; its id tells the pos that it was born at, and `moved` where it is now, if that differs.
 * Read    by its own read_ms, or by the first mark at or above its pos, of all or of its category;
 *         but not while it carries ITEM_unread: its user said so after the mark, or it came into its category
 *         below a mark. Those have a row in `unread`, so that a mark finds them without looking at the rest. */
#pragma once

#include "proto/id.h"
#include "proto/items.h"
#include "store/topics.h"

struct item_row {
    uint64_t at_ms; /* when it was born */
    uint64_t type;
    uint64_t expires_ms; /* 0: never */
    uint64_t read_ms;    /* of its own reading; 0: none */
    uint64_t rev;        /* seq of its last change of its own */
    uint64_t flags;      /* enum item_flag */
    uint64_t unread_seq; /* of its last marking as unread; 0: never */
    uint64_t category;   /* the inbox's number of it; 0: none */
    uint64_t birth;      /* the pos in its id, when it has moved since; 0: this one */
    uint64_t content;    /* seq of the entry that has its body; 0: birth */
    uint64_t until_ms;   /* snoozed: its end */
    uint64_t collapse;   /* hash of its collapse_key; 0: it has none */
    uint64_t broadcast;  /* that it came from, which has its body if content is 0; 0: none */
    uint64_t taken;      /* seq of the last create that took its place, by collapse_key; 0: none */
};

struct item {
    uint64_t pos;
    struct item_row row;
};

struct mark_row {
    uint64_t at_ms;
    uint64_t seq;
};

static inline uint64_t item_birth(const struct item *i)
{
    return i->row.birth ? i->row.birth : i->pos;
}

/* The entry that has its body. */
static inline uint64_t item_content(const struct item *i)
{
    uint64_t first = i->row.broadcast ? i->row.broadcast : item_birth(i);
    return i->row.content ? i->row.content : first;
}

static inline enum table item_table(const struct item *i)
{
    return i->row.flags & (ITEM_archived | ITEM_snoozed) ? TABLE_aside : TABLE_index;
}

/* When something is to be done about it: its end, or that of its snoozing; 0: never. */
uint64_t item_timer(const struct item *i);

void item_id(const struct item *i, uint8_t out[ID_SIZE]);

/* What a walk over `index` or `aside` gave. OK or WORLD. */
enum err item_read(struct txn *t, enum table table, struct bytes key, struct bytes value,
                   struct item *item);

/* The one at this pos; the one that was born there. OK, NOT_FOUND or WORLD. */
enum err item_at(struct txn *t, const struct topic_row *row, uint64_t pos, struct item *item);
enum err item_born(struct txn *t, const struct topic_row *row, uint64_t birth, struct item *item);

/* OK, WORLD, or NOT_FOUND when this inbox has none of this id: an id tells the clock too. */
enum err item_of_id(struct txn *t, const struct topic_row *row, const uint8_t *id,
                    struct item *item);

bool item_is_read(const struct topic *in, const struct item *i);

/* Unread, and in no way seen. */
bool item_is_unseen(const struct topic *in, const struct item *i);

/* Does it count, when it is unread? */
static inline bool item_counts(const struct item *i)
{
    return (i->row.flags & (ITEM_archived | ITEM_snoozed | ITEM_muted)) == 0;
}

/* As a client sees it, without its body: when it was read, marks included. OK or WORLD. */
enum err item_tell(struct txn *t, const struct topic *in, const struct item *i,
                   struct msg_item *told);

/* The body of an item, borrowed. OK or WORLD. */
enum err item_body(struct txn *t, const struct item *i, struct bytes *content);

/* Is this entry the body of a notification that is there? OK, NOT_FOUND or WORLD. */
enum err item_has_body(struct txn *t, const struct topic_row *row, const struct msg_entry *e);

/* A change: NULL before, it arrives; NULL after, it goes. The counts first, so that the entry which
 * tells of the change has them; then the rows. Nothing can fail but the transaction. */
void item_recount(struct topic *in, const struct item *before, const struct item *after);
void item_rewrite(struct work *w, struct topic *in, const struct item *before,
                  const struct item *after);

/* The inbox's next timer, when the one before is gone. */
void item_timers_found(struct work *w, struct topic *in);
