/* SPDX-License-Identifier: Apache-2.0 */
/* draft.h -- a notification as somebody sent it: its members, and the content that becomes of them. Pure.
 * What is read borrows from the JSON text and the arena. */
#pragma once

#include "session/actions/fields.h"

#define DRAFT_MEMBERS                                                                              \
    "to, type, title, body, data, category, expires_at, expires_in, deliver_at, collapse_key, "    \
    "dedupe_key"

/* The members of a notification, as they came. */
struct draft {
    struct bytes to, type, title, body, data, category, expires_at, expires_in, deliver_at,
        collapse, dedupe;
};

/* Of an object; a member that no notification has is refused. */
bool draft_read(struct draft *d, struct bytes json, struct problem *why);

/* enum notification_type; activity for an empty one. */
bool draft_type(struct bytes type, uint64_t *out, struct arena *scratch, struct problem *why);

/* Each part is in bounds; written again compact, in our order, title and body as text. */
bool draft_write(struct buf *out, const struct draft *d, uint64_t type, struct bytes category,
                 struct arena *scratch, struct problem *why);

/* The same of the members alone that are there: proto/content.h merges them. `category` empty: null. */
bool draft_write_changes(struct buf *out, const struct draft *d, struct bytes category,
                         struct arena *scratch, struct problem *why);
