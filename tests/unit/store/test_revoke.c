/* SPDX-License-Identifier: Apache-2.0 */
/* Revocations: kept, numbered, told in pages, and forgotten when they are over. */
#include "tests/unit/store/topics.h"

enum { NOW_S = 1700000000 };

static struct msg_revoked revoked(struct desk *d, struct msg_revoke m)
{
    struct msg a = ask(d, (struct msg){.id = MSG_revoke, .revoke = m});
    assert_int_equal(a.id, MSG_revoked);
    return a.revoked;
}

static struct msg_revoked revoke_user(struct desk *d, const char *user, uint64_t before_s,
                                      uint64_t until_s)
{
    return revoked(
        d, (struct msg_revoke){.user = bytes_of(user), .before_s = before_s, .until_s = until_s});
}

static struct msg_revoked revoke_jti(struct desk *d, const char *jti, uint64_t until_s)
{
    return revoked(d, (struct msg_revoke){.jti = bytes_of(jti), .until_s = until_s});
}

static struct msg_revocation_list list(struct desk *d, uint64_t since, uint64_t epoch)
{
    struct msg a = ask(
        d, (struct msg){.id = MSG_revocations, .revocations = {.since = since, .epoch = epoch}});
    assert_int_equal(a.id, MSG_revocation_list);
    assert_int_equal(a.revocation_list.status, ERR_OK);
    return a.revocation_list;
}

/* "jti:user:before:until ..." of what is kept after `since`. */
static void told(struct desk *d, uint64_t since, const char *want)
{
    char room[2000];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room - 1};
    struct msg_revocation_list l = list(d, since, d->requests.state.meta.epoch);
    struct mp_in in = list_in(l.revocations);
    struct msg m;
    while (msg_read(&in, &m))
        buf_format(&out, "%.*s:%.*s:%llu:%llu ", (int)m.revocation.jti.n, m.revocation.jti.p,
                   (int)m.revocation.user.n, m.revocation.user.p,
                   (unsigned long long)m.revocation.before_s,
                   (unsigned long long)m.revocation.until_s);
    room[out.n] = '\0';
    assert_string_equal(room, want);
    assert_int_equal(l.more, 0);
}

static void kept_and_told(void **state)
{
    struct desk *d = *state;
    told(d, 0, "");
    assert_int_equal(revoke_jti(d, "t-1", NOW_S + 60).number, 1);
    assert_int_equal(revoke_user(d, "ann", NOW_S, NOW_S + 90).number, 2);
    told(d, 0, "t-1::0:1700000060 :ann:1700000000:1700000090 ");
    told(d, 1, ":ann:1700000000:1700000090 ");
    told(d, 2, "");
    desk_stop(d);
    desk_start(d); /* another process on the same tables */
    told(d, 1, ":ann:1700000000:1700000090 ");
    assert_int_equal(revoke_jti(d, "t-2", NOW_S + 60).number, 3);
}

static void wider_takes_its_place(void **state)
{
    struct desk *d = *state;
    assert_int_equal(revoke_user(d, "ann", NOW_S, NOW_S + 90).number, 1);
    assert_int_equal(revoke_user(d, "ann", NOW_S - 5, NOW_S + 80).number, 1); /* nothing new */
    assert_int_equal(revoke_user(d, "ann", NOW_S + 5, NOW_S + 80).number, 2);
    told(d, 0, ":ann:1700000005:1700000090 ");
    assert_int_equal(d->requests.state.meta.revocations, 1);
    /* A jti that is called like the user is something else. */
    assert_int_equal(revoke_jti(d, "ann", NOW_S + 60).number, 3);
    told(d, 2, "ann::0:1700000060 ");
}

static void another_history(void **state)
{
    struct desk *d = *state;
    revoke_jti(d, "t-1", NOW_S + 60);
    revoke_jti(d, "t-2", NOW_S + 60);
    struct msg_revocation_list l = list(d, 2, d->requests.state.meta.epoch + 1);
    assert_int_equal(l.revocations.count, 2); /* from the first */
    assert_int_equal(l.epoch, d->requests.state.meta.epoch);
}

static void invalid(void **state)
{
    struct desk *d = *state;
    char long_one[JTI_MAX + 2];
    memset(long_one, 'x', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    assert_int_equal(revoked(d, (struct msg_revoke){.until_s = NOW_S}).status, ERR_INVALID);
    assert_int_equal(revoked(d, (struct msg_revoke){.jti = BYTES("a"), .user = BYTES("b")}).status,
                     ERR_INVALID);
    assert_int_equal(revoke_user(d, "a b", 1, NOW_S).status, ERR_INVALID);
    told(d, 0, "");
}

/* Above the limit FULL, until some are over: then they make room. */
static void bounded(void **state)
{
    struct desk *d = *state;
    char name[24];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "t-%u", i);
        assert_int_equal(revoke_jti(d, name, NOW_S + (i < 300 ? 60 : 600)).status, ERR_OK);
    }
    assert_int_equal(revoke_jti(d, "more", NOW_S + 60).status, ERR_FULL);
    assert_int_equal(revoke_jti(d, "t-7", NOW_S + 900).status, ERR_OK); /* it was there */
    d->now.wall_ms += 60 * 1000;
    assert_int_equal(revoke_jti(d, "more", NOW_S + 600).status, ERR_OK);
    assert_int_equal(d->requests.state.meta.revocations, 1000 - 299 + 1);
    uint64_t seen = 0, since = 0, pages = 0;
    for (struct msg_revocation_list l = {.more = 1}; l.more; pages++) {
        l = list(d, since, d->requests.state.meta.epoch);
        seen += l.revocations.count;
        since = l.to;
    }
    assert_int_equal(seen, 1000 - 299 + 1);
}

/* The limit is lower than what is kept: what is there stays revoked, and may be so more widely. */
static void below_what_is_kept(void **state)
{
    struct desk *d = *state;
    char name[24];
    for (unsigned i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "t-%u", i);
        revoke_jti(d, name, NOW_S + (i < 10 ? 60 : 600));
    }
    revoke_user(d, "ann", NOW_S, NOW_S + 600);
    d->limits.revocations = 10;
    desk_stop(d);
    desk_start(d);
    assert_int_equal(revoke_jti(d, "more", NOW_S + 600).status, ERR_FULL);
    assert_int_equal(revoke_user(d, "ann", NOW_S + 1, NOW_S + 900).status, ERR_OK);
    told(d, 31, ":ann:1700000001:1700000900 ");
    d->now.wall_ms += 61 * 1000;
    assert_int_equal(revoke_jti(d, "more", NOW_S + 600).status, ERR_FULL);
    assert_int_equal(rows_of(d, TABLE_revoked), 21); /* what is over went all the same, */
    desk_stop(d);
    desk_start(d);
    assert_int_equal(d->requests.state.meta.revocations, 21); /* and is known to have gone */
}

/* Nobody has to wait for a limit: who revokes looks once an hour. */
static void forgotten_by_the_hour(void **state)
{
    struct desk *d = *state;
    revoke_jti(d, "t-1", NOW_S + 60);
    d->now.wall_ms += 61 * 1000;
    revoke_jti(d, "t-2", NOW_S + 90000);
    assert_int_equal(d->requests.state.meta.revocations, 2);
    d->now.wall_ms += 3600 * 1000;
    revoke_jti(d, "t-3", NOW_S + 90000);
    told(d, 0, "t-2::0:1700090000 t-3::0:1700090000 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kept_and_told, setup_lmdb, teardown),
        cmocka_unit_test_setup_teardown(wider_takes_its_place, setup_mem, teardown),
        cmocka_unit_test_setup_teardown(another_history, setup_mem, teardown),
        cmocka_unit_test_setup_teardown(invalid, setup_mem, teardown),
        cmocka_unit_test_setup_teardown(bounded, setup_mem, teardown),
        cmocka_unit_test_setup_teardown(below_what_is_kept, setup_mem, teardown),
        cmocka_unit_test_setup_teardown(forgotten_by_the_hour, setup_mem, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
