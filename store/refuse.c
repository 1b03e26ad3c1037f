/* SPDX-License-Identifier: Apache-2.0 */
#include "store/refuse.h"

static const enum msg_id answers[] = {
    [MSG_create] = MSG_created,
    [MSG_try] = MSG_tried,
    [MSG_mark] = MSG_changed,
    [MSG_mark_all] = MSG_changed,
    [MSG_expire] = MSG_expired,
    [MSG_update] = MSG_changed,
    [MSG_get] = MSG_inbox,
    [MSG_snapshot] = MSG_inbox,
    [MSG_since] = MSG_changes,
    [MSG_heads_since] = MSG_heads,
    [MSG_check] = MSG_checked,
    [MSG_publish] = MSG_published,
    [MSG_history] = MSG_page,
    [MSG_member] = MSG_membered,
    [MSG_members] = MSG_member_list,
    [MSG_fanout] = MSG_fanned,
    [MSG_fanout_step] = MSG_fanned,
    [MSG_fanouts] = MSG_fanout_list,
    [MSG_seen] = MSG_user_info,
    [MSG_user] = MSG_user_info,
    [MSG_unpublish] = MSG_unpublished,
    [MSG_revise] = MSG_unpublished, /* how many, too */
    [MSG_erase] = MSG_erasing,
    [MSG_erasure] = MSG_erasing,
    [MSG_prefs_put] = MSG_prefs,
    [MSG_prefs_get] = MSG_prefs,
    [MSG_assess] = MSG_assessed,
    [MSG_about] = MSG_about_user,
    [MSG_import] = MSG_imported,
    [MSG_revoke] = MSG_revoked,
    [MSG_revocations] = MSG_revocation_list,
};

/* Every request begins with req, and every answer with req and status, so that those of any one of
 * them will do. */
void answer_refused(struct buf *out, const struct msg *m, enum err status)
{
    if (m->id >= sizeof answers / sizeof *answers || answers[m->id] == 0)
        return; /* it has no answer */
    struct msg a = {.id = answers[m->id]};
    a.created.req = m->expire.req;
    a.created.status = status;
    if (m->id == MSG_expire)
        a.expired.next_in_ms = UINT64_MAX;
    if (m->id == MSG_since)
        a.changes.topic = m->since.topic;
    msg_write(out, &a);
}
