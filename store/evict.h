/* SPDX-License-Identifier: Apache-2.0 */
/* evict.h -- an inbox keeps limits.max_items: the oldest that is read, or archived, gives way; if there is
 * none, the oldest of all. What is snoozed stays.
 *
 * The idea: what was read one by one has a row in `read`, what is archived stands aside, and what a mark made
 * read lies below that mark: there the row of the inbox says up to where nothing is left but what
 * its user marked as unread. So the oldest of each kind is found at once: an item is passed once, and
 * again after a mark of one category.
 * Limits  EVICT_MOST go with one arrival: an inbox for which the limit was lowered shrinks with each.
 *         What was read one by one while there was no limit counts as unread here. */
#pragma once

#include "store/inbox.h"

enum { EVICT_MOST = 2 };

/* After an arrival. A damaged row ends it: belfry check finds that. */
void inbox_evict(struct work *w, struct topic *in);
