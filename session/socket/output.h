/* SPDX-License-Identifier: Apache-2.0 */
/* output.h -- what waits to be sent on a connection: between conn.c, which has the slots, and output.c,
 * which queues and writes. What others may call of either stands in conn.h.
 *
 * Shape   the first frame stands in the connection; what waits behind it in a ring that is taken when
 *         there is a second one and given back when none is left. */
#pragma once

#include "session/socket/conn.h"

struct output {
    uint32_t first, n, cap; /* a ring; cap is a power of two */
    struct frame *ring[];
};

struct conns {
    struct conn *slots;
    uint32_t max, used, fresh; /* slots from `fresh` on were never taken */
    uint32_t kept;             /* of those that are free, for who is let in and not here yet */
    uint32_t *free_ids, free_n;
    uint32_t *dirty_ids, dirty_n; /* of this turn; one may come back while the list is walked */
    uint32_t drain_at;
    struct output *spare; /* one kept: most turns need few */
};

/* Queue a frame whatever waits already; takes the caller's reference. */
void output_append(struct session *s, struct conn *c, struct frame *f);

/* All that waits but a frame that is half written. */
void output_forget_unsent(struct session *s, struct conn *c);
