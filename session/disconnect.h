/* SPDX-License-Identifier: Apache-2.0 */
/* disconnect.h -- closing what users have open, in every session process.
 *
 * The idea    over the links between the processes and not through the broker, which may be away and
 *             would lose it, and nothing would tell: each process is asked until it answers.
 * Limits      DISCONNECT_MS. A process that starts anew meanwhile has nobody to close; one that is stopped
 *             for longer finds the request when it goes on.
 * Rules       say it behind the commit: whoever asks again is refused by then. */
#pragma once

#include "proto/messages.h"
#include "session/session.h"

/* These users, a list of texts, are off `topic`; off altogether where it is empty. */
void disconnect_users(struct session *s, struct mp_list users, struct bytes topic);
void disconnect_user(struct session *s, struct bytes user, struct bytes topic);

/* This user is erased: off altogether, and nobody is told when they were last here. */
void forget_user(struct session *s, struct bytes user);

/* From peers.h: the same, in this process only. */
void disconnect_here(struct session *s, const struct msg_disconnect *m);
