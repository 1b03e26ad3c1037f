/* SPDX-License-Identifier: Apache-2.0 */
/* refresh.h -- a connection goes on with another token of the same user.
 *
 * A client that is told `token_expiring` on topic `phoenix` pushes `access_token {token}` there. What
 * it may is from then on what this token says: topics that it may no longer be on are closed. */
#pragma once

#include "session/conn.h"

/* NULL, or why not: then everything is as it was. `payload`: {"token": ".."}, checked JSON. */
const char *refresh_token(struct session *s, struct conn *c, struct bytes payload);
