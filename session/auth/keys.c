/* SPDX-License-Identifier: Apache-2.0 */
#include "session/auth/keys.h"

#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/secret.h"
#include "proto/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = JWKS_MAX };
_Static_assert(FILE_MAX == 65536, "as TOO_LARGE says");
#define TOO_LARGE "it is larger than 65536 bytes"
_Static_assert((int)APIKEYS_BYTES <= (int)FILE_MAX, "either file is read whole");

struct watched {
    char path[PATH_SIZE + 128];
    struct stat was; /* when it was read last */
    bool may_lack;   /* no file is an empty one */
    const char *(*take)(struct session *s, struct keys *k, struct bytes text);
};

enum { TOKENS, BACK_ENDS, FIRST_KEY, FILES };

struct keys {
    struct keyset *tokens;
    struct apikeys back_ends;
    struct watched files[FILES];
};

static const char *take_jwks(struct session *s, struct keys *k, struct bytes text)
{
    return text.p ? keyset_load(k->tokens, text, &s->scratch) : NULL; /* none yet: as it was */
}

static const char *take_apikeys(struct session *s, struct keys *k, struct bytes text)
{
    static struct apikeys fresh;
    static char room[120];
    unsigned line = 0;
    (void)s;
    const char *why = apikeys_read(&fresh, text, &line);
    if (!why)
        k->back_ends = fresh;
    else
        snprintf(room, sizeof room, "line %u: %s", line, why);
    return why ? room : NULL;
}

static const char *take_first_key(struct session *s, struct keys *k, struct bytes text)
{
    (void)k;
    return secret_read(text, s->api_key) ? NULL : "it is no secret: 32 to 127 bytes";
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* NULL, or why not. */
static const char *read_file(struct session *s, struct keys *k, const struct watched *f, int fd)
{
    arena_reset(&s->scratch);
    char *text = arena_alloc(&s->scratch, FILE_MAX + 1);
    ENSURE(text != NULL);
    ssize_t n = read(fd, text, FILE_MAX + 1);
    if (n < 0)
        return strerror(errno);
    if (n > FILE_MAX)
        return TOO_LARGE;
    return f->take(s, k, (struct bytes){text, (size_t)n});
}

/* NULL: it is as it was, or was read; else why not. *fresh: it is another one than the last time. */
static const char *look(struct session *s, struct keys *k, struct watched *f, bool *fresh)
{
    struct stat now = {0};
    const char *why = NULL;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    bool lacks = fd < 0 && errno == ENOENT && f->may_lack;
    if ((fd < 0 && !lacks) || (fd >= 0 && fstat(fd, &now) != 0))
        why = strerror(errno);
    *fresh = !same(&now, &f->was); /* said once, however long it stays wrong */
    f->was = now;
    if (*fresh && lacks)
        why = f->take(s, k, (struct bytes){0});
    else if (*fresh && !why)
        why = read_file(s, k, f, fd);
    if (fd >= 0)
        close(fd);
    return why;
}

static void not_read(struct session *s, const struct watched *f, const char *why, const char *note)
{
    count_one(s, COUNT_keys_failed);
    log_line("session.keys file=%s error=\"%s\" note=\"%s\"", f->path, why, note);
}

struct keys *keys_open(struct session *s)
{
    struct keys *k = calloc(1, sizeof *k);
    bool fresh;
    ENSURE(k != NULL);
    k->tokens = keyset_new(bytes_of(s->token_key));
    k->files[TOKENS].take = take_jwks;
    k->files[BACK_ENDS].take = take_apikeys;
    k->files[FIRST_KEY].take = take_first_key;
    k->files[BACK_ENDS].may_lack = true;
    k->files[TOKENS].may_lack = jwks_by_url(s->settings); /* it is fetched */
    snprintf(k->files[TOKENS].path, sizeof k->files[TOKENS].path, "%s",
             jwks_by_url(s->settings) ? paths_of(s->settings).jwks : s->settings->jwks);
    snprintf(k->files[BACK_ENDS].path, sizeof k->files[BACK_ENDS].path, "%s",
             paths_of(s->settings).api_keys);
    snprintf(k->files[FIRST_KEY].path, sizeof k->files[FIRST_KEY].path, "%s",
             paths_of(s->settings).api_key);
    for (int i = 0; i < FILES; i++) {
        const char *why = k->files[i].path[0] ? look(s, k, &k->files[i], &fresh) : NULL;
        if (why && i == TOKENS && jwks_by_url(s->settings))
            not_read(s, &k->files[i], why, "they are fetched again");
        else if (why && i != FIRST_KEY) /* that one we have */
            refuse("session.keys file=%s error=\"%s\"", k->files[i].path, why);
    }
    return k;
}

void keys_close(struct keys **slot)
{
    if (*slot)
        keyset_free(&(*slot)->tokens);
    free(*slot);
    *slot = NULL;
}

void keys_look(struct session *s, struct keys *k)
{
    for (int i = 0; i < FILES; i++) {
        struct watched *f = &k->files[i];
        bool fresh = false;
        const char *why = f->path[0] ? look(s, k, f, &fresh) : NULL;
        if (fresh && why) {
            not_read(s, f, why, "the old ones hold");
        } else if (fresh) {
            log_line("session.keys file=%s tokens=%u back_ends=%u", f->path,
                     keyset_count(k->tokens), k->back_ends.n);
        }
    }
}

bool keys_there(const struct session *s)
{
    return !jwks_by_url(s->settings) || keyset_count(s->keys->tokens) > 1;
}

const struct keyset *keys_of_tokens(const struct keys *k)
{
    return k->tokens;
}

const struct apikeys *keys_of_back_ends(const struct keys *k)
{
    return &k->back_ends;
}
