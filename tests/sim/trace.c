/* SPDX-License-Identifier: Apache-2.0 */
/* trace.c -- a run told as a story, a line an event. */
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>

bool telling;

void tell(const char *who, const char *format, ...)
{
    va_list args;
    if (!telling)
        return;
    printf("# %10.3f  %-10s ", (double)sim.now_us / (double)SECOND, who);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}
