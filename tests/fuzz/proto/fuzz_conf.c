/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration: it is taken within every bound, or refused with a line and a reason. */
#include "tests/fuzz/fuzz.h"

#include "proto/settings.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct settings s;
    char path[40];
    struct buf why;
    int fd = memfd_create("conf", MFD_CLOEXEC);
    ENSURE(fd >= 0 && write(fd, data, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    memset(&s, 0, sizeof s);
    buf_init(&why, 4096);
    bool good = conf_load(&settings_table, path, &s, &why);
    ENSURE(good || why.n > 0);
    if (good)
        ENSURE(s.classes_n <= CLASSES_MAX && s.rules_n <= RULES_MAX && s.topics <= 1000 &&
               s.sessions >= 1 && s.sessions <= 64);
    buf_fini(&why);
    close(fd);
    return 0;
}
