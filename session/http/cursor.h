/* SPDX-License-Identifier: Apache-2.0 */
/* cursor.h -- where the next page of a list begins, as a client carries it.
 *
 * Shape   base64url of: version (1 byte), pos (8), and 16 bytes of HMAC-SHA256 under the installation's
 *         token key over these and the question: whose inbox, and the filters.
 * Why     a pos can be made up, and be used with another filter; this cannot. It names no row: what
 *         it stood at may be deleted meanwhile. */
#pragma once

#include "lib/arena.h"
#include "proto/messages.h"

/* A JSON string, or null: there is no next page. */
void cursor_write(struct buf *out, const struct msg_snapshot *page, uint64_t next,
                  struct bytes key);

/* Into page->before; false: it is none of ours, or of another question. */
bool cursor_read(struct bytes text, struct msg_snapshot *page, struct bytes key,
                 struct arena *scratch);
