/* SPDX-License-Identifier: Apache-2.0 */
/* clock.so (LD_PRELOAD) -- the wall clock is off by as many milliseconds as the file named in TEST_CLOCK
 * says, a number as text; it is read anew each time, so that a test can step the clock of processes that
 * run. The monotonic clock stays as it is. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long long off_ms(void)
{
    char text[24] = "";
    const char *path = getenv("TEST_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
        text[0] = '\0';
    if (fd >= 0)
        close(fd);
    return strtoll(text, NULL, 10);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    int e = (int)syscall(SYS_clock_gettime, id, t);
    if (e == 0 && id == CLOCK_REALTIME) {
        long long ms = (long long)t->tv_sec * 1000 + t->tv_nsec / 1000000 + off_ms();
        t->tv_sec = (time_t)(ms / 1000);
        t->tv_nsec = (long)(ms % 1000 * 1000000 + t->tv_nsec % 1000000);
    }
    return e;
}
