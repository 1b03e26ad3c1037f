/* SPDX-License-Identifier: Apache-2.0 */
#include "session/live/roster.h"

#include "lib/ensure.h"
#include "proto/topic.h"
#include "session/socket/phoenix.h"

#include <stdlib.h>

_Static_assert(TOPIC_MAX <= UINT8_MAX, "a topic's length fits");
_Static_assert(REF_MAX <= UINT8_MAX, "a ref's length fits");

struct bytes topic_name(const struct topic *t)
{
    return (struct bytes){t->name, t->name_n};
}

static struct bytes name_of(const void *thing)
{
    return topic_name(thing);
}

void roster_init(struct roster *r, uint64_t seed)
{
    *r = (struct roster){0};
    map_init(&r->topics, name_of, seed);
}

void roster_fini(struct roster *r)
{
    roster_bury(r);
    ENSURE(r->topics.used == 0);
    map_fini(&r->topics);
}

struct topic *roster_topic(const struct roster *r, struct bytes name)
{
    return map_get(&r->topics, name);
}

/* On the shorter list: many topics are one client's, and few clients are on many topics. */
struct member *roster_find(const struct roster *r, const struct conn *c, struct bytes topic)
{
    struct topic *t = c->joined > 0 ? roster_topic(r, topic) : NULL;
    if (!t)
        return NULL;
    struct member *m = c->members;
    if (t->n < c->joined) {
        for (uint32_t i = 0; i < t->n; i++)
            if (t->members[i]->conn == c)
                return t->members[i];
        return NULL;
    }
    while (m && m->topic != t)
        m = m->next;
    return m;
}

static struct topic *topic_new(struct roster *r, struct bytes name)
{
    struct topic *t = calloc(1, sizeof *t + name.n);
    ENSURE(t != NULL);
    t->name_n = (uint8_t)name.n;
    memcpy(t->name, name.p, name.n);
    t->bucket = topic_bucket(name);
    map_put(&r->topics, t);
    return t;
}

bool roster_tidy(struct roster *r, struct topic *t)
{
    if (t->n > 0 || t->busy > 0)
        return false;
    map_remove(&r->topics, t);
    roster_merge_over(r, t);
    free(t->members);
    free(t);
    return true;
}

static void topic_add(struct topic *t, struct member *m)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 1; /* an inbox is one tab's, mostly */
        t->members = realloc(t->members, t->cap * sizeof(struct member *));
        ENSURE(t->members != NULL);
    }
    m->topic = t;
    m->at = t->n;
    t->members[t->n++] = m;
}

static void topic_drop(struct topic *t, struct member *m)
{
    struct member *last = t->members[--t->n];
    t->members[m->at] = last;
    last->at = m->at;
}

struct member *roster_join(struct roster *r, struct conn *c, struct bytes topic,
                           struct bytes join_ref, struct bytes ref, bool *made)
{
    ENSURE(topic.n <= TOPIC_MAX);
    ENSURE(join_ref.n <= REF_MAX);
    ENSURE(ref.n <= REF_MAX);
    struct topic *t = roster_topic(r, topic);
    struct member *m = calloc(1, sizeof *m + join_ref.n + ref.n + REF_MAX);
    ENSURE(m != NULL);
    *made = !t;
    view_init(&m->view);
    m->conn = c;
    m->join_ref_n = (uint8_t)join_ref.n;
    m->ref_n = (uint8_t)ref.n;
    memcpy(m->refs, join_ref.p, join_ref.n);
    memcpy(m->refs + m->join_ref_n, ref.p, ref.n);
    m->next = c->members;
    c->members = m;
    c->joined++;
    topic_add(t ? t : topic_new(r, topic), m);
    return m;
}

void roster_leave(struct roster *r, struct member *m)
{
    struct member **link = &m->conn->members;
    while (*link != m)
        link = &(*link)->next;
    *link = m->next;
    m->conn->joined--;
    roster_wait_over(r, m);
    topic_drop(m->topic, m);
    m->gone = true;
    m->next = r->dead;
    r->dead = m;
}

void roster_bury(struct roster *r)
{
    while (r->dead) {
        struct member *m = r->dead;
        r->dead = m->next;
        free(m);
    }
}

void roster_merge(struct roster *r, struct topic *t)
{
    if (t->merging)
        return;
    t->merging = true;
    t->merge_prev = r->merges_last;
    t->merge_next = NULL;
    if (r->merges_last)
        r->merges_last->merge_next = t;
    else
        r->merges = t;
    r->merges_last = t;
}

void roster_merge_over(struct roster *r, struct topic *t)
{
    if (!t->merging)
        return;
    t->merging = false;
    if (t->merge_prev)
        t->merge_prev->merge_next = t->merge_next;
    else
        r->merges = t->merge_next;
    if (t->merge_next)
        t->merge_next->merge_prev = t->merge_prev;
    else
        r->merges_last = t->merge_prev;
}

void roster_wait(struct roster *r, struct member *m)
{
    struct member
        *before = r->waiting_last; /* who joined when it came, but for those asked about */
    while (before && before->view.deadline_ms > m->view.deadline_ms)
        before = before->wait_prev;
    m->wait_prev = before;
    m->wait_next = before ? before->wait_next : r->waiting;
    *(before ? &before->wait_next : &r->waiting) = m;
    *(m->wait_next ? &m->wait_next->wait_prev : &r->waiting_last) = m;
}

void roster_wait_over(struct roster *r, struct member *m)
{
    if (r->waiting != m && !m->wait_prev)
        return; /* not on the list */
    if (m->wait_prev)
        m->wait_prev->wait_next = m->wait_next;
    else
        r->waiting = m->wait_next;
    if (m->wait_next)
        m->wait_next->wait_prev = m->wait_prev;
    else
        r->waiting_last = m->wait_prev;
    m->wait_next = m->wait_prev = NULL;
}

struct bytes member_topic(const struct member *m)
{
    return topic_name(m->topic);
}

struct bytes member_join_ref(const struct member *m)
{
    return (struct bytes){m->refs, m->join_ref_n};
}

struct bytes member_ref(const struct member *m)
{
    return (struct bytes){m->refs + m->join_ref_n, m->ref_n};
}

struct bytes member_third(const struct member *m)
{
    return (struct bytes){m->refs + m->join_ref_n + m->ref_n, m->third_n};
}

void member_third_set(struct member *m, struct bytes ref)
{
    ENSURE(ref.n <= REF_MAX);
    m->third_n = (uint8_t)ref.n;
    memcpy(m->refs + m->join_ref_n + m->ref_n, ref.p, ref.n);
}

bool member_answered(const struct member *m)
{
    return m->view.state != VIEW_joining && m->view.state != VIEW_mounting;
}
