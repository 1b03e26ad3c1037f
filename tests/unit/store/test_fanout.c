/* SPDX-License-Identifier: Apache-2.0 */
/* A message becomes a notification for each member but its author, whatever is killed meanwhile;
 * over both engines. SEED=n replays the moments. */
#include "tests/unit/store/items.h"
#include "tests/unit/store/topics.h"

static struct msg_fanned begin(struct desk *d, uint64_t source, uint64_t rule)
{
    struct msg a = ask(d, (struct msg){.id = MSG_fanout,
                                       .fanout = {.source = source,
                                                  .rule = rule,
                                                  .topic = ROOM,
                                                  .author = BYTES("u0"),
                                                  .type = TYPE_activity,
                                                  .content = CONTENT}});
    assert_int_equal(a.id, MSG_fanned);
    return a.fanned;
}

static struct msg_fanned step(struct desk *d, uint64_t source, uint64_t rule, uint64_t limit)
{
    struct msg a = ask(
        d, (struct msg){.id = MSG_fanout_step,
                        .fanout_step = {.source = source, .rule = rule, .limit = limit}});
    assert_int_equal(a.id, MSG_fanned);
    return a.fanned;
}

static unsigned under_way(struct desk *d, struct msg_fanout_step *steps, unsigned max)
{
    struct msg a = ask(d, (struct msg){.id = MSG_fanouts}), m;
    assert_int_equal(a.id, MSG_fanout_list);
    assert_int_equal(a.fanout_list.status, ERR_OK);
    struct mp_in in = list_in(a.fanout_list.fanouts);
    unsigned n = 0;
    while (msg_read(&in, &m)) {
        assert_int_equal(m.id, MSG_fanout_step);
        assert_true(n < max);
        steps[n++] = m.fanout_step;
    }
    assert_int_equal(n, a.fanout_list.fanouts.count);
    return n;
}

/* u0, u1, ... */
static void make_members(struct desk *d, unsigned count)
{
    struct buf users;
    char name[20];
    buf_init(&users, 100000);
    for (unsigned from = 0; from < count;) {
        unsigned n = 0;
        buf_reset(&users);
        for (; n < USERS_MAX && from < count; n++, from++) {
            snprintf(name, sizeof name, "u%u", from);
            mp_put_str(&users, bytes_of(name));
        }
        assert_int_equal(member_change(d, ROOM, true, &users, n).changed, n);
    }
    buf_fini(&users);
}

static uint64_t unread_of(struct desk *d, unsigned user)
{
    char name[20];
    snprintf(name, sizeof name, "u%u", user);
    struct msg_inbox in = snapshot(d, name, 0, 100);
    assert_int_equal(in.unread, in.items.count);
    return in.unread;
}

static void each_member_gets_one_and_the_author_none(void **state)
{
    struct desk *d = *state;
    make_members(d, 25);
    uint64_t source = publish(d, ROOM, 100, 0);
    member_one(d, ROOM, true, "later");
    struct msg_fanned f = begin(d, source, 3);
    assert_int_equal(f.status, ERR_OK);
    assert_int_equal(f.made + f.done, 0);
    struct msg_fanout_step steps[4];
    assert_int_equal(under_way(d, steps, 4), 1);
    assert_int_equal(steps[0].source, source);
    assert_int_equal(steps[0].rule, 3);
    uint64_t made = 0, pages = 0;
    do {
        f = step(d, source, 3, 10);
        assert_int_equal(f.status, ERR_OK);
        assert_true(f.made <= 10);
        made += f.made;
        pages++;
        assert_int_equal(begin(d, source, 3).done, f.done); /* again: nothing happens */
    } while (!f.done);
    assert_int_equal(made, 24);
    assert_int_equal(pages, 3); /* 26 were looked at */
    assert_int_equal(step(d, source, 3, 10).made, 0);
    assert_int_equal(step(d, source, 3, 10).done, 1);
    for (unsigned i = 0; i < 25; i++)
        assert_int_equal(unread_of(d, i), i > 0);
    assert_int_equal(snapshot(d, "later", 0, 0).unread, 0); /* a member since after the message */
    assert_int_equal(d->counts[COUNT_fanned].value, 24);
    struct msg_item item;
    struct msg_inbox in = snapshot(d, "u1", 0, 1);
    items_of(&in, &item, 1);
    assert_true(bytes_equal(item.content, CONTENT));
    assert_int_equal(item.type, TYPE_activity);
    assert_int_equal(under_way(d, steps, 4), 0);
    assert_int_equal(recount(d, NULL), 0);
}

static void two_rules_are_two_fan_outs(void **state)
{
    struct desk *d = *state;
    make_members(d, 7);
    uint64_t one = publish(d, ROOM, 100, 0), two = publish(d, ROOM, 100, 0);
    begin(d, one, 0);
    begin(d, one, 1);
    begin(d, two, 0);
    struct msg_fanout_step steps[4];
    for (unsigned n; (n = under_way(d, steps, 4)) > 0;)
        for (unsigned i = 0; i < n; i++)
            assert_int_equal(step(d, steps[i].source, steps[i].rule, 2).status, ERR_OK);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(unread_of(d, i), i > 0 ? 3 : 0);
    assert_int_equal(rows_of(d, TABLE_fanouts), 3);
    assert_int_equal(recount(d, NULL), 0);
}

static void what_the_notifier_has_passed_is_done(void **state)
{
    struct desk *d = *state;
    make_members(d, 7);
    uint64_t one = publish(d, ROOM, 100, 0);
    begin(d, one, 0);
    begin(d, one, 1);
    assert_int_equal(step(d, one, 0, 10).done, 1);
    assert_int_equal(rows_of(d, TABLE_fanouts), 2);
    notifier_keeps(d); /* passes the source: that one was done, the other was begun */
    assert_int_equal(rows_of(d, TABLE_fanouts), 1);
    assert_int_equal(begin(d, one, 0).done, 1);
    assert_int_equal(begin(d, one, 7).done, 1); /* whatever it was, it was long ago */
    assert_int_equal(step(d, one, 7, 10).done, 1);
    assert_int_equal(step(d, one, 1, 3).done, 0);
    assert_int_equal(begin(d, one, 1).done, 0);
    assert_int_equal(step(d, one, 1, 3).done, 0);
    assert_int_equal(step(d, one, 1, 3).done, 1); /* and leaves at once */
    assert_int_equal(rows_of(d, TABLE_fanouts), 0);
    assert_int_equal(step(d, one, 1, 3).done, 1);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(unread_of(d, i), i > 0 ? 2 : 0);
    uint64_t two = publish(d, ROOM, 100, 0);
    assert_int_equal(step(d, two, 0, 3).status, ERR_NOT_FOUND); /* not begun */
    for (uint64_t rule = 0; rule < 600; rule++) {               /* more than a slice */
        begin(d, two, rule);
        if (rule != 300)
            assert_int_equal(step(d, two, rule, 10).done, 1);
    }
    notifier_keeps(d);
    assert_int_equal(rows_of(d, TABLE_fanouts), 1);
    struct msg_fanout_step steps[1];
    assert_int_equal(under_way(d, steps, 1), 1);
    assert_int_equal(steps[0].rule, 300);
}

/* What rules make counts as what else arrives does. */
static void an_inbox_keeps_its_size(void **state)
{
    struct desk *d = *state;
    d->limits.max_items = 2;
    desk_stop(d);
    desk_start(d);
    make_members(d, 4);
    for (uint64_t n = 1; n <= 5; n++) {
        uint64_t source = publish(d, ROOM, 100, 0);
        begin(d, source, 0);
        assert_int_equal(step(d, source, 0, 10).made, 3);
        for (unsigned i = 1; i < 4; i++)
            assert_int_equal(unread_of(d, i), n < 2 ? n : 2);
    }
    assert_int_equal(d->counts[COUNT_evicted].value, 3 * 3);
    assert_int_equal(recount(d, NULL), 0);
}

/* Each is a notification like any other; the message itself is not the publish of them. */
static void they_are_taken_back_one_by_one(void **state)
{
    struct desk *d = *state;
    char id[ID_SIZE];
    make_members(d, 4);
    uint64_t at_ms = d->now.wall_ms, source = publish(d, ROOM, 100, 0);
    begin(d, source, 0);
    assert_int_equal(step(d, source, 0, 10).made, 3);
    struct msg m = {.id = MSG_unpublish, .unpublish = {.id = {id, sizeof id}}};
    id_at(at_ms, source, id);
    assert_int_equal(ask(d, m).unpublished.status, ERR_NOT_FOUND);
    struct msg_item item;
    struct msg_inbox in = snapshot(d, "u1", 0, 1);
    items_of(&in, &item, 1);
    id_at(item.at_ms, item.pos, id);
    struct msg a = ask(d, m);
    assert_int_equal(a.unpublished.status, ERR_OK);
    assert_int_equal(a.unpublished.count, 1);
    for (unsigned i = 1; i < 4; i++)
        assert_int_equal(unread_of(d, i), i > 1);
    assert_int_equal(recount(d, NULL), 0);
}

static void what_is_not_allowed_is_refused(void **state)
{
    struct desk *d = *state;
    member_one(d, ROOM, true, "u1");
    uint64_t source = publish(d, ROOM, 100, 0);
    struct msg good = {.id = MSG_fanout,
                       .fanout = {.source = source,
                                  .topic = ROOM,
                                  .author = BYTES("u0"),
                                  .type = TYPE_activity,
                                  .content = CONTENT}},
               m;
#define REFUSED(field, value)                                                                      \
    m = good;                                                                                      \
    m.fanout.field = (value);                                                                      \
    assert_int_equal(ask(d, m).fanned.status, ERR_INVALID)
    REFUSED(source, 0);
    REFUSED(source, source + 1);
    REFUSED(topic, BYTES("user:u1:notifications"));
    REFUSED(author, BYTES("a b"));
    REFUSED(type, TYPE_toast);
    REFUSED(type, TYPE_COUNT);
    REFUSED(content, BYTES("{}"));
    assert_int_equal(rows_of(d, TABLE_fanouts), 0);
    assert_int_equal(step(d, source, 0, 0).status, ERR_INVALID);
    good.fanout.topic = BYTES("room:nobody");
    assert_int_equal(ask(d, good).fanned.done, 1); /* nobody to tell */
    assert_int_equal(rows_of(d, TABLE_fanouts), 0);
}

static void one_damaged_inbox_does_not_stop_the_others(void **state)
{
    struct desk *d = *state;
    make_members(d, 5);
    create_one(d, "u2", TYPE_activity, 0);
    create_one(d, "u3", TYPE_activity, d->now.wall_ms + 10); /* and one to expire on the way */
    uint64_t source = publish(d, ROOM, 100, 0);
    damage(d, TABLE_topics, BYTES("user:u2:notifications"));
    damage(d, TABLE_members, BYTES("room:7\0u4"));
    d->now.wall_ms += 10;
    begin(d, source, 0);
    struct msg_fanned f = step(d, source, 0, 100);
    assert_int_equal(f.made, 2);
    assert_int_equal(f.done, 1);
    assert_int_equal(unread_of(d, 1), 1);
    assert_int_equal(unread_of(d, 3), 1);
}

static void a_page_has_a_most_in_bytes(void **state)
{
    struct desk *d = *state;
    static char large[CONTENT_MAX];
    memset(large, 'x', sizeof large);
    large[0] = '{';
    large[sizeof large - 1] = '}';
    make_members(d, 100);
    struct msg m = {.id = MSG_fanout,
                    .fanout = {.source = publish(d, ROOM, 100, 0),
                               .topic = ROOM,
                               .type = TYPE_alert,
                               .content = {large, sizeof large}}};
    assert_int_equal(ask(d, m).fanned.status, ERR_OK);
    struct msg_fanned f = step(d, m.fanout.source, 0, 1000);
    assert_int_equal(f.made, FANOUT_BYTES / (CONTENT_MAX + 1));
    while (!f.done)
        f = step(d, m.fanout.source, 0, 1000);
    assert_int_equal(unread_of(d, 0), 1); /* no author */
    assert_int_equal(unread_of(d, 99), 1);
    assert_int_equal(recount(d, NULL), 0);
}

/* -- killed ----------------------------------------------------------------------------------- */

enum { KILLS = 50, MEMBERS = 120, RULES = 2, SOURCES = 5 };

struct world {
    struct desk *d;
    uint64_t dice, kills, sources[SOURCES];
    unsigned published;
};

static uint64_t roll(struct world *w, uint64_t sides)
{
    w->dice ^= w->dice << 13;
    w->dice ^= w->dice >> 7;
    w->dice ^= w->dice << 17;
    return w->dice % sides;
}

/* The process dies with what it was about to do: before the commit, in it, or after it and before
 * anyone was answered. */
static void kill_at_work(struct world *w, const struct msg *m)
{
    struct desk *d = w->d;
    desk_clear(d);
    desk_send(d, 0, m);
    desk_send(d, 2, &(struct msg){.id = MSG_seen, .seen = {.user = BYTES("other")}});
    requests_rest(&d->requests);
    struct batch *b = requests_to_commit(&d->requests);
    assert_non_null(b);
    uint64_t when = roll(w, d->folder[0] ? 2 : 3);
    if (when == 2)
        engine_mem_faults(d->engine)->next_commit = ERR_NO_SPACE;
    if (when > 0)
        commit_some(&d->commit, b, d->now);
    desk_stop(d);
    desk_start(d);
    w->kills++;
}

static void maybe_killed(struct world *w, struct msg m)
{
    if (w->kills < KILLS && roll(w, 2) == 0)
        kill_at_work(w, &m);
    else
        ask(w->d, m);
}

/* What the notifier does: begin what is new, all of it again after a kill, then page by page. */
static void notifier_turn(struct world *w)
{
    struct desk *d = w->d;
    struct msg_fanout_step steps[RULES * SOURCES];
    for (unsigned i = 0; i < w->published; i++)
        for (uint64_t rule = 0; rule < RULES; rule++)
            maybe_killed(w, (struct msg){.id = MSG_fanout,
                                         .fanout = {.source = w->sources[i],
                                                    .rule = rule,
                                                    .topic = ROOM,
                                                    .author = BYTES("u0"),
                                                    .type = TYPE_activity,
                                                    .content = CONTENT}});
    unsigned n = under_way(d, steps, RULES * SOURCES);
    for (unsigned i = 0; i < n; i++) {
        struct msg m = {.id = MSG_fanout_step, .fanout_step = steps[i]};
        m.fanout_step.limit = 1 + roll(w, 40);
        maybe_killed(w, m);
    }
}

/* The position passes no source that was not begun. */
static void keep_what_is_begun(struct world *w)
{
    for (unsigned i = 0; i < w->published; i++)
        for (uint64_t rule = 0; rule < RULES; rule++)
            assert_int_equal(begin(w->d, w->sources[i], rule).status, ERR_OK);
    notifier_keeps(w->d);
}

static void killed_at_any_point_it_neither_skips_nor_doubles(void **state)
{
    struct world w = {.d = *state};
    const char *text = getenv("SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : (uint64_t)getpid() * 2654435761 + clock_ms();
    print_message("SEED=%llu\n", (unsigned long long)seed);
    w.dice = seed | 1;
    make_members(w.d, MEMBERS);
    struct msg_fanout_step steps[RULES * SOURCES];
    while (w.published < SOURCES || w.kills < KILLS) {
        if (w.published < SOURCES && roll(&w, 6) == 0) {
            w.sources[w.published++] = publish(w.d, ROOM, 2, 0);
            member_one(w.d, ROOM, roll(&w, 2), "stranger"); /* never there for one of them */
            member_one(w.d, ROOM, false, "stranger");
        }
        notifier_turn(&w);
        if (roll(&w, 8) == 0)
            keep_what_is_begun(&w);
    }
    do
        notifier_turn(&w); /* which nobody kills any more */
    while (under_way(w.d, steps, RULES * SOURCES) > 0);
    for (unsigned i = 0; i < MEMBERS; i++)
        assert_int_equal(unread_of(w.d, i), i > 0 ? RULES * SOURCES : 0);
    assert_int_equal(snapshot(w.d, "stranger", 0, 0).unread, 0);
    notifier_keeps(w.d);
    assert_int_equal(rows_of(w.d, TABLE_fanouts), 0);
    assert_int_equal(recount(w.d, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_BOTH(each_member_gets_one_and_the_author_none),
        OVER_BOTH(two_rules_are_two_fan_outs),
        OVER_BOTH(what_the_notifier_has_passed_is_done),
        RULE("R17: what rules make keeps an inbox to its size", an_inbox_keeps_its_size),
        RULE("R19: what a rule made is taken back one by one", they_are_taken_back_one_by_one),
        OVER_BOTH(what_is_not_allowed_is_refused),
        OVER_BOTH(one_damaged_inbox_does_not_stop_the_others),
        OVER_BOTH(a_page_has_a_most_in_bytes),
        OVER_BOTH(killed_at_any_point_it_neither_skips_nor_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
