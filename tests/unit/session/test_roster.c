/* SPDX-License-Identifier: Apache-2.0 */
/* Joins, leaves and waits in any order against a model that is only arrays: SEED=n plays a run
 * again. At the end nothing is left, which the sanitizers' run checks to the byte. */
#include "tests/unit/edge.h"

#include "proto/topic.h"
#include "session/socket/phoenix.h"
#include "session/live/roster.h"

enum { CONNS = 12, TOPICS = 15, STEPS = 60000, PAIRS = CONNS * TOPICS };

/* What should be: one row for each connection and topic. */
struct pair {
    struct member *member; /* NULL: not joined */
    char join_ref[REF_MAX + 1], ref[REF_MAX + 1], third[REF_MAX + 1];
    bool waits;
};

static struct model {
    struct roster roster;
    struct conn conns[CONNS];
    char names[TOPICS][TOPIC_MAX + 1];
    struct topic *busy[TOPICS]; /* being walked; NULL: it is not */
    struct pair pairs[CONNS][TOPICS];
    struct pair *waiting[PAIRS]; /* in order */
    unsigned waiting_n, emptied_while_busy;
    uint64_t seed;
} m;

static struct bytes name(unsigned topic)
{
    return bytes_of(m.names[topic]);
}

static void a_ref(char out[REF_MAX + 1])
{
    size_t n = dice_below(&m.seed, REF_MAX - 1);
    out[0] = '"';
    memset(out + 1, 'a' + (char)dice_below(&m.seed, 26), n);
    out[n + 1] = '"';
    out[n + 2] = '\0';
}

static unsigned members_of(unsigned topic)
{
    unsigned n = 0;
    for (unsigned c = 0; c < CONNS; c++)
        n += m.pairs[c][topic].member != NULL;
    return n;
}

static void join(unsigned c, unsigned t)
{
    struct pair *p = &m.pairs[c][t];
    bool made, was_there = roster_topic(&m.roster, name(t)) != NULL;
    a_ref(p->join_ref);
    a_ref(p->ref);
    p->third[0] = '\0';
    p->member = roster_join(&m.roster, &m.conns[c], name(t), bytes_of(p->join_ref),
                            bytes_of(p->ref), &made);
    assert_int_equal(made, !was_there);
    assert_int_equal(p->member->view.state, VIEW_joining);
    assert_int_equal(p->member->topic->bucket, topic_bucket(name(t)));
}

static void not_waiting(struct pair *p)
{
    unsigned at = 0;
    if (!p->waits)
        return;
    p->waits = false;
    while (m.waiting[at] != p)
        at++;
    m.waiting_n--;
    memmove(&m.waiting[at], &m.waiting[at + 1], (m.waiting_n - at) * sizeof *m.waiting);
}

static void tidy(unsigned t, struct topic *topic)
{
    bool expect = members_of(t) == 0 && !m.busy[t];
    m.emptied_while_busy += members_of(t) == 0 && m.busy[t];
    assert_int_equal(roster_tidy(&m.roster, topic), expect);
    assert_true((roster_topic(&m.roster, name(t)) == NULL) == expect);
}

static void leave(unsigned c, unsigned t)
{
    struct pair *p = &m.pairs[c][t];
    struct member *member = p->member;
    struct topic *topic = member->topic;
    not_waiting(p);
    p->member = NULL;
    roster_leave(&m.roster, member);
    assert_true(member->gone); /* and readable still */
    assert_bytes("topic of one that has left", member_join_ref(member), bytes_of(p->join_ref));
    tidy(t, topic);
}

static void wait_on(struct pair *p)
{
    roster_wait(&m.roster, p->member);
    m.waiting[m.waiting_n++] = p;
    p->waits = true;
}

static void wait_over(struct pair *p)
{
    roster_wait_over(&m.roster, p->member); /* of one that does not wait: no change */
    not_waiting(p);
}

static void walk_begins_or_ends(unsigned t)
{
    struct topic *topic = roster_topic(&m.roster, name(t));
    if (m.busy[t]) {
        topic = m.busy[t];
        m.busy[t] = NULL;
        topic->busy--;
        tidy(t, topic);
    } else if (topic) {
        m.busy[t] = topic;
        topic->busy++;
    }
}

static void check_pair(unsigned c, unsigned t)
{
    const struct pair *p = &m.pairs[c][t];
    struct member *found = roster_find(&m.roster, &m.conns[c], name(t));
    assert_ptr_equal(found, p->member);
    if (!found)
        return;
    assert_false(found->gone);
    assert_ptr_equal(found->conn, &m.conns[c]);
    assert_ptr_equal(found->topic, roster_topic(&m.roster, name(t)));
    assert_ptr_equal(found->topic->members[found->at], found);
    assert_bytes("topic", member_topic(found), name(t));
    assert_bytes("join_ref", member_join_ref(found), bytes_of(p->join_ref));
    assert_bytes("ref", member_ref(found), bytes_of(p->ref));
    assert_bytes("third", member_third(found), bytes_of(p->third));
}

static void check_all(void)
{
    for (unsigned c = 0; c < CONNS; c++) {
        unsigned joined = 0, listed = 0;
        for (unsigned t = 0; t < TOPICS; t++) {
            check_pair(c, t);
            joined += m.pairs[c][t].member != NULL;
        }
        for (struct member *at = m.conns[c].members; at; at = at->next)
            listed++;
        assert_int_equal(m.conns[c].joined, joined);
        assert_int_equal(listed, joined);
    }
    for (unsigned t = 0; t < TOPICS; t++) {
        struct topic *topic = roster_topic(&m.roster, name(t));
        assert_int_equal(topic ? topic->n : 0, members_of(t));
        assert_true((topic != NULL) == (members_of(t) > 0 || m.busy[t]));
    }
    struct member *at = m.roster.waiting, *last = NULL;
    for (unsigned i = 0; i < m.waiting_n; i++, last = at, at = at->wait_next) {
        assert_non_null(at);
        assert_ptr_equal(at, m.waiting[i]->member);
        assert_ptr_equal(at->wait_prev, last);
    }
    assert_null(at);
    assert_ptr_equal(m.roster.waiting_last, last);
}

/* `crowd`: so many of a hundred choices of somebody who is there end in leaving. */
static void one_step(size_t crowd)
{
    unsigned c = (unsigned)dice_below(&m.seed, CONNS), t = (unsigned)dice_below(&m.seed, TOPICS);
    struct pair *p = &m.pairs[c][t];
    size_t what = dice_below(&m.seed, 100);
    if (what < 50) {
        bool leaves = dice_below(&m.seed, 100) < crowd;
        if (p->member && leaves)
            leave(c, t);
        else if (!p->member && !leaves)
            join(c, t);
    } else if (what < 70) {
        if (p->member && !p->waits)
            wait_on(p);
    } else if (what < 85) {
        if (p->member)
            wait_over(p);
    } else if (what < 92) {
        walk_begins_or_ends(t);
    } else if (what < 97) {
        if (p->member) {
            a_ref(p->third);
            member_third_set(p->member, bytes_of(p->third));
        }
    } else {
        roster_bury(&m.roster);
        assert_null(m.roster.dead);
    }
}

static void any_order(void **state)
{
    (void)state;
    m.seed = dice_seed();
    printf("# SEED=%llu\n", (unsigned long long)m.seed);
    roster_init(&m.roster, dice(&m.seed));
    for (unsigned t = 0; t < TOPICS; t++) {
        char user[USER_MAX + 1];
        if (t == 0) /* the longest */
            memset(user, 'u', USER_MAX);
        else /* each is the beginning of the next */
            memset(user, 'a', t);
        topic_of_user((struct bytes){user, t == 0 ? USER_MAX : t}, m.names[t]);
    }
    size_t crowd = 50;
    for (int i = 0; i < STEPS; i++) {
        if (i % 1000 == 0) /* topics fill, and empty again */
            crowd = 10 + dice_below(&m.seed, 86);
        one_step(crowd);
        if (i % 16 == 0)
            check_all();
    }
    check_all();
    assert_true(m.emptied_while_busy > 10); /* the run has seen it */

    for (unsigned t = 0; t < TOPICS; t++)
        if (m.busy[t])
            walk_begins_or_ends(t);
    for (unsigned c = 0; c < CONNS; c++)
        for (unsigned t = 0; t < TOPICS; t++)
            if (m.pairs[c][t].member)
                leave(c, t);
    check_all();
    for (unsigned c = 0; c < CONNS; c++)
        assert_null(m.conns[c].members);
    assert_null(m.roster.waiting);
    assert_null(m.roster.waiting_last);
    assert_int_equal(m.roster.topics.used, 0);
    roster_fini(&m.roster); /* buries */
    assert_null(m.roster.dead);
}

/* The longest refs and the third, which has a place of its own behind them. */
static void the_longest_refs(void **state)
{
    (void)state;
    struct roster r;
    struct conn c = {0};
    char longest[REF_MAX];
    bool made;
    memset(longest, 'r', sizeof longest);
    struct bytes ref = {longest, sizeof longest};
    roster_init(&r, 1);
    struct member *one = roster_join(&r, &c, BYTES("t"), ref, ref, &made);
    member_third_set(one, ref);
    assert_bytes("join_ref", member_join_ref(one), ref);
    assert_bytes("ref", member_ref(one), ref);
    assert_bytes("third", member_third(one), ref);
    member_third_set(one, PHX_NULL);
    assert_bytes("third again", member_third(one), PHX_NULL);
    struct topic *t = one->topic;
    roster_leave(&r, one);
    assert_true(roster_tidy(&r, t));
    roster_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order),
        cmocka_unit_test(the_longest_refs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
