/* SPDX-License-Identifier: Apache-2.0 */
/* belfry serve -- the whole installation on this machine: opens the listening sockets and keeps
 * them, starts the processes beside its own program, restarts who dies. keep.c decides. */
#include "cli/child.h"
#include "cli/commands.h"
#include "cli/keep.h"
#include "cli/listen.h"
#include "lib/clock.h"
#include "lib/counters.h"
#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/owner.h"
#include "lib/secret.h"
#include "proto/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { SESSIONS_MAX = 64, OTHERS = 4, GRACE_MS = 5000, BEAT_MS = 1000 };
_Static_assert(SESSIONS_MAX + OTHERS == KEEP_MAX, "every child has its place");
enum { SIGNALS, CHILDREN };

static struct serve {
    struct settings settings;
    const char *config;
    const char *only; /* the roles that run on this machine, comma between; NULL: all */
    char folder[PROGRAM_PATH];
    struct listen_at at;
    int sockets[SESSIONS_MAX];
    struct child children[KEEP_MAX];
    struct keep keep;
    struct counters counters; /* two rows a child: restarts, refused */
    bool left;
    int code;
} serve;

/* -- before the first process --------------------------------------------------------------- */

static void option_set(const char *path, const char *option, const char *value)
{
    struct buf why;
    buf_init(&why, 4096);
    if (value && !conf_set(&settings_table, path, value, option, &serve.settings, &why))
        refuse("%.*s", (int)why.n, why.p);
    buf_fini(&why);
}

/* The entry at *list, which goes on to the next one. */
static struct bytes entry(const char **list)
{
    struct bytes e = {*list, strcspn(*list, ",")};
    *list += e.n + ((*list)[e.n] == ',');
    return e;
}

static bool runs_here(const char *role)
{
    for (const char *list = serve.only; list && *list;)
        if (bytes_is(entry(&list), role))
            return true;
    return !serve.only;
}

static void only_check(void)
{
    for (const char *list = serve.only; list && *list;) {
        struct bytes e = entry(&list);
        if (!bytes_is(e, "store") && !bytes_is(e, "broker") && !bytes_is(e, "notifier") &&
            !bytes_is(e, "sessions"))
            refuse(
                "--only: \"%.*s\" is not allowed: store, broker, notifier, sessions, comma between",
                (int)e.n, e.p);
    }
}

/* The processes read the same file and environment; what the command line changed, and the port
 * that the kernel chose, they get as environment. */
static void settings_pass_on(void)
{
    char sessions[16];
    snprintf(sessions, sizeof sessions, "%u", (unsigned)serve.settings.sessions);
    if (serve.at.text[0])
        setenv("BELFRY_LISTEN", serve.at.text, 1);
    setenv("BELFRY_SESSIONS", sessions, 1);
    setenv("BELFRY_DEV", serve.settings.dev ? "1" : "0", 1);
}

static void lock_take(const char *run)
{
    char file[PATH_SIZE + 16];
    snprintf(file, sizeof file, "%s/serve.lock", run);
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        refuse("serve.lock file=%s error=\"%s\"", file, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        try_again("serve.lock file=%s error=\"another belfry serve runs here\"", file);
    /* never closed: it is ours as long as we live */
}

/* So that `belfry token` and `notify` work as soon as we are ready. */
static void secrets_make(const struct paths *paths)
{
    char key[SECRET_TEXT];
    if (!secret_load(paths->token_key, key))
        refuse("serve.secret file=%s error=\"%s\"", paths->token_key, strerror(errno));
    if (!secret_load(paths->api_key, key))
        refuse("serve.secret file=%s error=\"%s\"", paths->api_key, strerror(errno));
    explicit_bzero(key, sizeof key);
}

static void address_write(void)
{
    char file[PATH_SIZE], fresh[PATH_SIZE + 8];
    address_path(&serve.settings, file);
    snprintf(fresh, sizeof fresh, "%s.new", file);
    FILE *f = fopen(fresh, "we");
    bool good = f && fprintf(f, "http://%s\n", serve.at.address) > 0;
    good = f && fclose(f) == 0 && good;
    if (!good || rename(fresh, file) != 0)
        refuse("serve.address file=%s error=\"%s\"", file, strerror(errno));
}

static void child_add(const char *role, const char *program, unsigned stage, unsigned index,
                      int socket)
{
    struct child *c = &serve.children[keep_add(&serve.keep, stage)];
    *c = (struct child){
        .program = program, .index = index, .socket = socket, .exit_fd = -1, .ready_fd = -1};
    snprintf(c->role, sizeof c->role, "%s", role);
}

static void counters_drop(const char *role)
{
    char file[PATH_SIZE];
    path_counters(&serve.settings, role, file);
    unlink(file);
}

/* Drained in the order of the stages: sessions tell their clients, then nobody asks any more. */
static void children_list(void)
{
    keep_init(&serve.keep, serve.settings.drain_ms + GRACE_MS);
    if (runs_here("store"))
        child_add("store", "belfry-store", 3, 0, -1);
    if (runs_here("broker"))
        child_add("broker", "belfry-broker", 2, 0, -1);
    if (runs_here("notifier"))
        child_add("notifier", "belfry-notifier", 1, 0, -1);
    if (runs_here("sessions") && hooks_wanted(&serve.settings))
        child_add("hook", "belfry-hook", 1, 0, -1);
    else
        counters_drop("hook"); /* of a time with one */
    for (unsigned i = 0; i < serve.settings.sessions && runs_here("sessions"); i++) {
        char role[CHILD_ROLE];
        snprintf(role, sizeof role, "session.%u", i);
        child_add(role, "belfry-session", 0, i, serve.sockets[i]);
    }
    for (unsigned i = (unsigned)serve.settings.sessions; i < SESSIONS_MAX; i++) {
        char role[CHILD_ROLE];
        snprintf(role, sizeof role, "session.%u", i);
        counters_drop(role); /* of a time with more of them */
    }
}

static void counters_make(void)
{
    struct counter rows[2 * KEEP_MAX];
    char file[PATH_SIZE];
    for (unsigned i = 0; i < serve.keep.count; i++) {
        char name[CHILD_ROLE];
        snprintf(name, sizeof name, "%s", serve.children[i].role);
        for (char *p = name; *p; p++)
            *p = *p == '.' ? '_' : *p;
        struct counter *restarts = &rows[2 * i], *refused = restarts + 1;
        *restarts = (struct counter){.help = "times that it was started again",
                                     .kind = COUNTER_total};
        *refused = (struct counter){.help = "1: it left with 100 and stays down: see the log",
                                    .kind = COUNTER_gauge};
        snprintf(restarts->name, sizeof restarts->name, "%s_restarts", name);
        snprintf(refused->name, sizeof refused->name, "%s_refused", name);
    }
    path_counters(&serve.settings, "serve", file);
    if (!counters_open(&serve.counters, file, "serve", rows, 2 * serve.keep.count))
        refuse("serve.counters file=%s error=\"%s\"", file, strerror(errno));
}

/* -- running ---------------------------------------------------------------------------------- */

static void say_ready(void)
{
    const char *address = serve.at.address;
    if (!address[0]) {
        printf("belfry ready %s\n", serve.only);
        fflush(stdout);
        return;
    }
    printf("belfry ready http://%s\n", address);
    fflush(stdout);
    log_line("serve.ready address=http://%s data=%s dev=%u", address, serve.settings.data,
             (unsigned)serve.settings.dev);
    if (serve.settings.dev)
        fprintf(
            stderr,
            "\n  development mode: no keys are asked from this machine\n"
            "  the page:        http://%s/\n"
            "  ring its bell:   curl -X POST http://%s/api/notifications"
            " -H 'Content-Type: application/json' -d '{\"to\":\"ann\",\"title\":\"Hello\"}'\n\n",
            address, address);
}

static void carry_out(const struct keep_effect *fx)
{
    struct child *c = &serve.children[fx->child];
    switch (fx->kind) {
    case KEEP_FX_start:
        child_start(c, serve.folder, serve.config, serve.settings.data);
        log_line("serve.start role=%s pid=%d", c->role, (int)c->pid);
        break;
    case KEEP_FX_term:
        child_signal(c, SIGTERM);
        break;
    case KEEP_FX_kill:
        log_line("serve.kill role=%s pid=%d error=\"did not leave in time\"", c->role, (int)c->pid);
        child_signal(c, SIGKILL);
        break;
    case KEEP_FX_all_ready:
        say_ready();
        break;
    case KEEP_FX_leave:
        serve.left = true;
        serve.code = fx->code;
        break;
    }
}

static void step(enum keep_event_kind kind, unsigned child, int code)
{
    struct keep_effects fx;
    struct keep_event ev = {kind, clock_ms(), child, code};
    keep_step(&serve.keep, &ev, &fx);
    for (unsigned i = 0; i < fx.n; i++)
        carry_out(&fx.list[i]);
    for (unsigned i = 0; i < serve.keep.count; i++) {
        serve.counters.rows[2 * i].value = serve.keep.children[i].restarts;
        serve.counters.rows[2 * i + 1].value = serve.keep.children[i].state == KEEP_refused;
    }
}

static void ended(unsigned i)
{
    struct child *c = &serve.children[i];
    int by, pid = (int)c->pid, code = child_end(c, &by);
    log_line("serve.exited role=%s pid=%d code=%d signal=%d%s", c->role, pid, code, by,
             code == EXIT_refused ? " note=\"it stays down: see what it said, then start again\""
                                  : "");
    step(KEEP_EV_exited, i, code);
}

static void turn(zmq_pollitem_t on[CHILDREN + 2 * KEEP_MAX])
{
    on[SIGNALS].events = ZMQ_POLLIN;
    int of[2 * KEEP_MAX], n = CHILDREN;
    for (unsigned i = 0; i < serve.keep.count; i++) {
        const int fds[] = {serve.children[i].ready_fd, serve.children[i].exit_fd};
        for (int k = 0; k < 2; k++) {
            if (fds[k] < 0)
                continue;
            of[n - CHILDREN] = (int)i;
            on[n++] = (zmq_pollitem_t){.fd = fds[k], .events = ZMQ_POLLIN};
        }
    }
    uint64_t now_ms = clock_ms(), until_ms = keep_deadline_ms(&serve.keep);
    until_ms = until_ms < now_ms + BEAT_MS ? until_ms : now_ms + BEAT_MS;
    loop_wait(on, n, until_ms, now_ms);
    serve.counters.head->beat_wall_ms = clock_wall_ms();
    if (on[SIGNALS].revents) {
        struct signalfd_siginfo info;
        ssize_t ignored = read(on[SIGNALS].fd, &info, sizeof info);
        (void)ignored;
        log_line("serve.drain");
        step(KEEP_EV_drain, 0, 0);
    }
    for (int k = CHILDREN; k < n; k++) {
        unsigned i = (unsigned)of[k - CHILDREN];
        if (!on[k].revents)
            continue;
        if (on[k].fd == serve.children[i].ready_fd && child_ready(&serve.children[i]))
            step(KEEP_EV_ready, i, 0);
        else if (on[k].fd == serve.children[i].exit_fd)
            ended(i);
    }
    step(KEEP_EV_tick, 0, 0);
}

int serve_command(const struct args *a)
{
    serve.settings = args_settings(a);
    serve.config = a->config;
    option_set("listen", "--listen", args_get(a, "--listen"));
    option_set("sessions", "--sessions", args_get(a, "--sessions"));
    option_set("dev", "--dev", args_get(a, "--dev") ? "1" : NULL);
    serve.only = args_get(a, "--only");
    only_check();
    struct paths paths = paths_of(&serve.settings);
    zmq_pollitem_t on[CHILDREN + 2 * KEEP_MAX] = {{.fd = signals_take()}};
    char folder[PATH_SIZE];
    if (runs_here("sessions")) /* a port below 1024 may take root */
        serve.at = listen_open(serve.settings.listen, (unsigned)serve.settings.sessions,
                               serve.settings.dev, serve.sockets);
    owner_become(serve.settings.data);
    paths_make(&serve.settings);
    lock_take(paths.run);
    role_open(&serve.settings, "serve", folder);
    bus_key_load(&serve.settings);
    if (runs_here("sessions")) {
        secrets_make(&paths);
        address_write();
    }
    settings_pass_on();
    programs_folder(serve.folder);
    children_list();
    counters_make();

    step(KEEP_EV_tick, 0, 0);
    while (!serve.left)
        turn(on);

    char file[PATH_SIZE];
    address_path(&serve.settings, file);
    unlink(file);
    counters_close(&serve.counters);
    log_line("serve.left code=%d", serve.code);
    return serve.code;
}
