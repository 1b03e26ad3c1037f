/* SPDX-License-Identifier: Apache-2.0 */
/* presence_core.h -- what the three files of the core share: presence.c (who is here), presence_owners.c
 * (what the others have), presence_tell.c (what is told). */
#pragma once

#include "session/presence/presence.h"

/* Another process. */
struct owner {
    uint64_t instance; /* 0: never heard */
    uint64_t heard_ms;
    uint64_t at; /* its heads are known up to this step */
    uint64_t retry_ms;
    bool leaving;         /* it drains */
    bool gone;            /* silent for too long */
    bool asking;          /* one question is under way */
    struct ring suspects; /* parts to ask for */
    struct ring asked;
};

struct presence {
    struct presence_hand hand;
    struct presence_limits limits;
    struct presence_counts counts;
    struct map rooms;
    struct owner *owners;
    struct ring soon, later;       /* rooms to be told: in this turn; in the order of due_ms */
    struct ring changed;           /* rooms since the last heads, in the order of their seq */
    struct buf text, list, leaves; /* payloads; elements of messages */
    unsigned self;
    uint64_t instance, seed;
    uint64_t now_ms, start_ms;
    uint64_t seq;                 /* our step */
    uint64_t heads_at, heads_ms;  /* the last heads' `to`; when the next ones are due */
    uint64_t echo_ms, echo_since; /* our heads came back last; without a pause since */
    uint64_t departed_ms;         /* then who drained is forgotten; 0: nobody */
    uint64_t refs, news;          /* given out so far */
    bool leaving;                 /* we drain */
};

/* Something of this room is to be told. */
void presence_touch(struct presence *p, struct room *r);

/* Every owner's part is here. */
bool presence_whole(const struct presence *p, const struct room *r);

/* What we have of it may not be what its owner has. */
void presence_suspect(struct presence *p, unsigned index, struct part *part);

/* Who is silent for too long is gone, and the grace of who drained comes to its end. */
void presence_judge(struct presence *p);

/* Ask an owner for what is suspect of it. */
void presence_ask_owner(struct presence *p, unsigned index);

/* Tell what is new of a room; the room may be freed. */
void presence_flush(struct presence *p, struct room *r);

/* What changed since the last ones, also when nothing did: they are our heartbeat. */
void presence_say_heads(struct presence *p);
