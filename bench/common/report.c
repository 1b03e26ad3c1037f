/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/common/report.h"

#include "lib/ensure.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

void report_add(struct report *r, double value, int decimals, const char *name, ...)
{
    ENSURE(r->count < REPORT_MAX);
    struct report_row *row = &r->rows[r->count++];
    va_list args;
    va_start(args, name);
    int n = vsnprintf(row->name, sizeof row->name, name, args);
    va_end(args);
    ENSURE(n > 0 && (size_t)n < sizeof row->name);
    row->value = value;
    row->decimals = decimals;
}

void report_times(struct report *r, const char *name, const struct histogram *h)
{
    static const struct {
        const char *name;
        double share;
    } at[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        report_add(r, (double)histogram_at(h, at[i].share) / 1e6, 3, "%s_%s_ms", name, at[i].name);
    report_add(r, (double)h->max_ns / 1e6, 3, "%s_max_ms", name);
}

void report_print(const struct report *r, bool json)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct report_row *row = &r->rows[i];
        if (json)
            printf("%s\"%s\":%.*f", i ? "," : "{", row->name, row->decimals, row->value);
        else
            printf("%-36s %14.*f\n", row->name, row->decimals, row->value);
    }
    if (json)
        puts(r->count ? "}" : "{}");
    fflush(stdout);
}

uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
