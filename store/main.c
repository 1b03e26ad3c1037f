/* SPDX-License-Identifier: Apache-2.0 */
/* store: every durable byte, and the log. One thread reads and answers; one commits.
 *
 * Opens   ROUTER DATA/run/store; LMDB in DATA/store; DATA/run/store.count. */
#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/secret.h"
#include "proto/settings.h"
#include "store/committer.h"
#include "store/engine_lmdb.h"
#include "store/requests.h"

#include <stdio.h>
#include <unistd.h>

enum {
    PARTS_BUDGET = 256, /* parts taken in one turn */
    READS_BUDGET = 200, /* reads answered in one turn: some 10 ms */
    BEAT_MS = 1000,     /* we are alive: said this often */
    SWEEP_BEATS = 5,    /* dead readers are looked for every so many beats */
    LINGER_MS = 500,    /* the last answers may take so long to leave */
};

struct store {
    struct settings settings;
    void *ctx;
    struct hub hub;
    struct engine *engine;
    struct counters counters;
    struct commit commit;
    struct committer committer;
    struct requests requests;
    zmq_msg_t part; /* what is being taken, from `in` on, and who sent it */
    struct hub_peer from;
    struct mp_in in;
    uint64_t beats;
};

static struct instant clocks(void)
{
    return (struct instant){clock_ms(), clock_wall_ms()};
}

static struct buf *out(void *world, const struct hub_peer *to)
{
    return hub_out(world, to);
}

/* What failed has been logged where it is known. */
static void go_on(enum err e)
{
    if (e)
        try_again("store.stop reason=%s", err_name(e));
}

static void open_engine(struct store *s, const struct paths *paths, struct state *state)
{
    s->engine = engine_lmdb_open(paths->db, s->settings.map_mb << 20);
    if (!s->engine)
        refuse("store.open folder=%s error=\"it cannot be opened\"", paths->db);
    enum err e = meta_open(s->engine, clock_wall_ms(), state);
    if (e == ERR_NO_SPACE)
        try_again("store.open folder=%s error=\"%s\"", paths->db, err_text(e));
    if (e == ERR_INVALID)
        refuse("store.open folder=%s error=\"another version of Belfry wrote it\"", paths->db);
    if (e)
        refuse("store.open folder=%s error=\"its first record or its newest cannot be read: "
               "restore a backup\"",
               paths->db);
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

static void open_counters(struct store *s, const char *path)
{
    static const struct counter list[] = {STORE_COUNTERS(COUNTER_ROW)};
    if (!counters_open(&s->counters, path, "store", list, COUNT_store))
        refuse("store.open path=%s error=\"cannot be made\"", path);
}

static void open_all(struct store *s)
{
    struct paths paths = paths_of(&s->settings);
    struct state state;
    uint64_t seed;
    secret_random(&seed, sizeof seed);
    paths_make(&s->settings);
    s->ctx = zmq_ctx_new();
    ENSURE(s->ctx != NULL);
    hub_open(&s->hub, s->ctx, paths.store, FRAME_MAX); /* first: it keeps a second store out */
    char count_path[PATH_SIZE];
    path_counters(&s->settings, "store", count_path);
    open_engine(s, &paths, &state);
    renew(&paths, count_path, s->engine, &state);
    open_counters(s, count_path);
    commit_init(&s->commit, s->engine, &state, s->settings.reserve_mb << 20,
                s->settings.remember_h * 3600 * 1000, seed);
    committer_start(&s->committer, s->ctx, &s->commit);
    s->requests = (struct requests){.engine = s->engine,
                                    .queue = s->settings.queue,
                                    .out = out,
                                    .world = &s->hub,
                                    .counts = s->counters.rows,
                                    .state = state};
    requests_init(&s->requests, seed);
    zmq_msg_init(&s->part);
}

static void close_all(struct store *s)
{
    zmq_msg_close(&s->part);
    requests_fini(&s->requests);
    committer_stop(&s->committer);
    commit_fini(&s->commit);
    counters_close(&s->counters);
    engine_close(&s->engine);
    sock_set(s->hub.router, ZMQ_LINGER, LINGER_MS);
    hub_close(&s->hub);
    zmq_ctx_term(s->ctx);
}

/* True: there may be more, and the budget is spent. */
static bool read_requests(struct store *s, struct instant now)
{
    unsigned reads = READS_BUDGET;
    for (int parts = 0; parts < PARTS_BUDGET;) {
        if (s->in.ok && !mp_end(&s->in)) {
            go_on(requests_take(&s->requests, &s->from, &s->in, &reads, now));
            if (reads == 0)
                return true;
        } else {
            if (!hub_read(&s->hub, &s->from, &s->part))
                return false;
            s->in = mp_over(sock_bytes(&s->part));
            parts++;
        }
    }
    return true;
}

static void take_committed(struct store *s, struct instant now)
{
    if (committer_take(&s->committer))
        go_on(requests_committed(&s->requests, now));
}

static void give_to_commit(struct store *s)
{
    struct batch *b = requests_to_commit(&s->requests);
    if (b)
        committer_give(&s->committer, b);
}

static void beat(struct store *s, struct instant now)
{
    struct engine_stats stats = engine_stats(s->engine);
    s->counters.rows[COUNT_map_bytes].value = stats.map_bytes;
    s->counters.rows[COUNT_sync_us].value = stats.sync_us_total;
    s->counters.rows[COUNT_dropped].value = s->hub.dropped;
    if (now.wall_ms - s->counters.head->beat_wall_ms < BEAT_MS)
        return; /* a clock that steps back beats at once */
    s->counters.head->beat_wall_ms = now.wall_ms;
    s->counters.rows[COUNT_disk_full].value = engine_room(s->engine,
                                                          s->settings.reserve_mb << 20) ==
                                              ERR_NO_SPACE; /* for /readyz */
    if (s->beats++ % SWEEP_BEATS == 0)
        engine_lmdb_sweep(s->engine);
}

/* Everything that a turn produced leaves at its end. */
static void end_turn(struct store *s, struct instant now)
{
    go_on(requests_push(&s->requests));
    requests_rest(&s->requests);
    hub_flush(&s->hub);
    beat(s, now);
}

/* What was taken is committed and answered; nothing more is taken. */
static void drain(struct store *s)
{
    for (give_to_commit(s); s->requests.busy; give_to_commit(s)) {
        zmq_pollitem_t on[] = {{.socket = s->committer.ours, .events = ZMQ_POLLIN}};
        struct instant now = clocks();
        loop_wait(on, 1, LOOP_NEVER, now.ms);
        take_committed(s, clocks());
        end_turn(s, now);
    }
}

int main(int argc, char **argv)
{
    struct start start = settings_start(argc, argv);
    int signals = signals_take();
    static struct store store;
    store.settings = start.settings;
    open_all(&store);
    log_line("store.ready head=%llu epoch=%llu", (unsigned long long)store.requests.state.head,
             (unsigned long long)store.requests.state.meta.epoch);
    ready_tell(start.ready_fd);

    enum { SIGNALS, REQUESTS, COMMITTED, COUNT };
    zmq_pollitem_t on[COUNT] = {
        [SIGNALS] = {.fd = signals, .events = ZMQ_POLLIN},
        [REQUESTS] = {.socket = store.hub.router, .events = ZMQ_POLLIN},
        [COMMITTED] = {.socket = store.committer.ours, .events = ZMQ_POLLIN},
    };
    bool more = false;
    for (struct instant now = clocks();;) {
        loop_wait(on, COUNT, more ? now.ms : now.ms + BEAT_MS, now.ms);
        now = clocks();
        if (on[SIGNALS].revents)
            break;
        take_committed(&store, now);
        more = read_requests(&store, now);
        give_to_commit(&store);
        end_turn(&store, now);
    }
    drain(&store);
    close_all(&store);
    return EXIT_drained;
}
