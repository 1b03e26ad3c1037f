/* SPDX-License-Identifier: Apache-2.0 */
/* session.h -- what the parts of a session process share: the clocks of this turn, the settings, the
 * counters, and where to find each other. Each part's own header says what it does.
 *
 *     http -> pages, api, upgrade -> websocket --+
 *          -> longpoll ---------------------------+-> channel -> live (views) -> bus, asks (store)
 *                                                     conns <- frames
 */
#pragma once

#include "lib/arena.h"
#include "lib/counters.h"
#include "lib/map.h"
#include "lib/secret.h"
#include "proto/settings.h"

#define SESSION_COUNTERS(X)                                                                        \
    X(connections, gauge, "WebSockets and long-poll sessions now")                                 \
    X(websockets, gauge, "WebSockets now")                                                         \
    X(longpolls, gauge, "long-poll sessions now")                                                  \
    X(views, gauge, "joined topics now, over all connections")                                     \
    X(topics, gauge, "topics with someone here now")                                               \
    X(http_open, gauge, "HTTP connections now")                                                    \
    X(upgrades, total, "WebSockets accepted")                                                      \
    X(polls, total, "long-poll requests for a session of this process")                            \
    X(polls_forwarded, total, "long-poll requests handed to the owning process")                   \
    X(requests, total, "HTTP requests")                                                            \
    X(refused_auth, total, "connects and requests without a good token or key")                    \
    X(refused_revoked, total, "of them, those with a token that is revoked")                       \
    X(revocations, gauge, "tokens and users that are known to be revoked")                         \
    X(keys_failed, total,                                                                          \
      "times that a changed file of keys could not be read: the old ones hold")                    \
    X(hook_asks, total, "connects and joins that the application was asked about")                 \
    X(hook_denied, total, "of them, those that it refused")                                        \
    X(hook_failed, total, "of them, those refused as it gave no answer that counts")               \
    X(refused_hook_queue, total, "of these, those for which too many questions waited")            \
    X(refused_hook_time, total, "of these, those that it did not answer in time")                  \
    X(refused_origin, total, "connects from a page of another origin")                             \
    X(refused_bad, total, "requests refused as malformed")                                         \
    X(refused_full, total, "connects refused, as the process had no place for them")               \
    X(refused_body, total, "requests refused, as their body is larger than it may be")             \
    X(refused_headers, total, "requests refused, as line and headers are larger than they may be") \
    X(refused_import, total, "imports refused, as they are larger than they may be")               \
    X(refused_pushes, total, "pushes refused, as too many of the connection waited")               \
    X(refused_topics, total, "joins above session/topics")                                         \
    X(refused_presence, total, "lists of presence that would be too large for one answer")         \
    X(refused_scheduled, total, "creates refused, as too many wait for their deliver_at")          \
    X(refused_revocations, total, "revocations refused, as too many are kept")                     \
    X(refused_params, total, "joins whose payload is too large to ask the application about")      \
    X(polls_replaced, total, "polls answered at once, as a newer one of the session came")         \
    X(refused_user, total, "connects of users who have too many connections")                      \
    X(refused_address, total, "connections from addresses that have too many")                     \
    X(refused_memory, total, "connects while the process had more than session/memory_mb")         \
    X(refused_key, total, "requests of API keys that had too many waiting")                        \
    X(refused_joins, total, "joins above session/joins_per_s")                                     \
    X(accept_waits, total, "times that newcomers had to wait in the backlog")                      \
    X(messages_in, total, "messages from clients")                                                 \
    X(frames_out, total, "frames queued for clients")                                              \
    X(bytes_out, total, "bytes written to WebSockets")                                             \
    X(flushes, total, "writes to WebSockets")                                                      \
    X(publishes, total, "events published by clients and back ends")                               \
    X(publishes_refused, total, "events that a client may not publish")                            \
    X(pushes_refused, total, "other pushes that are answered with an error")                       \
    X(joins, total, "joins answered ok")                                                           \
    X(joins_refused, total, "joins answered with an error")                                        \
    X(broadcasts, total, "broadcasts received that someone here wanted")                           \
    X(shed, total, "transient frames and toasts that slow clients did without")                    \
    X(holes, total, "holes found in a topic and read from the log")                                \
    X(syncs, total, "notifications:sync sent")                                                     \
    X(lost, total, "events without a number that a client missed, as it took too little")          \
    X(behind, total, "times that a client took too little")                                        \
    X(presence_entries, gauge, "entries of this process on topics with presence now")              \
    X(presence_topics, gauge, "topics with presence now")                                          \
    X(presence_holes, total, "presence that was missed and asked for")                             \
    X(presence_gone, total, "session processes found gone or replaced")                            \
    X(presence_unlisted, total, "joins above a limit of presence, which are not listed")           \
    X(heads_missed, total, "heads that did not follow the last ones")                              \
    X(asks, total, "requests to the store")                                                        \
    X(peer_asks, total, "requests to other session processes, polls among them")                   \
    X(asks_failed, total, "requests to the store or a process without an answer in time")          \
    X(strangers, total, "connections over tcp:// refused for their key")                           \
    X(close_gone, total, "connections that the client ended")                                      \
    X(close_drain, total, "closed because the process leaves")                                     \
    X(close_idle, total, "closed because nothing came for too long")                               \
    X(close_unpolled, total, "long-poll sessions that nobody polled")                              \
    X(close_too_large, total, "closed because a message was larger than it may be")                \
    X(close_fragments, total, "closed because a message came in too many fragments")               \
    X(close_kicked, total, "closed by the back end")                                               \
    X(close_expired, total, "closed because their token had come to its end")                      \
    X(close_revoked, total, "closed because their token was revoked")                              \
    X(close_protocol, total, "closed because the client broke the protocol")                       \
    X(close_flood, total, "closed because the client sent more than it may")                       \
    X(close_slow, total, "HTTP connections cut because a request took too long to arrive")         \
    X(close_slow_reader, total, "closed because the client did not read")

enum { SESSION_COUNTERS(COUNTER_INDEX) COUNT_COUNT };

struct session {
    const struct settings *settings;
    unsigned index; /* of this process, below settings->sessions */
    uint64_t now_ms, wall_ms;
    struct arena scratch; /* reset after every message and request */
    struct counter *counts;
    int epoll;
    int front;     /* the socket that clients come to: door.h */
    uint64_t seed; /* of the hash tables that clients fill */
    uint64_t sweep_ms;
    bool draining;
    struct {
        uint64_t turn_ms;   /* the next goodbyes */
        uint64_t spread_ms; /* when all have been told */
        uint64_t shut_ms;   /* since when nobody is accepted; 0: still */
    } drain;                /* drain.h */
    char token_key[SECRET_TEXT], api_key[SECRET_TEXT];
    struct keys *keys; /* that tokens are checked with */
    struct revoked *revoked;

    struct map users; /* by name: users.h */
    struct seen *seen;
    struct map addresses; /* addresses.h */
    struct key_queue *key_queues;
    uint64_t joins_us; /* bucket.h */
    bool memory_full;  /* as it was a second ago at most */
    struct conns *conns;
    struct live *live;
    struct heads *heads;
    struct bus *bus;
    struct asks *store;
    struct asks *hook; /* hooks.h; NULL: nobody is to be asked */
    struct http *http;
    struct websockets *websockets;
    struct longpolls *longpolls;
    struct peers *peers; /* the other session processes */
    struct pass *passes; /* who waits for a position of the log: passed.h */
    unsigned passes_n;
    struct presence_live *presence;
    struct pages *pages; /* NULL: none are served */
};

static inline void count_add(struct session *s, unsigned which, uint64_t n)
{
    s->counts[which].value += n;
}

static inline void count_one(struct session *s, unsigned which)
{
    s->counts[which].value++;
}

static inline void gauge_down(struct session *s, unsigned which)
{
    s->counts[which].value--;
}

/* What a descriptor in the epoll set belongs to, packed into epoll_data.u64. */
enum wake { WAKE_listen, WAKE_http, WAKE_http_watch, WAKE_websocket };

static inline uint64_t wake_pack(enum wake kind, uint32_t generation, uint32_t id)
{
    return (uint64_t)kind << 60 | (uint64_t)(generation & 0xfffffff) << 32 | id;
}
