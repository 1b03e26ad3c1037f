/* SPDX-License-Identifier: Apache-2.0 */
/* front.h -- what front.c (HTTP) and streams.c (the kernel's TCP) share. */
#pragma once

#include "tests/sim/sim.h"

enum { STREAMS_MAX = 64 };

struct session;
uint64_t front_later(struct dice *d); /* when something that is sent now arrives */

/* As session/auth/auth.c says it of a token: 200, 403, or 503: not known yet. */
unsigned front_admits(const struct session *s, const char *user, uint64_t iat_s);

void streams_open(void);
void streams_close(void);
uint64_t streams_arrival_us(unsigned place);
void streams_died(unsigned place);
void streams_accept(struct session *s, bool shut); /* shut: it takes nobody any more */
