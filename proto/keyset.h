/* SPDX-License-Identifier: Apache-2.0 */
/* keyset.h -- the keys that tokens are checked with.
 *
 * Shape   the installation's own secret (HS256), and the keys of a JWKS, which may be loaded again
 *         while running: that is how keys are rotated.
 * Rules   a key has one algorithm, its own: the token's header must name the same, so that nothing
 *         in a token chooses how it is checked. A key with a kid is tried for that kid, or for a
 *         token without one. Keys of a JWKS that we do not know (RFC 7517, 5: other kty, use, crv)
 *         are passed over; RSA keys below 2,048 bits too.
 * Limits  KEYSET_MAX of a JWKS.
 * Errors  a JWKS that cannot be read leaves the earlier keys as they are.
 * Source  RFC 7515, 7517, 7518, 8037; OpenSSL's EVP_DigestVerify(3), EVP_PKEY_fromdata(3). */
#pragma once

#include "lib/arena.h"

#define TOKEN_ALGS(X)                                                                              \
    X(HS256, "HMAC with SHA-256")                                                                  \
    X(RS256, "RSA PKCS #1 with SHA-256")                                                           \
    X(ES256, "ECDSA on P-256 with SHA-256")                                                        \
    X(EdDSA, "Ed25519")
#define AS_ALG(name, doc) ALG_##name,
enum token_alg { TOKEN_ALGS(AS_ALG) ALG_COUNT };
#undef AS_ALG

enum { KEYSET_MAX = 16, KID_MAX = 128, JWKS_MAX = 65536 };

/* The algorithm of this name; ALG_COUNT: none of ours (and `none` is none of ours). */
enum token_alg alg_of(struct bytes name);

struct keyset;
struct keyset *keyset_new(struct bytes secret);
void keyset_free(struct keyset **slot); /* clears *slot; NULL is fine */

/* Take the keys of a JWKS in the place of those of the one before. NULL, or why not (static). */
const char *keyset_load(struct keyset *k, struct bytes jwks, struct arena *scratch);

/* How many are there, the secret included. */
unsigned keyset_count(const struct keyset *k);

/* One of the keys signed this. `kid` may be empty. */
bool keyset_verify(const struct keyset *k, enum token_alg alg, struct bytes kid,
                   struct bytes message, struct bytes signature);
