/* SPDX-License-Identifier: Apache-2.0 */
/* base64.h -- RFC 4648: written with the URL alphabet and no padding, read with either alphabet,
 * padded or not. Bits behind the last byte must be zero. */
#pragma once

#include "lib/arena.h"

void base64url_write(struct buf *out, struct bytes bytes);

/* False when it is not base64 or the arena is full. */
bool base64_read(struct bytes text, struct arena *scratch, struct bytes *out);
