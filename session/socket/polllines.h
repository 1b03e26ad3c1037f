/* SPDX-License-Identifier: Apache-2.0 */
/* polllines.h -- the body of a long-poll's POST: a message a line.
 *
 * Shape   text frames begin with '[' or '{'; any other line is a binary frame in base64. Empty lines are
 *         nothing; a line may end in CR LF.
 * Owner   a message borrows from the body or the arena. */
#pragma once

#include "lib/arena.h"

struct poll_lines {
    struct bytes rest;
    struct arena *scratch;
    bool bad; /* a line was no frame, or the arena is full */
};

static inline struct poll_lines poll_lines_over(struct bytes body, struct arena *scratch)
{
    return (struct poll_lines){body, scratch, false};
}

/* False at the end, and at a line that is bad. */
bool poll_lines_next(struct poll_lines *l, struct bytes *message, bool *binary);
