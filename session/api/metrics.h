/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.h -- the counters of all processes of this node, for Prometheus and for /readyz. */
#pragma once

#include "session/session.h"

enum { ROLES_MAX = 80 };
struct roles {
    struct counters list[ROLES_MAX];
    size_t n;
};

/* The counters of every process that has run here, opened together; and closed. */
void roles_open(const struct session *s, struct roles *all);
void roles_close(struct roles *all);

/* The row of this name, or NULL. */
const struct counter *roles_find(const struct counters *c, const char *name);

/* Text format 0.0.4: belfry_NAME{role="session.0"} VALUE */
void metrics_write(struct session *s, struct buf *out);

/* The store says that its disk takes writes. */
bool metrics_store_writable(struct session *s);

/* The keys at the URL auth/jwks could not be fetched the last time, or nobody does. */
bool metrics_keys_failing(struct session *s);
