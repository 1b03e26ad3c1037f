/* SPDX-License-Identifier: Apache-2.0 */
/* inbox.h -- what a member's inbox tells it, checked against what it told before. */
#pragma once

#include "bench/load/crowd.h"

/* The answer to a join: the state whole, or what was missed. False: it is neither. */
bool inbox_joined(struct member *m, struct bytes response);

/* An event: counted when it does not follow, handed to the crowd's `heard` when it is news. */
void inbox_event(struct member *m, const struct phoenix *event);
