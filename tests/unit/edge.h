/* SPDX-License-Identifier: Apache-2.0 */
/* edge.h -- what the unit tests share: inputs that end at an unreadable page, dice that a seed
 * repeats, and hex.
 *
 * A parser that reads one byte beyond its input dies here, with or without a sanitizer. */
#pragma once

#include "lib/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

struct edge {
    char *start; /* of the mapping */
    size_t size; /* readable; the unreadable page is behind it */
};

static inline struct edge edge_new(size_t most)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (most + page - 1) / page * page + (most == 0 ? page : 0);
    char *start = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                       0);
    assert_true(start != MAP_FAILED);
    assert_int_equal(mprotect(start + size, page, PROT_NONE), 0);
    return (struct edge){start, size};
}

static inline void edge_free(struct edge *e)
{
    munmap(e->start, e->size + (size_t)sysconf(_SC_PAGESIZE));
    *e = (struct edge){0};
}

/* A copy of `bytes` whose end is the end of what can be read; good until the next one. */
static inline struct bytes edge_put(const struct edge *e, struct bytes bytes)
{
    assert_true(bytes.n <= e->size);
    char *at = e->start + e->size - bytes.n;
    if (bytes.n > 0)
        memmove(at, bytes.p, bytes.n);
    return (struct bytes){at, bytes.n};
}

/* splitmix64. */
static inline uint64_t dice(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline size_t dice_below(uint64_t *state, size_t n)
{
    return (size_t)(dice(state) % n);
}

/* SEED of the environment repeats a run; otherwise always the same one. */
static inline uint64_t dice_seed(void)
{
    const char *seed = getenv("SEED");
    return seed ? strtoull(seed, NULL, 10) : 1;
}

/* Bytes as hex, and the other way; white space in hex is for the reader only. */
static inline void hex_write(struct buf *out, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        buf_format(out, "%02x", (uint8_t)bytes.p[i]);
}

static inline void hex_read(struct buf *out, const char *hex)
{
    for (; *hex; hex++) {
        if (*hex == ' ' || *hex == '\n')
            continue;
        char two[] = {hex[0], hex[1], '\0'};
        buf_byte(out, (uint8_t)strtoul(two, NULL, 16));
        hex++;
    }
}

/* Says both when they differ. */
static inline void assert_bytes(const char *name, struct bytes got, struct bytes want)
{
    if (!bytes_equal(got, want))
        fail_msg("%s: got (%zu) \"%.*s\", want (%zu) \"%.*s\"", name, got.n, (int)got.n,
                 got.p ? got.p : "", want.n, (int)want.n, want.p ? want.p : "");
}

/* For tables: the row's name in the failure. */
#define CHECK(name, what)                                                                          \
    do {                                                                                           \
        if (!(what))                                                                               \
            fail_msg("%s: %s", name, #what);                                                       \
    } while (0)
