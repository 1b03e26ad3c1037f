/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/log.h"

#include "lib/clock.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x42454c464c4f4731) /* "BELFLOG1" */
enum { RING_BYTES = 64 << 10, LINE_BYTES = 1001, TIME_BYTES = 24 };

/* The file of log_keep(): the newest lines, each "TIME LINE\n", over the oldest. */
struct ring {
    uint64_t magic, written; /* bytes, ever */
    char bytes[RING_BYTES];
};
static struct ring *ring;

bool log_keep(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    void *at = MAP_FAILED;
    /* With all its blocks: a page that the disk has no room for would kill who writes to it. */
    if (posix_fallocate(fd, 0, (off_t)sizeof *ring) == 0)
        at = mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED)
        return false;
    ring = at;
    if (ring->magic != MAGIC)
        *ring = (struct ring){.magic = MAGIC};
    return true;
}

/* Two threads may: each takes its place first. */
static void keep(const char *line, size_t n)
{
    char text[TIME_BYTES + 1 + LINE_BYTES];
    struct buf out = {.p = text, .cap = sizeof text, .max = sizeof text};
    clock_write(&out, clock_wall_ms());
    buf_byte(&out, ' ');
    buf_bytes(&out, (struct bytes){line, n});
    uint64_t at = __atomic_fetch_add(&ring->written, out.n, __ATOMIC_RELAXED);
    for (size_t i = 0; i < out.n; i++)
        ring->bytes[(at + i) % RING_BYTES] = text[i];
}

bool log_tail(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct ring *other = malloc(sizeof *other);
    bool good = other && read(fd, other, sizeof *other) == (ssize_t)sizeof *other &&
                other->magic == MAGIC;
    close(fd);
    uint64_t end = good ? other->written : 0;
    uint64_t from = end > RING_BYTES ? end - RING_BYTES + 1 : 0;
    while (from > 0 && from < end && other->bytes[(from - 1) % RING_BYTES] != '\n')
        from++; /* the oldest line has lost its beginning */
    for (; from < end; from++)
        buf_bytes(out, (struct bytes){&other->bytes[from % RING_BYTES], 1});
    free(other);
    return good;
}

void log_line(const char *format, ...)
{
    char line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    if (n < 0)
        return;
    size_t len = (size_t)n < sizeof line - 2 ? (size_t)n : sizeof line - 2;
    line[len++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, len); /* a full log is no reason to stop */
    (void)ignored;
    if (ring)
        keep(line, len);
}

const char *log_safe(struct bytes bytes)
{
    static _Thread_local char texts[4][64];
    static _Thread_local unsigned turn;
    char *out = texts[turn++ % 4];
    size_t n = bytes.n < sizeof texts[0] - 1 ? bytes.n : sizeof texts[0] - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = bytes.p[i] > ' ' && bytes.p[i] < 0x7f ? bytes.p[i] : '?';
    out[n] = '\0';
    return out;
}
