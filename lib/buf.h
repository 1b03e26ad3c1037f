/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h -- bytes: a borrowed run of them, and a growing buffer with a most.
 *
 * Shape   struct bytes borrows; struct buf owns `cap` bytes, `n` of them written.
 * Limits  a buffer never grows beyond `max`: what does not fit is dropped whole and `overflowed`
 *         is raised, so that a chain of writes has one check at its end.
 *         One over memory of the caller's, {.p = room, .cap = sizeof room, .max = sizeof room}, holds a
 *         byte less than that, and never grows; it wants no buf_fini().
 * Errors  no memory ends the process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const char *p; /* NULL only when n is 0 */
    size_t n;
};

#define BYTES(literal) ((struct bytes){(literal), sizeof(literal) - 1})

static inline struct bytes bytes_of(const char *text)
{
    return (struct bytes){text, strlen(text)};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool bytes_is(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of(text));
}

struct buf {
    char *p;
    size_t n, cap, max;
    bool overflowed;
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);

/* Forget what was written, and the overflow; keep the memory. */
void buf_reset(struct buf *b);

/* Drop all that was written after the first `n` bytes, and the overflow. */
void buf_cut(struct buf *b, size_t n);

void buf_add(struct buf *b, const void *p, size_t n);
void buf_byte(struct buf *b, uint8_t byte);
void buf_text(struct buf *b, const char *text);
void buf_bytes(struct buf *b, struct bytes bytes);
void buf_u64(struct buf *b, uint64_t number); /* in decimal */
void buf_format(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* All of it, borrowed until the next change. */
static inline struct bytes buf_all(const struct buf *b)
{
    return (struct bytes){b->p, b->n};
}
