/* SPDX-License-Identifier: Apache-2.0 */
/* desk: told as stories: what is asked of the application, and who is told what. */
#include "hook/desk.h"

#include "hook/hook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct counter counts[COUNT_hook];
static struct buf told;
static struct desk *desk;

static void tell(void *to, const struct asker *who, const struct verdict *v)
{
    (void)to;
    buf_format(&told, "%llu:%s ", (unsigned long long)who->req,
               v->e != ERR_OK ? v->reason
               : v->allowed   ? "yes"
                              : "no");
}

static void begin(struct desk_rules rules)
{
    memset(counts, 0, sizeof counts);
    buf_init(&told, 1 << 16);
    desk = desk_new(&rules, counts, tell, NULL);
}

static void finish(void)
{
    desk_free(&desk);
    buf_fini(&told);
}

static void ask(uint64_t req, enum hook_kind kind, const char *text, uint64_t now_ms)
{
    struct msg_hook m = {.req = req, .kind = kind, .question = bytes_of(text)};
    struct asker who = {.req = req};
    desk_ask(desk, &m, &who, now_ms);
}

static struct question *next(const char *want)
{
    struct question *q = desk_next(desk);
    assert_non_null(q);
    assert_true(bytes_is(question_text(q), want));
    return q;
}

static void answer(struct question *q, bool allowed, uint64_t cache_s, uint64_t now_ms)
{
    struct verdict v = {.e = ERR_OK, .allowed = allowed, .cache_s = cache_s};
    desk_answer(desk, q, &v, now_ms);
}

#define TOLD(text)                                                                                 \
    do {                                                                                           \
        buf_byte(&told, '\0');                                                                     \
        assert_string_equal(told.p, text);                                                         \
        buf_reset(&told);                                                                          \
        buf_text(&told, "");                                                                       \
    } while (0)

static const struct desk_rules usual = {
    .wait_ms = 1000, .queue = 4, .parallel = 2, .cache_ms = 5000};

static void in_order_and_so_many_at_a_time(void **state)
{
    (void)state;
    begin(usual);
    ask(1, HOOK_join, "a", 0);
    ask(2, HOOK_join, "b", 0);
    ask(3, HOOK_join, "c", 0);
    struct question *a = next("a"), *b = next("b");
    assert_null(desk_next(desk));
    answer(b, false, 0, 10);
    TOLD("2:no ");
    answer(next("c"), true, 0, 10);
    answer(a, true, 0, 10);
    TOLD("3:yes 1:yes ");
    assert_int_equal(counts[COUNT_hook_waiting].value, 0);
    assert_int_equal(counts[COUNT_hook_known].value, 0);
    finish();
}

static void the_same_is_asked_once_and_remembered(void **state)
{
    (void)state;
    begin(usual);
    ask(1, HOOK_join, "a", 0);
    ask(2, HOOK_join, "a", 0);
    struct question *a = next("a");
    ask(3, HOOK_join, "a", 10);
    ask(4, HOOK_connect, "a", 10); /* another kind is another question */
    answer(a, true, UINT64_MAX, 20);
    answer(next("a"), false, 0, 20);
    TOLD("1:yes 2:yes 3:yes 4:no ");
    ask(5, HOOK_join, "a", 5019);
    TOLD("5:yes ");
    ask(6, HOOK_join, "a", 5020);
    TOLD("");
    answer(next("a"), false, 2, 5100);
    ask(7, HOOK_join, "a", 7099);
    ask(8, HOOK_join, "a", 7100);
    TOLD("6:no 7:no ");
    assert_int_equal(counts[COUNT_hook_shared].value, 2);
    assert_int_equal(counts[COUNT_hook_cached].value, 2);
    finish();
}

static void who_waits_too_long_or_is_too_many_is_told_at_once(void **state)
{
    (void)state;
    begin(usual);
    ask(1, HOOK_join, "a", 0);
    ask(2, HOOK_join, "b", 100);
    ask(3, HOOK_join, "c", 200);
    ask(4, HOOK_join, "d", 200);
    ask(5, HOOK_join, "a", 200);
    TOLD("5:too many questions wait for the application ");
    struct question *a = next("a");
    assert_true(desk_deadline_ms(desk) == 1100);
    desk_tick(desk, 1099);
    TOLD("");
    desk_tick(desk, 1100);
    TOLD("2:the application did not answer in time ");
    assert_true(question_deadline_ms(a) == 1000);
    struct verdict none;
    verdict_none(&none, ERR_WORLD, "down");
    desk_answer(desk, a, &none, 1100);
    ask(6, HOOK_join, "a", 1100); /* that there was no answer is not remembered */
    TOLD("1:down ");
    assert_int_equal(counts[COUNT_hook_full].value, 1);
    assert_int_equal(counts[COUNT_hook_late].value, 1);
    assert_int_equal(counts[COUNT_hook_waiting].value, 3);
    finish(); /* with some waiting, some under way */
}

/* It has a length, and is whatever it is. */
static void a_question_is_kept_as_it_came(void **state)
{
    (void)state;
    struct msg_hook m = {.kind = HOOK_join, .question = BYTES("a\0and the rest of it, too")};
    begin(usual);
    desk_ask(desk, &m, &(struct asker){.req = 1}, 0);
    assert_true(bytes_equal(question_text(desk_next(desk)), m.question));
    finish();
}

static void so_many_are_remembered(void **state)
{
    (void)state;
    char text[16];
    begin((struct desk_rules){.wait_ms = 1000, .queue = 10, .parallel = 1, .cache_ms = 5000});
    for (unsigned i = 0; i <= DESK_KNOWN; i++) {
        snprintf(text, sizeof text, "%u", i);
        ask(1, HOOK_join, text, 0);
        answer(next(text), true, UINT64_MAX, 0);
        buf_reset(&told);
    }
    assert_int_equal(counts[COUNT_hook_known].value, DESK_KNOWN);
    ask(2, HOOK_join, "1", 1);
    TOLD("2:yes ");
    ask(3, HOOK_join, "0", 1); /* the oldest has given way */
    next("0");
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_and_so_many_at_a_time),
        cmocka_unit_test(the_same_is_asked_once_and_remembered),
        cmocka_unit_test(who_waits_too_long_or_is_too_many_is_told_at_once),
        cmocka_unit_test(a_question_is_kept_as_it_came),
        cmocka_unit_test(so_many_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
