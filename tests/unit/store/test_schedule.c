/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be made later: once, however the process and its clock behave. */
#include "store/schedule.h"
#include "tests/unit/store/items.h"
#include "tests/unit/store/topics.h"

#define OWN BYTES(TOPIC_SCHEDULED)

static struct msg_created later(struct desk *d, struct buf *users, uint32_t count,
                                uint64_t deliver_ms, const char *key)
{
    struct msg m = create_of(users, count);
    m.create.deliver_ms = deliver_ms;
    m.create.key = bytes_of(key);
    struct msg a = ask(d, m);
    assert_int_equal(a.id, MSG_created);
    return a.created;
}

static struct msg_created later_for(struct desk *d, const char *user, uint64_t deliver_ms)
{
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, bytes_of(user));
    struct msg_created a = later(d, &users, 1, deliver_ms, "");
    buf_fini(&users);
    assert_int_equal(a.status, ERR_OK);
    assert_int_equal(a.deliver_ms, deliver_ms);
    return a;
}

/* What the notifier does when the time has come: how long until it is to ask again. */
static uint64_t tick(struct desk *d)
{
    struct msg a = ask(d, (struct msg){.id = MSG_expire});
    assert_int_equal(a.id, MSG_expired);
    assert_int_equal(a.expired.status, ERR_OK);
    return a.expired.next_in_ms;
}

static struct msg_unpublished cancel(struct desk *d, uint64_t at_ms, uint64_t seq)
{
    char id[ID_SIZE];
    id_at(at_ms, seq, id);
    struct msg a = ask(d, (struct msg){.id = MSG_unpublish, .unpublish = {.id = {id, sizeof id}}});
    assert_int_equal(a.id, MSG_unpublished);
    return a.unpublished;
}

static uint64_t has(struct desk *d, const char *user)
{
    return snapshot(d, user, 0, 1).unread;
}

static void made_when_its_time_has_come_and_once(void **state)
{
    struct desk *d = *state;
    uint64_t at = d->now.wall_ms;
    later_for(d, "ann", at + 5000);
    later_for(d, "bob", at + 3000);
    assert_int_equal(has(d, "ann"), 0);
    assert_int_equal(tick(d), 3000);
    assert_int_equal(recount(d, NULL), 0);
    d->now.wall_ms = at + 4000;
    assert_int_equal(tick(d), 1000);
    assert_int_equal(has(d, "ann"), 0);
    assert_int_equal(has(d, "bob"), 1);
    d->now.wall_ms = at + 5000;
    assert_int_equal(tick(d), UINT64_MAX);
    assert_int_equal(tick(d), UINT64_MAX);
    assert_int_equal(has(d, "ann"), 1);
    assert_int_equal(has(d, "bob"), 1);
    assert_int_equal(d->counts[COUNT_delivered].value, 2);
    assert_int_equal(rows_of(d, TABLE_scheduled), 0);
    assert_int_equal(recount(d, NULL), 0);
}

/* R13: an hour forth and back again, with restarts: neither twice nor never. */
static void R13_a_clock_that_steps(void **state)
{
    struct desk *d = *state;
    enum { HOUR_MS = 3600 * 1000 };
    uint64_t at = d->now.wall_ms;
    later_for(d, "ann", at + 10000);
    later_for(d, "bob", at + 2 * HOUR_MS);
    d->now.wall_ms = at + HOUR_MS;
    assert_int_equal(tick(d), HOUR_MS);
    assert_int_equal(has(d, "ann"), 1);
    d->now.wall_ms = at;
    desk_stop(d);
    desk_start(d);
    assert_int_equal(tick(d), 2 * HOUR_MS);
    later_for(d, "ann", at + 20000);
    d->now.wall_ms = at - HOUR_MS;
    assert_int_equal(tick(d), HOUR_MS + 20000);
    assert_int_equal(has(d, "ann"), 1);
    d->now.wall_ms = at + 3 * (uint64_t)HOUR_MS;
    desk_stop(d);
    desk_start(d);
    assert_int_equal(tick(d), UINT64_MAX);
    assert_int_equal(has(d, "ann"), 2);
    assert_int_equal(has(d, "bob"), 1);
    assert_int_equal(recount(d, NULL), 0);
}

static void what_is_cancelled_is_not_made(void **state)
{
    struct desk *d = *state;
    uint64_t at = d->now.wall_ms;
    struct msg_created ann = later_for(d, "ann", at + 1000), bob = later_for(d, "bob", at + 1000);
    assert_int_equal(cancel(d, ann.at_ms + 1, ann.first_seq).status, ERR_NOT_FOUND); /* made up */
    assert_int_equal(cancel(d, ann.at_ms, ann.first_seq + 9).status, ERR_NOT_FOUND);
    struct msg_unpublished done = cancel(d, ann.at_ms, ann.first_seq);
    assert_int_equal(done.status, ERR_OK);
    assert_int_equal(done.seq, d->requests.state.head);
    assert_int_equal(cancel(d, ann.at_ms, ann.first_seq).status, ERR_NOT_FOUND);
    d->now.wall_ms += 1000;
    tick(d);
    assert_int_equal(has(d, "ann"), 0);
    assert_int_equal(has(d, "bob"), 1);
    assert_int_equal(cancel(d, bob.at_ms + 1, bob.first_seq).status, ERR_NOT_FOUND); /* made up */
    done = cancel(d, bob.at_ms, bob.first_seq); /* it was made: now it is retracted */
    assert_int_equal(done.status, ERR_OK);
    assert_int_equal(done.count, 1);
    assert_int_equal(has(d, "bob"), 0);
    assert_int_equal(cancel(d, bob.at_ms, bob.first_seq).status, ERR_NOT_FOUND);
    assert_int_equal(recount(d, NULL), 0);
}

/* It changes where it waits, and afterwards in who has it. */
static void what_waits_has_other_content(void **state)
{
    struct desk *d = *state;
    uint64_t at = d->now.wall_ms;
    struct msg_created ann = later_for(d, "ann", at + 1000);
    assert_int_equal(retitle(d, &ann, "{\"title\":\"one\"}").count, 0);
    struct msg_revise end = {.what = SAYS(expires_at), .expires_ms = at + 1000};
    assert_int_equal(revise_ask(d, &ann, end).status, ERR_TOO_OLD); /* it would never be there */
    end.expires_ms = at + 3000;
    assert_int_equal(revise_ask(d, &ann, end).status, ERR_OK);
    d->now.wall_ms += 1000;
    tick(d);
    assert_says(d, "ann", "{\"type\":\"activity\",\"title\":\"one\"}");
    assert_int_equal(retitle(d, &ann, "{\"title\":\"two\"}").count, 1);
    assert_says(d, "ann", "{\"type\":\"activity\",\"title\":\"two\"}");
    d->now.wall_ms += 2000;
    assert_int_equal(has(d, "ann"), 0);
    assert_int_equal(recount(d, NULL), 0);
}

static void a_broadcast_is_known_by_what_it_waited_as(void **state)
{
    struct desk *d = *state;
    create_one(d, "ann", TYPE_activity, 0);
    struct msg m = create_of(&(struct buf){0}, 0);
    m.create.all = 1;
    m.create.deliver_ms = d->now.wall_ms + 1000;
    struct msg_created all = ask(d, m).created;
    assert_int_equal(all.status, ERR_OK);
    d->now.wall_ms += 1000;
    tick(d);
    assert_int_equal(has(d, "ann"), 2);
    assert_int_equal(retitle(d, &all, "{\"title\":\"two\"}").status, ERR_OK);
    assert_says(d, "ann", "{\"type\":\"activity\",\"title\":\"two\"}");
    assert_int_equal(cancel(d, all.at_ms, all.first_seq).status, ERR_OK);
    assert_int_equal(has(d, "ann"), 1);
    assert_int_equal(recount(d, NULL), 0);
}

static void a_repeated_request_waits_once(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, BYTES("ann"));
    uint64_t at = d->now.wall_ms + 1000;
    struct msg_created first = later(d, &users, 1, at, "k");
    assert_int_equal(later(d, &users, 1, at, "k").first_seq, first.first_seq);
    d->now.wall_ms = at + 1;
    tick(d);
    struct msg_created again = later(d, &users, 1, at, "k"); /* though its time has passed */
    assert_int_equal(again.first_seq, first.first_seq);
    assert_int_equal(again.deliver_ms, at);
    assert_int_equal(has(d, "ann"), 1);
    later(d, &users, 1, at, "l"); /* a new one of the past is made now */
    assert_int_equal(has(d, "ann"), 2);
    buf_fini(&users);
}

static void so_many_may_wait(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, BYTES("ann"));
    d->limits.scheduled = 2;
    desk_stop(d);
    desk_start(d);
    uint64_t at = d->now.wall_ms + 1000;
    struct msg_created one = later(d, &users, 1, at, "");
    later(d, &users, 1, at, "");
    assert_int_equal(later(d, &users, 1, at, "").status, ERR_FULL);
    cancel(d, one.at_ms, one.first_seq);
    assert_int_equal(later(d, &users, 1, at, "").status, ERR_OK);
    buf_fini(&users);
}

/* Many, for many: in parts, and what has come to its end is not made. */
static void many_are_made_in_parts(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 20000);
    char name[16];
    for (int i = 0; i < 700; i++) {
        snprintf(name, sizeof name, "u%d", i);
        mp_put_str(&users, bytes_of(name));
    }
    uint64_t at = d->now.wall_ms + 1000;
    for (int i = 0; i < 5; i++)
        later(d, &users, 700, at, "");
    struct msg m = create_of(&users, 700);
    m.create.deliver_ms = at;
    m.create.expires_ms = at + 10;
    ask(d, m);
    d->now.wall_ms = at + 10;
    assert_int_equal(tick(d), 0);
    unsigned ticks = 1;
    while (tick(d) != UINT64_MAX)
        ticks++;
    assert_int_equal(ticks, 2);
    assert_int_equal(has(d, "u0"), 5);
    assert_int_equal(has(d, "u699"), 5);
    assert_int_equal(recount(d, NULL), 0);
    buf_fini(&users);
}

/* What is for all costs as one, whoever gets it. */
static void many_for_all_are_made_in_parts(void **state)
{
    struct desk *d = *state;
    struct buf none = {0};
    d->limits.scheduled = 2000;
    d->limits.broadcasts = 2000;
    desk_stop(d);
    desk_start(d);
    struct msg m = create_of(&none, 0);
    m.create.all = 1;
    m.create.deliver_ms = d->now.wall_ms + 1000;
    for (unsigned i = 0; i < EXPIRE_MAX + 10; i++)
        assert_int_equal(ask(d, m).created.status, ERR_OK);
    d->now.wall_ms += 1000;
    assert_int_equal(tick(d), 0);
    assert_int_equal(rows_of(d, TABLE_scheduled), 10);
    assert_int_equal(tick(d), UINT64_MAX);
}

/* Those who snoozed until tomorrow morning are many. */
static void many_wake_in_parts(void **state)
{
    struct desk *d = *state;
    static const char *const users[] = {"ann", "bob", "cleo"};
    for (unsigned u = 0; u < 3; u++) {
        struct msg_mark m = mark_of(users[u], MARK_snooze, (struct bytes){0});
        static char ids[600 * ID_SIZE];
        for (unsigned i = 0; i < 600; i++)
            id_at(d->now.wall_ms, create_one(d, users[u], TYPE_activity, 0), ids + i * ID_SIZE);
        m.ids = (struct bytes){ids, sizeof ids};
        m.until_ms = d->now.wall_ms + 1000;
        assert_int_equal(mark_ask(d, m).status, ERR_OK);
    }
    d->now.wall_ms += 1000;
    assert_int_equal(tick(d), 0);
    assert_int_equal(rows_of(d, TABLE_aside), 600);
    assert_int_equal(tick(d), UINT64_MAX);
    assert_int_equal(rows_of(d, TABLE_aside), 0);
    assert_int_equal(recount(d, NULL), 0);
}

static void a_damaged_inbox_keeps_nobody_from_theirs(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, BYTES("ann"));
    mp_put_str(&users, BYTES("bob"));
    create_one(d, "ann", TYPE_activity, 0);
    later(d, &users, 2, d->now.wall_ms + 1, "");
    damage(d, TABLE_topics, BYTES("user:ann:notifications"));
    d->now.wall_ms += 1;
    assert_int_equal(tick(d), UINT64_MAX);
    assert_int_equal(has(d, "bob"), 1);
    buf_fini(&users);
}

static void trimming_leaves_what_waits(void **state)
{
    struct desk *d = *state;
    d->limits.log_bytes = 1;
    desk_stop(d);
    desk_start(d);
    struct msg_created one = later_for(d, "ann", d->now.wall_ms + 90000);
    struct msg_created two = later_for(d, "ann", d->now.wall_ms + 90000);
    later_for(d, "ann", d->now.wall_ms + 90000);
    for (int i = 0; i < 600; i++)
        create_one(d, "bob", TYPE_activity, 0);
    notifier_keeps(d);
    create_one(d, "bob", TYPE_activity, 0);
    assert_true(d->requests.state.meta.trimmed > 10);
    assert_int_equal(recount(d, NULL), 0);
    assert_int_equal(cancel(d, one.at_ms, one.first_seq).status, ERR_OK);
    d->now.wall_ms += 90000;
    tick(d);
    assert_int_equal(has(d, "ann"), 2);
    assert_int_equal(cancel(d, two.at_ms, two.first_seq).status, ERR_OK); /* retracted */
    assert_int_equal(has(d, "ann"), 1);
    assert_int_equal(recount(d, NULL), 0);
}

/* The recount finds each kind of wrong. */
static void the_recount_looks_at_them(void **state)
{
    struct desk *d = *state;
    struct msg_created one = later_for(d, "ann", d->now.wall_ms + 1000);
    plant(d, TOPIC_SCHEDULED, offsetof(struct topic_row, items), 1);
    assert_int_equal(recount(d, "items"), 1);
    struct key key = key2(one.deliver_ms, one.first_seq);
    damage(d, TABLE_scheduled, key_bytes(&key));
    assert_int_equal(recount(d, "damaged item"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_BOTH(made_when_its_time_has_come_and_once),
        OVER_BOTH(R13_a_clock_that_steps),
        OVER_BOTH(what_is_cancelled_is_not_made),
        OVER_BOTH(what_waits_has_other_content),
        OVER_BOTH(a_broadcast_is_known_by_what_it_waited_as),
        OVER_BOTH(a_repeated_request_waits_once),
        cmocka_unit_test_setup_teardown(many_for_all_are_made_in_parts, setup_mem, teardown),
        cmocka_unit_test_setup_teardown(many_wake_in_parts, setup_mem, teardown),
        OVER_BOTH(so_many_may_wait),
        OVER_BOTH(many_are_made_in_parts),
        OVER_BOTH(a_damaged_inbox_keeps_nobody_from_theirs),
        OVER_BOTH(trimming_leaves_what_waits),
        OVER_BOTH(the_recount_looks_at_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
