/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/jwks.h"

#include "lib/file.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "proto/hooks.h"
#include "proto/keyset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { FIRST_WAIT_MS = 1000, ANSWER_MS = 10000 };

void jwks_open(struct jwks *j, const struct settings *s, struct client *c, struct counter *counts,
               struct arena *scratch)
{
    struct paths paths = paths_of(s);
    *j = (struct jwks){.settings = s, .counts = counts, .client = c, .scratch = scratch};
    snprintf(j->file, sizeof j->file, "%s", paths.jwks);
    j->looked = !jwks_by_url(s);
}

static uint64_t interval_ms(const struct jwks *j)
{
    return j->settings->jwks_s * 1000;
}

static void failed(struct jwks *j, const char *why)
{
    j->counts[COUNT_jwks_failed].value++;
    j->counts[COUNT_jwks_failing].value = 1;
    j->wait_ms = j->wait_ms ? 2 * j->wait_ms : FIRST_WAIT_MS;
    if (j->wait_ms > interval_ms(j))
        j->wait_ms = interval_ms(j);
    j->next_ms = j->now_ms + j->wait_ms;
    if (strncmp(j->failure, why, sizeof j->failure - 1) == 0)
        return; /* said once, however long it stays so */
    snprintf(j->failure, sizeof j->failure, "%s", why);
    log_line("hook.jwks error=\"%s\" note=\"the keys that were fetched last hold\"", why);
}

static void good(struct jwks *j, const char *etag)
{
    if (j->failure[0])
        log_line("hook.jwks note=\"it answers again\"");
    j->failure[0] = '\0';
    j->wait_ms = 0;
    j->counts[COUNT_jwks_failing].value = 0;
    j->next_ms = j->now_ms + interval_ms(j);
    if (etag)
        snprintf(j->etag, sizeof j->etag, "%s", etag);
}

/* Whole or not at all: written beside, then renamed. False: errno says why. */
static bool keep(const struct jwks *j, struct bytes body)
{
    char fresh[PATH_SIZE + 8];
    snprintf(fresh, sizeof fresh, "%s.new", j->file);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool done = fd >= 0 && file_write(fd, body);
    if (fd >= 0)
        close(fd);
    return done && rename(fresh, j->file) == 0;
}

/* NULL, or why these are no keys. */
static const char *check(struct jwks *j, struct bytes body, unsigned *keys)
{
    struct keyset *k = keyset_new(BYTES("of no use, but a key set has one"));
    arena_reset(j->scratch);
    const char *why = keyset_load(k, body, j->scratch);
    *keys = keyset_count(k) - 1;
    keyset_free(&k);
    return why;
}

static void came(void *about, const struct call_end *end)
{
    struct jwks *j = about;
    char text[100];
    const char *why = NULL;
    unsigned keys = 0;
    j->asked = false;
    j->looked = true;
    if (end->status == 304 && j->etag[0]) {
        good(j, NULL);
        return;
    }
    snprintf(text, sizeof text, "it was answered with %ld", end->status);
    if (end->status != 200)
        why = end->status ? text : end->why;
    else
        why = check(j, end->body, &keys);
    if (!why && !keep(j, end->body))
        why = strerror(errno);
    if (why) {
        failed(j, why);
        return;
    }
    j->counts[COUNT_jwks_keys].value = keys;
    log_line("hook.jwks keys=%u bytes=%zu", keys, end->body.n);
    good(j, end->etag);
}

void jwks_turn(struct jwks *j, uint64_t now_ms)
{
    j->now_ms = now_ms;
    if (!jwks_by_url(j->settings) || j->asked || now_ms < j->next_ms)
        return;
    j->asked = true;
    j->counts[COUNT_jwks_fetches].value++;
    struct call call = {.url = j->settings->jwks,
                        .etag = j->etag,
                        .body_max = JWKS_MAX,
                        .within_ms = ANSWER_MS,
                        .done = came,
                        .about = j};
    client_begin(j->client, &call);
}

uint64_t jwks_deadline_ms(const struct jwks *j)
{
    return j->asked || !jwks_by_url(j->settings) ? LOOP_NEVER : j->next_ms;
}
