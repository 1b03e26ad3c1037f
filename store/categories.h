/* SPDX-License-Identifier: Apache-2.0 */
/* categories.h -- the categories of an inbox: a number for each name, its counts, its own mark.
 *
 * A category is there while an item has it; its number is free again afterwards.
 * Limits  CATEGORIES_MAX of an inbox at one time. */
#pragma once

#include "store/topics.h"

struct category_row {
    uint64_t items;
    uint64_t read_upto; /* the highest mark of this category alone; 0: none */
    struct counts counts;
};

struct category {
    struct category *next;
    uint64_t no; /* 1 to CATEGORIES_MAX */
    struct category_row row;
    bool dirty;
    bool untold; /* its counts changed since the last entry */
    struct bytes name;
};

/* Those of an inbox, into `room`. Names are borrowed as a row is. OK or WORLD. */
enum err categories_load(struct txn *t, struct topic *in, struct category room[CATEGORIES_MAX]);

/* The same for a commit, whose arena has them. */
enum err categories_open(struct work *w, struct topic *in);

/* NULL: there is none. */
struct category *category_of(const struct topic *in, uint64_t no);
struct category *category_named(const struct topic *in, struct bytes name);

/* The one of this name, made if need be; NULL: there are too many. It is there for as long as an item
 * has it. */
struct category *category_make(struct work *w, struct topic *in, struct bytes name);

/* Is there room for one of this name? */
bool category_fits(const struct topic *in, struct bytes name);

/* Append a tally of each whose counts changed since the last time. Gives how many. */
uint32_t categories_tell(struct topic *in, struct buf *list);

/* Write the rows that changed. */
void categories_flush(struct work *w, struct topic *in);
