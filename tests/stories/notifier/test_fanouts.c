/* SPDX-License-Identifier: Apache-2.0 */
/* Messages become notifications: begun in the store before the position passes them, then page by page,
 * whoever dies meanwhile. Rule 0 takes what is said in room:{id}, rule 1 also what is in room:vip. */
#include "tests/stories/notifier/story.h"

static const struct topic_rule rules[] = {
    {.event = "say", .topic = "room:{id}", .type = "activity", .title = "New in {id}"},
    {.event = "say", .topic = "room:vip", .type = "alert", .title = "{from} speaks"},
};

static int with_rules(void **state)
{
    (void)state;
    story_rules = rules;
    story_rules_n = 2;
    return 0;
}

/* What every story begins with, at position 5 and with nothing left over. */
#define BEGUN(now) UP(0), EXPIRED(0, 1, NONE), LISTED(0, 1, 0, NULL), TAIL(now, 5), TAILED(now, 5)
#define BEGUN_SAYS                                                                                 \
    "[    0] store_up > list #1, expire #1 = away\n"                                               \
    "[    0] bus_up > follow kept = asking\n"                                                      \
    "[    0] expired = asking\n"                                                                   \
    "[    0] fanout_list = asking\n"                                                               \
    "[    1] tail = following\n"                                                                   \
    "[    1] tailed > done 5, heads 5-5 = following\n"

static void begun_and_then_page_by_page(void **state)
{
    (void)state;
    /* Broadcast at once; the position waits for the begin, not for the pages. */
    STORY(BEGUN_SAYS "[    2] entry > cast 6, begin 6/0 #2 = following, begun 5\n"
                     "[    2] entry > cast 7 = following, begun 5\n" /* of no rule */
                     "[    2] tailed > done 7 = following, begun 5\n"
                     "[    3] fanned > page 6/0 #3 = following\n"
                     "[    4] fanned > page 6/0 #4 = following\n"
                     "[    5] fanned > page 6/0 #5 = following\n"
                     "[    6] fanned = following\n"
                     "[    7] fanned = following\n" /* nobody asked */
                     "[    8] tick = following\n",
          BEGUN(1), SAID(2, 6, "room:a"), ENTRY(2, 7, "ann"), TAILED(2, 7), FANNED(3, 2),
          FANNED(4, 3), FANNED(5, 4), ALL_DONE(6, 5), FANNED(7, 5), TICK(8));
}

static void no_rule_no_fanout(void **state)
{
    (void)state;
    STORY(BEGUN_SAYS "[    2] entry > cast 6 = following\n" /* another topic */
                     "[    2] entry > cast 7 = following\n" /* of that name, but not a message */
                     "[    2] entry > cast 8 = following\n" /* longer than the pattern */
                     "[    2] tailed > done 8 = following\n",
          BEGUN(1), SAID(2, 6, "hall:a"), ENTRY(2, 7, "room:a"), SAID(2, 8, "room:a:b"),
          TAILED(2, 8));
}

static void the_position_is_held_back(void **state)
{
    (void)state;
    STORY(BEGUN_SAYS "[    2] entry > cast 6, begin 6/0 #2 = following, begun 5\n"
                     "[    2] entry > cast 7 = following, begun 5\n"
                     "[    2] entry > cast 8, begin 8/0 #3 = following, begun 5\n"
                     "[    2] tailed > done 8 = following, begun 5\n"
                     "[ 1001] tick > heads 5-8 room:a@8 ann@7 = following, begun 5\n" /* not kept */
                     "[ 1002] fanned = following, begun 5\n" /* the later one first: done */
                     "[ 1002] tick = following, begun 5\n"
                     "[ 1003] fanned = following\n"
                     "[ 2002] tick > keep 8, heads 8-8 = following\n",
          BEGUN(1), SAID(2, 6, "room:a"), ENTRY(2, 7, "ann"), SAID(2, 8, "room:a"), TAILED(2, 8),
          TICK(1001), ALL_DONE(1002, 3), TICK(1002), ALL_DONE(1003, 2), TICK(2002));
    STORY(BEGUN_SAYS "[    2] entry > cast 6 = following\n"
                     "[    2] entry > cast 7, begin 7/0 #2 = following, begun 6\n"
                     "[    2] tailed > done 7 = following, begun 6\n"
                     "[ 1001] entry > cast 8 = following, begun 6\n"
                     "[ 1001] tailed > done 8, keep 6, heads 5-8 ann@8 room:a@7 = following, "
                     "begun 6\n" /* the window is freed all the same */
                     "[ 1500] drain = following, begun 6\n"
                     "[ 1501] fanned = following\n"
                     "[ 1502] drain > keep 8 = following\n",
          BEGUN(1), ENTRY(2, 6, "ann"), SAID(2, 7, "room:a"), TAILED(2, 7), ENTRY(1001, 8, "ann"),
          TAILED(1001, 8), DRAIN(1500), ALL_DONE(1501, 2), DRAIN(1502));
}

static void two_rules_for_a_message(void **state)
{
    (void)state;
    STORY(BEGUN_SAYS "[    2] entry > cast 6, begin 6/0 #2, begin 6/1 #3 = following, begun 5\n"
                     "[    2] tailed > done 6 = following, begun 5\n"
                     "[    3] fanned > page 6/0 #4 = following, begun 5\n"
                     "[    4] fanned = following\n"
                     "[    5] fanned > page 6/1 #5 = following\n"
                     "[    6] fanned > page 6/0 #6 = following\n",
          BEGUN(1), SAID(2, 6, "room:vip"), TAILED(2, 6), FANNED(3, 2), FANNED(4, 3), FANNED(5, 4),
          FANNED(6, 5));
}

static void several_take_turns(void **state)
{
    (void)state;
    /* One page under way; who comes later waits for a page of each, not for all of them. */
    STORY(BEGUN_SAYS "[    2] entry > cast 6, begin 6/0 #2 = following, begun 5\n"
                     "[    3] fanned > page 6/0 #3 = following\n"
                     "[    4] entry > cast 7, begin 7/0 #4 = following, begun 6\n"
                     "[    5] fanned = following\n"
                     "[    6] fanned > page 7/0 #5 = following\n"
                     "[    7] entry > cast 8, begin 8/0 #6 = following, begun 7\n"
                     "[    8] fanned = following\n"
                     "[    9] fanned > page 8/0 #7 = following\n"
                     "[   10] fanned > page 6/0 #8 = following\n"
                     "[   11] fanned > page 7/0 #9 = following\n"
                     "[   12] fanned > page 8/0 #10 = following\n" /* 7 is done */
                     "[   13] fanned > page 6/0 #11 = following\n"
                     "[   14] fanned > page 8/0 #12 = following\n" /* 6 is done */
                     "[   15] fanned = following\n",
          BEGUN(1), SAID(2, 6, "room:a"), FANNED(3, 2), SAID(4, 7, "room:b"), FANNED(5, 4),
          FANNED(6, 3), SAID(7, 8, "room:c"), FANNED(8, 6), FANNED(9, 5), FANNED(10, 7),
          FANNED(11, 8), ALL_DONE(12, 9), FANNED(13, 10), ALL_DONE(14, 11), ALL_DONE(15, 12));
}

static void a_begin_that_is_refused(void **state)
{
    (void)state;
    /* The log is read again from there: to begin twice is to begin once, and nothing is cast twice.
     */
    STORY(BEGUN_SAYS "[    2] entry > cast 6, begin 6/0 #2 = following, begun 5\n"
                     "[    2] entry > cast 7, begin 7/0 #3 = following, begun 5\n"
                     "[    2] tailed > done 7 = following, begun 5\n"
                     "[    3] fanned = following, begun 5\n"
                     "[    4] entry > cast 8 = following, begun 5\n" /* its rules wait */
                     "[    4] tailed > done 8 = following, begun 5\n"
                     "[    5] fanned > page 7/0 #4 = following, begun 5\n"
                     "[  501] tick > heads 5-8 room:a@6 room:b@7 room:c@8 = following, begun 5\n"
                     "[ 1003] tick > heads 8-8, follow 5 = asking, begun 5\n"
                     "[ 1004] tail = asking, begun 5\n" /* on its way from before */
                     "[ 1004] tailed = asking, begun 5\n"
                     "[ 1005] tail = following, begun 5\n"
                     "[ 1005] entry > begin 6/0 #5 = following, begun 5\n"
                     "[ 1005] entry > begin 7/0 #6 = following, begun 5\n"
                     "[ 1005] entry > begin 8/0 #7 = following, begun 5\n"
                     "[ 1005] entry > cast 9 = following, begun 5\n"
                     "[ 1005] tailed > done 9, heads 8-9 ann@9 = following, begun 5\n",
          BEGUN(1), SAID(2, 6, "room:a"), SAID(2, 7, "room:b"), TAILED(2, 7),
          NOT_FANNED(3, 2, ERR_LATER), SAID(4, 8, "room:c"), TAILED(4, 8), FANNED(5, 3), TICK(501),
          TICK(1003), LATE_TAIL(1004, 8), TAILED(1004, 9), TAIL(1005, 5), SAID(1005, 6, "room:a"),
          SAID(1005, 7, "room:b"), SAID(1005, 8, "room:c"), ENTRY(1005, 9, "ann"), TAILED(1005, 9));
}

static void a_begin_that_can_never_be(void **state)
{
    (void)state;
    STORY(BEGUN_SAYS "[    2] entry > cast 6, begin 6/0 #2 = following, begun 5\n"
                     "[    3] fanned = following\n" /* the host says so in the log */
                     "[    4] tick = following\n",
          BEGUN(1), SAID(2, 6, "room:a"), NOT_FANNED(3, 2, ERR_INVALID), TICK(4));
}

static void a_begin_without_answer(void **state)
{
    (void)state;
    STORY(BEGUN_SAYS "[    2] entry > cast 6, begin 6/0 #2 = following, begun 5\n"
                     "[ 5001] tick > heads 5-6 room:a@6 = following, begun 5\n"
                     "[ 5002] tick > follow 5 = asking, begun 5\n"
                     "[ 5003] tail = following, begun 5\n"
                     "[ 5003] entry > begin 6/0 #3 = following, begun 5\n"
                     "[ 5004] fanned = following, begun 5\n" /* the old one, late */
                     "[ 5005] fanned > page 6/0 #4 = following\n",
          BEGUN(1), SAID(2, 6, "room:a"), TICK(5001), TICK(5002), TAIL(5003, 5),
          SAID(5003, 6, "room:a"), FANNED(5004, 2), FANNED(5005, 3));
}

static void the_store_restarts(void **state)
{
    (void)state;
    /* 6 is begun and on its way, 7 perhaps begun, perhaps not. */
    static const struct fanout_id left[] = {{6, 0}};
    STORY(BEGUN_SAYS "[    2] entry > cast 6, begin 6/0 #2 = following, begun 5\n"
                     "[    3] fanned > page 6/0 #3 = following\n"
                     "[    4] entry > cast 7, begin 7/0 #4 = following, begun 6\n"
                     "[    5] store_down = away, begun 6\n"
                     "[ 2000] store_up > follow 6, list #5, expire #2 = asking, begun 6\n"
                     "[ 2001] tail = following, begun 6\n"
                     "[ 2001] entry > begin 7/0 #6 = following, begun 6\n"
                     "[ 2001] tailed > done 7, heads 5-7 room:a@6 room:b@7 = following, begun 6\n"
                     "[ 2002] fanout_list > page 6/? #7 = following, begun 6\n"
                     "[ 2003] fanned = following\n" /* it was begun, and it was done */
                     "[ 2004] fanned > page 6/? #8 = following\n",
          BEGUN(1), SAID(2, 6, "room:a"), FANNED(3, 2), SAID(4, 7, "room:b"), STORE_DOWN(5),
          STORE_UP(2000), TAIL(2001, 6), SAID(2001, 7, "room:b"), TAILED(2001, 7),
          LISTED(2002, 5, 1, left), ALL_DONE(2003, 6), FANNED(2004, 7));
}

static void resumed_after_our_own_restart(void **state)
{
    (void)state;
    /* What the store has is gone on with, in its order, also without the broker; what comes again by
     * the log is begun again, which is nothing. */
    static const struct fanout_id left[] = {{3, 0}, {4, 0}};
    STORY("[    0] store_up > list #1, expire #1 = away\n"
          "[    1] fanout_list > page 3/? #2 = away\n"
          "[    2] fanned > page 4/? #3 = away\n"
          "[    3] bus_up > follow kept = asking\n"
          "[    4] tail = following\n"
          "[    4] entry > cast 4, begin 4/0 #4 = following, begun 3\n"
          "[    5] fanned > page 3/? #5 = following, begun 3\n"
          "[    6] fanned = following\n",
          STORE_UP(0), LISTED(1, 1, 2, left), FANNED(2, 2), BUS_UP(3), TAIL(4, 3),
          SAID(4, 4, "room:a"), FANNED(5, 3), ALL_DONE(6, 4));
}

static void pages_refused_and_lost(void **state)
{
    (void)state;
    static const struct fanout_id left[] = {{3, 0}, {4, 0}, {5, 0}};
    STORY("[    0] store_up > list #1, expire #1 = away\n"
          "[    0] expired = away\n"
          "[    1] fanout_list > page 3/? #2 = away\n"
          "[    2] fanned = away\n" /* no room on the disk: the same one again, later */
          "[ 1001] tick = away\n"
          "[ 1002] tick > page 3/? #3 = away\n"
          "[ 6001] tick = away\n"
          "[ 6002] tick > page 3/? #4 = away\n" /* no answer: at worst it was made, and this is the
                                                   next one */
          "[ 6003] fanned = away\n"
          "[ 6004] fanned > page 4/? #5 = away\n"
          "[ 6005] fanned > page 5/? #6 = away\n" /* 4 is not known: forgotten */
          "[ 6006] fanned > page 3/? #7 = away\n",
          STORE_UP(0), EXPIRED(0, 1, NONE), LISTED(1, 1, 3, left), NOT_FANNED(2, 2, ERR_NO_SPACE),
          TICK(1001), TICK(1002), TICK(6001), TICK(6002), FANNED(6003, 3), FANNED(6004, 4),
          NOT_FANNED(6005, 5, ERR_NOT_FOUND), FANNED(6006, 6));
}

static void the_list_refused_and_lost(void **state)
{
    (void)state;
    STORY("[    0] store_up > list #1, expire #1 = away\n"
          "[    0] expired = away\n"
          "[    1] fanout_list = away\n"
          "[ 1000] tick = away\n"
          "[ 1001] tick > list #2 = away\n"
          "[ 6000] tick = away\n"
          "[ 6001] tick > list #3 = away\n"
          "[ 6002] fanout_list = away\n" /* late */
          "[ 6003] fanout_list = away\n"
          "[99999] tick = away\n",
          STORE_UP(0), EXPIRED(0, 1, NONE), {AT(fanout_list, 1), .a = 1, .status = ERR_LATER},
          TICK(1000), TICK(1001), TICK(6000), TICK(6001), LISTED(6002, 2, 0, NULL),
          LISTED(6003, 3, 0, NULL), TICK(99999));
}

static void the_broker_restarts(void **state)
{
    (void)state;
    /* Pages go on; what was not begun comes again. */
    STORY(BEGUN_SAYS "[    2] entry > cast 6, begin 6/0 #2 = following, begun 5\n"
                     "[    3] fanned > page 6/0 #3 = following\n"
                     "[    4] entry > cast 7, begin 7/0 #4 = following, begun 6\n"
                     "[    5] bus_down = away, begun 6\n"
                     "[    6] entry = away, begun 6\n"
                     "[    6] tailed = away, begun 6\n"
                     "[    7] fanned > page 6/0 #5 = away, begun 6\n"
                     "[  500] bus_up > follow 6 = asking, begun 6\n"
                     "[  501] tail = following, begun 6\n"
                     "[  501] entry > begin 7/0 #6 = following, begun 6\n"
                     "[  501] entry > cast 8, begin 8/0 #7 = following, begun 6\n"
                     "[  502] fanned = following, begun 6\n" /* of before */
                     "[  503] fanned = following, begun 7\n"
                     "[  504] fanned = following\n",
          BEGUN(1), SAID(2, 6, "room:a"), FANNED(3, 2), SAID(4, 7, "room:b"), BUS_DOWN(5),
          SAID(6, 8, "room:c"), TAILED(6, 8), FANNED(7, 3), BUS_UP(500), TAIL(501, 6),
          SAID(501, 7, "room:b"), SAID(501, 8, "room:c"), ALL_DONE(502, 4), ALL_DONE(503, 6),
          ALL_DONE(504, 7));
}

static void a_hole_while_reading_again(void **state)
{
    (void)state;
    STORY(BEGUN_SAYS
          "[    2] entry > cast 6, begin 6/0 #2 = following, begun 5\n"
          "[    2] tailed > done 9 = following, begun 5\n"
          "[    3] fanned = following, begun 5\n"
          "[ 1003] tick > heads 5-9 room:a@6, follow 5 = asking, begun 5\n"
          "[ 1004] tail = following, begun 5\n"
          "[ 1004] tailed > done 5, heads 9-9 = following, begun 5\n"
          "[ 1005] tail > follow 5 = asking, begun 5\n" /* 6 is missing, though broadcast */
          "[ 1006] tail = following, begun 5\n"
          "[ 1006] entry > begin 6/0 #3 = following, begun 5\n",
          BEGUN(1), SAID(2, 6, "room:a"), TAILED(2, 9), NOT_FANNED(3, 2, ERR_LATER), TICK(1003),
          TAIL(1004, 5), TAILED(1004, 5), TAIL(1005, 6), TAIL(1006, 5), SAID(1006, 6, "room:a"));
}

static void the_store_is_back_with_a_shorter_log(void **state)
{
    (void)state;
    STORY(BEGUN_SAYS "[    2] entry > cast 6, begin 6/0 #2 = following, begun 5\n"
                     "[    3] store_down = away, begun 5\n"
                     "[ 2000] store_up > follow 5, list #3, expire #2 = asking, begun 5\n"
                     "[ 2001] tail = following\n"
                     "[ 2001] tailed > done 2, heads 2-2 = following\n"
                     "[ 2002] entry > cast 3, begin 3/0 #4 = following, begun 2\n",
          BEGUN(1), SAID(2, 6, "room:a"), STORE_DOWN(3), STORE_UP(2000), TAIL(2001, 2),
          TAILED(2001, 2), SAID(2002, 3, "room:a"));
}

/* -- many ------------------------------------------------------------------------------------- */

static struct notify *many_open(struct buf *out)
{
    struct notify *n = malloc(sizeof *n);
    const struct line before[] = {BEGUN(1)};
    buf_init(out, 1 << 20);
    notify_init(n, HEAD_MS, rules, 1);
    for (size_t i = 0; i < sizeof before / sizeof *before; i++)
        play(n, &before[i], NULL);
    return n;
}

static void many_close(struct notify *n, struct buf *out)
{
    buf_fini(out);
    notify_fini(n);
    free(n);
}

static void tell(struct notify *n, struct line line, struct buf *out)
{
    play(n, &line, out);
}

static void more_than_may_be_begun(void **state)
{
    (void)state;
    struct buf out;
    struct notify *n = many_open(&out);
    for (uint64_t i = 0; i < FANOUT_BEGINS; i++)
        tell(n, (struct line)SAID(2, 6 + i, "room:a"), NULL);
    assert_int_equal(n->fanouts.begins_n, FANOUT_BEGINS);
    tell(n, (struct line)SAID(2, 134, "room:a"), &out);
    tell(n, (struct line)TAILED(2, 134), &out);
    for (uint64_t i = 0; i < FANOUT_BEGINS - 1; i++) /* the last one's first */
        tell(n, (struct line)ALL_DONE(3, 2 + FANOUT_BEGINS - 1 - i), NULL);
    tell(n, (struct line)TICK(4), &out);
    tell(n, (struct line)ALL_DONE(5, 2), &out);
    tell(n, (struct line)TAIL(6, 133), &out);
    tell(n, (struct line)SAID(6, 134, "room:a"), &out);
    buf_byte(&out, 0);
    assert_string_equal(out.p, "[    2] entry > cast 134 = following, begun 5\n"
                               "[    2] tailed > done 134 = following, begun 5\n"
                               "[    4] tick = following, begun 5\n"
                               "[    5] fanned > follow 133 = asking, begun 133\n"
                               "[    6] tail = following, begun 133\n"
                               "[    6] entry > begin 134/0 #130 = following, begun 133\n");
    many_close(n, &out);
}

static void more_than_may_take_turns(void **state)
{
    (void)state;
    enum { BEGUN_ONES = FANOUT_STEPPING + 3, HALF = FANOUT_STEPPING / 2 };
    struct buf out;
    struct notify *n = many_open(&out);
    struct fanout_id left[BEGUN_ONES];
    uint32_t left_n = 0;
    for (uint64_t i = 0; i < BEGUN_ONES; i++) {
        tell(n, (struct line)SAID(2, 6 + i, "room:a"), NULL);
        tell(n, (struct line)FANNED(2, n->fanouts.begins[0].asked), NULL);
        left[i] = (struct fanout_id){6 + i, n->fanouts.ids[0]};
    }
    assert_int_equal(n->fanouts.stepping_n, FANOUT_STEPPING);
    assert_int_equal(fanouts_begun(&n->fanouts), 5 + BEGUN_ONES); /* in the store, all of them */
    for (unsigned i = 0; i < HALF - 1; i++)
        tell(n, (struct line)ALL_DONE(3, n->fanouts.step), NULL);
    tell(n, (struct line)ALL_DONE(4, n->fanouts.step), &out);
    for (unsigned i = HALF; i < BEGUN_ONES; i++)
        left[left_n++] = left[i];
    tell(n, (struct line)LISTED(5, n->fanouts.list, left_n, left), &out);
    assert_int_equal(n->fanouts.stepping_n, BEGUN_ONES - HALF); /* none is there twice */
    for (unsigned i = 0; i < BEGUN_ONES - HALF - 1; i++)
        tell(n, (struct line)ALL_DONE(6, n->fanouts.step), NULL);
    tell(n, (struct line)ALL_DONE(7, n->fanouts.step), &out);
    buf_byte(&out, 0);
    assert_string_equal(out.p, "[    4] fanned > list #53, page 22/0 #54 = following\n"
                               "[    5] fanout_list = following\n"
                               "[    7] fanned = following\n"); /* no list: that was all */
    many_close(n, &out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begun_and_then_page_by_page),
        cmocka_unit_test(no_rule_no_fanout),
        cmocka_unit_test(the_position_is_held_back),
        cmocka_unit_test(two_rules_for_a_message),
        cmocka_unit_test(several_take_turns),
        cmocka_unit_test(a_begin_that_is_refused),
        cmocka_unit_test(a_begin_that_can_never_be),
        cmocka_unit_test(a_begin_without_answer),
        cmocka_unit_test(the_store_restarts),
        cmocka_unit_test(resumed_after_our_own_restart),
        cmocka_unit_test(pages_refused_and_lost),
        cmocka_unit_test(the_list_refused_and_lost),
        cmocka_unit_test(the_broker_restarts),
        cmocka_unit_test(a_hole_while_reading_again),
        cmocka_unit_test(the_store_is_back_with_a_shorter_log),
        cmocka_unit_test(more_than_may_be_begun),
        cmocka_unit_test(more_than_may_take_turns),
    };
    return cmocka_run_group_tests(tests, with_rules, NULL);
}
