/* SPDX-License-Identifier: Apache-2.0 */
/* log.h -- the one sequence of committed actions: seq -> entry.
 *
 * An entry names its topic and that topic's seq before it (`prev`), so each topic is a chain
 * through the log; its newest seq stands in the topic's row. */
#pragma once

#include "proto/messages.h"
#include "store/engine.h"

/* Gives its size. */
size_t log_append(struct txn *t, const struct msg_entry *entry);

/* The name of who published it is taken off. */
void log_forget_user(struct txn *t, uint64_t seq);

/* `raw`: the entry as it is encoded. Both borrowed. OK, NOT_FOUND or WORLD. */
enum err log_get(struct txn *t, uint64_t seq, struct msg_entry *entry, struct bytes *raw);

/* The same for what a walk over TABLE_log gave. */
enum err log_read(struct txn *t, struct bytes key, struct bytes value, struct msg_entry *entry,
                  struct bytes *raw);

/* The newest seq, 0 when the log is empty. False when it cannot be read (txn->failed). */
bool log_head(struct txn *t, uint64_t *seq);
