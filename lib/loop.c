/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/loop.h"

#include "lib/ensure.h"
#include "lib/log.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_take(void)
{
    signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    ENSURE(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    ENSURE(fd >= 0);
    return fd;
}

void loop_wait(zmq_pollitem_t *on, int n, uint64_t deadline_ms, uint64_t now_ms)
{
    long timeout_ms = -1;
    if (deadline_ms <= now_ms)
        timeout_ms = 0;
    else if (deadline_ms - now_ms <= INT32_MAX)
        timeout_ms = (long)(deadline_ms - now_ms);
    else if (deadline_ms != LOOP_NEVER)
        timeout_ms = INT32_MAX;
    int got = zmq_poll(on, n, timeout_ms);
    ENSURE(got >= 0 || errno == EINTR);
    if (got < 0)
        for (int i = 0; i < n; i++)
            on[i].revents = 0;
}

void ready_tell(int fd)
{
    if (fd < 0)
        return;
    ssize_t ignored = write(fd, "\n", 1); /* whoever started us may have gone */
    (void)ignored;
    close(fd);
}

static void say(const char *format, va_list args)
{
    char line[900];
    vsnprintf(line, sizeof line, format, args);
    log_line("%s", line);
}

void refuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    exit(EXIT_refused);
}

void try_again(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    exit(EXIT_again);
}
