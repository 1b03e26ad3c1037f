/* SPDX-License-Identifier: Apache-2.0 */
/* belfry backup -- a copy of an installation, of one moment, while it runs or not: the store without its
 * free pages, and the secrets. `belfry serve --data` of the copy is the restore: a mark in it says that
 * it is one (store/main.c: another epoch).
 *
 * Errors  the copy is made beside its place as DIR.part and moved there when it is on disk whole; what
 *         fails leaves nothing. A store that does not fit, or a disk that fails: 111.
 * Source  store/engine_lmdb.h: belfry-store --copy writes the tables to its standard output. */
#include "cli/commands.h"
#include "lib/ensure.h"
#include "lib/loop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WALK_FILES = 8 };

struct place {
    char path[PATH_MAX];
};

static struct place in(const char *folder, const char *name)
{
    struct place p;
    int n = snprintf(p.path, sizeof p.path, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof p.path)
        refuse("belfry backup: %s: %s", folder, strerror(ENAMETOOLONG));
    return p;
}

static int drop(const char *path, const struct stat *is, int kind, struct FTW *at)
{
    (void)is, (void)kind, (void)at;
    return remove(path);
}

/* Nothing is left of it: on the same disk it would take the store's room. */
static _Noreturn void give_up(const char *part, const char *what, const char *why)
{
    nftw(part, drop, WALK_FILES, FTW_DEPTH | FTW_PHYS);
    try_again("belfry backup: %s: %s", what, why);
}

static void must(int rc, const char *part, const char *what)
{
    if (rc != 0)
        give_up(part, what, strerror(errno));
}

static int sync_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int fresh_file(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

/* belfry-store knows how; what it has to say goes to standard error. True: it is all there. */
static bool copy_tables(const char *from, int fd)
{
    char folder[PROGRAM_PATH], program[PROGRAM_PATH + 16];
    programs_folder(folder);
    snprintf(program, sizeof program, "%s/belfry-store", folder);
    char *argv[] = {program, "--copy", (char *)(uintptr_t)from, NULL};
    posix_spawn_file_actions_t files;
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, fd, STDOUT_FILENO);
    int rc = posix_spawn(&pid, program, &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    return rc == 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* Its size in bytes. */
static uint64_t copy_store(const struct paths *paths, const char *part)
{
    struct place folder = in(part, "store");
    struct place file = in(folder.path, "data.mdb");
    must(mkdir(folder.path, 0700), part, folder.path);
    int fd = fresh_file(file.path);
    must(fd < 0, part, file.path);
    if (!copy_tables(paths->db, fd))
        give_up(part, paths->db, "belfry-store could not copy it");
    struct stat is;
    must(fsync(fd) != 0 || fstat(fd, &is) != 0, part, file.path);
    close(fd);
    int mark = fresh_file(in(folder.path, "restored").path);
    must(mark < 0, part, folder.path);
    close(mark);
    must(sync_path(folder.path), part, folder.path);
    return (uint64_t)is.st_size;
}

static int copy_file(const char *from, const char *to)
{
    struct stat is;
    int source = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int fd = source < 0 ? -1 : fresh_file(to);
    int rc = fd < 0 || fstat(source, &is) != 0 ? -1 : 0;
    for (off_t at = 0; rc == 0 && at < is.st_size;)
        if (sendfile(fd, source, &at, (size_t)(is.st_size - at)) <= 0)
            rc = -1;
    rc = rc == 0 ? fsync(fd) : rc;
    if (source >= 0)
        close(source);
    if (fd >= 0)
        close(fd);
    return rc;
}

static void copy_secrets(const struct settings *s, const char *part)
{
    struct place from = in(s->data, "secrets"), to = in(part, "secrets");
    must(mkdir(to.path, 0700), part, to.path);
    DIR *d = opendir(from.path);
    must(d == NULL, part, from.path);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            must(copy_file(in(from.path, e->d_name).path, in(to.path, e->d_name).path), part,
                 in(from.path, e->d_name).path);
    closedir(d);
    must(sync_path(to.path), part, to.path);
}

/* The folder that `path` is named in. */
static struct place above(const char *path)
{
    return in(path, "..");
}

int backup_command(const struct args *a)
{
    struct settings s = args_settings(a);
    struct paths paths = paths_of(&s);
    struct place target = {0}, part = {0};
    size_t n = strlen(a->words[0]);
    while (n > 1 && a->words[0][n - 1] == '/')
        n--;
    if (n > PATH_MAX - 16)
        refuse("belfry backup: DIR: %s", strerror(ENAMETOOLONG));
    snprintf(target.path, sizeof target.path, "%.*s", (int)n, a->words[0]);
    snprintf(part.path, sizeof part.path, "%.*s.part", (int)n, a->words[0]);
    if (access(in(paths.db, "data.mdb").path, R_OK) != 0)
        refuse("belfry backup: %s: there is no store: %s", paths.db, strerror(errno));
    if (access(target.path, F_OK) == 0)
        refuse("belfry backup: %s is there already; give a new name", target.path);
    if (mkdir(part.path, 0700) != 0)
        refuse("belfry backup: %s: %s%s", part.path, strerror(errno),
               errno == EEXIST ? ": another backup runs, or was cut short; then remove it" : "");
    uint64_t bytes = copy_store(&paths, part.path);
    copy_secrets(&s, part.path);
    must(sync_path(part.path), part.path, part.path);
    must(rename(part.path, target.path), part.path, target.path);
    must(sync_path(above(target.path).path), target.path, target.path);
    printf("copied the store, %llu bytes, and the secrets to %s\n"
           "restore: belfry serve --data %s\n",
           (unsigned long long)bytes, target.path, target.path);
    return 0;
}
