/* SPDX-License-Identifier: Apache-2.0 */
/* store: every durable byte, and the log. One thread reads and answers; one commits; one recounts.
 *
 * Opens   ROUTER DATA/run/store/socket; LMDB in DATA/store; DATA/run/store/count. */
#include "lib/clock.h"
#include "lib/curve.h"
#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/sandbox.h"
#include "lib/secret.h"
#include "proto/settings.h"
#include "store/engine_lmdb.h"
#include "store/turn.h"

#include <stdio.h>
#include <unistd.h>

enum {
    BEAT_MS = 1000,  /* we are alive: said this often */
    SWEEP_BEATS = 5, /* dead readers are looked for every so many beats */
    LINGER_MS = 500, /* the last answers may take so long to leave */
};

struct process {
    struct settings settings;
    struct counters counters;
    struct store store;
    uint64_t beats;
};

static struct instant clocks(void)
{
    return (struct instant){clock_ms(), clock_wall_ms()};
}

/* What failed has been logged where it is known. */
static void go_on(enum err e)
{
    if (e)
        try_again("store.stop reason=%s", err_name(e));
}

static struct engine *open_engine(const struct settings *set, const struct paths *paths,
                                  struct state *state)
{
    enum err e = ERR_OK;
    struct engine *engine = engine_lmdb_open(paths->db, set->map_mb << 20, &e);
    if (e == ERR_WORLD)
        try_again("store.open folder=%s error=\"the disk failed\"", paths->db);
    if (!engine)
        refuse("store.open folder=%s error=\"it cannot be opened\"", paths->db);
    e = meta_open(engine, clock_wall_ms(), state);
    if (e == ERR_NO_SPACE)
        try_again("store.open folder=%s error=\"%s\"", paths->db, err_text(e));
    if (e == ERR_INVALID)
        refuse("store.open folder=%s error=\"another version of Belfry wrote it\"", paths->db);
    if (e)
        refuse("store.open folder=%s error=\"its first record or its newest cannot be read: "
               "restore a backup\"",
               paths->db);
    return engine;
}

/* Somebody says so by a file `restored` beside the tables; or the counters of the last run, which
 * survive it, know of a longer log than there is. */
static bool restored(const char *mark, const char *count_path, uint64_t head)
{
    struct counters before;
    bool shorter = false;
    if (counters_read(&before, count_path)) {
        for (uint64_t i = 0; i < before.head->count; i++)
            if (strcmp(before.rows[i].name, "log_head") == 0)
                shorter = before.rows[i].value > head;
        counters_close(&before);
    }
    return shorter || access(mark, F_OK) == 0;
}

static void renew(const struct paths *paths, const char *count_path, struct engine *engine,
                  struct state *state)
{
    char mark[PATH_SIZE + 16];
    snprintf(mark, sizeof mark, "%s/restored", paths->db);
    if (!restored(mark, count_path, state->head))
        return;
    enum err e = meta_renew(engine, clock_wall_ms(), state);
    if (e)
        try_again("store.open folder=%s error=\"%s\"", paths->db, err_text(e));
    unlink(mark);
    log_line("store.restored head=%llu epoch=%llu note=\"every client gets a full sync\"",
             (unsigned long long)state->head, (unsigned long long)state->meta.epoch);
}

static void open_counters(struct process *p, const char *path)
{
    static const struct counter list[] = {STORE_COUNTERS(COUNTER_ROW)};
    if (!counters_open(&p->counters, path, "store", list, COUNT_store))
        refuse("store.open path=%s error=\"cannot be made\"", path);
}

static void open_all(struct process *p)
{
    struct store *s = &p->store;
    struct paths paths = paths_of(&p->settings);
    struct state state;
    uint64_t seed;
    char folder[PATH_SIZE], count_path[PATH_SIZE];
    secret_random(&seed, sizeof seed);
    role_open(&p->settings, "store", folder);
    bool tcp = bus_key_load(&p->settings);
    if (p->settings.sandbox)
        sandbox_enter(&(struct sandbox){.write = {paths.db, folder},
                                        .list = p->settings.data,
                                        .local = true,
                                        .internet = tcp,
                                        .interfaces = tcp});
    s->settings = &p->settings;
    s->ctx = zmq_ctx_new();
    ENSURE(s->ctx != NULL);
    curve_open(s->ctx);
    bus_lock(&p->settings, paths.store, "store/socket");
    hub_open(&s->hub, s->ctx, paths.store, FRAME_MAX); /* first: it keeps a second store out */
    path_counters(&p->settings, "store", count_path);
    s->engine = open_engine(&p->settings, &paths, &state);
    renew(&paths, count_path, s->engine, &state);
    open_counters(p, count_path);
    store_open(s, &state, p->counters.rows, seed);
}

static void close_all(struct process *p)
{
    struct store *s = &p->store;
    store_close(s);
    counters_close(&p->counters);
    engine_close(&s->engine);
    sock_set(s->hub.router, ZMQ_LINGER, LINGER_MS);
    hub_close(&s->hub);
    zmq_ctx_term(s->ctx);
}

static void beat(struct process *p, struct instant now)
{
    struct store *s = &p->store;
    struct engine_stats stats = engine_stats(s->engine);
    p->counters.rows[COUNT_map_bytes].value = stats.map_bytes;
    p->counters.rows[COUNT_sync_us].value = stats.sync_us_total;
    p->counters.rows[COUNT_dropped].value = s->hub.dropped;
    p->counters.rows[COUNT_strangers].value = curve_refused();
    if (now.wall_ms - p->counters.head->beat_wall_ms < BEAT_MS)
        return; /* a clock that steps back beats at once */
    p->counters.head->beat_wall_ms = now.wall_ms;
    p->counters.rows[COUNT_disk_full].value = engine_room(s->engine,
                                                          p->settings.reserve_mb << 20) ==
                                              ERR_NO_SPACE; /* for /readyz */
    if (p->beats++ % SWEEP_BEATS == 0)
        engine_lmdb_sweep(s->engine);
}

/* What was taken is committed and answered; nothing more is taken. */
static void drain(struct process *p)
{
    struct store *s = &p->store;
    for (go_on(store_drain_turn(s, clocks())); !store_drained(s);) {
        zmq_pollitem_t on[] = {{.socket = s->committer.ours, .events = ZMQ_POLLIN}};
        loop_wait(on, 1, LOOP_NEVER, clock_ms());
        go_on(store_drain_turn(s, clocks()));
    }
}

/* For `belfry backup`. */
static int copy(const char *folder)
{
    const char *why = engine_lmdb_copy(folder, STDOUT_FILENO);
    if (why)
        try_again("store.copy folder=%s error=\"%s\"", folder, why);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--copy") == 0)
        return copy(argv[2]);
    struct start start = settings_start(argc, argv);
    int signals = signals_take();
    static struct process p;
    p.settings = start.settings;
    open_all(&p);
    struct store *s = &p.store;
    log_line("store.ready head=%llu epoch=%llu", (unsigned long long)s->requests.state.head,
             (unsigned long long)s->requests.state.meta.epoch);
    ready_tell(start.ready_fd);

    enum { SIGNALS, REQUESTS, COMMITTED, CHECKED, COUNT };
    zmq_pollitem_t on[COUNT] = {
        [SIGNALS] = {.fd = signals, .events = ZMQ_POLLIN},
        [REQUESTS] = {.socket = s->hub.router, .events = ZMQ_POLLIN},
        [COMMITTED] = {.socket = s->committer.ours, .events = ZMQ_POLLIN},
        [CHECKED] = {.socket = s->checker.ours, .events = ZMQ_POLLIN},
    };
    bool more = false;
    for (struct instant now = clocks();;) {
        uint64_t until_ms = store_deadline_ms(s);
        if (until_ms > now.ms + BEAT_MS)
            until_ms = now.ms + BEAT_MS;
        loop_wait(on, COUNT, more ? now.ms : until_ms, now.ms);
        now = clocks();
        if (on[SIGNALS].revents)
            break;
        go_on(store_turn(s, now, &more));
        beat(&p, now);
    }
    drain(&p);
    close_all(&p);
    return EXIT_drained;
}
