/* SPDX-License-Identifier: Apache-2.0 */
/* belfry status -- reads what the processes count in DATA/run/ROLE/count; asks nobody. */
#include "cli/commands.h"
#include "lib/clock.h"
#include "lib/counters.h"
#include "lib/ensure.h"
#include "lib/json.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROLES_MAX = 128, ROLE_SIZE = sizeof((struct counters_head *)0)->role };

struct process {
    char role[ROLE_SIZE];
    struct counters counters;
    bool alive;
};

struct status {
    struct process processes[ROLES_MAX];
    unsigned count, alive;
    uint64_t connections, log_head, position;
};

static uint64_t value(const struct counters *c, const char *name)
{
    for (uint64_t i = 0; c->head && i < c->head->count; i++)
        if (strcmp(c->rows[i].name, name) == 0)
            return c->rows[i].value;
    return 0;
}

/* serve, store, broker, notifier, hook, session.0, ..., session.10, ... */
static unsigned rank(const char *role)
{
    static const char *const first[] = {"serve", "store", "broker", "notifier", "hook"};
    for (unsigned i = 0; i < sizeof first / sizeof *first; i++)
        if (strcmp(role, first[i]) == 0)
            return i;
    unsigned session;
    return sscanf(role, "session.%u", &session) == 1 ? 10 + session % 1000 : 2000;
}

static int compare(const void *left, const void *right)
{
    const struct process *a = left, *b = right;
    int by_rank = (int)rank(a->role) - (int)rank(b->role);
    return by_rank ? by_rank : strcmp(a->role, b->role);
}

static void add(struct status *s, const char *run, const char *name)
{
    size_t n = strlen(name);
    if (n >= ROLE_SIZE || s->count == ROLES_MAX)
        return;
    struct process *p = &s->processes[s->count];
    char file[PATH_SIZE + 64];
    snprintf(file, sizeof file, "%s/%.48s/count", run, name);
    if (!counters_read(&p->counters, file))
        return;
    memcpy(p->role, name, n + 1);
    p->alive = process_alive(p->counters.head->pid);
    s->alive += p->alive;
    s->count++;
}

static void gather(struct status *s, const char *run)
{
    DIR *folder = opendir(run);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        add(s, run, entry->d_name);
    if (folder)
        closedir(folder);
    qsort(s->processes, s->count, sizeof *s->processes, compare);
    for (unsigned i = 0; i < s->count; i++) {
        const struct process *p = &s->processes[i];
        if (strncmp(p->role, "session.", 8) == 0 && p->alive)
            s->connections += value(&p->counters, "connections");
        s->log_head += value(&p->counters, "log_head");
        s->position += value(&p->counters, "position");
    }
}

/* What the supervisor counts of a role; false when there is none, or it keeps another set. */
static bool tally(const struct status *s, const char *role, const char *what, uint64_t *out)
{
    char name[ROLE_SIZE + 16];
    snprintf(name, sizeof name, "%s_%s", role, what);
    for (char *p = name; *p; p++)
        *p = *p == '.' ? '_' : *p;
    const struct process *serve = &s->processes[0];
    if (s->count == 0 || strcmp(serve->role, "serve") != 0 || !serve->alive)
        return false;
    for (uint64_t i = 0; i < serve->counters.head->count; i++) {
        if (strcmp(serve->counters.rows[i].name, name) != 0)
            continue;
        *out = serve->counters.rows[i].value;
        return true;
    }
    return false;
}

static uint64_t lag(const struct status *s)
{
    return s->log_head > s->position ? s->log_head - s->position : 0;
}

static uint64_t uptime_ms(const struct process *p, uint64_t now_ms)
{
    uint64_t started_ms = p->counters.head->started_wall_ms;
    return now_ms > started_ms ? now_ms - started_ms : 0;
}

static void json_write(const struct status *s, const char *address, uint64_t now_ms,
                       struct buf *out)
{
    buf_text(out, "{\"address\":");
    json_write_string(out, bytes_of(address));
    buf_text(out, ",\"processes\":[");
    for (unsigned i = 0; i < s->count; i++) {
        const struct process *p = &s->processes[i];
        uint64_t restarts, refused = 0;
        buf_text(out, i ? ",{\"role\":" : "{\"role\":");
        json_write_string(out, bytes_of(p->role));
        if (p->alive)
            buf_format(out, ",\"alive\":true,\"pid\":%llu,\"uptime_ms\":%llu",
                       (unsigned long long)p->counters.head->pid,
                       (unsigned long long)uptime_ms(p, now_ms));
        else
            buf_text(out, ",\"alive\":false,\"pid\":null,\"uptime_ms\":null");
        if (tally(s, p->role, "restarts", &restarts))
            buf_format(out, ",\"restarts\":%llu", (unsigned long long)restarts);
        else
            buf_text(out, ",\"restarts\":null");
        tally(s, p->role, "refused", &refused);
        buf_format(out, ",\"refused\":%s}", refused ? "true" : "false");
    }
    buf_format(out,
               "],\"connections\":%llu,\"log_head\":%llu,\"notifier_position\":%llu,"
               "\"lag\":%llu}\n",
               (unsigned long long)s->connections, (unsigned long long)s->log_head,
               (unsigned long long)s->position, (unsigned long long)lag(s));
}

static void up_write(uint64_t ms, struct buf *out)
{
    char text[32];
    unsigned long long seconds = ms / 1000;
    if (seconds < 60)
        snprintf(text, sizeof text, "%llu.%llus", seconds, (unsigned long long)(ms % 1000 / 100));
    else if (seconds < 3600)
        snprintf(text, sizeof text, "%llum%02llus", seconds / 60, seconds % 60);
    else
        snprintf(text, sizeof text, "%lluh%02llum", seconds / 3600, seconds / 60 % 60);
    buf_format(out, "%9s", text);
}

static void table_write(const struct status *s, const char *address, uint64_t now_ms,
                        struct buf *out)
{
    buf_format(out, "%-12s %8s %9s %9s  %s\n", "role", "pid", "up", "restarts", "state");
    for (unsigned i = 0; i < s->count; i++) {
        const struct process *p = &s->processes[i];
        uint64_t restarts, refused = 0;
        buf_format(out, "%-12s ", p->role);
        if (p->alive) {
            buf_format(out, "%8llu ", (unsigned long long)p->counters.head->pid);
            up_write(uptime_ms(p, now_ms), out);
        } else {
            buf_format(out, "%8s %9s", "-", "-");
        }
        if (tally(s, p->role, "restarts", &restarts))
            buf_format(out, " %9llu", (unsigned long long)restarts);
        else
            buf_format(out, " %9s", "-");
        tally(s, p->role, "refused", &refused);
        buf_format(out, "  %s\n",
                   refused    ? "refused: stays down, see its log"
                   : p->alive ? "up"
                              : "down");
    }
    buf_format(out, "\n%s, %llu connections, log %llu, published %llu (%llu behind)\n", address,
               (unsigned long long)s->connections, (unsigned long long)s->log_head,
               (unsigned long long)s->position, (unsigned long long)lag(s));
}

int status_command(const struct args *a)
{
    struct settings settings = args_settings(a);
    struct paths paths = paths_of(&settings);
    static struct status s;
    char address[ADDRESS_SIZE];
    struct buf out;
    buf_init(&out, 1 << 20);
    gather(&s, paths.run);
    address_of(&settings, address);
    (args_get(a, "--json") ? json_write : table_write)(&s, address, clock_wall_ms(), &out);
    ENSURE(!out.overflowed);
    if (s.count == 0)
        fprintf(stderr, "belfry status: nothing has run in %s yet\n", settings.data);
    if (s.count > 0 || args_get(a, "--json"))
        fwrite(out.p, 1, out.n, stdout);
    for (unsigned i = 0; i < s.count; i++)
        counters_close(&s.processes[i].counters);
    buf_fini(&out);
    return s.alive ? 0 : EXIT_not_running;
}
