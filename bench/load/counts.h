/* SPDX-License-Identifier: Apache-2.0 */
/* counts.h -- what the inboxes of this run's users say after it. */
#pragma once

#include "bench/load/bench.h"

/* The sum of their unread counts, asked from the HTTP API with each user's own token. */
uint64_t counts_sum(struct bench *b);
