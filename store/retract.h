/* SPDX-License-Identifier: Apache-2.0 */
/* retract.h -- what was published is taken back, from everybody who has it.
 *
 * The idea: a create is known by its time and the seq of its first entry, and its entries are neighbours
 * in the log: each says how many stand before it. So they are found from the first
 * position on, whichever of them are still there, and each inbox lets go of its own in this one commit.
 * Collapse what took the place of an older one goes whole: the older text is no more. What a newer create
 *         has taken the place of is the newer one's, and stays.
 * Others  what waits for its time is cancelled (schedule.h), and what was delivered has a row that says
 *         where its notifications begin; what is for all or for a topic is retracted by reference
 *         (broadcast.h).
 * Errors  an inbox that is damaged is left out, and the others let go of theirs. */
#pragma once

#include "store/topics.h"

/* `id` is 16 bytes; `count`: notifications that are gone by this commit. OK, NOT_FOUND or WORLD. */
enum err publish_retract(struct work *w, struct bytes id, uint64_t *count);
