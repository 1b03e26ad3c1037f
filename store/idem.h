/* SPDX-License-Identifier: Apache-2.0 */
/* idem.h -- answers that are remembered, so that a repeated request changes nothing.
 *
 * The answer is written in the transaction of what it answers. Keys are kept by day, looked up for
 * the days that limits.remember_ms covers, and those of older days deleted a few with each commit. */
#pragma once

#include "proto/messages.h"
#include "store/work.h"

/* Who may repeat what: the same key under another action or of another user is another key. */
struct idem_key {
    uint64_t action;   /* which: enum msg_id, and of what kind */
    struct bytes user; /* empty: a back end's key */
    struct bytes key;
    struct bytes body_hash; /* 16 bytes: the same key must bring the same */
};

/* Append the answer given to this key the first time, with the number of this request. NOT_FOUND:
 * it is new, or empty; INVALID, CONFLICT or WORLD. */
enum err idem_repeat(struct work *w, const struct idem_key *k, uint64_t req, struct buf *answer);

/* Append the answer of what was done, and keep it with the key, if there is one. */
void idem_answer(struct work *w, const struct idem_key *k, const struct msg *done,
                 struct buf *answer);

/* What was remembered for a user's own keys: about `most` of it. True: that was all. */
bool idem_forget_user(struct work *w, struct bytes user, unsigned most);

/* Delete some of what is too old: more than was kept in this commit. */
void idem_forget(struct work *w);
