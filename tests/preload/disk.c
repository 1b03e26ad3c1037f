/* SPDX-License-Identifier: Apache-2.0 */
/* disk.so (LD_PRELOAD) -- stands between LMDB and the C library, and writes down what happens to
 * data.mdb (disk.h). All of it comes from one thread at a time: LMDB has one writer. */
#include "tests/preload/disk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FDS = 1024 };

static enum { OTHER, PLAIN, SYNCS, FOLDER } files[FDS]; /* by descriptor */
static int trace = -1;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static bool ours(int fd)
{
    return fd >= 0 && fd < FDS && files[fd] != OTHER;
}

static bool ends(const char *path, const char *ending)
{
    size_t n = strlen(path), end = strlen(ending);
    return n >= end && strcmp(path + n - end, ending) == 0;
}

static void broken(const char *what)
{
    fprintf(stderr, "disk.so: %s: %s\n", what, strerror(errno));
    abort();
}

/* One system call, as the test appends too. */
static void row(enum disk_row_kind kind, uint64_t at, uint64_t value, struct iovec data)
{
    struct disk_row head = {.kind = kind, .n = (uint32_t)data.iov_len, .at = at, .value = value};
    struct iovec parts[] = {{&head, sizeof head}, data};
    ssize_t n = syscall(SYS_writev, trace, parts, 2);
    if (n != (ssize_t)(sizeof head + data.iov_len))
        broken("trace");
}

static void mark(enum disk_row_kind kind)
{
    row(kind, 0, 0, (struct iovec){0});
}

/* Whether this fault is due; then it is over. */
static bool faulted(const char *fault)
{
    const char *path = getenv("DISK_FAULT");
    char word[20] = "";
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    ssize_t n = read(fd, word, sizeof word - 1);
    syscall(SYS_close, fd);
    return n > 0 && strcmp(word, fault) == 0 && unlink(path) == 0;
}

static void take_time(void)
{
    const char *us = getenv("DISK_SYNC_US");
    if (us)
        usleep((useconds_t)strtoul(us, NULL, 10));
}

/* -- open and close --------------------------------------------------------------------------- */

static void opened(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        broken("fstat");
    char *all = malloc((size_t)st.st_size + 1);
    if (!all || pread(fd, all, (size_t)st.st_size, 0) != st.st_size)
        broken("pread");
    row(DISK_opened, 0, 0, (struct iovec){all, (size_t)st.st_size});
    free(all);
}

static int keep(const char *path, int flags, int fd)
{
    const char *to = getenv("DISK_TRACE");
    bool folder = flags & O_DIRECTORY && ends(path, "/store");
    if (fd < 0 || !to || (!folder && !ends(path, "/data.mdb") && !ends(path, "/new.mdb")))
        return fd;
    if (fd >= FDS)
        broken("too many descriptors");
    if (trace < 0)
        trace = (int)syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
                             0600);
    if (trace < 0)
        broken(to);
    files[fd] = folder ? FOLDER : flags & O_DSYNC ? SYNCS : PLAIN;
    if (files[fd] == PLAIN)
        opened(fd);
    return fd;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;                                  \
        va_end(more);                                                                              \
        return keep(path, flags, REAL(name)(path, flags, mode));                                   \
    }
OPEN(open)
OPEN(open64)

int rename(const char *from, const char *to)
{
    int rc = REAL(rename)(from, to);
    if (rc == 0 && trace >= 0 && ends(to, "/data.mdb"))
        mark(DISK_named);
    return rc;
}

int close(int fd)
{
    if (ours(fd))
        files[fd] = OTHER;
    return REAL(close)(fd);
}

/* -- writing ---------------------------------------------------------------------------------- */

/* It is in the kernel's cache. What follows for a descriptor that syncs by itself. */
static ssize_t wrote(int fd, struct iovec data, off_t at)
{
    if (data.iov_len > UINT32_MAX)
        broken("a write that is too long");
    row(DISK_written, (uint64_t)at, files[fd] == SYNCS, data);
    if (files[fd] != SYNCS)
        return (ssize_t)data.iov_len;
    if (faulted("meta_die"))
        kill(getpid(), SIGKILL);
    take_time();
    if (faulted("meta_eio")) {
        mark(DISK_sync_failed);
        errno = EIO;
        return -1;
    }
    mark(DISK_written_synced);
    return (ssize_t)data.iov_len;
}

#define PWRITE(name, offset)                                                                       \
    ssize_t name(int fd, const void *data, size_t n, offset at)                                    \
    {                                                                                              \
        ssize_t done = REAL(name)(fd, data, n, at);                                                \
        if (!ours(fd) || done < 0)                                                                 \
            return done;                                                                           \
        return wrote(fd, (struct iovec){(void *)(uintptr_t)data, (size_t)done}, at);               \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t n)
{
    if (!ours(fd))
        return REAL(write)(fd, data, n);
    return pwrite(fd, data, n, lseek(fd, (off_t)n, SEEK_CUR) - (off_t)n);
}

/* Many pages in a row: each is a write of its own to us, as the disk may have some of them. */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (!ours(fd))
        return REAL(writev)(fd, parts, count);
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t done = REAL(writev)(fd, parts, count), left = done;
    for (int i = 0; i < count && left > 0; i++) {
        struct iovec part = parts[i];
        if ((ssize_t)part.iov_len > left)
            part.iov_len = (size_t)left;
        wrote(fd, part, at);
        at += (off_t)part.iov_len;
        left -= (ssize_t)part.iov_len;
    }
    return done;
}

/* -- syncing ---------------------------------------------------------------------------------- */

static int sync_by(int (*real)(int), int fd)
{
    if (!ours(fd))
        return real(fd);
    if (files[fd] == FOLDER) {
        int done = real(fd);
        mark(DISK_name_synced);
        return done;
    }
    mark(DISK_syncing);
    take_time();
    if (faulted("sync_eio")) {
        mark(DISK_sync_failed);
        errno = EIO;
        return -1;
    }
    int rc = real(fd);
    if (rc == 0)
        mark(DISK_synced);
    return rc;
}

int fdatasync(int fd)
{
    return sync_by(REAL(fdatasync), fd);
}

int fsync(int fd)
{
    return sync_by(REAL(fsync), fd);
}

int msync(void *at, size_t n, int flags)
{
    (void)at, (void)n, (void)flags;
    fprintf(stderr, "disk.so: msync: a store that writes through its map is not seen here\n");
    abort();
}

int ftruncate(int fd, off_t size)
{
    if (ours(fd)) {
        fprintf(stderr, "disk.so: data.mdb is cut: that is not seen here\n");
        abort();
    }
    return REAL(ftruncate)(fd, size);
}
