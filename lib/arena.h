/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h -- scratch memory for one turn of the loop.
 *
 * Shape   one block, handed out from its start; arena_reset() takes all of it back.
 * Limits  when it is used up arena_alloc() gives NULL and raises `overflowed`: one check a chain.
 * Owner   what is handed out dies with the turn. */
#pragma once

#include "lib/buf.h"

struct arena {
    char *p;
    size_t n, cap;
    bool overflowed;
};

void arena_init(struct arena *a, size_t cap);
void arena_fini(struct arena *a);
void arena_reset(struct arena *a);

/* 16-byte aligned, not cleared. */
void *arena_alloc(struct arena *a, size_t n);

/* A copy with a NUL behind it. */
char *arena_text(struct arena *a, struct bytes bytes);
