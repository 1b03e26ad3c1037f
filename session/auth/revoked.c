/* SPDX-License-Identifier: Apache-2.0 */
#include "session/auth/revoked.h"

#include "lib/ensure.h"
#include "lib/hash.h"
#include "lib/log.h"
#include "session/asks.h"
#include "session/socket/conn.h"

#include <stdlib.h>

enum { FORGET_MS = 60000 };

struct revoked {
    struct map rows;    /* struct row, by name */
    uint64_t to, epoch; /* up to this number of the store's all are here */
    uint64_t ask_ms;    /* when to ask again */
    uint64_t forget_ms; /* when to look for those that are over */
    uint64_t open_ms;   /* when to accept, whatever is known */
    bool known, asked;
};

/* The name is `j` and a jti, or `u` and a user. */
struct row {
    uint64_t until_s, before_s;
    uint8_t n;
    char name[];
};

struct name {
    char p[1 + (JTI_MAX > USER_MAX ? JTI_MAX : USER_MAX)];
};

static struct bytes name_of(const void *thing)
{
    const struct row *row = thing;
    return (struct bytes){row->name, row->n};
}

struct revoked *revoked_new(struct session *s)
{
    struct revoked *r = calloc(1, sizeof *r);
    ENSURE(r != NULL);
    map_init(&r->rows, name_of, s->seed);
    r->open_ms = s->now_ms + REVOKED_OPEN_MS;
    s->revoked = r;
    return r;
}

void revoked_free(struct revoked **slot)
{
    struct revoked *r = *slot;
    struct row *row;
    *slot = NULL;
    if (!r)
        return;
    for (size_t at = 0; (row = map_next(&r->rows, &at));)
        free(row);
    map_fini(&r->rows);
    free(r);
}

bool revoked_known(const struct session *s)
{
    return s->revoked->known;
}

bool revoked_open(const struct session *s)
{
    return s->revoked->known || s->now_ms >= s->revoked->open_ms;
}

static struct row *find(const struct session *s, char kind, struct bytes text)
{
    struct name name;
    if (text.n == 0 || text.n >= sizeof name.p)
        return NULL;
    name.p[0] = kind;
    memcpy(name.p + 1, text.p, text.n);
    return map_get(&s->revoked->rows, (struct bytes){name.p, 1 + text.n});
}

bool revoked_has(const struct session *s, const struct token *t)
{
    const struct row *token = find(s, 'j', bytes_of(t->jti));
    const struct row *user = find(s, 'u', bytes_of(t->sub));
    return token || (user && t->iat_s < user->before_s);
}

uint64_t revoked_hash(const struct session *s, struct bytes jti)
{
    uint64_t hash = jti.n > 0 ? hash64(jti, s->seed) : 0;
    return hash + (jti.n > 0 && hash == 0);
}

static struct row *keep(struct session *s, char kind, struct bytes text)
{
    struct row *row = find(s, kind, text);
    if (row)
        return row;
    row = calloc(1, sizeof *row + 1 + text.n);
    ENSURE(row != NULL);
    row->n = (uint8_t)(1 + text.n);
    row->name[0] = kind;
    memcpy(row->name + 1, text.p, text.n);
    map_put(&s->revoked->rows, row);
    count_one(s, COUNT_revocations);
    return row;
}

static void close_user(struct session *s, struct bytes name, uint64_t before_s)
{
    struct user *u = map_get(&s->users, name);
    struct conn *next;
    for (struct conn *c = u ? u->first : NULL; c; c = next) {
        next = c->user_next;
        if (conn_open(c) && c->token_iat_s < before_s)
            conn_close(s, c, CLOSE_revoked);
    }
}

/* Two jti of one hash would close one too many, who comes back at once. */
static void close_token(struct session *s, struct bytes jti)
{
    uint64_t name = revoked_hash(s, jti);
    for (uint32_t id = 0; id < conns_end(s); id++) {
        struct conn *c = conn_at(s, id);
        if (c && conn_open(c) && c->token_name == name)
            conn_close(s, c, CLOSE_revoked);
    }
}

void revoked_learn(struct session *s, const struct msg_revocation *m)
{
    bool token = m->jti.n > 0;
    struct bytes text = token ? m->jti : m->user;
    if (text.n == 0 || m->until_s <= s->wall_ms / 1000)
        return;
    struct row *row = keep(s, token ? 'j' : 'u', text);
    if (row->until_s < m->until_s)
        row->until_s = m->until_s;
    if (row->before_s < m->before_s)
        row->before_s = m->before_s;
    if (token)
        close_token(s, text);
    else
        close_user(s, text, row->before_s);
}

/* ---- asking ---- */

static void answered(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct session *s = w.s;
    struct revoked *r = s->revoked;
    struct msg m;
    r->asked = false;
    if (e != ERR_OK || answer->id != MSG_revocation_list)
        return; /* the next tick asks again */
    struct mp_in in = list_in(answer->revocation_list.revocations);
    while (msg_read(&in, &m))
        if (m.id == MSG_revocation)
            revoked_learn(s, &m.revocation);
    r->to = answer->revocation_list.to;
    r->epoch = answer->revocation_list.epoch;
    if (answer->revocation_list.more)
        r->ask_ms = s->now_ms;
    else if (!r->known)
        log_line("session.revoked rows=%zu", r->rows.used);
    r->known = r->known || !answer->revocation_list.more;
}

/* What is over is refused for its age. */
static void forget(struct session *s)
{
    struct map *rows = &s->revoked->rows;
    struct row *row, *over[64];
    unsigned n = 0;
    for (size_t at = 0; n < 64 && (row = map_next(rows, &at));)
        if (row->until_s <= s->wall_ms / 1000)
            over[n++] = row;
    for (unsigned i = 0; i < n; i++) {
        map_remove(rows, over[i]);
        free(over[i]);
        gauge_down(s, COUNT_revocations);
    }
    s->revoked->forget_ms = s->now_ms + (n < 64 ? FORGET_MS : 0);
}

void revoked_tick(struct session *s)
{
    struct revoked *r = s->revoked;
    if (s->now_ms >= r->forget_ms)
        forget(s);
    if (r->asked || s->now_ms < r->ask_ms)
        return;
    r->asked = true;
    r->ask_ms = s->now_ms + REVOKED_MS;
    struct msg m = {.id = MSG_revocations, .revocations = {.since = r->to, .epoch = r->epoch}};
    struct ask_waiter w = {answered, s, NULL, 0};
    ask(s->store, &m, s->now_ms, s->settings->request_ms, true, w);
}

uint64_t revoked_deadline_ms(const struct session *s)
{
    const struct revoked *r = s->revoked;
    uint64_t first = r->asked ? UINT64_MAX : r->ask_ms;
    if (!r->known && s->now_ms < r->open_ms && r->open_ms < first)
        first = r->open_ms;
    return first;
}
