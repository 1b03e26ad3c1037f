/* SPDX-License-Identifier: Apache-2.0 */
#include "store/revoke.h"

#include "proto/topic.h"
#include "store/reads.h"
#include "store/record.h"
#include "store/refuse.h"

/* Forgotten at a time; the rest of them at the next one. */
enum { FORGET_MAX = 2000, FORGET_S = 3600 };

struct revoked_row {
    uint64_t number;
    uint64_t until_s;
    uint64_t before_s; /* of a user */
};

struct name {
    char p[1 + (JTI_MAX > USER_MAX ? JTI_MAX : USER_MAX)];
    size_t n;
};

static bool name_of(const struct msg_revoke *m, struct name *out)
{
    struct bytes text = m->jti.n > 0 ? m->jti : m->user;
    bool token = m->jti.n > 0 && m->user.n == 0 && m->jti.n <= JTI_MAX;
    if (!token && !(m->jti.n == 0 && user_valid(m->user)))
        return false;
    out->p[0] = token ? 'j' : 'u';
    memcpy(out->p + 1, text.p, text.n);
    out->n = 1 + text.n;
    return true;
}

static void drop(struct work *w, struct bytes name, uint64_t number)
{
    struct key at = key1(number);
    txn_del(w->txn, TABLE_revoked, name);
    txn_del(w->txn, TABLE_revoked_at, key_bytes(&at));
    w->state.meta.revocations -= w->state.meta.revocations > 0;
}

/* The first one after `after` that is over; 0: there is none. */
static uint64_t next_over(struct work *w, uint64_t after, uint64_t now_s, struct name *name)
{
    struct key from = key1(after + 1);
    struct bytes key, value, rest;
    struct revoked_row row;
    struct walk walk;
    uint64_t found = 0;
    walk_open(&walk, w->txn, TABLE_revoked_at, WALK_up, key_bytes(&from));
    while (found == 0 && walk_next(&walk, &key, &value)) {
        if (record_read(w->txn, TABLE_revoked_at, key, value, NULL, 0, &rest) ||
            rest.n > sizeof name->p)
            continue;
        memcpy(name->p, rest.p, rest.n);
        name->n = rest.n;
        struct bytes of = {name->p, name->n};
        if (!record_get(w->txn, TABLE_revoked, of, &row, FIELDS_OF(row), NULL) &&
            row.until_s <= now_s)
            found = key_number(key, 0);
    }
    walk_close(&walk);
    return found;
}

static void forget(struct work *w, uint64_t now_s)
{
    struct name name;
    uint64_t number = 0;
    w->state.meta.forgot_s = now_s;
    for (unsigned i = 0; i < FORGET_MAX && (number = next_over(w, number, now_s, &name)); i++)
        drop(w, (struct bytes){name.p, name.n}, number);
    meta_put(w->txn, &w->state.meta);
}

static bool room(struct work *w, uint64_t now_s)
{
    struct meta *meta = &w->state.meta;
    if (meta->revocations >= w->limits.revocations || now_s >= meta->forgot_s + FORGET_S)
        forget(w, now_s);
    return meta->revocations < w->limits.revocations;
}

static void put(struct work *w, struct bytes name, struct revoked_row *row)
{
    row->number = ++w->state.meta.revoked;
    w->state.meta.revocations++;
    struct key at = key1(row->number);
    record_put(w->txn, TABLE_revoked, name, row, FIELDS_OF(*row), (struct bytes){0});
    record_put(w->txn, TABLE_revoked_at, key_bytes(&at), NULL, 0, name);
    meta_put(w->txn, &w->state.meta);
}

enum err revoke_tokens(struct work *w, const struct msg_revoke *m, uint64_t *number)
{
    struct revoked_row old = {0}, row = {.until_s = m->until_s, .before_s = m->before_s};
    struct name text;
    if (!name_of(m, &text))
        return ERR_INVALID;
    struct bytes name = {text.p, text.n};
    enum err e = record_get(w->txn, TABLE_revoked, name, &old, FIELDS_OF(old), NULL);
    *number = old.number;
    if (!e && old.until_s >= row.until_s && old.before_s >= row.before_s)
        return ERR_OK;
    if (e && !room(w, w->now_ms / 1000))
        return ERR_FULL;
    if (!e) { /* into its place, whatever the limit is by now */
        row.until_s = old.until_s > row.until_s ? old.until_s : row.until_s;
        row.before_s = old.before_s > row.before_s ? old.before_s : row.before_s;
        drop(w, name, old.number);
    }
    put(w, name, &row);
    *number = row.number;
    return w->txn->failed;
}

/* ---- reading ---- */

static bool add(const struct reads *r, struct bytes name)
{
    struct revoked_row row;
    struct bytes text = {name.p + 1, name.n - 1};
    if (name.n < 2 || record_get(r->txn, TABLE_revoked, name, &row, FIELDS_OF(row), NULL))
        return false;
    struct msg one = {.id = MSG_revocation,
                      .revocation = {.before_s = row.before_s, .until_s = row.until_s}};
    *(name.p[0] == 'j' ? &one.revocation.jti : &one.revocation.user) = text;
    msg_write(r->list, &one);
    return true;
}

void read_revocations(const struct reads *r, const struct msg_revocations *m)
{
    struct msg a = {.id = MSG_revocation_list,
                    .revocation_list = {.req = m->req, .epoch = r->epoch, .to = m->since}};
    struct bytes key, value, name;
    struct walk walk;
    uint32_t count = 0;
    if (m->epoch != r->epoch) /* another history */
        a.revocation_list.to = 0;
    struct key from = key1(a.revocation_list.to + 1);
    buf_reset(r->list);
    walk_open(&walk, r->txn, TABLE_revoked_at, WALK_up, key_bytes(&from));
    while (walk_next(&walk, &key, &value)) {
        a.revocation_list.more = count == CHANGES_MAX || !read_fits(r, 0);
        if (a.revocation_list.more)
            break;
        a.revocation_list.to = key_number(key, 0);
        if (!record_read(r->txn, TABLE_revoked_at, key, value, NULL, 0, &name))
            count += add(r, name);
    }
    walk_close(&walk);
    a.revocation_list.status = r->txn->failed;
    a.revocation_list.revocations = list_of(r->list, count);
    msg_write(r->out, &a);
}
