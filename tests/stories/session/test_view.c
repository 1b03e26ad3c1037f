/* SPDX-License-Identifier: Apache-2.0 */
/* The stories of a view: what happens, what it decides, where it stands then. Read these first.
 *
 *     [when] event > effects = state        vN: a seq; pM: its prev; aK: the number of a fetch */
#include "session/live/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* a row leaves out what it has not */

struct told {
    enum view_event_kind kind;
    uint64_t now_ms, seq, prev; /* join, reconnect: seq left out says nothing */
    uint32_t asked;
    bool nothing_yet; /* join, reconnect: there was nothing, seq 0 */
};

static uint64_t seq_of(const struct told *t)
{
    bool says = (t->kind != EV_join && t->kind != EV_reconnect) || t->seq > 0 || t->nothing_yet;
    return says ? t->seq : VIEW_NOTHING;
}

struct page {
    char text[8192];
    size_t n;
};

static void write_text(struct page *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void write_text(struct page *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(p->text + p->n, sizeof p->text - p->n, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof p->text - p->n);
    p->n += (size_t)n;
}

static void write_event(struct page *p, const struct told *t)
{
    write_text(p, "[%5llu] %s", (unsigned long long)t->now_ms, view_event_name(t->kind));
    if (t->seq || t->nothing_yet)
        write_text(p, " v%llu", (unsigned long long)t->seq);
    if (t->prev)
        write_text(p, " p%llu", (unsigned long long)t->prev);
    if (t->asked)
        write_text(p, " a%u", t->asked);
}

static void write_effects(struct page *p, const struct view_effects *fx)
{
    for (unsigned i = 0; i < fx->n; i++) {
        write_text(p, "%s%s", i ? ", " : " > ", view_effect_name(fx->list[i].kind));
        if (fx->list[i].seq)
            write_text(p, " v%llu", (unsigned long long)fx->list[i].seq);
        if (fx->list[i].asked)
            write_text(p, " a%u", fx->list[i].asked);
    }
}

static void play(bool replays, const char *want, const struct told *told, size_t count)
{
    static struct page page;
    struct view v;
    page.n = 0;
    view_init(&v);
    v.replays = replays;
    for (size_t i = 0; i < count; i++) {
        struct view_event ev = {.kind = told[i].kind,
                                .now_ms = told[i].now_ms,
                                .seq = seq_of(&told[i]),
                                .prev = told[i].prev,
                                .asked = told[i].asked};
        struct view_effects fx;
        view_step(&v, &ev, &fx);
        write_event(&page, &told[i]);
        write_effects(&page, &fx);
        write_text(&page, " = %s\n", view_state_name((enum view_state)v.state));
    }
    assert_string_equal(page.text, want);
}

#define TELL(replays, name, want, ...)                                                             \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        static const struct told told[] = {__VA_ARGS__};                                           \
        play(replays, want, told, sizeof told / sizeof *told);                                     \
    }
#define STORY(name, ...) TELL(false, name, __VA_ARGS__)      /* of an inbox */
#define TOPIC_STORY(name, ...) TELL(true, name, __VA_ARGS__) /* of a topic with history */

/* The plain case: on the topic first, then the snapshot, then each commit. */
STORY(a_join,
      "[    0] join > subscribe = joining\n"
      "[    2] confirmed > fetch_snapshot a1 = mounting\n"
      "[    5] snapshot v7 a1 > reply_snapshot = live\n"
      "[    9] broadcast v8 p7 > send = live\n"
      "[   12] broadcast v11 p8 > send = live\n"
      "[   20] leave = closed\n",
      {EV_join, 0}, {EV_confirmed, 2}, {EV_snapshot, 5, 7, 0, 1}, {EV_broadcast, 9, 8, 7},
      {EV_broadcast, 12, 11, 8}, {EV_leave, 20})

STORY(a_commit_overtakes_the_snapshot,
      "[    0] join > subscribe = joining\n"
      "[    2] confirmed > fetch_snapshot a1 = mounting\n"
      "[    3] broadcast v8 p7 = mounting\n"
      "[    5] snapshot v7 a1 > fetch_snapshot a2 = mounting\n"
      "[    9] snapshot v8 a2 > reply_snapshot = live\n",
      {EV_join, 0}, {EV_confirmed, 2}, {EV_broadcast, 3, 8, 7}, {EV_snapshot, 5, 7, 0, 1},
      {EV_snapshot, 9, 8, 0, 2})

STORY(what_the_snapshot_has_is_not_sent_again,
      "[    0] join > subscribe = joining\n"
      "[    2] confirmed > fetch_snapshot a1 = mounting\n"
      "[    5] snapshot v8 a1 > reply_snapshot = live\n"
      "[    6] broadcast v7 p5 = live\n"
      "[    7] broadcast v8 p7 = live\n"
      "[    8] broadcast v9 p8 > send = live\n",
      {EV_join, 0}, {EV_confirmed, 2}, {EV_snapshot, 5, 8, 0, 1}, {EV_broadcast, 6, 7, 5},
      {EV_broadcast, 7, 8, 7}, {EV_broadcast, 8, 9, 8})

STORY(a_hole_is_read_from_the_log_before_anything_later,
      "[    0] join > subscribe = joining\n"
      "[    1] confirmed > fetch_snapshot a1 = mounting\n"
      "[    2] snapshot v5 a1 > reply_snapshot = live\n"
      "[    3] broadcast v9 p7 > fetch_changes v5 a2 = healing\n"
      "[    4] broadcast v12 p9 = healing\n"
      "[    6] changes v9 a2 > send_changes v5, fetch_changes v9 a3 = healing\n"
      "[    8] changes v12 a3 > send_changes v9 = live\n"
      "[    9] broadcast v13 p12 > send = live\n",
      {EV_join, 0}, {EV_confirmed, 1}, {EV_snapshot, 2, 5, 0, 1}, {EV_broadcast, 3, 9, 7},
      {EV_broadcast, 4, 12, 9}, {EV_changes, 6, 9, 0, 2}, {EV_changes, 8, 12, 0, 3},
      {EV_broadcast, 9, 13, 12})

STORY(the_last_message_was_lost_and_the_head_tells,
      "[    0] join > subscribe = joining\n"
      "[    1] confirmed > fetch_snapshot a1 = mounting\n"
      "[    2] snapshot v5 a1 > reply_snapshot = live\n"
      "[  500] head v5 = live\n"
      "[ 1000] head v6 > fetch_changes v5 a2 = healing\n"
      "[ 1002] changes v6 a2 > send_changes v5 = live\n",
      {EV_join, 0}, {EV_confirmed, 1}, {EV_snapshot, 2, 5, 0, 1}, {EV_head, 500, 5},
      {EV_head, 1000, 6}, {EV_changes, 1002, 6, 0, 2})

STORY(too_much_was_missed_and_one_sync_says_so,
      "[    0] join > subscribe = joining\n"
      "[    1] confirmed > fetch_snapshot a1 = mounting\n"
      "[    2] snapshot v5 a1 > reply_snapshot = live\n"
      "[    3] broadcast v9000 p8999 > fetch_changes v5 a2 = healing\n"
      "[    4] too_old a2 > fetch_snapshot a3 = syncing\n"
      "[    5] broadcast v9001 p9000 = syncing\n"
      "[    6] snapshot v9000 a3 > fetch_snapshot a4 = syncing\n"
      "[    8] snapshot v9001 a4 > send_sync = live\n",
      {EV_join, 0}, {EV_confirmed, 1}, {EV_snapshot, 2, 5, 0, 1}, {EV_broadcast, 3, 9000, 8999},
      {EV_too_old, 4, 0, 0, 2}, {EV_broadcast, 5, 9001, 9000}, {EV_snapshot, 6, 9000, 0, 3},
      {EV_snapshot, 8, 9001, 0, 4})

/* It has less than what we heard of: it is not asked again and again for what it has no more. */
STORY(the_store_was_restored_from_an_older_copy,
      "[    0] join > subscribe = joining\n"
      "[    1] confirmed > fetch_snapshot a1 = mounting\n"
      "[    2] snapshot v900 a1 > reply_snapshot = live\n"
      "[    3] head v901 > fetch_changes v900 a2 = healing\n"
      "[    4] too_old a2 > fetch_snapshot a3 = syncing\n"
      "[    5] snapshot v700 a3 > send_sync = live\n"
      "[    6] broadcast v701 p700 > send = live\n",
      {EV_join, 0}, {EV_confirmed, 1}, {EV_snapshot, 2, 900, 0, 1}, {EV_head, 3, 901},
      {EV_too_old, 4, 0, 0, 2}, {EV_snapshot, 5, 700, 0, 3}, {EV_broadcast, 6, 701, 700})

STORY(a_page_comes_back_with_what_it_has,
      "[    0] join v5 > subscribe = joining\n"
      "[    1] confirmed > fetch_changes v5 a1 = mounting\n"
      "[    2] broadcast v9 p8 = mounting\n"
      "[    3] changes v8 a1 > reply_changes v5, fetch_changes v8 a2 = healing\n"
      "[    4] changes v9 a2 > send_changes v8 = live\n",
      {EV_join, 0, 5}, {EV_confirmed, 1}, {EV_broadcast, 2, 9, 8}, {EV_changes, 3, 8, 0, 1},
      {EV_changes, 4, 9, 0, 2})

STORY(a_page_comes_back_too_late_and_gets_a_snapshot,
      "[    0] join v5 > subscribe = joining\n"
      "[    1] confirmed > fetch_changes v5 a1 = mounting\n"
      "[    2] too_old a1 > fetch_snapshot a2 = mounting\n"
      "[    3] snapshot v900 a2 > reply_snapshot = live\n",
      {EV_join, 0, 5}, {EV_confirmed, 1}, {EV_too_old, 2, 0, 0, 1}, {EV_snapshot, 3, 900, 0, 2})

/* What the client says that it has decides: also when it has less than we sent. */
STORY(reconnect_replays_what_the_client_lacks,
      "[    0] join > subscribe = joining\n"
      "[    1] confirmed > fetch_snapshot a1 = mounting\n"
      "[    2] snapshot v5 a1 > reply_snapshot = live\n"
      "[    3] broadcast v6 p5 > send = live\n"
      "[    4] reconnect v5 > fetch_changes v5 a2 = healing\n"
      "[    5] changes v6 a2 > send_changes v5, resumed = live\n",
      {EV_join, 0}, {EV_confirmed, 1}, {EV_snapshot, 2, 5, 0, 1}, {EV_broadcast, 3, 6, 5},
      {EV_reconnect, 4, 5}, {EV_changes, 5, 6, 0, 2})

/* There was nothing when the client joined, and it wants all that came. */
STORY(who_has_seen_the_empty_topic_lacks_everything,
      "[    0] join v0 > subscribe = joining\n"
      "[    1] confirmed > fetch_changes a1 = mounting\n"
      "[    2] changes v6 a1 > reply_changes = live\n"
      "[    3] reconnect v0 > fetch_changes a2 = healing\n"
      "[    4] changes v6 a2 > send_changes, resumed = live\n",
      {EV_join, 0, 0, 0, 0, true}, {EV_confirmed, 1}, {EV_changes, 2, 6, 0, 1},
      {EV_reconnect, 3, 0, 0, 0, true}, {EV_changes, 4, 6, 0, 2})

STORY(the_guides_empty_reconnect_gets_a_sync,
      "[    0] join > subscribe = joining\n"
      "[    1] confirmed > fetch_snapshot a1 = mounting\n"
      "[    2] snapshot v5 a1 > reply_snapshot = live\n"
      "[    3] reconnect > fetch_snapshot a2 = syncing\n"
      "[    4] snapshot v5 a2 > send_sync, resumed = live\n",
      {EV_join, 0}, {EV_confirmed, 1}, {EV_snapshot, 2, 5, 0, 1}, {EV_reconnect, 3},
      {EV_snapshot, 4, 5, 0, 2})

/* A late answer is known by its number, whatever it says. */
STORY(an_answer_to_an_old_question_is_not_used,
      "[    0] join > subscribe = joining\n"
      "[    1] confirmed > fetch_snapshot a1 = mounting\n"
      "[    2] snapshot v5 a1 > reply_snapshot = live\n"
      "[    3] broadcast v9 p7 > fetch_changes v5 a2 = healing\n"
      "[    4] reconnect v3 > fetch_changes v3 a3 = healing\n"
      "[    5] changes v9 a2 = healing\n"
      "[    6] failed a2 = healing\n"
      "[    7] changes v9 a3 > send_changes v3, resumed = live\n",
      {EV_join, 0}, {EV_confirmed, 1}, {EV_snapshot, 2, 5, 0, 1}, {EV_broadcast, 3, 9, 7},
      {EV_reconnect, 4, 3}, {EV_changes, 5, 9, 0, 2}, {EV_failed, 6, 0, 0, 2},
      {EV_changes, 7, 9, 0, 3})

STORY(a_client_that_reads_nothing_gets_one_sync_when_it_reads,
      "[    0] join > subscribe = joining\n"
      "[    1] confirmed > fetch_snapshot a1 = mounting\n"
      "[    2] snapshot v5 a1 > reply_snapshot = live\n"
      "[    3] congested = behind\n"
      "[    4] broadcast v6 p5 = behind\n"
      "[    5] broadcast > lost = behind\n"
      "[    6] broadcast v7 p6 = behind\n"
      "[    9] drained > fetch_snapshot a2 = syncing\n"
      "[   10] snapshot v6 a2 > fetch_snapshot a3 = syncing\n"
      "[   11] snapshot v7 a3 > send_sync = live\n",
      {EV_join, 0}, {EV_confirmed, 1}, {EV_snapshot, 2, 5, 0, 1}, {EV_congested, 3},
      {EV_broadcast, 4, 6, 5}, {EV_broadcast, 5}, {EV_broadcast, 6, 7, 6}, {EV_drained, 9},
      {EV_snapshot, 10, 6, 0, 2}, {EV_snapshot, 11, 7, 0, 3})

TOPIC_STORY(of_a_topic_each_message_counts_also_for_who_reads_late,
            "[    0] join > subscribe = joining\n"
            "[    1] confirmed > fetch_snapshot a1 = mounting\n"
            "[    2] snapshot v5 a1 > reply_snapshot = live\n"
            "[    3] congested = behind\n"
            "[    4] broadcast v6 p5 = behind\n"
            "[    9] drained > fetch_changes v5 a2 = healing\n"
            "[   10] changes v6 a2 > send_changes v5 = live\n",
            {EV_join, 0}, {EV_confirmed, 1}, {EV_snapshot, 2, 5, 0, 1}, {EV_congested, 3},
            {EV_broadcast, 4, 6, 5}, {EV_drained, 9}, {EV_changes, 10, 6, 0, 2})

STORY(transient_events_pass_without_a_number,
      "[    0] join > subscribe = joining\n"
      "[    1] broadcast = joining\n"
      "[    2] confirmed > fetch_snapshot a1 = mounting\n"
      "[    3] broadcast = mounting\n"
      "[    4] snapshot a1 > reply_snapshot = live\n"
      "[    5] broadcast > send = live\n"
      "[    6] broadcast v3 p1 > fetch_changes a2 = healing\n"
      "[    7] broadcast > send = healing\n",
      {EV_join, 0}, {EV_broadcast, 1}, {EV_confirmed, 2}, {EV_broadcast, 3},
      {EV_snapshot, 4, 0, 0, 1}, {EV_broadcast, 5}, {EV_broadcast, 6, 3, 1}, {EV_broadcast, 7})

STORY(without_a_broker_the_join_is_refused,
      "[    0] join > subscribe = joining\n"
      "[ 8000] deadline > refuse = closed\n"
      "[ 8001] confirmed = closed\n",
      {EV_join, 0}, {EV_deadline, 8000}, {EV_confirmed, 8001})

STORY(without_a_store_the_join_is_refused,
      "[    0] join > subscribe = joining\n"
      "[    1] confirmed > fetch_snapshot a1 = mounting\n"
      "[ 5001] failed a1 > refuse = closed\n",
      {EV_join, 0}, {EV_confirmed, 1}, {EV_failed, 5001, 0, 0, 1})

STORY(without_a_store_a_hole_is_said_to_the_client,
      "[    0] join > subscribe = joining\n"
      "[    1] confirmed > fetch_snapshot a1 = mounting\n"
      "[    2] snapshot v5 a1 > reply_snapshot = live\n"
      "[    3] head v6 > fetch_changes v5 a2 = healing\n"
      "[ 5003] failed a2 > fault = closed\n",
      {EV_join, 0}, {EV_confirmed, 1}, {EV_snapshot, 2, 5, 0, 1}, {EV_head, 3, 6},
      {EV_failed, 5003, 0, 0, 2})

STORY(whatever_may_have_been_missed_is_looked_up,
      "[    0] join > subscribe = joining\n"
      "[    1] suspect = joining\n"
      "[    2] confirmed > fetch_snapshot a1 = mounting\n"
      "[    3] suspect > fetch_snapshot a2 = mounting\n"
      "[    4] snapshot v5 a1 = mounting\n"
      "[    5] snapshot v6 a2 > reply_snapshot = live\n"
      "[    6] suspect > fetch_changes v6 a3 = healing\n"
      "[    7] changes v6 a3 > send_changes v6 = live\n",
      {EV_join, 0}, {EV_suspect, 1}, {EV_confirmed, 2}, {EV_suspect, 3}, {EV_snapshot, 4, 5, 0, 1},
      {EV_snapshot, 5, 6, 0, 2}, {EV_suspect, 6}, {EV_changes, 7, 6, 0, 3})

/* However often it is asked for again, a join has the time that it had when it began. */
static void a_join_has_one_deadline(void **unused)
{
    (void)unused;
    static const struct view_event steps[] = {
        {.kind = EV_join, .now_ms = 7, .seq = 3},
        {.kind = EV_confirmed, .now_ms = 4000},
        {.kind = EV_suspect, .now_ms = 5000},
        {.kind = EV_too_old, .now_ms = 6000, .asked = 2},
        {.kind = EV_broadcast, .now_ms = 6001, .seq = 9},
        {.kind = EV_snapshot, .now_ms = 7000, .seq = 8, .asked = 3}};
    struct view v;
    struct view_effects fx;
    view_init(&v);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        view_step(&v, &steps[i], &fx);
        assert_int_equal(v.deadline_ms, 7 + VIEW_JOIN_MS);
    }
    struct view late = v;
    view_step(&late, &(struct view_event){.kind = EV_deadline, .now_ms = 7 + VIEW_JOIN_MS}, &fx);
    assert_int_equal(fx.list[0].kind, FX_refuse);
    view_step(&v, &(struct view_event){.kind = EV_snapshot, .seq = 9, .asked = 4}, &fx);
    assert_int_equal(v.state, VIEW_live);
    assert_true(v.deadline_ms == VIEW_NEVER);
}

/* Any event in any state: nothing asserts, and the deadline is set only until the join is answered. */
static void every_event_in_every_state(void **unused)
{
    (void)unused;
    for (int state = 0; state < VIEW_STATE_COUNT; state++) {
        for (int kind = 0; kind < EV_COUNT; kind++) {
            struct view v;
            view_init(&v);
            v.state = (uint8_t)state;
            v.seq = v.heard = 5;
            v.asked = 1;
            struct view_event ev = {
                .kind = (enum view_event_kind)kind, .seq = 6, .prev = 4, .asked = 1};
            struct view_effects fx;
            view_step(&v, &ev, &fx);
            assert_true(v.state < VIEW_STATE_COUNT);
            assert_true(v.heard >= 5 || kind == EV_too_old);
            assert_true(v.state == VIEW_joining || v.deadline_ms == VIEW_NEVER);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_join),
        cmocka_unit_test(a_commit_overtakes_the_snapshot),
        cmocka_unit_test(what_the_snapshot_has_is_not_sent_again),
        cmocka_unit_test(a_hole_is_read_from_the_log_before_anything_later),
        cmocka_unit_test(the_last_message_was_lost_and_the_head_tells),
        {"R10: too much was missed, and one sync says so", too_much_was_missed_and_one_sync_says_so,
         NULL, NULL, NULL},
        cmocka_unit_test(the_store_was_restored_from_an_older_copy),
        cmocka_unit_test(a_page_comes_back_with_what_it_has),
        cmocka_unit_test(a_page_comes_back_too_late_and_gets_a_snapshot),
        cmocka_unit_test(reconnect_replays_what_the_client_lacks),
        cmocka_unit_test(who_has_seen_the_empty_topic_lacks_everything),
        cmocka_unit_test(the_guides_empty_reconnect_gets_a_sync),
        cmocka_unit_test(an_answer_to_an_old_question_is_not_used),
        {"R18: a client that reads nothing gets one sync when it reads",
         a_client_that_reads_nothing_gets_one_sync_when_it_reads, NULL, NULL, NULL},
        cmocka_unit_test(of_a_topic_each_message_counts_also_for_who_reads_late),
        cmocka_unit_test(transient_events_pass_without_a_number),
        cmocka_unit_test(without_a_broker_the_join_is_refused),
        cmocka_unit_test(without_a_store_the_join_is_refused),
        cmocka_unit_test(without_a_store_a_hole_is_said_to_the_client),
        cmocka_unit_test(whatever_may_have_been_missed_is_looked_up),
        cmocka_unit_test(a_join_has_one_deadline),
        cmocka_unit_test(every_event_in_every_state),
    };
    return cmocka_run_group_tests_name("session/view", tests, NULL, NULL);
}
