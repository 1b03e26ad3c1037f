/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h -- what those who ask are known by: our own secret and the file `auth/jwks` for tokens (of a
 * URL the file that the process `hook` keeps), the files secrets/api.keys and secrets/api.key for back ends.
 *
 * Shape   the files are looked at once a second, and read when they are others. So keys are made,
 *         rotated and revoked without a restart: whoever does it writes a new file and renames it
 *         into place.
 * Errors  at the start a file that cannot be read ends the process (100), but for the one of a URL: a power
 *         cut may have left anything there, and it is fetched again. Later the old keys hold; that is
 *         logged and counted (keys_failed). */
#pragma once

#include "proto/apikeys.h"
#include "proto/keyset.h"
#include "session/session.h"

struct keys;
struct keys *keys_open(struct session *s);
void keys_close(struct keys **slot);
void keys_look(struct session *s, struct keys *k);
/* Those at the URL auth/jwks were fetched once; or there is no such URL. */
bool keys_there(const struct session *s);
const struct keyset *keys_of_tokens(const struct keys *k);
const struct apikeys *keys_of_back_ends(const struct keys *k);
