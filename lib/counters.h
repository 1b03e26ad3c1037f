/* SPDX-License-Identifier: Apache-2.0 */
/* counters.h -- numbers that anyone may read, also after a crash.
 *
 * Shape   a small file, mapped and shared: a head, then rows of {name, kind, help, value}. It
 *         describes itself, so a reader needs no list of ours.
 * Rules   one writer, plain stores of aligned 64-bit numbers, no locks.
 * Errors  opening fails when the file cannot be made: errno says why. */
#pragma once

#include "lib/buf.h"

enum counter_kind { COUNTER_total, COUNTER_gauge };

struct counter {
    char name[40];
    char help[80];
    uint64_t kind; /* enum counter_kind */
    uint64_t value;
};

struct counters_head {
    uint64_t magic;
    uint64_t pid;
    uint64_t started_wall_ms;
    uint64_t count;
    char role[24];         /* session.0, store, ... */
    uint64_t beat_wall_ms; /* the writer was alive then */
};

struct counters {
    struct counters_head *head;
    struct counter *rows;
};

/* List a process's counters as X(name, total|gauge, "help"), then:
 *     static const struct counter list[] = {MY_COUNTERS(COUNTER_ROW)};
 *     enum { MY_COUNTERS(COUNTER_INDEX) };                                */
#define COUNTER_ROW(id, type, text) {#id, text, COUNTER_##type, 0},
#define COUNTER_INDEX(id, type, text) COUNT_##id,

/* Make `path` anew: beside, then renamed, so that a reader never sees half of it. On a full disk the
 * file that is there is used again, so that a process that died can come back. */
bool counters_open(struct counters *c, const char *path, const char *role,
                   const struct counter *list, size_t count);

/* Map an existing file read-only; false when it is not one of ours. */
bool counters_read(struct counters *c, const char *path);
void counters_close(struct counters *c);
