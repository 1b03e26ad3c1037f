/* SPDX-License-Identifier: Apache-2.0 */
/* collapse.h -- what arrives more than once: under a collapse_key the newer takes the place of the older,
 * under a dedupe_key the first stays.
 *
 * A collapse_key has a row while its item is there. A dedupe_key is remembered as long as an idempotency key
 * is, whatever became of the item. */
#pragma once

#include "store/items.h"

/* 0 for an empty key. */
uint64_t collapse_hash(struct bytes key);

/* The item under this key; false: none, or its row is damaged, and then the new one is one of its own. */
bool collapse_find(struct work *w, const struct topic *in, struct bytes key, struct item *item);
void collapse_put(struct work *w, const struct topic *in, struct bytes key, uint64_t birth);

/* Its item goes. */
void collapse_let_go(struct work *w, const struct topic *in, const struct item *item);

/* This inbox had that key: `id` of what it was. */
bool dedupe_find(struct work *w, const struct topic *in, struct bytes key, uint8_t id[ID_SIZE]);
void dedupe_put(struct work *w, const struct topic *in, struct bytes key,
                const uint8_t id[ID_SIZE]);
