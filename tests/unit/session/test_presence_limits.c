/* SPDX-License-Identifier: Apache-2.0 */
/* Presence at its bounds: every table reached, ten thousand joins in a storm, and what a state looks
 * like. */
#include "session/presence/presence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

enum { NOW = 100000 };

/* What a core did, as numbers; with `to`, its broadcasts reach that one at once. */
static struct seen {
    struct presence *to;
    uint64_t deltas, heads, asks, states, diffs, counts, bytes;
    uint64_t topics;   /* of the last heads */
    uint64_t most;     /* entries of the largest delta */
    uint64_t chain_to; /* the last heads' end */
    uint64_t asked;    /* topics of the last question */
    char last[512];    /* payload, or how it begins */
} one, two;

static uint64_t now_ms;

static void publish(void *about, const struct msg *m)
{
    struct seen *s = about;
    if (m->id == MSG_presence_delta) {
        s->deltas++;
        if (m->presence_delta.joins.count > s->most)
            s->most = m->presence_delta.joins.count;
        if (s->to)
            presence_delta(s->to, &m->presence_delta, now_ms);
    } else {
        s->heads++;
        s->topics = m->presence_heads.topics.count;
        assert_int_equal(m->presence_heads.from, s->chain_to); /* no hole between heads */
        s->chain_to = m->presence_heads.to;
        if (s->to)
            presence_heads(s->to, &m->presence_heads, now_ms);
    }
}

static void ask(void *about, unsigned index, struct msg *m)
{
    struct seen *s = about;
    (void)index;
    s->asks++;
    s->asked = m->presence_ask.topics.count;
}

static bool ready(void *about, const void *member)
{
    (void)about;
    (void)member;
    return true;
}

static void tell(void *about, void *member, const struct presence_news *news)
{
    struct seen *s = about;
    (void)member;
    s->states += news->kind == NEWS_state;
    s->diffs += news->kind == NEWS_diff;
    s->counts += news->kind == NEWS_count;
    s->bytes += news->payload.n;
    snprintf(s->last, sizeof s->last, "%.*s", (int)news->payload.n, news->payload.p);
}

static struct presence *made(struct seen *s, unsigned index, const struct presence_limits *limits)
{
    const struct presence_hand hand = {s, publish, ask, ready, tell};
    memset(s, 0, sizeof *s);
    return presence_new(&hand, limits, index, 1000 + index, 7, 0);
}

static struct presence_limits limits_of(unsigned owners)
{
    struct presence_limits limits = presence_limits;
    limits.owners = owners;
    return limits;
}

static struct watcher *watch(struct presence *p, const char *topic, uint32_t max, const char *user,
                             const char *meta)
{
    return presence_watch(p, p, bytes_of(topic), max, bytes_of(user), bytes_of(meta), now_ms);
}

static void ends(struct presence *p, struct watcher **all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (all[i])
            presence_unwatch(p, all[i], false, now_ms);
    presence_tick(p, now_ms);
    free(all);
}

/* An answer to a question for one topic, with `m` as its one part. */
static void asked(struct presence *p, const char *topic, struct msg *m)
{
    struct buf b;
    buf_init(&b, 1000);
    struct msg head = {.id = MSG_head, .head = {bytes_of(topic), 0}};
    msg_write(&b, &head);
    struct msg_presence_ask q = {.topics = list_of(&b, 1)};
    presence_asked(p, &q, m);
    assert_int_equal(m->presence_parts.parts.count, 1);
    struct mp_in in = list_in(m->presence_parts.parts);
    assert_true(msg_read(&in, m));
    buf_fini(&b);
}

static void a_state_in_json(void **state)
{
    (void)state;
    struct presence_limits limits = limits_of(1);
    struct presence *p = made(&one, 0, &limits);
    struct watcher **w = calloc(4, sizeof *w);
    now_ms = NOW;
    w[0] = watch(p, "room", 100, "bob", "{\"a\":[1,{}]}");
    w[1] = watch(p, "room", 100, "ann", "{}");
    w[2] = watch(p, "room", 100, "\xc3\xa9\"\\", "{\"n\":1}");
    w[3] = watch(p, "room", 100, "ann", "{\"b\":2}");
    presence_tick(p, now_ms);
    assert_int_equal(one.states, 4);
    assert_string_equal(
        one.last,
        "{\"ann\":{\"metas\":[{\"phx_ref\":\"6AMAAAAAAAAAAAAAAAAC\"},"
        "{\"phx_ref\":\"6AMAAAAAAAAAAAAAAAAE\",\"b\":2}]},"
        "\"bob\":{\"metas\":[{\"phx_ref\":\"6AMAAAAAAAAAAAAAAAAB\",\"a\":[1,{}]}]},"
        "\"\xc3\xa9\\\"\\\\\":{\"metas\":[{\"phx_ref\":\"6AMAAAAAAAAAAAAAAAAD\",\"n\":1}]}}");
    now_ms += 1000;
    presence_unwatch(p, w[0], false, now_ms);
    w[0] = NULL;
    presence_tick(p, now_ms);
    assert_string_equal(one.last, "{\"joins\":{},\"leaves\":{\"bob\":{\"metas\":[{\"phx_ref\":"
                                  "\"6AMAAAAAAAAAAAAAAAAB\",\"a\":[1,{}]}]}}}");
    ends(p, w, 4);
    presence_free(&p);
}

static void a_state_is_what_was_told(void **state)
{
    (void)state;
    struct room *r = room_new(BYTES("room"), 7);
    struct msg_presence_entry m = {BYTES("r"), BYTES(""), BYTES("u"), BYTES("{}")};
    struct presence_entry *e = entry_new(&m, 0);
    static const uint32_t want[] = {0, 1, 1, 0}; /* new; told; has left; told */
    for (int i = 0; i < 4; i++) {
        if (i == 0)
            room_join(r, e, 0);
        else if (i == 2)
            room_leave(r, e, 0);
        else
            room_told(r);
        struct entry_list all = room_state(r);
        assert_int_equal(all.n, want[i]);
        entries_fini(&all);
    }
    room_free(r);
}

/* 10,000 within a second, in turns of 5 ms, in one process; another one hears of them. */
static void a_storm_of_joins(void **state)
{
    (void)state;
    enum { JOINS = 10000, TURN_MS = 5, MAX = 1000 };
    struct presence_limits limits = limits_of(2);
    struct presence *p = made(&one, 0, &limits), *q = made(&two, 1, &limits);
    struct watcher **w = calloc(JOINS + 1, sizeof *w);
    clock_t from = clock();
    now_ms = NOW;
    one.to = q;
    w[JOINS] = watch(q, "room", MAX, "eve", "{}");
    presence_tick(q, now_ms);
    for (int i = 0; i < JOINS; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", i);
        w[i] = watch(p, "room", MAX, user, "{\"online_at\":\"2026-11-23T14:45:00.123Z\"}");
        if (i % 50 == 49) {
            now_ms += TURN_MS;
            presence_tick(p, now_ms);
            presence_tick(q, now_ms);
        }
    }
    for (int i = 0; i < 400; i++) {
        now_ms += TURN_MS;
        presence_tick(p, now_ms);
        presence_tick(q, now_ms);
    }
    bool whole;
    assert_int_equal(presence_room(p, BYTES("room"), &whole)->entries.used, JOINS);
    assert_int_equal(presence_room(q, BYTES("room"), &whole)->entries.used, JOINS + 1);
    assert_string_equal(one.last, "{\"count\":10000}");
    assert_string_equal(two.last, "{\"count\":10001}");
    print_message(
        "# %d joins: %llu states, %llu diffs, %llu counts, %llu KB; %llu deltas; %ld ms\n", JOINS,
        (unsigned long long)one.states, (unsigned long long)one.diffs,
        (unsigned long long)one.counts, (unsigned long long)one.bytes / 1000,
        (unsigned long long)one.deltas, (long)((clock() - from) * 1000 / CLOCKS_PER_SEC));
    assert_true(one.states <= MAX);
    assert_true(one.states + one.diffs + one.counts < 6 * JOINS);
    assert_true(one.deltas < 40);
    assert_true(one.most <= PRESENCE_BATCH);
    presence_unwatch(q, w[JOINS], false, now_ms);
    ends(p, w, JOINS);
    presence_free(&p);
    presence_free(&q);
}

/* More in one telling than a delta may hold: several, each behind the other. */
static void a_large_change_is_several_deltas(void **state)
{
    (void)state;
    enum { JOINS = 2500 };
    struct presence_limits limits = limits_of(2);
    struct presence *p = made(&one, 0, &limits), *q = made(&two, 1, &limits);
    struct watcher **w = calloc(JOINS, sizeof *w);
    now_ms = NOW;
    one.to = q;
    struct watcher *eve = watch(q, "room", 100000, "eve", "{}");
    presence_tick(q, now_ms);
    for (int i = 0; i < JOINS; i++)
        w[i] = watch(p, "room", 100000, "u", "{}");
    presence_tick(p, now_ms);
    assert_int_equal(one.deltas, 3);
    assert_int_equal(one.most, PRESENCE_BATCH);
    bool whole;
    assert_int_equal(presence_room(q, BYTES("room"), &whole)->entries.used, JOINS + 1);
    assert_true(whole);
    now_ms += 1000;
    for (int i = 0; i < JOINS; i++) {
        presence_unwatch(p, w[i], false, now_ms);
        w[i] = NULL;
    }
    presence_tick(p, now_ms);
    assert_int_equal(one.deltas, 6);
    assert_int_equal(presence_room(q, BYTES("room"), &whole)->entries.used, 1);
    assert_int_equal(presence_counts(q)->holes, 0);
    presence_unwatch(q, eve, false, now_ms);
    ends(p, w, JOINS);
    presence_free(&p);
    presence_free(&q);
}

/* As many topics as there may be; heads in several messages; questions in portions. */
static void as_many_topics_as_there_may_be(void **state)
{
    (void)state;
    enum { ROOMS = 2500 };
    struct presence_limits limits = limits_of(2);
    limits.rooms = ROOMS;
    struct presence *p = made(&one, 0, &limits);
    struct watcher **w = calloc(ROOMS, sizeof *w);
    char topic[32];
    now_ms = NOW;
    presence_tick(p, now_ms);
    uint64_t heads = one.heads;
    for (int i = 0; i < ROOMS; i++) {
        snprintf(topic, sizeof topic, "room:%d", i);
        w[i] = watch(p, topic, 100, "u", "{}");
        assert_non_null(w[i]);
    }
    assert_null(watch(p, "one too many", 100, "u", "{}"));
    assert_int_equal(presence_counts(p)->unlisted, 1);
    assert_non_null(w[0]->entry);
    now_ms += 1000;
    presence_tick(p, now_ms);
    assert_int_equal(one.heads - heads, 3);
    assert_int_equal(one.topics, ROOMS - 2 * CHANGES_MAX);
    assert_int_equal(one.chain_to, ROOMS);
    struct msg_presence_heads h = {.owner = 5, .index = 1};
    presence_heads(p, &h, now_ms); /* somebody to ask appears */
    presence_tick(p, now_ms);
    assert_int_equal(one.asks, 1);
    assert_true(one.asked < 1000);
    presence_tick(p, now_ms);
    assert_int_equal(one.asks, 1); /* one question at a time */
    presence_unwatch(p, w[0], false, now_ms);
    w[0] = NULL;
    presence_tick(p, now_ms); /* told; the heads come later */
    now_ms += 1000;
    presence_tick(p, now_ms);
    w[0] = watch(p, "room for one more", 100, "u", "{}");
    assert_non_null(w[0]);
    ends(p, w, ROOMS);
    presence_free(&p);
}

/* A state that no long-poll's answer would hold, once each of its quotes is escaped: a count instead. */
static void a_state_is_not_longer_than_an_answer(void **state)
{
    (void)state;
    enum { LISTED = 9000 };
    struct presence_limits limits = limits_of(2);
    struct presence *p = made(&one, 0, &limits), *q = made(&two, 1, &limits);
    struct watcher **w = calloc(LISTED, sizeof *w);
    static char meta[PRESENCE_META_MAX];
    memset(meta, '"', sizeof meta - 2);
    memcpy(meta, "{\"a\":", 5);
    memcpy(meta + sizeof meta - 2, "}", 2);
    now_ms = NOW;
    one.to = q;
    for (int i = 0; i < LISTED; i++)
        w[i] = watch(p, "room", 100, "u", meta);
    presence_tick(p, now_ms);
    struct watcher *eve = watch(q, "room", 100000, "", "{}");
    presence_tick(q, now_ms);
    struct msg m;
    asked(p, "room", &m);
    assert_int_equal(m.presence_part.entries.count, LISTED);
    struct buf part;
    buf_init(&part, TEXT_MAX);
    struct msg whole = {.id = MSG_presence_part, .presence_part = m.presence_part};
    msg_write(&part, &whole);
    struct msg_presence_parts answer = {.owner = 1000, .parts = list_of(&part, 1)};
    presence_answered(q, 0, &answer, now_ms);
    presence_tick(q, now_ms);
    bool all;
    assert_int_equal(presence_room(q, BYTES("room"), &all)->entries.used, LISTED);
    assert_int_equal(two.states, 0);
    assert_string_equal(two.last, "{\"count\":9000}");
    buf_fini(&part);
    presence_unwatch(q, eve, false, now_ms);
    ends(p, w, LISTED);
    presence_free(&p);
    presence_free(&q);
}

/* The largest metas that there may be, until there is no more room; and it still fits one answer, also
 * while as many again have left and nobody was told. */
static void as_many_bytes_as_there_may_be(void **state)
{
    (void)state;
    enum { TRIES = 12000 };
    struct presence_limits limits = limits_of(2);
    struct presence *p = made(&one, 0, &limits);
    struct watcher **w = calloc(TRIES, sizeof *w);
    static char meta[PRESENCE_META_MAX + 1];
    struct msg m;
    memset(meta, ' ', sizeof meta - 1);
    meta[0] = '{';
    meta[PRESENCE_META_MAX - 1] = '}';
    now_ms = NOW;
    uint32_t listed = 0;
    for (int i = 0; i < TRIES; i++) {
        w[i] = watch(p, "room", 100, "u", meta);
        listed += w[i]->entry != NULL;
    }
    assert_true(listed > 9000);
    assert_true(listed < TRIES);
    assert_int_equal(presence_counts(p)->unlisted, TRIES - listed);
    presence_tick(p, now_ms);
    asked(p, "room", &m);
    assert_int_equal(m.presence_part.count, listed);
    assert_int_equal(m.presence_part.entries.count, listed);
    for (int i = 0; i < TRIES; i++) { /* all change places before it is told */
        presence_unwatch(p, w[i], false, now_ms);
        w[i] = watch(p, "room", 100, "v", meta);
    }
    asked(p, "room", &m);
    assert_int_equal(m.presence_part.entries.count, listed); /* as it was told last */
    ends(p, w, TRIES);
    presence_free(&p);
}

static void as_many_entries_as_there_may_be(void **state)
{
    (void)state;
    struct presence_limits limits = limits_of(2);
    limits.entries = 3;
    limits.merged = 5;
    struct presence *p = made(&one, 0, &limits), *q = made(&two, 1, &limits);
    struct watcher **w = calloc(8, sizeof *w);
    now_ms = NOW;
    one.to = q;
    w[0] = watch(q, "room", 100, "u", "{}");
    presence_tick(q, now_ms);
    for (int i = 1; i < 5; i++)
        w[i] = watch(p, "room", 100, "u", "{}");
    assert_non_null(w[3]->entry);
    assert_null(w[4]->entry); /* the fourth of a process */
    presence_tick(p, now_ms);
    for (int i = 5; i < 7; i++)
        w[i] = watch(q, "room", 100, "u", "{}");
    assert_non_null(w[5]->entry);
    assert_null(w[6]->entry); /* the sixth of the topic */
    for (int i = 0; i < 8; i++)
        if (w[i])
            presence_unwatch(w[i]->room == presence_room(p, BYTES("room"), &(bool){0}) ? p : q,
                             w[i], false, now_ms);
    free(w);
    presence_free(&p);
    presence_free(&q);
}

/* Places beyond those that there are, our own place with another instance, no instance: nobody. */
static void owners_beyond_the_bound_are_nobody(void **state)
{
    (void)state;
    struct presence_limits limits = limits_of(2);
    struct presence *p = made(&one, 0, &limits);
    struct watcher **w = calloc(1, sizeof *w);
    now_ms = NOW;
    w[0] = watch(p, "room", 100, "u", "{}");
    struct buf b;
    buf_init(&b, 1000);
    struct msg e = {.id = MSG_presence_entry,
                    .presence_entry = {BYTES("r"), BYTES(""), BYTES("x"), BYTES("{}")}};
    msg_write(&b, &e);
    static const struct {
        uint64_t owner, index;
    } rows[] = {{9, 2}, {9, UINT64_MAX}, {9, UINT64_C(1) << 32}, {9, 0}, {0, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct msg_presence_delta d = {rows[i].owner,  rows[i].index, 1, 0, BYTES("room"),
                                       list_of(&b, 1), {{NULL, 0}, 0}};
        struct msg_presence_heads h = {.owner = rows[i].owner, .index = rows[i].index, .to = 7};
        presence_delta(p, &d, now_ms);
        presence_heads(p, &h, now_ms);
    }
    bool whole;
    assert_int_equal(presence_room(p, BYTES("room"), &whole)->entries.used, 1);
    assert_false(presence_expects(p, 2));
    buf_fini(&b);
    ends(p, w, 1);
    presence_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_in_json),
        cmocka_unit_test(a_state_is_what_was_told),
        cmocka_unit_test(a_storm_of_joins),
        cmocka_unit_test(a_large_change_is_several_deltas),
        cmocka_unit_test(as_many_topics_as_there_may_be),
        cmocka_unit_test(a_state_is_not_longer_than_an_answer),
        cmocka_unit_test(as_many_bytes_as_there_may_be),
        cmocka_unit_test(as_many_entries_as_there_may_be),
        cmocka_unit_test(owners_beyond_the_bound_are_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
