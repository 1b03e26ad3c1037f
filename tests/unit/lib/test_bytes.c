/* SPDX-License-Identifier: Apache-2.0 */
/* buf, arena, frame: what they hold, what they refuse whole, who owns what. */
#include "tests/unit/edge.h"

#include "lib/arena.h"
#include "lib/frame.h"

#include <pthread.h>

static void buf_appends(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    buf_text(&b, "a");
    buf_byte(&b, 'b');
    buf_add(&b, "cd", 2);
    buf_bytes(&b, BYTES("e"));
    buf_bytes(&b, (struct bytes){0});
    buf_u64(&b, 0);
    buf_u64(&b, UINT64_MAX);
    buf_format(&b, "<%d %s>", 7, "x");
    assert_bytes("all", buf_all(&b), BYTES("abcde018446744073709551615<7 x>"));
    buf_cut(&b, 5);
    assert_bytes("cut", buf_all(&b), BYTES("abcde"));
    buf_reset(&b);
    assert_int_equal(b.n, 0);
    assert_non_null(b.p); /* the memory stays */
    buf_fini(&b);
    assert_null(b.p);
}

/* Each way to write fills to the last byte, and what is one too long is dropped whole. */
static void buf_drops_whole_what_does_not_fit(void **state)
{
    (void)state;
    for (size_t max = 0; max < 600; max++) {
        struct buf b;
        buf_init(&b, max);
        for (size_t i = 0; i < max; i++)
            buf_byte(&b, 'x');
        assert_int_equal(b.n, max);
        assert_false(b.overflowed);
        buf_byte(&b, 'y');
        assert_true(b.overflowed);
        assert_int_equal(b.n, max);
        buf_fini(&b);
    }
    struct buf b;
    buf_init(&b, 5);
    buf_format(&b, "%s", "12345");
    assert_bytes("format fills", buf_all(&b), BYTES("12345"));
    assert_false(b.overflowed);
    buf_cut(&b, 1);
    buf_text(&b, "abcde");
    assert_true(b.overflowed);
    buf_text(&b, "a"); /* would fit, but the chain is broken */
    assert_bytes("after the overflow nothing", buf_all(&b), BYTES("1"));
    buf_cut(&b, 1);
    assert_false(b.overflowed);
    buf_format(&b, "%s", "abcde");
    assert_bytes("format drops whole", buf_all(&b), BYTES("1"));
    buf_reset(&b);
    buf_u64(&b, 123456);
    assert_int_equal(b.n, 0);
    assert_true(b.overflowed);
    buf_fini(&b);
}

static void buf_grows_to_its_most(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    char chunk[1000];
    memset(chunk, 'z', sizeof chunk);
    while (!b.overflowed)
        buf_add(&b, chunk, sizeof chunk);
    assert_int_equal(b.n, (1 << 20) / 1000 * 1000);
    assert_true(b.cap <= b.max + 1);
    buf_fini(&b);
}

/* It never takes the caller's memory for its own. */
static void buf_over_memory_of_the_callers(void **state)
{
    (void)state;
    char room[8];
    for (size_t n = 0; n <= sizeof room; n++) {
        struct buf b = {.p = room, .cap = sizeof room, .max = sizeof room};
        for (size_t i = 0; i < n; i++)
            buf_byte(&b, 'x');
        assert_ptr_equal(b.p, room);
        assert_int_equal(b.overflowed, n == sizeof room); /* a NUL has its place */
        buf_reset(&b);
        buf_format(&b, "%.*s", (int)n, "12345678");
        assert_ptr_equal(b.p, room);
        assert_int_equal(b.overflowed, n == sizeof room);
    }
}

static void bytes_compare(void **state)
{
    (void)state;
    assert_true(bytes_equal((struct bytes){0}, BYTES("")));
    assert_true(bytes_equal(BYTES("a\0b"), BYTES("a\0b")));
    assert_false(bytes_equal(BYTES("a\0b"), BYTES("a\0c")));
    assert_false(bytes_equal(BYTES("ab"), BYTES("abc")));
    assert_true(bytes_is(BYTES("room:7"), "room:7"));
    assert_false(bytes_is(BYTES("room:7"), "room:70"));
}

static void arena_hands_out_and_takes_back(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 64);
    char *one = arena_alloc(&a, 1), *two = arena_alloc(&a, 17);
    assert_true(two - one == 16); /* aligned */
    assert_int_equal((uintptr_t)one % 16, 0);
    assert_non_null(arena_alloc(&a, 16)); /* to the last byte: 16 + 32 + 16 */
    assert_false(a.overflowed);
    assert_null(arena_alloc(&a, 1));
    assert_true(a.overflowed);
    assert_null(arena_alloc(&a, 0)); /* the chain is broken */
    arena_reset(&a);
    assert_false(a.overflowed);
    assert_null(arena_alloc(&a, SIZE_MAX));
    arena_reset(&a);
    assert_string_equal(arena_text(&a, BYTES("abc")), "abc");
    assert_string_equal(arena_text(&a, (struct bytes){0}), "");
    arena_reset(&a);
    assert_non_null(arena_text(&a, (struct bytes){"0123456789012345678901234567890"
                                                  "01234567890123456789012345678901",
                                                  63}));
    assert_null(arena_text(&a, BYTES("")));
    arena_fini(&a);
}

static void frame_is_shared(void **state)
{
    (void)state;
    struct frame *f = frame_copy(BYTES("hello"));
    struct frame *again = frame_ref(f);
    assert_ptr_equal(f, again);
    frame_unref(&f);
    assert_null(f);
    assert_bytes("still there", (struct bytes){again->p, again->n}, BYTES("hello"));
    frame_unref(&again);
    frame_unref(&again); /* NULL is fine */
    struct frame *empty = frame_copy((struct bytes){0});
    assert_int_equal(empty->n, 0);
    frame_unref(&empty);
}

static void *ref_and_unref(void *arg)
{
    for (int i = 0; i < 100000; i++) {
        struct frame *mine = frame_ref(arg);
        frame_unref(&mine);
    }
    return NULL;
}

static void frame_is_counted_across_threads(void **state)
{
    (void)state;
    struct frame *f = frame_copy(BYTES("x"));
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ref_and_unref, f), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(f->owners, 1);
    frame_unref(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_appends),
        cmocka_unit_test(buf_drops_whole_what_does_not_fit),
        cmocka_unit_test(buf_grows_to_its_most),
        cmocka_unit_test(buf_over_memory_of_the_callers),
        cmocka_unit_test(bytes_compare),
        cmocka_unit_test(arena_hands_out_and_takes_back),
        cmocka_unit_test(frame_is_shared),
        cmocka_unit_test(frame_is_counted_across_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
