/* SPDX-License-Identifier: Apache-2.0 */
/* belfry doctor -- is this installation, running or planned, as it should be? One line for each thing; 1 when
 * something is bad. The limits and the network are here, files and the disk in doctor_files.c, who is asked
 * and who signs in doctor_hooks.c, the libraries in doctor_libraries.c. */
#include "cli/doctor.h"

#include "cli/commands.h"
#include "lib/counters.h"
#include "lib/curve.h"
#include "lib/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/timex.h>

enum {
    FILES_RESERVED = 300, /* session/http/door.c */
    FILES_GOOD = 4096,
    BACKLOG = 4096,
    OFFSET_US = 1000000,
};

void told(struct patient *p, enum finding how, const char *what, const char *format, ...)
{
    static const char *const words[] = {"ok", "warn", "bad"};
    va_list args;
    va_start(args, format);
    printf("%-5s %-12s ", words[how], what);
    vprintf(format, args);
    printf("\n");
    va_end(args);
    p->found[how]++;
}

void doctor_descriptors(struct patient *p)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    unsigned long long most = files.rlim_max, wanted = p->settings.connections;
    if (most < 2 * FILES_RESERVED)
        told(p, FOUND_bad, "descriptors", "%llu for a process: %d at least (ulimit -Hn)", most,
             2 * FILES_RESERVED);
    else if (wanted > 0 && wanted + FILES_RESERVED > most)
        told(p, FOUND_bad, "descriptors",
             "%llu for a process, but session/connections is %llu: raise ulimit -Hn", most, wanted);
    else if (most < FILES_GOOD)
        told(p, FOUND_warn, "descriptors", "%llu for a process: room for %llu connections each",
             most, most - FILES_RESERVED);
    else
        told(p, FOUND_ok, "descriptors", "%llu for a process", most);
}

static unsigned long long number_in(const char *path)
{
    unsigned long long n = 0;
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%llu", &n) != 1)
        n = 0;
    if (f)
        fclose(f);
    return n;
}

static bool loopback(const char *listen)
{
    return strncmp(listen, "127.", 4) == 0;
}

void doctor_network(struct patient *p)
{
    const struct settings *s = &p->settings;
    unsigned long long backlog = number_in("/proc/sys/net/core/somaxconn");
    if (backlog < BACKLOG)
        told(p, FOUND_warn, "backlog",
             "net.core.somaxconn is %llu: newcomers in a rush are lost; %d", backlog, BACKLOG);
    else
        told(p, FOUND_ok, "backlog", "net.core.somaxconn is %llu", backlog);
    if (s->dev && !loopback(s->listen))
        told(p, FOUND_bad, "dev", "dev mode asks for no keys, and listens on %s", s->listen);
    else if (s->dev)
        told(p, FOUND_warn, "dev", "dev mode asks for no keys: not for production");
    if (!loopback(s->listen))
        told(p, FOUND_warn, "tls",
             "%s is reached without TLS: listen on 127.0.0.1 behind nginx or HAProxy (deploy/)",
             s->listen);
    else if (!s->proxies[0])
        told(p, FOUND_warn, "tls",
             "behind a proxy: name it in session/proxies (127.0.0.1), so that each client's own "
             "address counts");
    else
        told(p, FOUND_ok, "tls", "behind the proxies %s", s->proxies);
    if (bus_tcp(s)) {
        const char *why = curve_load(p->paths.bus_key);
        told(p, why ? FOUND_bad : FOUND_ok, "bus", "%s: %s", p->paths.bus_key,
             why ? why : "encrypts what goes over tcp://; keep those ports to your own machines");
    }
    if (strcmp(s->origins, "*") == 0)
        told(p, FOUND_warn, "origins", "any page may connect and use the API: list yours");
}

void doctor_clock(struct patient *p)
{
    struct timex t = {0};
    int state = adjtimex(&t);
    if (state < 0)
        told(p, FOUND_warn, "clock", "cannot be asked: %s", strerror(errno));
    else if (state == TIME_ERROR || (t.status & STA_UNSYNC))
        told(p, FOUND_warn, "clock",
             "nobody sets it (NTP): tokens end by it, and so do notifications");
    else if (labs(t.maxerror) > OFFSET_US)
        told(p, FOUND_warn, "clock", "may be wrong by %ld ms", t.maxerror / 1000);
    else
        told(p, FOUND_ok, "clock", "is set, to %ld ms", t.maxerror / 1000);
}

static void sandbox(struct patient *p)
{
    const char *lacks = sandbox_lacks();
    if (!p->settings.sandbox)
        told(p, FOUND_warn, "sandbox",
             "is off: a process that is taken over may what its user may");
    else if (lacks)
        told(p, FOUND_warn, "sandbox",
             "%s: a process that is taken over may more than docs/security.md says", lacks);
    else
        told(p, FOUND_ok, "sandbox", "system calls by seccomp, files by Landlock");
}

/* What the store has found since this file of its counters was made. */
static void counts(struct patient *p, const struct counters *c)
{
    for (uint64_t i = 0; i < c->head->count; i++) {
        const struct counter *row = &c->rows[i];
        if (row->value > 0 && strcmp(row->name, "count_mismatch") == 0)
            told(p, FOUND_warn, "counts",
                 "%llu were wrong: `grep store.drift` in the store's log, and docs/operating.md",
                 (unsigned long long)row->value);
    }
}

static void running(struct patient *p)
{
    char file[PATH_SIZE];
    struct counters c;
    path_counters(&p->settings, "store", file);
    bool there = counters_read(&c, file);
    if (there)
        counts(p, &c);
    if (there && process_alive(c.head->pid))
        told(p, FOUND_ok, "running", "the store is process %llu; `belfry status` has the rest",
             (unsigned long long)c.head->pid);
    else
        told(p, FOUND_ok, "running", "not now");
    if (there)
        counters_close(&c);
}

int doctor_command(const struct args *a)
{
    struct patient p = {.settings = args_settings(a), .config = a->config};
    p.paths = paths_of(&p.settings);
    if (!p.config)
        p.config = getenv("BELFRY_CONFIG");
    running(&p);
    doctor_permissions(&p);
    sandbox(&p);
    doctor_descriptors(&p);
    doctor_disk(&p);
    doctor_clock(&p);
    doctor_network(&p);
    doctor_hooks(&p);
    doctor_libraries(&p);
    printf("%u ok, %u to think about, %u bad\n", p.found[FOUND_ok], p.found[FOUND_warn],
           p.found[FOUND_bad]);
    return p.found[FOUND_bad] > 0 ? EXIT_no : 0;
}
