/* SPDX-License-Identifier: Apache-2.0 */
/* token.h -- who somebody is: a signed JWT.
 *
 * Claims  sub (the user), role (user | service | admin; user when absent), exp (seconds; must be
 *         there), nbf, iat, jti, iss, aud; topics (patterns that the bearer may join), publish
 *         (those that it may publish on; those of `topics` when absent).
 * Rules   the signature is one of the keyset's (keyset.h). Where an issuer or an audience is set,
 *         a token must name it. The clocks of who signs and who reads may differ by the leeway.
 * Source  RFC 7515, RFC 7519, RFC 8725. */
#pragma once

#include "proto/keyset.h"
#include "proto/limits.h"

enum token_role { ROLE_user, ROLE_service, ROLE_admin };

enum { TOKEN_TOPICS = 512, TOKEN_MAX = 4096 };

struct token {
    char sub[USER_MAX + 1]; /* empty for a service or an admin */
    enum token_role role;
    uint64_t exp_s;             /* it is good until then; when it was read, with the leeway */
    uint64_t iat_s;             /* when it was made; 0: it does not say */
    char jti[JTI_MAX + 1];      /* its own name, by which it may be revoked; or empty */
    char topics[TOKEN_TOPICS];  /* comma between */
    char publish[TOKEN_TOPICS]; /* the same */
};

/* What is asked of a token besides a good signature. */
struct token_rules {
    const char *issuer, *audience; /* empty: any, or none */
    uint64_t leeway_s;
    uint64_t lifetime_s; /* it may be good for so long at most */
};

/* The claims of a token that was read, JSON text. */
struct bytes token_claims(struct bytes text, struct arena *scratch);

/* Signed with HS256; names the rules' issuer and audience. */
void token_write(struct buf *out, struct bytes secret, const struct token *t,
                 const struct token_rules *rules);

/* NULL, or a word why not: malformed, algorithm, signature, claims, issuer, audience, early,
 * expired, lifetime. */
const char *token_read(struct token *t, struct bytes text, const struct keyset *keys,
                       const struct token_rules *rules, uint64_t now_s, struct arena *scratch);
