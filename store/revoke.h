/* SPDX-License-Identifier: Apache-2.0 */
/* revoke.h -- tokens that are good no more, though their signature and their end say otherwise.
 *
 * The idea: a row says "the token of this jti" or "the tokens of this user from before that time", and
 * until when anybody has to know. Each change of one has a number, rising: session processes ask a few
 * times a second what is new since the number that they have (read_revocations() in reads.h).
 * Rules   revoking more widely than before takes the row's place; less widely changes nothing.
 * Limits  limits.revocations rows, then FULL. Those that are over are forgotten by who revokes: once
 *         an hour, and when there is no room. */
#pragma once

#include "proto/messages.h"
#include "store/work.h"

/* OK and the revocation's number; INVALID, FULL. */
enum err revoke_tokens(struct work *w, const struct msg_revoke *m, uint64_t *number);
