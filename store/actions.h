/* SPDX-License-Identifier: Apache-2.0 */
/* actions.h -- what a request does to the durable state, and its answer.
 *
 * An action that is refused has written nothing; the others of its commit are not touched by it. */
#pragma once

#include "proto/messages.h"
#include "store/work.h"

/* Is it one that waits for a commit? */
bool action_known(enum msg_id id);

/* Does nothing of it stay? It has a transaction of its own. */
bool action_undone(enum msg_id id);

/* May it use the disk's last reserve? What only takes away may, or keeps a position. */
bool action_tidies(enum msg_id id);

/* About how many notifications' worth of writing it is. */
uint64_t action_weight(const struct msg *m);

/* Carry it out within w->txn and append its answer. No answer: `followed`, which has none, and a
 * read whose inbox had to be expired first, which is to be read now. */
void action_run(struct work *w, const struct msg *m, struct buf *answer);
