/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h -- the two clocks, and time as text.
 *
 * clock_ms() is monotonic: for timers and deadlines. clock_wall_ms() is milliseconds since 1970:
 * for what people see and for expiry. Read each once a turn and pass it on as data. */
#pragma once

#include "lib/buf.h"

uint64_t clock_ms(void);
uint64_t clock_wall_ms(void);

/* Write `wall_ms` as RFC 3339, UTC, milliseconds: 2026-11-23T14:45:00.123Z (24 bytes). */
void clock_write(struct buf *out, uint64_t wall_ms);

/* Read RFC 3339 (any offset, 0 to 9 decimals); false when it is not that or before 1970. */
bool clock_read(struct bytes text, uint64_t *wall_ms);
