/* SPDX-License-Identifier: Apache-2.0 */
/* actions.h -- from the JSON that a client or a back end sent to the request that the store gets.
 *
 * Everything is refused here or nowhere: what passes is within every limit of proto/messages.h.
 * Pure. What is read borrows from the JSON text and the arena. */
#pragma once

#include "session/actions/fields.h"

/* What a client has: numbers of a join or a reconnect; other members are the page's own. Without a
 * `since` (or with a 0 of no epoch) it is VIEW_NOTHING. */
struct resume {
    uint64_t since, epoch;
    uint64_t
        have; /* notifications that it shows: a snapshot is not to have fewer, up to PAGE_MAX */
};
bool action_resume(struct bytes json, struct resume *r, struct problem *why);

/* The back end's notification, for a stored or a pushed type: m->create; `users` is the list's
 * memory. */
bool action_create(struct msg *m, struct bytes json, struct bytes key, uint64_t wall_ms,
                   struct buf *users, struct buf *content, struct arena *scratch,
                   struct problem *why);

#define CHANGE_MEMBERS "title, body, data, category, expires_at, expires_in"
#define UPDATE_MEMBERS "user, " CHANGE_MEMBERS

/* Other members of the notification that there is: m->update, without user, id and op_id. */
bool action_update(struct msg *m, struct bytes json, const struct msg_item *old, uint64_t wall_ms,
                   struct buf *content, struct arena *scratch, struct problem *why);

/* Other members of all that was published: m->revise, without id and key. */
bool action_revise(struct msg *m, struct bytes json, uint64_t wall_ms, struct buf *content,
                   struct arena *scratch, struct problem *why);

/* The member `user` of an object, which a service may name; empty when absent. */
bool action_user(struct bytes json, struct bytes *user, struct arena *scratch, struct problem *why);
