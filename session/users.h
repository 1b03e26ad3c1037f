/* SPDX-License-Identifier: Apache-2.0 */
/* users.h -- who is connected to this process, and by which connections.
 *
 * Size    about 60 bytes a user, the name besides, however many connections share it.
 * Owner   a user exists while it has a connection, or one that is about to be; the connections are linked
 *         through conn.h. */
#pragma once

#include "lib/map.h"
#include "session/session.h"

struct conn;

struct user {
    struct conn *first; /* its connections, through conn->user_next */
    uint32_t connections;
    uint32_t coming;                /* let in, and not here yet */
    uint64_t messages_us, bytes_us; /* bucket.h: what they may send together */
    uint64_t since_wall_ms;         /* of the first of them; 0: there is none */
    bool forget;                    /* it is erased: the store is not told of its end */
    uint8_t name_n;
    char name[]; /* with a NUL; empty: a socket without a token */
};

static inline struct bytes user_name(const struct user *u)
{
    return (struct bytes){u->name, u->name_n};
}

void users_init(struct map *users, uint64_t seed);
void users_fini(struct map *users);

/* A connection of this user is let in: it is counted until user_came(). */
struct user *user_coming(struct session *s, struct bytes name);
void user_came(struct session *s, struct user **slot); /* or did not; NULL is fine */

/* The connection is this user's from here on: sets c->user. */
void user_enter(struct session *s, struct conn *c, struct bytes name);

/* It is no more. When it was the last one here, the store is told when. */
void user_leave(struct session *s, struct conn *c);

/* Close all that it has open in this process, or only this topic of it (empty: all). `forget`: it is
 * erased. */
void user_disconnect(struct session *s, struct bytes name, struct bytes topic, bool forget);
