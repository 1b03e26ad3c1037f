/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.so (LD_PRELOAD) -- a machine that is not well, for `belfry doctor`: DOCTOR names what is to be wrong, in
 * words with commas between. */
#include <errno.h>
#include <dlfcn.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/vfs.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static bool wrong(const char *what)
{
    const char *all = getenv("DOCTOR"), *at = all ? strstr(all, what) : NULL;
    return at && (at[strlen(what)] == ',' || at[strlen(what)] == '\0');
}

int adjtimex(struct timex *t)
{
    *t = (struct timex){.maxerror = wrong("clock-far") ? 3000000 : 2000};
    if (wrong("clock-unasked")) {
        errno = EPERM;
        return -1;
    }
    t->status = wrong("clock-unset") ? STA_UNSYNC : 0;
    return TIME_OK;
}

int statfs(const char *path, struct statfs *is)
{
    int rc = wrong("disk-gone") ? -1 : REAL(statfs)(path, is);
    if (wrong("disk-gone"))
        errno = EIO;
    else if (wrong("disk-nfs"))
        is->f_type = NFS_SUPER_MAGIC;
    else
        is->f_type = EXT4_SUPER_MAGIC;
    if (wrong("disk-full"))
        is->f_bavail = 1;
    return rc;
}

int fdatasync(int fd)
{
    (void)fd;
    if (wrong("sync-fails")) {
        errno = EIO;
        return -1;
    }
    return 0; /* at once: as a disk that lies */
}

/* What the kernel has of a sandbox; what else is asked by its number is the kernel's. */
long syscall(long number, ...)
{
    va_list args;
    long a[6];
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number != SYS_landlock_create_ruleset && number != SYS_seccomp)
        return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (wrong(number == SYS_seccomp ? "no-seccomp" : "no-landlock")) {
        errno = ENOSYS;
        return -1;
    }
    return number == SYS_seccomp ? 0 : 1;
}

void zmq_version(int *major, int *minor, int *patch)
{
    *major = 4;
    *minor = 3;
    *patch = wrong("old-zmq") ? 2 : 5;
}

unsigned OPENSSL_version_major(void)
{
    return 3;
}

unsigned OPENSSL_version_minor(void)
{
    return 0;
}

unsigned OPENSSL_version_patch(void)
{
    return wrong("old-crypto") ? 6 : 15;
}

void *dlopen(const char *file, int flags)
{
    return wrong("no-library") ? NULL : REAL(dlopen)(file, flags);
}
