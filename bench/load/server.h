/* SPDX-License-Identifier: Apache-2.0 */
/* server.h -- the installation that is measured: where it listens, its keys, and what its processes
 * have used.
 *
 * Shape   processes are found by their counters in DATA/run; what they used is read from /proc. A
 *         floor is one process, known by its pid; it asks for no token.
 * Limits  SERVER_PROCESSES. Reading another's memory needs the same user or root. */
#pragma once

#include "bench/common/report.h"
#include "lib/buf.h"
#include "lib/secret.h"

#include <netinet/in.h>

enum { SERVER_PROCESSES = 80 };

struct server {
    struct sockaddr_in at;
    const char *data; /* NULL: a floor's */
    uint64_t pid;
    char secret[SECRET_TEXT];
};

/* What every process had used when it was read. */
struct usage {
    struct process {
        char role[24];
        uint64_t pid;
        double cpu_s;         /* user and system */
        double pss, rss_anon; /* bytes */
    } of[SERVER_PROCESSES];
    size_t count;
    double slab; /* bytes of the kernel's, for everything on this machine */
};

/* `url` is http://ADDRESS:PORT. Leaves with a reason when it cannot be used. */
void server_open(struct server *s, const char *url, const char *data, uint64_t pid);

void usage_read(struct usage *u, const struct server *s);

/* How often a session process and the rest of them appear in both; leaves when one has restarted:
 * the run is then worth nothing. */
void usage_same(const struct usage *before, const struct usage *after);

/* CPU seconds of all processes between the two. */
double usage_cpu_s(const struct usage *before, const struct usage *after);

/* CPU seconds between the two for each million of `operations`: all, and by role. */
void usage_report_cpu(struct report *r, const struct usage *before, const struct usage *after,
                      uint64_t operations);

/* Growth of memory between the two for each of `n`: session processes, all, and the kernel's slabs,
 * where both ends of each connection are. */
void usage_report_memory(struct report *r, const struct usage *before, const struct usage *after,
                         uint64_t n);

/* The number behind `key` in a file of /proc whose lines are "key: number kB"; in bytes. 0 when its
 * process has died just now. */
double kilobytes(const char *path, const char *key);

/* Append a token that is good for a day: of a user, or of a service when user is NULL. */
void server_token(const struct server *s, struct buf *out, const char *user);
