/* SPDX-License-Identifier: Apache-2.0 */
/* belfry-hook -- asks the application whether somebody may connect or join, and fetches the keys that
 * tokens are signed with. It runs where one of these is set. Killed at any moment, it has lost nothing:
 * session processes ask again, and the keys stand in a file. */
#include "hook/asking.h"
#include "hook/jwks.h"
#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/sandbox.h"
#include "lib/secret.h"
#include "proto/hooks.h"

#include <errno.h>

enum { BEAT_MS = 1000, SCRATCH = 1 << 20, OUT_MAX = 1 << 20, KEPT_SPARE = 4 };
enum { SIGNALS, HTTP, QUESTIONS, ON };

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void confine(const struct settings *s, const char *folder)
{
    sandbox_enter(&(struct sandbox){.write = {folder},
                                    .read = {s->hook_ca, "/run/systemd/resolve"},
                                    .connects = true,
                                    .internet = true});
}

static void run(int signals, struct hub *hub, struct asking *a, struct jwks *j,
                struct counters *counters, int ready_fd)
{
    zmq_pollitem_t on[ON] = {[SIGNALS] = {.fd = signals, .events = ZMQ_POLLIN},
                             [HTTP] = {.fd = client_fd(a->client), .events = ZMQ_POLLIN},
                             [QUESTIONS] = {.socket = hub->router, .events = ZMQ_POLLIN}};
    uint64_t beat_ms = 0;
    bool more = true; /* the first look is at once */
    while (!on[SIGNALS].revents) {
        uint64_t now_ms = clock_ms();
        if (now_ms >= beat_ms) {
            counters->head->beat_wall_ms = clock_wall_ms();
            beat_ms = now_ms + BEAT_MS;
        }
        uint64_t until_ms = sooner(beat_ms, sooner(asking_deadline_ms(a), jwks_deadline_ms(j)));
        loop_wait(on, ON, more ? now_ms : until_ms, now_ms);
        now_ms = clock_ms();
        jwks_turn(j, now_ms);
        more = asking_turn(a, now_ms);
        if (j->looked && ready_fd >= 0) {
            ready_tell(ready_fd);
            ready_fd = -1;
        }
    }
}

int main(int argc, char **argv)
{
    static const struct counter list[] = {HOOK_COUNTERS(COUNTER_ROW)};
    static struct hub hub;
    struct start start = settings_start(argc, argv);
    const struct settings *s = &start.settings;
    struct paths paths = paths_of(s);
    char key[SECRET_TEXT], file[PATH_SIZE], folder[PATH_SIZE];
    const char *why = hooks_refused(s);
    if (why)
        refuse("hook.settings error=\"%s\"", why);
    if (!hooks_wanted(s))
        refuse("hook.settings error=\"there is nothing to do: none of hook/connect, hook/join and "
               "auth/jwks is a URL\"");
    int signals = signals_take();
    role_open(s, "hook", folder);
    if (!secret_load(paths.hook_key, key))
        refuse("hook.secret file=%s error=\"%s\"", paths.hook_key, strerror(errno));
    sock_hold(paths.hook); /* then it needs no other socket of this machine */
    if (s->sandbox)
        confine(s, folder);

    void *ctx = zmq_ctx_new();
    ENSURE(ctx != NULL);
    hub_open(&hub, ctx, paths.hook, OUT_MAX);
    struct counters counters;
    path_counters(s, "hook", file);
    if (!counters_open(&counters, file, "hook", list, COUNT_hook))
        refuse("hook.counters file=%s error=\"%s\"", file, strerror(errno));
    struct arena scratch;
    arena_init(&scratch, SCRATCH);
    struct client *client = client_new(s->hook_ca, (unsigned)s->hook_parallel + KEPT_SPARE);
    struct asking asking = {
        .settings = s, .counts = counters.rows, .client = client, .scratch = &scratch, .key = key};
    struct jwks jwks;
    asking_open(&asking, &hub);
    jwks_open(&jwks, s, client, counters.rows, &scratch);
    run(signals, &hub, &asking, &jwks, &counters, start.ready_fd);

    client_free(&client);
    asking_close(&asking);
    hub_close(&hub);
    zmq_ctx_term(ctx);
    arena_fini(&scratch);
    counters_close(&counters);
    log_line("hook.drained");
    return EXIT_drained;
}
