/* SPDX-License-Identifier: Apache-2.0 */
/* map.h -- from a name to a thing of the caller's.
 *
 * Shape   open addressing over pointers; the thing itself keeps its name, and `name_of` tells it,
 *         so that an entry costs a pointer and its hash (16 bytes, at most two thirds in use).
 * Limits  grows as it fills, up to what memory gives; the caller bounds what it puts in.
 * Owner   never owns or frees a thing. One thread.
 * Errors  no memory ends the process. */
#pragma once

#include "lib/buf.h"

struct map {
    struct map_slot *slots;
    size_t used, cap; /* cap is 0 or a power of two */
    uint64_t seed;
    struct bytes (*name_of)(const void *thing);
};

/* `seed` should be secret when clients choose the names. */
void map_init(struct map *m, struct bytes (*name_of)(const void *), uint64_t seed);
void map_fini(struct map *m);
void map_clear(struct map *m); /* of its things; it keeps its memory */

void *map_get(const struct map *m, struct bytes name); /* NULL when there is none */
void map_put(struct map *m, void *thing);              /* its name must not be there */
void map_remove(struct map *m, void *thing);           /* it must be there */

/* Walk: start with *at = 0; NULL at the end. Nothing may be put or removed meanwhile. */
void *map_next(const struct map *m, size_t *at);
