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
        if (!category_fits(inboxes[i], m->category))
            return ERR_FULL;
        inboxes[i]->action = w->action;
    }
    return ERR_OK;
}

/* Where something else became of it than a notification that is shown: a byte for each user. */
struct made {
    char why[USERS_MAX], taken[USERS_MAX], ids[USERS_MAX * ID_SIZE];
    bool any_why, any_taken;
};

static void note(struct made *made, uint32_t i, const struct received *got)
{
    made->why[i] = (char)got->why;
    made->taken[i] = (char)got->taken;
    memcpy(made->ids + i * ID_SIZE, got->id, ID_SIZE);
    made->any_why = made->any_why || got->why != WHY_none;
    made->any_taken = made->any_taken || got->taken != TAKEN_made;
}

static enum err create_now(struct work *w, const struct msg_create *m, struct msg_created *done)
{
    static _Thread_local struct made made;
    struct topic *inboxes[USERS_MAX];
    made.any_why = made.any_taken = false;
    if (m->users.count == 0)
        return broadcast_add(w, m, &done->first_seq);
    enum err e = open_users(w, m, inboxes);
    done->first_seq = w->first = w->state.head + 1;
    for (uint32_t i = 0; !e && i < m->users.count; i++) {
        struct received got = inbox_create(w, inboxes[i], m);
        note(&made, i, &got);
    }
    w->first = 0;
    for (uint32_t i = 0; !e && i < m->users.count; i++) /* behind all: their seqs are neighbours */
        inbox_evict(w, inboxes[i]);
    if (made.any_why)
        done->why_not = (struct bytes){made.why, m->users.count};
    if (made.any_taken) {
        done->taken = (struct bytes){made.taken, m->users.count};
        done->ids = (struct bytes){made.ids, (size_t)m->users.count * ID_SIZE};
    }
    return e;
}

/* Users, or all, or a topic's members. */
static bool audience_valid(const struct msg_create *m)
{
    int kinds = (m->users.count > 0) + (m->all == 1) + (m->topic.n > 0);
    return kinds == 1 && (m->topic.n == 0 || topic_plain(m->topic));
}

enum err do_create(struct work *w, const struct msg_create *m, struct buf *answer)
{
    bool keyed = m->collapse_key.n > 0 || m->dedupe_key.n > 0;
    if (!audience_valid(m) || !inbox_takes(m->type, m->content) || (keyed && m->users.count == 0))
        return ERR_INVALID;
    struct idem_key k = {.action = MSG_create, .key = m->key, .body_hash = m->body_hash};
    enum err e = idem_repeat(w, &k, m->req, answer);
    if (e != ERR_NOT_FOUND)
        return e;
    if (m->expires_ms != 0 && m->expires_ms <= w->now_ms)
        return ERR_TOO_OLD; /* it would be over before anybody saw it */
    bool later = m->deliver_ms > w->now_ms;
    struct msg done = {.id = MSG_created,
                       .created = {.req = m->req,
                                   .count = m->users.count,
                                   .at_ms = w->at_ms,
                                   .deliver_ms = later ? m->deliver_ms : 0,
                                   .muted_kept = !w->limits.drop_muted}};
    e = later ? schedule_add(w, m, &done.created.first_seq) : create_now(w, m, &done.created);
    if (!e)
        idem_answer(w, &k, &done, answer);
    return e;
}
