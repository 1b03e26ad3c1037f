/* SPDX-License-Identifier: Apache-2.0 */
/* retract.h -- what was published is taken back, from everybody who has it.
 *
 * The idea: a create is known by the id of its first notification, and its notifications are neighbours
 * in the log: each entry says how many stand before it. So they are found from the first
 * position on, whichever of them are still there, and each inbox lets go of its own in this one commit.
 * Others  what waits for its time is cancelled (schedule.h), and what was delivered has a row that says
 *         where its notifications begin; what is for all or for a topic is retracted by reference
 *         (broadcast.h).
 * Errors  an inbox that is damaged is left out, and the others let go of theirs. */
#pragma once

#include "store/topics.h"

/* `id` is 16 bytes; `count`: notifications that are gone by this commit. OK, NOT_FOUND or WORLD. */
enum err publish_retract(struct work *w, struct bytes id, uint64_t *count);
