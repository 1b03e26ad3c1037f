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

struct topic_row {
    uint64_t no;    /* seq of its first entry: its short name in other tables; 0: none yet */
    uint64_t head;  /* seq of its newest entry, which is never deleted */
    uint64_t items; /* notifications; messages above `cut` */

    /* inbox.h */
    uint64_t unread;         /* items of counted types that are unread */
    uint64_t quiet;          /* items of other types that are unread */
    uint64_t newest_pos;     /* of the last item that arrived, there or not */
    uint64_t read_upto;      /* the highest mark; 0: none */
    uint64_t next_expiry_ms; /* of its items; 0: none ends */

    /* history.h */
    uint64_t keep;    /* messages, as the last publish said */
    uint64_t keep_ms; /* how long; 0: no limit but `keep` */
    uint64_t cut;     /* messages up to this seq are not shown any more */
    uint64_t gone;    /* up to this one they are deleted */

    /* members.h */
    uint64_t members;
};

struct topic {
    struct bytes name;
    struct topic_row row; /* all zero: nothing ever happened */
    uint64_t due_ms;      /* where it stands in TABLE_due; 0: nowhere */
    uint64_t action;      /* the last one that named it */
    bool dirty;
};

/* A topic, and not an inbox: what may be published on and have members. */
bool topic_plain(struct bytes name);

/* Its row, zeroes when there is none. OK or WORLD. */
enum err topic_load(struct txn *t, struct bytes name, struct topic_row *row);

/* A topic for this commit. OK or WORLD. */
enum err topic_open(struct work *w, struct bytes name, struct topic **topic);

/* A change of it gets its seq and its place in the chain. The unread count is what it is now. */
void topic_append(struct work *w, struct topic *t, struct msg_entry *e);

/* Write the rows that changed, and where they stand in TABLE_due. */
void topics_flush(struct work *w);
