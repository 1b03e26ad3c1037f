/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.h -- what the fuzz targets share. A target takes any bytes; it ends the process when a promise
 * does not hold, and the sanitizers do when memory is misused. */
#pragma once

#include "lib/arena.h"
#include "lib/ensure.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Input that is used up from its front. */
struct input {
    const uint8_t *p;
    size_t n;
};

static inline uint8_t input_byte(struct input *in)
{
    if (in->n == 0)
        return 0;
    in->n--;
    return *in->p++;
}

static inline uint64_t input_u64(struct input *in, unsigned size)
{
    uint64_t number = 0;
    while (size-- > 0)
        number = number << 8 | input_byte(in);
    return number;
}

static inline struct bytes input_rest(const struct input *in)
{
    return (struct bytes){(const char *)in->p, in->n};
}

/* A scratch arena that is there from the first call on. */
static inline struct arena *fuzz_arena(size_t cap)
{
    static struct arena scratch;
    if (!scratch.p)
        arena_init(&scratch, cap);
    arena_reset(&scratch);
    return &scratch;
}
