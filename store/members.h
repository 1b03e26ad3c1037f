/* SPDX-License-Identifier: Apache-2.0 */
/* members.h -- who belongs to a topic.
 *
 * A row a member, in the order of their names; how many there are stands in the topic's row. */
#pragma once

#include "store/topics.h"

struct member_row {
    uint64_t since; /* the log's head when they became one: messages above it concern them */
};

/* OK, FORBIDDEN when this user is none, INVALID when it is no user, or WORLD. */
enum err member_must_be(struct txn *t, struct bytes topic, struct bytes user);

/* From when on. OK, NOT_FOUND or WORLD. */
enum err member_since(struct txn *t, struct bytes topic, struct bytes user, uint64_t *since);

/* `users` are str, each a valid one. OK or WORLD, and then nothing is done. */
enum err members_change(struct work *w, struct topic *t, bool add, struct mp_list users,
                        uint64_t *changed);

/* Some topics that this user is a member of, copied: how many. */
enum { ERASED_MEMBERS = 64 };
struct erased_members {
    char topic[ERASED_MEMBERS][TOPIC_MAX];
    size_t n[ERASED_MEMBERS];
};
unsigned members_of_user(struct txn *t, struct bytes user, struct erased_members *m);

/* Does the other side of the membership stand? */
bool member_joined(struct txn *t, struct bytes user, struct bytes topic);

/* Not a member any more, and never was. */
void member_forget(struct work *w, struct bytes topic, struct bytes user);

/* A walk over the topics of a user, behind `after` or from the first where that is empty. */
struct joined_walk {
    struct walk walk;
    char from[USER_MAX + 1 + TOPIC_MAX];
    size_t user_n, after_n;
};
void joined_open(struct joined_walk *w, struct txn *t, struct bytes user, struct bytes after);
bool joined_next(struct joined_walk *w, struct bytes *topic);
void joined_close(struct joined_walk *w);

/* A walk over a topic's members, behind `after` or from the first where that is empty. */
struct members_walk {
    struct walk walk;
    char from[TOPIC_MAX + 1 + USER_MAX];
    size_t topic_n, after_n;
};
void members_open(struct members_walk *w, struct txn *t, struct bytes topic, struct bytes after);
/* False at the end, and on failure. `user` is borrowed as a key is; `value`: for member_read(). */
bool members_next(struct members_walk *w, struct bytes *user, struct bytes *value);
/* OK or WORLD: what members_next() gave. */
enum err member_read(const struct members_walk *w, struct bytes user, struct bytes value,
                     struct member_row *row);
void members_close(struct members_walk *w);
