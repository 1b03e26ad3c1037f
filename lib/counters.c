/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/counters.h"

#include "lib/clock.h"
#include "lib/ensure.h"

#include <fcntl.h>
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

bool counters_open(struct counters *c, const char *path, const char *role,
                   const struct counter *list, size_t count)
{
    ENSURE(count <= COUNT_MAX);
    char fresh[512];
    int n = snprintf(fresh, sizeof fresh, "%s.new", path);
    ENSURE(n > 0 && (size_t)n < sizeof fresh);
    int fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool good = ftruncate(fd, (off_t)size_of(count)) == 0 &&
                map_file(c, fd, size_of(count), PROT_READ | PROT_WRITE);
    close(fd);
    if (!good)
        return false;
    memcpy(c->rows, list, count * sizeof *list);
    *c->head = (struct counters_head){.magic = MAGIC,
                                      .pid = (uint64_t)getpid(),
                                      .started_wall_ms = clock_wall_ms(),
                                      .count = count};
    snprintf(c->head->role, sizeof c->head->role, "%s", role);
    return rename(fresh, path) == 0;
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
