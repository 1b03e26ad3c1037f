/* SPDX-License-Identifier: Apache-2.0 */
/* pattern.h -- patterns of topics, and texts made from what they capture.
 *
 * In a pattern `{name}` stands for one or more bytes without a colon, and the rest for itself; a
 * topic matches as a whole or not at all. Of several ways to match, the one with the shortest
 * captures from the left.
 * Pure. A pattern is valid before it is used for anything else. */
#pragma once

#include "lib/buf.h"
#include "proto/limits.h"

enum { CAPTURES_MAX = 8 };

struct capture {
    struct bytes name, value;
};

/* A topic's characters, braces in pairs, a name in each pair and each name once, text between two
 * of them; at most CAPTURES_MAX. */
bool pattern_valid(const char *pattern);

/* True: the topic matches whole; `captures` has *n of them (NULL: not wanted). */
bool pattern_match(const char *pattern, struct bytes topic, struct capture captures[CAPTURES_MAX],
                   size_t *n);

/* Some topic matches both. */
bool pattern_overlap(const char *a, const char *b);

/* Every topic that matches `b` matches `a` too, because they differ in their names at most. (False
 * says nothing.) */
bool pattern_same(const char *a, const char *b);

/* {name} in the text replaced. Unknown names stay as they are. */
void template_write(struct buf *out, const char *text, const struct capture *captures, size_t n);

/* The first {name} of the text that is neither the pattern's nor `also`; n is 0 when there is
 * none. */
struct bytes template_unknown(const char *text, const char *pattern, const char *also);
