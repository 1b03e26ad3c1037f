/* SPDX-License-Identifier: Apache-2.0 */
/* drain.h -- how this process leaves.
 *
 * The idea    its clients are told to go, an even share of them a turn until drain_ms have passed, so
 *             that the other processes get them one after the other. New connections are steered to
 *             those. Whoever comes here all the same is served as always: phoenix.js that is refused once, or waits for longer than its
 *             longPollFallbackMs, stays on long-poll for good. Only at the end it accepts nobody any
 *             more; who comes then waits in the backlog for the process after it, and that is short.
 * Limits      DRAIN_LAST_MS for the last clients to say goodbye, or to bring their first request;
 *             DRAIN_ASKED_MS for requests that wait for the store.
 * Rules       alone there is nobody to go to: everyone is told at once, and returns to the next process. */
#pragma once

#include "session/session.h"

/* The first TERM; a second one changes nothing. */
void drain_begin(struct session *s);

/* Once a turn; true: nothing is left to do here. */
bool drained(struct session *s);
uint64_t drain_deadline_ms(const struct session *s);
