/* SPDX-License-Identifier: Apache-2.0 */
/* entrance.h -- a client whose handshake is in order, until it is in: where a hook is set, the application
 * is asked first (hooks.h), and the client's request waits.
 *
 * Rules   a token that is no good was refused before; without one the application may say who it is.
 *         What may have changed while it was asked is looked at again: revocations, and whether there
 *         is room. */
#pragma once

#include "session/socket/addresses.h"
#include "session/auth/auth.h"

struct entrance {
    struct who who;
    /* From when it is let in until it is here, else NULL: admit.h. */
    struct address *from;
    struct user *user;
    uint64_t asked; /* number of the question; 0: none */
    uint8_t ip[IP_SIZE], vsn;
};

/* upgrade_let_in() or upgrade_refuse() follows, now or later. `token`: its text, or empty. */
void entrance_enter(struct session *s, struct request *r, const struct who *who, uint8_t vsn,
                    struct bytes token);

/* The request is over. */
void entrance_forget(struct request *r);
