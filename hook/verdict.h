/* SPDX-License-Identifier: Apache-2.0 */
/* verdict.h -- what the application says to a question. Pure.
 *
 * Shape   {"allow":true|false, "reason":"..", "cache_s":N}, and for a connect "user", "topics",
 *         "publish" (lists of patterns) and "expires_in" (seconds), for a join "publish" (true|false).
 *         What we do not know is passed over; what we know must be as it should.
 * Source  docs/api.md "The application decides". */
#pragma once

#include "lib/arena.h"
#include "proto/messages.h"

enum { VERDICT_BODY_MAX = 16384 }; /* of the application's answer */

struct verdict {
    enum err e; /* OK: the application's word; else there is none, and `reason` says why */
    bool allowed, claims, publishes;
    uint64_t cache_s, lifetime_s; /* cache_s: UINT64_MAX when it does not say */
    char reason[HOOK_REASON_MAX + 1], user[USER_MAX + 1];
    char topics[CLAIM_MAX + 1], publish[CLAIM_MAX + 1];
};

/* There is none: why not. */
void verdict_none(struct verdict *v, enum err e, const char *why);

/* NULL, or what is wrong with the answer (static). */
const char *verdict_read(struct verdict *v, enum hook_kind kind, struct bytes json,
                         struct arena *scratch);

/* As the session process is told. Borrows from the verdict. */
struct msg verdict_msg(const struct verdict *v, uint64_t req);
