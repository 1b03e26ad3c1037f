/* SPDX-License-Identifier: Apache-2.0 */
#include "store/actions.h"

#include "lib/ensure.h"
#include "proto/id.h"
#include "store/create.h"
#include "store/due.h"
#include "store/erase.h"
#include "store/fanout.h"
#include "store/idem.h"
#include "store/import.h"
#include "store/marks.h"
#include "store/prefs.h"
#include "store/refuse.h"
#include "store/repair.h"
#include "store/revoke.h"
#include "store/retract.h"
#include "store/schedule.h"
#include "store/topic_actions.h"

bool action_known(enum msg_id id)
{
    switch (id) {
    case MSG_create:
    case MSG_mark:
    case MSG_mark_all:
    case MSG_update:
    case MSG_expire:
    case MSG_publish:
    case MSG_member:
    case MSG_fanout:
    case MSG_fanout_step:
    case MSG_seen:
    case MSG_unpublish:
    case MSG_revise:
    case MSG_erase:
    case MSG_prefs_put:
    case MSG_import:
    case MSG_revoke:
    case MSG_try:
        return true;
    default:
        return false;
    }
}

bool action_undone(enum msg_id id)
{
    return id == MSG_try;
}

bool action_tidies(enum msg_id id)
{
    return !action_known(id) || id == MSG_expire || id == MSG_unpublish || id == MSG_erase ||
           id == MSG_revoke;
}

uint64_t action_weight(const struct msg *m)
{
    struct msg tried;
    switch (m->id) {
    case MSG_try:
        return try_read(&m->try, &tried) ? action_weight(&tried) : 1;
    case MSG_create:
        return m->create.users.count + m->create.content.n / 4096;
    case MSG_mark: /* neighbours share pages, but what wakes moves to the end */
        return 1 + m->mark.ids.n / ID_SIZE / (m->mark.what == MARK_unsnooze ? 1 : 4);
    case MSG_mark_all:
        return m->mark_all.what == MARK_archive ? WORK_WEIGHT / 2 : 1;
    case MSG_update:
        return 1 + m->update.content.n / 4096;
    case MSG_import: /* it remembers what it imported, too */
        return 2 * m->import.lines.count + m->import.lines.raw.n / 4096;
    case MSG_expire:
        return EXPIRE_WEIGHT;
    case MSG_publish:
        return 3 + m->publish.payload.n / 4096; /* and the old ones that it deletes */
    case MSG_unpublish:
        return USERS_MAX;
    case MSG_revise:
        return 2 * USERS_MAX;
    case MSG_erase: /* memberships and answers: the first thousands of them at once */
        return 2 * USERS_MAX;
    case MSG_member:
        return 1 + m->member.users.count; /* who is taken off merges broadcasts first */
    case MSG_fanout:
        return 1 + m->fanout.content.n / 4096;
    case MSG_fanout_step:
        return (m->fanout_step.limit < USERS_MAX ? m->fanout_step.limit : USERS_MAX) +
               FANOUT_BYTES / 4096;
    default:
        return 1;
    }
}

static struct msg changed_of(uint64_t req, const struct topic *in)
{
    return (struct msg){.id = MSG_changed,
                        .changed = {.req = req,
                                    .seq = in->row.head,
                                    .unread = counts_unread(&in->row.counts),
                                    .unseen = in->row.counts.unseen}};
}

/* Two kinds of marking are two keys. */
static uint64_t mark_action(enum msg_id id, uint64_t what)
{
    return (uint64_t)id | what << 32;
}

static enum err mark(struct work *w, const struct msg_mark *m, struct buf *answer)
{
    if (m->ids.n % ID_SIZE != 0)
        return ERR_INVALID;
    struct idem_key k = {mark_action(MSG_mark, m->what), m->user, m->op_id, m->body_hash};
    enum err e = idem_repeat(w, &k, m->req, answer);
    if (e != ERR_NOT_FOUND)
        return e;
    struct topic *in;
    struct bytes changed, unknown;
    e = inbox_of_user(w, m->user, &in);
    if (!e)
        e = inbox_mark(w, in, m, &changed, &unknown);
    if (e)
        return e;
    struct msg done = changed_of(m->req, in);
    done.changed.changed = changed;
    done.changed.unknown = unknown;
    idem_answer(w, &k, &done, answer);
    return ERR_OK;
}

static enum err mark_all(struct work *w, const struct msg_mark_all *m, struct buf *answer)
{
    struct idem_key k = {mark_action(MSG_mark_all, m->what), m->user, m->op_id, m->body_hash};
    enum err e = idem_repeat(w, &k, m->req, answer);
    if (e != ERR_NOT_FOUND)
        return e;
    struct topic *in;
    uint64_t up_to = 0;
    e = inbox_of_user(w, m->user, &in);
    if (!e)
        e = inbox_mark_all(w, in, m, &up_to);
    if (e)
        return e;
    struct msg done = changed_of(m->req, in);
    done.changed.up_to = up_to;
    idem_answer(w, &k, &done, answer);
    return ERR_OK;
}

static enum err update(struct work *w, const struct msg_update *m, struct buf *answer)
{
    struct idem_key k = {MSG_update, m->user, m->op_id, m->body_hash};
    enum err e = idem_repeat(w, &k, m->req, answer);
    if (e != ERR_NOT_FOUND)
        return e;
    struct topic *in;
    e = inbox_of_user(w, m->user, &in);
    if (!e)
        e = inbox_update(w, in, m);
    if (e)
        return e;
    struct msg done = changed_of(m->req, in);
    done.changed.changed = m->id;
    idem_answer(w, &k, &done, answer);
    return ERR_OK;
}

static enum err expire(struct work *w, const struct msg_expire *m, struct buf *answer)
{
    uint64_t next_ms, scheduled_ms;
    schedule_run_due(w, &scheduled_ms);
    inbox_expire_due(w, &next_ms);
    if (scheduled_ms < next_ms)
        next_ms = scheduled_ms;
    uint64_t erase_in_ms = erase_some(w);
    if (erase_in_ms != UINT64_MAX && w->now_ms + erase_in_ms < next_ms)
        next_ms = w->now_ms + erase_in_ms;
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
    fanouts_forget(w, w->state.meta.notifier, m->to);
    w->state.meta.notifier = m->to;
    meta_put(w->txn, &w->state.meta);
    return ERR_OK;
}

static enum err put_preferences(struct work *w, const struct msg_prefs_put *m, struct buf *answer)
{
    enum err e = prefs_put(w, m);
    if (e)
        return e;
    struct msg done = {.id = MSG_prefs,
                       .prefs = {.req = m->req,
                                 .types = m->types,
                                 .categories = m->categories,
                                 .topics = m->topics,
                                 .quiet = m->quiet,
                                 .from_min = m->from_min,
                                 .to_min = m->to_min,
                                 .zone = m->zone,
                                 .allow = m->allow}};
    msg_write(answer, &done);
    return ERR_OK;
}

static enum err erase(struct work *w, const struct msg_erase *m, struct buf *answer)
{
    struct msg done = {.id = MSG_erasing, .erasing = {.req = m->req}};
    enum err e = erase_begin(w, m->user, &done.erasing.erasure);
    if (!e)
        msg_write(answer, &done);
    return e;
}

static enum err do_import(struct work *w, const struct msg_import *m, struct buf *answer)
{
    char became[IMPORT_MAX];
    struct msg done = {.id = MSG_imported, .imported = {.req = m->req, .done = {became, 0}}};
    enum err e = import_lines(w, m->lines, became);
    done.imported.done.n = m->lines.count;
    if (!e)
        msg_write(answer, &done);
    return e;
}

static enum err do_revoke(struct work *w, const struct msg_revoke *m, struct buf *answer)
{
    struct msg done = {.id = MSG_revoked, .revoked = {.req = m->req}};
    enum err e = revoke_tokens(w, m, &done.revoked.number);
    if (!e)
        msg_write(answer, &done);
    return e;
}

/* A read whose inbox was to be put right first. */
static enum err look(struct work *w, struct topic *in)
{
    inbox_know(w, in);
    return ERR_OK;
}

static enum err run(struct work *w, const struct msg *m, struct buf *answer)
{
    struct topic *in;
    enum err e;
    switch (m->id) {
    case MSG_create:
        return do_create(w, &m->create, answer);
    case MSG_try:
        return do_try(w, &m->try, answer);
    case MSG_mark:
        return mark(w, &m->mark, answer);
    case MSG_mark_all:
        return mark_all(w, &m->mark_all, answer);
    case MSG_update:
        return update(w, &m->update, answer);
    case MSG_expire:
        return expire(w, &m->expire, answer);
    case MSG_publish:
        return do_publish(w, &m->publish, answer);
    case MSG_member:
        return do_member(w, &m->member, answer);
    case MSG_fanout:
        return do_fanout(w, &m->fanout, answer);
    case MSG_fanout_step:
        return do_fanout_step(w, &m->fanout_step, answer);
    case MSG_seen:
        return do_seen(w, &m->seen, answer);
    case MSG_unpublish:
        return do_unpublish(w, &m->unpublish, answer);
    case MSG_revise:
        return do_revise(w, &m->revise, answer);
    case MSG_prefs_put:
        return put_preferences(w, &m->prefs_put, answer);
    case MSG_erase:
        return erase(w, &m->erase, answer);
    case MSG_import:
        return do_import(w, &m->import, answer);
    case MSG_revoke:
        return do_revoke(w, &m->revoke, answer);
    case MSG_followed:
        return keep_position(w, &m->followed);
    case MSG_repair:
        repair(w, &m->repair);
        return ERR_OK;
    case MSG_snapshot:
        e = inbox_of_user(w, m->snapshot.user, &in);
        return e ? e : look(w, in);
    case MSG_get:
        e = inbox_of_user(w, m->get.user, &in);
        return e ? e : look(w, in);
    case MSG_since:
        e = inbox_open(w, m->since.topic, &in);
        return e ? e : look(w, in);
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
