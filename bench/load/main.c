/* SPDX-License-Identifier: Apache-2.0 */
/* bench-load: clients and back ends for a running Belfry, and what it cost to serve them. */
#include "bench/load/bench.h"

#include "lib/log.h"
#include "lib/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* A mode is one file. */
static const struct mode {
    const char *name;
    void (*run)(struct bench *b);
    const char *help;
} modes[] = {
    {"notify", notify_run, "creates at a steady rate to connected users: time to their badge"},
    {"create", create_run, "creates as fast as they are acknowledged"},
    {"idle", idle_run, "connected users who do nothing: memory, heartbeats"},
    {"hold", hold_run, "as many idle users as the machine holds, from many processes"},
    {"fanout", fanout_run, "messages to everybody on one topic"},
    {"pairs", pairs_run, "messages on many topics with one subscriber each"},
    {"topics", topics_run, "joins, by how many topics there are: up to a million"},
    {"churn", churn_run, "clients that connect, join and go"},
    {"presence", presence_run, "many join a topic with presence at once"},
    {"members", members_run, "a message to many members, while others are notified"},
    {"storm", storm_run, "a session process dies, and its clients return"},
};

enum {
    MODES = sizeof modes / sizeof *modes,
    FAILURES_SAID = 10,
    DESCRIPTORS_SPARED = 64,
    PROCESSES_MAX = 100
};

static _Noreturn void usage_and_leave(void)
{
    fputs("bench-load MODE --url http://ADDRESS:PORT --data DIR [--OPTION NUMBER]...\n\n", stderr);
    for (size_t i = 0; i < MODES; i++)
        fprintf(stderr, "  %-10s %s\n", modes[i].name, modes[i].help);
    fputc('\n', stderr);
#define OPTION_HELP(member, name, standard, help)                                                  \
    fprintf(stderr, "  --%-8s %5d  %s\n", name, standard, help);
    OPTIONS(OPTION_HELP)
#undef OPTION_HELP
    exit(EXIT_refused);
}

static uint64_t *option(struct options *o, const char *name)
{
#define OPTION_FIND(member, text, standard, help)                                                  \
    if (strcmp(name, text) == 0)                                                                   \
        return &o->member;
    OPTIONS(OPTION_FIND)
#undef OPTION_FIND
    refuse("--%s: there is no such option", name);
}

static uint64_t number(const char *name, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-')
        refuse("--%s %s: not a number", name, text);
    return n;
}

static void options_read(struct bench *b, int argc, char **argv)
{
    const char *url = NULL, *data = NULL;
#define OPTION_STANDARD(member, name, standard, help) .member = (standard),
    b->opt = (struct options){OPTIONS(OPTION_STANDARD)};
#undef OPTION_STANDARD
    for (int i = 2; i < argc; i += 2) {
        if (strncmp(argv[i], "--", 2) != 0 || i + 1 == argc)
            usage_and_leave();
        const char *name = argv[i] + 2, *value = argv[i + 1];
        if (strcmp(name, "url") == 0)
            url = value;
        else if (strcmp(name, "data") == 0)
            data = value;
        else
            *option(&b->opt, name) = number(name, value);
    }
    if (!url || (!data && !b->opt.pid))
        usage_and_leave();
    struct options *o = &b->opt;
    if (!o->users || !o->writers || !o->beat || !o->opening || !o->seconds || !o->window ||
        !o->step)
        refuse("users, writers, beat, opening, seconds, window and step must be above 0");
    if (!o->processes || o->processes > PROCESSES_MAX || o->processes > o->users)
        refuse("processes must be 1 to %u, and no more than users", PROCESSES_MAX);
    if (o->members < 4)
        refuse("members must be at least 4");
    if (o->bytes < 64 || o->bytes > 400 || o->window > 4000)
        refuse("bytes must be 64 to 400, window at most 4000");
    server_open(&b->server, url, data, o->pid);
}

/* All that the hard limit allows; what is asked must fit in. */
static void descriptors_take(const struct bench *b)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (b->opt.users / b->opt.processes + b->opt.writers + DESCRIPTORS_SPARED > limit.rlim_cur)
        refuse("%llu users and %llu writers need more than the %llu descriptors of a process",
               (unsigned long long)b->opt.users, (unsigned long long)b->opt.writers,
               (unsigned long long)limit.rlim_cur);
}

void bench_failed(struct bench *b, const char *format, ...)
{
    if (b->failures++ >= FAILURES_SAID)
        return;
    char line[600];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    log_line("%s", line);
}

void bench_user(const struct bench *b, uint64_t n, char out[BENCH_USER])
{
    snprintf(out, BENCH_USER, "%s-%llu", b->run, (unsigned long long)n);
}

int main(int argc, char **argv)
{
    static struct bench b;
    const struct mode *mode = NULL;
    for (size_t i = 0; argc > 1 && i < MODES; i++)
        if (strcmp(argv[1], modes[i].name) == 0)
            mode = &modes[i];
    if (!mode)
        usage_and_leave();
    signal(SIGPIPE, SIG_IGN);
    options_read(&b, argc, argv);
    descriptors_take(&b);
    uint32_t fresh;
    secret_random(&fresh, sizeof fresh);
    snprintf(b.run, sizeof b.run, "b%08x", fresh);
    b.start_ns = clock_ns();
    b.poller = poller_new();
    mode->run(&b);
    report_add(&b.report, (double)b.failures, 0, "failures");
    report_print(&b.report, b.opt.json != 0);
    poller_free(&b.poller);
    return b.failures ? 1 : 0;
}
