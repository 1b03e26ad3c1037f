/* SPDX-License-Identifier: Apache-2.0 */
/* belfry-notifier -- follows the store's log, publishes each committed action through the broker, and
 * has the store make notifications of messages (fanouts.c). notify.c decides; feed.c speaks with the
 * store, publish.c with the broker; turn.c is one turn of all of them. Killed at any
 * moment, it goes on from the position that the store kept: what is published twice is dropped by
 * whoever had it, and what was lost shows in the heads. */
#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/sandbox.h"
#include "notifier/turn.h"

#include <errno.h>

enum { BEAT_MS = 1000 };
enum { SIGNALS, BUS, STORE, ON = STORE + LINK_POLL };

int main(int argc, char **argv)
{
    static struct notifier n;
    struct counters counters;
    static const struct counter list[] = {NOTIFIER_COUNTERS(COUNTER_ROW)};
    struct start start = settings_start(argc, argv);
    const struct settings *s = &start.settings;
    int signals = signals_take();
    char folder[PATH_SIZE];
    role_open(s, "notifier", folder);
    struct paths paths = paths_of(s);
    bool tcp = bus_key_load(s);
    if (s->sandbox)
        sandbox_enter(
            &(struct sandbox){.write = {folder}, .local = true, .connects = true, .internet = tcp});
    char file[PATH_SIZE];
    path_counters(s, "notifier", file);
    if (!counters_open(&counters, file, "notifier", list, COUNT_notifier))
        refuse("notifier.counters file=%s error=\"%s\"", file, strerror(errno));

    void *ctx = zmq_ctx_new();
    ENSURE(ctx != NULL);
    notifier_open(&n, ctx, s, &paths, counters.rows);

    zmq_pollitem_t on[ON] = {[SIGNALS] = {.fd = signals, .events = ZMQ_POLLIN},
                             [BUS] = {.socket = n.bus.xpub, .events = ZMQ_POLLIN}};
    link_poll(&n.feed.link, &on[STORE]);
    uint64_t beat_ms = 0;
    bool more = false;
    while (!on[SIGNALS].revents) {
        uint64_t now_ms = clock_ms(), until_ms = notifier_deadline_ms(&n);
        if (now_ms >= beat_ms) {
            counters.head->beat_wall_ms = clock_wall_ms();
            beat_ms = now_ms + BEAT_MS;
        }
        until_ms = until_ms < beat_ms ? until_ms : beat_ms;
        loop_wait(on, ON, more ? now_ms : until_ms, now_ms);
        more = notifier_turn(&n, clock_ms(), clock_wall_ms());
        if (notifier_following(&n) && start.ready_fd >= 0) {
            ready_tell(start.ready_fd);
            start.ready_fd = -1;
        }
    }
    notifier_drain(&n, clock_ms(), clock_wall_ms());
    notifier_close(&n);
    zmq_ctx_term(ctx);
    counters_close(&counters);
    log_line("notifier.drained");
    return EXIT_drained;
}
