/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/counters.h"

#include "lib/clock.h"
#include "lib/ensure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x42454c4652593031) /* "BELFRY01" */
enum { COUNT_MAX = 1000 };

static size_t size_of(size_t count)
{
    return sizeof(struct counters_head) + count * sizeof(struct counter);
}

static bool map_file(struct counters *c, int fd, size_t size, int protection)
{
    void *at = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return false;
    c->head = at;
    c->rows = (struct counter *)(c->head + 1);
    return true;
}

static void fill(struct counters *c, const char *role, const struct counter *list, size_t count)
{
    memset(c->head, 0, sizeof *c->head);
    memcpy(c->rows, list, count * sizeof *list);
    snprintf(c->head->role, sizeof c->head->role, "%s", role);
    c->head->pid = (uint64_t)getpid();
    c->head->started_wall_ms = clock_wall_ms();
    c->head->count = count;
    atomic_thread_fence(memory_order_release);
    c->head->magic = MAGIC; /* last: before it nobody reads the rest */
}

/* With all its blocks: a page that the disk has no room for would kill who writes to it. */
static bool make(struct counters *c, const char *path, size_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    int rc = posix_fallocate(fd, 0, (off_t)size);
    bool good = rc == 0 && map_file(c, fd, size, PROT_READ | PROT_WRITE);
    close(fd);
    if (good)
        return true;
    unlink(path);
    errno = rc ? rc : errno;
    return false;
}

static bool take_over(struct counters *c, const char *path, size_t size)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = fstat(fd, &st) == 0 && (size_t)st.st_size == size &&
                (size_t)st.st_blocks * 512 >= size && map_file(c, fd, size, PROT_READ | PROT_WRITE);
    close(fd);
    return good;
}

bool counters_open(struct counters *c, const char *path, const char *role,
                   const struct counter *list, size_t count)
{
    ENSURE(count <= COUNT_MAX);
    char fresh[512];
    int n = snprintf(fresh, sizeof fresh, "%s.new", path);
    ENSURE(n > 0 && (size_t)n < sizeof fresh);
    if (make(c, fresh, size_of(count))) {
        fill(c, role, list, count);
        return rename(fresh, path) == 0;
    }
    int why = errno;
    if (why == ENOSPC && take_over(c, path, size_of(count))) {
        fill(c, role, list, count);
        return true;
    }
    errno = why;
    return false;
}

bool counters_read(struct counters *c, const char *path)
{
    *c = (struct counters){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct stat st;
    bool good = fstat(fd, &st) == 0 && (size_t)st.st_size >= sizeof(struct counters_head) &&
                map_file(c, fd, (size_t)st.st_size, PROT_READ);
    close(fd);
    if (!good)
        return false;
    if (c->head->magic == MAGIC && c->head->count <= COUNT_MAX &&
        size_of(c->head->count) == (size_t)st.st_size)
        return true;
    munmap(c->head, (size_t)st.st_size);
    *c = (struct counters){0};
    return false;
}

void counters_close(struct counters *c)
{
    if (c->head)
        munmap(c->head, size_of(c->head->count));
    *c = (struct counters){0};
}
