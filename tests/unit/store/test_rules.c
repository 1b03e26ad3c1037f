/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that no single part of the store keeps alone: one order for everybody, and nothing before it is on
 * disk. */
#include "tests/unit/store/items.h"

/* Everything that can happen to an inbox: what is its own, a broadcast, marks, an end, an import. */
static void live_a_little(struct desk *d)
{
    char id[ID_SIZE];
    struct bytes one = {id, sizeof id};
    uint64_t pos = create_one(d, "ann", TYPE_activity, 0);
    id_at(d->now.wall_ms, pos, id);
    struct msg all = {.id = MSG_create,
                      .create = {.type = TYPE_alert, .content = CONTENT, .body_hash = HASH_A}};
    all.create.all = 1;
    assert_int_equal(ask(d, all).created.status, ERR_OK);
    mark_ids(d, "ann", MARK_read, one);
    create_one(d, "bob", TYPE_activity, 0); /* not hers */
    create_one(d, "ann", TYPE_system, d->now.wall_ms + 10);
    mark_ids(d, "ann", MARK_unread, one);
    assert_int_equal(ask(d, all).created.status, ERR_OK);
    d->now.wall_ms += 20;
    mark_ids(d, "ann", MARK_archive, one);
    all_ask(d, all_of("ann", MARK_read, UINT64_MAX));
    create_in(d, "ann", "work");
}

static void one_order(void **state)
{
    struct desk *d = *state;
    static struct msg_entry whole[CHANGES_MAX], part[CHANGES_MAX];
    live_a_little(d);
    unsigned n = entries_of(since(d, "ann", 0, 0).entries, whole, CHANGES_MAX);
    assert_true(n >= 10);
    for (unsigned i = 0; i < n; i++) { /* rising, and each names the one before */
        assert_int_equal(whole[i].prev, i > 0 ? whole[i - 1].seq : 0);
        assert_true(whole[i].seq > whole[i].prev);
    }
    uint64_t seqs[CHANGES_MAX];
    for (unsigned i = 0; i < n; i++)
        seqs[i] = whole[i].seq;
    for (unsigned from = 0; from < n; from++) { /* every replay, from wherever, now and later */
        unsigned m = entries_of(since(d, "ann", seqs[from], 0).entries, part, CHANGES_MAX);
        assert_int_equal(m, n - from - 1);
        for (unsigned i = 0; i < m; i++)
            assert_int_equal(part[i].seq, seqs[from + 1 + i]);
        if (from == n / 2) {
            desk_stop(d);
            desk_start(d);
        }
    }
}

/* What peers 0 (who asks) and 1 (the notifier) have got. */
static bool told(const struct desk *d)
{
    return d->out[0].n > 0 || d->out[1].n > 0;
}

static void not_before_its_commit(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 100);
    mp_put_str(&users, BYTES("ann"));
    struct msg m = create_of(&users, 1);
    desk_send(d, 1, &(struct msg){.id = MSG_follow, .follow = {.window = 100}});
    desk_commit(d);
    desk_clear(d);
    desk_send(d, 0, &m);
    struct batch *b = requests_to_commit(&d->requests);
    assert_non_null(b);
    assert_int_equal(requests_push(&d->requests), ERR_OK);
    assert_false(told(d));
    while (b->done < b->count)
        commit_some(&d->commit, b, d->now);
    assert_int_equal(requests_push(&d->requests), ERR_OK);
    assert_false(told(d)); /* it is on disk, but the process does not know that yet */
    assert_int_equal(requests_committed(&d->requests, d->now), ERR_OK);
    assert_true(d->out[0].n > 0);
    assert_int_equal(requests_push(&d->requests), ERR_OK);
    assert_true(d->out[1].n > 0);
    buf_fini(&users);
}

static void a_failed_sync_tells_nobody(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 100);
    mp_put_str(&users, BYTES("ann"));
    struct msg m = create_of(&users, 1);
    desk_clear(d);
    engine_mem_faults(d->engine)->next_commit = ERR_WORLD;
    desk_send(d, 0, &m);
    struct batch *b = requests_to_commit(&d->requests);
    while (b->done < b->count && !b->failed)
        commit_some(&d->commit, b, d->now);
    assert_int_equal(requests_committed(&d->requests, d->now), ERR_WORLD); /* it ends the process */
    assert_false(told(d));
    buf_fini(&users);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE("R1: one order, the same in every replay", one_order),
        RULE("R22: nobody is told before the commit", not_before_its_commit),
        {"R22: a sync that failed tells nobody", a_failed_sync_tells_nobody, setup_mem, teardown,
         NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
