/* SPDX-License-Identifier: Apache-2.0 */
/* presence_ring.h -- a list whose links lie in the things themselves: to the end and off in one step.
 *
 * A ring is a link that things hang on; a thing on none points to itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct ring {
    struct ring *next, *prev;
};

#define RING_OF(type, member, link) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void ring_init(struct ring *r)
{
    r->next = r->prev = r;
}

static inline bool ring_empty(const struct ring *r)
{
    return r->next == r;
}

static inline void ring_off(struct ring *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    ring_init(link);
}

/* To the end of `r`, wherever it was before. */
static inline void ring_add(struct ring *r, struct ring *link)
{
    ring_off(link);
    link->prev = r->prev;
    link->next = r;
    r->prev->next = link;
    r->prev = link;
}

/* All of `from` to the end of `r`, in their order. */
static inline void ring_move(struct ring *r, struct ring *from)
{
    while (!ring_empty(from))
        ring_add(r, from->next);
}
