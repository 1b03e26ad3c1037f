/* SPDX-License-Identifier: Apache-2.0 */
/* id.h -- a notification's id: a ULID that says where the notification is.
 *
 * Shape   16 bytes: 6 of wall clock in ms, 2 of zero, 8 of pos; big-endian. As text: the 26 letters
 *         of a ULID (Crockford's base 32), which sort as they were made. So no table from ids to
 *         positions is needed; whoever looks up a pos compares the clock too, so that a made-up id
 *         finds nothing.
 * Source  github.com/ulid/spec. */
#pragma once

#include "lib/buf.h"

enum { ID_SIZE = 16, ID_TEXT = 26 };

void id_make(uint64_t at_ms, uint64_t pos, uint8_t out[ID_SIZE]);
uint64_t id_at_ms(const uint8_t id[ID_SIZE]);
uint64_t id_pos(const uint8_t id[ID_SIZE]);

void id_write(struct buf *out, const uint8_t id[ID_SIZE]);

/* False when it is no ULID, whoever made it. */
bool id_read_any(struct bytes text, uint8_t out[ID_SIZE]);

/* False when it is not an id of ours: then there is no such notification. */
bool id_read(struct bytes text, uint8_t out[ID_SIZE]);
