/* SPDX-License-Identifier: Apache-2.0 */
/* belfry init -- a new installation that is safe as it stands: settings, folders and secrets that only
 * their owner reads, and nothing open without a key. What is there already is kept; where others may
 * read it that is mended; each of it is said. */
#include "cli/commands.h"
#include "lib/curve.h"
#include "lib/ensure.h"
#include "lib/file.h"
#include "lib/loop.h"
#include "lib/owner.h"
#include "lib/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void say(const char *what, const char *path, const char *is)
{
    printf("%-8s %-32s %s\n", what, path, is);
}

/* Nobody but the owner. True: others could. */
static bool tighten(const char *path, mode_t mode)
{
    struct stat is;
    if (stat(path, &is) != 0)
        refuse("belfry init: %s: %s", path, strerror(errno));
    if ((is.st_mode & 077) == 0)
        return false;
    if (chmod(path, mode) != 0)
        refuse("belfry init: %s: %s", path, strerror(errno));
    return true;
}

static void folder(const char *path, const char *is)
{
    bool fresh = mkdir(path, 0700) == 0;
    if (!fresh && errno != EEXIST)
        refuse("belfry init: %s: %s", path, strerror(errno));
    say(fresh ? "made" : tighten(path, 0700) ? "shut" : "kept", path, is);
}

static void secret(const char *path, const char *is)
{
    char text[SECRET_TEXT];
    bool fresh = access(path, F_OK) != 0;
    if (!secret_load(path, text))
        refuse("belfry init: %s: %s", path, strerror(errno));
    explicit_bzero(text, sizeof text);
    say(fresh ? "made" : tighten(path, 0600) ? "shut" : "kept", path, is);
}

/* One for all machines of the installation: to be copied, not made again. */
static void bus_key(const char *path)
{
    bool fresh = curve_make(path);
    if (!fresh && errno != EEXIST)
        refuse("belfry init: %s: %s", path, strerror(errno));
    const char *why = curve_load(path);
    if (why)
        refuse("belfry init: %s: %s", path, why);
    say(fresh                 ? "made"
        : tighten(path, 0600) ? "shut"
                              : "kept",
        path, "between processes on tcp://; the same on each machine");
}

/* So that a program that is started elsewhere finds it. */
static void data_write(struct buf *out, const struct settings *s)
{
    char *whole = realpath(s->data, NULL);
    buf_format(out, "data = \"%s\"\n", whole ? whole : s->data);
    free(whole);
}

static void config(const char *path, const struct settings *s)
{
    struct buf text;
    buf_init(&text, 4096);
    buf_text(&text,
             "# What differs from the defaults; `belfry conf` prints every setting there is.\n");
    data_write(&text, s);
    buf_format(&text, "listen = \"%s\"\n", s->listen);
    buf_format(&text, "sessions = %llu\n", (unsigned long long)s->sessions);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool fresh = fd >= 0;
    if (!fresh && errno != EEXIST)
        refuse("belfry init: %s: %s", path, strerror(errno));
    if (fresh &&
        (!owner_give(s->data, fd) || !file_keep(fd, buf_all(&text)) || !file_keep_name(path)))
        refuse("belfry init: %s: %s", path, strerror(errno));
    if (fresh)
        close(fd);
    say(fresh ? "made" : "kept", path, "settings");
    buf_fini(&text);
}

static void next(const char *file)
{
    printf("\nNothing is open without a key, and it listens where the settings say. Next:\n"
           "  belfry serve --config %s\n"
           "  belfry key add shop --scopes create --config %s     for your back end\n"
           "  belfry token --user ann --config %s                 for a page of ann's\n"
           "  TLS in front of it: docs/operating.md\n",
           file, file, file);
}

int init_command(const struct args *a)
{
    const char *file = a->config ? a->config : "belfry.conf";
    struct settings s = settings_load(access(file, F_OK) == 0 ? file : NULL, a->data);
    struct buf why;
    buf_init(&why, 4096);
    const char *listen = args_get(a, "--listen");
    if (listen && access(file, F_OK) == 0)
        refuse("belfry init: --listen: %s is there already, and is not changed", file);
    if (listen && !conf_set(&settings_table, "listen", listen, "--listen", &s, &why))
        refuse("%.*s", (int)why.n, why.p);
    buf_fini(&why);
    struct paths paths = paths_of(&s);
    char secrets[PATH_SIZE];
    snprintf(secrets, sizeof secrets, "%.*s", (int)(strrchr(paths.api_key, '/') - paths.api_key),
             paths.api_key);
    folder(s.data, "everything that is kept");
    config(file, &s);
    owner_become(s.data);
    folder(secrets, "keys");
    folder(paths.db, "the database");
    folder(paths.run, "sockets and counters");
    secret(paths.token_key, "signs users' tokens");
    secret(paths.api_key, "the first API key, with all scopes");
    bus_key(paths.bus_key);
    if (!file_keep_name(paths.bus_key))
        refuse("belfry init: %s: %s", secrets, strerror(errno));
    next(file);
    return 0;
}
