/* SPDX-License-Identifier: Apache-2.0 */
#include "session/seen.h"

#include "lib/ensure.h"
#include "lib/loop.h"
#include "session/asks.h"

#include <stdlib.h>

struct seen {
    struct buf names; /* each ends with a NUL, which no name has */
    uint64_t due_ms;  /* if there are any */
};

struct seen *seen_new(struct session *s)
{
    struct seen *l = calloc(1, sizeof *l);
    ENSURE(l != NULL);
    buf_init(&l->names, SEEN_BYTES);
    s->seen = l;
    return l;
}

void seen_free(struct seen **slot)
{
    if (*slot)
        buf_fini(&(*slot)->names);
    free(*slot);
    *slot = NULL;
}

static void told(struct ask_waiter w, const struct msg *answer, enum err e)
{
    (void)w;
    (void)answer;
    (void)e;
}

static void tell_all(struct session *s)
{
    struct buf *names = &s->seen->names;
    for (const char *at = names->p; at < names->p + names->n; at += strlen(at) + 1) {
        struct msg m = {.id = MSG_seen, .seen = {.user = bytes_of(at)}};
        struct ask_waiter w = {told, s, NULL, 0};
        ask(s->store, &m, s->now_ms, s->settings->request_ms, true, w);
    }
    buf_reset(names);
}

void seen_left(struct session *s, struct bytes user)
{
    struct seen *l = s->seen;
    if (l->names.n + user.n + 1 > SEEN_BYTES)
        tell_all(s);
    if (l->names.n == 0)
        l->due_ms = s->now_ms + SEEN_MS;
    buf_bytes(&l->names, user);
    buf_byte(&l->names, '\0');
}

void seen_forget(struct session *s, struct bytes user)
{
    struct buf *names = &s->seen->names;
    for (size_t at = 0; at < names->n;) {
        char *name = names->p + at;
        size_t n = strlen(name) + 1;
        if (!bytes_is(user, name)) {
            at += n;
            continue;
        }
        memmove(name, name + n, names->n - at - n);
        buf_cut(names, names->n - n);
    }
}

void seen_tick(struct session *s)
{
    if (s->seen->names.n > 0 && (s->now_ms >= s->seen->due_ms || s->draining))
        tell_all(s);
}

uint64_t seen_deadline_ms(const struct session *s)
{
    return s->seen->names.n > 0 ? s->seen->due_ms : LOOP_NEVER;
}
