/* SPDX-License-Identifier: Apache-2.0 */
/* users.h -- what is kept of a user besides the inbox. */
#pragma once

#include "store/work.h"

struct user_row {
    uint64_t seen_ms; /* wall clock when the last connection ended; 0: never */
};

/* Zeroes when nothing is kept. OK or WORLD. */
enum err user_load(struct txn *t, struct bytes user, struct user_row *row);

void user_forget(struct work *w, struct bytes user);

/* The user was connected until now. */
void user_seen(struct work *w, struct bytes user, struct user_row *row);
