/* SPDX-License-Identifier: Apache-2.0 */
/* jwks.h -- the keys at the URL auth/jwks, fetched into a file that session processes look at
 * (session/auth/keys.h): so that who signs tokens may rotate its keys, and may be away.
 *
 * Shape   every auth/jwks_s, with the ETag that the last answer had; after a failure sooner, from 1 s
 *         on. What comes is read as a session process will read it, and only then takes the old
 *         one's place, by a rename.
 * Errors  whatever fails leaves the file as it was; logged once, counted, and in /readyz.
 * Source  RFC 7517; RFC 9110 section 13.1.2. */
#pragma once

#include "hook/client.h"
#include "hook/hook.h"
#include "lib/arena.h"

struct jwks {
    const struct settings *settings;
    struct counter *counts;
    struct client *client;
    char file[PATH_SIZE];
    char etag[256], failure[300]; /* of the last good answer; what was logged last */
    uint64_t next_ms, wait_ms, now_ms;
    struct arena *scratch;
    bool asked, looked; /* under way; one look has ended, well or not */
};

void jwks_open(struct jwks *j, const struct settings *s, struct client *c, struct counter *counts,
               struct arena *scratch);
void jwks_turn(struct jwks *j, uint64_t now_ms);
uint64_t jwks_deadline_ms(const struct jwks *j);
