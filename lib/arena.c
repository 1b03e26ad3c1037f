/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/arena.h"

#include "lib/ensure.h"

#include <stdlib.h>

void arena_init(struct arena *a, size_t cap)
{
    *a = (struct arena){.p = malloc(cap), .cap = cap};
    ENSURE(a->p != NULL);
}

void arena_fini(struct arena *a)
{
    free(a->p);
    *a = (struct arena){0};
}

void arena_reset(struct arena *a)
{
    a->n = 0;
    a->overflowed = false;
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t at = (a->n + 15) & ~(size_t)15;
    if (a->overflowed || at > a->cap || n > a->cap - at) {
        a->overflowed = true;
        return NULL;
    }
    a->n = at + n;
    return a->p + at;
}

char *arena_text(struct arena *a, struct bytes bytes)
{
    char *text = arena_alloc(a, bytes.n + 1);
    if (text) {
        if (bytes.n > 0)
            memcpy(text, bytes.p, bytes.n);
        text[bytes.n] = '\0';
    }
    return text;
}
