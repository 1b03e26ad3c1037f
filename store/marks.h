/* SPDX-License-Identifier: Apache-2.0 */
/* marks.h -- what a user does to items: reading, seeing, archiving, snoozing, deleting; by ids, or to
 * all up to a pos.
 *
 * Rules   watermarks only rise, and rise whenever they can: below one everything is read (or seen),
 *         what is archived too. Reading all is one row however large the inbox; it looks at the
 *         items below `up_to` that no mark covers yet, each once in its life (and once for each mark
 *         of one category), or at none where `up_to` is the newest.
 *         Who marks without knowing of a later marking as unread (observed_seq) leaves that item.
 *         All is read before anything is written, so that a damaged record refuses the whole.
 * Limits  MARK_SNOOZED_MAX items of an inbox are snoozed, MARK_UNREAD_MAX marked as unread: FULL. */
#pragma once

#include "store/inbox.h"

enum { MARK_SNOOZED_MAX = 1000, MARK_UNREAD_MAX = IDS_MAX };

/* `changed` and `unknown` are ids, back to back, in w->ids. OK, INVALID, TOO_OLD (the end of a snoozing
 * has come), FULL or WORLD. */
enum err inbox_mark(struct work *w, struct topic *in, const struct msg_mark *m,
                    struct bytes *changed, struct bytes *unknown);

/* `up_to`: what it was done up to. OK, INVALID or WORLD. */
enum err inbox_mark_all(struct work *w, struct topic *in, const struct msg_mark_all *m,
                        uint64_t *up_to);
