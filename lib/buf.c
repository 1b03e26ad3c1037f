/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/buf.h"

#include "lib/ensure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST = 256 };

void buf_init(struct buf *b, size_t max)
{
    ENSURE(max < SIZE_MAX / 2); /* so that doubling ends */
    *b = (struct buf){.max = max};
}

void buf_fini(struct buf *b)
{
    free(b->p);
    *b = (struct buf){0};
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->overflowed = false;
}

void buf_cut(struct buf *b, size_t n)
{
    ENSURE(n <= b->n);
    b->n = n;
    b->overflowed = false;
}

/* Room for n more bytes and the NUL that vsnprintf puts behind them, or the overflow raised. */
static bool room(struct buf *b, size_t n)
{
    bool callers = b->cap == b->max && b->max > 0; /* ours is never so: see below */
    if (b->overflowed || n > b->max - b->n || (callers && n == b->max - b->n)) {
        b->overflowed = true;
        return false;
    }
    if (b->n + n < b->cap)
        return true;
    size_t cap = b->cap ? b->cap : BUF_FIRST;
    while (cap <= b->n + n)
        cap *= 2;
    if (cap >= b->max)
        cap = b->max + 1;
    b->p = realloc(b->p, cap);
    ENSURE(b->p != NULL);
    b->cap = cap;
    return true;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (n > 0 && room(b, n)) {
        memcpy(b->p + b->n, p, n);
        b->n += n;
    }
}

void buf_byte(struct buf *b, uint8_t byte)
{
    buf_add(b, &byte, 1);
}

void buf_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_bytes(struct buf *b, struct bytes bytes)
{
    buf_add(b, bytes.p, bytes.n);
}

void buf_u64(struct buf *b, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    buf_add(b, digits + at, sizeof digits - at);
}

void buf_format(struct buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    ENSURE(n >= 0);
    if (room(b, (size_t)n)) {
        vsnprintf(b->p + b->n, (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    va_end(again);
    va_end(args);
}
