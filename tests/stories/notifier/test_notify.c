/* SPDX-License-Identifier: Apache-2.0 */
/* What the notifier does, but for fan-outs: how it follows the log, broadcasts it, repeats the heads,
 * keeps its position, and asks for expiry. */
#include "tests/stories/notifier/story.h"

static void starts(void **state)
{
    (void)state;
    /* It resumes where the store kept it, says so in its first heads, and only then is it there. */
    STORY("[    0] store_up > list #1, expire #1 = away\n"
          "[    1] bus_up > follow kept = asking\n"
          "[    2] expired = asking\n"
          "[    3] tail = following\n"
          "[    3] tailed > done 41, heads 41-41 = following\n"
          "[  503] tick > heads 41-41 = following\n",
          STORE_UP(0), BUS_UP(1), EXPIRED(2, 1, NONE), TAIL(3, 41), TAILED(3, 41), TICK(503));
}

static void waits_for_both(void **state)
{
    (void)state;
    STORY("[    0] bus_up = away\n"
          "[    1] tick = away\n"
          "[    2] store_up > follow kept, list #1, expire #1 = asking\n"
          "[    3] bus_down = away\n"
          "[    4] tail = away\n"
          "[    4] entry = away\n"
          "[    4] tailed = away\n"
          "[    5] bus_up > follow kept = asking\n"
          "[ 1005] tick > follow kept, expire #2 = asking\n", /* no tail: ask again */
          BUS_UP(0), TICK(1), STORE_UP(2), BUS_DOWN(3), TAIL(4, 0), ENTRY(4, 1, "ann"),
          TAILED(4, 1), BUS_UP(5), TICK(1005));
}

static void a_tail_of_an_earlier_follow_is_late(void **state)
{
    (void)state;
    /* Its entry 1 came while the broker was away. Were the next tail taken, nobody would ever make
     * notifications of 1. */
    STORY("[    0] store_up > list #1, expire #1 = away\n"
          "[    0] bus_up > follow kept = asking\n"
          "[    1] bus_down = away\n"
          "[    2] tail = away\n"
          "[    2] entry = away\n"
          "[    2] tailed = away\n"
          "[    3] bus_up > follow kept = asking\n"
          "[    4] tail = asking\n"
          "[    4] entry = asking\n"
          "[    4] tailed = asking\n"
          "[    5] tail = following\n"
          "[    5] entry > cast 1 = following\n"
          "[    5] entry > cast 2 = following\n"
          "[    5] tailed > done 2, heads 0-2 ann@2 = following\n",
          UP(0), BUS_DOWN(1), TAIL(2, 0), ENTRY(2, 1, "ann"), TAILED(2, 1), BUS_UP(3),
          LATE_TAIL(4, 1), ENTRY(4, 2, "ann"), TAILED(4, 2), TAIL(5, 0), ENTRY(5, 1, "ann"),
          ENTRY(5, 2, "ann"), TAILED(5, 2));
    /* Asked again only because it took long: the first answer will do. */
    STORY("[    0] store_up > list #1, expire #1 = away\n"
          "[    0] bus_up > follow kept = asking\n"
          "[ 1000] tick > follow kept, expire #2 = asking\n"
          "[ 1001] tail = following\n",
          UP(0), TICK(1000), LATE_TAIL(1001, 7));
}

static void broadcasts(void **state)
{
    (void)state;
    /* Heads: each interval begins where the last ended; a topic is in it once, with its newest. */
    STORY("[    0] store_up > list #1, expire #1 = away\n"
          "[    0] bus_up > follow kept = asking\n"
          "[    1] tail = following\n"
          "[    1] entry > cast 6 = following\n"
          "[    1] entry > cast 7 = following\n"
          "[    1] entry > cast 8 = following\n"
          "[    1] tailed > done 8, heads 5-8 ann@8 bob@7 = following\n"
          "[    2] tail = following\n"
          "[    2] entry > cast 9 = following\n"
          "[    2] tailed > done 9 = following\n"
          "[  501] tick > heads 8-9 bob@9 = following\n"
          "[ 1001] tick > keep 9, heads 9-9, expire #2 = following\n"
          "[ 1501] tick > heads 9-9 = following\n",
          UP(0), TAIL(1, 5), ENTRY(1, 6, "ann"), ENTRY(1, 7, "bob"), ENTRY(1, 8, "ann"),
          TAILED(1, 8), TAIL(2, 8), ENTRY(2, 9, "bob"), TAILED(2, 9), TICK(501), TICK(1001),
          TICK(1501));
}

static void position_is_kept_once_a_second(void **state)
{
    (void)state;
    STORY("[    0] store_up > list #1, expire #1 = away\n"
          "[    0] bus_up > follow kept = asking\n"
          "[    0] expired = asking\n"
          "[    0] tail = following\n"
          "[    0] entry > cast 1 = following\n"
          "[    0] tailed > done 1, heads 0-1 ann@1 = following\n"
          "[  400] entry > cast 2 = following\n"
          "[  400] tailed > done 2 = following\n"
          "[ 1000] entry > cast 3 = following\n"
          "[ 1000] tailed > keep 3, heads 1-3 ann@3 = following\n" /* due */
          "[ 1100] entry > cast 4 = following\n"
          "[ 1100] tailed > done 4 = following\n"
          "[ 2000] tick > keep 4, heads 3-4 ann@4 = following\n" /* by itself */
          "[ 3000] tick > heads 4-4 = following\n"               /* it has not moved: nothing */
          "[ 4000] tick > heads 4-4 = following\n"
          "[ 4100] entry > cast 5 = following\n"
          "[ 4100] tailed > done 5 = following\n"
          "[ 4200] drain > keep 5 = following\n",
          UP(0), EXPIRED(0, 1, NONE), TAIL(0, 0), ENTRY(0, 1, "ann"), TAILED(0, 1),
          ENTRY(400, 2, "ann"), TAILED(400, 2), ENTRY(1000, 3, "ann"), TAILED(1000, 3),
          ENTRY(1100, 4, "ann"), TAILED(1100, 4), TICK(2000), TICK(3000), TICK(4000),
          ENTRY(4100, 5, "ann"), TAILED(4100, 5), DRAIN(4200));
}

static void store_away_and_back(void **state)
{
    (void)state;
    /* From our own position, which is ahead of the kept one. */
    STORY("[    0] store_up > list #1, expire #1 = away\n"
          "[    0] bus_up > follow kept = asking\n"
          "[    0] tail = following\n"
          "[    0] entry > cast 1 = following\n"
          "[    0] tailed > done 1, heads 0-1 ann@1 = following\n"
          "[    2] store_down = away\n"
          "[  900] tick = away\n"
          "[ 2000] store_up > follow 1, list #2, expire #2 = asking\n"
          "[ 2001] tail = following\n"
          "[ 2001] entry > cast 2 = following\n"
          "[ 2001] tailed > done 2, heads 1-2 ann@2 = following\n"
          "[ 2002] entry = following\n", /* what comes twice is not cast twice */
          UP(0), TAIL(0, 0), ENTRY(0, 1, "ann"), TAILED(0, 1), STORE_DOWN(2), TICK(900),
          STORE_UP(2000), TAIL(2001, 1), ENTRY(2001, 2, "ann"), TAILED(2001, 2),
          ENTRY(2002, 2, "ann"));
}

static void store_back_with_a_shorter_log(void **state)
{
    (void)state;
    STORY("[    0] store_up > list #1, expire #1 = away\n"
          "[    0] bus_up > follow kept = asking\n"
          "[    0] tail = following\n"
          "[    0] tailed > done 90, heads 90-90 = following\n"
          "[    2] store_down = away\n"
          "[ 2000] store_up > follow 90, list #2, expire #2 = asking\n"
          "[ 2001] tail = following\n"
          "[ 2001] tailed > done 40, heads 40-40 = following\n"
          "[ 2002] tail = following\n"
          "[ 2002] entry > cast 41 = following\n",
          UP(0), TAIL(0, 90), TAILED(0, 90), STORE_DOWN(2), STORE_UP(2000), TAIL(2001, 40),
          TAILED(2001, 40), TAIL(2002, 40), ENTRY(2002, 41, "ann"));
}

static void broker_away_and_back(void **state)
{
    (void)state;
    /* What the store sends meanwhile is not published, so it is asked for again. The first heads
     * begin where the last ones ended: what died with the broker is in them. */
    STORY("[    0] store_up > list #1, expire #1 = away\n"
          "[    0] bus_up > follow kept = asking\n"
          "[    0] tail = following\n"
          "[    0] entry > cast 1 = following\n"
          "[    0] tailed > done 1, heads 0-1 ann@1 = following\n"
          "[    1] entry > cast 2 = following\n"
          "[    1] tailed > done 2 = following\n"
          "[    1] bus_down = away\n"
          "[    2] tail = away\n"
          "[    2] entry = away\n"
          "[    2] tailed = away\n"
          "[  600] tick = away\n" /* no heads into the void */
          "[  630] bus_up > follow 2 = asking\n"
          "[  631] tail = following\n"
          "[  631] entry > cast 3 = following\n"
          "[  631] tailed > done 3, heads 1-3 ann@2 bob@3 = following\n",
          UP(0), TAIL(0, 0), ENTRY(0, 1, "ann"), TAILED(0, 1), ENTRY(1, 2, "ann"), TAILED(1, 2),
          BUS_DOWN(1), TAIL(2, 2), ENTRY(2, 3, "bob"), TAILED(2, 3), TICK(600), BUS_UP(630),
          TAIL(631, 2), ENTRY(631, 3, "bob"), TAILED(631, 3));
}

static void a_hole_is_asked_for_again(void **state)
{
    (void)state;
    STORY("[    0] store_up > list #1, expire #1 = away\n"
          "[    0] bus_up > follow kept = asking\n"
          "[    0] tail = following\n"
          "[    0] tailed > done 4, heads 4-4 = following\n"
          "[    1] tail > follow 4 = asking\n"
          "[    1] entry = asking\n"
          "[    1] tailed = asking\n"
          "[    2] tail = asking\n" /* not the answer yet; it is asked for once a second */
          "[    2] entry = asking\n"
          "[    2] tailed = asking\n"
          "[    3] tail = following\n"
          "[    3] entry > cast 5 = following\n",
          UP(0), TAIL(0, 4), TAILED(0, 4), TAIL(1, 5), ENTRY(1, 6, "ann"), TAILED(1, 6),
          LATE_TAIL(2, 6), ENTRY(2, 7, "ann"), TAILED(2, 7), TAIL(3, 4), ENTRY(3, 5, "ann"));
}

static void expiry_nearer_and_later(void **state)
{
    (void)state;
    STORY("[    0] store_up > list #1, expire #1 = away\n"
          "[    0] bus_up > follow kept = asking\n"
          "[    1] expired = asking\n" /* none waits */
          "[    2] tail = following\n"
          "[    2] tailed > done 0, heads 0-0 = following\n"
          "[  100] entry > cast 1 = following\n" /* ends in 60 s: asked every 500 ms */
          "[  600] tick > heads 0-1 ann@1, expire #2 = following\n"
          "[  601] expired = following\n"        /* in 59.4 s */
          "[  700] entry > cast 2 = following\n" /* ends at 720: nearer */
          "[  719] tick = following\n"
          "[  720] tick > expire #3 = following\n"
          "[  730] entry > cast 3 = following\n" /* ended already, and the question is out */
          "[  731] expired = following\n"
          "[  731] tick > expire #4 = following\n"
          "[  732] expired = following\n"
          "[ 1100] tick > keep 3, heads 1-3 ann@3 = following\n",
          UP(0), EXPIRED(1, 1, NONE), TAIL(2, 0), TAILED(2, 0), ENDING(100, 1, 60100), TICK(600),
          EXPIRED(601, 2, 59400), ENDING(700, 2, 720), TICK(719), TICK(720), ENDING(730, 3, 1),
          EXPIRED(731, 3, NONE), TICK(731), EXPIRED(732, 4, NONE), TICK(1100));
}

static void expiry_unanswered(void **state)
{
    (void)state;
    /* An answer that comes late is of a question that is no longer asked; a refusal is asked again.
     */
    STORY("[    0] store_up > list #1, expire #1 = away\n"
          "[  999] tick = away\n"
          "[ 1000] tick > expire #2 = away\n"
          "[ 1001] expired = away\n"
          "[ 1002] expired = away\n"
          "[ 1502] tick > expire #3 = away\n"
          "[ 1503] store_down = away\n"
          "[ 9000] tick = away\n"
          "[ 9001] store_up > list #2, expire #4 = away\n",
          STORE_UP(0), TICK(999), TICK(1000), EXPIRED(1001, 1, 0), REFUSED(1002, 2, ERR_NO_SPACE),
          TICK(1502), STORE_DOWN(1503), TICK(9000), STORE_UP(9001));
}

static void sleeps_no_longer_than_it_may(void **state)
{
    (void)state;
    struct notify *n = malloc(sizeof *n);
    const struct line lines[] = {UP(0), EXPIRED(0, 1, 70), TAIL(0, 0), TAILED(0, 0)};
    const uint64_t want[] = {1000, 1000, 70, 0, 70}; /* after each */
    notify_init(n, HEAD_MS, NULL, 0);
    assert_true(notify_deadline_ms(n) == NOTIFY_NEVER);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        play(n, &lines[i], NULL);
        assert_int_equal(notify_deadline_ms(n), want[i]);
    }
    notify_fini(n);
    free(n);
}

/* More topics than one heads may carry: several in a row, each a complete interval. */
static void many_topics(void **state)
{
    (void)state;
    enum { TOPICS = 2 * CHANGES_MAX + 2 };
    struct notify *n = malloc(sizeof *n);
    struct buf out;
    buf_init(&out, 1 << 20);
    notify_init(n, HEAD_MS, NULL, 0);
    const struct line before[] = {UP(0), TAIL(0, 100), TAILED(0, 100)};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++)
        play(n, &before[i], NULL);
    for (unsigned i = 0; i < TOPICS; i++) {
        char topic[16];
        snprintf(topic, sizeof topic, "t%u", i);
        struct line line = ENTRY(1, 101 + i, topic);
        play(n, &line, i % CHANGES_MAX == CHANGES_MAX - 1 ? &out : NULL);
    }
    play(n, &(struct line)TAILED(1, 100 + TOPICS), &out);
    play(n, &(struct line)TICK(501), &out);
    buf_byte(&out, 0);
    assert_string_equal(
        out.p, "[    1] entry > cast 1100, heads 100-1100 t0@101 t1@102 t2@103 and 997 more = "
               "following\n"
               "[    1] entry > cast 2100, heads 1100-2100 t1000@1101 t1001@1102 t1002@1103 and "
               "997 more = following\n"
               "[    1] tailed > done 2102 = following\n"
               "[  501] tick > heads 2100-2102 t2000@2101 t2001@2102 = following\n");
    buf_fini(&out);
    notify_fini(n);
    free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts),
        cmocka_unit_test(waits_for_both),
        cmocka_unit_test(a_tail_of_an_earlier_follow_is_late),
        cmocka_unit_test(broadcasts),
        cmocka_unit_test(position_is_kept_once_a_second),
        cmocka_unit_test(store_away_and_back),
        cmocka_unit_test(store_back_with_a_shorter_log),
        cmocka_unit_test(broker_away_and_back),
        cmocka_unit_test(a_hole_is_asked_for_again),
        cmocka_unit_test(expiry_nearer_and_later),
        cmocka_unit_test(expiry_unanswered),
        cmocka_unit_test(sleeps_no_longer_than_it_may),
        cmocka_unit_test(many_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
