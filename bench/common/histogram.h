/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.h -- how long things took, in nanoseconds, to within 1.6 %.
 *
 * Shape   64 buckets to each doubling: every value is counted, none is sampled or kept.
 * Limits  2^40 ns (18 minutes); what is longer is counted there, and `max` is exact. */
#pragma once

#include <stdint.h>

enum { HISTOGRAM_FINE = 64, HISTOGRAM_BITS = 40, HISTOGRAM_BUCKETS = HISTOGRAM_FINE * 36 };

struct histogram {
    uint64_t count, max_ns;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t ns);

/* All of `from`, too. */
void histogram_join(struct histogram *h, const struct histogram *from);

/* The value that `share` (0 to 1) of all do not exceed; 0 when there are none. */
uint64_t histogram_at(const struct histogram *h, double share);
