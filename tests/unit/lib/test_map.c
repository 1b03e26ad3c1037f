/* SPDX-License-Identifier: Apache-2.0 */
/* map: against a plain table of what is in it, by dice. */
#include "tests/unit/edge.h"

#include "lib/map.h"

enum { THINGS = 2000 };

struct thing {
    char name[16];
    bool in;
    unsigned walked;
};

static struct bytes name_of(const void *thing)
{
    return bytes_of(((const struct thing *)thing)->name);
}

static void check_all(const struct map *m, struct thing *things, size_t count)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        void *found = map_get(m, name_of(&things[i]));
        CHECK(things[i].name, found == (things[i].in ? &things[i] : NULL));
        used += things[i].in;
        things[i].walked = 0;
    }
    assert_int_equal(m->used, used);
    size_t at = 0;
    for (struct thing *t; (t = map_next(m, &at));)
        t->walked++;
    for (size_t i = 0; i < count; i++)
        CHECK(things[i].name, things[i].walked == things[i].in);
}

static void agrees_with_a_plain_table(void **state)
{
    (void)state;
    static struct thing things[THINGS];
    uint64_t seed = dice_seed();
    struct map m;
    map_init(&m, name_of, dice(&seed));
    for (size_t i = 0; i < THINGS; i++)
        snprintf(things[i].name, sizeof things[i].name, "user:%zu", i);
    check_all(&m, things, THINGS);
    /* Mostly filling, then mostly emptying, then level: growing and closing holes alike. */
    static const unsigned chance_in[] = {70, 30, 50};
    for (unsigned turn = 0; turn < 60000; turn++) {
        struct thing *t = &things[dice_below(&seed, THINGS)];
        bool want = dice_below(&seed, 100) < chance_in[turn / 20000];
        if (t->in && !want)
            map_remove(&m, t);
        else if (!t->in && want)
            map_put(&m, t);
        t->in = want;
        if (turn % 1000 == 0)
            check_all(&m, things, THINGS);
    }
    check_all(&m, things, THINGS);
    for (size_t i = 0; i < THINGS; i++)
        if (things[i].in)
            map_remove(&m, &things[i]);
    assert_int_equal(m.used, 0);
    assert_null(map_get(&m, BYTES("user:1")));
    map_fini(&m);
}

/* Few slots, so that runs go around the end of the table all the time. */
static void closes_holes_around_the_end(void **state)
{
    (void)state;
    uint64_t seed = dice_seed();
    for (unsigned round = 0; round < 2000; round++) {
        struct thing things[10] = {0};
        struct map m;
        map_init(&m, name_of, dice(&seed));
        for (size_t i = 0; i < 10; i++) {
            snprintf(things[i].name, sizeof things[i].name, "%zu", i);
            map_put(&m, &things[i]);
            things[i].in = true;
        }
        assert_int_equal(m.cap, 16);
        for (unsigned turn = 0; turn < 10; turn++) {
            struct thing *t = &things[dice_below(&seed, 10)];
            if (t->in)
                map_remove(&m, t);
            else
                map_put(&m, t);
            t->in = !t->in;
            check_all(&m, things, 10);
        }
        map_fini(&m);
    }
}

static void matches_whole_names(void **state)
{
    (void)state;
    struct thing a = {.name = "room:7"}, b = {.name = "room:70"}, c = {.name = ""};
    struct map m;
    map_init(&m, name_of, 0);
    assert_null(map_get(&m, BYTES("room:7")));
    map_put(&m, &b);
    assert_null(map_get(&m, BYTES("room:7")));
    map_put(&m, &a);
    map_put(&m, &c);
    assert_ptr_equal(map_get(&m, BYTES("room:7")), &a);
    assert_ptr_equal(map_get(&m, BYTES("room:70")), &b);
    assert_ptr_equal(map_get(&m, BYTES("")), &c);
    map_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_plain_table),
        cmocka_unit_test(closes_holes_around_the_end),
        cmocka_unit_test(matches_whole_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
