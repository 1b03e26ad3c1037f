/* SPDX-License-Identifier: Apache-2.0 */
#include "session/socket/polllines.h"

#include "lib/base64.h"

static struct bytes take_line(struct poll_lines *l)
{
    const char *p = l->rest.p, *to = memchr(p, '\n', l->rest.n);
    size_t n = to ? (size_t)(to - p) : l->rest.n, used = n + (to != NULL);
    l->rest = (struct bytes){p + used, l->rest.n - used};
    if (n > 0 && p[n - 1] == '\r')
        n--;
    return (struct bytes){p, n};
}

bool poll_lines_next(struct poll_lines *l, struct bytes *message, bool *binary)
{
    struct bytes line = {0};
    while (line.n == 0 && l->rest.n > 0)
        line = take_line(l);
    if (line.n == 0)
        return false;
    *message = line;
    *binary = line.p[0] != '[' && line.p[0] != '{';
    l->bad = *binary && !base64_read(line, l->scratch, message);
    return !l->bad;
}
