/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/common/histogram.h"

/* Below 64 a bucket is one value; above, the six bits behind the highest one choose it. */
static unsigned bucket_of(uint64_t ns)
{
    if (ns >= UINT64_C(1) << HISTOGRAM_BITS)
        return HISTOGRAM_BUCKETS - 1;
    if (ns < HISTOGRAM_FINE)
        return (unsigned)ns;
    unsigned shift = 57 - (unsigned)__builtin_clzll(ns);
    return shift * HISTOGRAM_FINE + (unsigned)(ns >> shift);
}

/* The highest value that its bucket takes. */
static uint64_t top_of(unsigned bucket)
{
    if (bucket < 2 * HISTOGRAM_FINE)
        return bucket;
    unsigned shift = bucket / HISTOGRAM_FINE - 1;
    uint64_t fine = bucket - shift * HISTOGRAM_FINE;
    return ((fine + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->buckets[bucket_of(ns)]++;
    h->count++;
    if (ns > h->max_ns)
        h->max_ns = ns;
}

void histogram_join(struct histogram *h, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        h->buckets[i] += from->buckets[i];
    h->count += from->count;
    if (from->max_ns > h->max_ns)
        h->max_ns = from->max_ns;
}

uint64_t histogram_at(const struct histogram *h, double share)
{
    if (h->count == 0)
        return 0;
    uint64_t want = (uint64_t)(share * (double)h->count + 0.5), seen = 0;
    if (want == 0)
        want = 1;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        seen += h->buckets[i];
        if (seen >= want)
            return top_of(i) < h->max_ns ? top_of(i) : h->max_ns;
    }
    return h->max_ns;
}
