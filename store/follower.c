/* SPDX-License-Identifier: Apache-2.0 */
#include "store/follower.h"

#include "lib/ensure.h"

void follower_start(struct follower *f, const struct hub_peer *peer, uint64_t after,
                    const struct msg_follow *m)
{
    *f = (struct follower){.there = true,
                           .peer = *peer,
                           .pushed = after,
                           .followed = after,
                           .window = m->window > 0 ? m->window : 1,
                           .asked = m->asked};
}

bool follower_done(struct follower *f, const struct hub_peer *peer, uint64_t to)
{
    if (!f->there || !hub_same(&f->peer, peer))
        return false;
    if (to > f->followed && to <= f->pushed)
        f->followed = to;
    return true;
}

bool follower_wants(const struct follower *f, uint64_t head, uint64_t *count)
{
    if (!f->there)
        return false;
    uint64_t under_way = f->pushed - f->followed;
    *count = under_way < f->window ? f->window - under_way : 0;
    if (*count > head - f->pushed)
        *count = head - f->pushed;
    return *count > 0 || !f->greeted;
}

void follower_pushed(struct follower *f, uint64_t to)
{
    ENSURE(to >= f->pushed);
    f->pushed = to;
    f->greeted = true;
}
