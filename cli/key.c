/* SPDX-License-Identifier: Apache-2.0 */
/* belfry key -- the named keys of back ends, in DATA/secrets/api.keys. The session processes read it
 * again within a second. */
#include "cli/commands.h"
#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/file.h"
#include "lib/loop.h"
#include "lib/owner.h"
#include "proto/apikeys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static struct apikeys keys;

/* Of two that change the file the second one waits. Let go when the process ends. */
static void lock(const char *file)
{
    char path[PATH_SIZE + 8];
    snprintf(path, sizeof path, "%s.lock", file);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0)
        refuse("belfry key: %s: %s; is --data right? `belfry serve` makes the folder", path,
               strerror(errno));
}

static void load(const char *file)
{
    char text[APIKEYS_BYTES + 1];
    unsigned line = 0;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return;
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (n < 0)
        refuse("belfry key: %s: %s", file, strerror(errno));
    close(fd);
    const char *why = n > APIKEYS_BYTES
                          ? "it is larger than 16384 bytes"
                          : apikeys_read(&keys, (struct bytes){text, (size_t)n}, &line);
    if (why)
        refuse("belfry key: %s:%u: %s", file, line, why);
}

/* Whole or not at all, and on disk. */
static void save(const char *file)
{
    char fresh[PATH_SIZE + 8];
    struct buf out;
    buf_init(&out, APIKEYS_BYTES);
    apikeys_write(&out, &keys);
    ENSURE(!out.overflowed);
    snprintf(fresh, sizeof fresh, "%s.new", file);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0 && file_keep(fd, buf_all(&out));
    if (!good || rename(fresh, file) != 0 || !file_keep_name(file))
        refuse("belfry key: %s: %s", fresh, strerror(errno));
    close(fd);
    buf_fini(&out);
}

static unsigned find(const char *name)
{
    unsigned i = 0;
    while (i < keys.n && strcmp(keys.list[i].name, name) != 0)
        i++;
    return i;
}

static void key_add(const char *name, unsigned scopes, char text[APIKEY_TEXT])
{
    if (!apikey_name_valid(bytes_of(name)))
        refuse("belfry key: NAME: 1 to %d letters, digits, - and _", APIKEY_NAME);
    if (find(name) < keys.n)
        refuse("belfry key: there is a key %s; revoke it first, or give another name", name);
    if (keys.n == APIKEYS_MAX)
        refuse("belfry key: there are %d keys, and more there cannot be", APIKEYS_MAX);
    struct apikey *key = &keys.list[keys.n++];
    *key = (struct apikey){.scopes = scopes, .made_ms = clock_wall_ms()};
    snprintf(key->name, sizeof key->name, "%s", name);
    apikey_make(key, text);
}

static bool key_revoke(const char *name)
{
    unsigned i = find(name);
    if (i == keys.n) {
        fprintf(stderr, "belfry key: there is no key %s\n", name);
        return false;
    }
    keys.list[i] = keys.list[--keys.n];
    return true;
}

static void key_list(void)
{
    for (unsigned i = 0; i < keys.n; i++) {
        char room[120];
        struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
        scopes_write(&out, keys.list[i].scopes);
        buf_byte(&out, ' ');
        clock_write(&out, keys.list[i].made_ms);
        printf("%s %.*s\n", keys.list[i].name, (int)out.n, out.p);
    }
}

int key_command(const struct args *a)
{
    const char *what = a->words[0], *scopes = args_get(a, "--scopes");
    unsigned bits = scopes ? scopes_read(bytes_of(scopes)) : SCOPE_create;
    bool listing = strcmp(what, "list") == 0, adding = strcmp(what, "add") == 0;
    if (!listing && !adding && strcmp(what, "revoke") != 0)
        refuse("belfry key: %s: is not add, list or revoke", what);
    if ((a->count == 2) == listing)
        refuse("belfry key: %s takes %s", what, listing ? "no NAME" : "a NAME");
    if (bits == 0 || (scopes && !adding))
        refuse("belfry key: --scopes: create, publish, read, admin, comma between; with add");
    struct settings s = args_settings(a);
    struct paths paths = paths_of(&s);
    owner_become(s.data); /* or the sessions could not read it */
    lock(paths.api_keys);
    load(paths.api_keys);
    char text[APIKEY_TEXT] = "";
    if (listing) {
        key_list();
        return 0;
    }
    if (adding)
        key_add(a->words[1], bits, text);
    else if (!key_revoke(a->words[1]))
        return EXIT_no;
    save(paths.api_keys);
    if (adding)
        puts(text); /* shown when it is kept, and never again */
    return 0;
}
