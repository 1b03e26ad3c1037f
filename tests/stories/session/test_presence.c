/* SPDX-License-Identifier: Apache-2.0 */
/* The stories of presence, as one process of three lives them (ours is 0). Read these first.
 *
 *     [when] what happens
 *         what it does: what it says to the others, asks of them, tells its members
 *
 * ann=3 is an entry of user ann with a phx_ref that ends in 3; ann=4(3) took the place of ann=3. */
#include "session/presence/presence.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { OWNERS = 3, MEMBERS = 8, US = 0 };

static struct story {
    struct presence *p;
    struct watcher *watchers[MEMBERS];
    bool slow[MEMBERS];
    bool breaks[MEMBERS]; /* leaves when it is told something */
    char text[16384];
    size_t n;
    uint64_t now_ms;
} it;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(it.text + it.n, sizeof it.text - it.n, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof it.text - it.n);
    it.n += (size_t)n;
}

/* The last letter of a ref, A as 0. */
static int short_ref(const char *ref, size_t n)
{
    static const char *letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *at = n > 0 ? strchr(letters, ref[n - 1]) : NULL;
    return at ? (int)(at - letters) : ref[n - 1] - '0';
}

static void say_entries(struct mp_list list)
{
    struct mp_in in = list_in(list);
    struct msg m;
    while (msg_read(&in, &m)) {
        const struct msg_presence_entry *e = &m.presence_entry;
        say(" +%.*s=%d", (int)e->user.n, e->user.p, short_ref(e->ref.p, e->ref.n));
        if (e->prev.n > 0)
            say("(%d)", short_ref(e->prev.p, e->prev.n));
    }
}

static void say_heads(struct mp_list list)
{
    struct mp_in in = list_in(list);
    struct msg m;
    while (msg_read(&in, &m))
        say(" %.*s=%d", (int)m.head.topic.n, m.head.topic.p, (int)m.head.seq);
}

static void publish(void *about, const struct msg *m)
{
    (void)about;
    if (m->id == MSG_presence_heads) {
        const struct msg_presence_heads *h = &m->presence_heads;
        say("        heads %d..%d", (int)h->from, (int)h->to);
        say_heads(h->topics);
    } else {
        const struct msg_presence_delta *d = &m->presence_delta;
        say("        delta %.*s %d<%d", (int)d->topic.n, d->topic.p, (int)d->prev, (int)d->seq);
        say_entries(d->joins);
        struct mp_in in = list_in(d->leaves);
        for (uint32_t i = 0; i < d->leaves.count; i++) {
            struct bytes ref = mp_str(&in);
            say(" -%d", short_ref(ref.p, ref.n));
        }
    }
    say("\n");
}

static void ask(void *about, unsigned index, struct msg *m)
{
    (void)about;
    say("        ask %u", index);
    say_heads(m->presence_ask.topics);
    say("\n");
}

static bool ready(void *about, const void *member)
{
    (void)about;
    return !it.slow[(const bool *)member - it.slow];
}

static void say_metas(const json_t *users, const char *sign)
{
    const char *user;
    json_t *one, *meta;
    size_t i;
    json_object_foreach((json_t *)users, user, one)
        json_array_foreach(json_object_get(one, "metas"), i, meta)
    {
        const char *ref = json_string_value(json_object_get(meta, "phx_ref"));
        const char *prev = json_string_value(json_object_get(meta, "phx_ref_prev"));
        say(" %s%s=%d", sign, user, short_ref(ref, strlen(ref)));
        if (prev)
            say("(%d)", short_ref(prev, strlen(prev)));
    }
}

static void leaves(int member)
{
    presence_unwatch(it.p, it.watchers[member], false, it.now_ms);
    it.watchers[member] = NULL;
}

static void tell(void *about, void *member, const struct presence_news *news)
{
    (void)about;
    json_t *payload = json_loadb(news->payload.p, news->payload.n, 0, NULL);
    assert_non_null(payload);
    say("        member %d: ", (int)((bool *)member - it.slow));
    if (news->kind == NEWS_state) {
        say("state");
        say_metas(payload, "");
    } else if (news->kind == NEWS_diff) {
        say("diff");
        assert_non_null(json_object_get(payload, "joins")); /* both, always */
        assert_non_null(json_object_get(payload, "leaves"));
        say_metas(json_object_get(payload, "joins"), "+");
        say_metas(json_object_get(payload, "leaves"), "-");
    } else {
        say("count %d", (int)json_integer_value(json_object_get(payload, "count")));
    }
    say("\n");
    json_decref(payload);
    if (it.breaks[(bool *)member - it.slow])
        leaves((int)((bool *)member - it.slow));
}

static int start(void **state)
{
    (void)state;
    static const struct presence_hand hand = {NULL, publish, ask, ready, tell};
    struct presence_limits limits = presence_limits;
    it = (struct story){.now_ms = 10000 - PRESENCE_YOUNG_MS};
    limits.owners = OWNERS;
    limits.rooms = 4;
    limits.entries = 3;
    it.p = presence_new(&hand, &limits, US, 1, 7, it.now_ms);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (int i = 0; i < MEMBERS; i++)
        if (it.watchers[i])
            presence_unwatch(it.p, it.watchers[i], false, it.now_ms);
    presence_free(&it.p);
    return 0;
}

/* ---- what may happen */

static void when(unsigned ms, const char *what)
{
    it.now_ms = 10000 + ms;
    say("[%5u] %s\n", ms, what);
}

static void tick(void)
{
    presence_tick(it.p, it.now_ms);
}

static void joins_with(int member, const char *user, unsigned max, const char *meta)
{
    it.watchers[member] = presence_watch(it.p, &it.slow[member], BYTES("room"), max, bytes_of(user),
                                         bytes_of(meta), it.now_ms);
}

static void joins(int member, const char *user)
{
    joins_with(member, user, 100, "{}");
}

/* `users`: one letter each, its ref is the letter with the owner's number. */
static struct mp_list entries(struct buf *b, const char *users)
{
    for (const char *u = users; *u; u++) {
        struct msg m = {
            .id = MSG_presence_entry,
            .presence_entry = {{(char[]){*u, '0', '5'}, 3}, BYTES(""), {u, 1}, BYTES("{}")}};
        msg_write(b, &m);
    }
    return list_of(b, (uint32_t)strlen(users));
}

static void delta(unsigned owner, uint64_t instance, uint64_t prev, uint64_t seq, const char *users,
                  const char *gone)
{
    struct buf a, b;
    buf_init(&a, 4096);
    buf_init(&b, 4096);
    for (const char *u = gone; *u; u++)
        mp_put_str(&b, (struct bytes){(char[]){*u, '0', '5'}, 3});
    struct msg_presence_delta d = {instance,
                                   owner,
                                   seq,
                                   prev,
                                   BYTES("room"),
                                   entries(&a, users),
                                   list_of(&b, (uint32_t)strlen(gone))};
    presence_delta(it.p, &d, it.now_ms);
    buf_fini(&a);
    buf_fini(&b);
}

static void heads_saying(unsigned owner, uint64_t instance, uint64_t from, uint64_t to,
                         uint64_t room, uint64_t leaving)
{
    struct buf a;
    buf_init(&a, 4096);
    struct msg m = {.id = MSG_head, .head = {BYTES("room"), room}};
    if (room)
        msg_write(&a, &m);
    struct msg_presence_heads h = {instance, owner, from, to, list_of(&a, room > 0), leaving};
    presence_heads(it.p, &h, it.now_ms);
    buf_fini(&a);
}

static void heads(unsigned owner, uint64_t instance, uint64_t from, uint64_t to, uint64_t room)
{
    heads_saying(owner, instance, from, to, room, 0);
}

static void answers_same(unsigned owner, uint64_t instance, uint64_t seq, const char *users,
                         uint64_t same)
{
    struct buf a, b;
    buf_init(&a, 4096);
    buf_init(&b, 4096);
    struct msg m = {
        .id = MSG_presence_part,
        .presence_part = {
            .topic = BYTES("room"), .seq = seq, .same = same, .entries = entries(&a, users)}};
    msg_write(&b, &m);
    struct msg_presence_parts parts = {0, ERR_OK, instance, owner, list_of(&b, 1)};
    presence_answered(it.p, owner, &parts, it.now_ms);
    buf_fini(&a);
    buf_fini(&b);
}

static void answers(unsigned owner, uint64_t instance, uint64_t seq, const char *users)
{
    answers_same(owner, instance, seq, users, 0);
}

/* Both others are there and have nothing, and our heads come back. */
static void settled(void)
{
    it.now_ms = 10000;
    heads(1, 11, 0, 0, 0);
    heads(2, 12, 0, 0, 0);
    heads(US, 1, 0, 0, 0);
    tick();
    it.n = 0;
}

/* ---- the stories */

static void a_join_is_told_when_all_have_answered(void **state)
{
    (void)state;
    settled();
    when(100, "ann joins");
    joins(0, "ann");
    tick();
    when(101, "one has bob there");
    answers(1, 11, 5, "b");
    tick();
    when(102, "the other has nobody");
    answers(2, 12, 0, "");
    tick();
    when(500, "time goes by");
    tick();
    assert_string_equal(it.text, "[  100] ann joins\n"
                                 "        delta room 0<1 +ann=1\n"
                                 "        ask 1 room=0\n"
                                 "        ask 2 room=0\n"
                                 "[  101] one has bob there\n"
                                 "[  102] the other has nobody\n"
                                 "        member 0: state ann=1 b=5\n"
                                 "[  500] time goes by\n"
                                 "        heads 0..1 room=1\n");
}

/* The same, short: ann is there alone and knows it. */
static void ann_is_there(void)
{
    settled();
    joins(0, "ann");
    tick();
    answers(1, 11, 0, "");
    answers(2, 12, 0, "");
    tick();
    it.now_ms += 500;
    tick();
    heads(US, 1, 0, 1, 1); /* ours are back */
    it.n = 0;
}

static void an_owner_that_does_not_answer_is_not_waited_for_long(void **state)
{
    (void)state;
    settled();
    when(100, "ann joins; one answers");
    joins(0, "ann");
    tick();
    answers(1, 11, 5, "b");
    tick();
    when(400, "still nothing");
    tick();
    when(610, "ann has waited long enough");
    tick();
    when(700, "now it comes");
    answers(2, 12, 3, "c");
    tick();
    assert_string_equal(it.text, "[  100] ann joins; one answers\n"
                                 "        delta room 0<1 +ann=1\n"
                                 "        ask 1 room=0\n"
                                 "        ask 2 room=0\n"
                                 "[  400] still nothing\n"
                                 "        heads 0..1 room=1\n"
                                 "[  610] ann has waited long enough\n"
                                 "        member 0: state ann=1 b=5\n"
                                 "[  700] now it comes\n"
                                 "        member 0: diff +c=5\n");
}

static void what_comes_in_a_row_is_told_together(void **state)
{
    (void)state;
    ann_is_there();
    when(600, "bob joins: quiet before, so at once");
    joins(1, "bob");
    tick();
    when(610, "cat joins, and one process tells of two");
    joins(2, "cat");
    delta(1, 11, 0, 1, "xy", "");
    tick();
    when(650, "x leaves, and so does cat whom nobody had heard of");
    delta(1, 11, 1, 2, "", "x");
    leaves(2);
    tick();
    when(700, "now it is told");
    tick();
    assert_string_equal(it.text, "[  600] bob joins: quiet before, so at once\n"
                                 "        delta room 1<2 +bob=2\n"
                                 "        member 0: diff +bob=2\n"
                                 "        member 1: state ann=1 bob=2\n"
                                 "[  610] cat joins, and one process tells of two\n"
                                 "[  650] x leaves, and so does cat whom nobody had heard of\n"
                                 "[  700] now it is told\n"
                                 "        member 1: diff +y=5\n"
                                 "        member 0: diff +y=5\n");
}

static void an_update_is_one_diff_with_both(void **state)
{
    (void)state;
    ann_is_there();
    when(600, "ann is away");
    assert_true(presence_update(it.p, it.watchers[0], BYTES("{\"a\":1}"), it.now_ms));
    tick();
    when(610, "and here, and away: only the last one is told");
    assert_true(presence_update(it.p, it.watchers[0], BYTES("{\"a\":2}"), it.now_ms));
    assert_true(presence_update(it.p, it.watchers[0], BYTES("{\"a\":3}"), it.now_ms));
    when(700, "told");
    tick();
    assert_string_equal(it.text, "[  600] ann is away\n"
                                 "        delta room 1<2 +ann=2(1) -1\n"
                                 "        member 0: diff +ann=2(1) -ann=1\n"
                                 "[  610] and here, and away: only the last one is told\n"
                                 "[  700] told\n"
                                 "        delta room 2<3 +ann=4(2) -2\n"
                                 "        member 0: diff +ann=4(2) -ann=2(1)\n");
}

static void a_hole_is_asked_for(void **state)
{
    (void)state;
    ann_is_there();
    when(600, "x comes");
    delta(1, 11, 0, 4, "x", "");
    tick();
    when(690, "a delta that does not follow: y came meanwhile");
    delta(1, 11, 6, 9, "z", "");
    tick();
    when(691, "and one more, before the answer, which is older");
    delta(1, 11, 9, 12, "u", "x");
    answers(1, 11, 9, "xyz");
    tick();
    when(692, "the answer");
    answers(1, 11, 12, "yzu");
    when(790, "told");
    tick();
    assert_string_equal(it.text, "[  600] x comes\n"
                                 "        member 0: diff +x=5\n"
                                 "[  690] a delta that does not follow: y came meanwhile\n"
                                 "        ask 1 room=4\n"
                                 "[  691] and one more, before the answer, which is older\n"
                                 "        member 0: diff +y=5 +z=5\n"
                                 "        ask 1 room=9\n"
                                 "[  692] the answer\n"
                                 "[  790] told\n"
                                 "        member 0: diff +u=5 -x=5\n");
}

static void the_last_delta_was_lost_and_the_heads_tell(void **state)
{
    (void)state;
    ann_is_there();
    when(600, "heads that we are at");
    heads(1, 11, 0, 0, 0);
    tick();
    when(610, "heads beyond us");
    heads(1, 11, 0, 3, 3);
    tick();
    answers(1, 11, 3, "x");
    when(700, "heads that do not follow");
    heads(1, 11, 7, 8, 0);
    tick();
    assert_string_equal(it.text, "[  600] heads that we are at\n"
                                 "[  610] heads beyond us\n"
                                 "        ask 1 room=0\n"
                                 "[  700] heads that do not follow\n"
                                 "        member 0: diff +x=5\n"
                                 "        ask 1 room=3\n");
}

/* At whole multiples of PRESENCE_HEADS_MS, however late a turn is. */
static void all_say_their_heads_at_the_same_moments(void **state)
{
    (void)state;
    settled();
    when(430, "late");
    tick();
    when(799, "not yet");
    tick();
    when(800, "with the others");
    tick();
    assert_string_equal(it.text, "[  430] late\n"
                                 "        heads 0..0\n"
                                 "[  799] not yet\n"
                                 "[  800] with the others\n"
                                 "        heads 0..0\n");
}

static void a_silent_owner_is_gone_and_may_come_back(void **state)
{
    (void)state;
    ann_is_there();
    when(600, "x is at one of them");
    delta(1, 11, 0, 1, "x", "");
    tick();
    for (unsigned ms = 1000; ms <= 3500; ms += 100) { /* our heads come back, it says nothing */
        it.now_ms = 10000 + ms;
        heads(US, 1, 0, 1, 0);
        heads(2, 12, 0, 0, 0);
        presence_tick(it.p, it.now_ms);
    }
    it.n = 0;
    it.text[0] = 0;
    when(3610, "three seconds");
    heads(US, 1, 0, 1, 0);
    tick();
    when(5000, "it was only asleep");
    heads(US, 1, 0, 1, 0);
    heads(2, 12, 0, 0, 0);
    heads(1, 11, 0, 1, 1);
    tick();
    when(5001, "and has what it had");
    answers(1, 11, 1, "x");
    tick();
    when(5100, "told");
    tick();
    assert_string_equal(it.text, "[ 3610] three seconds\n"
                                 "        member 0: diff -x=5\n"
                                 "        heads 1..1\n"
                                 "[ 5000] it was only asleep\n"
                                 "        heads 1..1\n"
                                 "        ask 1 room=0\n"
                                 "[ 5001] and has what it had\n"
                                 "        member 0: diff +x=5\n"
                                 "[ 5100] told\n");
}

static void who_is_gone_and_back_in_one_telling_never_was_away(void **state)
{
    (void)state;
    ann_is_there();
    when(600, "x is at one of them");
    delta(1, 11, 0, 1, "x", "");
    tick();
    for (unsigned ms = 1000; ms <= 3500; ms += 100) {
        it.now_ms = 10000 + ms;
        heads(US, 1, 0, 1, 0);
        heads(2, 12, 0, 0, 0);
        presence_tick(it.p, it.now_ms);
    }
    it.n = 0;
    when(3590, "somebody else comes");
    heads(US, 1, 0, 1, 0);
    delta(2, 12, 0, 1, "z", "");
    tick();
    when(3610, "three seconds of silence, and then a word");
    tick();
    heads(1, 11, 0, 1, 1);
    tick();
    answers(1, 11, 1, "x");
    when(3700, "nothing to tell");
    tick();
    bool all;
    assert_int_equal(presence_room(it.p, BYTES("room"), &all)->entries.used, 3);
    assert_true(all);
    assert_string_equal(it.text, "[ 3590] somebody else comes\n"
                                 "        member 0: diff +z=5\n"
                                 "[ 3610] three seconds of silence, and then a word\n"
                                 "        heads 1..1\n"
                                 "        ask 1 room=0\n"
                                 "[ 3700] nothing to tell\n");
}

/* The answer is to what we knew before everyone here left and somebody came. */
static void what_was_known_before_is_not_known_now(void **state)
{
    (void)state;
    ann_is_there();
    when(600, "x is at one of them; a doubt");
    delta(1, 11, 0, 1, "x", "");
    heads(1, 11, 5, 6, 0);
    tick();
    when(601, "ann leaves, bob comes, then the answer: what you have is right");
    leaves(0);
    joins(1, "bob");
    answers_same(1, 11, 6, "", 1);
    tick();
    when(602, "and to the question that bob brought");
    answers(1, 11, 6, "x");
    answers(2, 12, 0, "");
    tick();
    assert_string_equal(it.text,
                        "[  600] x is at one of them; a doubt\n"
                        "        member 0: diff +x=5\n"
                        "        ask 1 room=1\n"
                        "[  601] ann leaves, bob comes, then the answer: what you have is right\n"
                        "        ask 1 room=0\n"
                        "        ask 2 room=0\n"
                        "[  602] and to the question that bob brought\n"
                        "        delta room 1<2 +bob=2 -1\n"
                        "        member 1: state bob=2 x=5\n");
}

/* The delta and the heads that would have told of it are lost, too: the heads after them show a hole. */
static void an_answer_older_than_a_hole_is_not_enough(void **state)
{
    (void)state;
    settled();
    when(100, "ann joins, and asks");
    joins(0, "ann");
    tick();
    answers(2, 12, 0, "");
    when(150, "heads of what was never told here, before the answer, which is older");
    heads(1, 11, 1, 1, 0);
    answers(1, 11, 0, "");
    tick();
    when(151, "the answer");
    answers(1, 11, 1, "x");
    tick();
    when(250, "told");
    tick();
    assert_string_equal(
        it.text, "[  100] ann joins, and asks\n"
                 "        delta room 0<1 +ann=1\n"
                 "        ask 1 room=0\n"
                 "        ask 2 room=0\n"
                 "[  150] heads of what was never told here, before the answer, which is older\n"
                 "        member 0: state ann=1\n"
                 "        ask 1 room=0\n"
                 "[  151] the answer\n"
                 "[  250] told\n"
                 "        member 0: diff +x=5\n");
}

/* Nobody here kept what was said meanwhile. */
static void an_answer_from_before_everyone_left_may_be_too_old(void **state)
{
    (void)state;
    settled();
    when(100, "ann joins, and asks");
    joins(0, "ann");
    tick();
    answers(2, 12, 0, "");
    when(110, "ann leaves; x comes at one of them");
    leaves(0);
    tick();
    delta(1, 11, 0, 1, "x", "");
    heads(1, 11, 0, 1, 1);
    when(120, "bob joins; what ann asked is answered, from before x");
    joins(1, "bob");
    answers(2, 12, 0, "");
    answers(1, 11, 0, "");
    tick();
    answers(2, 12, 0, "");
    answers(1, 11, 1, "x");
    when(210, "told");
    tick();
    assert_string_equal(it.text, "[  100] ann joins, and asks\n"
                                 "        delta room 0<1 +ann=1\n"
                                 "        ask 1 room=0\n"
                                 "        ask 2 room=0\n"
                                 "[  110] ann leaves; x comes at one of them\n"
                                 "        delta room 1<2 -1\n"
                                 "[  120] bob joins; what ann asked is answered, from before x\n"
                                 "        delta room 2<3 +bob=2\n"
                                 "        member 1: state bob=2\n"
                                 "        ask 1 room=0\n"
                                 "[  210] told\n"
                                 "        member 1: diff +x=5\n");
}

/* A connection may end by what it is told. Then the state is as it was told to the others. */
static void who_leaves_while_it_is_told(void **state)
{
    (void)state;
    ann_is_there();
    it.breaks[0] = true;
    when(600, "bob joins, and ann breaks at it");
    joins(1, "bob");
    tick();
    when(700, "bob is told");
    tick();
    it.breaks[1] = true;
    when(800, "cat joins, and bob breaks: nobody else is left of those who were told");
    joins(2, "cat");
    tick();
    when(900, "cat is told");
    tick();
    assert_string_equal(
        it.text, "[  600] bob joins, and ann breaks at it\n"
                 "        delta room 1<2 +bob=2\n"
                 "        member 0: diff +bob=2\n"
                 "        member 1: state ann=1 bob=2\n"
                 "[  700] bob is told\n"
                 "        delta room 2<3 -1\n"
                 "        member 1: diff -ann=1\n"
                 "[  800] cat joins, and bob breaks: nobody else is left of those who were told\n"
                 "        delta room 3<4 +cat=3\n"
                 "        member 1: diff +cat=3\n"
                 "        member 2: state bob=2 cat=3\n"
                 "        heads 1..4 room=4\n"
                 "[  900] cat is told\n"
                 "        delta room 4<5 -2\n"
                 "        member 2: diff -bob=2\n");
}

static void while_the_broker_is_away_nobody_is_judged(void **state)
{
    (void)state;
    ann_is_there();
    delta(1, 11, 0, 1, "x", "");
    tick();
    it.n = 0;
    it.text[0] = 0;
    for (unsigned ms = 700; ms <= 20000; ms += 100) { /* no heads at all, not even ours */
        it.now_ms = 10000 + ms;
        presence_tick(it.p, it.now_ms);
    }
    assert_null(strstr(it.text, "diff"));
    it.n = 0;
    when(20100, "it is back: ours first, the others' a little later");
    heads(US, 1, 0, 1, 0);
    tick();
    when(22000, "they are not judged by what was before");
    heads(US, 1, 0, 1, 0);
    tick();
    heads(1, 11, 1, 1, 0);
    tick();
    assert_string_equal(it.text, "[20100] it is back: ours first, the others' a little later\n"
                                 "[22000] they are not judged by what was before\n"
                                 "        heads 1..1\n"
                                 "        ask 1 room=1\n");
}

static void a_new_instance_ends_the_old_one(void **state)
{
    (void)state;
    ann_is_there();
    when(600, "x and y are at one of them");
    delta(1, 11, 0, 1, "xy", "");
    tick();
    when(800, "a new one in its place");
    heads(1, 77, 0, 0, 0);
    tick();
    when(801, "a late word of the old one");
    delta(1, 11, 1, 2, "z", "");
    answers(1, 11, 2, "xyz");
    heads(1, 11, 0, 2, 2);
    tick();
    when(900, "changes nothing");
    tick();
    when(1010, "the new one's y");
    answers(1, 77, 1, "y");
    tick();
    assert_string_equal(it.text, "[  600] x and y are at one of them\n"
                                 "        member 0: diff +x=5 +y=5\n"
                                 "[  800] a new one in its place\n"
                                 "        member 0: diff -x=5 -y=5\n"
                                 "        heads 1..1\n"
                                 "        ask 1 room=0\n"
                                 "[  801] a late word of the old one\n"
                                 "[  900] changes nothing\n"
                                 "[ 1010] the new one's y\n"
                                 "        member 0: diff +y=5\n");
}

static void who_drained_may_come_back_elsewhere(void **state)
{
    (void)state;
    ann_is_there();
    when(600, "x and y are at one that drains");
    delta(1, 11, 0, 1, "xy", "");
    heads_saying(1, 11, 0, 1, 1, 1);
    tick();
    when(800, "it has gone, and another one begins in its place");
    heads(1, 77, 0, 0, 0);
    tick();
    answers(1, 77, 0, "");
    when(900, "x is back elsewhere");
    delta(2, 12, 0, 1, "X", "");
    tick();
    when(2300, "y has had its time, and the old x is over");
    tick();
    assert_string_equal(it.text, "[  600] x and y are at one that drains\n"
                                 "        member 0: diff +x=5 +y=5\n"
                                 "[  800] it has gone, and another one begins in its place\n"
                                 "        heads 1..1\n"
                                 "        ask 1 room=0\n"
                                 "[  900] x is back elsewhere\n"
                                 "        member 0: diff +X=5\n"
                                 "[ 2300] y has had its time, and the old x is over\n"
                                 "        member 0: diff -x=5 -y=5\n"
                                 "        heads 1..1\n");
}

static void a_big_room_is_told_in_counts(void **state)
{
    (void)state;
    settled();
    when(0, "ann joins where two are too many");
    joins_with(0, "ann", 2, "{}");
    tick();
    answers(1, 11, 0, "");
    answers(2, 12, 0, "");
    tick();
    when(600, "three more");
    delta(1, 11, 0, 1, "xyz", "");
    tick();
    when(700, "and one: not yet");
    delta(1, 11, 1, 2, "u", "");
    tick();
    when(800, "bob joins and is told at once");
    joins_with(1, "bob", 2, "{}");
    tick();
    when(1100, "half a second after the last count");
    tick();
    when(1200, "all but one leave: a list again");
    delta(1, 11, 2, 3, "", "xyzu");
    leaves(1);
    tick();
    assert_string_equal(it.text, "[    0] ann joins where two are too many\n"
                                 "        delta room 0<1 +ann=1\n"
                                 "        ask 1 room=0\n"
                                 "        ask 2 room=0\n"
                                 "        member 0: state ann=1\n"
                                 "[  600] three more\n"
                                 "        member 0: count 4\n"
                                 "        heads 0..1 room=1\n"
                                 "[  700] and one: not yet\n"
                                 "[  800] bob joins and is told at once\n"
                                 "        delta room 1<2 +bob=2\n"
                                 "        member 1: count 6\n"
                                 "        heads 1..2 room=2\n"
                                 "[ 1100] half a second after the last count\n"
                                 "        member 1: count 6\n"
                                 "        member 0: count 6\n"
                                 "[ 1200] all but one leave: a list again\n"
                                 "        delta room 2<3 -2\n"
                                 "        member 0: state ann=1\n"
                                 "        heads 2..3 room=3\n");
}

static void who_takes_nothing_gets_the_state_later(void **state)
{
    (void)state;
    ann_is_there();
    it.slow[0] = true;
    when(600, "bob joins while ann takes nothing");
    joins(1, "bob");
    tick();
    when(700, "still nothing");
    tick();
    it.slow[0] = false;
    when(800, "now she does");
    tick();
    assert_string_equal(it.text, "[  600] bob joins while ann takes nothing\n"
                                 "        delta room 1<2 +bob=2\n"
                                 "        member 1: state ann=1 bob=2\n"
                                 "[  700] still nothing\n"
                                 "[  800] now she does\n"
                                 "        member 0: state ann=1 bob=2\n"
                                 "        heads 1..2 room=2\n");
}

static void what_we_answer_is_what_we_have_said(void **state)
{
    (void)state;
    ann_is_there();
    struct buf a;
    buf_init(&a, 4096);
    struct msg head = {.id = MSG_head, .head = {BYTES("room"), 0}};
    msg_write(&a, &head);
    struct msg_presence_ask q = {9, 1000, 1, 0, list_of(&a, 1)};
    struct msg m;
    when(600, "bob joins, and we are asked before we said so");
    joins(1, "bob");
    presence_asked(it.p, &q, &m);
    assert_int_equal(m.presence_parts.req, 9);
    struct mp_in in = list_in(m.presence_parts.parts);
    assert_true(msg_read(&in, &m));
    say("        answer at %d:", (int)m.presence_part.seq);
    say_entries(m.presence_part.entries);
    say("\n");
    tick();
    when(700, "asked by who has it all");
    buf_reset(&a);
    head.head.seq = 2;
    msg_write(&a, &head);
    q.topics = list_of(&a, 1);
    presence_asked(it.p, &q, &m);
    in = list_in(m.presence_parts.parts);
    assert_true(msg_read(&in, &m));
    say("        answer same=%d count=%d:", (int)m.presence_part.same, (int)m.presence_part.count);
    say_entries(m.presence_part.entries);
    say("\n");
    when(800, "by who had it from another instance");
    q.owner = 99;
    presence_asked(it.p, &q, &m);
    in = list_in(m.presence_parts.parts);
    assert_true(msg_read(&in, &m));
    say("        answer same=%d:", (int)m.presence_part.same);
    say_entries(m.presence_part.entries);
    say("\n");
    buf_fini(&a);
    assert_string_equal(it.text, "[  600] bob joins, and we are asked before we said so\n"
                                 "        answer at 1: +ann=1\n"
                                 "        delta room 1<2 +bob=2\n"
                                 "        member 0: diff +bob=2\n"
                                 "        member 1: state ann=1 bob=2\n"
                                 "[  700] asked by who has it all\n"
                                 "        answer same=1 count=2:\n"
                                 "[  800] by who had it from another instance\n"
                                 "        answer same=0: +ann=1 +bob=2\n");
}

/* The fourth entry of a process is one too many here; who has no name is never listed. */
static void above_the_limit_one_looks_on(void **state)
{
    (void)state;
    ann_is_there();
    when(600, "five more");
    joins(1, "");
    joins(2, "bob");
    joins(3, "cat");
    joins(4, "dan");
    joins(5, "eve");
    tick();
    assert_int_equal(presence_counts(it.p)->unlisted, 2);
    assert_false(presence_update(it.p, it.watchers[4], BYTES("{}"), it.now_ms));
    when(700, "cat leaves, fay joins");
    leaves(3);
    joins(3, "fay");
    tick();
    assert_string_equal(it.text, "[  600] five more\n"
                                 "        delta room 1<2 +bob=2 +cat=3\n"
                                 "        member 0: diff +bob=2 +cat=3\n"
                                 "        member 1: state ann=1 bob=2 cat=3\n"
                                 "        member 2: state ann=1 bob=2 cat=3\n"
                                 "        member 3: state ann=1 bob=2 cat=3\n"
                                 "        member 4: state ann=1 bob=2 cat=3\n"
                                 "        member 5: state ann=1 bob=2 cat=3\n"
                                 "[  700] cat leaves, fay joins\n"
                                 "        delta room 2<3 +fay=4 -3\n"
                                 "        member 4: diff +fay=4 -cat=3\n"
                                 "        member 5: diff +fay=4 -cat=3\n"
                                 "        member 2: diff +fay=4 -cat=3\n"
                                 "        member 1: diff +fay=4 -cat=3\n"
                                 "        member 0: diff +fay=4 -cat=3\n"
                                 "        member 3: state ann=1 bob=2 fay=4\n");
}

static void an_empty_room_is_forgotten_and_says_so_when_it_returns(void **state)
{
    (void)state;
    ann_is_there();
    when(600, "ann leaves");
    leaves(0);
    tick();
    when(1000, "heads");
    tick();
    assert_int_equal(presence_counts(it.p)->entries, 0);
    bool all;
    assert_null(presence_room(it.p, BYTES("room"), &all));
    when(1100, "bob joins: before him there was nobody (0)");
    joins(1, "bob");
    tick();
    assert_string_equal(it.text, "[  600] ann leaves\n"
                                 "        delta room 1<2 -1\n"
                                 "[ 1000] heads\n"
                                 "        heads 1..2 room=2\n"
                                 "[ 1100] bob joins: before him there was nobody (0)\n"
                                 "        delta room 0<3 +bob=2\n"
                                 "        ask 1 room=0\n"
                                 "        ask 2 room=0\n");
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest stories[] = {
        STORY(a_join_is_told_when_all_have_answered),
        STORY(an_owner_that_does_not_answer_is_not_waited_for_long),
        STORY(what_comes_in_a_row_is_told_together),
        STORY(an_update_is_one_diff_with_both),
        STORY(a_hole_is_asked_for),
        STORY(the_last_delta_was_lost_and_the_heads_tell),
        STORY(all_say_their_heads_at_the_same_moments),
        STORY(a_silent_owner_is_gone_and_may_come_back),
        STORY(who_is_gone_and_back_in_one_telling_never_was_away),
        STORY(an_answer_older_than_a_hole_is_not_enough),
        STORY(an_answer_from_before_everyone_left_may_be_too_old),
        STORY(what_was_known_before_is_not_known_now),
        STORY(who_leaves_while_it_is_told),
        STORY(while_the_broker_is_away_nobody_is_judged),
        STORY(a_new_instance_ends_the_old_one),
        STORY(who_drained_may_come_back_elsewhere),
        STORY(a_big_room_is_told_in_counts),
        STORY(who_takes_nothing_gets_the_state_later),
        STORY(what_we_answer_is_what_we_have_said),
        STORY(above_the_limit_one_looks_on),
        STORY(an_empty_room_is_forgotten_and_says_so_when_it_returns),
    };
    return cmocka_run_group_tests(stories, NULL, NULL);
}
