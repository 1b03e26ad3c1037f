/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/map.h"

#include "lib/ensure.h"
#include "lib/hash.h"

#include <stdlib.h>

struct map_slot {
    void *thing; /* NULL: free */
    uint64_t hash;
};

void map_init(struct map *m, struct bytes (*name_of)(const void *), uint64_t seed)
{
    *m = (struct map){.seed = seed, .name_of = name_of};
}

void map_fini(struct map *m)
{
    free(m->slots);
    *m = (struct map){0};
}

void map_clear(struct map *m)
{
    if (m->used > 0)
        memset(m->slots, 0, m->cap * sizeof *m->slots);
    m->used = 0;
}

static void place(struct map_slot *slots, size_t cap, struct map_slot slot)
{
    size_t i = slot.hash & (cap - 1);
    while (slots[i].thing)
        i = (i + 1) & (cap - 1);
    slots[i] = slot;
}

static void grow(struct map *m)
{
    size_t cap = m->cap ? m->cap * 2 : 16;
    struct map_slot *slots = calloc(cap, sizeof *slots);
    ENSURE(slots != NULL);
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].thing)
            place(slots, cap, m->slots[i]);
    free(m->slots);
    m->slots = slots;
    m->cap = cap;
}

void *map_get(const struct map *m, struct bytes name)
{
    if (m->used == 0)
        return NULL;
    uint64_t hash = hash64(name, m->seed);
    for (size_t i = hash & (m->cap - 1); m->slots[i].thing; i = (i + 1) & (m->cap - 1))
        if (m->slots[i].hash == hash && bytes_equal(m->name_of(m->slots[i].thing), name))
            return m->slots[i].thing;
    return NULL;
}

void map_put(struct map *m, void *thing)
{
    ENSURE(thing != NULL);
    if ((m->used + 1) * 3 > m->cap * 2)
        grow(m);
    place(m->slots, m->cap, (struct map_slot){thing, hash64(m->name_of(thing), m->seed)});
    m->used++;
}

void map_remove(struct map *m, void *thing)
{
    ENSURE(m->used > 0);
    size_t mask = m->cap - 1;
    size_t i = hash64(m->name_of(thing), m->seed) & mask;
    while (m->slots[i].thing != thing) {
        ENSURE(m->slots[i].thing != NULL);
        i = (i + 1) & mask;
    }
    /* Close the hole: whoever stands behind it and started at or before it moves up. */
    for (size_t j = (i + 1) & mask; m->slots[j].thing; j = (j + 1) & mask) {
        size_t home = m->slots[j].hash & mask;
        if (((j - home) & mask) >= ((j - i) & mask)) {
            m->slots[i] = m->slots[j];
            i = j;
        }
    }
    m->slots[i].thing = NULL;
    m->used--;
}

void *map_next(const struct map *m, size_t *at)
{
    while (*at < m->cap) {
        void *thing = m->slots[(*at)++].thing;
        if (thing)
            return thing;
    }
    return NULL;
}
