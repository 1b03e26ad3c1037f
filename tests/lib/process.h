/* SPDX-License-Identifier: Apache-2.0 */
/* process.h -- our programs as a test's children: started and ready, killed, ended, by their pid.
 * BELFRY_BIN says where they are. They die with the test. */
#pragma once

#include "lib/ensure.h"
#include "lib/loop.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESS_READY_MS = 20000 };

static inline void process_path(const char *program, char out[512])
{
    const char *bin = getenv("BELFRY_BIN");
    snprintf(out, 512, "%s/%s", bin ? bin : "bin", program);
}

/* Start it on `data`, and wait until it is ready. */
static inline pid_t process_start(const char *program, const char *data)
{
    int ready[2];
    ENSURE(pipe(ready) == 0);
    pid_t pid = fork();
    ENSURE(pid >= 0);
    if (pid == 0) {
        char path[512], fd[12];
        process_path(program, path);
        snprintf(fd, sizeof fd, "%d", ready[1]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(path, path, "--data", data, "--ready-fd", fd, (char *)NULL);
        fprintf(stderr, "%s: not there; BELFRY_BIN?\n", path);
        _exit(127);
    }
    close(ready[1]);
    zmq_pollitem_t on = {.fd = ready[0], .events = ZMQ_POLLIN};
    char newline = 0;
    if (zmq_poll(&on, 1, PROCESS_READY_MS) == 1 && read(ready[0], &newline, 1) != 1)
        newline = 0;
    close(ready[0]);
    if (newline != '\n') {
        fprintf(stderr, "%s: did not become ready\n", program);
        kill(pid, SIGKILL);
        abort();
    }
    return pid;
}

static inline void process_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* TERM; gives its exit code, or -1. */
static inline int process_end(pid_t pid)
{
    int status;
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void folder_remove(const char *folder)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r '%.100s'", folder);
    ENSURE(system(command) == 0);
}
