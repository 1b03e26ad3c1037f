/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool file_write(int fd, struct bytes all)
{
    while (all.n > 0) {
        ssize_t n = write(fd, all.p, all.n);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            all = (struct bytes){all.p + n, all.n - (size_t)n};
    }
    return true;
}

bool file_keep(int fd, struct bytes all)
{
    return file_write(fd, all) && fsync(fd) == 0;
}

bool file_keep_name(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int n = snprintf(folder, sizeof folder, "%.*s/.", slash ? (int)(slash - path) : 1,
                     slash ? path : ".");
    if (n < 0 || (size_t)n >= sizeof folder) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool kept = fsync(fd) == 0;
    int why = errno;
    close(fd);
    errno = why;
    return kept;
}
