/* SPDX-License-Identifier: Apache-2.0 */
/* Who belongs to a topic, what that allows, and when a user was last seen; over both engines. */
#include "tests/unit/store/topics.h"

static void members_come_and_go(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 1000);
    mp_put_str(&users, BYTES("bob"));
    mp_put_str(&users, BYTES("ann"));
    mp_put_str(&users, BYTES("cy"));
    struct msg_membered a = member_change(d, ROOM, true, &users, 3);
    assert_int_equal(a.status, ERR_OK);
    assert_int_equal(a.changed, 3);
    assert_int_equal(a.members, 3);
    uint64_t commits = d->counts[COUNT_commits].value;
    a = member_change(d, ROOM, true, &users, 3); /* again: no change, and no commit */
    assert_int_equal(a.status, ERR_OK);
    assert_int_equal(a.changed, 0);
    assert_int_equal(a.members, 3);
    assert_int_equal(d->counts[COUNT_commits].value, commits);
    mp_put_str(&users, BYTES("dan"));
    mp_put_str(&users, BYTES("dan"));
    a = member_change(d, ROOM, true, &users, 5);
    assert_int_equal(a.changed, 1);
    assert_int_equal(a.members, 4);
    struct msg_member_list list = member_list(d, ROOM, BYTES(""), 1000);
    assert_int_equal(list.members, 4);
    assert_int_equal(list.next.n, 0);
    assert_true(bytes_equal(list.users.raw, BYTES("\xa3"
                                                  "ann\xa3"
                                                  "bob\xa2"
                                                  "cy\xa3"
                                                  "dan")));
    a = member_one(d, ROOM, false, "bob");
    assert_int_equal(a.changed, 1);
    assert_int_equal(a.members, 3);
    a = member_one(d, ROOM, false, "bob");
    assert_int_equal(a.changed, 0);
    assert_int_equal(a.members, 3);
    a = member_one(d, BYTES("room:70"), false, "ann"); /* a topic that never was */
    assert_int_equal(a.status, ERR_OK);
    assert_int_equal(a.members, 0);
    assert_int_equal(member_list(d, BYTES("room:"), BYTES(""), 10).users.count, 0);
    assert_int_equal(recount(d, NULL), 0);
    a = member_change(d, ROOM, false, &users, 5);
    assert_int_equal(a.members, 0);
    assert_int_equal(rows_of(d, TABLE_members), 0);
    assert_int_equal(rows_of(d, TABLE_topics), 0); /* nothing is left of it */
    buf_fini(&users);
}

static void what_is_not_allowed_is_refused_whole(void **state)
{
    struct desk *d = *state;
    struct buf users;
    buf_init(&users, 1000);
    assert_int_equal(member_change(d, ROOM, true, &users, 0).status, ERR_INVALID);
    mp_put_str(&users, BYTES("ann"));
    assert_int_equal(member_change(d, BYTES(""), true, &users, 1).status, ERR_INVALID);
    assert_int_equal(member_change(d, BYTES("user:ann:notifications"), true, &users, 1).status,
                     ERR_INVALID);
    struct msg m = {.id = MSG_member,
                    .member = {.topic = ROOM, .add = 2, .users = list_of(&users, 1)}};
    assert_int_equal(ask(d, m).membered.status, ERR_INVALID);
    mp_put_str(&users, BYTES("a:b"));
    assert_int_equal(member_change(d, ROOM, true, &users, 2).status, ERR_INVALID);
    buf_reset(&users);
    mp_put_str(&users, BYTES("ann"));
    mp_put_u64(&users, 7); /* not a name */
    assert_int_equal(member_change(d, ROOM, true, &users, 2).status, ERR_INVALID);
    assert_int_equal(rows_of(d, TABLE_members), 0);
    assert_int_equal(member_list(d, BYTES("a b"), BYTES(""), 1).status, ERR_INVALID);
    buf_fini(&users);
}

static void pages_reach_every_member_once(void **state)
{
    struct desk *d = *state;
    enum { COUNT = 2500 };
    struct buf users;
    char name[USER_MAX + 1];
    buf_init(&users, 200000);
    for (unsigned done = 0, n = 0; done < COUNT; done += n) {
        buf_reset(&users);
        for (n = 0; n < USERS_MAX && done + n < COUNT; n++) {
            snprintf(name, sizeof name, "u%0*u", n % 2 ? 127 : 10, (done + n) * 7919 % COUNT);
            mp_put_str(&users, bytes_of(name));
        }
        assert_int_equal(member_change(d, ROOM, true, &users, n).changed, n);
    }
    member_one(d, BYTES("room:70"), true, "zed");
    member_one(d, BYTES("room:6"), true, "zed");
    char after[USER_MAX] = "", last[USER_MAX] = "";
    size_t after_n = 0, last_n = 0;
    unsigned seen = 0, pages = 0;
    do {
        struct msg_member_list list = member_list(d, ROOM, (struct bytes){after, after_n},
                                                  pages ? 300 : 5000);
        assert_int_equal(list.members, COUNT);
        struct mp_in in = list_in(list.users);
        struct bytes user = {0};
        for (uint32_t i = 0; i < list.users.count; i++, seen++) {
            user = mp_str(&in);
            size_t n = user.n < last_n ? user.n : last_n;
            int order = memcmp(user.p, last, n);
            assert_true(order > 0 || (order == 0 && user.n > last_n));
            memcpy(last, user.p, user.n);
            last_n = user.n;
        }
        after_n = list.next.n;
        if (after_n > 0) {
            assert_true(bytes_equal(list.next, user));
            memcpy(after, list.next.p, after_n);
        }
        pages++;
    } while (after_n > 0);
    assert_int_equal(seen, COUNT);
    assert_int_equal(pages, 1 + 5);
    assert_int_equal(member_list(d, ROOM, BYTES(""), 0).users.count, 0);
    assert_int_equal(member_list(d, ROOM, BYTES(""), 0).members, COUNT);
    assert_int_equal(member_list(d, ROOM, BYTES("zzz"), 10).users.count, 0);
    assert_int_equal(recount(d, NULL), 0);
    buf_fini(&users);
}

static void who_is_no_member_is_refused(void **state)
{
    struct desk *d = *state;
    struct msg m = publish_of(ROOM, 10, 0);
    publish(d, ROOM, 10, 0);
    m.publish.members_only = 1;
    assert_int_equal(ask(d, m).published.status, ERR_FORBIDDEN);
    member_one(d, ROOM, true, "ann");
    assert_int_equal(ask(d, m).published.status, ERR_OK);
    struct msg_changes ch = topic_since(d, ROOM, 1, BYTES("ann"));
    assert_int_equal(ch.status, ERR_OK);
    assert_int_equal(ch.entries.count, 1);
    ch = topic_since(d, ROOM, 1, BYTES("bob"));
    assert_int_equal(ch.status, ERR_FORBIDDEN);
    assert_int_equal(ch.entries.count, 0);
    assert_int_equal(ch.head, 0);
    struct msg_page page = history(d, ROOM, 0, 10, BYTES("ann"));
    assert_int_equal(page.entries.count, 2);
    page = history(d, ROOM, 0, 0, BYTES("bob"));
    assert_int_equal(page.status, ERR_FORBIDDEN);
    assert_int_equal(page.seq, 0);
    assert_int_equal(history(d, BYTES("room:none"), 0, 0, BYTES("ann")).status, ERR_FORBIDDEN);
    m.publish.key = BYTES("key");
    uint64_t seq = ask(d, m).published.seq;
    member_one(d, ROOM, false, "ann");
    assert_int_equal(ask(d, m).published.seq, seq); /* it was done, when it was allowed */
    m.publish.key = BYTES("");
    assert_int_equal(ask(d, m).published.status, ERR_FORBIDDEN);
    assert_int_equal(topic_since(d, ROOM, 1, BYTES("ann")).status, ERR_FORBIDDEN);
    member_one(d, ROOM, true, "bob");
    damage(d, TABLE_members, BYTES("room:7\0bob"));
    m.publish.user = BYTES("bob");
    assert_int_equal(ask(d, m).published.status, ERR_WORLD);
    assert_true(recount(d, "damaged member") == 1);
}

/* In one commit, in the order in which they came. */
static void members_of_one_commit(void **state)
{
    struct desk *d = *state;
    struct msg m = publish_of(ROOM, 10, 0), a;
    m.publish.members_only = 1;
    struct buf users;
    buf_init(&users, 100);
    mp_put_str(&users, BYTES("ann"));
    struct msg change = {.id = MSG_member,
                         .member = {.topic = ROOM, .add = 1, .users = list_of(&users, 1)}};
    desk_clear(d);
    desk_send(d, 0, &m);
    desk_send(d, 0, &change);
    desk_send(d, 0, &m);
    change.member.add = 0;
    desk_send(d, 0, &change);
    desk_send(d, 0, &m);
    desk_commit(d);
    const enum err status[] = {ERR_FORBIDDEN, ERR_OK, ERR_OK, ERR_OK, ERR_FORBIDDEN};
    for (int i = 0; i < 5; i++) {
        assert_true(desk_next(d, 0, &a));
        assert_int_equal(a.published.status, status[i]);
    }
    assert_int_equal(d->counts[COUNT_commits].value, 1);
    assert_int_equal(d->requests.state.head, 1);
    assert_int_equal(recount(d, NULL), 0);
    buf_fini(&users);
}

static struct msg_user_info user_info(struct desk *d, enum msg_id id, struct bytes user)
{
    struct msg m = {.id = id, .user = {.user = user}};
    if (id == MSG_seen)
        m.seen.user = user;
    struct msg a = ask(d, m);
    assert_int_equal(a.id, MSG_user_info);
    return a.user_info;
}

static void a_user_was_last_seen(void **state)
{
    struct desk *d = *state;
    uint64_t from_ms = d->now.wall_ms;
    assert_int_equal(user_info(d, MSG_user, BYTES("ann")).status, ERR_OK);
    assert_int_equal(user_info(d, MSG_user, BYTES("ann")).seen_ms, 0);
    assert_int_equal(user_info(d, MSG_seen, BYTES("ann")).seen_ms, from_ms);
    d->now.wall_ms += 5000;
    assert_int_equal(user_info(d, MSG_user, BYTES("ann")).seen_ms, from_ms);
    assert_int_equal(user_info(d, MSG_seen, BYTES("ann")).seen_ms, from_ms + 5000);
    desk_stop(d);
    desk_start(d);
    assert_int_equal(user_info(d, MSG_user, BYTES("ann")).seen_ms, from_ms + 5000);
    assert_int_equal(user_info(d, MSG_user, BYTES("bob")).seen_ms, 0);
    assert_int_equal(user_info(d, MSG_seen, BYTES("a b")).status, ERR_INVALID);
    assert_int_equal(user_info(d, MSG_user, BYTES("")).status, ERR_INVALID);
    damage(d, TABLE_users, BYTES("ann"));
    assert_int_equal(user_info(d, MSG_user, BYTES("ann")).status, ERR_WORLD);
    assert_int_equal(user_info(d, MSG_seen, BYTES("ann")).status, ERR_OK); /* whole again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_BOTH(members_come_and_go),           OVER_BOTH(what_is_not_allowed_is_refused_whole),
        OVER_BOTH(pages_reach_every_member_once), OVER_BOTH(who_is_no_member_is_refused),
        OVER_BOTH(members_of_one_commit),         OVER_BOTH(a_user_was_last_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
