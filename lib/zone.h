/* SPDX-License-Identifier: Apache-2.0 */
/* zone.h -- time zones: how far a place's clocks are from UTC at a moment.
 *
 * Shape   zone_read() takes the bytes of a file of the time zone database; zone_load() finds the file by
 *         name. The C library's own functions know one zone at a time, the process's.
 * Limits  names of up to ZONE_MAX bytes of letters, digits, / _ + - ; files of 64 KiB.
 * Owner   zone_free() what zone_read() made.
 * Source  RFC 9636 (TZif, version 2 and later; its footer is a POSIX TZ string). */
#pragma once

#include "lib/buf.h"

enum { ZONE_MAX = 64 };

struct zone;

/* NULL: it is not such a file, or one of version 1. */
struct zone *zone_read(struct bytes file);

/* From the system's database; "UTC" is always there. NULL: no such zone. */
struct zone *zone_load(struct bytes name);
void zone_free(struct zone **slot);

/* Seconds to add to UTC for the clocks there. */
int32_t zone_offset_s(const struct zone *z, int64_t utc_s);

/* A POSIX TZ string, as in the footer: CET-1CEST,M3.5.0,M10.5.0/3. False: it is none. */
bool zone_rule_offset_s(struct bytes rule, int64_t utc_s, int32_t *offset_s);
