/* SPDX-License-Identifier: Apache-2.0 */
/* reads.h -- what is asked without changing anything: a page of an inbox or of a topic's messages,
 * what a topic's reader missed, which topics changed, the log for its follower, members, a recount.
 *
 * Rules   an inbox with something due is not told: false, and it is to be expired first.
 *         What is missed is told exactly or not at all: where an entry is damaged or too far back
 *         the answer is TOO_OLD, and the reader takes a snapshot.
 * Limits  an answer is at most READ_BYTES long, so that half a turn's buffer always takes it. */
#pragma once

#include "lib/map.h"
#include "proto/messages.h"
#include "store/follower.h"
#include "store/meta.h"
#include "store/prefs.h"

#define READ_BYTES ((size_t)FRAME_MAX / 2)

struct reads {
    struct txn *txn;
    uint64_t epoch;
    uint64_t now_ms;    /* wall clock */
    uint64_t broadcast; /* the newest one */
    struct zones *zones;
    struct buf *list; /* scratch for the elements of an answer's list */
    struct map *seen; /* scratch for heads; see head_name() */
    struct buf *out;
};

/* In inbox_reads.c and reads.c. True: the answer was appended. False: expire the inbox first, then ask again. */
bool read_snapshot(const struct reads *r, const struct msg_snapshot *m);
bool read_item(const struct reads *r, const struct msg_get *m);
bool read_since(const struct reads *r, const struct msg_since *m);

void read_heads(const struct reads *r, const struct msg_heads_since *m);

/* Append a tail with entries after what was pushed, at most `count` and at most up to `head`. Gives
 * its `to`; its `from` when there was nothing. */
uint64_t read_tail(const struct reads *r, const struct follower *f, uint64_t head, uint64_t count);

/* In topic_reads.c. */
void read_history(const struct reads *r, const struct msg_history *m);
void read_members(const struct reads *r, const struct msg_members *m);
void read_fanouts(const struct reads *r, const struct msg_fanouts *m);
void read_prefs(const struct reads *r, const struct msg_prefs_get *m);
void read_assess(const struct reads *r, const struct msg_assess *m);
void read_erasure(const struct reads *r, const struct msg_erasure *m);
void read_about(const struct reads *r, const struct msg_about *m);
void read_user(const struct reads *r, const struct msg_user *m);

/* Append the answer that refuses it. */
void refuse_read(const struct reads *r, const struct msg *m, enum err e);
/* In revoke.c. */
void read_revocations(const struct reads *r, const struct msg_revocations *m);

/* May this be read of a topic? `member` must be one, if given. */
enum err read_allowed(const struct reads *r, struct bytes topic, struct bytes member);

/* Has the answer's list room for one more element with so much content? */
bool read_fits(const struct reads *r, size_t content);

/* In check.c. */
void read_check(const struct reads *r, const struct msg_check *m);

/* The name of a thing in `seen`. */
struct bytes head_name(const void *thing);
