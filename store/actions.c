/* SPDX-License-Identifier: Apache-2.0 */
#include "store/actions.h"

#include "lib/ensure.h"
#include "proto/id.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "store/idem.h"
#include "store/inbox.h"

bool action_known(enum msg_id id)
{
    return id == MSG_create || id == MSG_mark_read || id == MSG_mark_all_read || id == MSG_expire;
}

bool action_tidies(enum msg_id id)
{
    return id != MSG_create && id != MSG_mark_read && id != MSG_mark_all_read;
}

uint64_t action_weight(const struct msg *m)
{
    switch (m->id) {
    case MSG_create:
        return m->create.users.count + m->create.content.n / 4096;
    case MSG_mark_read:
        return 1 + m->mark_read.ids.n / ID_SIZE / 4; /* neighbours share pages */
    case MSG_expire:
        return EXPIRE_MAX;
    default:
        return 1;
    }
}

/* `answer.created` and `answer.changed` differ, their heads do not. */
void answer_refused(struct buf *out, const struct msg *m, enum err status)
{
    struct msg a = {0};
    switch (m->id) {
    case MSG_create:
        a.id = MSG_created;
        a.created = (struct msg_created){.req = m->create.req, .status = status};
        break;
    case MSG_mark_read:
        a.id = MSG_changed;
        a.changed = (struct msg_changed){.req = m->mark_read.req, .status = status};
        break;
    case MSG_mark_all_read:
        a.id = MSG_changed;
        a.changed = (struct msg_changed){.req = m->mark_all_read.req, .status = status};
        break;
    case MSG_expire:
        a.id = MSG_expired;
        a.expired = (struct msg_expired){
            .req = m->expire.req, .status = status, .next_in_ms = UINT64_MAX};
        break;
    case MSG_snapshot:
        a.id = MSG_inbox;
        a.inbox = (struct msg_inbox){.req = m->snapshot.req, .status = status};
        break;
    case MSG_since:
        a.id = MSG_changes;
        a.changes = (struct msg_changes){
            .req = m->since.req, .status = status, .topic = m->since.topic};
        break;
    case MSG_heads_since:
        a.id = MSG_heads;
        a.heads = (struct msg_heads){.req = m->heads_since.req, .status = status};
        break;
    case MSG_check:
        a.id = MSG_checked;
        a.checked = (struct msg_checked){.req = m->check.req, .status = status};
        break;
    default:
        return; /* it has no answer */
    }
    msg_write(out, &a);
}

/* The answer given to this key the first time, with the number of this request. Its place is the
 * same in both answers that are kept. */
static enum err repeat(struct work *w, const struct idem_key *k, uint64_t req, struct buf *answer)
{
    if (k->key.n == 0)
        return ERR_NOT_FOUND;
    if (k->body_hash.n != 16)
        return ERR_INVALID;
    struct bytes kept;
    enum err e = idem_find(w, k, &kept);
    if (e)
        return e;
    struct mp_in in = mp_over(kept);
    struct msg m;
    if (!msg_read(&in, &m))
        return ERR_WORLD;
    if (m.id == MSG_created)
        m.created.req = req;
    else if (m.id == MSG_changed)
        m.changed.req = req;
    msg_write(answer, &m);
    w->tally.repeats++;
    return ERR_OK;
}

static void finish(struct work *w, const struct idem_key *k, const struct msg *done,
                   struct buf *answer)
{
    size_t from = answer->n;
    msg_write(answer, done);
    if (k->key.n > 0)
        idem_keep(w, k, (struct bytes){answer->p + from, answer->n - from});
}

static enum err open_user(struct work *w, struct bytes user, struct inbox **in)
{
    char topic[TOPIC_MAX + 1];
    if (!user_valid(user))
        return ERR_INVALID;
    size_t n = topic_of_user(user, topic);
    return inbox_open(w, (struct bytes){topic, n}, in);
}

/* All inboxes first: reading them may find a damaged one, and expiring them takes seqs. */
static enum err open_users(struct work *w, const struct msg_create *m, struct inbox **inboxes)
{
    struct mp_in users = list_in(m->users);
    for (uint32_t i = 0; i < m->users.count; i++) {
        enum err e = open_user(w, mp_str(&users), &inboxes[i]);
        if (!users.ok)
            return ERR_INVALID;
        if (e)
            return e;
        if (inboxes[i]->action == w->action)
            return ERR_INVALID; /* named twice */
        inboxes[i]->action = w->action;
    }
    return ERR_OK;
}

static enum err create(struct work *w, const struct msg_create *m, struct buf *answer)
{
    struct inbox *inboxes[USERS_MAX];
    bool valid = m->users.count > 0 && m->type < TYPE_COUNT && type_row(m->type)->stored &&
                 m->content.n > 2 && m->content.p[0] == '{' &&
                 m->content.p[m->content.n - 1] == '}';
    if (!valid)
        return ERR_INVALID;
    struct idem_key k = {.action = MSG_create, .key = m->key, .body_hash = m->body_hash};
    enum err e = repeat(w, &k, m->req, answer);
    if (e != ERR_NOT_FOUND)
        return e;
    e = open_users(w, m, inboxes);
    if (e)
        return e;
    struct msg done = {.id = MSG_created,
                       .created = {.req = m->req,
                                   .first_seq = w->state.head + 1,
                                   .count = m->users.count,
                                   .at_ms = w->at_ms}};
    for (uint32_t i = 0; i < m->users.count; i++)
        inbox_create(w, inboxes[i], m);
    finish(w, &k, &done, answer);
    return ERR_OK;
}

static struct msg changed_of(uint64_t req, const struct inbox *in)
{
    return (struct msg){.id = MSG_changed,
                        .changed = {.req = req, .seq = in->row.head, .unread = in->row.unread}};
}

static enum err mark_read(struct work *w, const struct msg_mark_read *m, struct buf *answer)
{
    if (m->ids.n % ID_SIZE != 0)
        return ERR_INVALID;
    struct idem_key k = {MSG_mark_read, m->user, m->op_id, m->body_hash};
    enum err e = repeat(w, &k, m->req, answer);
    if (e != ERR_NOT_FOUND)
        return e;
    struct inbox *in;
    struct bytes changed, unknown;
    e = open_user(w, m->user, &in);
    if (!e)
        e = inbox_mark_read(w, in, m, &changed, &unknown);
    if (e)
        return e;
    struct msg done = changed_of(m->req, in);
    done.changed.changed = changed;
    done.changed.unknown = unknown;
    finish(w, &k, &done, answer);
    return ERR_OK;
}

static enum err mark_all_read(struct work *w, const struct msg_mark_all_read *m, struct buf *answer)
{
    struct idem_key k = {MSG_mark_all_read, m->user, m->op_id, m->body_hash};
    enum err e = repeat(w, &k, m->req, answer);
    if (e != ERR_NOT_FOUND)
        return e;
    struct inbox *in;
    uint64_t up_to = m->up_to;
    e = open_user(w, m->user, &in);
    if (!e)
        e = inbox_mark_all_read(w, in, &up_to, m->op_id);
    if (e)
        return e;
    struct msg done = changed_of(m->req, in);
    done.changed.up_to = up_to;
    finish(w, &k, &done, answer);
    return ERR_OK;
}

static enum err expire(struct work *w, const struct msg_expire *m, struct buf *answer)
{
    uint64_t next_ms;
    inbox_expire_due(w, &next_ms);
    uint64_t in_ms = next_ms > w->now_ms ? next_ms - w->now_ms : 0;
    struct msg done = {
        .id = MSG_expired,
        .expired = {.req = m->req, .next_in_ms = next_ms == UINT64_MAX ? UINT64_MAX : in_ms}};
    msg_write(answer, &done);
    return ERR_OK;
}

static enum err keep_position(struct work *w, const struct msg_followed *m)
{
    if (m->to <= w->state.meta.notifier || m->to > w->state.head)
        return ERR_OK;
    w->state.meta.notifier = m->to;
    meta_put(w->txn, &w->state.meta);
    return ERR_OK;
}

static enum err run(struct work *w, const struct msg *m, struct buf *answer)
{
    struct inbox *in;
    switch (m->id) {
    case MSG_create:
        return create(w, &m->create, answer);
    case MSG_mark_read:
        return mark_read(w, &m->mark_read, answer);
    case MSG_mark_all_read:
        return mark_all_read(w, &m->mark_all_read, answer);
    case MSG_expire:
        return expire(w, &m->expire, answer);
    case MSG_followed:
        return keep_position(w, &m->followed);
    case MSG_snapshot:
        return open_user(w, m->snapshot.user, &in);
    case MSG_since:
        return inbox_open(w, m->since.topic, &in);
    default:
        ensure_failed("a request that waits for a commit", __FILE__, __LINE__);
    }
}

void action_run(struct work *w, const struct msg *m, struct buf *answer)
{
    size_t from = answer->n;
    w->action++;
    enum err e = run(w, m, answer);
    if (e) {
        buf_cut(answer, from);
        answer_refused(answer, m, e);
    }
}
