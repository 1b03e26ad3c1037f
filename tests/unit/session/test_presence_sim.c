/* SPDX-License-Identifier: Apache-2.0 */
/* Presence of four processes in one program, on one clock, with a dice for everything that may happen
 * between them: messages lost, doubled, late, and in another order after the broker was away; processes
 * killed, restarted, stopped and continued. Then it becomes quiet, and everyone must see who is there.
 * Each member is a client that keeps its list as phoenix.js does, and accepts nothing odd.
 * SEED=17 runs one. */
#include "session/presence/presence.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum {
    OWNERS = 4,
    CLIENTS = 10, /* of a process */
    ROOMS = 3,
    SEEN_MAX = 4 * OWNERS * CLIENTS,
    STEP_MS = 5,
    STORM_MS = 20000,
    QUIET_MS = 7000, /* the last kill may be at its start: 5 s, and a little */
    SEEDS = 150,
};

static uint64_t dice_state;

static uint64_t dice(uint64_t sides)
{
    uint64_t z = (dice_state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % sides;
}

struct seen {
    char ref[PRESENCE_REF_MAX + 1];
    uint64_t number; /* that is in the meta: no other has it */
};

struct client {
    struct watcher *watcher; /* NULL: not there */
    unsigned owner, room;
    uint64_t number;
    char user[8];
    bool synced;
    struct seen list[SEEN_MAX];
    unsigned n;
};

enum parcel_kind { BROADCAST, QUESTION, ANSWER };

/* Something on its way. */
struct parcel {
    struct parcel *next;
    uint64_t due_ms;
    enum parcel_kind kind;
    unsigned from;
    uint64_t life; /* answer: of the process that asked */
    size_t n;
    char bytes[];
};

static struct process {
    struct presence *p;
    uint64_t life;    /* which of those in this place; 0: dead */
    uint64_t back_ms; /* dead or stopped: until then */
    bool stopped;
    struct parcel *inbox, **last;
    uint64_t fifo_ms[OWNERS]; /* what came from there is in order */
    struct client clients[CLIENTS];
} all[OWNERS];

static struct {
    uint64_t now_ms, lives, numbers;
    uint64_t broker_back_ms; /* away until then */
    unsigned loss, twice;    /* percent */
    uint64_t diffs, states;
} sim;

static const char *const rooms[ROOMS] = {"room:a", "room:b", "room:c"};

static void post(unsigned to, unsigned from, enum parcel_kind kind, uint64_t due_ms, uint64_t life,
                 const struct msg *m)
{
    struct buf b;
    buf_init(&b, TEXT_MAX);
    msg_write(&b, m);
    struct parcel *one = malloc(sizeof *one + b.n);
    assert_non_null(one);
    *one = (struct parcel){.due_ms = due_ms, .kind = kind, .from = from, .life = life, .n = b.n};
    memcpy(one->bytes, b.p, b.n);
    *all[to].last = one;
    all[to].last = &one->next;
    buf_fini(&b);
}

static unsigned me(void *about)
{
    return (unsigned)((struct process *)about - all);
}

/* Through the broker, to all. */
static void publish(void *about, const struct msg *m)
{
    unsigned from = me(about);
    if (sim.now_ms < sim.broker_back_ms)
        return;
    for (unsigned to = 0; to < OWNERS; to++) {
        if (all[to].life == 0 || dice(100) < sim.loss)
            continue;
        uint64_t due_ms = sim.now_ms + dice(20);
        if (due_ms < all[to].fifo_ms[from])
            due_ms = all[to].fifo_ms[from];
        all[to].fifo_ms[from] = due_ms;
        post(to, from, BROADCAST, due_ms, 0, m);
        if (dice(100) < sim.twice)
            post(to, from, BROADCAST, due_ms, 0, m);
    }
}

static void ask(void *about, unsigned index, struct msg *m)
{
    post(index, me(about), QUESTION, sim.now_ms + 1 + dice(30), ((struct process *)about)->life, m);
}

static bool ready(void *about, const void *member)
{
    (void)about;
    (void)member;
    return dice(50) > 0;
}

static void add(struct client *c, json_t *users)
{
    const char *user;
    json_t *one, *meta;
    size_t i;
    json_object_foreach(users, user, one) json_array_foreach(json_object_get(one, "metas"), i, meta)
    {
        const char *ref = json_string_value(json_object_get(meta, "phx_ref"));
        for (unsigned k = 0; k < c->n; k++)
            assert_string_not_equal(c->list[k].ref, ref); /* told twice */
        assert_true(c->n < SEEN_MAX);
        struct seen *s = &c->list[c->n++];
        snprintf(s->ref, sizeof s->ref, "%s", ref);
        s->number = (uint64_t)json_integer_value(json_object_get(meta, "n"));
    }
}

static void drop(struct client *c, json_t *users)
{
    const char *user;
    json_t *one, *meta;
    size_t i;
    json_object_foreach(users, user, one) json_array_foreach(json_object_get(one, "metas"), i, meta)
    {
        const char *ref = json_string_value(json_object_get(meta, "phx_ref"));
        unsigned k = 0;
        while (k < c->n && strcmp(c->list[k].ref, ref) != 0)
            k++;
        assert_true(k < c->n); /* who was never there does not leave */
        c->list[k] = c->list[--c->n];
    }
}

static void tell(void *about, void *member, const struct presence_news *news)
{
    struct client *c = member;
    json_t *payload = json_loadb(news->payload.p, news->payload.n, 0, NULL);
    (void)about;
    assert_non_null(payload);
    assert_non_null(c->watcher);
    if (news->kind == NEWS_state) {
        sim.states++;
        c->n = 0;
        c->synced = true;
        add(c, payload);
    } else {
        sim.diffs++;
        assert_int_equal(news->kind, NEWS_diff);
        assert_true(c->synced); /* no diff before the state */
        add(c, json_object_get(payload, "joins"));
        drop(c, json_object_get(payload, "leaves"));
    }
    json_decref(payload);
}

static void live(unsigned i)
{
    struct presence_limits limits = presence_limits;
    const struct presence_hand hand = {&all[i], publish, ask, ready, tell};
    limits.owners = OWNERS;
    all[i].life = ++sim.lives;
    /* The clock by which they were started is set back now and then. */
    uint64_t began = dice(8) > 0 ? sim.now_ms : dice(sim.now_ms);
    uint64_t instance = began << PRESENCE_CHANCE | (sim.lives & 0xfffff);
    all[i].p = presence_new(&hand, &limits, i, instance, 7, sim.now_ms);
}

static void leave(struct process *p, struct client *c)
{
    presence_unwatch(p->p, c->watcher, false, sim.now_ms);
    memset(c, 0, sizeof *c);
}

/* A question that nobody answered: its time is over. */
static void unanswered(unsigned to, const struct parcel *one, unsigned by)
{
    struct msg none = {.id = MSG_presence_parts, .presence_parts = {.status = ERR_UNKNOWN}};
    post(to, by, ANSWER, sim.now_ms + 1000, one->life, &none);
}

static void forget(unsigned i)
{
    for (struct parcel *one = all[i].inbox, *next; one; one = next) {
        next = one->next;
        free(one);
    }
    all[i].inbox = NULL;
    all[i].last = &all[i].inbox;
}

/* Questions to the dead come to nothing. */
static void refuse(unsigned i)
{
    for (struct parcel *one = all[i].inbox; one; one = one->next)
        if (one->kind == QUESTION)
            unanswered(one->from, one, i);
    forget(i);
}

/* kill -9: nobody hears of it. */
static void die(unsigned i)
{
    struct process *p = &all[i];
    for (unsigned k = 0; k < CLIENTS; k++)
        if (p->clients[k].watcher)
            leave(p, &p->clients[k]);
    presence_free(&p->p);
    refuse(i);
    p->life = 0;
    p->stopped = false;
}

static void join_one(unsigned i, struct client *c)
{
    char meta[64];
    c->owner = i;
    c->room = (unsigned)dice(ROOMS);
    c->number = ++sim.numbers;
    snprintf(c->user, sizeof c->user, "u%d", (int)dice(12));
    snprintf(meta, sizeof meta, "{\"n\":%llu}", (unsigned long long)c->number);
    c->watcher = presence_watch(all[i].p, c, bytes_of(rooms[c->room]), 1000, bytes_of(c->user),
                                bytes_of(meta), sim.now_ms);
}

static void some_client_does_something(unsigned i)
{
    struct client *c = &all[i].clients[dice(CLIENTS)];
    char meta[64];
    if (!c->watcher) {
        join_one(i, c);
    } else if (dice(3) > 0) {
        leave(&all[i], c);
    } else {
        c->number = ++sim.numbers;
        snprintf(meta, sizeof meta, "{\"n\":%llu}", (unsigned long long)c->number);
        assert_true(presence_update(all[i].p, c->watcher, bytes_of(meta), sim.now_ms));
    }
}

static void deliver(unsigned i, const struct parcel *one)
{
    struct mp_in in = mp_over((struct bytes){one->bytes, one->n});
    struct msg m, answer;
    assert_true(msg_read(&in, &m));
    if (one->kind == QUESTION && dice(100) < sim.loss) {
        unanswered(one->from, one, i);
    } else if (one->kind == QUESTION) {
        presence_asked(all[i].p, &m.presence_ask, &answer);
        post(one->from, i, ANSWER, sim.now_ms + 1 + dice(30), one->life, &answer);
    } else if (one->kind == ANSWER && one->life == all[i].life) {
        bool good = m.presence_parts.status == ERR_OK;
        presence_answered(all[i].p, one->from, good ? &m.presence_parts : NULL, sim.now_ms);
    } else if (m.id == MSG_presence_delta) {
        presence_delta(all[i].p, &m.presence_delta, sim.now_ms);
    } else if (m.id == MSG_presence_heads) {
        presence_heads(all[i].p, &m.presence_heads, sim.now_ms);
    }
}

static void run(unsigned i)
{
    struct process *p = &all[i];
    struct parcel **at = &p->inbox;
    while (*at) {
        struct parcel *one = *at;
        if (one->due_ms > sim.now_ms) {
            at = &one->next;
            continue;
        }
        *at = one->next;
        if (!*at)
            p->last = at;
        deliver(i, one);
        free(one);
    }
    p->last = at;
    if (presence_deadline_ms(p->p) <= sim.now_ms)
        presence_tick(p->p, sim.now_ms);
}

static void turn(void)
{
    sim.now_ms += STEP_MS;
    for (unsigned i = 0; i < OWNERS; i++) {
        struct process *p = &all[i];
        if (p->life == 0 && sim.now_ms >= p->back_ms)
            live(i);
        if (p->stopped && sim.now_ms >= p->back_ms)
            p->stopped = false;
        if (p->life == 0)
            refuse(i);
        else if (!p->stopped)
            run(i);
    }
}

/* The broker is back: what it had may come late and in any order. */
static void shuffle(void)
{
    for (unsigned i = 0; i < OWNERS; i++)
        for (struct parcel *one = all[i].inbox; one; one = one->next)
            if (one->kind == BROADCAST)
                one->due_ms = sim.now_ms + dice(400);
}

static void trouble(void)
{
    unsigned i = (unsigned)dice(OWNERS);
    if (all[i].life && !all[i].stopped && dice(100) < 30)
        some_client_does_something(i);
    if (dice(4000 / STEP_MS) == 0 && all[i].life) {
        die(i);
        all[i].back_ms = sim.now_ms + dice(2) * dice(6000);
    }
    if (dice(8000 / STEP_MS) == 0 && all[i].life && !all[i].stopped) {
        all[i].stopped = true;
        all[i].back_ms = sim.now_ms + dice(6000);
    }
    if (dice(8000 / STEP_MS) == 0 && sim.now_ms >= sim.broker_back_ms) {
        sim.broker_back_ms = sim.now_ms + dice(2) * dice(6000);
        shuffle();
    }
}

static void check_client(const struct client *c)
{
    unsigned there = 0;
    assert_true(c->synced);
    for (unsigned i = 0; i < OWNERS; i++)
        for (unsigned k = 0; k < CLIENTS; k++) {
            const struct client *other = &all[i].clients[k];
            unsigned found = 0;
            if (!other->watcher || other->room != c->room)
                continue;
            there++;
            for (unsigned n = 0; n < c->n; n++)
                found += c->list[n].number == other->number;
            assert_int_equal(found, 1);
        }
    assert_int_equal(c->n, there);
}

static void check_all(void)
{
    for (unsigned i = 0; i < OWNERS; i++)
        for (unsigned k = 0; k < CLIENTS; k++)
            if (all[i].clients[k].watcher)
                check_client(&all[i].clients[k]);
}

static void begin(uint64_t seed)
{
    dice_state = seed;
    memset(&sim, 0, sizeof sim);
    memset(all, 0, sizeof all);
    sim.now_ms = 1000;
    for (unsigned i = 0; i < OWNERS; i++) {
        all[i].last = &all[i].inbox;
        live(i);
    }
}

static void finish(void)
{
    for (unsigned i = 0; i < OWNERS; i++)
        if (all[i].life)
            die(i);
    for (unsigned i = 0; i < OWNERS; i++)
        forget(i);
}

static void quiet(uint64_t ms)
{
    sim.loss = sim.twice = 0;
    sim.broker_back_ms = 0;
    for (unsigned i = 0; i < OWNERS; i++)
        all[i].back_ms = 0;
    for (uint64_t end = sim.now_ms + ms; sim.now_ms < end;)
        turn();
}

static void storm(uint64_t seed)
{
    begin(seed);
    sim.loss = (unsigned)dice(20);
    sim.twice = (unsigned)dice(20);
    while (sim.now_ms < STORM_MS) {
        trouble();
        turn();
    }
    quiet(QUIET_MS);
    check_all();
    uint64_t diffs = sim.diffs;
    quiet(QUIET_MS); /* and it stays so, without a word */
    assert_int_equal(sim.diffs, diffs);
    check_all();
    finish();
}

static void all_views_become_the_truth(void **state)
{
    (void)state;
    const char *one = getenv("SEED");
    uint64_t from = one ? strtoull(one, NULL, 10) : 1, to = one ? from : SEEDS;
    for (uint64_t seed = from; seed <= to; seed++) {
        fprintf(stderr, "\r# SEED=%llu ", (unsigned long long)seed);
        storm(seed);
    }
    fprintf(stderr, "\n");
}

/* Everyone stays. The broker goes and comes back, messages are lost: nobody is told anything. */
static void nobody_flickers(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS / 4; seed++) {
        begin(seed);
        for (unsigned i = 0; i < OWNERS; i++)
            for (unsigned k = 0; k < CLIENTS; k++)
                join_one(i, &all[i].clients[k]);
        quiet(3000);
        uint64_t diffs = sim.diffs;
        check_all();
        for (unsigned n = 0; n < 10; n++) {
            sim.loss = (unsigned)dice(10); /* more, and all of 3 s may be lost by chance */
            sim.broker_back_ms = sim.now_ms + dice(2) * dice(10000);
            shuffle();
            uint64_t end = sim.now_ms + dice(8000);
            while (sim.now_ms < end)
                turn();
        }
        quiet(3000);
        assert_int_equal(sim.diffs, diffs);
        check_all();
        finish();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_flickers),
        cmocka_unit_test(all_views_become_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
