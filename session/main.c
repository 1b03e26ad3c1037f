/* SPDX-License-Identifier: Apache-2.0 */
/* belfry-session: the process that browsers and back ends talk to. Table of contents: what is opened,
 * one turn of the loop, what is closed in reverse. */
#include "lib/clock.h"
#include "lib/curve.h"
#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/sandbox.h"
#include "proto/hooks.h"
#include "session/asks.h"
#include "session/bus.h"
#include "session/socket/drain.h"
#include "session/live/heads.h"
#include "session/http/door.h"
#include "session/http/pages.h"
#include "session/peers.h"
#include "session/auth/revoked.h"
#include "session/turn.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static const struct counter counters_list[] = {SESSION_COUNTERS(COUNTER_ROW)};

struct process {
    struct session s;
    struct settings settings;
    struct paths paths;
    struct counters counters;
    void *zmq;
    int signals;
    int ready_fd;
};

/* What the wait is on: descriptors first, then sockets; their number changes with the peers'. */
enum {
    ON_signals,
    ON_epoll,
    ON_bus,
    ON_store = ON_bus + BUS_POLL,
    ON_hook = ON_store + LINK_POLL,
    ON_peers = ON_hook + LINK_POLL
};
enum { ON_MAX = ON_peers + PEERS_POLL };

/* The keys and the pages may be others later: their folders. What others count and log is shown. */
static void confine(const struct settings *set, const struct paths *paths, const char *folder,
                    bool tcp)
{
    char secrets[PATH_SIZE], keys[PATH_SIZE + 128], pages[PATH_MAX];
    snprintf(secrets, sizeof secrets, "%s", paths->api_keys);
    snprintf(keys, sizeof keys, "%s", jwks_by_url(set) ? "" : set->jwks);
    pages_folder(set->web, pages);
    struct sandbox box = {
        .write = {folder},
        .read = {dirname(secrets), keys[0] ? dirname(keys) : NULL, pages, paths->run},
        .local = true,
        .connects = true,
        .internet = tcp,
        .interfaces = tcp,
        .kill = set->dev};
    sandbox_enter(&box);
}

static void open_all(struct process *p, int argc, char **argv)
{
    struct start start = settings_start(argc, argv);
    struct session *s = &p->s;
    char role[24], file[PATH_SIZE], folder[PATH_SIZE];
    p->settings = start.settings;
    p->ready_fd = start.ready_fd;
    p->paths = paths_of(&p->settings);
    p->signals = signals_take();
    s->settings = &p->settings;
    s->index = start.index;
    s->now_ms = clock_ms();
    s->wall_ms = clock_wall_ms();
    snprintf(role, sizeof role, "session.%u", s->index);
    role_open(&p->settings, role, folder);
    if (!secret_load(p->paths.token_key, s->token_key) ||
        !secret_load(p->paths.api_key, s->api_key))
        refuse("session.secrets folder=%s/secrets error=\"%s\"", p->settings.data, strerror(errno));
    bool tcp = bus_key_load(&p->settings);
    s->front = door_bind(&p->settings);
    if (p->settings.sandbox)
        confine(&p->settings, &p->paths, folder, tcp);
    path_counters(&p->settings, role, file);
    if (!counters_open(&p->counters, file, role, counters_list, COUNT_COUNT))
        refuse("session.counters file=%s error=\"%s\"", file, strerror(errno));
    s->counts = p->counters.rows;
    p->zmq = zmq_ctx_new();
    ENSURE(p->zmq != NULL);
    curve_open(p->zmq);
    turn_open(s, p->zmq, &p->paths);
}

static void ready(struct process *p)
{
    if (p->ready_fd < 0 || !heads_known(&p->s) || !revoked_known(&p->s))
        return;
    ready_tell(p->ready_fd);
    p->ready_fd = -1;
}

static bool any(const zmq_pollitem_t *on, int from, int to)
{
    while (from < to && !on[from].revents)
        from++;
    return from < to;
}

static void run(struct process *p)
{
    struct session *s = &p->s;
    zmq_pollitem_t on[ON_MAX];
    while (!drained(s)) {
        on[ON_signals] = (zmq_pollitem_t){.fd = p->signals, .events = ZMQ_POLLIN};
        on[ON_epoll] = (zmq_pollitem_t){.fd = s->epoll, .events = ZMQ_POLLIN};
        bus_poll(s, on + ON_bus);
        asks_poll(s->store, on + ON_store);
        int n = ON_hook;
        if (s->hook) {
            asks_poll(s->hook, on + n);
            n += LINK_POLL;
        }
        n += peers_poll(s, on + n);
        loop_wait(on, n, turn_deadline_ms(s), clock_ms()); /* the only place where we sleep */
        s->now_ms = clock_ms();
        s->wall_ms = clock_wall_ms();
        p->counters.head->beat_wall_ms = s->wall_ms;
        s->counts[COUNT_strangers].value = curve_refused();
        if (on[ON_signals].revents)
            drain_begin(s);
        turn_run(s, on[ON_epoll].revents != 0, any(on, ON_bus, n));
        ready(p);
    }
}

static void close_all(struct process *p)
{
    turn_close(&p->s);
    zmq_ctx_term(p->zmq);
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
