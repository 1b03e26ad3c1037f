/* SPDX-License-Identifier: Apache-2.0 */
/* presence.h -- who is on a topic, over all session processes. The core: pure, events in, effects
 * out through `struct presence_hand`, time as data.
 *
 * The idea    each process is the owner of the entries of its own connections, and nobody else
 *             changes them. An owner numbers what it changes, topic by topic, with `seq` and `prev` as
 *             the log does, and says the deltas to whoever listens; twice a second it says its heads:
 *             "between these steps these topics changed". So whoever misses a delta notices, and asks
 *             the owner for what it has of the topic.
 *             Only a process with somebody on the topic keeps the other owners' parts of it.
 * Who is gone an owner that is silent for PRESENCE_SILENT_MS while our own heads do come back to us
 *             through the broker: its entries leave. While they do not, the broker is away, and nobody
 *             is judged. A new instance in an owner's place ends the old one: at once, or after
 *             PRESENCE_GRACE_MS when the old one had said that it is leaving.
 * Telling     the first change after a quiet while is told in the same turn; what follows is gathered
 *             for PRESENCE_GATHER_MS. A watcher gets the state once, when every owner's part is known
 *             (or PRESENCE_STATE_MS have gone by), then diffs. Above `max` entries: only counts,
 *             every PRESENCE_COUNT_MS at most; below seven eighths of it, states again.
 * Limits      struct presence_limits. Who is above them looks on, but is not listed.
 * Source      docs/tour.md "Presence"; the shape of states and diffs: Phoenix.Presence. */
#pragma once

#include "session/presence/presence_room.h"

enum {
    PRESENCE_GATHER_MS = 90,
    PRESENCE_COUNT_MS = 500,
    PRESENCE_HEADS_MS = 400,
    PRESENCE_FIRST_MS = 50, /* between heads, until the first one comes back */
    PRESENCE_SILENT_MS = 3000,
    PRESENCE_ECHO_MS = 1500,  /* our own heads not back for so long: the broker is away */
    PRESENCE_START_MS = 1500, /* after our start, owners that never spoke are waited for */
    PRESENCE_STATE_MS = 500,
    PRESENCE_YOUNG_MS =
        300, /* after our start no state is told: all who waited for us come at once */
    PRESENCE_RETRY_MS = 200,
    PRESENCE_GRACE_MS =
        1500, /* after a process that drained: its clients have come back elsewhere */
};

struct presence_limits {
    unsigned owners;  /* places of processes: indices below it */
    uint32_t rooms;   /* topics with somebody of this process */
    uint32_t entries; /* of this process on one topic; at most PRESENCE_PART_MAX */
    size_t bytes;     /* of their messages */
    uint32_t merged;  /* on one topic, over all owners: nobody is added above it */
};
extern const struct presence_limits presence_limits; /* but for `owners` */

enum presence_news_kind { NEWS_state, NEWS_diff, NEWS_count };
struct presence_news {
    enum presence_news_kind kind;
    uint64_t number; /* the same number, the same news */
    struct bytes topic, payload;
};

/* What the core wants done. */
struct presence_hand {
    void *about;
    /* Through the broker: a delta to its topic's bucket; heads to all. May be lost. */
    void (*publish)(void *about, const struct msg *m);
    /* Of process `index`; leads to one presence_answered(), now or later. */
    void (*ask)(void *about, unsigned index, struct msg *m);
    /* The member's output has room. Who has not gets a state later instead of diffs. */
    bool (*ready)(void *about, const void *member);
    void (*tell)(void *about, void *member, const struct presence_news *news);
};

struct presence_counts {
    uint64_t entries;      /* of this process */
    uint64_t rooms;        /* topics */
    uint64_t holes;        /* parts found to be not what their owner has */
    uint64_t heads_missed; /* heads that did not follow the last ones */
    uint64_t gone;         /* owners judged to be gone or replaced */
    uint64_t unlisted;     /* joins above a limit */
};

struct presence;

/* `instance`: when this process began, in its upper bits, and chance in the lower PRESENCE_CHANCE. */
enum { PRESENCE_CHANCE = 20 };
struct presence *presence_new(const struct presence_hand *hand,
                              const struct presence_limits *limits, unsigned index,
                              uint64_t instance, uint64_t seed, uint64_t now_ms);
void presence_free(struct presence **slot); /* every watcher has left */

/* Somebody here joins. `max`: of the topic's class. `meta`: a JSON object, compact, without refs, of at
 * most PRESENCE_META_MAX. No user: looks on, is not listed. NULL: too many rooms. */
struct watcher *presence_watch(struct presence *p, void *member, struct bytes topic, uint32_t max,
                               struct bytes user, struct bytes meta, uint64_t now_ms);
/* False: it is not listed. */
bool presence_update(struct presence *p, struct watcher *w, struct bytes meta, uint64_t now_ms);
/* `stays`: its entry is listed until this owner is gone. */
void presence_unwatch(struct presence *p, struct watcher *w, bool stays, uint64_t now_ms);

/* From the broker. */
void presence_delta(struct presence *p, const struct msg_presence_delta *d, uint64_t now_ms);
void presence_heads(struct presence *p, const struct msg_presence_heads *h, uint64_t now_ms);

/* Another process asks: the answer borrows until the next call. */
void presence_asked(struct presence *p, const struct msg_presence_ask *ask, struct msg *answer);
/* What process `index` answered; NULL: nothing. */
void presence_answered(struct presence *p, unsigned index, const struct msg_presence_parts *answer,
                       uint64_t now_ms);

/* This process drains: its clients go to the others, and should not leave before they are there. */
void presence_leaving(struct presence *p, uint64_t now_ms);

void presence_tick(struct presence *p, uint64_t now_ms);
uint64_t presence_deadline_ms(const struct presence *p);

/* Is this owner there, as far as we know? */
bool presence_expects(const struct presence *p, unsigned index);

/* The topic, or NULL when nobody here is on it. *whole: it has every owner's part. */
const struct room *presence_room(const struct presence *p, struct bytes topic, bool *whole);
const struct presence_counts *presence_counts(const struct presence *p);
