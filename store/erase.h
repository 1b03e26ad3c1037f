/* SPDX-License-Identifier: Apache-2.0 */
/* erase.h -- nothing of a user stays.
 *
 * The idea: the first commit takes away what is found by the name: the inbox's row (so that there is no
 * inbox), last seen. It leaves a row that says what is still to be done, and how far it is: memberships, the
 * inbox's rows and remembered answers, what is scheduled for the user, and last the log, from its
 * oldest entry up to the one of the erasure: the inbox's entries are deleted, and the user's name is
 * taken off what they published. Some of it with each question of the notifier for what is due; a
 * kill at any point goes on from there.
 * Rules   the log is gone through when the notifier has published it, and when the fan-outs of what it
 *         holds are done: their rows name authors.
 *         A user of the same name who comes meanwhile is another one: the positions tell them apart.
 *         An entry of the erasure names nobody. */
#pragma once

#include "store/topics.h"

/* Begin; `seq` is what it is known by. One that is under way goes on. OK, INVALID or WORLD. */
enum err erase_begin(struct work *w, struct bytes user, uint64_t *seq);

/* Do some of it, of the oldest; gives after how long there is more to do, all ones for never. */
uint64_t erase_some(struct work *w);

/* Is one of this user under way that began after this position? */
bool erasing(struct txn *t, struct bytes user, uint64_t since);

/* Is one under way? OK, NOT_FOUND or WORLD. */
enum err erase_runs(struct txn *t, uint64_t seq);
