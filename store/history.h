/* SPDX-License-Identifier: Apache-2.0 */
/* history.h -- the messages of a topic: as many, and as old, as the last publish said.
 *
 * Rules   a message is an entry of the log and a small row in `index`, which finds it by its topic.
 *         What is too many is not shown from the commit on that makes it so; what is too old is not
 *         shown from that moment on.
 *         Both are deleted by the publishes that follow, some with each, oldest first; but nothing
 *         that the notifier may still have to read (it is above its kept position), so that no
 *         message goes without its broadcast and its notifications, however few a topic keeps.
 *         A topic's newest entry stays: with it every topic that changed can be told from the log. */
#pragma once

#include "store/topics.h"

struct message_row {
    uint64_t at_ms;
};

/* A message of that time is too old to be shown. */
static inline bool history_over(const struct topic_row *row, uint64_t at_ms, uint64_t now_ms)
{
    return row->keep_ms != 0 && now_ms > at_ms && now_ms - at_ms >= row->keep_ms;
}

/* One message comes; its seq is the topic's head then. */
void history_add(struct work *w, struct topic *t, const struct msg_publish *m);
