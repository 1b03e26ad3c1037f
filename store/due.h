/* SPDX-License-Identifier: Apache-2.0 */
/* due.h -- what comes to its time in an inbox: an item's end, the end of its snoozing.
 *
 * The idea: each has a row in `expiry` by its time, and each inbox one in `due` by its next one; so what is due is
 * found without looking at the rest. A row that leads nowhere is met once, and dropped. */
#pragma once

#include "store/topics.h"

/* Do what is due in this inbox. OK or WORLD. */
enum err inbox_do_due(struct work *w, struct topic *in);

/* Do what is due in any inbox, about EXPIRE_MAX items at most; flushes. `next_ms`: wall clock
 * of the next one, all ones for none. */
void inbox_expire_due(struct work *w, uint64_t *next_ms);
