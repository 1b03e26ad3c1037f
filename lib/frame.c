/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/frame.h"

#include "lib/ensure.h"

#include <stdatomic.h>
#include <stdlib.h>

struct frame *frame_new(size_t n)
{
    ENSURE(n <= UINT32_MAX);
    struct frame *f = malloc(sizeof *f + n);
    ENSURE(f != NULL);
    atomic_init(&f->owners, 1);
    f->n = (uint32_t)n;
    f->mark = 0;
    return f;
}

struct frame *frame_copy(struct bytes bytes)
{
    struct frame *f = frame_new(bytes.n);
    if (bytes.n > 0)
        memcpy(f->p, bytes.p, bytes.n);
    return f;
}

struct frame *frame_ref(struct frame *f)
{
    uint32_t before = atomic_fetch_add_explicit(&f->owners, 1, memory_order_relaxed);
    ENSURE(before > 0);
    return f;
}

void frame_unref(struct frame **slot)
{
    struct frame *f = *slot;
    *slot = NULL;
    if (!f)
        return;
    uint32_t before = atomic_fetch_sub_explicit(&f->owners, 1, memory_order_acq_rel);
    ENSURE(before > 0);
    if (before == 1)
        free(f);
}
