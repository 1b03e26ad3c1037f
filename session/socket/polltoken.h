/* SPDX-License-Identifier: Apache-2.0 */
/* polltoken.h -- the name of a long-poll session, as its client carries it.
 *
 * Shape   "lp_" and base64url of: owner (1 byte), slot (4), generation (8), cursor (8), and 16 bytes of
 *         HMAC-SHA256 under the installation's token key.
 * Why     any process can tell whose session it is; nobody can make one up; and the cursor says how
 *         many batches have arrived, without the client knowing. */
#pragma once

#include "lib/arena.h"

struct poll_token {
    uint8_t owner; /* index of the session process */
    uint32_t slot;
    uint64_t generation, cursor;
};

void poll_token_write(struct buf *out, const struct poll_token *t, struct bytes key);
bool poll_token_read(struct poll_token *t, struct bytes text, struct bytes key,
                     struct arena *scratch);
