/* SPDX-License-Identifier: Apache-2.0 */
/* A create that is only tried: what it says is what then happens, and nothing of it stays. */
#include "lib/hash.h"
#include "tests/unit/store/items.h"
#include "tests/unit/store/topics.h"

#include <stdlib.h>

enum { MOST = 6 };

static struct buf none; /* of no users */

/* Of every row of every table. */
static uint64_t sum_of_all(struct desk *d)
{
    struct txn *t = NULL;
    uint64_t sum = 0;
    requests_rest(&d->requests);
    assert_int_equal(engine_read(d->engine, &t), ERR_OK);
    for (unsigned table = 0; table < TABLE_COUNT; table++) {
        struct bytes key, value;
        struct walk w;
        walk_open(&w, t, (enum table)table, WALK_up, (struct bytes){0});
        while (walk_next(&w, &key, &value))
            sum = hash64(key, hash64(value, sum + table));
        walk_close(&w);
    }
    txn_abort(&t);
    return sum;
}

/* The answer is good until the next one. */
static struct msg_tried try(struct desk *d, const struct msg *create)
{
    struct buf whole;
    buf_init(&whole, FRAME_MAX);
    msg_write(&whole, create);
    uint64_t sum = sum_of_all(d), head = d->requests.state.head,
             commits = d->counts[COUNT_commits].value;
    struct msg a = ask(d, (struct msg){.id = MSG_try, .try = {.create = list_of(&whole, 1)}});
    buf_fini(&whole);
    assert_int_equal(a.id, MSG_tried);
    assert_true(sum_of_all(d) == sum);
    assert_int_equal(d->requests.state.head, head);
    assert_int_equal(d->counts[COUNT_commits].value, commits);
    return a.tried;
}

/* ---- what is random ---- */

static const char *const names[] = {"ann", "bob", "cleo", "dan"};

static struct bytes one_of(const char *const *texts, unsigned n)
{
    return bytes_of(texts[(unsigned)rand() % n]);
}

static struct msg some_create(struct buf *users)
{
    static const char *const categories[] = {"", "", "promo", "news"};
    static const char *const keys[] = {"", "", "x", "y"};
    uint32_t count = 0;
    buf_reset(users);
    for (unsigned i = 0; i < 4; i++)
        if (i == 0 || rand() % 2) {
            mp_put_str(users, bytes_of(names[i]));
            count++;
        }
    struct msg m = create_of(users, count);
    m.create.type = rand() % 2 ? TYPE_activity : TYPE_alert;
    m.create.category = one_of(categories, 4);
    m.create.collapse_key = one_of(keys, 4);
    m.create.dedupe_key = rand() % 3 ? (struct bytes){0} : one_of(keys, 4);
    return m;
}

/* One mutes, one has quiet hours, some read; a broadcast that nobody has merged; what ends by itself. */
static void meanwhile(struct desk *d)
{
    struct msg all = create_of(&none, 0);
    all.create.all = 1;
    d->now.wall_ms += 60000;
    if (rand() % 3 == 0)
        mark_all(d, names[rand() % 4], UINT64_MAX, "");
    if (rand() % 5 == 0)
        ask(d, all);
    if (rand() % 4 == 0)
        create_one(d, names[rand() % 4], TYPE_alert, d->now.wall_ms + 100000);
}

static uint64_t bit(enum notification_type type)
{
    return UINT64_C(1) << type;
}

static void prefer(struct desk *d)
{
    struct msg mutes = {.id = MSG_prefs_put,
                        .prefs_put = {.user = BYTES("bob"), .types = bit(TYPE_alert)}};
    struct msg quiet = {.id = MSG_prefs_put,
                        .prefs_put = {.user = BYTES("cleo"),
                                      .quiet = 1,
                                      .to_min = 1439,
                                      .zone = BYTES("UTC"),
                                      .allow = bit(TYPE_alert)}};
    assert_int_equal(ask(d, mutes).prefs.status, ERR_OK);
    assert_int_equal(ask(d, quiet).prefs.status, ERR_OK);
}

/* ---- tests ---- */

static unsigned sum_of(struct bytes of_each)
{
    unsigned sum = 0;
    for (size_t i = 0; i < of_each.n; i++)
        sum += (unsigned char)of_each.p[i];
    return sum;
}

static void as_it_says(struct desk *d, const struct msg *m, unsigned seen[3])
{
    char why[4], taken[4];
    struct msg_tried t = try(d, m);
    assert_int_equal(t.status, ERR_OK);
    unsigned evicts = sum_of(t.evicts);
    size_t whys = t.why_not.n, takens = t.taken.n;
    memcpy(why, t.why_not.p, whys);
    memcpy(taken, t.taken.p, takens);
    uint64_t evicted = d->counts[COUNT_evicted].value;
    uint64_t muted_kept = t.muted_kept;
    for (unsigned i = 0; i < 4; i++) /* broadcasts that an inbox merges first evict too */
        snapshot(d, names[i], 0, 1);
    uint64_t merging = d->counts[COUNT_evicted].value - evicted;
    struct msg a = ask(d, *m);
    assert_int_equal(a.created.status, ERR_OK);
    assert_true(bytes_equal(a.created.why_not, (struct bytes){why, whys}));
    assert_true(bytes_equal(a.created.taken, (struct bytes){taken, takens}));
    assert_int_equal(a.created.muted_kept, muted_kept);
    assert_int_equal(d->counts[COUNT_evicted].value - evicted - merging, evicts);
    seen[0] += whys > 0;
    seen[1] += takens > 0;
    seen[2] += evicts > 0;
}

static void what_it_says_is_what_happens(void **state)
{
    struct desk *d = *state;
    struct buf users;
    unsigned seen[3] = {0}, rounds = d->folder[0] ? 40 : 150;
    buf_init(&users, 1000);
    d->limits.max_items = MOST;
    for (uint64_t drop = 0; drop < 2; drop++) {
        d->limits.drop_muted = drop;
        desk_stop(d);
        desk_start(d);
        prefer(d);
        srand((unsigned)drop + 1);
        for (unsigned i = 0; i < rounds; i++) {
            meanwhile(d);
            struct msg m = some_create(&users);
            as_it_says(d, &m, seen);
        }
    }
    for (unsigned i = 0; i < 3; i++)
        assert_true(seen[i] > 10);
    buf_fini(&users);
    assert_int_equal(recount(d, NULL), 0);
}

/* What is refused is refused the same; but what waits for its time has room then, or is counted in none. */
static void what_it_refuses_is_refused(void **state)
{
    struct desk *d = *state;
    struct buf users;
    char category[8];
    d->limits.scheduled = 1;
    desk_stop(d);
    desk_start(d);
    buf_init(&users, 1000);
    mp_put_str(&users, BYTES("ann"));
    for (unsigned i = 0; i < CATEGORIES_MAX; i++) {
        snprintf(category, sizeof category, "c%u", i);
        create_in(d, "ann", category);
    }
    struct msg m = create_of(&users, 1);
    m.create.category = BYTES("one more");
    assert_int_equal(try(d, &m).status, ERR_FULL);
    assert_int_equal(ask(d, m).created.status, ERR_FULL);
    m.create.deliver_ms = d->now.wall_ms + 1000;
    assert_int_equal(try(d, &m).status, ERR_OK);
    assert_int_equal(ask(d, m).created.status, ERR_OK);
    assert_int_equal(try(d, &m).status, ERR_FULL); /* that was the last place */
    assert_int_equal(ask(d, m).created.status, ERR_FULL);
    m.create.deliver_ms = 0;
    m.create.expires_ms = d->now.wall_ms;
    assert_int_equal(try(d, &m).status, ERR_TOO_OLD);
    mp_put_str(&users, BYTES("ann"));
    m = create_of(&users, 2);
    assert_int_equal(try(d, &m).status, ERR_INVALID);
    struct msg other = {.id = MSG_mark, .mark = mark_of("ann", MARK_read, (struct bytes){0})};
    assert_int_equal(try(d, &other).status, ERR_INVALID);
    buf_fini(&users);
}

static void a_key_that_is_known(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, BYTES("ann"));
    struct msg m = create_of(&users, 1);
    m.create.key = BYTES("k");
    assert_int_equal(try(d, &m).repeated, 0);
    assert_int_equal(try(d, &m).repeated, 0); /* trying uses no key */
    ask(d, m);
    assert_int_equal(try(d, &m).repeated, 1);
    m.create.body_hash = HASH_B;
    assert_int_equal(try(d, &m).status, ERR_CONFLICT);
    buf_fini(&users);
}

static void for_a_topic(void **state)
{
    struct desk *d = *state;
    struct msg m = create_of(&none, 0);
    m.create.topic = ROOM;
    member_one(d, ROOM, true, "ann");
    member_one(d, ROOM, true, "bob");
    assert_int_equal(try(d, &m).members, 2);
    assert_int_equal(snapshot(d, "ann", 0, 10).items.count, 0);
}

/* Among others that wait for the same commit it sees those before it, and they are done. */
static void among_others(void **state)
{
    struct desk *d = *state;
    struct buf users, whole;
    struct msg a;
    buf_init(&users, 1000);
    buf_init(&whole, FRAME_MAX);
    mp_put_str(&users, BYTES("ann"));
    struct msg m = create_of(&users, 1);
    m.create.collapse_key = BYTES("x");
    msg_write(&whole, &m);
    struct msg tries = {.id = MSG_try, .try = {.create = list_of(&whole, 1)}};
    desk_clear(d);
    desk_send(d, 0, &tries);
    desk_send(d, 0, &m);
    desk_send(d, 0, &tries);
    desk_send(d, 0, &m);
    desk_commit(d);
    assert_true(desk_next(d, 0, &a));
    assert_int_equal(a.tried.taken.n, 0);
    assert_true(desk_next(d, 0, &a));
    assert_int_equal(a.created.status, ERR_OK);
    assert_true(desk_next(d, 0, &a));
    assert_int_equal(a.tried.taken.n, 1);
    assert_int_equal(a.tried.taken.p[0], TAKEN_collapsed);
    assert_true(desk_next(d, 0, &a));
    assert_int_equal(a.created.taken.n, 1);
    assert_int_equal(snapshot(d, "ann", 0, 10).items.count, 1);
    assert_int_equal(d->counts[COUNT_writes].value, 2);
    buf_fini(&users);
    buf_fini(&whole);
}

/* The map is too small: it grows, as for an action. */
static void where_the_map_is_full(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, BYTES("ann"));
    struct msg m = create_of(&users, 1);
    struct mem_faults *f = engine_mem_faults(d->engine);
    uint64_t before = f->map_bytes = f->used_bytes + 16;
    assert_int_equal(try(d, &m).status, ERR_OK);
    assert_true(f->map_bytes > before);
    f->free_bytes = 0;
    assert_int_equal(try(d, &m).status, ERR_NO_SPACE); /* nor would a create be done */
    buf_fini(&users);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_BOTH(what_it_says_is_what_happens),
        OVER_BOTH(what_it_refuses_is_refused),
        OVER_BOTH(a_key_that_is_known),
        OVER_BOTH(for_a_topic),
        OVER_BOTH(among_others),
        {"where the map is full", where_the_map_is_full, setup_mem, teardown, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
