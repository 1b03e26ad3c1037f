/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.h -- notifications that are to be made later.
 *
 * The idea: the create is kept as it came, in a row by its time. When that has come it is carried out
 * and its row deleted, in one commit: a kill at any point neither skips nor doubles it, and a clock
 * that steps makes it early or late, once.
 * Rules   the time is the wall clock of the store's process. Who gets it is decided then: what its
 *         user muted meanwhile stays away. An inbox that is damaged is left out, and the others get
 *         theirs; what has come to its end by then is not made.
 * Limits  as many of those that were made can be retracted, the newest; limits.scheduled wait; at one more it is FULL. */
#pragma once

#include "store/topics.h"

/* `m` has passed the tests of a create. OK, FULL or WORLD; `seq` is its place in the log. */
enum err schedule_add(struct work *w, const struct msg_create *m, uint64_t *seq);

/* It shall not be made. OK; NOT_FOUND: it was made, or never was; WORLD. `id` is 16 bytes. */
enum err schedule_cancel(struct work *w, struct bytes id);

/* It is to be made with other content. OK; NOT_FOUND as above; TOO_OLD: it would be over by then; FULL: too large;
 * WORLD. */
enum err schedule_revise(struct work *w, const struct msg_revise *m);

/* It was made: where its first notification, or its broadcast, is. OK; NOT_FOUND: not so, or too many were since; WORLD. */
enum err schedule_delivered(struct work *w, struct bytes id, uint64_t *first);

/* Is this `scheduled` entry waiting? OK, NOT_FOUND or WORLD. */
enum err schedule_waits(struct txn *t, const struct msg_entry *e);

/* Make what is due, about EXPIRE_MAX notifications. `next_ms`: wall clock of the next one, all ones
 * for none. */
void schedule_run_due(struct work *w, uint64_t *next_ms);

/* What was scheduled before this position names the user no more: some rows from the time `at` on, but
 * all of one time at once. True: that was all. */
bool schedule_forget_user(struct work *w, struct bytes user, uint64_t before, uint64_t *at);

/* The create of a row, borrowed as `value` is. OK or WORLD. */
enum err schedule_read(struct txn *t, struct bytes key, struct bytes value, struct msg_create *m);
