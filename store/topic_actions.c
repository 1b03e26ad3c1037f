/* SPDX-License-Identifier: Apache-2.0 */
#include "store/topic_actions.h"

#include "proto/topic.h"
#include "store/erase.h"
#include "store/fanout.h"
#include "store/history.h"
#include "store/idem.h"
#include "store/members.h"
#include "store/users.h"

static bool publish_valid(const struct msg_publish *m)
{
    struct bytes p = m->payload;
    return topic_plain(m->topic) && m->event.n > 0 && m->history > 0 &&
           (m->user.n == 0 || user_valid(m->user)) && p.n >= 2 && p.p[0] == '{' &&
           p.p[p.n - 1] == '}';
}

enum err do_publish(struct work *w, const struct msg_publish *m, struct buf *answer)
{
    if (!publish_valid(m))
        return ERR_INVALID;
    struct idem_key k = {MSG_publish, m->user, m->key, m->body_hash};
    enum err e = idem_repeat(w, &k, m->req, answer);
    if (e != ERR_NOT_FOUND)
        return e;
    struct topic *t;
    e = m->members_only ? member_must_be(w->txn, m->topic, m->user) : ERR_OK;
    if (!e)
        e = topic_open(w, m->topic, &t);
    if (e)
        return e;
    history_add(w, t, m);
    struct msg done = {.id = MSG_published,
                       .published = {.req = m->req, .seq = t->row.head, .at_ms = w->at_ms}};
    idem_answer(w, &k, &done, answer);
    return ERR_OK;
}

static bool users_valid(struct mp_list users)
{
    struct mp_in in = list_in(users);
    bool valid = users.count > 0;
    for (uint32_t i = 0; valid && i < users.count; i++) {
        struct bytes user = mp_str(&in);
        valid = in.ok && user_valid(user);
    }
    return valid;
}

enum err do_member(struct work *w, const struct msg_member *m, struct buf *answer)
{
    struct topic *t;
    uint64_t changed = 0;
    if (!topic_plain(m->topic) || m->add > 1 || !users_valid(m->users))
        return ERR_INVALID;
    enum err e = topic_open(w, m->topic, &t);
    if (!e)
        e = members_change(w, t, m->add, m->users, &changed);
    if (e)
        return e;
    struct msg done = {.id = MSG_membered,
                       .membered = {.req = m->req, .changed = changed, .members = t->row.members}};
    msg_write(answer, &done);
    return ERR_OK;
}

static void fanned(uint64_t req, uint64_t made, uint64_t done, struct buf *answer)
{
    struct msg a = {.id = MSG_fanned, .fanned = {.req = req, .made = made, .done = done}};
    msg_write(answer, &a);
}

enum err do_fanout(struct work *w, const struct msg_fanout *m, struct buf *answer)
{
    uint64_t done;
    enum err e = fanout_begin(w, m, &done);
    if (!e)
        fanned(m->req, 0, done, answer);
    return e;
}

enum err do_fanout_step(struct work *w, const struct msg_fanout_step *m, struct buf *answer)
{
    uint64_t made, done;
    enum err e = fanout_step(w, m, &made, &done);
    if (!e)
        fanned(m->req, made, done, answer);
    return e;
}

enum err do_seen(struct work *w, const struct msg_seen *m, struct buf *answer)
{
    struct user_row row;
    if (!user_valid(m->user))
        return ERR_INVALID;
    if (erasing(w->txn, m->user, 0))
        row = (struct user_row){0}; /* said by who has not heard of it yet */
    else
        user_seen(w, m->user, &row);
    struct msg done = {.id = MSG_user_info, .user_info = {.req = m->req, .seen_ms = row.seen_ms}};
    msg_write(answer, &done);
    return ERR_OK;
}
