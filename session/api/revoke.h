/* SPDX-License-Identifier: Apache-2.0 */
/* revoke.h -- tokens are revoked, over HTTP. Source: docs/api.md "Revoking". */
#pragma once

#include "session/http/http.h"

#define REVOKE_MEMBERS "jti, token, user, before, expires_at"

void tokens_revoke(struct session *s, struct request *r);
