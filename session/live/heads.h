/* SPDX-License-Identifier: Apache-2.0 */
/* heads.h -- how we know that nothing was missed.
 *
 * The idea    the notifier says "between these positions of the log these topics changed" at least
 *             once a second, and each saying begins where the last one ended. So a chain without a
 *             hole means that every change of every topic is known of; at a hole the store is asked
 *             for the topics that changed meanwhile.
 * Limits      one question under way at a time. */
#pragma once

#include "proto/messages.h"
#include "session/session.h"

struct heads;
struct heads *heads_new(struct session *s);
void heads_free(struct heads **slot);

/* From the bus. */
void heads_heard(struct session *s, const struct msg_heads *h);

/* Each turn: ask what is still to be asked. */
void heads_tick(struct session *s);

/* Once a second: see whether the store answers. */
void heads_probe(struct session *s);

/* Every topic's head is known up to this position. */
bool heads_past(const struct session *s, uint64_t seq);

/* Nothing can be missed unnoticed, and the store answers. */
bool heads_known(const struct session *s);

/* The notifier's last word is not older than `limit_ms`. */
bool heads_fresh(const struct session *s, uint64_t limit_ms);
