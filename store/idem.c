/* SPDX-License-Identifier: Apache-2.0 */
#include "store/idem.h"

#include "lib/ensure.h"
#include "lib/hash.h"
#include "store/record.h"

enum {
    HASH_SIZE = 16,
    DAY_MS = 24 * 3600 * 1000,
    FORGET_MIN = 32,
    FORGET_MAX = 1024,
    IDEM_SLICE = 500
};

static uint64_t oldest_day(const struct work *w)
{
    return w->at_ms < w->limits.remember_ms ? 0 : (w->at_ms - w->limits.remember_ms) / DAY_MS;
}

static uint64_t user_hash(struct bytes user)
{
    return hash64(user, 0);
}

/* The day, the user, and the hash of action and key: so that all of a user's are found. */
static struct key key_of(const struct idem_key *k, uint64_t day)
{
    char text[8 + KEY_MAX];
    struct key action = key1(k->action), key = key2(day, user_hash(k->user));
    ENSURE(k->key.n <= KEY_MAX);
    memcpy(text, action.p, 8);
    memcpy(text + 8, k->key.p, k->key.n);
    hash128((struct bytes){text, 8 + k->key.n}, key.p + 16);
    key.n = 16 + HASH_SIZE;
    return key;
}

/* The encoded answer, borrowed. */
static enum err find(struct work *w, const struct idem_key *k, struct bytes *answer)
{
    uint64_t today = w->at_ms / DAY_MS, oldest = oldest_day(w);
    struct key key = key_of(k, today);
    for (uint64_t day = today;; day--) {
        struct bytes rest;
        memcpy(key.p, key1(day).p, 8);
        enum err e = record_get(w->txn, TABLE_idem, key_bytes(&key), NULL, 0, &rest);
        if (e == ERR_NOT_FOUND && day > oldest)
            continue;
        if (e)
            return e;
        if (rest.n < HASH_SIZE)
            return record_damaged(w->txn, TABLE_idem, key_bytes(&key));
        if (memcmp(rest.p, k->body_hash.p, HASH_SIZE) != 0)
            return ERR_CONFLICT;
        *answer = (struct bytes){rest.p + HASH_SIZE, rest.n - HASH_SIZE};
        return ERR_OK;
    }
}

static void keep(struct work *w, const struct idem_key *k, struct bytes answer)
{
    ENSURE(k->body_hash.n == HASH_SIZE);
    struct key key = key_of(k, w->at_ms / DAY_MS);
    struct buf *b = record_begin(w->txn);
    buf_bytes(b, k->body_hash);
    buf_bytes(b, answer);
    record_end(w->txn, TABLE_idem, key_bytes(&key), false);
    w->kept++;
}

enum err idem_repeat(struct work *w, const struct idem_key *k, uint64_t req, struct buf *answer)
{
    if (k->key.n == 0)
        return ERR_NOT_FOUND;
    if (k->body_hash.n != HASH_SIZE)
        return ERR_INVALID;
    struct bytes kept = {0};
    enum err e = find(w, k, &kept);
    if (e)
        return e;
    struct mp_in in = mp_over(kept);
    struct msg m;
    if (!msg_read(&in, &m))
        return ERR_WORLD;
    m.created.req = req; /* its place is the same in every answer */
    msg_write(answer, &m);
    w->tally.repeats++;
    return ERR_OK;
}

void idem_answer(struct work *w, const struct idem_key *k, const struct msg *done,
                 struct buf *answer)
{
    size_t from = answer->n;
    msg_write(answer, done);
    if (k->key.n > 0)
        keep(w, k, (struct bytes){answer->p + from, answer->n - from});
}

bool idem_forget_user(struct work *w, struct bytes user, unsigned most)
{
    struct key old[IDEM_SLICE];
    unsigned n = 0;
    uint64_t hash = user_hash(user), today = w->at_ms / DAY_MS;
    for (uint64_t day = oldest_day(w); day <= today && n < most && n < IDEM_SLICE; day++) {
        struct key from = key2(day, hash);
        struct bytes key, value;
        struct walk walk;
        walk_open(&walk, w->txn, TABLE_idem, WALK_up, key_bytes(&from));
        while (n < most && n < IDEM_SLICE && walk_next(&walk, &key, &value) &&
               key_number(key, 0) == day && key_number(key, 1) == hash) {
            ENSURE(key.n <= sizeof old[n].p);
            memcpy(old[n].p, key.p, key.n);
            old[n++].n = key.n;
        }
        walk_close(&walk);
    }
    for (unsigned i = 0; i < n; i++)
        txn_del(w->txn, TABLE_idem, key_bytes(&old[i]));
    return n < most && n < IDEM_SLICE;
}

void idem_forget(struct work *w)
{
    struct key old[FORGET_MAX];
    uint64_t oldest = oldest_day(w), most = FORGET_MIN + 2 * w->kept, n = 0;
    if (most > FORGET_MAX)
        most = FORGET_MAX;
    struct bytes key, value;
    struct walk walk;
    walk_open(&walk, w->txn, TABLE_idem, WALK_up, (struct bytes){0});
    while (n < most && walk_next(&walk, &key, &value) && key_number(key, 0) < oldest) {
        ENSURE(key.n <= sizeof old[n].p);
        memcpy(old[n].p, key.p, key.n);
        old[n++].n = key.n;
    }
    walk_close(&walk);
    for (uint64_t i = 0; i < n; i++)
        txn_del(w->txn, TABLE_idem, key_bytes(&old[i]));
}
