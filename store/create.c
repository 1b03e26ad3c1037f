/* SPDX-License-Identifier: Apache-2.0 */
#include "store/create.h"

#include "proto/id.h"
#include "proto/topic.h"
#include "store/broadcast.h"
#include "store/categories.h"
#include "store/evict.h"
#include "store/idem.h"
#include "store/inbox.h"
#include "store/schedule.h"

/* All inboxes first: reading them may find a damaged one, and expiring them takes seqs. */
static enum err open_users(struct work *w, const struct msg_create *m, struct topic **inboxes)
{
    struct mp_in users = list_in(m->users);
    for (uint32_t i = 0; i < m->users.count; i++) {
        enum err e = inbox_of_user(w, mp_str(&users), &inboxes[i]);
        if (!users.ok)
            return ERR_INVALID;
        if (e)
            return e;
        if (inboxes[i]->action == w->action)
            return ERR_INVALID; /* named twice */
        if (m->deliver_ms <= w->now_ms && !category_fits(inboxes[i], m->category))
            return ERR_FULL; /* when its time comes, it is counted in none */
        inboxes[i]->action = w->action;
    }
    return ERR_OK;
}

/* Where something else became of it than a notification that is shown: a byte for each user. */
struct made {
    char why[USERS_MAX], taken[USERS_MAX], ids[USERS_MAX * ID_SIZE], evicts[USERS_MAX];
    bool any_why, any_taken, any_evicts;
    uint64_t first; /* seq of the first one, or of what will be made later */
};

static void note(struct made *to, uint32_t i, const struct received *got)
{
    to->why[i] = (char)got->why;
    to->taken[i] = (char)got->taken;
    memcpy(to->ids + i * ID_SIZE, got->id, ID_SIZE);
    to->any_why = to->any_why || got->why != WHY_none;
    to->any_taken = to->any_taken || got->taken != TAKEN_made;
}

static void evict(struct work *w, struct topic *in, struct made *to, uint32_t i)
{
    uint64_t before = w->tally.evicted;
    inbox_evict(w, in);
    to->evicts[i] = (char)(w->tally.evicted - before);
    to->any_evicts = to->any_evicts || w->tally.evicted > before;
}

static enum err create_now(struct work *w, const struct msg_create *m, struct made *to)
{
    struct topic *inboxes[USERS_MAX];
    if (m->users.count == 0)
        return broadcast_add(w, m, &to->first);
    enum err e = open_users(w, m, inboxes);
    to->first = w->first = w->state.head + 1;
    for (uint32_t i = 0; !e && i < m->users.count; i++) {
        struct received got = inbox_create(w, inboxes[i], m);
        note(to, i, &got);
    }
    w->first = 0;
    for (uint32_t i = 0; !e && i < m->users.count; i++) /* behind all: their seqs are neighbours */
        evict(w, inboxes[i], to, i);
    return e;
}

static enum err carry_out(struct work *w, const struct msg_create *m, struct made *to)
{
    to->any_why = to->any_taken = to->any_evicts = false;
    return m->deliver_ms > w->now_ms ? schedule_add(w, m, &to->first) : create_now(w, m, to);
}

/* Users, or all, or a topic's members. */
static bool audience_valid(const struct msg_create *m)
{
    int kinds = (m->users.count > 0) + (m->all == 1) + (m->topic.n > 0);
    return kinds == 1 && (m->topic.n == 0 || topic_plain(m->topic));
}

/* NOT_FOUND: it is to be done; OK: it was, and is answered; else why not. */
static enum err done_before(struct work *w, const struct msg_create *m, const struct idem_key *k,
                            struct buf *answer)
{
    bool keyed = m->collapse_key.n > 0 || m->dedupe_key.n > 0;
    if (!audience_valid(m) || !inbox_takes(m->type, m->content) || (keyed && m->users.count == 0))
        return ERR_INVALID;
    enum err e = idem_repeat(w, k, m->req, answer);
    bool over = m->expires_ms != 0 && m->expires_ms <= w->now_ms; /* before anybody saw it */
    return e == ERR_NOT_FOUND && over ? ERR_TOO_OLD : e;
}

static struct idem_key key_of(const struct msg_create *m)
{
    return (struct idem_key){.action = MSG_create, .key = m->key, .body_hash = m->body_hash};
}

static struct bytes of_each(const char *what, bool any, uint32_t count)
{
    return any ? (struct bytes){what, count} : (struct bytes){0};
}

static _Thread_local struct made made; /* 19 KB that need not be on the stack */

enum err do_create(struct work *w, const struct msg_create *m, struct buf *answer)
{
    struct idem_key k = key_of(m);
    uint32_t n = m->users.count;
    enum err e = done_before(w, m, &k, answer);
    if (e != ERR_NOT_FOUND)
        return e;
    e = carry_out(w, m, &made);
    if (e)
        return e;
    struct msg done = {.id = MSG_created,
                       .created = {.req = m->req,
                                   .first_seq = made.first,
                                   .count = n,
                                   .at_ms = w->at_ms,
                                   .deliver_ms = m->deliver_ms > w->now_ms ? m->deliver_ms : 0,
                                   .muted_kept = !w->limits.drop_muted,
                                   .why_not = of_each(made.why, made.any_why, n),
                                   .taken = of_each(made.taken, made.any_taken, n),
                                   .ids = of_each(made.ids, made.any_taken, n * ID_SIZE)}};
    idem_answer(w, &k, &done, answer);
    return ERR_OK;
}

bool try_read(const struct msg_try *m, struct msg *create)
{
    struct mp_in in = list_in(m->create);
    return m->create.count == 1 && msg_read(&in, create) && create->id == MSG_create;
}

/* All that it would do; what waits for its time also as if that were now. */
static enum err would(struct work *w, const struct msg_create *m, struct msg_tried *t)
{
    struct topic_row topic = {0};
    uint32_t n = m->users.count;
    enum err e = carry_out(w, m, &made);
    if (!e && m->deliver_ms > w->now_ms)
        e = create_now(w, m, &made);
    if (!e && m->topic.n > 0)
        e = topic_load(w->txn, m->topic, &topic);
    t->members = topic.members;
    t->why_not = of_each(made.why, made.any_why, n);
    t->taken = of_each(made.taken, made.any_taken, n);
    t->evicts = of_each(made.evicts, made.any_evicts, n);
    return e;
}

enum err do_try(struct work *w, const struct msg_try *m, struct buf *answer)
{
    struct msg done = {.id = MSG_tried,
                       .tried = {.req = m->req, .muted_kept = !w->limits.drop_muted}};
    struct msg c;
    size_t from = answer->n;
    if (!try_read(m, &c))
        return ERR_INVALID;
    struct idem_key k = key_of(&c.create);
    enum err e = done_before(w, &c.create, &k, answer);
    buf_cut(answer, from);
    done.tried.repeated = e == ERR_OK;
    if (e == ERR_NOT_FOUND)
        e = would(w, &c.create, &done.tried);
    if (!e)
        msg_write(answer, &done);
    return e;
}
