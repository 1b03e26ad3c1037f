/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h -- the keys that tokens are checked with: our own secret, and the file `auth/jwks`.
 *
 * Shape   the file is looked at once a second, and read when it is another one. So keys are rotated
 *         without a restart: whoever fetches them writes a new file and renames it into place.
 * Errors  at the start a file that cannot be read ends the process (100). Later the old keys hold;
 *         that is logged and counted (keys_failed). */
#pragma once

#include "proto/keyset.h"
#include "session/session.h"

struct keys;
struct keys *keys_open(struct session *s);
void keys_close(struct keys **slot);
void keys_look(struct session *s, struct keys *k);
const struct keyset *keys_of(const struct keys *k);
