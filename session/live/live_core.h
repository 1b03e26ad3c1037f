/* SPDX-License-Identifier: Apache-2.0 */
/* live_core.h -- what the two files of live.h share: live.c (what happens reaches the views) and
 * live_effects.c (what they decide is carried out). */
#pragma once

#include "session/live/live.h"
#include "session/socket/phoenix.h"

struct live {
    struct roster roster;
    struct buf json; /* payloads are written here, then copied into a frame */
    struct buf event;
    uint64_t broadcast; /* the newest one that we heard of */
    unsigned merging;   /* members that were asked to merge and have not answered */
};

/* What an event brings that its effects send on. */
struct news {
    const struct msg *answer; /* of the store: a snapshot, or changes */
    enum err why;             /* there is none */
    const struct msg_broadcast *broadcast;
    struct frame *frames[PHX_V2 + 1]; /* the broadcast, encoded once for each vsn that needs it */
};

/* An event for a member's view, and what it decides; `news` NULL: the event brings nothing. */
void live_step(struct session *s, struct member *m, struct view_event ev, struct news *news);

/* One effect of a step. */
void live_carry_out(struct session *s, struct member *m, struct view_effect fx, struct news *news);

/* The member's inbox has answered, or will not. */
void live_merge_over(struct session *s, struct member *m);

/* The client's channel is over: phx_error (it comes back) or phx_close (it does not). */
void live_end_channel(struct session *s, struct member *m, struct bytes event,
                      struct bytes payload);
