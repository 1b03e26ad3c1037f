/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.h -- the counters of all processes of this node, for Prometheus and for /readyz. */
#pragma once

#include "session/session.h"

/* Text format 0.0.4: belfry_NAME{role="session.0"} VALUE */
void metrics_write(struct session *s, struct buf *out);

/* The store says that its disk takes writes. */
bool metrics_store_writable(struct session *s);
