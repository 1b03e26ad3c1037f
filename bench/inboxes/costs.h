/* SPDX-License-Identifier: Apache-2.0 */
/* costs.h -- what a create costs the store in CPU, by the size of its inbox and by how many inboxes there
 * are; WAITING are under way at a time. */
#pragma once

#include "bench/common/report.h"

/* Adds N_items_us and N_inboxes_us, N being 1, 10, ... up to `most`. */
void costs_run(struct report *r, const char *data, uint64_t most);
