/* SPDX-License-Identifier: Apache-2.0 */
/* trim.h -- the old end of the log: what is too old, or too much, goes.
 *
 * The idea: a cursor walks the log from its oldest entry, some entries with each commit, as far as
 * limits.log_bytes and log_ms say, and deletes what nobody needs any more. Needed are a topic's
 * newest entry, so that the log tells every topic that changed; what is the body of a notification
 * that is there; and messages, of which their topic's history disposes.
 * Rules   never above the notifier's kept position: what it has not published is needed.
 *         Below the cursor whoever removes a notification deletes its body, and whoever gives a topic
 *         a newer entry the older one: log_let_go().
 *         Who asks for what came since a seq meets the gap, and takes a snapshot. */
#pragma once

#include "store/topics.h"

/* Some of it, when there is enough to be worth it. */
void log_trim(struct work *w);

/* The entry is not the body of anything any more, or not the newest of its topic. Deleted, if the
 * cursor has passed it and it is not needed for the other reason. */
void log_let_go(struct work *w, const struct topic_row *row, uint64_t seq);
