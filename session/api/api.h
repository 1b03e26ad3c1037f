/* SPDX-License-Identifier: Apache-2.0 */
/* api.h -- the HTTP API: for back ends (API key, service token) and for pages (user token).
 *
 * A request is checked here, becomes one request to the store, and is answered with what the store
 * answers. Source: docs/api.md "HTTP". */
#pragma once

#include "lib/err.h"
#include "session/auth/auth.h"

/* Shared by what else is HTTP. False (or NULL): it is answered already. */
bool api_authorised(struct session *s, struct request *r, struct who *who);
bool api_json_body(struct session *s, struct request *r);
bool api_key_of(struct session *s, struct request *r, struct bytes *key); /* Idempotency-Key */

/* Whose inbox: of a user's token its own, of a service the named one. `user` borrows. */
bool api_about(struct session *s, struct request *r, const struct who *who, struct bytes named,
               struct bytes *user);
bool api_body_about(struct session *s, struct request *r, struct bytes *user, struct who *who);

/* What the store's refusal is in HTTP. */
void api_error(struct session *s, struct request *r, enum err e);

/* The same of a create. */
struct msg_create;
void api_create_refused(struct session *s, struct request *r, const struct msg_create *m,
                        enum err e);

/* As routes_admit(), of a POST: somebody known sends it. */
bool api_admit(struct session *s, struct request *r);
void api_create(struct session *s, struct request *r);
