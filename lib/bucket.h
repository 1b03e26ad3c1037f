/* SPDX-License-Identifier: Apache-2.0 */
/* bucket.h -- a token bucket in one number: the time at which it would be full again.
 *
 * `rate` a second flow in, twice as many fit; 0 is no limit. Source: ITU-T I.371, GCRA. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { BUCKET_BURST_US = 2000000 };

/* Take `n` out; false: they are not there, and nothing is taken. */
static inline bool bucket_take(uint64_t *full_us, uint64_t n, uint64_t rate, uint64_t now_ms)
{
    uint64_t now_us = now_ms * 1000, from_us = *full_us > now_us ? *full_us : now_us;
    if (rate == 0)
        return true;
    uint64_t to_us = from_us + n * 1000000 / rate;
    if (to_us > now_us + BUCKET_BURST_US)
        return false;
    *full_us = to_us;
    return true;
}
