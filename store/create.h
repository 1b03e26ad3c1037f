/* SPDX-License-Identifier: Apache-2.0 */
/* create.h -- the action notification.create: now, at its time (schedule.h), or for many (broadcast.h).
 *
 * Rules   all of its users get theirs or nobody does: every inbox is read before anything is written. */
#pragma once

#include "store/topics.h"

/* As action_run() does it: appends its answer, or gives why not. INVALID; CONFLICT: its key was another's; TOO_OLD:
 * its end has come; FULL: one category too many for an inbox, or too many wait for their time; WORLD. */
enum err do_create(struct work *w, const struct msg_create *m, struct buf *answer);
