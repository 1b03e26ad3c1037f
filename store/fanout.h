/* SPDX-License-Identifier: Apache-2.0 */
/* fanout.h -- a message becomes a notification for each member of its topic but the author.
 *
 * The idea: a row for each source and rule says how far it is. A page of notifications and the row
 * that says so are written in one transaction: a kill at any point neither skips nor doubles anyone.
 * Rules   the members are those of the moment of the message: who came later gets none.
 *         When all have theirs the row stays, without its content, until the notifier's position has
 *         passed the source: then nobody begins it again. What is at or below that position and has
 *         no row was done long ago.
 *         A member whose inbox is damaged is left out, and the others get theirs. */
#pragma once

#include "store/topics.h"

/* A page is at most so many bytes of content, or one notification. */
enum { FANOUT_BYTES = 1 << 20 };

/* Both: `done` is 1 when every member has had theirs. OK; INVALID, NOT_FOUND: never begun; WORLD. */
enum err fanout_begin(struct work *w, const struct msg_fanout *m, uint64_t *done);
enum err fanout_step(struct work *w, const struct msg_fanout_step *m, uint64_t *made,
                     uint64_t *done);

/* The notifier's position goes from `from` to `to`: what is done up to there is forgotten. */
void fanouts_forget(struct work *w, uint64_t from, uint64_t to);

/* Those that are not done, at most CHANGES_MAX, as elements of a list. OK or WORLD. */
enum err fanouts_list(struct txn *t, struct buf *list, uint32_t *count);

/* Is one under way whose source is below this? */
bool fanouts_before(struct txn *t, uint64_t source);
