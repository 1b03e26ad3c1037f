/* SPDX-License-Identifier: Apache-2.0 */
/* child.h -- one process of the installation, as its supervisor holds it.
 *
 * Shape   started with --ready-fd (a newline comes when it serves) and, for a session, its listening
 *         socket by the LISTEN_FDS convention; told to stop when we die (PR_SET_PDEATHSIG); in a
 *         process group of its own, so that a terminal's ^C reaches the supervisor only.
 * Wait    `exit_fd` and `ready_fd` become readable; -1 when there is nothing to wait for.
 * Source  sd_listen_fds(3), pidfd_open(2), prctl(2). */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

enum { CHILD_ROLE = 24 };

struct child {
    char role[CHILD_ROLE]; /* store, session.0 */
    const char *program;   /* belfry-store */
    unsigned index;        /* of a session */
    int socket;            /* to listen on; -1: none. Not ours to close */
    pid_t pid;             /* 0: does not run */
    int exit_fd, ready_fd;
};

/* `folder` holds the programs; config may be NULL. No room for another process: exits with 111. */
void child_start(struct child *c, const char *folder, const char *config, const char *data);

/* It said that it serves; false when it went without. Once. */
bool child_ready(struct child *c);

/* After exit_fd: reap it. Its exit code, or -1 and the signal in *by. */
int child_end(struct child *c, int *by);

void child_signal(const struct child *c, int number);
