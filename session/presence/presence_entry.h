/* SPDX-License-Identifier: Apache-2.0 */
/* presence_entry.h -- one connection on one topic, as everyone who is there sees it.
 *
 * On the wire an entry is a meta: the JSON object that the client gave, and in front of it `phx_ref`,
 * which no other entry ever has, and `phx_ref_prev` when it took the place of another one. An entry
 * never changes: an update is a new one. */
#pragma once

#include "proto/messages.h"

struct presence_entry {
    uint32_t at;     /* place among the room's fresh ones */
    uint16_t meta_n; /* of the text: ref, prev, user, meta */
    uint8_t ref_n, prev_n, user_n;
    uint8_t owner; /* index of the process that it is connected to */
    bool fresh;    /* nobody was told yet */
    bool kept;     /* is in the state that its owner just told */
    char text[];
};

struct presence_entry *entry_new(const struct msg_presence_entry *e, unsigned owner);
struct bytes entry_ref(const struct presence_entry *e);
struct msg entry_msg(const struct presence_entry *e); /* borrows */
size_t entry_size(const struct presence_entry *e);    /* of its message, about */

/* Borrowed pointers that grow. */
struct entry_list {
    struct presence_entry **p;
    uint32_t n, cap;
};
void entries_add(struct entry_list *l, struct presence_entry *e);
void entries_fini(struct entry_list *l); /* the list, not the entries */

/* By user, then by ref: what belongs together on the wire stands together. */
void entries_sort(struct entry_list *l);

/* {"user":{"metas":[..]},..} of a sorted list. */
void entries_write(struct buf *out, const struct entry_list *l);
