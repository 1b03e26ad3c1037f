/* SPDX-License-Identifier: Apache-2.0 */
/* inbox.h -- the rules of one user's notifications.
 *
 * Rules   counts change with the item, in one transaction; what is due expires before anything
 *         else is done or told; an action reads all it needs before it writes, so that a damaged
 *         record refuses that action and nothing is half done.
 * Read    an item is read by its own read_ms, or by the first mark at or above its pos. A mark is
 *         one row, however many items it covers: marking all costs nothing per item. */
#pragma once

#include "proto/items.h"
#include "store/topics.h"

struct item_row {
    uint64_t at_ms;
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
};

struct mark_row {
    uint64_t at_ms;
    uint64_t seq;
};

static inline bool inbox_due(const struct topic_row *row, uint64_t now_ms)
{
    return row->next_expiry_ms != 0 && row->next_expiry_ms <= now_ms;
}

/* What it may hold: a stored type, and a JSON object that is not empty. */
bool inbox_takes(uint64_t type, struct bytes content);

/* OK, NOT_FOUND or WORLD. */
enum err item_load(struct txn *t, uint64_t no, uint64_t pos, struct item_row *item);

/* Is this entry the body of a notification that is there? OK, NOT_FOUND or WORLD. */
enum err inbox_has_body(struct txn *t, uint64_t no, const struct msg_entry *e);

/* When it was read and its last change, marks included. OK or WORLD. */
enum err item_read_at(struct txn *t, const struct topic_row *inbox, uint64_t pos,
                      const struct item_row *item, uint64_t *read_ms, uint64_t *rev);

/* Is anything to be put right before it is told? `newest`: of the broadcasts. */
static inline bool inbox_behind(const struct topic_row *row, uint64_t now_ms, uint64_t newest)
{
    bool unknown = row->no == 0 && row->known == 0;
    return unknown || row->merged < newest || inbox_due(row, now_ms);
}

/* An inbox for this commit, with everything that is due expired and all broadcasts merged. OK or
 * WORLD. */
enum err inbox_open(struct work *w, struct bytes topic, struct topic **inbox);

/* Somebody looks at it: from here on its user is known. */
void inbox_know(struct work *w, struct topic *in);

struct arrival {
    uint64_t type;
    uint64_t expires_ms; /* 0: never */
    uint64_t born_ms;    /* 0: now */
    uint64_t body;       /* seq of a broadcast; 0: `content` */
    struct bytes content;
    struct bytes category, topic; /* what its user may have muted; or empty */
};

/* One notification arrives, at pos = its seq; or does not, because it is muted and that is not kept. */
enum why_not inbox_arrive(struct work *w, struct topic *in, const struct arrival *a);
bool inbox_keeps(const struct work *w, enum why_not why);

/* OK; NOT_FOUND: it is not there (any more); WORLD. */
enum err inbox_remove(struct work *w, struct topic *in, uint64_t pos, enum removed_why why);
enum why_not inbox_create(struct work *w, struct topic *in, const struct msg_create *m);

/* `changed` and `unknown` are ids, back to back, in w->ids. OK, INVALID or WORLD. */
enum err inbox_mark(struct work *w, struct topic *in, const struct msg_mark *m,
                    struct bytes *changed, struct bytes *unknown);

/* `up_to`: what it was done up to. OK, INVALID or WORLD. */
enum err inbox_mark_all(struct work *w, struct topic *in, const struct msg_mark_all *m,
                        uint64_t *up_to);

/* Expire what is due in any inbox, about EXPIRE_MAX items at most; flushes. `next_ms`: wall clock
 * of the next one, all ones for none. */
void inbox_expire_due(struct work *w, uint64_t *next_ms);
