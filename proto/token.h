/* SPDX-License-Identifier: Apache-2.0 */
/* token.h -- who somebody is: a JWT signed with HS256.
 *
 * Claims  sub (the user), role (user | service; user when absent), exp (seconds; must be there),
 *         topics (patterns the bearer may join; optional).
 * Rules   alg must be HS256: nothing in a token chooses how it is checked.
 * Source  RFC 7515, RFC 7519. */
#pragma once

#include "lib/arena.h"
#include "proto/limits.h"

enum token_role { ROLE_user, ROLE_service };

enum { TOKEN_TOPICS = 512, TOKEN_MAX = 4096 };

struct token {
    char sub[USER_MAX + 1]; /* empty for a service */
    enum token_role role;
    uint64_t exp_s;
    char topics[TOKEN_TOPICS]; /* comma between */
};

void token_write(struct buf *out, struct bytes secret, const struct token *t);

/* NULL, or a word why not: malformed, algorithm, signature, expired, claims. */
const char *token_read(struct token *t, struct bytes text, struct bytes secret, uint64_t now_s,
                       struct arena *scratch);
