/* SPDX-License-Identifier: Apache-2.0 */
#include "session/turn.h"

#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "proto/topic.h"
#include "session/socket/admit.h"
#include "session/asks.h"
#include "session/bus.h"
#include "session/socket/conn.h"
#include "session/socket/drain.h"
#include "session/live/heads.h"
#include "session/auth/hooks.h"
#include "session/http/http.h"
#include "session/auth/keys.h"
#include "session/live/live.h"
#include "session/socket/longpoll.h"
#include "session/http/pages.h"
#include "session/peers.h"
#include "session/live/passed.h"
#include "session/presence/presence_live.h"
#include "session/auth/revoked.h"
#include "session/seen.h"
#include "session/socket/websocket.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    EVENTS_PER_TURN = 512,
    SWEEP_MS = 1000,
    SCRATCH = 2 << 20,
    HTTP_ROOM = 500, /* sockets left for HTTP when all connections are taken */
};

static uint32_t connections_max(const struct session *s)
{
    uint32_t sockets = http_sockets_max(s);
    uint32_t most = sockets > 2 * HTTP_ROOM ? sockets - HTTP_ROOM : sockets / 2;
    uint64_t wanted = s->settings->connections;
    return wanted > 0 && wanted < most ? (uint32_t)wanted : most;
}

void turn_open(struct session *s, void *zmq, const struct paths *paths)
{
    arena_init(&s->scratch, SCRATCH);
    secret_random(&s->seed, sizeof s->seed);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    ENSURE(s->epoll >= 0);
    s->keys = keys_open(s);
    s->store = asks_new(zmq, paths->store, &s->counts[COUNT_asks].value,
                        &s->counts[COUNT_asks_failed].value);
    asks_most(s->store, s->settings->store_requests);
    hooks_open(s, zmq, paths);
    revoked_new(s);
    bus_new(s, zmq, paths);
    users_init(&s->users, s->seed);
    seen_new(s);
    addresses_init(s);
    s->key_queues = calloc(KEY_QUEUES, sizeof *s->key_queues);
    ENSURE(s->key_queues != NULL);
    live_new(s);
    bus_want(s, topic_bucket(BYTES(TOPIC_BROADCASTS))); /* always */
    presence_live_new(s);
    heads_new(s);
    websockets_new(s);
    peers_new(s, zmq);
    longpolls_new(s);
    s->pages = pages_new(s->settings->web, s->settings->dev);
    http_new(s);
    conns_new(s, connections_max(s));
    log_line("session.start index=%u connections=%u dev=%llu", s->index, connections_max(s),
             (unsigned long long)s->settings->dev);
}

void turn_close(struct session *s)
{
    conns_drop_all(s);
    passed_stop(s);
    peers_free(&s->peers);
    longpolls_free(&s->longpolls);
    asks_free(&s->hook);
    asks_free(&s->store); /* whoever waited is answered now: nothing may be suspended below */
    http_free(&s->http);
    conns_drop_all(s); /* an upgrade that was under way */
    pages_free(&s->pages);
    websockets_free(&s->websockets);
    heads_free(&s->heads);
    live_free(&s->live);
    presence_live_free(&s->presence);
    bus_free(&s->bus);
    conns_free(&s->conns);
    users_fini(&s->users);
    addresses_fini(s);
    free(s->key_queues);
    revoked_free(&s->revoked);
    seen_free(&s->seen);
    keys_close(&s->keys);
    close(s->epoll);
    arena_fini(&s->scratch);
}

static void read_epoll(struct session *s)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int n = epoll_wait(s->epoll, events, EVENTS_PER_TURN, 0);
    for (int i = 0; i < n; i++) {
        uint64_t packed = events[i].data.u64;
        enum wake kind = (enum wake)(packed >> 60);
        uint32_t generation = packed >> 32 & 0xfffffff, id = (uint32_t)packed;
        if (kind != WAKE_websocket) {
            http_ready(s, kind, id, generation);
            continue;
        }
        struct conn *c = conn_find(s, id, generation);
        if (c)
            websocket_ready(s, c, events[i].events);
    }
}

static void sweep(struct session *s)
{
    if (s->now_ms < s->sweep_ms)
        return;
    s->sweep_ms = s->now_ms + SWEEP_MS;
    heads_probe(s);
    keys_look(s, s->keys);
    admit_sweep(s);
    conns_sweep(s);
    http_sweep(s);
}

static void flush(struct session *s)
{
    uint64_t from_ms = clock_ms();
    conns_flush(s);
    bus_rest(s, clock_ms() - from_ms);
}

/* Everything that came in this turn is handled; now everything that it produced leaves. */
static void send_all(struct session *s)
{
    presence_live_tick(s);
    live_tick(s);
    heads_tick(s);
    passed_tick(s);
    revoked_tick(s);
    flush(s);
    http_run(s); /* takes polls and upgrades, which may have produced more */
    conns_flush(s);
    http_run(s);
    seen_tick(s);
    bus_flush(s);
    peers_flush(s);
    asks_flush(s->store);
    if (s->hook)
        asks_flush(s->hook);
}

/* What other processes said, and what they did not say in time. */
static void read_sockets(struct session *s, bool sockets)
{
    if (sockets || bus_deadline_ms(s) <= s->now_ms)
        bus_read(s);
    if (sockets || asks_deadline_ms(s->store) <= s->now_ms)
        asks_read(s->store, s->now_ms);
    if (sockets || peers_deadline_ms(s) <= s->now_ms)
        peers_read(s);
    if (s->hook && (sockets || asks_deadline_ms(s->hook) <= s->now_ms))
        asks_read(s->hook, s->now_ms);
}

void turn_run(struct session *s, bool descriptors, bool sockets)
{
    read_sockets(s, sockets);
    if (descriptors)
        read_epoll(s);
    sweep(s);
    send_all(s);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t turn_deadline_ms(const struct session *s)
{
    uint64_t first = s->sweep_ms;
    first = sooner(first, revoked_deadline_ms(s));
    first = sooner(first, live_deadline_ms(s));
    first = sooner(first, bus_deadline_ms(s));
    first = sooner(first, presence_live_deadline_ms(s));
    first = sooner(first, asks_deadline_ms(s->store));
    first = sooner(first, s->hook ? asks_deadline_ms(s->hook) : LOOP_NEVER);
    first = sooner(first, seen_deadline_ms(s));
    first = sooner(first, peers_deadline_ms(s));
    first = sooner(first, http_deadline_ms(s));
    return sooner(first, drain_deadline_ms(s));
}
