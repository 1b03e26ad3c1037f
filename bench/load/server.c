/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/server.h"

#include "lib/clock.h"
#include "lib/counters.h"
#include "lib/loop.h"
#include "proto/token.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool is_session(const struct process *p)
{
    return strncmp(p->role, "session.", 8) == 0;
}

void server_open(struct server *s, const char *url, const char *data, uint64_t pid)
{
    char host[64], file[512];
    unsigned port = 0;
    *s = (struct server){.data = data, .pid = pid, .at.sin_family = AF_INET};
    if (sscanf(url, "http://%63[0-9.]:%u", host, &port) != 2 || port == 0 || port > 65535 ||
        inet_pton(AF_INET, host, &s->at.sin_addr) != 1)
        refuse("--url %s: not http://ADDRESS:PORT", url);
    s->at.sin_port = htons((uint16_t)port);
    if (!data)
        return;
    snprintf(file, sizeof file, "%s/secrets/token.key", data);
    if (access(file, R_OK) != 0 || !secret_load(file, s->secret))
        refuse("--data %s: no key in secrets/token.key: is this the data folder?", data);
}

void server_token(const struct server *s, struct buf *out, const char *user)
{
    if (!s->data)
        return;
    struct token t = {.role = user ? ROLE_user : ROLE_service,
                      .exp_s = clock_wall_ms() / 1000 + 24 * 3600};
    snprintf(t.sub, sizeof t.sub, "%s", user ? user : "");
    token_write(out, bytes_of(s->secret), &t, &(struct token_rules){"", "", 0, 0});
}

double kilobytes(const char *path, const char *key)
{
    char line[256];
    double kb = 0;
    FILE *f = fopen(path, "re");
    if (!f && (errno == ENOENT || errno == ESRCH))
        return 0; /* a process that died just now */
    if (!f)
        refuse("cannot read %s: %s", path, strerror(errno));
    while (fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            kb = atof(line + strlen(key));
    fclose(f);
    return kb * 1024;
}

static bool cpu_read(struct process *p)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)p->pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false; /* a counters file of a process that is no more */
    size_t n = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[n] = '\0';
    unsigned long user = 0, sys = 0;
    const char *behind = strrchr(line, ')'); /* the name before it may hold anything */
    if (!behind || sscanf(behind + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                          &sys) != 2)
        return false;
    p->cpu_s = (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
    return true;
}

static void process_read(struct usage *u, const struct process *which)
{
    struct process *p = &u->of[u->count];
    *p = *which;
    if (!cpu_read(p))
        return;
    char path[64];
    snprintf(path, sizeof path, "/proc/%llu/smaps_rollup", (unsigned long long)p->pid);
    p->pss = kilobytes(path, "Pss:");
    snprintf(path, sizeof path, "/proc/%llu/status", (unsigned long long)p->pid);
    p->rss_anon = kilobytes(path, "RssAnon:");
    u->count++;
}

static void counted_read(struct usage *u, const char *counters_file)
{
    struct counters c;
    if (u->count == SERVER_PROCESSES || !counters_read(&c, counters_file))
        return;
    struct process p = {.pid = c.head->pid};
    memcpy(p.role, c.head->role, sizeof p.role);
    p.role[sizeof p.role - 1] = '\0';
    counters_close(&c);
    process_read(u, &p);
}

void usage_read(struct usage *u, const struct server *s)
{
    char pattern[512];
    glob_t found;
    *u = (struct usage){.slab = kilobytes("/proc/meminfo", "Slab:")};
    if (!s->data) {
        process_read(u, &(struct process){.role = "floor", .pid = s->pid});
        if (u->count == 0)
            refuse("--pid %llu: does not run", (unsigned long long)s->pid);
        return;
    }
    snprintf(pattern, sizeof pattern, "%s/run/*/count", s->data);
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            counted_read(u, found.gl_pathv[i]);
    globfree(&found);
    if (u->count == 0)
        refuse("--data %s: no process of Belfry runs on it", s->data);
}

void usage_same(const struct usage *before, const struct usage *after)
{
    bool same = before->count == after->count;
    for (size_t i = 0; same && i < before->count; i++)
        same = before->of[i].pid == after->of[i].pid;
    if (!same)
        try_again("a process of the server came or went during the run: nothing was measured");
}

double usage_cpu_s(const struct usage *before, const struct usage *after)
{
    double all = 0;
    for (size_t i = 0; i < after->count; i++)
        all += after->of[i].cpu_s - before->of[i].cpu_s;
    return all;
}

void usage_report_cpu(struct report *r, const struct usage *before, const struct usage *after,
                      uint64_t operations)
{
    double per = operations ? 1e6 / (double)operations : 0, all = 0, sessions = 0;
    for (size_t i = 0; i < after->count; i++) {
        double used = after->of[i].cpu_s - before->of[i].cpu_s;
        all += used;
        if (is_session(&after->of[i]))
            sessions += used;
        else
            report_add(r, used * per, 3, "cpu_%s_s_per_million", after->of[i].role);
    }
    report_add(r, sessions * per, 3, "cpu_sessions_s_per_million");
    report_add(r, all * per, 3, "cpu_s_per_million");
}

void usage_report_memory(struct report *r, const struct usage *before, const struct usage *after,
                         uint64_t n)
{
    double pss[2] = {0}, anon[2] = {0}, per = n ? 1 / (double)n : 0;
    for (size_t i = 0; i < after->count; i++) {
        double grown_pss = after->of[i].pss - before->of[i].pss;
        double grown_anon = after->of[i].rss_anon - before->of[i].rss_anon;
        pss[1] += grown_pss;
        anon[1] += grown_anon;
        if (is_session(&after->of[i])) {
            pss[0] += grown_pss;
            anon[0] += grown_anon;
        }
    }
    report_add(r, pss[0] * per, 0, "sessions_pss_bytes");
    report_add(r, anon[0] * per, 0, "sessions_rss_anon_bytes");
    report_add(r, pss[1] * per, 0, "all_pss_bytes");
    report_add(r, anon[1] * per, 0, "all_rss_anon_bytes");
    report_add(r, (after->slab - before->slab) * per, 0, "kernel_slab_bytes");
}
