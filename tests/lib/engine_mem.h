/* SPDX-License-Identifier: Apache-2.0 */
/* engine_mem.h -- the tables in memory, for tests and the simulator: never linked into a program.
 * A test includes engine_mem.c, so that no rule of the Makefile needs to know it.
 *
 * Shape   rows in sorted arrays; what a transaction changes is remembered, and undone when it does
 *         not commit. Reading while something is being written is refused: it would see it.
 * Faults  engine_mem_crash(): as after kill -9: what was not committed is gone. The others by
 *         setting the members of struct mem_faults. */
#pragma once

#include "store/engine.h"

struct mem_faults {
    uint64_t free_bytes;  /* of the disk: engine_room() says NO_SPACE below */
    uint64_t map_bytes;   /* set aside for keys and values: FULL beyond, doubled by growing */
    enum err next_commit; /* what the next commit answers, instead of committing; then OK again */
    bool done_anyway;     /* and that it was done nevertheless */
    uint64_t used_bytes;  /* of the map, so far */
    uint64_t commits;     /* so far */
};

struct engine *engine_mem_new(void);
struct mem_faults *engine_mem_faults(struct engine *e);
void engine_mem_crash(struct engine *e);
