/* SPDX-License-Identifier: Apache-2.0 */
/* Who may read what; and whether the disk keeps what it says it has kept. */
#include "cli/doctor.h"
#include "lib/ensure.h"
#include "proto/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 31, PAGE = 4096, HONEST_US = 25 };

/* Who the processes are (lib/owner.h). */
static uid_t owner(const struct patient *p)
{
    struct stat is;
    return geteuid() == 0 && stat(p->settings.data, &is) == 0 ? is.st_uid : geteuid();
}

/* Bits that must not be there. What others may read may be root's. */
static void shut(struct patient *p, const char *path, mode_t bits)
{
    struct stat is;
    if (stat(path, &is) != 0)
        told(p, errno == ENOENT ? FOUND_warn : FOUND_bad, "permissions", "%s: %s%s", path,
             strerror(errno), errno == ENOENT ? "; `belfry init` makes it" : "");
    else if (is.st_mode & bits)
        told(p, FOUND_bad, "permissions",
             "%s has mode %03o: others may %s it; `belfry init` shuts it", path, is.st_mode & 0777u,
             is.st_mode & bits & 022 ? "change" : "read");
    else if (is.st_uid != owner(p) && (is.st_uid != 0 || bits == 077))
        told(p, FOUND_bad, "permissions", "%s belongs to uid %u, and we are %u", path,
             (unsigned)is.st_uid, (unsigned)owner(p));
    else
        told(p, FOUND_ok, "permissions", "%s", path);
}

void doctor_permissions(struct patient *p)
{
    shut(p, p->settings.data, 077);
    shut(p, p->paths.run, 077);
    shut(p, p->paths.db, 077);
    shut(p, p->paths.token_key, 077);
    shut(p, p->paths.api_key, 077);
    if (access(p->paths.api_keys, F_OK) == 0)
        shut(p, p->paths.api_keys, 077);
    if (access(p->paths.bus_key, F_OK) == 0 || bus_tcp(&p->settings))
        shut(p, p->paths.bus_key, 077);
    if (p->config)
        shut(p, p->config, 022);
    if (access(p->paths.hook_key, F_OK) == 0)
        shut(p, p->paths.hook_key, 077);
    if (p->settings.hook_ca[0])
        shut(p, p->settings.hook_ca, 022);
    if (p->settings.jwks[0] && !jwks_by_url(&p->settings))
        shut(p, p->settings.jwks, 022);
    if (owner(p) == 0)
        told(p, FOUND_warn, "user",
             "root: run Belfry as a user of its own (deploy/systemd), or give that user %s",
             p->settings.data);
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int by_size(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* The median of a page written over and synced; 0: it could not be. */
static uint64_t sync_us(int fd)
{
    uint64_t took[TRIES];
    char page[PAGE];
    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t from_us = now_us();
        memset(page, (int)i, sizeof page);
        if (pwrite(fd, page, sizeof page, 0) != (ssize_t)sizeof page || fdatasync(fd) != 0)
            return 0;
        took[i] = now_us() - from_us;
    }
    qsort(took, TRIES, sizeof *took, by_size);
    return took[TRIES / 2] + 1;
}

static void try_sync(struct patient *p, const char *folder)
{
    char path[PATH_SIZE + 24];
    snprintf(path, sizeof path, "%s/doctor.XXXXXX", folder);
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        told(p, FOUND_bad, "disk", "%s: %s", folder, strerror(errno));
        return;
    }
    unlink(path);
    unsigned long long us = sync_us(fd);
    if (us == 0)
        told(p, FOUND_bad, "fsync", "%s: %s", folder, strerror(errno));
    else if (us < HONEST_US)
        told(p, FOUND_bad, "fsync",
             "%llu us for a page: no disk is that fast; what is acknowledged would be lost in a "
             "power cut",
             us);
    else
        told(p, FOUND_ok, "fsync",
             "%llu us for a page (whether the disk's own cache is safe, its "
             "maker knows)",
             us);
    close(fd);
}

void doctor_disk(struct patient *p)
{
    const char *folder = access(p->paths.db, F_OK) == 0        ? p->paths.db
                         : access(p->settings.data, F_OK) == 0 ? p->settings.data
                                                               : ".";
    struct statfs is;
    if (statfs(folder, &is) != 0) {
        told(p, FOUND_bad, "disk", "%s: %s", folder, strerror(errno));
        return;
    }
    unsigned long long mb = (unsigned long long)is.f_bavail * (unsigned long long)is.f_bsize >> 20;
    if (is.f_type == TMPFS_MAGIC || is.f_type == RAMFS_MAGIC)
        told(p, FOUND_bad, "disk", "%s is in memory: nothing survives a restart", folder);
    else if (is.f_type == NFS_SUPER_MAGIC)
        told(p, FOUND_bad, "disk", "%s is on NFS, where LMDB may not be", folder);
    else if (mb < p->settings.reserve_mb + p->settings.map_mb)
        told(p, FOUND_warn, "disk", "%s has %llu MB free: soon too few", folder, mb);
    else
        told(p, FOUND_ok, "disk", "%s has %llu MB free", folder, mb);
    try_sync(p, folder);
}
