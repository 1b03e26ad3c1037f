/* SPDX-License-Identifier: Apache-2.0 */
/* belfry-session: the process that browsers and back ends talk to. Table of contents: what is opened,
 * one turn of the loop, what is closed in reverse. */
#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/secret.h"
#include "session/asks.h"
#include "session/bus.h"
#include "session/conn.h"
#include "session/heads.h"
#include "session/http.h"
#include "session/live.h"
#include "session/longpoll.h"
#include "session/pages.h"
#include "session/peers.h"
#include "session/presence_live.h"
#include "session/websocket.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    EVENTS_PER_TURN = 512,
    SWEEP_MS = 1000,
    DRAIN_TURN_MS = 50,
    DRAIN_LAST_MS = 3000, /* beyond the spread: for the last clients to say goodbye */
    SCRATCH = 2 << 20,
    HTTP_ROOM = 500, /* sockets left for HTTP when all connections are taken */
};

static const struct counter counters_list[] = {SESSION_COUNTERS(COUNTER_ROW)};

struct process {
    struct session s;
    struct settings settings;
    struct paths paths;
    struct counters counters;
    void *zmq;
    int signals;
    int ready_fd;
    uint64_t sweep_ms;
    uint64_t drain_ms, drain_end_ms; /* the next goodbyes, and when to leave whoever is there */
};

/* What the wait is on: descriptors first, then sockets; their number changes with the peers'. */
enum {
    ON_signals,
    ON_epoll,
    ON_bus,
    ON_store = ON_bus + BUS_POLL,
    ON_peers = ON_store + LINK_POLL
};
enum { ON_MAX = ON_peers + PEERS_POLL };

static uint32_t connections_max(const struct session *s)
{
    uint32_t sockets = http_sockets_max(s);
    uint32_t most = sockets > 2 * HTTP_ROOM ? sockets - HTTP_ROOM : sockets / 2;
    uint64_t wanted = s->settings->connections;
    return wanted > 0 && wanted < most ? (uint32_t)wanted : most;
}

static void open_all(struct process *p, int argc, char **argv)
{
    struct start start = settings_start(argc, argv);
    struct session *s = &p->s;
    char role[24], file[PATH_SIZE];
    p->settings = start.settings;
    p->ready_fd = start.ready_fd;
    p->paths = paths_of(&p->settings);
    p->signals = signals_take();
    s->settings = &p->settings;
    s->index = start.index;
    s->now_ms = clock_ms();
    s->wall_ms = clock_wall_ms();
    paths_make(&p->settings);
    if (!secret_load(p->paths.token_key, s->token_key) ||
        !secret_load(p->paths.api_key, s->api_key))
        refuse("session.secrets folder=%s/secrets error=\"%s\"", p->settings.data, strerror(errno));
    snprintf(role, sizeof role, "session.%u", s->index);
    path_counters(&p->settings, role, file);
    if (!counters_open(&p->counters, file, role, counters_list, COUNT_COUNT))
        refuse("session.counters file=%s error=\"%s\"", file, strerror(errno));
    s->counts = p->counters.rows;
    arena_init(&s->scratch, SCRATCH);
    secret_random(&s->seed, sizeof s->seed);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    ENSURE(s->epoll >= 0);
    p->zmq = zmq_ctx_new();
    ENSURE(p->zmq != NULL);

    s->store = asks_new(p->zmq, p->paths.store, &s->counts[COUNT_asks].value,
                        &s->counts[COUNT_asks_failed].value);
    bus_new(s, p->zmq, &p->paths);
    users_init(&s->users, s->seed);
    live_new(s);
    presence_live_new(s);
    heads_new(s);
    websockets_new(s);
    peers_new(s, p->zmq);
    longpolls_new(s);
    s->pages = p->settings.dev ? pages_new(p->settings.web) : NULL;
    http_new(s);
    conns_new(s, connections_max(s));
    log_line("session.start index=%u connections=%u dev=%llu", s->index, connections_max(s),
             (unsigned long long)p->settings.dev);
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

/* The first TERM: nobody new, goodbyes spread over drain_ms; a second one changes nothing. */
static void drain(struct process *p)
{
    struct session *s = &p->s;
    if (s->draining)
        return;
    log_line("session.drain connections=%u", conns_count(s));
    s->draining = true;
    http_accept_stop(s);
    presence_drain(s);
    p->drain_ms = s->now_ms;
    p->drain_end_ms = s->now_ms + p->settings.drain_ms + DRAIN_LAST_MS;
}

/* An even share of those that are there still, so that they do not all return at once. */
static bool drained(struct process *p)
{
    struct session *s = &p->s;
    if (!s->draining)
        return false;
    uint64_t spread_end_ms = p->drain_end_ms - DRAIN_LAST_MS;
    if (s->now_ms >= p->drain_ms) {
        uint64_t left_ms = spread_end_ms > s->now_ms ? spread_end_ms - s->now_ms : 0;
        uint32_t turns = (uint32_t)(left_ms / DRAIN_TURN_MS) + 1;
        conns_drain(s, conns_count(s) / turns + 1);
        p->drain_ms = s->now_ms + DRAIN_TURN_MS;
    }
    return (conns_count(s) == 0 && !http_asking(s)) || s->now_ms >= p->drain_end_ms;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t deadline_ms(const struct process *p)
{
    const struct session *s = &p->s;
    uint64_t first = p->sweep_ms;
    first = sooner(first, live_deadline_ms(s));
    first = sooner(first, presence_live_deadline_ms(s));
    first = sooner(first, asks_deadline_ms(s->store));
    first = sooner(first, peers_deadline_ms(s));
    first = sooner(first, http_deadline_ms(s));
    return s->draining ? sooner(first, p->drain_ms) : first;
}

static void sweep(struct process *p)
{
    struct session *s = &p->s;
    if (s->now_ms < p->sweep_ms)
        return;
    p->sweep_ms = s->now_ms + SWEEP_MS;
    p->counters.head->beat_wall_ms = s->wall_ms;
    heads_probe(s);
    conns_sweep(s);
    http_sweep(s);
}

/* Everything that came in this turn is handled; now everything that it produced leaves. */
static void send_all(struct session *s)
{
    presence_live_tick(s);
    live_tick(s);
    heads_tick(s);
    conns_flush(s);
    http_run(s); /* takes polls and upgrades, which may have produced more */
    conns_flush(s);
    http_run(s);
    bus_flush(s);
    peers_flush(s);
    asks_flush(s->store);
}

static void ready(struct process *p)
{
    if (p->ready_fd < 0 || !heads_known(&p->s))
        return;
    ready_tell(p->ready_fd);
    p->ready_fd = -1;
}

static void run(struct process *p)
{
    struct session *s = &p->s;
    zmq_pollitem_t on[ON_MAX];
    while (!drained(p)) {
        on[ON_signals] = (zmq_pollitem_t){.fd = p->signals, .events = ZMQ_POLLIN};
        on[ON_epoll] = (zmq_pollitem_t){.fd = s->epoll, .events = ZMQ_POLLIN};
        bus_poll(s, on + ON_bus);
        asks_poll(s->store, on + ON_store);
        int n = ON_peers + peers_poll(s, on + ON_peers);
        loop_wait(on, n, deadline_ms(p), clock_ms()); /* the only place where we sleep */
        s->now_ms = clock_ms();
        s->wall_ms = clock_wall_ms();
        if (on[ON_signals].revents)
            drain(p);
        bus_read(s);
        asks_read(s->store, s->now_ms);
        peers_read(s);
        if (on[ON_epoll].revents)
            read_epoll(s);
        sweep(p);
        send_all(s);
        ready(p);
    }
}

static void close_all(struct process *p)
{
    struct session *s = &p->s;
    conns_drop_all(s);
    peers_free(&s->peers);
    longpolls_free(&s->longpolls);
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
    zmq_ctx_term(p->zmq);
    close(s->epoll);
    arena_fini(&s->scratch);
    counters_close(&p->counters);
    close(p->signals);
}

int main(int argc, char **argv)
{
    static struct process p;
    open_all(&p, argc, argv);
    run(&p);
    close_all(&p);
    log_line("session.stop index=%u", p.s.index);
    return EXIT_drained;
}
