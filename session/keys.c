/* SPDX-License-Identifier: Apache-2.0 */
#include "session/keys.h"

#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct keys {
    struct keyset *set;
    struct stat file; /* as it was when it was read last */
};

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* NULL, or why not. */
static const char *read_file(struct session *s, struct keys *k, int fd)
{
    char *text = arena_alloc(&s->scratch, JWKS_MAX + 1);
    if (!text)
        return "no room";
    ssize_t n = read(fd, text, JWKS_MAX + 1);
    if (n < 0)
        return strerror(errno);
    if (n > JWKS_MAX)
        return "it is larger than 65536 bytes";
    return keyset_load(k->set, (struct bytes){text, (size_t)n}, &s->scratch);
}

/* NULL when it is as it was, or was read; or why not. */
static const char *look(struct session *s, struct keys *k, bool *read)
{
    struct stat now;
    *read = false;
    int fd = open(s->settings->jwks, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        *read = k->file.st_ino != 0; /* said once */
        k->file = (struct stat){0};
        return strerror(errno);
    }
    const char *why = NULL;
    if (fstat(fd, &now) != 0) {
        why = strerror(errno);
    } else if (!same(&now, &k->file)) {
        k->file = now; /* said once, however long it stays wrong */
        arena_reset(&s->scratch);
        why = read_file(s, k, fd);
        *read = true;
    }
    close(fd);
    return why;
}

struct keys *keys_open(struct session *s)
{
    struct keys *k = calloc(1, sizeof *k);
    bool read;
    ENSURE(k != NULL);
    k->set = keyset_new(bytes_of(s->token_key));
    const char *why = s->settings->jwks[0] ? look(s, k, &read) : NULL;
    if (why)
        refuse("auth/jwks = \"%s\": %s", s->settings->jwks, why);
    return k;
}

void keys_close(struct keys **slot)
{
    if (*slot)
        keyset_free(&(*slot)->set);
    free(*slot);
    *slot = NULL;
}

void keys_look(struct session *s, struct keys *k)
{
    bool read;
    if (!s->settings->jwks[0])
        return;
    const char *why = look(s, k, &read);
    if (read && why) {
        count_one(s, COUNT_keys_failed);
        log_line("session.keys file=%s error=\"%s\" note=\"the old ones hold\"", s->settings->jwks,
                 why);
    } else if (read) {
        log_line("session.keys file=%s keys=%u", s->settings->jwks, keyset_count(k->set));
    }
}

const struct keyset *keys_of(const struct keys *k)
{
    return k->set;
}
