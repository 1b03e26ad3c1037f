/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/owner.h"

#include "lib/loop.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether root would become somebody. */
static bool another(const char *folder, struct stat *is)
{
    return geteuid() == 0 && stat(folder, is) == 0 && is->st_uid != 0;
}

void owner_become(const char *folder)
{
    struct stat is;
    if (!another(folder, &is))
        return;
    if (setgroups(0, NULL) != 0 || setresgid(is.st_gid, is.st_gid, is.st_gid) != 0 ||
        setresuid(is.st_uid, is.st_uid, is.st_uid) != 0)
        refuse("owner folder=%s uid=%u error=\"%s\"", folder, (unsigned)is.st_uid, strerror(errno));
}

bool owner_give(const char *folder, int fd)
{
    struct stat is;
    return !another(folder, &is) || fchown(fd, is.st_uid, is.st_gid) == 0;
}
