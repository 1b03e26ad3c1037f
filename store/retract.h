/* SPDX-License-Identifier: Apache-2.0 */
/* retract.h -- what was published is taken back, or changed, for everybody who has it.
 *
 * The idea: a create is known by its time and the seq of its first entry, and its entries are neighbours
 * in the log: each says how many stand before it. So they are found from the first position on,
 * whichever of them are still there, and each inbox lets go of its own, or changes it, in this one commit.
 * Collapse what took the place of an older one goes whole: the older text is no more. What a newer create
 *         has taken the place of is the newer one's, and stays.
 * Revise  what is to be other is put into each as it is there: what was changed of one alone stays, where it
 *         is not named.
 * Others  what waits for its time is cancelled, or changed where it waits (schedule.h); what was delivered
 *         has a row that says where its notifications begin; what is for all or for a topic is
 *         done by reference (broadcast.h).
 * Errors  an inbox that is damaged is left out, and the others let go of theirs. */
#pragma once

#include "store/topics.h"

/* As action_run() does them: each appends its answer, or gives why not: NOT_FOUND, INVALID or WORLD. */
enum err do_unpublish(struct work *w, const struct msg_unpublish *m, struct buf *answer);

/* Also TOO_OLD: its end has come; FULL: one category too many for an inbox, or the whole too large; INVALID: also
 * the end of a broadcast, which stays. */
enum err do_revise(struct work *w, const struct msg_revise *m, struct buf *answer);
