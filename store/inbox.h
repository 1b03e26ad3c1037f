/* SPDX-License-Identifier: Apache-2.0 */
/* inbox.h -- one user's notifications: what is due, and what arrives.
 *
 * Rules   counts change with the item, in one transaction; what is due (an end, the end of a snoozing)
 *         is done before anything else is done or told; an action reads all it needs before it
 *         writes, so that a damaged record refuses that action and nothing is half done. */
#pragma once

#include "store/items.h"

static inline bool inbox_due(const struct topic_row *row, uint64_t now_ms)
{
    return row->next_expiry_ms != 0 && row->next_expiry_ms <= now_ms;
}

/* What it may hold: a stored type, and a JSON object that is not empty. */
bool inbox_takes(uint64_t type, struct bytes content);

/* Is anything to be put right before it is told? `newest`: of the broadcasts. */
static inline bool inbox_behind(const struct topic_row *row, uint64_t now_ms, uint64_t newest)
{
    bool unknown = row->no == 0 && row->known == 0;
    return unknown || row->merged < newest || inbox_due(row, now_ms);
}

/* An inbox for this commit, with everything that is due done and all broadcasts merged. OK or
 * WORLD. */
enum err inbox_open(struct work *w, struct bytes topic, struct topic **inbox);

/* The same by its user. Also INVALID: it is no user's id. */
enum err inbox_of_user(struct work *w, struct bytes user, struct topic **inbox);

/* Somebody looks at it: from here on its user is known. */
void inbox_know(struct work *w, struct topic *in);

struct arrival {
    uint64_t type;
    uint64_t expires_ms;          /* 0: never */
    uint64_t born_ms;             /* 0: now */
    uint64_t broadcast;           /* seq of the one that it comes from; 0: none */
    struct bytes content;         /* empty: that of the broadcast */
    struct bytes category, topic; /* what its user may have muted; or empty */
    struct bytes collapse_key;    /* or empty */
};

/* What became of it in this inbox; what is not kept, because it is muted, has no id. */
struct received {
    enum why_not why;
    enum taken taken;
    uint8_t id[ID_SIZE];
};

/* One notification arrives, at pos = its seq; or takes the place of the one with its collapse_key; or does
 * not, because it is muted and that is not kept. Of a category that there is no room for, it is counted in
 * none: see category_fits(). */
struct received inbox_arrive(struct work *w, struct topic *in, const struct arrival *a);
bool inbox_keeps(const struct work *w, enum why_not why);

/* The one that was born there. OK; NOT_FOUND: it is not there (any more); WORLD. */
enum err inbox_remove(struct work *w, struct topic *in, uint64_t birth, enum removed_why why);
struct received inbox_create(struct work *w, struct topic *in, const struct msg_create *m);

/* Other content in the same place. OK; NOT_FOUND: it is not there (any more); LATER: it is another by now
 * than `rev` says; TOO_OLD: its end has come; FULL: one category too many; INVALID or WORLD. */
enum err inbox_update(struct work *w, struct topic *in, const struct msg_update *m);

/* The same of an item that may be updated so, whatever its rev. `m` is not borrowed from the store. */
void inbox_put_content(struct work *w, struct topic *in, const struct item *item,
                       const struct msg_update *m);

/* A snoozed item comes back, unread, at a pos of its own. Its body can be read. */
void inbox_wake(struct work *w, struct topic *in, const struct item *item, struct bytes op_id);
