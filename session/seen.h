/* SPDX-License-Identifier: Apache-2.0 */
/* seen.h -- when users were last here, for the store to keep.
 *
 * The idea    those whose last connection here went are told to the store together, SEEN_MS after the
 *             first of them: a commit for each would be most of what a connection costs.
 * Limits      SEEN_BYTES of names; when they are full they are told at once, and when this process
 *             drains.
 * Errors      when the store cannot be told, an older time stands. */
#pragma once

#include "session/session.h"

enum { SEEN_MS = 100, SEEN_BYTES = 32768 };

struct seen *seen_new(struct session *s);
void seen_free(struct seen **slot);

/* This user has left. */
void seen_left(struct session *s, struct bytes user);

/* It is erased: nothing is told of it. */
void seen_forget(struct session *s, struct bytes user);

/* Each turn: tell those who have waited. */
void seen_tick(struct session *s);
uint64_t seen_deadline_ms(const struct session *s);
