/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/child.h"

#include "lib/ensure.h"
#include "lib/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LISTEN_FD = 3 };

static void put_number(char out[16], long number)
{
    snprintf(out, 16, "%ld", number);
}

/* In the child. All other descriptors close with the exec. */
static _Noreturn void become(const struct child *c, pid_t parent, const char *folder,
                             const char *config, const char *data, int ready)
{
    char path[1024], ready_text[16], index_text[16], pid_text[16];
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXIT_again); /* it died before that line */
    setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    ready = fcntl(ready, F_DUPFD, LISTEN_FD + 1);
    int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO); /* our output has one line, for programs */
    close(nothing);
    if (c->socket == LISTEN_FD)
        fcntl(LISTEN_FD, F_SETFD, 0);
    else if (c->socket >= 0)
        dup2(c->socket, LISTEN_FD);
    if (c->socket >= 0) {
        put_number(pid_text, getpid());
        setenv("LISTEN_FDS", "1", 1);
        setenv("LISTEN_PID", pid_text, 1);
        setenv("LISTEN_FDNAMES", "serve", 1); /* one for each session process, in their order */
    }
    put_number(ready_text, ready);
    put_number(index_text, c->index);
    snprintf(path, sizeof path, "%s/%s", folder, c->program);
    const char *args[10] = {path, "--data", data, "--ready-fd", ready_text, "--index", index_text};
    if (config) {
        args[7] = "--config";
        args[8] = config;
    }
    execv(path, (char *const *)(const void *)args);
    fprintf(stderr, "serve.exec program=%s error=\"%s\"\n", path, strerror(errno));
    _exit(errno == ENOENT || errno == EACCES ? EXIT_refused : EXIT_again);
}

void child_start(struct child *c, const char *folder, const char *config, const char *data)
{
    ENSURE(c->pid == 0);
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0)
        try_again("serve.pipe error=\"%s\"", strerror(errno));
    pid_t parent = getpid();
    c->pid = fork();
    if (c->pid < 0)
        try_again("serve.fork error=\"%s\"", strerror(errno));
    if (c->pid == 0)
        become(c, parent, folder, config, data, ready[1]);
    close(ready[1]);
    c->ready_fd = ready[0];
    c->exit_fd = pidfd_open(c->pid, 0); /* closes with an exec by itself */
    ENSURE(c->exit_fd >= 0);
}

bool child_ready(struct child *c)
{
    char newline;
    bool said = read(c->ready_fd, &newline, 1) == 1;
    close(c->ready_fd);
    c->ready_fd = -1;
    return said;
}

int child_end(struct child *c, int *by)
{
    siginfo_t how = {0};
    while (waitid(P_PIDFD, (id_t)c->exit_fd, &how, WEXITED) != 0)
        ENSURE(errno == EINTR);
    close(c->exit_fd);
    c->exit_fd = -1;
    if (c->ready_fd >= 0)
        close(c->ready_fd);
    c->ready_fd = -1;
    c->pid = 0;
    *by = how.si_code == CLD_EXITED ? 0 : how.si_status;
    return how.si_code == CLD_EXITED ? how.si_status : -1;
}

void child_signal(const struct child *c, int number)
{
    if (c->pid > 0)
        kill(c->pid, number);
}
