/* SPDX-License-Identifier: Apache-2.0 */
/* report.h -- the figures of a run: one a line for people, or one JSON object for bench/run. */
#pragma once

#include "bench/common/histogram.h"

#include <stdbool.h>
#include <stddef.h>

enum { REPORT_MAX = 100 };

struct report {
    struct report_row {
        char name[40];
        double value;
        int decimals;
    } rows[REPORT_MAX];
    size_t count;
};

/* `name` ends in its unit: creates_per_s, badge_p50_ms. */
void report_add(struct report *r, double value, int decimals, const char *name, ...)
    __attribute__((format(printf, 4, 5)));

/* NAME_p50_ms, p90, p99, p999, max. */
void report_times(struct report *r, const char *name, const struct histogram *h);

void report_print(const struct report *r, bool json);

/* The monotonic clock in nanoseconds. */
uint64_t clock_ns(void);
