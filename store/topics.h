/* SPDX-License-Identifier: Apache-2.0 */
/* topics.h -- a topic's row, and its chain through the log: what an inbox and a topic with history
 * have in common.
 *
 * The name says which of the two it is: `user:{id}:notifications` is an inbox, any other a history.
 * Either may be read and written often in one commit: topic_open() reads its row once, and
 * topics_flush() writes it once. */
#pragma once

#include "proto/messages.h"
#include "store/work.h"

/* Of items that count: neither archived, snoozed nor muted. */
struct counts {
    uint64_t unread[TYPES_MAX]; /* by type */
    uint64_t unseen;            /* of counted types: unread, and not seen either */
};

struct topic_row {
    uint64_t no;    /* seq of its first entry: its short name in other tables; 0: none yet */
    uint64_t head;  /* seq of its newest entry, which is never deleted */
    uint64_t items; /* notifications, archived and snoozed ones too; messages above `cut` */

    /* inbox.h */
    uint64_t newest_pos;     /* the highest that an item has had */
    uint64_t read_upto;      /* the highest mark; 0: none */
    uint64_t next_expiry_ms; /* of its items, which end or wake then; 0: none does */

    /* history.h */
    uint64_t keep;    /* messages, as the last publish said */
    uint64_t keep_ms; /* how long; 0: no limit but `keep` */
    uint64_t cut;     /* messages up to this seq are not shown any more */
    uint64_t gone;    /* up to this one they are deleted */

    /* members.h */
    uint64_t members;

    /* inbox.h again: what is 0 in most rows, at the end, where it takes no room */
    struct counts counts;
    uint64_t seen_upto;  /* all up to there were seen */
    uint64_t categories; /* that have an item */
    uint64_t aside;      /* items that are archived or snoozed */
    uint64_t snoozed;    /* items that are snoozed */
    uint64_t moved;      /* items whose pos is not that of their id */
    uint64_t unread_set; /* items that their user marked as unread, and that are */

    /* broadcast.h */
    uint64_t merged; /* an inbox has those up to here */
    uint64_t prefs;  /* 1: its user has preferences */
    uint64_t known; /* seq of the log when somebody looked at it before it had an entry; 0: never */

    uint64_t evict_from; /* below it no item is read by a mark alone: evict.h */
};

/* The seq from which on its user is known; `head` of the log, if that is to be now. */
static inline uint64_t topic_known(const struct topic_row *row, uint64_t head)
{
    return row->known ? row->known : row->no ? row->no : head + 1;
}

struct topic {
    struct bytes name;
    struct topic_row row; /* all zero: nothing ever happened */
    struct category *categories;
    uint64_t due_ms; /* where it stands in TABLE_due; 0: nowhere */
    uint64_t action; /* the last one that named it */
    bool dirty;
};

/* The badge: unread items of counted types. */
uint64_t counts_unread(const struct counts *c);

/* A topic, and not an inbox: what may be published on and have members. */
bool topic_plain(struct bytes name);

/* Its row, zeroes when there is none. OK or WORLD. */
enum err topic_load(struct txn *t, struct bytes name, struct topic_row *row);

/* A topic for this commit. OK or WORLD. */
enum err topic_open(struct work *w, struct bytes name, struct topic **topic);

/* A change of it gets its seq and its place in the chain. The unread count is what it is now. */
void topic_append(struct work *w, struct topic *t, struct msg_entry *e);

/* It never was: its row and where it stands in TABLE_due are gone at once. */
void topic_forget(struct work *w, struct topic *t);

/* Write the rows that changed, and where they stand in TABLE_due. */
void topics_flush(struct work *w);
