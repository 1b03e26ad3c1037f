/* SPDX-License-Identifier: Apache-2.0 */
#include "session/limits.h"

#include "lib/ensure.h"

#include <microhttpd.h>
#include <stdlib.h>

#define AS_ROW(name, setting, what, text, code, counter)                                           \
    {#name, setting, what, text, code, COUNT_##counter},
const struct limit_row limit_rows[LIMIT_COUNT] = {LIMITS(AS_ROW)};

void limit_refuse(struct session *s, struct request *r, enum limit which)
{
    const struct limit_row *row = &limit_rows[which];
    unsigned status = (unsigned)strtoul(row->code, NULL, 10);
    ENSURE(status == 413 || status == 429 || status == 503);
    count_one(s, row->counter);
    http_limit(s, r, status, row->name, row->text);
}
