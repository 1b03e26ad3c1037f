/* SPDX-License-Identifier: Apache-2.0 */
/* A list of presence for one HTTP answer, up to the most that it may be. */
#include "session/presence/presence.h"
#include "session/presence/presence_hand.h"
#include "session/presence/presence_live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { NOW = 100000, TURN_MS = 200, SLICE = 1000 };

static struct counter counts[COUNT_COUNT];
static struct settings settings = {.sessions = 2};
static struct session here = {.settings = &settings, .counts = counts, .now_ms = NOW};
static struct presence *there; /* another process */
static struct watcher **watchers;
static int n, eve;
static uint64_t now_ms = NOW;

static void publish(void *about, const struct msg *m)
{
    (void)about;
    if (m->id == MSG_presence_delta)
        presence_delta(presence_core(&here), &m->presence_delta, now_ms);
}

static void ask(void *about, unsigned index, struct msg *m)
{
    (void)about;
    (void)index;
    (void)m;
}

static bool ready(void *about, const void *member)
{
    (void)about;
    (void)member;
    return true;
}

static void tell(void *about, void *member, const struct presence_news *news)
{
    (void)about;
    (void)member;
    (void)news;
}

static struct watcher *watch(struct presence *p, const char *user, struct bytes meta)
{
    return presence_watch(p, &eve, BYTES("room"), 100000, bytes_of(user), meta, now_ms);
}

/* A thousand more come to the other process, each with the largest meta. */
static void more_come(void)
{
    static char meta[PRESENCE_META_MAX + 1];
    int m = snprintf(meta, sizeof meta, "{\"x\":\"%0*d\"}", PRESENCE_META_MAX - 8, 0);
    watchers = realloc(watchers, (size_t)(n + SLICE) * sizeof(struct watcher *));
    for (int end = n + SLICE; n < end; n++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", n);
        watchers[n] = watch(there, user, (struct bytes){meta, (size_t)m});
        assert_non_null(watchers[n]->entry);
    }
    now_ms += TURN_MS; /* changes are gathered */
    presence_tick(there, now_ms);
}

static enum err said;
static uint64_t listed_bytes;

static void done(struct presence_waiter w, const struct presence_found *found, enum err e)
{
    (void)w;
    said = e;
    if (found)
        listed_bytes = found->json.n;
}

static void list(bool count_only)
{
    presence_list(&here, BYTES("room"), count_only, (struct presence_waiter){done, &here, NULL});
}

static void too_many_for_one_answer(void **state)
{
    (void)state;
    const struct presence_hand hand = {NULL, publish, ask, ready, tell};
    struct presence_limits limits = presence_limits;
    struct presence_live *live = presence_live_new(&here);
    limits.owners = 2;
    limits.bytes = 64 << 20;
    there = presence_new(&hand, &limits, 1, 1001, 7, NOW);
    struct watcher *w = watch(presence_core(&here), "eve", BYTES("{}"));
    for (said = ERR_OK; said == ERR_OK && n < 50 * SLICE; list(false))
        more_come();
    assert_int_equal(said, ERR_FULL);
    assert_true(listed_bytes > TEXT_MAX - 2 * SLICE * PRESENCE_META_MAX);
    assert_true(listed_bytes <= TEXT_MAX);
    assert_int_equal(counts[COUNT_refused_presence].value, 1);
    list(true);
    assert_int_equal(said, ERR_OK); /* their number fits */
    assert_int_equal(counts[COUNT_refused_presence].value, 1);
    presence_unwatch(presence_core(&here), w, false, now_ms);
    for (int i = 0; i < n; i++)
        presence_unwatch(there, watchers[i], false, now_ms);
    free(watchers);
    presence_free(&there);
    presence_live_free(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(too_many_for_one_answer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
