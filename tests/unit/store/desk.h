/* SPDX-License-Identifier: Apache-2.0 */
/* desk.h -- the store's core in one thread: a message in, its answer out, over either engine. */
#pragma once

#include "lib/clock.h"
#include "lib/ensure.h"
#include "proto/event.h"
#include "proto/id.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "store/commit.h"
#include "store/engine_lmdb.h"
#include "store/inbox.h"
#include "store/record.h"
#include "store/requests.h"
#include "tests/lib/engine_mem.c"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

enum { DESK_PEERS = 4 };

struct desk {
    char folder[64]; /* empty: in memory */
    struct engine *engine;
    struct counter counts[COUNT_store];
    struct requests requests;
    struct commit commit;
    struct instant now;
    struct buf out[DESK_PEERS];
    size_t read[DESK_PEERS];
    struct buf request;
    uint64_t req;
    struct limits limits;
};

static inline struct buf *desk_out(void *world, const struct hub_peer *to)
{
    ENSURE(to->n == 1 && to->id[0] < DESK_PEERS);
    return &((struct desk *)world)->out[to->id[0]];
}

static inline int desk_unlink(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static inline void folder_remove(const char *folder)
{
    nftw(folder, desk_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

/* The process starts on what is there. */
static inline void desk_start(struct desk *d)
{
    struct state state;
    assert_int_equal(meta_open(d->engine, d->now.wall_ms, &state), ERR_OK);
    commit_init(&d->commit, d->engine, &state, &d->limits, 1);
    d->requests = (struct requests){.engine = d->engine,
                                    .queue = 1000,
                                    .out = desk_out,
                                    .world = d,
                                    .counts = d->counts,
                                    .state = state};
    requests_init(&d->requests, 2);
}

static inline void desk_stop(struct desk *d)
{
    requests_fini(&d->requests);
    commit_fini(&d->commit);
}

static inline struct desk *desk_open(bool lmdb)
{
    struct desk *d = test_calloc(1, sizeof *d);
    d->now = (struct instant){1000, 1700000000000};
    d->limits.remember_ms = 24 * 3600 * 1000;
    d->limits.scheduled = 1000;
    d->limits.broadcasts = 1000;
    d->limits.revocations = 1000;
    for (int i = 0; i < DESK_PEERS; i++)
        buf_init(&d->out[i], FRAME_MAX);
    buf_init(&d->request, FRAME_MAX);
    if (lmdb) {
        strcpy(d->folder, "/tmp/belfry-store.XXXXXX");
        assert_non_null(mkdtemp(d->folder));
        enum err why;
        d->engine = engine_lmdb_open(d->folder, 1 << 20, &why);
    } else {
        d->engine = engine_mem_new();
    }
    assert_non_null(d->engine);
    desk_start(d);
    return d;
}

static inline void desk_close(struct desk *d)
{
    desk_stop(d);
    engine_close(&d->engine);
    for (int i = 0; i < DESK_PEERS; i++)
        buf_fini(&d->out[i]);
    buf_fini(&d->request);
    if (d->folder[0])
        folder_remove(d->folder);
    test_free(d);
}

static inline int setup_mem(void **state)
{
    *state = desk_open(false);
    return 0;
}

static inline int setup_lmdb(void **state)
{
    *state = desk_open(true);
    return 0;
}

static inline int teardown(void **state)
{
    desk_close(*state);
    return 0;
}

/* The same test over memory and over LMDB. */
#define OVER_BOTH(test)                                                                            \
    {#test " (memory)", test, setup_mem, teardown, NULL},                                          \
    {                                                                                              \
#test " (LMDB)", test, setup_lmdb, teardown, NULL                                          \
    }

static inline struct hub_peer peer_no(uint8_t n)
{
    return (struct hub_peer){.n = 1, .id = {n}};
}

static inline void desk_take(struct desk *d, const struct hub_peer *from, struct bytes part)
{
    struct mp_in in = mp_over(part);
    unsigned reads = UINT32_MAX;
    assert_int_equal(requests_take(&d->requests, from, &in, &reads, d->now), ERR_OK);
    assert_true(mp_end(&in));
}

static inline void desk_send(struct desk *d, uint8_t peer, const struct msg *m)
{
    struct hub_peer from = peer_no(peer);
    buf_reset(&d->request);
    msg_write(&d->request, m);
    desk_take(d, &from, buf_all(&d->request));
}

/* Commit what waits, until nothing does. */
static inline void desk_commit(struct desk *d)
{
    struct batch *b;
    requests_rest(&d->requests);
    while ((b = requests_to_commit(&d->requests))) {
        while (b->done < b->count && !b->failed)
            commit_some(&d->commit, b, d->now);
        assert_int_equal(requests_committed(&d->requests, d->now), ERR_OK);
        requests_rest(&d->requests);
    }
    struct check_job *j = requests_to_check(&d->requests, d->now);
    if (j) {
        check_job_run(j, d->engine);
        requests_checked(&d->requests, j, d->now);
    }
    assert_int_equal(requests_push(&d->requests), ERR_OK);
    requests_rest(&d->requests);
}

/* The next message to a peer; false when there is none. Good until desk_clear(). */
static inline bool desk_next(struct desk *d, uint8_t peer, struct msg *m)
{
    struct buf *out = &d->out[peer];
    struct mp_in in = mp_over((struct bytes){out->p + d->read[peer], out->n - d->read[peer]});
    if (!msg_read(&in, m)) {
        assert_true(in.ok);
        return false;
    }
    d->read[peer] = (size_t)((const char *)in.p - out->p);
    return true;
}

static inline void desk_clear(struct desk *d)
{
    for (int i = 0; i < DESK_PEERS; i++) {
        buf_reset(&d->out[i]);
        d->read[i] = 0;
    }
}

/* Ask as peer 0 and wait. The answer is good until the next one. */
static inline struct msg ask(struct desk *d, struct msg m)
{
    struct msg answer = {0}, more;
    desk_clear(d);
    m.expire.req = ++d->req; /* the same place in every request */
    desk_send(d, 0, &m);
    desk_commit(d);
    assert_true(desk_next(d, 0, &answer));
    assert_int_equal(answer.expired.req, d->req);
    assert_false(desk_next(d, 0, &more));
    return answer;
}

#define HASH_A BYTES("aaaaaaaaaaaaaaaa")
#define HASH_B BYTES("bbbbbbbbbbbbbbbb")
#define CONTENT BYTES("{\"type\":\"activity\",\"title\":\"Hello\"}")

static inline struct msg create_of(struct buf *users, uint32_t count)
{
    return (struct msg){.id = MSG_create,
                        .create = {.users = list_of(users, count),
                                   .type = TYPE_activity,
                                   .content = CONTENT,
                                   .body_hash = HASH_A}};
}

/* One notification for one user; its pos. */
static inline uint64_t create_one(struct desk *d, const char *user, enum notification_type type,
                                  uint64_t expires_ms)
{
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, bytes_of(user));
    struct msg m = create_of(&users, 1);
    m.create.type = type;
    m.create.expires_ms = expires_ms;
    struct msg a = ask(d, m);
    buf_fini(&users);
    assert_int_equal(a.id, MSG_created);
    assert_int_equal(a.created.status, ERR_OK);
    assert_int_equal(a.created.count, 1);
    return a.created.first_seq;
}

static inline struct msg_inbox snapshot(struct desk *d, const char *user, uint64_t before,
                                        uint64_t limit)
{
    struct msg a = ask(
        d, (struct msg){.id = MSG_snapshot,
                        .snapshot = {.user = bytes_of(user), .before = before, .limit = limit}});
    assert_int_equal(a.id, MSG_inbox);
    return a.inbox;
}

static inline unsigned items_of(const struct msg_inbox *inbox, struct msg_item *items, unsigned max)
{
    struct mp_in in = list_in(inbox->items);
    struct msg m;
    unsigned n = 0;
    while (msg_read(&in, &m)) {
        assert_int_equal(m.id, MSG_item);
        assert_true(n < max);
        items[n++] = m.item;
    }
    assert_true(in.ok);
    assert_int_equal(n, inbox->items.count);
    return n;
}

static inline struct msg_changed mark_read(struct desk *d, const char *user, struct bytes ids,
                                           const char *op_id, struct bytes body_hash)
{
    struct msg a = ask(d, (struct msg){.id = MSG_mark,
                                       .mark = {.observed_seq = UINT64_MAX,
                                                .user = bytes_of(user),
                                                .ids = ids,
                                                .op_id = bytes_of(op_id),
                                                .body_hash = body_hash}});
    assert_int_equal(a.id, MSG_changed);
    return a.changed;
}

static inline struct msg_changed mark_all(struct desk *d, const char *user, uint64_t up_to,
                                          const char *op_id)
{
    struct msg a = ask(d, (struct msg){.id = MSG_mark_all,
                                       .mark_all = {.observed_seq = UINT64_MAX,
                                                    .user = bytes_of(user),
                                                    .up_to = up_to,
                                                    .op_id = bytes_of(op_id),
                                                    .body_hash = HASH_A}});
    assert_int_equal(a.id, MSG_changed);
    assert_int_equal(a.changed.status, ERR_OK);
    return a.changed;
}

static inline struct msg_changes since(struct desk *d, const char *user, uint64_t from,
                                       uint64_t epoch)
{
    char topic[TOPIC_MAX + 1];
    size_t n = topic_of_user(bytes_of(user), topic);
    struct msg a = ask(d,
                       (struct msg){.id = MSG_since,
                                    .since = {.topic = {topic, n}, .since = from, .epoch = epoch}});
    assert_int_equal(a.id, MSG_changes);
    return a.changes;
}

static inline unsigned entries_of(struct mp_list list, struct msg_entry *entries, unsigned max)
{
    struct mp_in in = list_in(list);
    struct msg m;
    unsigned n = 0;
    while (msg_read(&in, &m)) {
        assert_int_equal(m.id, MSG_entry);
        assert_true(n < max);
        entries[n++] = m.entry;
    }
    assert_true(in.ok);
    assert_int_equal(n, list.count);
    return n;
}

/* Recount everything: how many drifts, or how many that say `what`. */
static inline unsigned recount(struct desk *d, const char *what)
{
    char after[TOPIC_MAX];
    size_t n = 0;
    unsigned drifts = 0;
    do {
        struct msg a = ask(
            d, (struct msg){.id = MSG_check, .check = {.after = {after, n}, .limit = 50}});
        assert_int_equal(a.id, MSG_checked);
        assert_int_equal(a.checked.status, ERR_OK);
        struct mp_in in = list_in(a.checked.drifts);
        struct msg m;
        while (msg_read(&in, &m)) {
            drifts += !what || bytes_is(m.drift.what, what);
            print_message("drift %.*s: %.*s kept=%llu found=%llu\n", (int)m.drift.topic.n,
                          m.drift.topic.p, (int)m.drift.what.n, m.drift.what.p,
                          (unsigned long long)m.drift.kept, (unsigned long long)m.drift.found);
        }
        n = a.checked.next.n;
        if (n > 0)
            memcpy(after, a.checked.next.p, n);
    } while (n > 0);
    return drifts;
}

static inline void id_at(uint64_t at_ms, uint64_t pos, char out[ID_SIZE])
{
    id_make(at_ms, pos, (uint8_t *)out);
}

static inline void put_raw(struct desk *d, enum table table, struct bytes key, struct bytes value)
{
    struct txn *t = NULL;
    requests_rest(&d->requests);
    assert_int_equal(engine_write(d->engine, &t), ERR_OK);
    if (value.p)
        txn_put(t, table, key, value);
    else
        txn_del(t, table, key);
    assert_int_equal(txn_commit(&t), ERR_OK);
}

/* Change a byte of a row. */
static inline void damage(struct desk *d, enum table table, struct bytes key)
{
    struct txn *t = NULL;
    struct bytes value;
    char copy[4096];
    assert_int_equal(engine_read(d->engine, &t), ERR_OK);
    assert_int_equal(txn_get(t, table, key, &value), ERR_OK);
    assert_true(value.n > 0 && value.n <= sizeof copy);
    memcpy(copy, value.p, value.n);
    txn_abort(&t);
    copy[value.n / 2] ^= 0x20;
    put_raw(d, table, key, (struct bytes){copy, value.n});
}

/* Rewrite the row of a topic with a right checksum and a wrong count. */
static inline void plant(struct desk *d, const char *topic, size_t offset, uint64_t more)
{
    struct txn *t = NULL;
    struct topic_row row;
    assert_int_equal(engine_write(d->engine, &t), ERR_OK);
    assert_int_equal(topic_load(t, bytes_of(topic), &row), ERR_OK);
    *(uint64_t *)(void *)((char *)&row + offset) += more;
    record_put(t, TABLE_topics, bytes_of(topic), &row, FIELDS_OF(row), (struct bytes){0});
    assert_int_equal(txn_commit(&t), ERR_OK);
}

static inline uint64_t rows_of(struct desk *d, enum table table)
{
    struct txn *t = NULL;
    struct walk w;
    struct bytes key, value;
    uint64_t n = 0;
    requests_rest(&d->requests);
    assert_int_equal(engine_read(d->engine, &t), ERR_OK);
    walk_open(&w, t, table, WALK_up, (struct bytes){0});
    while (walk_next(&w, &key, &value))
        n++;
    walk_close(&w);
    txn_abort(&t);
    return n;
}
