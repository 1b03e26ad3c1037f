/* SPDX-License-Identifier: Apache-2.0 */
#include "session/users.h"

#include "lib/ensure.h"
#include "proto/topic.h"
#include "session/socket/conn.h"
#include "session/live/live.h"
#include "session/seen.h"

#include <stdlib.h>

static struct bytes name_of(const void *thing)
{
    return user_name(thing);
}

void users_init(struct map *users, uint64_t seed)
{
    map_init(users, name_of, seed);
}

void users_fini(struct map *users)
{
    ENSURE(users->used == 0);
    map_fini(users);
}

static struct user *user_at(struct session *s, struct bytes name)
{
    ENSURE(name.n <= USER_MAX);
    struct user *u = map_get(&s->users, name);
    if (u)
        return u;
    u = calloc(1, sizeof *u + name.n + 1);
    ENSURE(u != NULL);
    u->name_n = (uint8_t)name.n;
    if (name.n > 0)
        memcpy(u->name, name.p, name.n);
    map_put(&s->users, u);
    return u;
}

static void tidy(struct session *s, struct user *u)
{
    if (u->connections > 0 || u->coming > 0)
        return;
    map_remove(&s->users, u);
    free(u);
}

struct user *user_coming(struct session *s, struct bytes name)
{
    struct user *u = user_at(s, name);
    u->coming++;
    return u;
}

void user_came(struct session *s, struct user **slot)
{
    struct user *u = *slot;
    *slot = NULL;
    if (!u)
        return;
    ENSURE(u->coming > 0);
    u->coming--;
    tidy(s, u);
}

void user_enter(struct session *s, struct conn *c, struct bytes name)
{
    struct user *u = user_at(s, name);
    if (u->connections == 0)
        u->since_wall_ms = s->wall_ms;
    c->user = u;
    c->user_prev = NULL;
    c->user_next = u->first;
    if (u->first)
        u->first->user_prev = c;
    u->first = c;
    u->connections++;
}

void user_leave(struct session *s, struct conn *c)
{
    struct user *u = c->user;
    if (c->user_prev)
        c->user_prev->user_next = c->user_next;
    else
        u->first = c->user_next;
    if (c->user_next)
        c->user_next->user_prev = c->user_prev;
    c->user = NULL;
    c->user_next = c->user_prev = NULL;
    if (--u->connections > 0)
        return;
    if (u->name_n > 0 && s->store && !u->forget)
        seen_left(s, user_name(u));
    u->since_wall_ms = 0;
    u->forget = false;
    tidy(s, u);
}

void user_disconnect(struct session *s, struct bytes name, struct bytes topic, bool forget)
{
    struct user *u = map_get(&s->users, name);
    struct conn *next;
    struct member *m;
    if (u && u->connections > 0)
        u->forget = forget;
    if (forget)
        seen_forget(s, name);
    for (struct conn *c = u ? u->first : NULL; c; c = next) {
        next = c->user_next;
        if (topic.n == 0)
            conn_close(s, c, CLOSE_kicked);
        else if ((m = roster_find(live_roster(s), c, topic)))
            live_kick(s, m);
    }
}
