/* SPDX-License-Identifier: Apache-2.0 */
/* topic_actions.h -- the actions on topics, as action_run() does them: each appends its answer, or
 * gives why not and has written nothing. */
#pragma once

#include "proto/messages.h"
#include "store/work.h"

enum err do_publish(struct work *w, const struct msg_publish *m, struct buf *answer);
enum err do_member(struct work *w, const struct msg_member *m, struct buf *answer);
enum err do_fanout(struct work *w, const struct msg_fanout *m, struct buf *answer);
enum err do_fanout_step(struct work *w, const struct msg_fanout_step *m, struct buf *answer);
enum err do_seen(struct work *w, const struct msg_seen *m, struct buf *answer);
