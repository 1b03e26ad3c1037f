/* SPDX-License-Identifier: Apache-2.0 */
/* create.h -- the action notification.create: now, at its time (schedule.h), or for many (broadcast.h).
 *
 * Rules   all of its users get theirs or nobody does: every inbox is read before anything is written.
 * Try     is the create itself, of which its commit keeps nothing (commit.h): so what it says is what would be. Of
 *         what waits for its time it says what would be if that were now. */
#pragma once

#include "store/topics.h"

/* As action_run() does it: appends its answer, or gives why not. INVALID; CONFLICT: its key was another's; TOO_OLD:
 * its end has come; FULL: one category too many for an inbox, or too many wait for their time; WORLD. */
enum err do_create(struct work *w, const struct msg_create *m, struct buf *answer);

/* The create in it; false: it is none. */
bool try_read(const struct msg_try *m, struct msg *create);
enum err do_try(struct work *w, const struct msg_try *m, struct buf *answer);
