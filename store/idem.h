/* SPDX-License-Identifier: Apache-2.0 */
/* idem.h -- answers that are remembered, so that a repeated request changes nothing.
 *
 * The answer is written in the transaction of what it answers. Keys are kept by day, looked up for
 * the days that `remember_ms` covers, and those of older days deleted a few with each commit. */
#pragma once

#include "store/work.h"

/* Who may repeat what: the same key under another action or of another user is another key. */
struct idem_key {
    uint64_t action;   /* enum msg_id */
    struct bytes user; /* empty: a back end's key */
    struct bytes key;
    struct bytes body_hash; /* 16 bytes: the same key must bring the same */
};

/* OK with the encoded answer (borrowed), NOT_FOUND, CONFLICT or WORLD. */
enum err idem_find(struct work *w, const struct idem_key *k, struct bytes *answer);
void idem_keep(struct work *w, const struct idem_key *k, struct bytes answer);

/* Delete some of what is too old: more than was kept in this commit. */
void idem_forget(struct work *w);
