/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor decides, told as stories: children a and b, drained in that order.
 *     [now] event > effects = states of a and b */
#include "cli/keep.h"

#include "lib/buf.h"
#include "lib/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define AS_NAME(name) #name,
static const char *const events[] = {KEEP_EVENTS(AS_NAME)};
static const char *const effects[] = {KEEP_EFFECTS(AS_NAME)};

enum { GRACE_MS = 3000 };

static void play(struct keep *k, const struct keep_event *ev, struct buf *out)
{
    struct keep_effects fx;
    keep_step(k, ev, &fx);
    buf_format(out, "[%5llu] %s", (unsigned long long)ev->now_ms, events[ev->kind]);
    if (ev->kind == KEEP_EV_ready || ev->kind == KEEP_EV_exited)
        buf_format(out, " %c", 'a' + ev->child);
    if (ev->kind == KEEP_EV_exited)
        buf_format(out, " %d", ev->code);
    for (unsigned i = 0; i < fx.n; i++) {
        buf_format(out, "%s%s", i ? ", " : " > ", effects[fx.list[i].kind]);
        if (fx.list[i].kind == KEEP_FX_leave)
            buf_format(out, " %d", fx.list[i].code);
        else if (fx.list[i].kind != KEEP_FX_all_ready)
            buf_format(out, " %c", 'a' + fx.list[i].child);
    }
    buf_format(out, " = %s %s\n", keep_state_name(k->children[0].state),
               keep_state_name(k->children[1].state));
}

static void story(const char *want, const struct keep_event *lines, size_t count)
{
    struct keep k;
    struct buf out;
    buf_init(&out, 1 << 16);
    keep_init(&k, GRACE_MS);
    keep_add(&k, 0);
    keep_add(&k, 1);
    for (size_t i = 0; i < count; i++)
        play(&k, &lines[i], &out);
    buf_byte(&out, 0);
    assert_string_equal(out.p, want);
    buf_fini(&out);
}

/* clang-format off */
#define STORY(want, ...)                                                                           \
    do {                                                                                           \
        const struct keep_event lines_[] = {__VA_ARGS__};                                          \
        story(want, lines_, sizeof lines_ / sizeof *lines_);                                       \
    } while (0)
#define TICK(now) {KEEP_EV_tick, now, 0, 0}
#define READY(now, who) {KEEP_EV_ready, now, (who) - 'a', 0}
#define EXITED(now, who, how) {KEEP_EV_exited, now, (who) - 'a', how}
#define DRAIN(now) {KEEP_EV_drain, now, 0, 0}
#define UP TICK(0), READY(5, 'a'), READY(9, 'b')
#define SAID_UP "[    0] tick > start a, start b = starting starting\n"                            \
                "[    5] ready a = up starting\n"                                                  \
                "[    9] ready b > all_ready = up up\n"
/* clang-format on */

static void starts_and_drains(void **state)
{
    (void)state;
    STORY(SAID_UP "[ 5000] drain > term a = stopping up\n"
                  "[ 5500] exited a 0 > term b = gone stopping\n"
                  "[ 5600] exited b 0 > leave 0 = gone gone\n",
          UP, DRAIN(5000), EXITED(5500, 'a', 0), EXITED(5600, 'b', 0));
}

static void restarts_with_back_off(void **state)
{
    (void)state;
    STORY(SAID_UP "[ 5000] exited a -1 > start a = starting up\n" /* it lived long: at once */
                  "[ 5010] exited a 111 = down up\n"
                  "[ 5059] tick = down up\n"
                  "[ 5060] tick > start a = starting up\n"
                  "[ 5070] exited a 111 = down up\n"
                  "[ 5170] tick > start a = starting up\n"
                  "[ 5180] exited a 111 = down up\n"
                  "[ 5380] tick > start a = starting up\n"
                  "[ 5390] ready a = up up\n" /* ready is said once */
                  "[ 9000] exited a 0 > start a = starting up\n"
                  "[ 9001] exited a 0 = down up\n"
                  "[ 9051] tick > start a = starting up\n", /* and from the beginning */
          UP, EXITED(5000, 'a', -1), EXITED(5010, 'a', 111), TICK(5059), TICK(5060),
          EXITED(5070, 'a', 111), TICK(5170), EXITED(5180, 'a', 111), TICK(5380), READY(5390, 'a'),
          EXITED(9000, 'a', 0), EXITED(9001, 'a', 0), TICK(9051));
}

static void back_off_is_bounded(void **state)
{
    (void)state;
    struct keep k;
    struct keep_effects fx;
    keep_init(&k, GRACE_MS);
    keep_add(&k, 0);
    uint64_t now_ms = 0, wait_ms = 0;
    for (int i = 0; i < 20; i++) {
        keep_step(&k, &(struct keep_event){KEEP_EV_tick, now_ms, 0, 0}, &fx);
        assert_int_equal(fx.n, 1);
        keep_step(&k, &(struct keep_event){KEEP_EV_exited, now_ms, 0, 111}, &fx);
        wait_ms = keep_deadline_ms(&k) - now_ms;
        now_ms += wait_ms;
    }
    assert_int_equal(wait_ms, BACK_OFF_MAX_MS);
    assert_int_equal(k.children[0].restarts, 20);
}

static void refused_stays_down(void **state)
{
    (void)state;
    STORY(SAID_UP "[ 5000] exited a 100 = refused up\n"
                  "[60000] tick = refused up\n"
                  "[60001] drain > term b = refused stopping\n"
                  "[60002] exited b 0 > leave 0 = refused gone\n",
          UP, EXITED(5000, 'a', 100), TICK(60000), DRAIN(60001), EXITED(60002, 'b', 0));
}

static void refused_at_the_start_ends_it(void **state)
{
    (void)state;
    STORY("[    0] tick > start a, start b = starting starting\n"
          "[    5] exited a 100 > term b = refused stopping\n"
          "[    6] exited b -1 > leave 100 = refused gone\n",
          TICK(0), EXITED(5, 'a', 100), EXITED(6, 'b', -1));
}

static void one_that_does_not_leave(void **state)
{
    (void)state;
    STORY(SAID_UP "[ 5000] drain > term a = stopping up\n"
                  "[ 7999] tick = stopping up\n"
                  "[ 8000] tick > kill a = stopping up\n"
                  "[ 8001] exited a -1 > term b = gone stopping\n"
                  "[ 8002] drain > kill b = gone stopping\n" /* ^C again: now */
                  "[ 8003] exited b -1 > leave 0 = gone gone\n",
          UP, DRAIN(5000), TICK(7999), TICK(8000), EXITED(8001, 'a', -1), DRAIN(8002),
          EXITED(8003, 'b', -1));
}

static void drained_while_one_is_down(void **state)
{
    (void)state;
    STORY("[    0] tick > start a, start b = starting starting\n"
          "[    5] exited a 111 = down starting\n"
          "[    6] drain > term b = gone stopping\n"
          "[ 1000] tick = gone stopping\n" /* not started again */
          "[ 1001] exited b 0 > leave 0 = gone gone\n",
          TICK(0), EXITED(5, 'a', 111), DRAIN(6), TICK(1000), EXITED(1001, 'b', 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_and_drains),         cmocka_unit_test(restarts_with_back_off),
        cmocka_unit_test(back_off_is_bounded),       cmocka_unit_test(refused_stays_down),
        cmocka_unit_test(one_that_does_not_leave),   cmocka_unit_test(refused_at_the_start_ends_it),
        cmocka_unit_test(drained_while_one_is_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
