/* SPDX-License-Identifier: Apache-2.0 */
#include "store/members.h"

#include "lib/ensure.h"
#include "proto/topic.h"
#include "store/inbox.h"
#include "store/record.h"

enum { MEMBER_KEY_MAX = TOPIC_MAX + 1 + USER_MAX };
_Static_assert((int)MEMBER_KEY_MAX <= (int)KEY_BYTES_MAX, "a member's key fits");

/* No topic holds a NUL, so that it ends there. */
static struct bytes key_of(char out[MEMBER_KEY_MAX], struct bytes topic, struct bytes user)
{
    ENSURE(topic.n > 0 && topic.n <= TOPIC_MAX);
    ENSURE(user.n <= USER_MAX);
    memcpy(out, topic.p, topic.n);
    out[topic.n] = '\0';
    if (user.n > 0)
        memcpy(out + topic.n + 1, user.p, user.n);
    return (struct bytes){out, topic.n + 1 + user.n};
}

/* The other side: neither does a user's id hold one. */
static struct bytes joined_key(char out[MEMBER_KEY_MAX], struct bytes user, struct bytes topic)
{
    memcpy(out, user.p, user.n);
    out[user.n] = '\0';
    if (topic.n > 0)
        memcpy(out + user.n + 1, topic.p, topic.n);
    return (struct bytes){out, user.n + 1 + topic.n};
}

static enum err load(struct txn *t, struct bytes key, struct member_row *row)
{
    return record_get(t, TABLE_members, key, row, FIELDS_OF(*row), NULL);
}

enum err member_since(struct txn *t, struct bytes topic, struct bytes user, uint64_t *since)
{
    char key[MEMBER_KEY_MAX];
    struct member_row row;
    enum err e = load(t, key_of(key, topic, user), &row);
    if (!e)
        *since = row.since;
    return e;
}

enum err member_must_be(struct txn *t, struct bytes topic, struct bytes user)
{
    char key[MEMBER_KEY_MAX];
    struct member_row row;
    if (!user_valid(user))
        return ERR_INVALID;
    enum err e = load(t, key_of(key, topic, user), &row);
    return e == ERR_NOT_FOUND ? ERR_FORBIDDEN : e;
}

/* One member more or less; false: no change. */
static bool change(struct work *w, struct topic *t, bool add, struct bytes user)
{
    char room[MEMBER_KEY_MAX], other[MEMBER_KEY_MAX];
    struct bytes key = key_of(room, t->name, user), joined = joined_key(other, user, t->name);
    struct member_row row;
    bool there = load(w->txn, key, &row) != ERR_NOT_FOUND;
    if (there == add)
        return false;
    if (add) {
        row.since = w->state.head;
        record_put(w->txn, TABLE_members, key, &row, FIELDS_OF(row), (struct bytes){0});
        record_put(w->txn, TABLE_joined, joined, NULL, 0, (struct bytes){0});
        t->row.members++;
    } else {
        txn_del(w->txn, TABLE_members, key);
        txn_del(w->txn, TABLE_joined, joined);
        t->row.members -= t->row.members > 0;
    }
    t->dirty = true;
    return true;
}

/* What was for the members until now is theirs, though they have not looked yet. */
static enum err merge_first(struct work *w, struct mp_list users)
{
    struct mp_in in = list_in(users);
    enum err e = ERR_OK;
    for (uint32_t i = 0; !e && i < users.count; i++) {
        char name[TOPIC_MAX + 1];
        struct topic *inbox;
        struct bytes user = mp_str(&in);
        e = inbox_open(w, (struct bytes){name, topic_of_user(user, name)}, &inbox);
    }
    return e;
}

enum err members_change(struct work *w, struct topic *t, bool add, struct mp_list users,
                        uint64_t *changed)
{
    struct mp_in in = list_in(users);
    enum err e = !add && w->state.broadcast > 0 ? merge_first(w, users) : ERR_OK;
    *changed = 0;
    for (uint32_t i = 0; !e && i < users.count; i++)
        *changed += change(w, t, add, mp_str(&in));
    return e ? e : w->txn->failed;
}

bool member_joined(struct txn *t, struct bytes user, struct bytes topic)
{
    char room[MEMBER_KEY_MAX];
    struct bytes key = joined_key(room, user, topic);
    return record_get(t, TABLE_joined, key, NULL, 0, NULL) == ERR_OK;
}

void joined_open(struct joined_walk *w, struct txn *t, struct bytes user, struct bytes after)
{
    struct bytes from = joined_key(w->from, user, after);
    w->user_n = user.n;
    w->after_n = after.n;
    walk_open(&w->walk, t, TABLE_joined, WALK_up, from);
}

bool joined_next(struct joined_walk *w, struct bytes *topic)
{
    struct bytes key, value;
    size_t n = w->user_n + 1;
    do
        if (!walk_next(&w->walk, &key, &value) || key.n <= n || memcmp(key.p, w->from, n) != 0)
            return false;
    while (key.n - n == w->after_n && memcmp(key.p, w->from, key.n) == 0); /* `after` itself */
    *topic = (struct bytes){key.p + n, key.n - n};
    return true;
}

void joined_close(struct joined_walk *w)
{
    walk_close(&w->walk);
}

unsigned members_of_user(struct txn *t, struct bytes user, struct erased_members *m)
{
    struct joined_walk w;
    struct bytes topic;
    unsigned n = 0;
    joined_open(&w, t, user, (struct bytes){0});
    while (n < ERASED_MEMBERS && joined_next(&w, &topic)) {
        memcpy(m->topic[n], topic.p, topic.n);
        m->n[n++] = topic.n;
    }
    joined_close(&w);
    return n;
}

void member_forget(struct work *w, struct bytes topic, struct bytes user)
{
    char key[MEMBER_KEY_MAX];
    struct topic *t;
    if (topic_open(w, topic, &t) == ERR_OK && change(w, t, false, user))
        return;
    txn_del(w->txn, TABLE_joined, joined_key(key, user, topic)); /* without its other side */
}

void members_open(struct members_walk *w, struct txn *t, struct bytes topic, struct bytes after)
{
    struct bytes from = key_of(w->from, topic, after);
    w->topic_n = topic.n;
    w->after_n = after.n;
    walk_open(&w->walk, t, TABLE_members, WALK_up, from);
}

bool members_next(struct members_walk *w, struct bytes *user, struct bytes *value)
{
    struct bytes key;
    size_t n = w->topic_n + 1;
    do
        if (!walk_next(&w->walk, &key, value) || key.n < n || memcmp(key.p, w->from, n) != 0)
            return false;
    while (key.n - n == w->after_n && memcmp(key.p, w->from, key.n) == 0); /* `after` itself */
    *user = (struct bytes){key.p + n, key.n - n};
    return true;
}

enum err member_read(const struct members_walk *w, struct bytes user, struct bytes value,
                     struct member_row *row)
{
    char key[MEMBER_KEY_MAX];
    struct bytes topic = {w->from, w->topic_n};
    return record_read(w->walk.txn, TABLE_members, key_of(key, topic, user), value, row,
                       FIELDS_OF(*row), NULL);
}

void members_close(struct members_walk *w)
{
    walk_close(&w->walk);
}
