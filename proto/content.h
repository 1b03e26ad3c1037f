/* SPDX-License-Identifier: Apache-2.0 */
/* content.h -- a notification's content of which some is to be other: type, title, body, data, category. */
#pragma once

#include "lib/buf.h"

/* Append `old` with the members of `other` in the place of its own; without `category`, where that is null in
 * `other`. Both are checked JSON objects, without white space. */
void content_merge(struct buf *out, struct bytes old, struct bytes other);
