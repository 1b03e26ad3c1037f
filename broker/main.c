/* SPDX-License-Identifier: Apache-2.0 */
/* belfry-broker -- carries messages from whoever publishes to whoever subscribed, and keeps
 * nothing. Killed at any moment, it loses what was on its way; the heads show that and the log has
 * it. Its peers reconnect by themselves, within 250 ms of its return (lib/sock.h). */
#include "broker/bus.h"
#include "lib/clock.h"
#include "lib/curve.h"
#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/sandbox.h"
#include "proto/settings.h"

#include <errno.h>

enum { BUDGET = 1000, LAST_BUDGET = 100000, BEAT_MS = 1000 };
enum { SIGNALS, IN, OUT, ON };

int main(int argc, char **argv)
{
    static const struct counter list[] = {BUS_COUNTERS(COUNTER_ROW)};
    struct start start = settings_start(argc, argv);
    int signals = signals_take();
    char folder[PATH_SIZE];
    role_open(&start.settings, "broker", folder);
    struct paths paths = paths_of(&start.settings);
    bool tcp = bus_key_load(&start.settings);
    if (start.settings.sandbox)
        sandbox_enter(&(struct sandbox){
            .write = {folder}, .local = true, .internet = tcp, .interfaces = tcp});

    void *ctx = zmq_ctx_new();
    ENSURE(ctx != NULL);
    curve_open(ctx);
    struct counters counters;
    struct bus bus;
    bus_lock(&start.settings, paths.broker_out, "broker/out");
    bus_lock(&start.settings, paths.broker_in, "broker/in");
    bus_open(&bus, ctx, paths.broker_in, paths.broker_out, (int)start.settings.broker_queue);
    /* Only who holds the sockets writes the counters' file. */
    char file[PATH_SIZE];
    path_counters(&start.settings, "broker", file);
    if (!counters_open(&counters, file, "broker", list, BUS_COUNT))
        refuse("broker.counters file=%s error=\"%s\"", file, strerror(errno));
    bus.count = counters.rows;
    log_line("broker.ready in=%s out=%s", paths.broker_in, paths.broker_out);
    ready_tell(start.ready_fd);

    zmq_pollitem_t on[ON] = {[SIGNALS] = {.fd = signals, .events = ZMQ_POLLIN},
                             [IN] = {.socket = bus.in, .events = ZMQ_POLLIN},
                             [OUT] = {.socket = bus.out, .events = ZMQ_POLLIN}};
    uint64_t beat_ms = 0;
    bool more = false;
    while (!on[SIGNALS].revents) {
        uint64_t now_ms = clock_ms();
        if (now_ms >= beat_ms) {
            counters.head->beat_wall_ms = clock_wall_ms();
            counters.rows[COUNT_strangers].value = curve_refused();
            beat_ms = now_ms + BEAT_MS;
        }
        loop_wait(on, ON, more ? now_ms : beat_ms, now_ms);
        more = bus_run(&bus, BUDGET);
    }
    bus_run(&bus, LAST_BUDGET); /* what has arrived is carried on */
    bus_close(&bus);
    zmq_ctx_term(ctx);
    counters_close(&counters);
    log_line("broker.drained");
    return EXIT_drained;
}
