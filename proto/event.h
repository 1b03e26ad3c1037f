/* SPDX-License-Identifier: Apache-2.0 */
/* event.h -- what a client is told of a committed action.
 *
 * One place makes the event of an entry: for the live broadcast (notifier) and for what a reader of
 * the log missed (session), so that both are the same bytes.
 *
 * Every event of a stored change carries seq, prev and unread_count; the count is absolute. */
#pragma once

#include "proto/messages.h"

/* Append the payload, a JSON object; gives the event's name (static, or the entry's own).
 * A published message is its payload with seq, prev, at and from behind it: EVENT_RESERVED. */
#define EVENT_RESERVED "seq, prev, at, from"
struct bytes event_write(struct buf *payload, const struct msg_entry *entry);

/* Is there an event for it? Of what was imported there is none: a snapshot tells of it. */
static inline bool entry_told(const struct msg_entry *e)
{
    return e->kind != ENTRY_imported;
}

/* Append a notification as the client sees it: {"id":..,"pos":..,...,"type":..,"title":..}. */
void item_write(struct buf *out, const struct msg_item *item);

/* The item that a created entry brought, as it was then: unread. */
struct msg_item item_of(const struct msg_entry *created);

/* The item that a resurfaced or updated entry brought, as it was then; false: there is none. */
bool entry_item(const struct msg_entry *e, struct msg_item *item);

/* The pos of the item that it shows; 0: it shows none. */
static inline uint64_t entry_shows(const struct msg_entry *e)
{
    bool shows = e->kind == ENTRY_created || e->kind == ENTRY_resurfaced ||
                 e->kind == ENTRY_updated;
    return shows ? e->pos : 0;
}

/* Append a member: "name":{"unread":..,"unseen":..}. */
void tally_write(struct buf *out, const struct msg_tally *t);

/* Append a JSON array of ids; `ids` are 16 bytes each. */
void ids_write(struct buf *out, struct bytes ids);

/* Append a wall clock as a JSON string, or null for 0. */
void time_write(struct buf *out, uint64_t wall_ms);
