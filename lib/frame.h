/* SPDX-License-Identifier: Apache-2.0 */
/* frame.h -- bytes that are written once and shared.
 *
 * Shape   a count of owners and n bytes behind it, in one allocation.
 * Owner   whoever holds a reference; the last frame_unref() frees. The count is atomic, because
 *         libzmq may drop its reference in another thread.
 * Errors  no memory ends the process. */
#pragma once

#include "lib/buf.h"

struct frame {
    _Atomic uint32_t owners;
    uint32_t n;
    uint64_t mark; /* a number of its maker's, set before it is shared; 0 at first */
    char p[];
};

/* One owner; the bytes are the caller's to write before it is shared. */
struct frame *frame_new(size_t n);
struct frame *frame_copy(struct bytes bytes);
struct frame *frame_ref(struct frame *f);

/* Clears *slot; NULL is fine. */
void frame_unref(struct frame **slot);
