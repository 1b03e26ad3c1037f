/* SPDX-License-Identifier: Apache-2.0 */
/* follower.h -- how far the log was pushed to the notifier. Pure: positions only.
 *
 * At most `window` entries are on their way to it, so that a notifier that is slow, or gone, costs
 * nothing but the window. */
#pragma once

#include "lib/hub.h"
#include "proto/messages.h"

struct follower {
    bool there;
    bool greeted; /* it has been told where it stands */
    struct hub_peer peer;
    uint64_t pushed;   /* up to here */
    uint64_t followed; /* it has published up to here */
    uint64_t window;
    uint64_t asked; /* its number for that */
};

/* A new one takes the place of the old one; as it asked, but from where it is in the log. */
void follower_start(struct follower *f, const struct hub_peer *peer, uint64_t after,
                    const struct msg_follow *m);

/* True when this is the one that we push to. */
bool follower_done(struct follower *f, const struct hub_peer *peer, uint64_t to);

/* How many entries may be pushed now, when the log's head is `head`. The first push may be of none:
 * it tells the follower where it stands. */
bool follower_wants(const struct follower *f, uint64_t head, uint64_t *count);
void follower_pushed(struct follower *f, uint64_t to);
