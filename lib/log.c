/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void log_line(const char *format, ...)
{
    char line[1001];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    if (n < 0)
        return;
    size_t len = (size_t)n < sizeof line - 2 ? (size_t)n : sizeof line - 2;
    line[len++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, len); /* a full log is no reason to stop */
    (void)ignored;
}

const char *log_safe(struct bytes bytes)
{
    static _Thread_local char ring[4][64];
    static _Thread_local unsigned turn;
    char *out = ring[turn++ % 4];
    size_t n = bytes.n < sizeof ring[0] - 1 ? bytes.n : sizeof ring[0] - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = bytes.p[i] > ' ' && bytes.p[i] < 0x7f ? bytes.p[i] : '?';
    out[n] = '\0';
    return out;
}
