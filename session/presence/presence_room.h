/* SPDX-License-Identifier: Apache-2.0 */
/* presence_room.h -- one topic with presence in this process: who is there, who looks on, and what
 * they have not been told yet. Data only: nothing is decided or sent here. Pure.
 *
 * Shape   entries by their ref, ours and, while somebody here looks on, those of the other owners. What
 *         came and went since the last telling is `fresh` and `left`: who came and went between two
 *         tellings is in neither.
 * Owner   entries, watchers and rooms are made and freed here. */
#pragma once

#include "lib/map.h"
#include "session/presence/presence_entry.h"
#include "session/presence/presence_ring.h"

struct room;

/* Somebody of this process who joined the topic. */
struct watcher {
    struct room *room;
    void *member;                 /* the caller's */
    struct presence_entry *entry; /* NULL: not listed */
    uint32_t at;                  /* place among the room's watchers */
};

/* What we know of another owner's entries on a topic. */
struct part {
    struct ring ring; /* on its owner's `suspects` or `asked`, or on none */
    struct room *room;
    uint64_t seq;   /* the owner's step that our copy is true at */
    uint64_t heard; /* the highest step that we heard of */
    bool known;     /* there is a copy */
};

struct room {
    struct map entries;
    struct entry_list fresh, left;
    struct watcher **watchers; /* the first `told` have got the state and get what follows */
    uint32_t watchers_n, watchers_cap, told;
    struct part *parts;  /* by owner; NULL: nobody here looks on */
    struct ring due;     /* to be told: at once, or after a while */
    struct ring changed; /* since the last heads */
    uint64_t due_ms, flushed_ms, counted_ms, watched_ms;
    uint64_t seq; /* our own step of its last change; 0: we have had nothing there */
    size_t own_bytes;
    uint32_t own;     /* entries of this process */
    uint32_t max;     /* more entries than this: only their count is told */
    uint32_t counted; /* the last count that was told */
    bool counting;
    bool busy; /* being told: not freed meanwhile */
    uint8_t name_n;
    char name[];
};

struct room *room_new(struct bytes name, uint64_t seed);
void room_free(struct room *r);
struct bytes room_name(const void *room); /* as a map wants it */

struct presence_entry *room_find(const struct room *r, struct bytes ref);
void room_join(struct room *r, struct presence_entry *e, unsigned self);
void room_leave(struct room *r, struct presence_entry *e, unsigned self);

/* All entries of one owner leave, but those that are `kept`. */
void room_sweep(struct room *r, unsigned owner, unsigned self);
void room_unkeep(struct room *r, unsigned owner); /* none is kept */

/* Nobody here looks on: forget the other owners' entries. `parts` is off all rings. */
void room_blind(struct room *r, unsigned self);

/* Sort what is new; who left and is back under the same ref is neither. True: there is something. */
bool room_settle(struct room *r);
void room_told(struct room *r); /* nothing is new any more */

/* The entries as they were last told, sorted; the list is the caller's to end. */
struct entry_list room_state(const struct room *r);

struct watcher *room_watch(struct room *r, void *member);
void room_unwatch(struct watcher *w);
void room_tell(struct watcher *w);   /* it has got the state */
void room_untell(struct watcher *w); /* it needs the state */
