/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h -- the two clocks, and time as text.
 *
 * clock_ms() is monotonic: for timers and deadlines. clock_wall_ms() is milliseconds since 1970:
 * for what people see and for expiry. Read each once a turn and pass it on as data. */
#pragma once

#include "lib/buf.h"

/* The last millisecond of the year 9999, beyond which RFC 3339 has no digits. */
#define CLOCK_WALL_MAX UINT64_C(253402300799999)

uint64_t clock_ms(void);
uint64_t clock_wall_ms(void);

/* Write `wall_ms` as RFC 3339, UTC, milliseconds: 2026-11-23T14:45:00.123Z (24 bytes).
 * A time after CLOCK_WALL_MAX is written as that. */
void clock_write(struct buf *out, uint64_t wall_ms);

/* Read RFC 3339 (any offset, 0 to 9 decimals); false when it is not that, or not from 1970 to
 * CLOCK_WALL_MAX. */
bool clock_read(struct bytes text, uint64_t *wall_ms);
