/* SPDX-License-Identifier: Apache-2.0 */
/* revoked.h -- which tokens are good no more, as this process knows it.
 *
 * The idea    the store keeps it (store/revoke.h); we ask what is new every REVOKED_MS, past broker and
 *             notifier, so that none of them can keep it from us. Whoever is connected with such a token is
 *             closed when we hear of it.
 * Rules       at the start nobody is accepted before the store has told what there is, but for at most
 *             REVOKED_OPEN_MS; from then on who brings a token is told to come again. A store that is
 *             away later changes nothing that is known, and nothing new can be revoked.
 * Size        60 bytes each, the name besides; the store bounds their number. */
#pragma once

#include "proto/messages.h"
#include "proto/token.h"
#include "session/session.h"

enum { REVOKED_MS = 500, REVOKED_OPEN_MS = 1000 };

struct revoked;
struct revoked *revoked_new(struct session *s);
void revoked_free(struct revoked **slot);

/* The store has told what there is. */
bool revoked_known(const struct session *s);

/* Clients may be accepted. */
bool revoked_open(const struct session *s);

bool revoked_has(const struct session *s, const struct token *t);

/* What a connection keeps of a jti: 0 for none. */
uint64_t revoked_hash(const struct session *s, struct bytes jti);

/* This one is new, and is in the store. */
void revoked_learn(struct session *s, const struct msg_revocation *m);

/* Each turn: ask. */
void revoked_tick(struct session *s);
uint64_t revoked_deadline_ms(const struct session *s);
